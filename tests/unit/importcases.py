"""Small programs for the abstract importer, and what a real interpreter says of them.

``imports/cases/*.txt`` holds the programs: ``== title``, then files, each after ``-- path`` (``-- +path`` is in a second
directory of ``sys.path``). What is right is written nowhere: the interpreter is asked, by really importing ``main``.
"""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CASES = Path(__file__).parent / "imports" / "cases"

# Forks for each case, so that one start of the interpreter is enough; loads nothing that a plain start would not.
_ORACLE = r"""
import os, sys
for line in sys.stdin.read().splitlines():
    folder, module = line.split("\t")
    sys.stdout.flush()
    child = os.fork()
    if not child:
        told = os.dup(1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.path[:1] = [folder + "/first", folder + "/second"]
        answer = ("ok", "", ())
        try:
            __import__(module)
        except BaseException as error:
            places, one = [], error
            while one:
                path, number, trace = "", 0, one.__traceback__
                while trace:
                    if trace.tb_frame.f_code.co_filename.startswith(folder):
                        path, number = trace.tb_frame.f_code.co_filename, trace.tb_lineno
                    trace = trace.tb_next
                if isinstance(one, SyntaxError) and (one.filename or "").startswith(folder):
                    path, number = one.filename, one.lineno or 0
                if path:  # else an exception that never left the standard library
                    places.append((type(one).__name__, path[len(folder) + 1 :], number))
                one = one.__cause__ or one.__context__
            answer = ("fails", type(error).__name__, tuple(places))
        os.write(told, (repr((folder, *answer)) + "\n").encode())
        os._exit(0)
    os.waitpid(child, 0)
"""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What importing did: the class of the exception that the user sees, and (class, path, line) of it and of those behind it."""

    outcome: str
    exception: str = ""
    places: tuple[tuple[str, str, int], ...] = ()

    def agrees_with(self, real: Outcome) -> bool:
        """The same end; and the one place that is named here is one of the real exception's chain."""
        return (self.outcome, self.exception) == (real.outcome, real.exception) and set(self.places) <= set(real.places)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One program."""

    title: str
    files: dict[str, str]

    def write(self, folder: Path) -> Path:
        """Its files below ``folder``/first and ``folder``/second."""
        for name in ("first", "second"):
            (folder / name).mkdir(parents=True)
        for name, text in self.files.items():
            path = folder / ("second" if name.startswith("+") else "first") / name.removeprefix("+")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return folder


def read_cases(texts: Iterable[str]) -> list[Case]:
    """The programs of some files in the format above."""
    found = []
    for text in texts:
        for block in text.split("\n== "):
            title, _, rest = block.removeprefix("== ").partition("\n")
            files = {}
            for part in ("\n" + rest).split("\n-- ")[1:]:
                name, _, source = part.partition("\n")
                files[name.strip()] = source.rstrip("\n") + "\n" if source.strip() else ""
            found.append(Case(title=title.strip(), files=files))
    return found


def all_cases() -> list[Case]:
    """The committed ones."""
    return read_cases(path.read_text("utf-8") for path in sorted(CASES.glob("*.txt")))


def really_import(python: Path, folders: Iterable[Path], module: str = "main") -> dict[Path, Outcome]:
    """What the interpreter does when it imports the module in each folder."""
    lines = "".join(f"{folder}\t{module}\n" for folder in folders)
    command = [str(python), "-E", "-s", "-B", "-W", "ignore", "-c", _ORACLE]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, timeout=120)
    answers = {}
    for line in done.stdout.splitlines():
        folder, outcome, exception, places = ast.literal_eval(line)
        answers[Path(folder)] = Outcome(outcome=outcome, exception=exception, places=places)
    return answers
