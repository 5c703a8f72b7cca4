"""``acdoctor fix --apply`` where it cannot work: one sentence each, and nothing is lost.

    python -m tests.real.hard_places [--command acdoctor] [--python PYTHON]

A venv with a damaged distribution from the index is put into each hard place: a path with spaces and other letters, a
user without write permission, a read-only mount, a full disk, two doctors at once, a doctor and a pip at once, a pip
that came between. What needs root (another user, mounts) is skipped, and said so, without it. Exit code 1 when a
place shows a traceback, more than a sentence, or an environment that is neither as before nor cured.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1] / "unit"))
import repairpatient as patient

PIN = "click==8.1.7"
DAMAGED = "click/core.py"


class Place:
    """A damaged environment somewhere, and the doctor's command."""

    def __init__(self, made: Path, venv: Path, command: list[str]) -> None:
        shutil.copytree(made, venv, symlinks=True)
        self.venv, self.command = venv, command
        self.before = patient.state(venv)

    @property
    def damaged(self) -> Path:
        """The file that lost its content."""
        return next(self.venv.glob(f"lib/python3*/site-packages/{DAMAGED}"))

    def fix(self, *before: str, **options: object) -> subprocess.CompletedProcess[bytes]:
        """``fix --apply --yes``, perhaps run by another program."""
        return subprocess.run(self.argv(*before), capture_output=True, check=False, env=environ(), **options)  # type: ignore[call-overload]

    def argv(self, *before: str) -> list[str]:
        return [*before, *self.command, "fix", str(self.venv), "--apply", "--yes"]

    def whole(self) -> bool:
        """Cured: the package can be imported."""
        done = subprocess.run(
            [self.venv / "bin/python", "-B", "-c", "import click; click.command"], capture_output=True, check=False
        )
        return done.returncode == 0 and self.damaged.stat().st_size > 0

    def untouched(self) -> bool:
        """Byte for byte as before."""
        return patient.state(self.venv) == self.before


def environ() -> dict[str, str]:
    """Plain output, and no byte code (it would make the environment another one)."""
    return {**os.environ, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def refused(place: Place, done: subprocess.CompletedProcess[bytes]) -> str:
    """'' when it was refused by one sentence and left all as it was."""
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode != 3:
        return f"exit code {done.returncode}: {said or done.stdout.decode(errors='replace')}"
    if "Traceback" in said or "failed:" in said or len(said.splitlines()) != 1:
        return f"not one sentence: {said}"
    return "" if place.untouched() else "the environment was changed"


def cured(place: Place, done: subprocess.CompletedProcess[bytes]) -> str:
    """'' when it was cured."""
    if done.returncode != 0:
        return f"exit code {done.returncode}: {done.stderr.decode(errors='replace')[-300:]}"
    return "" if place.whole() else "it is not cured"


def odd_path(place: Place) -> str:
    return cured(place, place.fix())


def other_user(place: Place) -> str:
    words = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "env", "HOME=/nonexistent"]
    for program in (place.command[0], str(place.venv / "bin/python")):
        if subprocess.run([*words, program, "--version"], capture_output=True, check=False).returncode:
            return f"skipped: other users may not run {program}"
    return refused(place, place.fix(*words))


def read_only(place: Place) -> str:
    script = f'mount --bind {shlex.quote(str(place.venv))} {shlex.quote(str(place.venv))} && mount -o remount,ro,bind {shlex.quote(str(place.venv))} && exec "$@"'
    return refused(place, place.fix("unshare", "-m", "sh", "-c", script, "sh"))


def full_disk(place: Place) -> str:
    """A file system on which nothing is left."""
    with (place.venv.parent / "filler").open("wb") as file:
        try:
            while True:
                file.write(b"\0" * 65536)
                file.flush()
        except OSError:
            pass
    try:
        return refused(place, place.fix())
    finally:
        (place.venv.parent / "filler").unlink()


def two_doctors(place: Place) -> str:
    """Both end; the environment is cured once, and the second says so, or who was there, or what came between."""
    both = [
        subprocess.Popen(place.argv(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ()) for _ in range(2)
    ]
    said = [p.communicate() for p in both]
    codes = sorted(p.returncode for p in both)
    if any(b"Traceback" in err or b"failed:" in err for _, err in said):
        return f"a traceback: {said}"
    if codes[0] != 0 or codes[1] not in (0, 3):
        return f"exit codes {codes}: {said}"
    return "" if place.whole() else "it is not cured"


def doctor_and_pip(place: Place) -> str:
    """Pip installs and removes something else all the time: refused or cured, never in between, and pip's is there."""
    python = str(place.venv / "bin/python")
    pip = [python, "-m", "pip", "install", "-q", "--no-deps", "--disable-pip-version-check", "--force-reinstall", "six"]
    other = subprocess.Popen(["sh", "-c", f"while {shlex.join(pip)}; do :; done"], start_new_session=True)
    try:
        time.sleep(3)
        done = place.fix()
    finally:
        os.killpg(other.pid, 9)
        other.wait()
    said = done.stderr.decode(errors="replace").strip()
    if "Traceback" in said or done.returncode not in (0, 3):
        return f"exit code {done.returncode}: {said}"
    said = "\n".join(line for line in said.splitlines() if not line.startswith("warning: in use by"))
    if done.returncode == 3 and len(said.splitlines()) != 1:
        return f"not one sentence: {said}"
    if done.returncode == 3 and place.damaged.stat().st_size:
        return "refused, yet changed"
    return cured(place, place.fix()) if done.returncode == 3 else "" if place.whole() else "it is not cured"


@contextmanager
def places(work: Path, name: str) -> Iterator[Path]:
    """The folder in which the environment of a place lies."""
    folder = work / name.replace("_", " ")
    folder.mkdir()
    if name != "full_disk":
        yield folder
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def damaged_venv(work: Path, python: str) -> Path:
    """The environment that is copied: pip and one damaged distribution."""
    made = work / "made"
    subprocess.run([python, "-m", "venv", str(made)], check=True)
    pip = [str(made / "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", PIN, "six"]
    subprocess.run(pip, check=True)
    next(made.glob(f"lib/python3*/site-packages/{DAMAGED}")).write_bytes(b"")
    return made


PLACES: dict[str, tuple[Callable[[Place], str], bool]] = {
    "odd_path": (odd_path, False),
    "other_user": (other_user, True),
    "read_only": (read_only, True),
    "full_disk": (full_disk, True),
    "two_doctors": (two_doctors, False),
    "doctor_and_pip": (doctor_and_pip, False),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", default=f"{shlex.quote(sys.executable)} -m doctor")
    parser.add_argument("--python", default=sys.executable, help="what the environments are made with")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="acdoctor-hard-") as text:
        work = Path(text)
        work.chmod(0o755)
        made = damaged_venv(work, options.python)
        for name, (act, root) in PLACES.items():
            if options.only not in name:
                continue
            if root and os.geteuid() != 0:
                print(f"{name:15} skipped: needs root")
                continue
            with places(work, name) as folder:
                place = Place(made, folder / "my ünï venv", shlex.split(options.command))
                said = act(place)
            bad += bool(said) and not said.startswith("skipped")
            print(f"{name:15} {said or 'as it should be'}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
