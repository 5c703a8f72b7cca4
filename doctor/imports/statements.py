"""Executing statements abstractly.

A block returns None when it runs to its end, or the word that ended it: ``return``, ``break``, ``continue``,
``raise`` (an undecided path that ends in an exception). On an undecided path (``frame.maybe``) bindings are
joined with what was there, so that later conditions on them are unknown, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from doctor.imports.binding import bind, bind_name, extend_list
from doctor.imports.definitions import make_class, make_function
from doctor.imports.exceptions import run_raise, run_try
from doctor.imports.expressions import evaluate
from doctor.imports.failures import Raised
from doctor.imports.importing import run_from, run_import
from doctor.imports.lower import Node
from doctor.imports.machine import Frame, Machine
from doctor.imports.values import UNKNOWN, Bounded, Dict, External, List, Module, truth

_LOOP_LIMIT = 2000
_SETS_UP = re.compile(r"(?:^|_)(?:init|set_?up|register|install|load|bind|populate|add|define|export)", re.IGNORECASE)


def run_block(machine: Machine, body: Iterable[Node], frame: Frame) -> str | None:
    """Execute statements in order; at module and class level go on behind a recorded failure."""
    outermost = frame.kind != "function"
    for node in body:
        machine.steps += 1
        if machine.steps > machine.limit:
            raise Bounded
        if outermost:
            frame.module.line = node[1]
        try:
            signal = _STATEMENTS[node[0]](machine, node, frame)
        except Raised as raised:
            if not ((raised.recorded or raised.possible) and outermost):
                raise
            _poison(machine, node, frame)
            continue
        if signal is not None:
            return signal
    return None


def run_maybe(machine: Machine, body: Iterable[Node], frame: Frame) -> str | None:
    """Execute a block that may or may not run; an exception that nothing catches ends only this path."""
    frame.maybe += 1
    try:
        return run_block(machine, body, frame)
    except Raised as raised:
        if raised.recorded:
            return None
        return "raise"
    finally:
        frame.maybe -= 1


def _poison(machine: Machine, node: Node, frame: Frame) -> None:
    """Bind what a failed statement would have bound: after its cure it is there, with unknown value."""
    op = node[0]
    if op == "import":
        for name, alias in node[2]:
            frame.names.setdefault(alias or name.partition(".")[0], UNKNOWN)
    elif op == "from":
        for name, alias in node[4]:
            if name == "*":
                frame.module.opened = frame.module.opened or "star import of a broken module"
            else:
                frame.names[alias or name] = UNKNOWN
    elif op in {"def", "class"}:
        frame.names[node[2]] = UNKNOWN
    elif op == "assign":
        for target in node[2]:
            bind(machine, target, UNKNOWN, frame)
    elif op in {"aug", "ann", "for"} and node[2] is not None:
        bind(machine, node[2], UNKNOWN, frame)


def _expr(machine: Machine, node: Node, frame: Frame) -> None:
    evaluate(machine, node[2], frame)
    if frame.kind == "module" and node[2][0] == "call" and _is_compiled_set_up(machine, node[2], frame):
        frame.module.opened = frame.module.opened or "compiled code of its own package may add names"


def _is_compiled_set_up(machine: Machine, call: Node, frame: Frame) -> bool:
    """``package._C.init()`` for its effect alone, in a module of the same package, by a name that promises more names."""
    function = call[2]
    if function[0] != "attr" or call[3] or call[4] or not _SETS_UP.search(function[3]):
        return False
    holder = evaluate(machine, function[2], frame)
    root = frame.module.name.partition(".")[0]
    return isinstance(holder, Module) and holder.spec.kind == "native" and holder.name.partition(".")[0] == root


def _assign(machine: Machine, node: Node, frame: Frame) -> None:
    value = evaluate(machine, node[3], frame)
    for target in node[2]:
        bind(machine, target, value, frame)


def _aug(machine: Machine, node: Node, frame: Frame) -> None:
    from doctor.imports.operators import binary  # noqa: PLC0415

    old = evaluate(machine, node[2], frame)
    value = evaluate(machine, node[4], frame)
    if node[3] == "Add" and isinstance(old, List):
        extend_list(old, value, uncertain=machine.uncertain(frame))
        return
    bind(machine, node[2], binary(machine, node[3], old, value), frame)


def _ann(machine: Machine, node: Node, frame: Frame) -> None:
    if node[4] is not None:
        bind(machine, node[2], evaluate(machine, node[4], frame), frame)
    if frame.kind != "function" and not frame.module.future_annotations:
        for annotation in node[3]:
            evaluate(machine, annotation, frame)


def _del(machine: Machine, node: Node, frame: Frame) -> None:
    for target in node[2]:
        if target[0] == "name" and not frame.maybe:
            names = frame.module.names if target[2] in frame.globals_ else frame.names
            names.pop(target[2], None)
        elif target[0] == "item":
            holder, key = evaluate(machine, target[2], frame), evaluate(machine, target[3], frame)
            if isinstance(holder, Dict):
                if isinstance(key, str) and (holder.module is None or not machine.uncertain(frame)):
                    holder.items.pop(key, None)
                if not isinstance(key, str) or machine.uncertain(frame):
                    holder.opened = True
            elif isinstance(holder, External) and holder.path == "sys.modules" and isinstance(key, str):
                machine.modules.pop(key, None)


def _assert(machine: Machine, node: Node, frame: Frame) -> None:
    evaluate(machine, node[2], frame)


def _global(_machine: Machine, node: Node, frame: Frame) -> None:
    frame.globals_ = frame.globals_ | frozenset(node[2])


def _nonlocal(_machine: Machine, node: Node, frame: Frame) -> None:
    """The name belongs to an enclosing call: what is bound here is not known there, and the other way round."""
    for name in node[2]:
        frame.names[name] = UNKNOWN
        outer = frame.outer
        while outer is not None:
            if outer.kind == "function" and name in outer.names:
                outer.names[name] = UNKNOWN
                break
            outer = outer.outer


def _return(machine: Machine, node: Node, frame: Frame) -> str:
    frame.results.append(evaluate(machine, node[2], frame))
    return "return"


def _if(machine: Machine, node: Node, frame: Frame) -> str | None:
    verdict = truth(evaluate(machine, node[2], frame))
    if verdict is not None:
        return run_block(machine, node[3] if verdict else node[4], frame)
    machine.undecided.add((frame.module.spec.path, node[1]))
    if machine.trace is not None:
        machine.trace("undecided", f"{frame.module.spec.path}:{node[1]}")
    first = run_maybe(machine, node[3], frame)
    second = run_maybe(machine, node[4], frame)
    return after_branches(frame, (first, second))


def after_branches(frame: Frame, signals: tuple[str | None, ...]) -> str | None:
    """What follows branches of which one ran: code behind a possible return is itself undecided."""
    if all(signals) and len(set(signals)) == 1:
        return None if signals[0] == "raise" else signals[0]
    if any(s in {"return", "break", "continue"} for s in signals):
        frame.maybe += 1
        frame.returns = frame.returns or "return" in signals
    return None


def _for(machine: Machine, node: Node, frame: Frame) -> str | None:
    return _loop(_iterate, machine, node, frame)


def _while(machine: Machine, node: Node, frame: Frame) -> str | None:
    return _loop(_repeat, machine, node, frame)


def _loop(run: Callable[[Machine, Node, Frame], str | None], machine: Machine, node: Node, frame: Frame) -> str | None:
    """A loop; what follows it is undecided where a round may have returned, and only there."""
    outer, frame.returns = frame.returns, False
    signal = run(machine, node, frame)
    if frame.returns and signal is None:
        frame.maybe += 1
    frame.returns = frame.returns or outer
    return signal


def _iterate(machine: Machine, node: Node, frame: Frame) -> str | None:
    from doctor.imports.containers import iterate  # noqa: PLC0415

    items, exact = iterate(machine, evaluate(machine, node[3], frame))
    before = frame.maybe
    if not exact or len(items) > _LOOP_LIMIT:
        for item in [*items[:_LOOP_LIMIT], UNKNOWN] if items and not exact else [UNKNOWN]:
            bind(machine, node[2], item, frame)
            if run_maybe(machine, node[4], frame) == "return":
                frame.returns = True
            frame.maybe = before  # a possible continue or break ends with its round
        run_maybe(machine, node[5], frame)
        frame.maybe = before
        return None
    for item in items:
        frame.maybe, outer = 0, frame.maybe  # the loop's own name has one value in each round
        bind(machine, node[2], item, frame)
        frame.maybe = outer
        signal = run_block(machine, node[4], frame)
        if signal == "break":
            frame.maybe = before
            return None
        if signal in {"return", "raise"}:
            return signal
        frame.maybe = min(frame.maybe, before)  # a possible continue or break: the next round is decided again
    return run_block(machine, node[5], frame)


def _repeat(machine: Machine, node: Node, frame: Frame) -> str | None:
    for _ in range(200):
        verdict = truth(evaluate(machine, node[2], frame))
        if verdict is False:
            return run_block(machine, node[4], frame)
        if verdict is None:
            machine.undecided.add((frame.module.spec.path, node[1]))
            break
        before = frame.maybe
        signal = run_block(machine, node[3], frame)
        if signal == "break":
            return None
        if signal in {"return", "raise"}:
            return signal
        if frame.maybe > before:
            frame.maybe = before
            break
    before = frame.maybe
    if run_maybe(machine, node[3], frame) == "return":
        frame.returns = True
    frame.maybe = before
    return None


def _with(machine: Machine, node: Node, frame: Frame) -> str | None:
    from doctor.imports.contexts import enter_context  # noqa: PLC0415

    depth = len(machine.guards)
    swallows: list[Any] = []
    for expression, target in node[2]:
        manager = evaluate(machine, expression, frame)
        value, guard = enter_context(machine, manager, frame)
        if target is not None:
            bind(machine, target, value, frame)
        if guard is not None:
            machine.guards.append(guard)
            swallows.append(guard)
    try:
        return run_block(machine, node[3], frame)
    except Raised as raised:
        if raised.recorded or not any(machine.guard_catches(g, raised.cls) is not False for g in swallows):
            raise
        return None
    finally:
        del machine.guards[depth:]


def _match(machine: Machine, node: Node, frame: Frame) -> str | None:
    evaluate(machine, node[2], frame)
    signals = []
    for names, body in node[3]:
        for name in names:
            bind_name(frame, name, UNKNOWN)
        signals.append(run_maybe(machine, body, frame))
    return after_branches(frame, (*signals, None))


def _def(machine: Machine, node: Node, frame: Frame) -> None:
    bind_name(frame, node[2], make_function(machine, node, frame))


def _class(machine: Machine, node: Node, frame: Frame) -> None:
    bind_name(frame, node[2], make_class(machine, node, frame))


_STATEMENTS: dict[str, Callable[[Machine, Node, Frame], str | None]] = {
    "expr": _expr, "assign": _assign, "aug": _aug, "ann": _ann, "del": _del, "assert": _assert, "global": _global,
    "nonlocal": _nonlocal, "return": _return, "raise": run_raise, "import": run_import, "from": run_from, "if": _if, "for": _for,
    "while": _while, "try": run_try, "with": _with, "match": _match, "def": _def, "class": _class,
    "break": lambda _m, _n, _f: "break", "continue": lambda _m, _n, _f: "continue",
}  # fmt: skip
