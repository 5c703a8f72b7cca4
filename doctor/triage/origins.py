"""Where a source file has a name from, and where a package defines one: followed through its import statements."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from doctor.triage.wheeltext import WheelText, parsed

_STEPS = 5


def origin(wheel: WheelText, file: str, name: str) -> str:
    """The absolute module that ``file`` of this wheel, or a module that it imports from beside it, has ``name`` from.

    '' when no such statement is there.
    """
    near: list[str] = []
    for module, names in _imports(wheel, file):
        if name in names:
            return _through(wheel, module, names[name])
        if wheel.source_of(module):
            near.append(module)
    for module in near:
        for further, names in _imports(wheel, wheel.source_of(module) or ""):
            if name in names and not wheel.source_of(further):
                return further
    return ""


def defining_file(wheel: WheelText, module: str, name: str, steps: int = _STEPS) -> str:
    """The member of this wheel in which ``name``, imported from ``module``, is defined; '' when it is not found."""
    file = wheel.source_of(module)
    tree = parsed(wheel.read(file)) if file else None
    if tree is None or file is None:
        return ""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    if any(isinstance(node, kinds) and node.name == name for node in ast.walk(tree)):
        return file
    for further, names in _imports(wheel, file) if steps else ():
        if name in names and further != module:
            return defining_file(wheel, further, names[name], steps - 1)
    return ""


def _through(wheel: WheelText, module: str, name: str) -> str:
    """The module from another distribution behind a module of this one that only passes the name on."""
    source = wheel.source_of(module)
    for further, names in _imports(wheel, source) if source else ():
        if name in names and not wheel.source_of(further):
            return further
    return module


def _imports(wheel: WheelText, file: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Of each ``from ... import ...`` of a file: the absolute module; its names as called here, and as called there."""
    tree = parsed(wheel.read(file)) if file in wheel.names else None
    package = file.removesuffix(".py").split("/")[:-1]
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield module, {alias.asname or alias.name: alias.name for alias in node.names}
