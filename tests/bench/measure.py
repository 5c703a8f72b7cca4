"""CPU time of commands, as medians and ratios: wall time says little on a shared machine."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

SCRIPTS = Path(sys.executable).parent


def console_script() -> str:
    """The installed ``acdoctor`` of the environment that this runs in."""
    script = SCRIPTS / "acdoctor"
    if not script.exists():
        sys.exit(f"{script} is missing: install the project here first (pip install --editable '.[test]').")
    return str(script)


def cpu_seconds(command: Sequence[str], *, expect: Container[int] = (0,)) -> float:
    """User and system time of one run, with all that it started; it has to end with an expected code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in expect:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{(done.stdout + done.stderr).decode()}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(commands: Mapping[str, Sequence[str]], runs: int, *, expect: Container[int] = (0,)) -> dict[str, float]:
    """Median seconds of each command; the commands take turns, after one run each that does not count."""
    for command in commands.values():
        cpu_seconds(command, expect=expect)
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            times[name].append(cpu_seconds(command, expect=expect))
    return {name: statistics.median(values) for name, values in times.items()}


def show(medians: Mapping[str, float], base: str, limits: Mapping[str, float]) -> int:
    """Print the table; 1 when a command is over its limit (a multiple of the base's time)."""
    over = 0
    for name, seconds in medians.items():
        ratio = seconds / medians[base]
        limit = limits.get(name)
        verdict = "" if limit is None else f"  at most {limit:g}: {'ok' if ratio <= limit else 'OVER'}"
        over |= limit is not None and ratio > limit
        print(f"{name:<36} {seconds * 1000:8.1f} ms CPU   x {ratio:5.2f}{verdict}")
    return int(over)
