"""Built-in functions that make values of values: sizes, sequences, numbers, loops."""

from __future__ import annotations

from doctor.imports.calling import call
from doctor.imports.containers import iterate
from doctor.imports.displays import make_set
from doctor.imports.failures import Failure, error_class
from doctor.imports.machine import Frame, Handler, Machine
from doctor.imports.values import UNKNOWN, Dict, List, Opaque, Set, Value, const, truth


def _len(_m: Machine, args: list[Value], _k: dict[str, Value], _f: Frame, _line: int) -> Value:
    if not args:
        return UNKNOWN
    value = args[0]
    if isinstance(value, str | bytes | tuple):
        return len(value)
    return len(value.items) if isinstance(value, List | Dict | Set) and not value.opened else UNKNOWN


def _sequence(kind: str) -> Handler:
    def handler(machine: Machine, args: list[Value], _k: dict[str, Value], _f: Frame, _line: int) -> Value:
        items, exact = iterate(machine, args[0]) if args else ([], True)
        if kind == "tuple":
            return tuple(items) if exact else UNKNOWN
        if kind == "set":
            made = make_set(items)
            made.opened = made.opened or not exact
            return made
        if kind == "reversed":
            items = items[::-1]
        if kind == "sorted":
            items = sorted(items, key=repr) if all(isinstance(i, str) for i in items) else items
        return List(items, opened=not exact)

    return handler


def _dict(machine: Machine, args: list[Value], kwargs: dict[str, Value], frame: Frame, _line: int) -> Value:
    from doctor.imports.methods import call_method  # noqa: PLC0415

    made = Dict({})
    call_method(machine, made, "update", args, kwargs, frame)
    return made


def _number(kind: type) -> Handler:
    def handler(machine: Machine, args: list[Value], kwargs: dict[str, Value], frame: Frame, line: int) -> Value:
        if kwargs:
            return UNKNOWN
        if kind is bool:
            verdict = truth(args[0]) if args else False
            return UNKNOWN if verdict is None else verdict
        if not args:
            return kind()
        if kind is str and isinstance(args[0], Opaque) and args[0].kind in {"version", "path"}:
            return str(args[0].value)
        try:
            known = len(args) == 1 and const(args[0]) and len(str(args[0])) < 100
            return kind(args[0]) if known else UNKNOWN
        except (ValueError, TypeError, OverflowError) as error:
            if machine.caught(error_class(type(error).__name__)):
                raise machine.fail(own_failure(error, frame, line), error_class(type(error).__name__), frame) from None
            return UNKNOWN

    return handler


def own_failure(error: Exception, frame: Frame, line: int) -> Failure:
    """The failure of a pure operation that a handler of the program waits for."""
    module = frame.module
    return Failure(
        kind="raised",
        exception=type(error).__name__,
        message=str(error),
        symbol=module.name,
        provider=module.name,
        module=module.name,
        path=module.spec.path,
        line=line,
    )


def _any_all(stop: bool) -> Handler:
    def handler(machine: Machine, args: list[Value], _k: dict[str, Value], _f: Frame, _line: int) -> Value:
        items, exact = iterate(machine, args[0]) if args else ([], False)
        verdicts = [truth(i) for i in items]
        if stop in verdicts:
            return stop
        return UNKNOWN if None in verdicts or not exact else not stop

    return handler


def _map(machine: Machine, args: list[Value], _k: dict[str, Value], frame: Frame, line: int) -> Value:
    if len(args) != 2:
        return UNKNOWN
    items, exact = iterate(machine, args[1])
    return List(
        [call(machine, args[0], [i], {}, frame, line) for i in items[:500]], opened=not exact or len(items) > 500
    )


def _zip(machine: Machine, args: list[Value], _k: dict[str, Value], _f: Frame, _line: int) -> Value:
    columns = [iterate(machine, a) for a in args]
    rows = list(zip(*[c[0] for c in columns], strict=False))
    return List(list(rows), opened=not all(c[1] for c in columns))


def _enumerate(machine: Machine, args: list[Value], kwargs: dict[str, Value], _f: Frame, _line: int) -> Value:
    if len(args) != 1 or kwargs:
        return UNKNOWN
    items, exact = iterate(machine, args[0])
    return List(list(enumerate(items)), opened=not exact)


def _range(_m: Machine, args: list[Value], _k: dict[str, Value], _f: Frame, _line: int) -> Value:
    if args and all(isinstance(a, int) for a in args) and (len(args) < 3 or args[2]):
        return Opaque("range", range(*args[:3]))
    return UNKNOWN


CALLS: dict[str, Handler] = {
    "builtins.len": _len, "builtins.list": _sequence("list"), "builtins.tuple": _sequence("tuple"),
    "builtins.set": _sequence("set"), "builtins.frozenset": _sequence("set"), "builtins.sorted": _sequence("sorted"),
    "builtins.iter": _sequence("list"), "builtins.reversed": _sequence("reversed"), "builtins.dict": _dict,
    "collections.OrderedDict": _dict, "builtins.str": _number(str), "builtins.int": _number(int),
    "builtins.float": _number(float), "builtins.bool": _number(bool), "builtins.any": _any_all(True),
    "builtins.all": _any_all(False), "builtins.map": _map, "builtins.zip": _zip, "builtins.enumerate": _enumerate,
    "builtins.range": _range,
}  # fmt: skip
