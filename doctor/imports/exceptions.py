"""``raise`` and ``try``: which handler gets what is raised, and what follows where that is not decided."""

from __future__ import annotations

from typing import Any

from doctor.imports.binding import bind_name
from doctor.imports.classes import class_of_exception
from doctor.imports.expressions import evaluate
from doctor.imports.failures import Failure, Raised, error_class
from doctor.imports.lower import Node
from doctor.imports.machine import Frame, Machine
from doctor.imports.values import UNKNOWN, Bounded, Class, External, Instance, Value


def run_raise(machine: Machine, node: Node, frame: Frame) -> str | None:
    """``raise``: with the exception at hand, again, or of unknown class."""
    if node[2] is None:
        if frame.handled is None:
            return _raise_unknown(frame)
        raise _again(machine, frame.handled, frame)
    value = evaluate(machine, node[2], frame)
    cause = evaluate(machine, node[3], frame) if node[3] is not None else None
    cls = class_of_exception(value)
    if cls is UNKNOWN:
        return _raise_unknown(frame)
    handled = frame.handled
    if isinstance(cause, Instance) and isinstance(cause.names.get("__raised__"), Raised):
        handled = cause.names["__raised__"]
    message = _message(value)
    failure = Failure(
        kind="raised", exception=class_name(cls), message=message, symbol=frame.module.name, provider=frame.module.name,
        module=frame.module.name, path=frame.module.spec.path, line=node[1],
        cause=handled.failure if handled is not None else None,
    )  # fmt: skip
    again = value.names.get("__raised__") if isinstance(value, Instance) else None
    if isinstance(again, Raised):
        raise _again(machine, again, frame)
    raise machine.fail(failure, cls, frame, value if isinstance(value, Instance) else None)


def _again(machine: Machine, raised: Raised, frame: Frame) -> Raised:
    """The same exception raised again: it is judged anew by the handlers that are left."""
    return machine.fail(raised.failure, raised.cls, frame, raised.value)


def _raise_unknown(frame: Frame) -> str:
    """An exception of unknown class: nothing certain can be said of what follows on this path."""
    if frame.maybe == 0:
        frame.maybe += 1  # what follows runs only if this did not raise: undecided
    return "raise"


def class_name(cls: Value) -> str:
    """The name of an exception class as a traceback shows it."""
    if isinstance(cls, External):
        return cls.path.removeprefix("builtins.")
    if isinstance(cls, Class):
        return cls.name
    return "Exception"


def _message(value: Value) -> str:
    if isinstance(value, Instance):
        args = value.names.get("args")
        if isinstance(args, tuple) and args and isinstance(args[0], str):
            return args[0]
    return ""


def handler_class(machine: Machine, expression: Node, frame: Frame) -> Value:
    """The class (or tuple of classes) that an ``except`` clause names; UNKNOWN when it cannot be evaluated."""
    machine.guards.append(("unknown",))
    try:
        return evaluate(machine, expression, frame)
    except (Raised, Bounded):
        return UNKNOWN
    finally:
        machine.guards.pop()


def run_try(machine: Machine, node: Node, frame: Frame) -> str | None:
    """``try``: the body under its handlers, then the handler that gets what is raised, ``else`` and ``finally``."""
    from doctor.imports.statements import run_block  # noqa: PLC0415

    body, handlers, orelse, final = node[2:6]
    signal: str | None = None
    depth = len(machine.guards)
    if handlers:
        machine.guards.append(("try", frame, handlers))
    if final and _leaves(final):
        machine.guards.append(("unknown",))  # return or break in finally swallows what is on its way
    before, doubts = frame.maybe, machine.doubts
    if _imports_late(body) and machine.caught(error_class("ImportError")) is False:
        frame.maybe += 1  # an exception of another kind may leave the body before it comes to the import
    try:
        try:
            signal = run_block(machine, body, frame)
        finally:
            del machine.guards[depth:]
            frame.maybe = max(before, frame.maybe - 1) if frame.maybe > before and signal is None else frame.maybe
        if machine.doubts > doubts and handlers:
            signal = _doubtful(machine, (*handlers, (0, None, "", orelse)), signal, frame)
        elif signal == "raise":
            signal = _maybe_handlers(machine, handlers, frame)
        elif signal is None:
            signal = run_block(machine, orelse, frame)
    except Raised as raised:
        del machine.guards[depth:]
        if raised.recorded:
            raise
        if final and _leaves(final):
            return run_block(machine, final, frame)
        frame.maybe = before
        _remember_unbound(body, raised, frame)
        signal = _handle(machine, handlers, raised, frame)
    finally:
        if final:
            run_block(machine, final, frame)
    return signal


