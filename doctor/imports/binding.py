"""Binding: names, attributes, items and sequences of them; on an undecided path joined with what was there."""

from __future__ import annotations

from typing import Any

from doctor.imports.attributes import set_attribute
from doctor.imports.expressions import evaluate
from doctor.imports.lower import Node
from doctor.imports.machine import Frame, Machine
from doctor.imports.values import UNKNOWN, Dict, External, List, Value, join, known_key

STAR_LIMIT = 20_000


def bind(machine: Machine, target: Node, value: Value, frame: Frame) -> None:
    """Assign to a name, attribute, item or sequence of them."""
    op = target[0]
    if op == "name":
        bind_name(frame, target[2], value)
    elif op == "tuple":
        _unpack(machine, target[2], value, frame)
    elif op == "star":
        bind(machine, target[2], UNKNOWN, frame)
    elif op == "attr":
        set_attribute(machine, evaluate(machine, target[2], frame), target[3], value, frame)
    elif op == "item":
        _set_item(machine, target, value, frame)


def bind_name(frame: Frame, name: str, value: Value) -> None:
    """Bind in the right namespace; join with the old value where it is not certain that this runs."""
    if name in frame.globals_:
        names = frame.module.names
        if frame.kind == "function" and name in names:
            value = join(names[name], value) if frame.maybe or frame.called else value
    else:
        names = frame.names
        if frame.maybe and name in names:
            value = join(names[name], value)
    names[name] = value


def _unpack(machine: Machine, targets: tuple[Node, ...], value: Value, frame: Frame) -> None:
    items: list[Value] | None = None
    if isinstance(value, tuple):
        items = list(value)
    elif isinstance(value, List) and not value.opened:
        items = list(value.items)
    star = next((i for i, t in enumerate(targets) if t[0] == "star"), None)
    if (
        items is None
        or (star is None and len(items) != len(targets))
        or (star is not None and len(items) < len(targets) - 1)
    ):
        for target in targets:
            bind(machine, target, UNKNOWN, frame)
        return
    if star is not None:
        after = len(targets) - star - 1
        end = len(items) - after
        items = [*items[:star], List(items[star:end]), *items[end:]]
    for target, item in zip(targets, items, strict=True):
        bind(machine, target[2] if target[0] == "star" else target, item, frame)


def _set_item(machine: Machine, target: Node, value: Value, frame: Frame) -> None:
    holder = evaluate(machine, target[2], frame)
    key = evaluate(machine, target[3], frame)
    if isinstance(holder, External) and holder.path == "sys.modules":
        if isinstance(key, str):
            machine.modules[key] = value
        else:
            machine.hooked.add(frame.module.name.partition(".")[0])
        return
    if isinstance(holder, External) and holder.path == "os.environ" and isinstance(key, str):
        machine.environ[key] = value
        return
    store_item(holder, key, value, uncertain=machine.uncertain(frame))


def _store(holder: Dict, key: Any, value: Value, *, uncertain: bool) -> None:
    items = holder.items
    if not uncertain:
        items[key] = value
    elif key in items:
        items[key] = join(items[key], value)
    elif holder.module is not None:
        items[key] = value
    else:
        holder.opened = True  # it may or may not have the key now


def store_item(holder: Value, key: Value, value: Value, *, uncertain: bool) -> None:
    """``holder[key] = value`` on the containers that are modelled."""
    if isinstance(holder, Dict):
        try:
            if isinstance(key, str | int | type(None)) or (isinstance(key, tuple) and known_key(key)):
                _store(holder, key, value, uncertain=uncertain)
                return
        except TypeError:
            pass
        holder.opened = True
        if holder.module is not None:
            holder.module.opened = holder.module.opened or "names bound by computation"
    elif isinstance(holder, List):
        if isinstance(key, int) and not uncertain and -len(holder.items) <= key < len(holder.items):
            holder.items[key] = value
        else:
            holder.opened = True


def extend_list(target: List, value: Value, *, uncertain: bool) -> None:
    """``target += value``."""
    items = list(value) if isinstance(value, tuple) else value.items if isinstance(value, List) else None
    if items is None or len(target.items) + len(items) > STAR_LIMIT:
        target.opened = True
        return
    target.opened = target.opened or (isinstance(value, List) and value.opened)
    target.items.extend(items)
    if uncertain:
        target.opened = True
