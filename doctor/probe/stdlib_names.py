"""What the patient's standard-library modules have: they are imported in its interpreter, and nothing else is.

Types of other interpreters cannot be told from ours, and much of the standard library is compiled. So this one thing
is asked by running: with ``-I -S``, in a fork for each module, standard modules only.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from posixpath import isfile, join
from typing import Any

from doctor.model import Interpreter
from doctor.probe.cache import Key, cache_directory, interpreter_key, load, store
from doctor.probe.files import real_path
from doctor.probe.interpreter import INSIDE, ISOLATED, StartFailure, answer, child_environment
from doctor.system import run

_SIDE_EFFECTS = frozenset({"antigravity", "this", "idlelib", "turtledemo", "test", "lib2to3", "__main__"})
"""Importing these opens a browser, prints, opens a window, runs tests or programs, or writes a file (lib2to3)."""

_MOST_AT_ONCE = 500
_OUTPUT_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StdlibNames:
    """``names``: what ``dir()`` says of each module, None where it cannot be imported; ``reasons`` says why not."""

    names: Mapping[str, frozenset[str] | None]
    reasons: Mapping[str, str]


def stdlib_names(
    interpreter: Interpreter, modules: Sequence[str], *, timeout: float = 60.0
) -> Mapping[str, frozenset[str] | None]:
    """Names that each standard-library module has after ``import`` of it alone; None where that fails there.

    A module that is none of the standard library, or that does something when imported (``this``), is left out of
    the answer: nothing is known of it. So is everything when the interpreter does not answer within ``timeout``
    seconds. See ``examine_stdlib`` for the reasons of failures.
    """
    return examine_stdlib(interpreter, modules, timeout=timeout).names


def examine_stdlib(interpreter: Interpreter, modules: Sequence[str], *, timeout: float = 60.0) -> StdlibNames:
    """As ``stdlib_names``, with the reason of each failure (``ModuleNotFoundError: No module named '_sqlite3'``)."""
    wanted = sorted({name for name in modules if is_standard(name, interpreter)})
    directory = cache_directory(os.environ)
    key = _key(interpreter)
    known = load(directory, key) or {}
    missing = [name for name in wanted if not _is_answer(known.get(name))]
    if missing:
        told = _ask(interpreter, missing, timeout)
        if told:
            known = {**known, **told}
            store(directory, key, known, [join(p, "os.py") for p in _libraries(interpreter)])
    return _sorted_out(known, wanted)


def is_standard(name: str, interpreter: Interpreter) -> bool:
    """Whether a dotted name is a standard-library module of the interpreter that may be imported to look at it."""
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts) or _SIDE_EFFECTS & set(parts):
        return False
    return parts[0] in interpreter.stdlib or parts[0] in interpreter.builtins


def _ask(interpreter: Interpreter, modules: Sequence[str], timeout: float) -> dict[str, Any]:
    """One run for all modules; empty when it gives no answer."""
    command = [interpreter.executable, *ISOLATED, INSIDE, "names", *modules[:_MOST_AT_ONCE]]
    environment = child_environment(os.environ)
    completed = run(command, timeout=timeout, env=environment, cwd="/", output_limit=_OUTPUT_LIMIT)
    try:
        told = answer(completed, interpreter.executable, "acdoctor-names:")
    except StartFailure:
        return {}
    return {name: value for name, value in told.items() if _is_answer(value)}


def _is_answer(value: object) -> bool:
    """Whether a value has the form that ``inside.py`` gives it."""
    if not isinstance(value, dict):
        return False
    names, failure = value.get("names"), value.get("failure")
    return isinstance(failure, str) or (isinstance(names, list) and all(isinstance(n, str) for n in names))


def _sorted_out(known: Mapping[str, Any], wanted: Iterable[str]) -> StdlibNames:
    """Split answers into names and reasons."""
    names: dict[str, frozenset[str] | None] = {}
    reasons: dict[str, str] = {}
    for module in wanted:
        if module not in known:
            continue
        told = known[module]
        if "failure" in told:
            names[module] = None
            reasons[module] = told["failure"]
        else:
            names[module] = frozenset(told["names"])
    return StdlibNames(names=names, reasons=reasons)


def _key(interpreter: Interpreter) -> Key:
    """One key for all venvs of one Python: its standard library is what matters, pyvenv.cfg is not."""
    key = interpreter_key(real_path(interpreter.executable), "", os.environ)
    return key and ["names", list(interpreter.stdlib_paths), *key]


def _libraries(interpreter: Interpreter) -> list[str]:
    """Directories of the standard library that hold its Python files."""
    return [p for p in interpreter.stdlib_paths if isfile(join(p, "os.py"))]
