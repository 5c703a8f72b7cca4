"""Calls: entering functions written in Python, making objects, and what a signature refuses."""

from __future__ import annotations

from collections.abc import Mapping

from doctor.imports.attributes import name_module
from doctor.imports.classes import class_lookup, is_exception, is_open_class, public_name, resolution_order
from doctor.imports.failures import Failure, Raised, error_class
from doctor.imports.lower import FunctionBody, NotPythonError
from doctor.imports.machine import CALL_DEPTH, CALL_STEPS, Frame, Machine
from doctor.imports.values import (
    UNKNOWN,
    Bound,
    Bounded,
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
    Value,
    join,
)


def call(
    machine: Machine,
    function: Value,
    args: list[Value],
    kwargs: Mapping[str, Value],
    frame: Frame,
    line: int,
    *,
    exact: bool = True,
) -> Value:
    """Call a value; ``exact`` is False when not all arguments are known. Raises ``Raised``."""
    if isinstance(function, Bound):
        if isinstance(function.function, str):
            from doctor.imports.methods import call_method  # noqa: PLC0415

            return (
                call_method(machine, function.self, function.function, args, dict(kwargs), frame) if exact else UNKNOWN
            )
        return call(machine, function.function, [function.self, *args], kwargs, frame, line, exact=exact)
    if isinstance(function, Function):
        return call_function(machine, function, args, kwargs, frame, line, exact=exact)
    if isinstance(function, Native):
        return function.handler(machine, args, dict(kwargs), line) if exact else UNKNOWN
    if isinstance(function, External):
        from doctor.imports.library import call_external  # noqa: PLC0415

        return call_external(machine, function, args, dict(kwargs), frame, line)
    if isinstance(function, Class):
        return instantiate(machine, function, args, kwargs, frame, line, exact=exact)
    if isinstance(function, Instance):
        method = class_lookup(function.cls, "__call__")
        if isinstance(method, Function):
            return call(machine, method, [function, *args], kwargs, frame, line, exact=exact)
    if isinstance(function, Opaque) and function.kind == "partial":
        inner, first, keywords = function.value
        return call(machine, inner, [*first, *args], {**keywords, **kwargs}, frame, line, exact=exact)
    if isinstance(function, Module) and _is_plain(machine, function):
        raise machine.fail(_not_callable(function, frame, line), error_class("TypeError"), frame)
    return UNKNOWN


def _is_plain(machine: Machine, module: Module) -> bool:
    """A module like any other, and its name in its package is known to stand for it and not for a thing of that name."""
    parent = machine.modules.get(module.name.rpartition(".")[0])
    known = all(m.state == "done" and not m.opened for m in (module, parent) if isinstance(m, Module))
    return module.spec.kind == "source" and known and isinstance(parent, Module)


def _not_callable(module: Module, frame: Frame, line: int) -> Failure:
    """A package once had a function where it now has a module of the same name."""
    return Failure(
        kind="attribute", exception="TypeError", message="'module' object is not callable", symbol=module.name,
        provider=module.name.rpartition(".")[0], module=frame.module.name, path=frame.module.spec.path, line=line,
        provider_path=module.spec.path,
    )  # fmt: skip


def instantiate(
    machine: Machine,
    cls: Class,
    args: list[Value],
    kwargs: Mapping[str, Value],
    frame: Frame,
    line: int,
    *,
    exact: bool,
) -> Value:
    """``cls(...)``: ``__new__``, then ``__init__``."""
    order = resolution_order(cls)
    value: Value = Instance(cls, {}, opened=is_open_class(cls))
    if any(isinstance(c, External) and is_exception(c) for c in order):
        value.names["args"] = tuple(args)
    maker = class_lookup(cls, "__new__")
    if isinstance(maker, Function):
        value = call(machine, maker, [cls, *args], kwargs, frame, line, exact=exact)
        if not isinstance(value, Instance):
            return value
        if value.cls is not cls:
            if isinstance(value.cls, Class) and cls in resolution_order(value.cls):
                cls = value.cls
            else:
                return value
    start = class_lookup(cls, "__init__")
    if isinstance(start, Function):
        call(machine, start, [value, *args], kwargs, frame, line, exact=exact)
    elif any(isinstance(c, External) and c.path == "types.ModuleType" for c in order) and args:
        name_module(value, args)
    return value


def call_function(
    machine: Machine,
    function: Function,
    args: list[Value],
    kwargs: Mapping[str, Value],
    frame: Frame,
    line: int,
    *,
    exact: bool = True,
) -> Value:
    """Enter a function written in Python, as deep as the limits allow."""
    if machine.depth >= CALL_DEPTH or function.steps > CALL_STEPS * 40:
        return give_up(machine, function, args)
    body = function_body(machine, function)
    if body is None:
        return give_up(machine, function, args)
    if body.generator or body.coroutine:
        return Opaque("generator", (function, body)) if function.kind == "contextmanager" else UNKNOWN
    names = bind_arguments(machine, function, args, kwargs, frame, line, exact=exact)
    inner = Frame(function.module, names, "function", function.closure, function=function, cls=function.owner)
    outer, machine.base = machine.base, machine.base + frame.maybe
    before, loaded, limit = machine.steps, machine.loaded, machine.limit
    share = (limit - machine.steps) // 2 if machine.calling else CALL_STEPS  # the caller is what is looked at
    machine.limit = min(limit, machine.steps + share)
    machine.depth += 1
    guards = len(machine.guards)
    function.calls += 1
    from doctor.imports.statements import run_block  # noqa: PLC0415

    try:
        signal = run_block(machine, body.body, inner)
    except Raised as raised:
        if machine.calling and (raised.recorded or raised.possible) and raised.failure.root.kind == "raised":
            del machine.guards[guards:]
            return UNKNOWN  # what is raised by itself was hardly meant for arguments of which nothing is known
        if raised.recorded or not inner.maybe:
            raise
        del machine.guards[guards:]
        signal = "raise"  # behind a possible return: it may never come to this
    except Bounded:
        del machine.guards[guards:]
        function.steps += (
            CALL_STEPS * 10
        )  # a parser that runs at import is tried a few times, not for each of its texts
        return give_up(machine, function, args)
    finally:
        machine.depth -= 1
        spent = machine.loaded - loaded
        machine.base, machine.limit = outer, limit + spent
        function.steps += machine.steps - before - spent
    return _result(inner, signal)


