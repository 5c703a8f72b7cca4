"""Makes the failures of the seventh and eighth set of tickets once more: python -m tests.real.tickets_made FOLDER [ID ...].

Each row of ``tickets_made.jsonl`` is installed into an environment of its own below FOLDER (``install`` with what it requires,
then ``over`` without), ``code`` is run, and has to fail; then ``drop`` is removed, ``cure`` installed, and it has to work, or to fail
by what ``cured`` says (a server that is not there). Needs uv on PATH and the package index; some forty minutes.
"numpy2.pkl" is an array pickled with NumPy 2.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROWS = Path(__file__).with_suffix(".jsonl")
PICKLE = "import numpy, pickle; pickle.dump(numpy.arange(3), open('numpy2.pkl', 'wb'), protocol=4)"


def run(*command: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        stdin=subprocess.DEVNULL,
    )


class Place:
    """An environment and a project beside it."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.python, self.project = folder / "venv/bin/python", folder / "project"
        self.project.mkdir(parents=True)
        run("uv", "venv", "-q", "--python", sys.executable, folder / "venv")

    def pip(self, *arguments: str) -> str:
        done = run("uv", "pip", arguments[0], "-q", "--python", self.python, *arguments[1:])
        return done.stderr[-300:] if done.returncode else ""

    def fails(self, code: str) -> str:
        (self.project / "main.py").write_text(code)
        done = run(self.python, "main.py", cwd=self.project)
        return (done.stdout + done.stderr).strip() if done.returncode else ""


def verdict(row: dict, folder: Path) -> str:
    place = Place(folder)
    if "numpy2.pkl" in row["code"]:
        place.pip("install", "numpy>=2")
        run(place.python, "-c", PICKLE, cwd=place.project)
    problem = place.pip("install", *row["install"])
    if row["over"]:
        problem = problem or place.pip("install", "--no-deps", *row["over"])
    failure = place.fails(row["code"])
    if problem or not failure:
        return f"not made: {problem or 'it works'}"
    if not row["cure"]:
        return f"fails: {failure.splitlines()[-1][:100]}"
    if row["drop"]:
        place.pip("uninstall", *row["drop"])
    problem = place.pip("install", *row["cure"])
    after = place.fails(row["code"])
    works = not problem and (not after or bool(row["cured"] and re.search(row["cured"], after)))
    return f"{'cured' if works else 'NOT cured'}: {failure.splitlines()[-1][:100]}"


def main() -> None:
    folder, wanted = Path(sys.argv[1]).resolve(), set(sys.argv[2:])
    for row in map(json.loads, ROWS.read_text().splitlines()):
        if not wanted or row["id"] in wanted:
            print(row["id"], verdict(row, folder / "one"), flush=True)
    shutil.rmtree(folder / "one", ignore_errors=True)


if __name__ == "__main__":
    main()
