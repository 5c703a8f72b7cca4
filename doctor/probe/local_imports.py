"""Which modules local code imports at its top level: the roots from which support can follow imports elsewhere."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from doctor.model import FileView

_FILES = 4000
_BYTES = 24 * 1024**2
_MODULES = 2000


def imported_modules(places: Iterable[str], files: FileView) -> tuple[str, ...]:
    """Dotted names of absolute imports that run when the code below the places is imported; sorted.

    Imports inside ``try``, functions and ``if`` are left out: they need not succeed. At most some thousand files
    are read; what cannot be parsed is left out.
    """
    found: set[str] = set()
    own: set[str] = set()
    size = 0
    for number, path in enumerate(_sources(places, files)):
        if number >= _FILES or size >= _BYTES:
            break
        own.add(path.rpartition("/")[2].removesuffix(".py"))
        try:
            data = files.read(path, 1024**2)
            tree = ast.parse(data)
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        size += len(data)
        found.update(_imports(tree))
    return tuple(sorted(found - own))[:_MODULES]


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level and node.module != "__future__":
            yield node.module


def _sources(places: Iterable[str], files: FileView) -> Iterator[str]:
    """Python files below the places; hidden directories, tests and environments are left out."""
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
            if name.endswith(".py"):
                yield f"{path}/{name}"
            elif not name.startswith((".", "__pycache__")) and name not in (
                "tests",
                "test",
                "node_modules",
                "build",
                "dist",
            ):
                facts = files.facts(f"{path}/{name}")
                if facts and facts.kind == "dir" and not facts.link and len(seen) < _FILES:
                    waiting.append(f"{path}/{name}")
