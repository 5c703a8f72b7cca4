"""Attributes: what ``value.name`` is on modules, objects, classes and ``super()``, and setting it."""

from __future__ import annotations

import re
from types import ModuleType

from packaging.utils import canonicalize_name

from doctor.imports.classes import (
    KNOWN_BASES,
    class_lookup,
    external_has,
    is_enum,
    is_open_class,
    is_plain_enum,
    member,
    public_name,
    resolution_order,
)
from doctor.imports.failures import Failure, Raised, error_class
from doctor.imports.machine import Frame, Machine
from doctor.imports.openness import may_have, never_given
from doctor.imports.values import (
    MISSING,
    UNKNOWN,
    Bound,
    Class,
    Dict,
    External,
    Function,
    Instance,
    List,
    Module,
    Native,
    Opaque,
    Set,
    Super,
    Value,
    const,
    join,
)


def get_attribute(machine: Machine, value: Value, name: str, frame: Frame, line: int) -> Value:
    """``value.name``; raises ``Raised`` (AttributeError) where it certainly is not there."""
    if isinstance(value, Module):
        found = module_attribute(machine, value, name, frame, line)
        if found is not MISSING:
            return found
        if value.spec.kind == "native" and any(
            r.startswith(f"{value.name}.{name}") for r in machine.surroundings.raises
        ):
            return External(f"{value.name}.{name}")
        if hasattr(ModuleType, name) or may_have(machine, value, name):
            return UNKNOWN
        raise machine.fail(_no_attribute(value, name, frame, line), error_class("AttributeError"), frame)
    if isinstance(value, Instance):
        found = instance_attribute(machine, value, name, frame, line)
        if found is MISSING and machine.calling and never_given(machine, value, name):
            raise machine.fail(_no_method(machine, value.cls, name, frame, line), error_class("AttributeError"), frame)
        return UNKNOWN if found is MISSING else found
    if isinstance(value, Class):
        return _class_attribute(machine, value, name, frame, line)
    if isinstance(value, External):
        return _external_attribute(machine, value, name)
    if isinstance(value, Function):
        if name == "__name__":
            return value.names.get(name, value.name)
        if name in {"setter", "getter", "deleter"}:
            return Bound(name, value)
        return value.names.get(name, UNKNOWN)
    if isinstance(value, List | Dict | Set | str | bytes | tuple):
        from doctor.imports.methods import value_attribute  # noqa: PLC0415

        return value_attribute(value, name)
    if isinstance(value, Opaque):
        from doctor.imports.library import opaque_attribute  # noqa: PLC0415

        return opaque_attribute(machine, value, name)
    if isinstance(value, Super):
        return _super_attribute(machine, value, name, frame, line)
    return UNKNOWN


def _no_attribute(module: Module, name: str, frame: Frame, line: int) -> Failure:
    partial = "partially initialized " if module.state == "loading" else ""
    return Failure(
        kind="attribute", exception="AttributeError", message=f"{partial}module {module.name!r} has no attribute {name!r}",
        symbol=f"{module.name}.{name}", provider=module.name, module=frame.module.name, path=frame.module.spec.path,
        line=line, provider_path=module.spec.path or (module.spec.paths[0] if module.spec.paths else ""),
    )  # fmt: skip


def module_attribute(machine: Machine, module: Module, name: str, frame: Frame, line: int) -> Value:
    """What a module has under a name; MISSING when it certainly has no such attribute (or is open: see ``opened``)."""
    names = module.names
    if name in names:
        if name == "__dict__":
            return Dict(names, opened=bool(module.opened), module=module)
        return names[name]
    if module.spec.kind == "stdlib":
        return _standard_attribute(machine, module, name)
    if module.spec.kind == "native" and name == "__version__":
        return _compiled_version(machine, module)
    getter = names.get("__getattr__")
    if getter is None:
        return MISSING
    if not isinstance(getter, Function):
        return UNKNOWN
    return _ask(machine, getter, [name], name, frame, line)


def _compiled_version(machine: Machine, module: Module) -> Value:
    """The version that compiled code of a distribution tells: its own, where that is a plain release; MISSING when not known."""
    version = machine.surroundings.versions.get(str(canonicalize_name(module.name.partition(".")[0])))
    return version if version and re.fullmatch(r"\d+(\.\d+){1,2}", version) else MISSING


