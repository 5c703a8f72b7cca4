"""``def`` and ``class``: what is evaluated when one is executed, and what decorators make of it."""

from __future__ import annotations

from doctor.imports.calling import call
from doctor.imports.expressions import evaluate
from doctor.imports.failures import Raised
from doctor.imports.lower import Node
from doctor.imports.machine import Frame, Machine
from doctor.imports.values import UNKNOWN, Bound, Class, External, Function, Value


def make_function(machine: Machine, node: Node, frame: Frame) -> Value:
    """``def``: decorators, then defaults, then annotations, in the order of the language; then the decorators' calls."""
    _op, line, name, params, decorators, annotations, body = node
    chosen = [evaluate(machine, d, frame) for d in decorators]
    defaults = {n: evaluate(machine, d, frame) for n, _kind, d in params if d is not None}
    if not frame.module.future_annotations:
        for annotation in annotations:
            evaluate(machine, annotation, frame)
    made = Function(
        name, params, defaults, frame.module, body, frame, line, owner=frame.cls if frame.kind == "class" else None
    )
    if isinstance(body, int):
        frame.module.defined[body] = made
    function: Value = made
    for decorator in reversed(chosen):
        function = _decorate(machine, decorator, function, frame, line)
    return function


_KINDS = {
    "builtins.staticmethod": "static", "builtins.classmethod": "class", "builtins.property": "property",
    "functools.cached_property": "property", "abc.abstractproperty": "property", "abc.abstractclassmethod": "class",
    "contextlib.contextmanager": "contextmanager", "contextlib.asynccontextmanager": "contextmanager",
}  # fmt: skip


_TRANSPARENT = frozenset({
    "functools.lru_cache", "functools.cache", "functools.total_ordering", "abc.abstractmethod", "typing.overload",
    "typing.final", "typing.no_type_check", "typing.runtime_checkable", "typing.override", "dataclasses.dataclass",
    "enum.unique", "atexit.register", "functools.singledispatch", "types.coroutine", "typing.dataclass_transform",
    "contextlib.ContextDecorator", "enum.global_enum", "functools.wraps", "functools.update_wrapper", "warnings.deprecated",
    "reprlib.recursive_repr", "typing.no_type_check_decorator", "enum.verify",
})  # fmt: skip


def _decorate(machine: Machine, decorator: Value, function: Value, frame: Frame, line: int) -> Value:
    if isinstance(decorator, External):
        kind = _KINDS.get(decorator.path)
        if kind is not None:
            if isinstance(function, Function):
                function.kind = kind
                return function
            return UNKNOWN
        return function if decorator.path in _TRANSPARENT else UNKNOWN
    if isinstance(decorator, Bound) and isinstance(decorator.function, str):
        return decorator.self if decorator.function in {"setter", "deleter"} else UNKNOWN  # still the same property
    if decorator is UNKNOWN:
        if isinstance(function, Class):
            function.opened = function.opened or "a decorator that is not known"
            return function
        return UNKNOWN
    result = call(machine, decorator, [function], {}, frame, line)
    if result is UNKNOWN and isinstance(function, Class):
        function.opened = function.opened or "a decorator that is not known"
        return function
    return result


def make_class(machine: Machine, node: Node, frame: Frame) -> Value:
    """``class``: bases and keywords, then the body in a namespace of its own, then the decorators."""
    _op, line, name, bases, keywords, decorators, body = node
    from doctor.imports.statements import run_block  # noqa: PLC0415

    chosen = [evaluate(machine, d, frame) for d in decorators]
    values: list[Value] = []
    opened = ""
    lacking: Raised | None = None
    for b in bases:
        if b[0] == "star":
            opened = "computed bases"
            continue
        try:
            values.append(evaluate(machine, b, frame))
        except Raised as raised:
            if not raised.recorded:
                raise
            lacking = lacking or raised  # once the base is there, the body is executed
            values.append(UNKNOWN)
    given = []
    for key, e in keywords:
        evaluate(machine, e, frame)
        given.append(key or "**")
    cls = Class(name, tuple(values), {}, frame.module, opened, line, tuple(given))
    if given and given != ["metaclass"]:
        cls.opened = cls.opened or ""
    if "metaclass" in given or "**" in given:
        cls.opened = cls.opened or "a metaclass"
    if any(not isinstance(v, Class | External) for v in values):
        cls.opened = cls.opened or "a base that is not known"
    names: dict[str, Value] = {"__module__": frame.module.name, "__qualname__": name}
    inner = Frame(frame.module, names, "class", frame if frame.kind != "class" else frame.outer, cls=cls)
    inner.maybe = 0
    outer, machine.base = machine.base, machine.base + frame.maybe
    try:
        run_block(machine, body, inner)
    finally:
        machine.base = outer
        cls.names = names
    if lacking is not None:
        raise lacking
    value: Value = cls
    for decorator in reversed(chosen):
        value = _decorate(machine, decorator, value, frame, line)
    return value
