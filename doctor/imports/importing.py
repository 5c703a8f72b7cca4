"""The import statements: ``import``, ``from ... import``, ``from ... import *``."""

from __future__ import annotations

from typing import Any

from doctor.imports.attributes import ask_object, get_attribute, module_attribute
from doctor.imports.binding import STAR_LIMIT, bind_name
from doctor.imports.failures import Failure, Raised, error_class
from doctor.imports.lower import Node
from doctor.imports.machine import Frame, Machine
from doctor.imports.openness import may_have
from doctor.imports.values import MISSING, UNKNOWN, Class, External, Instance, List, Module, Value


def run_import(machine: Machine, node: Node, frame: Frame) -> None:
    """``import a.b as c``."""
    for name, alias in node[2]:
        module = machine.import_name(name, frame, node[1])
        if alias is not None:
            bind_name(frame, alias, module)
        else:
            root = name.partition(".")[0]
            bind_name(frame, root, machine.modules.get(root, UNKNOWN))


def run_from(machine: Machine, node: Node, frame: Frame) -> None:
    """``from m import n``, relative ones and star imports too."""
    line, names = node[1], node[4]
    absolute = absolute_name(machine, node[2], node[3], frame)
    if absolute is None:
        for name, alias in names:
            bind_name(frame, alias or name, UNKNOWN)
        return
    module = machine.import_name(absolute, frame, line)
    first: Raised | None = None
    for name, alias in names:
        if name == "*":
            _star(machine, module, frame, line)
            continue
        try:
            value = import_from(machine, module, absolute, name, frame, line)
        except Raised as raised:
            if not raised.recorded:
                raise
            first, value = first or raised, UNKNOWN  # once this name is there, the next one is looked for
        bind_name(frame, alias or name, value)
    if first is not None:
        raise first


def absolute_name(_machine: Machine, name: str, level: int, frame: Frame) -> str | None:
    """The absolute name of a possibly relative import (PEP 328); None when it cannot be known."""
    if level == 0:
        return name
    package = frame.module.names.get("__package__")
    if not isinstance(package, str) or not package:
        return None
    for _ in range(level - 1):
        package, dot, _tail = package.rpartition(".")
        if not dot:
            return None
    return f"{package}.{name}" if name else package


def import_from(machine: Machine, module: Value, absolute: str, name: str, frame: Frame, line: int) -> Value:
    """``from absolute import name``: the attribute, then the submodule, then ImportError."""
    if module is UNKNOWN or not isinstance(module, Module | Instance):
        return get_attribute(machine, module, name, frame, line) if module is not UNKNOWN else UNKNOWN
    if isinstance(module, Instance):
        return _from_object(machine, module, absolute, name, frame, line)
    found = module_attribute(machine, module, name, frame, line)
    if found is not MISSING:
        if found is not UNKNOWN and isinstance(found, Module) and found.broken_by:
            machine.meet_broken(found, frame)
        return found
    child = f"{absolute}.{name}"
    if child in machine.modules:
        machine.meet(child)
        return machine.modules[child]
    if module.spec.package or "__path__" in module.names:
        spec = machine.spec_of(child, module)
        if spec is UNKNOWN:
            return UNKNOWN
        if spec is not None:
            return machine.import_name(child, frame, line)
    if may_have(machine, module, name):
        return UNKNOWN
    raise machine.fail(_no_name(machine, module, absolute, name, frame, line), error_class("ImportError"), frame)


def _no_name(_machine: Machine, module: Module, absolute: str, name: str, frame: Frame, line: int) -> Failure:
    partial = "partially initialized module " if module.state == "loading" else ""
    place = f" ({module.spec.path})" if module.spec.path else ""
    return Failure(
        kind="name", exception="ImportError", message=f"cannot import name {name!r} from {partial}{absolute!r}{place}",
        symbol=f"{absolute}.{name}", provider=absolute, module=frame.module.name, path=frame.module.spec.path, line=line,
        provider_path=module.spec.path or (module.spec.paths[0] if module.spec.paths else ""),
    )  # fmt: skip


