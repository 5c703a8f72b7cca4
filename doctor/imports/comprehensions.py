"""Comprehensions and generator expressions."""

from __future__ import annotations

from doctor.imports.containers import iterate
from doctor.imports.displays import make_set
from doctor.imports.failures import Raised
from doctor.imports.lower import Node
from doctor.imports.machine import Frame, Machine
from doctor.imports.machine import Frame as NewFrame
from doctor.imports.values import UNKNOWN, Bounded, Dict, List, Value, const, truth

_COMPREHENSION_LIMIT = 5000


def evaluate_comprehension(machine: Machine, node: Node, frame: Frame) -> Value:
    """The list, set, dict or generator that a comprehension gives, as far as it is known."""
    from doctor.imports.expressions import evaluate  # noqa: PLC0415

    inner = NewFrame(frame.module, {}, "function", frame if frame.kind == "function" else frame.outer)
    if frame.kind == "class":
        inner.names.update(frame.names)
    inner.globals_ = frame.globals_
    found: list[tuple[Value, ...]] = []
    outer, machine.base = machine.base, machine.base + frame.maybe
    depth = len(machine.guards)
    if node[2] == "lazy":
        machine.guards.append(("unknown",))  # a generator's body runs when it is consumed, if ever
    try:
        # the first iterable is evaluated outside of the comprehension's own scope (language reference, 6.2.4)
        first = evaluate(machine, node[4][0][1], frame)
        exact = _generate(machine, node, inner, 0, found, first)
    except Raised as raised:
        if node[2] != "lazy" or raised.recorded:
            raise
        exact = False
    finally:
        machine.base = outer
        del machine.guards[depth:]
    if node[2] == "dict":
        out = Dict({}, opened=not exact)
        for k, v in found:
            if const(k) or isinstance(k, tuple):
                try:
                    out.items[k] = v
                except TypeError:
                    out.opened = True
            else:
                out.opened = True
        return out
    items = [f[0] for f in found]
    if node[2] == "set":
        made = make_set(items)
        made.opened = made.opened or not exact
        return made
    return List(items, opened=not exact)


def _generate(
    machine: Machine, node: Node, frame: Frame, level: int, found: list[tuple[Value, ...]], first: Value = None
) -> bool:
    """One loop of a comprehension; returns whether all that it gives is known."""
    from doctor.imports.binding import bind  # noqa: PLC0415
    from doctor.imports.expressions import evaluate  # noqa: PLC0415

    loops = node[4]
    if level == len(loops):
        found.append(tuple(evaluate(machine, e, frame) for e in node[3]))
        return len(found) < _COMPREHENSION_LIMIT
    target, source, conditions = loops[level]
    items, exact = iterate(machine, evaluate(machine, source, frame) if level else first)
    if not exact:
        items = [*items, UNKNOWN]
        frame.maybe += 1
    for value in items[:_COMPREHENSION_LIMIT]:
        machine.steps += 1
        if machine.steps > machine.limit:
            raise Bounded
        bind(machine, target, value, frame)
        verdicts = []
        for c in conditions:
            verdict = truth(evaluate(machine, c, frame))
            verdicts.append(verdict)
            if verdict is False:
                break
        if False in verdicts:
            continue
        if value is UNKNOWN:
            exact = False
            continue
        decided = None not in verdicts
        frame.maybe += not decided
        exact = _generate(machine, node, frame, level + 1, found) and exact and decided
        frame.maybe -= not decided
    return exact
