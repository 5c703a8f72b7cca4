"""Static import contracts against really importing, in one run: ``python tests/bench/contracts.py VENV MODULE...``.

The venv's own interpreter imports the modules in one process, with and without byte code; ``acdoctor check`` follows the
same entries cold (nothing is remembered), with ``--fresh`` (the summaries of all files are), warm (what other environments
with these packages were asked is, too, but nothing of this one as a whole), and when nothing has changed since the last
time. CPU time with all that is started, user and system, median of runs that take turns; the largest resident
memory of any process. Each module should import: what breaks early is imported quickly. Nothing is written into VENV.

``--rivals FOLDER``: a folder with ``ty`` and ``pyrefly`` in its ``bin`` (``pip install ty pyrefly``): what they take for
the packages of the entries, once each, and how many alarms they give; with ``--whole`` for all of site-packages.

As in tests/real/RESULTS.md, with an environment that tests/real/r260.py made and a torch that imports on this machine:

    python tests/bench/contracts.py VENV cerebras.modelzoo.cli.main cerebras.modelzoo.trainer.validate \\
        cerebras.modelzoo.trainer.extensions --rivals FOLDER
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import console_script

LIMITS = {"check, cold": 1.5, "check, warm": 0.3, "check, unchanged": 0.05}
MEMORY_MB = 600
BASES = ("import, no byte code", "import, byte code")
ENDS = (0, 1)  # with findings or without

_IMPORT = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception as error:
        print(f"{name}: {error!r}", file=sys.stderr)
        sys.exit(3)
"""


@dataclass(frozen=True)
class Took:
    """CPU seconds and resident MB of a command with all that it started, and what it said."""

    seconds: float
    memory: float
    said: str
    code: int


