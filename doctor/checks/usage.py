"""Which names a module defines, and where the standard library uses one of them: read from source, never run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from posixpath import join

from doctor.model import FileView

_SOURCE_LIMIT = 4 * 1024 * 1024
_MOST_FILES = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A place that takes ``name`` from a module; ``path`` is relative to the directory that was searched."""

    name: str
    path: str
    line: int


def top_level_names(path: str, files: FileView) -> frozenset[str]:
    """Public names that a module binds anywhere at its top level; empty when it cannot be read or parsed."""
    tree = _parsed(path, files)
    return frozenset(name for name in _bound(tree.body if tree else []) if not name.startswith("_"))


def first_use(module: str, names: Collection[str], directory: str, files: FileView) -> Use | None:
    """The first place in a directory's modules and packages that takes one of ``names`` from ``module``."""
    if not names:
        return None
    for relative in list(_sources(directory, files))[:_MOST_FILES]:
        data = _read(join(directory, relative), files)
        if module.encode() not in data or relative.partition("/")[0].removesuffix(".py") == module:
            continue
        tree = parse(data)
        use = next(_uses(tree, module, frozenset(names)), None) if tree else None
        if use:
            return Use(name=use[0], path=relative, line=use[1])
    return None


def _sources(directory: str, files: FileView) -> Iterator[str]:
    """Python files directly in a directory and in the packages in it, tests left out."""
    for name in files.listing(directory) or ():
        if name.endswith(".py"):
            yield name
        elif "." not in name and name not in {"test", "tests", "idlelib", "lib2to3", "__pycache__", "site-packages"}:
            yield from (f"{name}/{n}" for n in files.listing(join(directory, name)) or () if n.endswith(".py"))


def _uses(tree: ast.AST, module: str, names: frozenset[str]) -> Iterator[tuple[str, int]]:
    """(name, line) of ``from module import name`` and, where it is bound by a plain import, ``module.name``."""
    bound = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == module
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == module and not node.level:
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name in names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in bound:
            yield from ((name, node.lineno) for name in (node.attr,) if name in names)


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    """Names bound by statements, those in branches included."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        else:
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                    yield inner.id
                elif isinstance(inner, ast.FunctionDef | ast.ClassDef):
                    yield inner.name
                elif isinstance(inner, ast.Import | ast.ImportFrom):
                    yield from ((alias.asname or alias.name).partition(".")[0] for alias in inner.names)


def _read(path: str, files: FileView) -> bytes:
    try:
        return files.read(path, _SOURCE_LIMIT)
    except OSError:
        return b""


def _parsed(path: str, files: FileView) -> ast.Module | None:
    return parse(_read(path, files))


def parse(source: bytes | str) -> ast.Module | None:
    """The syntax tree of foreign source, None for what is no Python; the compiler's warnings are not ours to show."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