def _imports_late(body: tuple[Node, ...]) -> bool:
    """An import comes behind a statement that may raise something else."""
    kinds = [n[0] for n in body]
    first = next((i for i, kind in enumerate(kinds) if kind not in {"import", "from", "def"}), len(kinds))
    return any(kind in {"import", "from"} for kind in kinds[first:])


def _leaves(body: tuple[Node, ...]) -> bool:
    return any(
        n[0] in {"return", "break", "continue"} or (n[0] == "if" and (_leaves(n[3]) or _leaves(n[4]))) for n in body
    )


def _maybe_handlers(machine: Machine, handlers: tuple[Any, ...], frame: Frame) -> str | None:
    """The body may have raised something unknown: any handler may run."""
    from doctor.imports.statements import run_maybe  # noqa: PLC0415

    for handler in handlers:
        if handler[2]:
            bind_name(frame, handler[2], UNKNOWN)
        run_maybe(machine, handler[3], frame)
    return None


def _doubtful(machine: Machine, handlers: tuple[Any, ...], signal: str | None, frame: Frame) -> str | None:
    """A module that the body imports may have raised: the body has run, or a handler; what follows a return is undecided."""
    _maybe_handlers(machine, handlers, frame)
    if signal in {"return", "break", "continue"}:
        frame.maybe += 1
        frame.returns = frame.returns or signal == "return"
    return None


def _remember_unbound(body: tuple[Node, ...], raised: Raised, frame: Frame) -> None:
    """Names that a guarded import would have bound: using one later is a NameError for the same reason."""
    if frame.kind != "module":
        return
    for node in body:
        if node[0] in {"import", "from"}:
            for name, alias in node[2] if node[0] == "import" else node[4]:
                frame.module.optional_names.setdefault(alias or name.partition(".")[0], raised.failure.root.symbol)


def _handle(machine: Machine, handlers: tuple[Any, ...], raised: Raised, frame: Frame) -> str | None:
    from doctor.imports.statements import run_block, run_maybe  # noqa: PLC0415

    unsure = False
    for _line, expression, name, body in handlers:
        verdict = True if expression is None else machine.matches(raised.cls, handler_class(machine, expression, frame))
        if verdict is False:
            continue
        outer, frame.handled = frame.handled, raised
        try:
            if name:
                value = raised.value
                if isinstance(value, Instance):
                    value.names["__raised__"] = raised
                    _describe(value, raised)
                bind_name(frame, name, value)
            if verdict and not unsure:
                signal = run_block(machine, body, frame)
                if name and not frame.maybe:
                    frame.names.pop(name, None)  # the language unbinds it behind the handler
                return signal
            unsure = True
            signal = run_maybe(machine, body, frame)
            if signal in {"return", "break", "continue"}:
                frame.maybe += 1
                frame.returns = frame.returns or signal == "return"
        finally:
            frame.handled = outer
    if unsure:
        return None
    raise raised


def _describe(value: Instance, raised: Raised) -> None:
    failure = raised.failure
    if failure.kind == "module":
        value.names.setdefault("name", failure.symbol)
    value.names.setdefault("msg", failure.message)
    if not value.names.get("args"):
        value.names["args"] = (failure.message,)