def _ask(machine: Machine, getter: Value, args: list[Value], _name: str, frame: Frame, line: int) -> Value:
    """Call a ``__getattr__``: its value; MISSING when it certainly raises AttributeError."""
    from doctor.imports.calling import call  # noqa: PLC0415

    depth = len(machine.guards)
    machine.guards.append(("types", error_class("AttributeError")))
    try:
        return call(machine, getter, args, {}, frame, line)
    except Raised as raised:
        if raised.recorded:
            raise
        if machine.matches(raised.cls, error_class("AttributeError")):
            return MISSING if machine.calling or not machine.uncertain(frame) else UNKNOWN
        del machine.guards[depth:]
        raise machine.fail(raised.failure, raised.cls, frame, raised.value) from None
    finally:
        del machine.guards[depth:]


def ask_object(machine: Machine, value: Instance, name: str, frame: Frame, line: int) -> Value:
    """``getattr`` on an object that stands in ``sys.modules``; MISSING when it certainly raises AttributeError."""
    found = instance_attribute(machine, value, name, frame, line)
    if found is not MISSING:
        return found
    return UNKNOWN if value.opened or is_open_class(value.cls) else MISSING


def _standard_attribute(machine: Machine, module: Module, name: str) -> Value:
    from doctor.imports.library import standard_value  # noqa: PLC0415

    known = standard_value(machine, f"{module.name}.{name}")
    if known is not MISSING:
        return known
    if machine.surroundings.stdlib_has(module.name, name) is not False:
        return External(f"{module.name}.{name}")
    child = machine.spec_of(f"{module.name}.{name}", module) if module.spec.package else None
    # a submodule is there once anything in the process has imported it: most have been by the time this runs
    return External(f"{module.name}.{name}") if child is not None else MISSING


def _external_attribute(machine: Machine, value: External, name: str) -> Value:
    from doctor.imports.library import standard_value  # noqa: PLC0415

    path = f"{value.path}.{name}"
    if value.path in {"sys", "os"}:
        known = standard_value(machine, path)
        if known is not MISSING:
            return known
    if name == "__name__":
        return value.path.rpartition(".")[2]
    known = standard_value(machine, path)
    return External(path) if known is MISSING else known


def _class_attribute(machine: Machine, cls: Class, name: str, frame: Frame, line: int) -> Value:
    if name == "__members__" and is_enum(cls):
        return Dict(
            {k: v for k, v in cls.names.items() if not k.startswith("_") and not isinstance(v, Function | Class)}
        )
    found = class_lookup(cls, name)
    if found is not MISSING:
        if isinstance(found, Function) and found.kind == "class":
            return Bound(found, cls)
        if const(found) and not name.startswith("_") and is_plain_enum(cls):
            return member(cls, name, found)
        return UNKNOWN if isinstance(found, Function) and found.kind == "property" else found
    if name in {"__name__", "__qualname__"}:
        return cls.name
    if name == "__bases__":
        return cls.bases
    if name == "__mro__":
        return tuple(resolution_order(cls))
    if name.startswith("__") or hasattr(type, name) or is_open_class(cls) or cls.keywords:
        return UNKNOWN
    if any(isinstance(c, External) and external_has(c.path, name) for c in resolution_order(cls)):
        return UNKNOWN
    failure = Failure(
        kind="attribute", exception="AttributeError", message=f"type object {cls.name!r} has no attribute {name!r}",
        symbol=f"{cls.module.name}.{cls.name}.{name}", provider=cls.module.name, module=frame.module.name,
        path=frame.module.spec.path, line=line, provider_path=cls.module.spec.path,
    )  # fmt: skip
    if frame.module is cls.module or frame.kind == "function":
        return UNKNOWN  # a class is easily given attributes in a way that was not followed
    raise machine.fail(failure, error_class("AttributeError"), frame)


def _no_method(machine: Machine, cls: Class, name: str, frame: Frame, line: int) -> Failure:
    return Failure(
        kind="attribute", exception="AttributeError", message=f"{cls.name!r} object has no attribute {name!r}",
        symbol=f"{public_name(machine, cls)}.{name}", provider=cls.module.name, module=frame.module.name,
        path=frame.module.spec.path, line=line, provider_path=cls.module.spec.path,
    )  # fmt: skip


