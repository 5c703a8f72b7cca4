"""What a console script imports when it starts, beyond the module that it is in.

A script calls one function, and many such functions import the rest of their program only then
(``def main(): from package.cli import run``). Such imports are reached by every call as long as nothing before them in
the function can leave it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from doctor.model import Distribution, EntryPoint, FileView

_MOST_BYTES = 400_000


def started_modules(point: EntryPoint, distribution: Distribution, files: FileView) -> tuple[str, ...]:
    """Modules of the script's own package that its function certainly imports; none where that cannot be told."""
    body = _body(point, distribution, files)
    root = point.module.partition(".")[0]
    return tuple(dict.fromkeys(m for m in _imported(body, point.module) if m.partition(".")[0] == root))


def _body(point: EntryPoint, distribution: Distribution, files: FileView) -> list[ast.stmt]:
    stem = f"{distribution.location}/{point.module.replace('.', '/')}"
    for path in (f"{stem}.py", f"{stem}/__init__.py"):
        if files.facts(path) is None:
            continue
        try:
            tree = ast.parse(files.read(path, _MOST_BYTES))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            return []
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == point.attr and not node.decorator_list:
                return node.body
    return []


def _imported(body: list[ast.stmt], module: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if not node.level and node.module:
                yield node.module
            elif node.level == 1 and node.module and "." in module:
                yield f"{module.rpartition('.')[0]}.{node.module}"
        elif any(isinstance(inner, _LEAVING) for inner in ast.walk(node)) or _exits(node):
            return


_LEAVING = (ast.Return, ast.Raise, ast.Yield, ast.Await, ast.Try)


def _exits(node: ast.stmt) -> bool:
    """Calls what may end the program: ``sys.exit``, ``parser.parse_args`` for ``--help``, and the like."""
    names = {getattr(n.func, "attr", getattr(n.func, "id", "")) for n in ast.walk(node) if isinstance(n, ast.Call)}
    return any(
        name in {"exit", "_exit", "quit", "abort", "parse_args", "error", "execv", "main", "run"} for name in names
    )
