"""Displays: tuples, lists, sets and dicts as they are written."""

from __future__ import annotations

from doctor.imports.lower import Node
from doctor.imports.machine import Frame, Machine
from doctor.imports.values import UNKNOWN, Dict, External, List, Set, Value, const, known_key


def evaluate_tuple(machine: Machine, node: Node, frame: Frame) -> Value:
    """``(a, *b)``."""
    items = evaluate_items(machine, node[2], frame)
    return UNKNOWN if items is None else tuple(items)


def evaluate_items(machine: Machine, nodes: tuple[Node, ...], frame: Frame) -> list[Value] | None:
    """The items of a display; None when a starred one is not known."""
    from doctor.imports.expressions import evaluate  # noqa: PLC0415

    out: list[Value] = []
    exact = True
    for n in nodes:
        if n[0] == "star":
            inner = evaluate(machine, n[2], frame)
            if isinstance(inner, tuple):
                out.extend(inner)
            elif isinstance(inner, List) and not inner.opened:
                out.extend(inner.items)
            else:
                exact = False
        else:
            out.append(evaluate(machine, n, frame))
    return out if exact else None


def evaluate_list(machine: Machine, node: Node, frame: Frame) -> Value:
    """``[a, *b]``."""
    from doctor.imports.expressions import evaluate  # noqa: PLC0415

    items = evaluate_items(machine, node[2], frame)
    if items is None:
        return List([evaluate(machine, n, frame) for n in node[2] if n[0] != "star"], opened=True)
    return List(items)


def evaluate_set(machine: Machine, node: Node, frame: Frame) -> Value:
    """``{a, *b}``."""
    items = evaluate_items(machine, node[2], frame)
    return make_set(items)


def make_set(items: list[Value] | None) -> Set:
    """A set of the constants among the items; opened when there is anything else."""
    if items is None:
        return Set(set(), opened=True)
    known = {i for i in items if const(i)}
    return Set(known, opened=any(not const(i) for i in items))


def evaluate_dict(machine: Machine, node: Node, frame: Frame) -> Value:
    """``{a: b, **c}``."""
    from doctor.imports.expressions import evaluate  # noqa: PLC0415

    out = Dict({})
    for k, v in node[2]:
        value = evaluate(machine, v, frame)
        if k is None:
            if isinstance(value, Dict):
                out.items.update(value.items)
                out.opened = out.opened or value.opened
            else:
                out.opened = True
            continue
        key = evaluate(machine, k, frame)
        try:
            if const(key) or isinstance(key, External) or (isinstance(key, tuple) and known_key(key)):
                out.items[key.path if isinstance(key, External) else key] = value
                continue
        except TypeError:
            pass
        out.opened = True
    return out
