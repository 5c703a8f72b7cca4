"""Outlines of local code: of each module only the imports that always run when it is imported.

Support can follow these on another machine, though the code itself stays where it is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from posixpath import normpath

from doctor.model import FileView

_FILES = 4000
_BYTES = 24 * 1024**2
_OUTLINE_BYTES = 700_000
_SOURCE_BYTES = 1024**2
_SKIPPED = frozenset(["tests", "test", "testing", "node_modules", "build", "dist", "docs", "site-packages"])
_PATH_CHANGES = ("sys.path", "sys.modules", "sys.meta_path", "site.addsitedir", "importlib")
PATH_CHANGE = "?"
"""Stands in an outline for a statement that changes where modules are found."""


def outlines(places: Iterable[str], files: FileView) -> dict[str, str]:
    """Path -> outline of the Python files below the places: ``LINE STATEMENT`` for each import, one a line.

    Imports inside ``try``, ``if``, functions and classes are left out: they need not run, or need not succeed. A
    file that cannot be read or parsed has the outline '?': all that is known is that it is there. At most some
    thousand files are read.
    """
    found: dict[str, str] = {}
    read = written = 0
    for path in _sources(places, files):
        if len(found) >= _FILES:
            break
        text = PATH_CHANGE
        if path.endswith(".py") and read < _BYTES and written < _OUTLINE_BYTES:
            data = _data(path, files)
            read += len(data)
            text = outline(data)
        written += len(text)
        found[normpath(path)] = text
    return found


def outline(data: bytes) -> str:
    """The outline of one module's source."""
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return PATH_CHANGE
    lines = []
    everywhere = any(mark.encode() in data for mark in _PATH_CHANGES)
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
                lines.append(f"{node.lineno} {ast.unparse(node)}")
        elif everywhere and any(mark in ast.unparse(node) for mark in _PATH_CHANGES):
            lines.append(f"{node.lineno} {PATH_CHANGE}")
    return "\n".join(lines)


def _data(path: str, files: FileView) -> bytes:
    """The file's text; what is no Python when it cannot be read, or is too long to be written by a person."""
    try:
        data = files.read(path, _SOURCE_BYTES + 1)
    except OSError:
        return b"?"
    return data if len(data) <= _SOURCE_BYTES else b"?"


def _sources(places: Iterable[str], files: FileView) -> Iterator[str]:
    """Python files and extension modules below the places; hidden directories, tests and environments are left out."""
    waiting = list(places)
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        names = files.listing(path)
        if names is None:
            if path.endswith(".py"):
                yield path
            continue
        if "pyvenv.cfg" in names:
            continue
        for name in names:
            if name.endswith((".py", ".so")) and " " not in name:
                yield f"{path}/{name}"
            elif name.isidentifier() and name not in _SKIPPED and name != "__pycache__":
                facts = files.facts(f"{path}/{name}")
                if facts and facts.kind == "dir" and not facts.link and len(seen) < _FILES:
                    waiting.append(f"{path}/{name}")
