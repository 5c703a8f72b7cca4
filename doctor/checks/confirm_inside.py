"""Runs inside the patient's interpreter (3.8 or newer), given by ``-c``: import one entry and write down what happened.

Arguments: a file with the question (JSON), the file for the answer. Nothing of the doctor is imported here, and nothing
of the patient but what the entry itself imports. Of a program only the import statements are run, never the program.
"""

# ruff: noqa: PTH104, PTH120, PTH123, BLE001, PLC0415, S102

from __future__ import annotations

import ast
import importlib
import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_MOST_EXCEPTIONS = 10
_MOST_FRAMES = 300
_MOST_TEXT = 2000


def _limit(question: dict[str, Any]) -> None:
    """Bounds for what the import may take; the parent holds it to wall time."""
    import resource

    for name, value in (
        ("RLIMIT_DATA", question["memory"]),
        ("RLIMIT_CPU", question["seconds"]),
        ("RLIMIT_CORE", 0),
    ):
        try:
            hard = resource.getrlimit(getattr(resource, name))[1]
            soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(getattr(resource, name), (soft, hard))
        except (OSError, ValueError, AttributeError):
            pass


def _frames(error: BaseException) -> list[list[Any]]:
    found: list[list[Any]] = []
    trace = error.__traceback__
    while trace is not None:
        found.append([trace.tb_frame.f_code.co_filename, trace.tb_lineno])
        trace = trace.tb_next
    found = [frame for frame in found if not frame[0].startswith("<frozen ")][-_MOST_FRAMES:]
    if isinstance(error, SyntaxError) and error.filename:
        found.append([str(error.filename), error.lineno or 0])
    return found


def _told(error: BaseException | None) -> list[dict[str, Any]]:
    """The exception and those behind it, the outermost first."""
    found: list[dict[str, Any]] = []
    while error is not None and len(found) < _MOST_EXCEPTIONS:
        try:
            text = str(error)[:_MOST_TEXT]
        except BaseException:
            text = ""
        found.append({"type": type(error).__name__, "message": text, "frames": _frames(error)})
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def _outside_of_functions(node: ast.AST) -> Iterator[ast.stmt]:
    """Import statements that running a module would come to."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child
        elif not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from _outside_of_functions(child)


def _of_program(question: dict[str, Any]) -> tuple[list[list[dict[str, Any]]], list[int]]:
    """What the program's import statements raise, one after another, and the lines that they stand on."""
    failures: list[list[dict[str, Any]]] = []
    lines: list[int] = []
    path = question["program"]
    sys.path.insert(0, os.path.dirname(path))
    names = {"__name__": "__main__", "__file__": path}
    try:
        tree = ast.parse(question["source"], path)
    except (SyntaxError, ValueError) as error:
        return [_told(error)], lines
    for node in _outside_of_functions(tree):
        lines.append(node.lineno)
        try:
            exec(compile(ast.Module(body=[node], type_ignores=[]), path, "exec"), names)
        except BaseException as error:
            failures.append(_told(error))
    return failures, lines


def main() -> None:
    """Read the question, import, write the answer, and end at once: threads that were started do not count."""
    with open(sys.argv[1], encoding="utf-8") as stream:
        question = json.load(stream)
    answer = sys.argv[2]
    sys.argv[1:] = []
    _limit(question)
    failures: list[list[dict[str, Any]]] = []
    lines: list[int] = []
    if question.get("program"):
        failures, lines = _of_program(question)
    else:
        try:
            importlib.import_module(question["entry"])
        except BaseException as error:
            failures.append(_told(error))
    with open(answer + ".part", "w", encoding="ascii") as stream:
        json.dump({"failures": failures, "lines": lines}, stream)
    os.rename(answer + ".part", answer)
    os._exit(0)


if __name__ == "__main__":
    main()