def _from_object(machine: Machine, module: Instance, absolute: str, name: str, frame: Frame, line: int) -> Value:
    """The module was replaced by an object in ``sys.modules`` (a lazy module): ask it, then look for a submodule."""
    found = ask_object(machine, module, name, frame, line)
    spec: Any
    nowhere = found is UNKNOWN and _nowhere(machine, module, name)
    if found is not MISSING and not nowhere:
        return found
    child = f"{absolute}.{name}"
    if nowhere:
        spec = machine.finder.find_in(child, [module.names["__file__"].rpartition("/")[0]])
    else:
        spec = machine.spec_of(child, module)
    if spec is UNKNOWN:
        return UNKNOWN
    if spec is not None:
        return machine.import_name(child, frame, line)
    original = module.names.get("__file__")
    failure = Failure(
        kind="name", exception="ImportError", message=f"cannot import name {name!r} from {absolute!r}",
        symbol=f"{absolute}.{name}", provider=absolute, module=frame.module.name, path=frame.module.spec.path, line=line,
        provider_path=original if isinstance(original, str) else "",
    )  # fmt: skip
    raise machine.fail(failure, error_class("ImportError"), frame)


def _nowhere(machine: Machine, module: Instance, name: str) -> bool:
    """A lazy module whose loading could not be followed: still it cannot bring a name that its package never writes."""
    file = module.names.get("__file__")
    if (
        not isinstance(file, str)
        or not file.endswith("/__init__.py")
        or len(name) < 4
        or not isinstance(module.cls, Class)
    ):
        return False
    directory = file.rpartition("/")[0]
    own = module.cls.module.spec.path.startswith(directory + "/")
    return own and machine.absence.certain(directory, name)


_OWN_NAMES = frozenset({"__name__", "__package__", "__path__", "__file__", "__spec__", "__loader__", "__all__"})


def _star(machine: Machine, module: Value, frame: Frame, line: int) -> None:
    if not isinstance(module, Module):
        frame.module.opened = frame.module.opened or "star import of an unknown module"
        return
    if module.spec.kind == "stdlib":
        _star_standard(machine, module, frame)
        return
    if module.opened:
        frame.module.opened = frame.module.opened or f"star import of {module.name} ({module.opened})"
    exported = module.names.get("__all__")
    names: list[Any]
    if isinstance(exported, List | tuple):
        names = list(exported.items if isinstance(exported, List) else exported)
        if (isinstance(exported, List) and exported.opened) or not all(isinstance(n, str) for n in names):
            frame.module.opened = frame.module.opened or f"computed __all__ of {module.name}"
            # of what may be in it, the names that the import system gives a module are surely not
            names = [n for n in names if not isinstance(n, str) or n not in _OWN_NAMES]
            names += [n for n in module.names if not n.startswith("_")]
    elif exported is None:
        names = [n for n in module.names if not n.startswith("_")]
    else:
        names = [n for n in module.names if not n.startswith("_")]
        frame.module.opened = frame.module.opened or f"computed __all__ of {module.name}"
    for name in dict.fromkeys(names[:STAR_LIMIT]):
        if not isinstance(name, str):
            continue
        if exported is None:
            bind_name(frame, name, module.names[name])
            continue
        if name in module.names:
            bind_name(frame, name, module.names[name])
            continue
        child = f"{module.name}.{name}"  # __all__ may name a submodule
        if child in machine.modules or (module.spec.package and machine.spec_of(child, module) is not None):
            bind_name(frame, name, import_from(machine, module, module.name, name, frame, line))
        else:
            bind_name(frame, name, get_attribute(machine, module, name, frame, line))


def _star_standard(machine: Machine, module: Module, frame: Frame) -> None:
    names = machine.surroundings.stdlib_names(module.name)
    if names is None:
        frame.module.opened = frame.module.opened or f"star import of {module.name}"
        return
    for name in names:
        if not name.startswith("_"):
            bind_name(frame, name, External(f"{module.name}.{name}"))
