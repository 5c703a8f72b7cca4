"""Classes: the order of resolution, what a class has, and the names by which users know one."""

from __future__ import annotations

import abc
import typing
from typing import Any

from doctor.imports.machine import Machine
from doctor.imports.values import (
    MISSING,
    UNKNOWN,
    Class,
    Dict,
    External,
    Function,
    Instance,
    List,
    Module,
    Set,
    Value,
    const,
)


def resolution_order(cls: Value) -> list[Value]:
    """The classes in which an attribute is looked for (C3, as ``type.mro``; depth first where that has no answer)."""
    if not isinstance(cls, Class):
        return [cls]
    if cls.order is None:
        cls.order = _linearised(cls)
    return cls.order


def _linearised(cls: Class) -> list[Value]:
    lines = [resolution_order(base) for base in cls.bases]
    if len(lines) == 1:
        return [cls, *lines[0]]
    rows = [list(line) for line in [*lines, list(cls.bases)]]
    out: list[Value] = [cls]
    while any(rows):
        rows = [row for row in rows if row]
        head = next((row[0] for row in rows if not any(_inside(row[0], other[1:]) for other in rows)), rows[0][0])
        out.append(head)
        rows = [[c for c in row if not _same_class(c, head)] if _inside(head, row) else row for row in rows]
    return out


def _same_class(first: Value, second: Value) -> bool:
    if isinstance(first, External) and isinstance(second, External):
        return first.path == second.path
    return first is second


def _inside(cls: Value, row: list[Value]) -> bool:
    return any(_same_class(cls, c) for c in row)


def is_open_class(cls: Value) -> bool:
    """The class or one of its bases may have attributes that were not seen."""
    for c in resolution_order(cls):
        if isinstance(c, Class):
            if c.opened:
                return True
        elif not (isinstance(c, External) and c.path in KNOWN_BASES):
            return True
    return False


KNOWN_BASES = frozenset({"builtins.object", "types.ModuleType", "abc.ABC", "typing.Generic", "typing.Protocol"})


def class_lookup(cls: Value, name: str) -> Value:
    """The raw attribute of a class or its bases; ``MISSING`` when none of the known ones has it."""
    for c in resolution_order(cls):
        if isinstance(c, Class):
            if name in c.names:
                return c.names[name]
        elif not isinstance(c, External) or (c.path not in KNOWN_BASES and external_has(c.path, name)):
            return UNKNOWN  # a class that is not followed comes first and may have it
    return MISSING


def public_name(machine: Machine, value: Class | Function) -> str:
    """The shortest dotted name under which a package of its own distribution has a class or function."""
    parts = value.module.name.split(".")
    for count in range(1, len(parts) + 1):
        package = machine.modules.get(".".join(parts[:count]))
        if isinstance(package, Module) and package.names.get(value.name) is value:
            return f"{package.name}.{value.name}"
    return f"{value.module.name}.{value.name}"


def is_enum(cls: Class) -> bool:
    """An enumeration, as far as its known bases tell."""
    return any(isinstance(c, External) and c.path.startswith("enum.") for c in resolution_order(cls))


def is_plain_enum(cls: Class) -> bool:
    """Members of it equal nothing but themselves: ``enum.Enum`` without a type mixed in, or ``__eq__`` of its own."""
    order = resolution_order(cls)
    outside = [c for c in order if not isinstance(c, Class)]
    known = all(isinstance(c, External) and c.path in {"enum.Enum", "builtins.object"} for c in outside)
    own = any(
        isinstance(c, Class) and ({"__eq__", "__new__", "_missing_"} & c.names.keys() or c.keywords) for c in order
    )
    return bool(outside) and known and not own


def member(cls: Class, name: str, value: Value) -> Value:
    """The member of an enumeration: one object for each value (``enum``: a second name is an alias)."""
    key = (type(value), value)
    if key not in cls.members:
        cls.members[key] = Instance(cls, {"name": name, "value": value, "_name_": name, "_value_": value})
    return cls.members[key]


def external_has(path: str, name: str) -> bool:
    """A class of the standard library has the attribute (True where that is not known)."""
    import builtins  # noqa: PLC0415

    if path.startswith("builtins."):
        return hasattr(getattr(builtins, path[9:], object), name)
    known = {"abc.ABC": abc.ABC, "typing.Generic": typing.Generic, "typing.Protocol": typing.Protocol}.get(path)
    return hasattr(known, name) if known is not None else path not in KNOWN_BASES


def is_exception(cls: External) -> bool:
    """A built-in exception class by its name."""
    return cls.path.startswith("builtins.") and cls.path.endswith(
        ("Error", "Exception", "Warning", "Exit", "Interrupt")
    )


def class_of_exception(value: Value) -> Value:
    """The class of what a ``raise`` statement raises."""
    if isinstance(value, Instance):
        return value.cls
    if isinstance(value, Class):
        return value
    if isinstance(value, External) and is_exception(value):
        return value
    return UNKNOWN


def known_container(value: Any) -> bool:
    """A constant or a container that is modelled."""
    return const(value) or isinstance(value, tuple | List | Dict | Set)
