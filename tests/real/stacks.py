"""Build the popular stacks of ``stacks/*.txt`` as virtual environments of CPython 3.11.

    python -m tests.real.stacks FOLDER [NAME ...]

Each file holds top-level requirements; a line ``# resolved: DATE`` says on which day ``uv`` resolves them (nothing
uploaded later is seen), a line ``# torch: VERSION`` that this torch is installed by pip first (its CPU build, when
the index has one). Several stacks break by drift: what their authors pinned still resolves, and no longer runs.
What was resolved is written to ``FOLDER/NAME.lock``; with that file there, it is installed again.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path

from doctor.system import run

STACKS = Path(__file__).parent / "stacks"


def header(text: str, key: str) -> str:
    """The value of a ``# key: value`` line ('' when there is none)."""
    match = re.search(rf"^# {key}: *(\S+)", text, re.MULTILINE)
    return match[1] if match else ""


def must(argv: list[str]) -> str:
    """Run a command; raises ``RuntimeError`` with its last words when it fails."""
    done = run(argv, timeout=1800)
    if not done.ok:
        raise RuntimeError(done.failure or done.stderr.decode(errors="replace")[-1500:])
    return done.stdout.decode(errors="replace")


def build(source: Path, venv: Path) -> None:
    """Make the environment of one requirement file anew."""
    text = source.read_text()
    lock = venv.with_name(venv.name + ".lock")
    shutil.rmtree(venv, ignore_errors=True)
    must(["uv", "venv", "-q", "--python", "3.11", str(venv)])
    into = ["--python", str(venv / "bin" / "python")]
    if torch := header(text, "torch"):
        must([sys.executable, "-m", "pip", *into, "install", "-q", "--no-deps", f"torch=={torch}"])
    options = ["-q", "--compile-bytecode", *into]
    if lock.exists():
        must(["uv", "pip", "install", *options, "--no-deps", "-r", str(lock)])
        return
    must(["uv", "pip", "install", *options, "--exclude-newer", header(text, "resolved"), "-r", str(source)])
    frozen = must(["uv", "pip", "freeze", *into])
    lock.write_text("".join(line + "\n" for line in frozen.splitlines() if not line.startswith("torch==")))


def main() -> int:
    """Build the named stacks, or all; exit 1 when one cannot be built."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for source in sorted(STACKS.glob("*.txt")):
        if options.names and source.stem not in options.names:
            continue
        try:
            build(source, (options.folder / source.stem).absolute())
        except RuntimeError as error:
            failed += 1
            print(f"NOT BUILT {source.stem}: {error}", flush=True)
        else:
            print(f"built {source.stem}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
