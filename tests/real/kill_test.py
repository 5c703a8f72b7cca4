"""Kill and fail a real ``acdoctor fix --apply`` at many points: every environment must be as before or as after.

    python tests/real/kill_test.py [--points 60] [--faults 60] [--random 20] [--wheels rich,networkx] [--work DIR]

Builds a venv from real wheels (asks the package index), damages it, makes the plan once with the real search, then
carries it out again and again in a forked child that dies by SIGKILL before its Nth operation on the disk, or meets
ENOSPC, EACCES or EIO there (once, or from there on); and it kills the command itself at random times. After each,
one more command may recover. Prints one line for each kind; exits 1 when any state is neither before nor after.
"""

import argparse
import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1] / "unit")]

import repairpatient as patient

from doctor.checks.examine import Options
from doctor.index.index import open_index
from doctor.planned.layout import Made
from doctor.repair.apply import carry_out
from doctor.repair.fingerprint import fingerprint
from doctor.repair.fix import Wish, propose
from doctor.repair.transaction import recover


def build(venv: Path, wheels: list[str]) -> None:
    """A venv with real wheels, one module of each of the named distributions deleted."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    uv = shutil.which("uv")
    python = str(venv / "bin/python")
    command = (
        [uv, "pip", "install", "-q", "--python", python]
        if uv
        else [sys.executable, "-m", "pip", "--python", python, "install"]
    )
    subprocess.run([*command, *wheels], check=True)
    site = next(venv.glob("lib/python*/site-packages"))
    for name in wheels:
        package = site / name.partition("==")[0].replace("-", "_")
        next(p for p in sorted(package.rglob("*.py")) if p.stat().st_size > 1500).unlink()


class Field:
    """The environment, put back to its damaged state for every shot."""

    def __init__(self, work: Path, wheels: list[str]) -> None:
        self.venv, self.kept = work / "my venv ü", work / "kept"
        build(self.venv, wheels)
        subprocess.run(["cp", "-a", str(self.venv), str(self.kept)], check=True)
        self.proposal = propose(
            str(self.venv), Options(stack="none"), Wish(), lambda e: open_index(e.path), lambda _text: None
        )
        if self.proposal.plan.empty:
            sys.exit("no plan for the damaged environment: nothing to kill")
        self.load()
        self.before = patient.state(self.kept)
        self.reset()
        self.apply()
        self.after = timeless(patient.state(self.venv))
        self.reset()

    def load(self) -> None:
        """Read the wheels now: forked children would share, and spoil, the position in the open file."""
        scene, target = self.proposal.scene, self.proposal.found.target
        after = scene.after(target)
        placed = {path: Made(member.read(), member.executable) for path, member in after.placed.items()}
        scene._afters[target.key] = replace(after, placed=placed)

    def reset(self) -> None:
        """As it was, under the same path and with the same times (its files are the kept ones, byte for byte)."""
        shutil.rmtree(self.venv, ignore_errors=True)
        subprocess.run(["cp", "-a", str(self.kept), str(self.venv)], check=True)

    def apply(self) -> None:
        """What the command does once it has its plan; times of the copy are new to its fingerprint."""
        carry_out(replace(self.proposal, seen=fingerprint(self.proposal.environment)), Wish())

    def verdict(self) -> str:
        """``before``, ``after`` or what differs."""
        recover(str(self.venv))
        now = patient.state(self.venv)
        if now == self.before:
            return "before"
        if timeless(now) == self.after:
            return "after"
        names = {*now, *self.before}
        return "NEITHER: " + ", ".join(sorted(n for n in names if now.get(n) != self.before.get(n))[:5])


def timeless(found: dict) -> dict:
    """Without times, and without the records of who did it when."""
    return {name: (kind, mode, body) for name, (kind, mode, _, body) in found.items()}


def spread(total: int, points: int) -> list[int]:
    """Numbers from 1 to total, evenly, both ends included."""
    return sorted({1 + round(i * (total - 1) / max(points - 1, 1)) for i in range(points)})


def shoot(field: Field, numbers: list[int], act) -> dict[str, int]:
    """One child for each number; how often each verdict came."""
    found: dict[str, int] = {}
    for number in numbers:
        field.reset()
        code = patient.run_child(field.apply, patient.counting(field.venv, lambda count, n=number: act(count, n)))
        verdict = field.verdict() if code != 98 else "TRACEBACK"
        found[verdict] = found.get(verdict, 0) + 1
        if verdict not in ("before", "after"):
            print(f"  at operation {number}: {verdict}")
    return found


def at_random(field: Field, count: int) -> dict[str, int]:
    """The whole command, killed at any time of its life."""
    command = [sys.executable, "-m", "doctor", "fix", str(field.venv), "--apply", "--yes"]
    environ = {**os.environ, "PYTHONPATH": str(HERE.parents[2])}
    field.reset()
    started = time.monotonic()
    subprocess.run(command, env=environ, capture_output=True, check=False)
    whole = time.monotonic() - started
    found: dict[str, int] = {}
    for _ in range(count):
        field.reset()
        process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=random.uniform(0.3, 1.0) * whole)
        except subprocess.TimeoutExpired:
            process.send_signal(random.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
            process.wait()
        verdict = field.verdict()
        found[verdict] = found.get(verdict, 0) + 1
    return found


CALLS = "rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,utimensat,chmod,fchmodat,fsync,write"
"""System calls that change the disk, as strace names them."""


def by_system_call(field: Field, points: int) -> dict[str, int]:
    """The whole command under strace, killed at its Nth system call that changes the disk."""
    command = [sys.executable, "-B", "-m", "doctor", "fix", str(field.venv), "--apply", "--yes"]
    environ = {**os.environ, "PYTHONPATH": str(HERE.parents[2])}
    log = field.kept.parent / "calls"
    field.reset()
    tracing = ["strace", "-f", "-qq", "-s", "400", "-o", str(log), "-e", f"trace={CALLS}"]
    subprocess.run([*tracing, *command], env=environ, capture_output=True, check=False)
    lines = log.read_text(errors="replace").splitlines()
    # strace counts for each process by itself: the doctor is the one that ends last
    own = [line for line in lines if line.split()[0] == lines[-1].split()[0]]
    first = next((i for i, line in enumerate(own) if "/.acdoctor" in line), 0)
    found: dict[str, int] = {}
    for number in spread(len(own) - first, points):
        field.reset()
        inject = ["-e", f"inject={CALLS}:signal=SIGKILL:when={first + number}"]
        subprocess.run([*tracing, *inject, *command], env=environ, capture_output=True, check=False)
        verdict = field.verdict()
        found[verdict] = found.get(verdict, 0) + 1
        if verdict not in ("before", "after"):
            print(f"  at system call {first + number}: {verdict}")
    return found


def kill(count: int, number: int) -> None:
    if count == number:
        os.kill(os.getpid(), signal.SIGKILL)


def fault(code: int, *, lasting: bool):
    def act(count: int, number: int) -> None:
        if count == number or (lasting and count > number):
            raise OSError(code, os.strerror(code), "somewhere")

    return act


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=60)
    parser.add_argument("--faults", type=int, default=60, help="points for each of the three errors, once and lasting")
    parser.add_argument("--calls", type=int, default=60, help="points by system call, where strace is")
    parser.add_argument("--random", type=int, default=20)
    parser.add_argument("--wheels", default="idna,markdown,click")
    parser.add_argument("--work", default=None)
    args = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(dir=args.work) as work:
        field = Field(Path(work), args.wheels.split(","))
        total = patient.count_operations(field.venv, field.apply)
        print(f"{total} operations on the disk in one transaction")
        shots = [("SIGKILL", args.points, kill)]
        for code in (errno.ENOSPC, errno.EACCES, errno.EIO):
            for lasting in (False, True):
                name = errno.errorcode[code] + (" lasting" if lasting else " once")
                shots.append((name, args.faults // 2, fault(code, lasting=lasting)))
        for name, points, act in shots:
            found = shoot(field, spread(total, points), act)
            bad += sum(n for verdict, n in found.items() if verdict not in ("before", "after"))
            print(f"{name:16s} {found}", flush=True)
        if shutil.which("strace"):
            found = by_system_call(field, args.calls)
            bad += sum(n for verdict, n in found.items() if verdict not in ("before", "after"))
            print(f"{'by system call':16s} {found}", flush=True)
        found = at_random(field, args.random)
        bad += sum(n for verdict, n in found.items() if verdict not in ("before", "after"))
        print(f"{'at random times':16s} {found}")
    print("all environments are as before or as after" if not bad else f"{bad} environments are neither")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
