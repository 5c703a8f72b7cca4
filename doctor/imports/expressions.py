"""Evaluating expressions abstractly: every form gives a value, UNKNOWN where nothing can be said."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from doctor.imports.comprehensions import evaluate_comprehension
from doctor.imports.containers import item
from doctor.imports.displays import evaluate_dict, evaluate_list, evaluate_set, evaluate_tuple
from doctor.imports.failures import Failure, Raised, error_class
from doctor.imports.lower import Node
from doctor.imports.machine import Frame, Machine
from doctor.imports.operators import binary, compare
from doctor.imports.values import MISSING, UNKNOWN, Dict, Function, List, Module, Value, truth


def evaluate(machine: Machine, node: Node, frame: Frame) -> Value:
    """The value of an expression; raises ``Raised`` where evaluating it certainly fails."""
    return _EXPRESSIONS[node[0]](machine, node, frame)


def _const(_machine: Machine, node: Node, _frame: Frame) -> Value:
    return node[2]


def _unknown(_machine: Machine, _node: Node, _frame: Frame) -> Value:
    return UNKNOWN


def _name(machine: Machine, node: Node, frame: Frame) -> Value:
    name = node[2]
    names = frame.names
    if name in names and name not in frame.globals_:
        return names[name]
    outer = frame.outer
    while outer is not None:
        if outer.kind == "function" and name in outer.names:
            return outer.names[name]
        outer = outer.outer
    module = frame.module
    if name in module.names:
        return module.names[name]
    return _builtin_or_undefined(machine, name, node[1], frame)


def _builtin_or_undefined(machine: Machine, name: str, line: int, frame: Frame) -> Value:
    from doctor.imports.library import builtin  # noqa: PLC0415

    value = builtin(name)
    if value is not MISSING:
        return value
    module = frame.module
    if machine.calling and frame.kind == "function":
        _stop_where_nothing_was_imported(name, line, frame)
    # what a star import brings has no underscore in front, unless a list of exports says so
    starred = module.opened.startswith(("star import", "computed __all__")) and name.startswith("__")
    if (module.opened and not starred) or frame.kind != "module" or machine.uncertain(frame) or machine.finder.archives:
        return UNKNOWN
    missed = module.optional_names.get(name, "")
    if not missed and not machine.caught(error_class("NameError")):
        return UNKNOWN  # not bound as far as was followed, and nobody expects that
    failure = Failure(
        kind="undefined", exception="NameError", message=f"name {name!r} is not defined", symbol=missed, provider=missed,
        module=module.name, path=module.spec.path, line=line,
    )  # fmt: skip
    raise machine.fail(failure, error_class("NameError"), frame)


def _stop_where_nothing_was_imported(name: str, line: int, frame: Frame) -> None:
    """A call that uses an optional module which is not there ends here; what stands behind it is not reached."""
    module = frame.module
    imported = rb"(?m)^[^\n#]*\bimport\b[^\n#]*\b" + re.escape(name.encode()) + rb"\b"
    if not module.opened and name not in frame.names and re.search(imported, module.source or b""):
        failure = Failure(
            kind="undefined", exception="NameError", message=f"name {name!r} is not defined", symbol=name, provider=module.name,
            module=module.name, path=module.spec.path, line=line,
        )  # fmt: skip
        raise Raised(error_class("NameError"), failure)


def _attr(machine: Machine, node: Node, frame: Frame) -> Value:
    from doctor.imports.attributes import get_attribute  # noqa: PLC0415

    value = _EXPRESSIONS[node[2][0]](machine, node[2], frame)
    if value is UNKNOWN:
        return UNKNOWN
    if value is None and machine.calling and node[2][0] == "name":
        _stop_where_nothing_was_imported(node[2][2], node[1], frame)
    return get_attribute(machine, value, node[3], frame, node[1])


def _call(machine: Machine, node: Node, frame: Frame) -> Value:
    from doctor.imports.calling import call  # noqa: PLC0415

    function = _EXPRESSIONS[node[2][0]](machine, node[2], frame)
    args: list[Value] = []
    exact = True
    for a in node[3]:
        if a[0] == "star":
            inner = evaluate(machine, a[2], frame)
            items = (
                list(inner)
                if isinstance(inner, tuple)
                else inner.items
                if isinstance(inner, List) and not inner.opened
                else None
            )
            if items is None:
                exact = False
            else:
                args.extend(items)
        else:
            args.append(_EXPRESSIONS[a[0]](machine, a, frame))
    kwargs: dict[str, Value] = {}
    for key, e in node[4]:
        value = evaluate(machine, e, frame)
        if key is not None:
            kwargs[key] = value
        elif isinstance(value, Dict) and not value.opened and all(isinstance(k, str) for k in value.items):
            kwargs.update(value.items)
        else:
            exact = False
    if function is UNKNOWN:
        _escape(machine, args, frame)
        return UNKNOWN
    return call(machine, function, args, kwargs, frame, node[1], exact=exact)


def _escape(_machine: Machine, args: list[Value], _frame: Frame) -> None:
    """An unknown callee may add names to a namespace that it is given."""
    for a in args:
        if isinstance(a, Dict):
            a.opened = True
            if a.module is not None:
                a.module.opened = a.module.opened or "its globals() are passed to code that is not known"
        elif isinstance(a, Module) and a.state == "loading":
            a.opened = a.opened or "passed to code that is not known"


def _item(machine: Machine, node: Node, frame: Frame) -> Value:

    holder = evaluate(machine, node[2], frame)
    key = evaluate(machine, node[3], frame)
    return UNKNOWN if holder is UNKNOWN else item(machine, holder, key, frame, node[1])


def _slice(machine: Machine, node: Node, frame: Frame) -> Value:
    parts = [evaluate(machine, n, frame) for n in node[2:5]]
    if all(p is None or isinstance(p, int) for p in parts):
        from doctor.imports.values import Opaque  # noqa: PLC0415

        return Opaque("slice", slice(*parts))
    return UNKNOWN


def _binop(machine: Machine, node: Node, frame: Frame) -> Value:

    return binary(machine, node[2], evaluate(machine, node[3], frame), evaluate(machine, node[4], frame))


def _and(machine: Machine, node: Node, frame: Frame) -> Value:
    return _short(machine, node, frame, stop=False)


def _or(machine: Machine, node: Node, frame: Frame) -> Value:
    return _short(machine, node, frame, stop=True)


def _short(machine: Machine, node: Node, frame: Frame, *, stop: bool) -> Value:
    """``and``/``or``: operands behind an unknown one are on an undecided path, but one may still decide."""
    unsure = 0
    value: Value = UNKNOWN
    try:
        for n in node[2]:
            try:
                value = evaluate(machine, n, frame)
            except Raised as raised:
                if not raised.possible:
                    raise
                value = UNKNOWN
            verdict = truth(value)
            if verdict is None:
                machine.undecided.add((frame.module.spec.path, node[1]))
                unsure += 1
                frame.maybe += 1
            elif verdict is stop:
                if not unsure:
                    return value
                # whatever the unknown operands are, the whole is false (and) or, for a plain True, true (or)
                return False if not stop else True if value is True else UNKNOWN
    finally:
        frame.maybe -= unsure
    return UNKNOWN if unsure else value


def _unary(machine: Machine, node: Node, frame: Frame) -> Value:
    value = evaluate(machine, node[3], frame)
    if node[2] == "Not":
        verdict = truth(value)
        return UNKNOWN if verdict is None else not verdict
    if isinstance(value, int | float) and node[2] in {"USub", "UAdd", "Invert"}:
        if node[2] == "Invert":
            return ~value if isinstance(value, int) else UNKNOWN
        return -value if node[2] == "USub" else +value
    return UNKNOWN


def _compare(machine: Machine, node: Node, frame: Frame) -> Value:

    left = evaluate(machine, node[2], frame)
    unsure = False
    for op, n in node[3]:
        right = evaluate(machine, n, frame)
        verdict = compare(machine, op, left, right)
        if verdict is UNKNOWN:
            unsure = True
        elif not verdict:
            return False
        left = right
    return UNKNOWN if unsure else True


def _ifexp(machine: Machine, node: Node, frame: Frame) -> Value:
    from doctor.imports.values import join  # noqa: PLC0415

    verdict = truth(evaluate(machine, node[2], frame))
    if verdict is not None:
        return evaluate(machine, node[3] if verdict else node[4], frame)
    machine.undecided.add((frame.module.spec.path, node[1]))
    values = []
    frame.maybe += 1
    try:
        for n in (node[3], node[4]):
            try:
                values.append(evaluate(machine, n, frame))
            except Raised:
                values.append(UNKNOWN)
    finally:
        frame.maybe -= 1
    return join(values[0], values[1])


def _lambda(machine: Machine, node: Node, frame: Frame) -> Value:
    defaults = {n: evaluate(machine, d, frame) for n, _k, d in node[2] if d is not None}
    return Function("<lambda>", node[2], defaults, frame.module, node[3], frame, node[1])


def _fstring(machine: Machine, node: Node, frame: Frame) -> Value:
    parts = [evaluate(machine, n, frame) for n in node[2]]
    if all(isinstance(p, str | int | float) or p is None for p in parts):
        text = "".join(str(p) for p in parts)
        return text if len(text) < 100_000 else UNKNOWN
    return UNKNOWN


def _star(machine: Machine, node: Node, frame: Frame) -> Value:
    evaluate(machine, node[2], frame)
    return UNKNOWN


def _walrus(machine: Machine, node: Node, frame: Frame) -> Value:
    from doctor.imports.binding import bind  # noqa: PLC0415

    value = evaluate(machine, node[3], frame)
    bind(machine, node[2], value, frame)
    return value


def _yield(machine: Machine, node: Node, frame: Frame) -> Value:
    if node[2] is not None:
        evaluate(machine, node[2], frame)
    return UNKNOWN


_EXPRESSIONS: dict[str, Callable[[Machine, Node, Frame], Any]] = {
    "const": _const, "unknown": _unknown, "name": _name, "attr": _attr, "call": _call, "tuple": evaluate_tuple, "list": evaluate_list,
    "set": evaluate_set, "dict": evaluate_dict, "item": _item, "slice": _slice, "binop": _binop, "and": _and, "or": _or, "unary": _unary,
    "compare": _compare, "ifexp": _ifexp, "lambda": _lambda, "fstring": _fstring, "comp": evaluate_comprehension, "star": _star,
    "walrus": _walrus, "yield": _yield,
}  # fmt: skip