def _result(frame: Frame, signal: str | None) -> Value:
    results = frame.results
    if signal == "raise":
        return results[0] if len(results) == 1 else UNKNOWN
    if signal != "return":
        results = [*results, None]
    value = results[0]
    for other in results[1:]:
        value = join(value, other)
    return value


def give_up(machine: Machine, function: Function, args: list[Value]) -> Value:
    """A call that is not followed: it may have bound names of its module, or of what it was given.

    When nothing really runs (``machine.calling``), what it may bind is asked for each name that is missed (``deferred``).
    """
    if not machine.calling and ((body := function_body(machine, function)) is None or body.binds):
        function.module.opened = function.module.opened or f"{function.name}() was not followed"
    for a in args:
        if isinstance(a, Dict):
            a.opened = True
            if a.module is not None:
                a.module.opened = a.module.opened or f"its globals() are passed to {function.name}()"
        elif isinstance(a, List | Set | Instance):
            a.opened = True
    return UNKNOWN


def function_body(machine: Machine, function: Function) -> FunctionBody | None:
    """The lowered body of a function, made when it is first called; None when it cannot be had."""
    body = function.body
    if isinstance(body, tuple):
        return FunctionBody(*body)
    known = function.module.bodies.get(body)
    if known is None:
        source = function.module.source
        if source is None:
            return None
        try:
            known = machine.store.function(
                function.module.spec.path,
                source,
                function.module.functions[body],
                future=function.module.future_annotations,
            )
        except NotPythonError:
            return None
        function.module.bodies[body] = known
    return known


def bind_arguments(
    machine: Machine,
    function: Function,
    args: list[Value],
    kwargs: Mapping[str, Value],
    frame: Frame,
    line: int,
    *,
    exact: bool,
) -> dict[str, Value]:
    """Names of the call's frame; raises TypeError (``Raised``) for an argument that the signature refuses."""
    names: dict[str, Value] = {}
    rest = list(args)
    taken = dict(kwargs)
    missing: list[str] = []
    for name, kind, _default in function.params:
        if kind <= 1 and rest:
            names[name] = rest.pop(0)
        elif kind == 2:
            names[name] = tuple(rest) if exact else UNKNOWN
            rest = []
        elif kind in {1, 3} and name in taken:
            names[name] = taken.pop(name)
        elif kind == 4:
            names[name] = Dict(dict(taken), opened=not exact)
            taken = {}
        elif name in function.defaults:
            names[name] = function.defaults[name] if exact else UNKNOWN
        else:
            names[name] = UNKNOWN
            missing.append(name)
    if taken and not function.wrapped and not any(k == 4 for _n, k, _d in function.params):
        unexpected = next(iter(taken))
        if unexpected not in {n for n, _k, _d in function.params}:
            problem = f"got an unexpected keyword argument {unexpected!r}"
            raise machine.fail(
                _refused(machine, function, problem, unexpected, frame, line), error_class("TypeError"), frame
            )
    if machine.calling and exact and not function.wrapped and (missing or rest):
        problem, symbol = _wrong_number(function, missing, len(args))
        raise machine.fail(_refused(machine, function, problem, symbol, frame, line), error_class("TypeError"), frame)
    return names


def _wrong_number(function: Function, missing: list[str], given: int) -> tuple[str, str]:
    """The interpreter's words for a call with too few or too many arguments, and what is at stake."""
    if missing:
        listed = " and ".join(repr(m) for m in missing)
        plural = "s" if len(missing) > 1 else ""
        return f"missing {len(missing)} required positional argument{plural}: {listed}", missing[0]
    most = sum(1 for _n, kind, _d in function.params if kind <= 1)
    return f"takes {most} positional argument{'s' if most != 1 else ''} but {given} were given", "..."


def _refused(machine: Machine, function: Function, problem: str, argument: str, frame: Frame, line: int) -> Failure:
    owner = function.owner if isinstance(function.owner, Class) else None
    prefix = f"{owner.name}." if owner is not None else ""
    if owner is None:
        shown = public_name(machine, function)
    else:
        shown = public_name(machine, owner) + ("" if function.name == "__init__" else f".{function.name}")
    return Failure(
        kind="argument", exception="TypeError", message=f"{prefix}{function.name}() {problem}",
        symbol=f"{shown}({argument})", provider=function.module.name, module=frame.module.name,
        path=frame.module.spec.path, line=line, provider_path=function.module.spec.path,
    )  # fmt: skip
