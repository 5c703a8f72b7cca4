"""Editable installs whose ``.pth`` file runs a finder (PEP 660): the finder's tables are read, never executed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from posixpath import dirname, join

from doctor.model import FileView, Problem, PthFile

FINDER_LIMIT = 4 * 1024 * 1024
_IMPORTED = re.compile(r"\bimport\s+([A-Za-z_]\w*)")


def read_finders(files: FileView, pth_files: Sequence[PthFile], problems: list[Problem]) -> Mapping[str, str]:
    """Module name -> directory or file, from every finder that an ``import`` line of a ``.pth`` file loads.

    Known are the tables of setuptools (``MAPPING``, ``NAMESPACES``), of the ``editables`` library
    (``map_module`` calls) and of scikit-build-core (``install({...})``). The first finder to name a module wins.
    """
    found: dict[str, str] = {}
    for path in _finder_files(files, pth_files):
        try:
            tree = ast.parse(files.read(path, FINDER_LIMIT))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
            problems.append(Problem(code="editable-unreadable", path=path, detail=str(error)))
            continue
        for module, target in _mapped(tree):
            found.setdefault(module, target)
    return found


def _finder_files(files: FileView, pth_files: Sequence[PthFile]) -> Iterator[str]:
    """Modules beside a ``.pth`` file that one of its code lines imports and that speak of editable installs."""
    seen: set[str] = set()
    for pth in pth_files:
        for line in pth.code:
            for module in _IMPORTED.findall(line):
                path = join(dirname(pth.path), f"{module}.py")
                if path in seen or "editable" not in module.lower() or files.facts(path) is None:
                    continue
                seen.add(path)
                yield path


def _mapped(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """All (module, path) pairs that literals of the finder state."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {t.id for t in targets if isinstance(t, ast.Name)}
            if names & {"MAPPING", "NAMESPACES"}:
                yield from _pairs(node.value)
        elif isinstance(node, ast.Call):
            yield from _call_pairs(node)


def _call_pairs(call: ast.Call) -> Iterator[tuple[str, str]]:
    """``F.map_module('name', 'path')`` and ``install({'name': 'path'}, ...)``."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name == "map_module" and len(call.args) == 2:  # noqa: PLR2004 - module, path
        module, path = (_literal(argument) for argument in call.args)
        if isinstance(module, str) and isinstance(path, str):
            yield module, path
    elif name == "install" and call.args and isinstance(call.args[0], ast.Dict):
        yield from _pairs(call.args[0])


def _pairs(node: ast.expr) -> Iterator[tuple[str, str]]:
    """Pairs of a literal mapping to a path or to a list of paths (then the first is taken)."""
    value = _literal(node)
    if not isinstance(value, dict):
        return
    for module, target in value.items():
        first = target[0] if isinstance(target, list | tuple) and target else target
        if isinstance(module, str) and isinstance(first, str):
            yield module, first


def _literal(node: ast.expr) -> object:
    """The value of a literal, None for anything else."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