def instance_attribute(machine: Machine, value: Instance, name: str, frame: Frame, line: int) -> Value:
    """An attribute of an object: its own, its class's, or what ``__getattr__`` gives; MISSING when there is none."""
    if name in value.names:
        return value.names[name]
    if name == "__class__":
        return value.cls
    if name == "__dict__":
        return Dict(value.names, opened=value.opened)
    found = class_lookup(value.cls, name)
    if found is not MISSING and not isinstance(found, Function) and is_open_class(value.cls):
        return UNKNOWN  # a field's default: the instance may hold another value
    if found is not MISSING:
        return bind_method(machine, found, value, frame, line)
    getter = class_lookup(value.cls, "__getattr__")
    if name.startswith("__") and name.endswith("__"):
        return UNKNOWN  # mostly brought by the type itself
    if getter is MISSING:
        if isinstance(value.cls, External):
            return UNKNOWN
        return MISSING
    if not isinstance(getter, Function):
        return UNKNOWN
    return _ask(machine, getter, [value, name], name, frame, line)


def bind_method(machine: Machine, found: Value, value: Value, frame: Frame, line: int) -> Value:
    """What taking a class attribute from an instance gives (descriptor protocol of functions and properties)."""
    from doctor.imports.calling import call  # noqa: PLC0415

    if not isinstance(found, Function):
        return found
    if found.kind == "static":
        return found
    if found.kind == "property":
        return call(machine, found, [value], {}, frame, line)
    if found.kind == "class":
        return Bound(found, value.cls if isinstance(value, Instance) else value)
    return Bound(found, value)


def _super_attribute(machine: Machine, value: Super, name: str, frame: Frame, line: int) -> Value:
    start = value.self.cls if isinstance(value.self, Instance) else value.self
    order = resolution_order(start)
    if value.cls in order:
        order = order[order.index(value.cls) + 1 :]
    for c in order:
        if isinstance(c, Class):
            if name in c.names:
                return bind_method(machine, c.names[name], value.self, frame, line)
        elif not (isinstance(c, External) and c.path in KNOWN_BASES):
            return UNKNOWN  # a base that is not followed comes first
    if name == "__new__":
        return Native("object.__new__", lambda _m, args, _k, _l: Instance(args[0]) if args else UNKNOWN)
    if (
        name == "__init__"
        and isinstance(value.self, Instance)
        and any(isinstance(c, External) and c.path == "types.ModuleType" for c in order)
    ):
        return Native("ModuleType.__init__", lambda _m, args, _k, _l: name_module(value.self, args))
    if name in {"__init__", "__init_subclass__", "__setattr__"}:
        return Native(f"object.{name}", lambda _m, _a, _k, _l: None)
    return UNKNOWN


def name_module(module: Instance, args: list[Value]) -> None:
    """What ``ModuleType.__init__`` sets."""
    module.names["__name__"] = args[0] if args else UNKNOWN
    for name in ("__doc__", "__loader__", "__package__", "__spec__"):
        module.names.setdefault(name, UNKNOWN)


def _replace_path(machine: Machine, value: Value, *, certain: bool) -> None:
    """``sys.path = value``: what is not known of it may hold any module."""
    path = machine.sys_path
    if certain and isinstance(value, List) and not value.opened and all(isinstance(i, str) for i in value.items):
        path.items[:] = list(value.items)
    else:
        path.opened = True


def set_attribute(machine: Machine, holder: Value, name: str, value: Value, frame: Frame) -> None:
    """``holder.name = value``."""
    names: dict[str, Value] | None = None
    if isinstance(holder, Module) and name == "__class__":
        holder.opened = holder.opened or "its class is replaced"
        return
    if isinstance(holder, Module) and holder.name == "sys" and name == "path":
        _replace_path(machine, value, certain=not machine.uncertain(frame))
        return
    if isinstance(holder, Module | Class | Instance | Function):
        names = holder.names
    elif isinstance(holder, Bound) and isinstance(holder.function, Function):
        names = holder.function.names
    if isinstance(holder, Instance) and (
        isinstance(class_lookup(holder.cls, name), Function) or class_lookup(holder.cls, "__setattr__") is not MISSING
    ):
        holder.opened = True  # a property's setter or the class decides what is kept
        value = UNKNOWN
    if names is not None:
        unsure = machine.uncertain(frame) or (machine.calling and not isinstance(holder, Instance))
        names[name] = join(names[name], value) if unsure and name in names else value
