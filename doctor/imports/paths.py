"""Files and paths that a program asks for at import time: ``open``, ``os.path``, ``pathlib``."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from doctor.imports.failures import Failure, error_class
from doctor.imports.machine import Frame, Handler, Machine
from doctor.imports.values import UNKNOWN, Opaque, Value, lift

_FILE_LIMIT = 300_000


def _open(machine: Machine, args: list[Value], kwargs: dict[str, Value], frame: Frame, line: int) -> Value:
    path = path_text(args[0]) if args else None
    mode = args[1] if len(args) > 1 else kwargs.get("mode", "r")
    if path is None or not isinstance(mode, str) or not mode.startswith("r"):
        return Opaque("external", "file")
    return open_file(machine, path, frame, line)


def open_file(machine: Machine, path: str, frame: Frame, line: int) -> Value:
    """Open a file of the patient for reading; raises FileNotFoundError where a file of its site is missing."""
    inside = any(path.startswith(f"{d}/") for d in machine.finder.path if isinstance(d, str))
    if not inside:
        return Opaque("external", "file")
    if machine.files.facts(path) is None:
        failure = Failure(
            kind="file", exception="FileNotFoundError", message=f"[Errno 2] No such file or directory: {path!r}",
            symbol=path, provider=frame.module.name, module=frame.module.name, path=frame.module.spec.path, line=line,
            provider_path=path,
        )  # fmt: skip
        raise machine.fail(failure, error_class("FileNotFoundError"), frame)
    return Opaque("file", path)


def path_text(value: Value) -> str | None:
    """A known path as text."""
    if isinstance(value, str):
        return value
    return str(value.value) if isinstance(value, Opaque) and value.kind == "path" else None


def _path_function(function: Callable[..., Any]) -> Handler:
    def handler(_m: Machine, args: list[Value], _k: dict[str, Value], _f: Frame, _line: int) -> Value:
        texts = [path_text(a) for a in args]
        if not texts or any(t is None or len(t) > 4000 for t in texts):
            return UNKNOWN
        return lift(function(*texts))

    return handler


def _exists(kind: str) -> Handler:
    def handler(machine: Machine, args: list[Value], _k: dict[str, Value], _f: Frame, _line: int) -> Value:
        path = path_text(args[0]) if args else None
        return UNKNOWN if path is None else path_exists(machine, path, kind)

    return handler


def path_exists(machine: Machine, path: str, kind: str = "") -> Value:
    """``os.path.exists`` / ``isfile`` / ``isdir`` for paths of the patient's site; UNKNOWN elsewhere."""
    if not any(path.startswith(d) for d in machine.finder.path if isinstance(d, str)):
        return UNKNOWN
    facts = machine.files.facts(posixpath.normpath(path))
    return facts is not None and (not kind or facts.kind == kind)


def _path(_m: Machine, args: list[Value], _k: dict[str, Value], _f: Frame, _line: int) -> Value:
    texts = [path_text(a) for a in args]
    if not texts or any(t is None for t in texts):
        return Opaque("external", "pathlib.Path")
    return Opaque("path", PurePosixPath(*[t for t in texts if t is not None]))


def read_file(machine: Machine, path: str) -> Value:
    """The text of a small file of the environment."""
    try:
        data = machine.files.read(path, _FILE_LIMIT)
        return data.decode() if len(data) < _FILE_LIMIT else UNKNOWN
    except (OSError, UnicodeDecodeError):
        return UNKNOWN


def path_method(machine: Machine, path: PurePosixPath, name: str, args: list[Value], frame: Frame) -> Value:
    """A method of a ``pathlib`` path."""
    if name in {"resolve", "absolute", "expanduser"}:
        return Opaque("path", PurePosixPath(posixpath.normpath(path)))
    texts = [path_text(a) for a in args]
    if name == "joinpath" and all(t is not None for t in texts):
        return Opaque("path", path.joinpath(*[t for t in texts if t is not None]))
    if name in {"with_name", "with_suffix"} and len(args) == 1 and isinstance(args[0], str):
        try:
            return Opaque("path", getattr(path, name)(args[0]))
        except ValueError:
            return UNKNOWN
    if name in {"exists", "is_file", "is_dir"}:
        return path_exists(machine, str(path), {"exists": "", "is_file": "file", "is_dir": "dir"}[name])
    if name in {"open", "read_text", "read_bytes"}:
        mode = args[0] if args and name == "open" else "r"
        if not isinstance(mode, str) or not mode.startswith("r"):
            return UNKNOWN
        opened = open_file(machine, str(path), frame, 0)
        return read_file(machine, str(path)) if name == "read_text" and opened.kind == "file" else opened
    if name == "as_posix":
        return str(path)
    return UNKNOWN


CALLS: dict[str, Handler] = {
    "builtins.open": _open, "io.open": _open, "os.path.join": _path_function(posixpath.join),
    "os.path.dirname": _path_function(posixpath.dirname), "os.path.basename": _path_function(posixpath.basename),
    "os.path.abspath": _path_function(posixpath.normpath), "os.path.realpath": _path_function(posixpath.normpath),
    "os.path.normpath": _path_function(posixpath.normpath), "os.path.splitext": _path_function(posixpath.splitext),
    "os.path.split": _path_function(posixpath.split), "os.fspath": _path_function(str), "os.path.exists": _exists(""),
    "os.path.isfile": _exists("file"), "os.path.isdir": _exists("dir"), "os.path.lexists": _exists(""),
    "pathlib.Path": _path, "pathlib.PurePath": _path, "pathlib.PosixPath": _path,
}  # fmt: skip
