"""Operators, indexing, iteration and methods of constants and containers, with bounds on size and time."""

from __future__ import annotations

from doctor.imports.classes import is_enum, member
from doctor.imports.failures import Failure, error_class
from doctor.imports.machine import Frame, Machine
from doctor.imports.operators import ITEM_LIMIT
from doctor.imports.values import (
    UNKNOWN,
    Class,
    Dict,
    External,
    Function,
    List,
    Opaque,
    Set,
    Value,
    const,
    known_key,
    lift,
)


def iterate(machine: Machine, value: Value) -> tuple[list[Value], bool]:
    """The items that a loop over the value sees, and whether these are all."""
    del machine
    if isinstance(value, tuple):
        return list(value), True
    if isinstance(value, List):
        return list(value.items), not value.opened
    if isinstance(value, Set):
        return sorted(value.items, key=repr), not value.opened
    if isinstance(value, Dict):
        return list(value.items), not value.opened
    if isinstance(value, str) and len(value) < ITEM_LIMIT:
        return list(value), True
    if isinstance(value, bytes) and len(value) < ITEM_LIMIT:
        return list(value), True
    if isinstance(value, Class):
        return members(value)
    if isinstance(value, Opaque) and value.kind == "range" and len(value.value) <= ITEM_LIMIT:
        return list(value.value), True
    return [], False


def members(cls: Class) -> tuple[list[Value], bool]:
    """What iterating an enumeration gives (``enum``: its members in order, without aliases); nothing of another class."""
    own = {k: v for k, v in cls.names.items() if not k.startswith("_") and not isinstance(v, Function | Class)}
    if not is_enum(cls) or cls.opened or not all(const(v) for v in own.values()):
        return [], False
    return list(dict.fromkeys(member(cls, name, value) for name, value in own.items())), True


def item(machine: Machine, holder: Value, key: Value, frame: Frame, line: int) -> Value:
    """``holder[key]``; raises ``Raised`` (KeyError) where a handler waits for a key that certainly is not there."""
    if isinstance(holder, External):
        if holder.path == "sys.modules" and isinstance(key, str):
            machine.meet(key)
            return machine.modules.get(key, UNKNOWN)
        if holder.path == "os.environ" and isinstance(key, str):
            return machine.environ.get(key, UNKNOWN)
        if holder.path.startswith(("typing.", "collections.", "builtins.")):
            return holder
        return UNKNOWN
    if isinstance(holder, Class):
        return holder  # a generic alias behaves like its class
    if isinstance(key, Opaque) and key.kind == "slice":
        if isinstance(holder, str | bytes | tuple):
            return holder[key.value]
        if isinstance(holder, List) and not holder.opened:
            return List(holder.items[key.value])
        return UNKNOWN
    if isinstance(holder, Opaque) and holder.kind == "match":
        try:
            return lift(holder.value[key])
        except (IndexError, TypeError, KeyError):
            return UNKNOWN
    try:
        if isinstance(holder, str | bytes | tuple) and isinstance(key, int):
            return holder[key]
        if isinstance(holder, List) and isinstance(key, int) and not holder.opened:
            if not -len(holder.items) <= key < len(holder.items) and not frame.maybe:
                _no_key(machine, key, frame, line, "IndexError")
            return holder.items[key]
        if isinstance(holder, Dict):
            known = const(key) or (isinstance(key, tuple) and known_key(key))
            if known and key not in holder.items and not holder.opened and not frame.maybe:
                _no_key(machine, key, frame, line)
            return holder.items.get(key, UNKNOWN) if known else UNKNOWN
    except (IndexError, TypeError):
        return UNKNOWN
    return UNKNOWN


def _no_key(machine: Machine, key: Value, frame: Frame, line: int, exception: str = "KeyError") -> None:
    """Raise KeyError (or IndexError) when something catches it; uncaught it would more likely be a path that was not followed right."""
    cls = error_class(exception)
    if machine.caught(cls):
        raise machine.fail(
            Failure(
                kind="raised", exception=exception, message=repr(key), symbol=frame.module.name, provider=frame.module.name,
                module=frame.module.name, path=frame.module.spec.path, line=line,
            ),
            cls,
            frame,
        )  # fmt: skip