def main() -> int:
    """Print the table; 1 when a limit (a multiple of importing without byte code) is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("venv", type=Path)
    parser.add_argument("modules", nargs="+", metavar="MODULE")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rivals", type=Path, metavar="FOLDER")
    parser.add_argument("--whole", action="store_true", help="rivals look at all of site-packages, too")
    options = parser.parse_args()
    venv = options.venv.absolute()
    with tempfile.TemporaryDirectory() as folder:
        medians, fails = measured(Path(folder), venv, options.modules, options.runs)
    print(
        f"{len(options.modules)} entries, {count(venv)} distributions, median of {options.runs}, load {os.getloadavg()[0]:.1f}"
    )
    if fails:
        print(f"NOT ALL OF THEM IMPORT, so these times are too short: {fails}")
    over = show(medians)
    if options.rivals:
        rivals(options.rivals.absolute(), venv, options.modules, whole=options.whole)
    return over


def measured(folder: Path, venv: Path, modules: Sequence[str], runs: int) -> tuple[dict[str, Took], str]:
    """The median of each command, and what kept the entries from being imported ('' when they all are)."""
    python = [str(venv / "bin" / "python"), "-c", _IMPORT, *modules]
    entries = [option for module in modules for option in ("--entry", module)]
    check = [console_script(), "check", str(venv), "--format", "json", *entries]
    kept, lost = f"XDG_CACHE_HOME={folder / 'kept'}", folder / "lost"
    commands = {
        # byte code is looked for in a folder of its own: what is or is not in the environment does not count
        "import, no byte code": ["env", "PYTHONDONTWRITEBYTECODE=1", f"PYTHONPYCACHEPREFIX={folder / 'none'}", *python],
        "import, byte code": [
            *("env", "-u", "PYTHONDONTWRITEBYTECODE", f"PYTHONPYCACHEPREFIX={folder / 'code'}"),
            *python,
        ],
        "check, cold": ["sh", "-c", 'rm -rf "$0" && XDG_CACHE_HOME="$0" exec "$@"', str(lost), *check],
        "check, --fresh": ["env", kept, *check, "--fresh"],
        "check, warm": [
            "sh",
            "-c",
            'rm -rf "$0"/acdoctor/verdicts && XDG_CACHE_HOME="$0" exec "$@"',
            str(folder / "kept"),
            *check,
        ],
        "check, unchanged": ["env", kept, *check],
    }
    fails = next((t.said.strip() for n, c in commands.items() if (t := took(c)).code not in ENDS and n in BASES), "")
    took(commands["check, unchanged"])  # now it is kept
    times: dict[str, list[Took]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            times[name].append(took(command))
            if name not in BASES and times[name][-1].code not in ENDS:
                sys.exit(f"{' '.join(command)} ended with {times[name][-1].code}: {times[name][-1].said}")
    return {name: median(values) for name, values in times.items()}, fails


def median(values: Sequence[Took]) -> Took:
    """Median time, largest memory."""
    seconds = statistics.median(took.seconds for took in values)
    return Took(seconds, max(took.memory for took in values), values[-1].said, values[-1].code)


def took(command: Sequence[str], *, out: bool = False) -> Took:
    """Run a command; ``said`` is its standard error, or with ``out`` its output."""
    with tempfile.TemporaryFile() as said:
        streams = {"stdout": said if out else subprocess.DEVNULL, "stderr": subprocess.DEVNULL if out else said}
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd="/", **streams)
        _pid, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode("utf-8", "replace")
    return Took(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, text, process.returncode)


def show(medians: Mapping[str, Took]) -> int:
    """One row for each command: time, memory, and the time as a multiple of importing."""
    over = 0
    print(f"{'':<24}{'CPU s':>9}{'MB':>7}   x without   x with byte code")
    for name, took in medians.items():
        ratios = [took.seconds / medians[base].seconds for base in BASES]
        limit = LIMITS.get(name)
        verdict = ""
        if limit is not None:
            words = ["ok" if ratio <= limit else "OVER" for ratio in ratios]
            verdict = f"   at most {limit:g}: {words[0]} / {words[1]}"
            over |= ratios[0] > limit
        print(f"{name:<24}{took.seconds:9.2f}{took.memory:7.0f}{ratios[0]:12.3f}{ratios[1]:12.3f}{verdict}")
    memory = medians["check, cold"].memory
    print(f"memory, cold: {memory:.0f} MB, at most {MEMORY_MB}: {'ok' if memory <= MEMORY_MB else 'OVER'}")
    return int(over or memory > MEMORY_MB)


def count(venv: Path) -> int:
    """Distributions that are installed there."""
    return len(list(venv.glob("lib/python*/site-packages/*.dist-info")))


def rivals(tools: Path, venv: Path, modules: Sequence[str], *, whole: bool) -> None:
    """Two type checkers over the packages of the entries, or everything: time and alarms."""
    (site,) = venv.glob("lib/python*/site-packages")
    roots = sorted({module.partition(".")[0] for module in modules})
    places = {"the entries' packages": [str(site / root) for root in roots if (site / root).exists()]}
    if whole:
        places["site-packages"] = [str(site)]
    for where, paths in places.items():
        if not paths:
            print(f"{where}: not below {site}")
            continue
        commands = {
            "ty": ["ty", "check", "--python", str(venv), "--output-format", "concise", "--no-respect-ignore-files"],
            "pyrefly": [
                "pyrefly", "check", "--output-format", "min-text", "--python-interpreter-path",
                str(venv / "bin" / "python"), "--disable-project-excludes-heuristics=true",
                "--project-excludes", "**/__pycache__/**",
            ],
        }  # fmt: skip
        for name, (tool, *arguments) in commands.items():
            done = took([str(tools / "bin" / tool), *arguments, *paths], out=True)
            rules = re.findall(r"^.*\[([a-z][a-z-]+)\].*$", done.said, re.MULTILINE)
            imports = sum("import" in rule and "type" not in rule for rule in rules)
            print(
                f"{name + ', ' + where:<34}{done.seconds:9.2f} CPU s{done.memory:7.0f} MB"
                f"{len(rules):8} alarms, {imports} of them about imports"
            )


if __name__ == "__main__":
    sys.exit(main())
