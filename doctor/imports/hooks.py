"""Import hooks: what code puts into ``sys.meta_path`` and ``sys.path_hooks``, and whether any module may come from it."""

from __future__ import annotations

from doctor.imports.classes import class_lookup
from doctor.imports.machine import Frame, Machine
from doctor.imports.values import Class, Dict, Function, Instance, Value


def change_hooks(machine: Machine, method: str, args: list[Value], frame: Frame) -> None:
    """``sys.meta_path.append(finder)`` and the like: from now on modules may come from where nothing is seen."""
    finder = args[-1] if method in {"append", "insert"} and args else None
    if not _finds_nothing(machine, finder):
        machine.install_hook(frame, own=_finds_own(finder, frame.module.name))


def _finds_own(finder: Value, module: str) -> bool:
    """It keeps a table of the modules that it brings, and all of them are below its own (as six does, vendored or not)."""
    tables = [v.items for v in finder.names.values() if isinstance(v, Dict)] if isinstance(finder, Instance) else []
    return any(tables) and all(str(name).startswith(f"{module}.") for table in tables for name in table)


def _finds_nothing(machine: Machine, finder: Value) -> bool:
    """It finds distributions but no modules (importlib.metadata: "Extending the search algorithm")."""
    cls = finder.cls if isinstance(finder, Instance) else finder
    if not isinstance(cls, Class):
        return False
    asked = class_lookup(cls, "find_spec")  # find_module is asked only of finders without it
    return isinstance(asked, Function) and _gives_nothing(machine, asked)


def _gives_nothing(machine: Machine, function: Function) -> bool:
    """Its body is ``return None`` or nothing at all."""
    from doctor.imports.calling import function_body  # noqa: PLC0415 - calling needs the library, and that this

    body = function_body(machine, function)
    return body is not None and all(s[0] == "return" and s[2] == ("const", 0, None) for s in body.body)
