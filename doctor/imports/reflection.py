"""Built-in functions that look at objects and names: ``getattr``, ``isinstance``, ``globals``, ``type``, ``super``."""

from __future__ import annotations

from typing import Any

from doctor.imports.attributes import get_attribute, module_attribute, set_attribute
from doctor.imports.failures import Raised, error_class
from doctor.imports.machine import Frame, Handler, Machine
from doctor.imports.statements import run_block
from doctor.imports.values import (
    MISSING,
    UNKNOWN,
    Bound,
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
    Super,
    Value,
    const,
)


def _getattr(machine: Machine, args: list[Value], _k: dict[str, Value], frame: Frame, line: int) -> Value:
    if len(args) < 2 or not isinstance(args[1], str):
        return UNKNOWN
    if len(args) == 2:
        return get_attribute(machine, args[0], args[1], frame, line)
    depth = len(machine.guards)
    machine.guards.append(("types", error_class("AttributeError")))
    try:
        return get_attribute(machine, args[0], args[1], frame, line)
    except Raised as raised:
        if raised.recorded or not machine.matches(raised.cls, error_class("AttributeError")):
            raise
        return args[2]
    finally:
        del machine.guards[depth:]


def _hasattr(machine: Machine, args: list[Value], _k: dict[str, Value], frame: Frame, line: int) -> Value:
    if len(args) != 2 or not isinstance(args[1], str):
        return UNKNOWN
    value, name = args
    if isinstance(value, Module):
        depth = len(machine.guards)
        machine.guards.append(("types", error_class("AttributeError")))
        try:
            found = module_attribute(machine, value, name, frame, line)
        finally:
            del machine.guards[depth:]
        if found is MISSING:
            return UNKNOWN if value.opened and value.opened != "stdlib" else False
        return UNKNOWN if found is UNKNOWN and name not in value.names else True
    if isinstance(value, str | bytes | int | float | tuple):
        return hasattr(value, name)
    if isinstance(value, External) and value.path == "builtins.str":
        return hasattr(str, name)
    if isinstance(value, Function | Instance | Class) and name in value.names:
        return True
    return UNKNOWN


def _setattr(machine: Machine, args: list[Value], _k: dict[str, Value], frame: Frame, _line: int) -> Value:
    if len(args) == 3 and isinstance(args[1], str):
        set_attribute(machine, args[0], args[1], args[2], frame)
    elif (args and isinstance(args[0], Module)) or (args and isinstance(args[0], Class)):
        args[0].opened = args[0].opened or "setattr with a name that is not known"
    return None


_TYPES: dict[str, Any] = {
    "builtins.str": str, "builtins.int": int, "builtins.float": float, "builtins.bytes": bytes, "builtins.bool": bool,
    "builtins.tuple": tuple, "builtins.list": List, "builtins.dict": Dict, "builtins.set": Set,
}  # fmt: skip


def _isinstance(machine: Machine, args: list[Value], _k: dict[str, Value], _frame: Frame, _line: int) -> Value:
    if len(args) != 2:
        return UNKNOWN
    value, wanted = args
    verdicts = [_is_a(machine, value, w) for w in (wanted if isinstance(wanted, tuple) else (wanted,))]
    return True if True in verdicts else UNKNOWN if None in verdicts else False


def _is_a(machine: Machine, value: Value, wanted: Value) -> bool | None:
    if (
        isinstance(wanted, External)
        and wanted.path in _TYPES
        and (const(value) or isinstance(value, tuple | List | Dict | Set))
    ):
        return isinstance(value, _TYPES[wanted.path])
    if isinstance(value, Instance) and isinstance(wanted, Class):
        return machine.matches(value.cls, wanted)
    if isinstance(value, Function | Module) and isinstance(wanted, External):
        if wanted.path == "types.ModuleType" and isinstance(value, Module):
            return True
        return False if wanted.path == "builtins.type" or wanted.path in _TYPES else None
    if isinstance(value, Class) and isinstance(wanted, External) and wanted.path == "builtins.type":
        return True
    return None


def _issubclass(machine: Machine, args: list[Value], _k: dict[str, Value], _frame: Frame, _line: int) -> Value:
    if len(args) != 2 or not isinstance(args[0], Class | External):
        return UNKNOWN
    verdict = machine.matches(args[0], args[1])
    return UNKNOWN if verdict is None else verdict


def _namespace(_m: Machine, args: list[Value], _k: dict[str, Value], frame: Frame, _line: int) -> Value:
    """``globals()``, and ``locals()`` / ``vars()`` at module level."""
    if args:
        value = args[0]
        if isinstance(value, Module):
            return Dict(value.names, opened=bool(value.opened), module=value)
        return Dict(value.names, opened=True) if isinstance(value, Instance | Class) else UNKNOWN
    return Dict(frame.module.names, opened=bool(frame.module.opened), module=frame.module)


def _locals(machine: Machine, args: list[Value], kwargs: dict[str, Value], frame: Frame, line: int) -> Value:
    if args or frame.kind == "module":
        return _namespace(machine, args, kwargs, frame, line)
    return Dict(frame.names, opened=frame.kind == "function")


def _dir(_m: Machine, args: list[Value], _k: dict[str, Value], frame: Frame, _line: int) -> Value:
    if not args:
        return List(sorted(frame.names), opened=bool(frame.module.opened))
    value = args[0]
    if isinstance(value, Module) and value.spec.kind != "stdlib":
        return List(sorted(value.names), opened=bool(value.opened))
    return UNKNOWN


def _exec(machine: Machine, args: list[Value], _k: dict[str, Value], frame: Frame, _line: int) -> Value:
    from doctor.imports import lower  # noqa: PLC0415

    if len(args) == 1 and isinstance(args[0], str):
        try:
            run_block(machine, lower.lower_module(lower.parse(args[0].encode(), machine.minor)).body, frame)
        except lower.NotPythonError:
            pass
        else:
            return None
    frame.module.opened = frame.module.opened or "exec"
    for a in args[1:]:
        if isinstance(a, Dict):
            a.opened = True
    return None


def _type(_m: Machine, args: list[Value], _k: dict[str, Value], frame: Frame, line: int) -> Value:
    if len(args) == 3 and isinstance(args[0], str):
        names = args[2].items if isinstance(args[2], Dict) else {}
        bases = args[1] if isinstance(args[1], tuple) else (UNKNOWN,)
        opened = "" if isinstance(args[2], Dict) and not args[2].opened else "computed class"
        if any(not isinstance(b, Class | External) for b in bases):
            opened = "a base that is not known"
        return Class(args[0], bases, dict(names), frame.module, opened, line)
    if len(args) == 1:
        value = args[0]
        if isinstance(value, Instance):
            return value.cls
        if isinstance(value, Module):
            return External("types.ModuleType")
        if const(value) and value is not None:
            return External(f"builtins.{type(value).__name__}")
    return UNKNOWN


def _super(_m: Machine, args: list[Value], _k: dict[str, Value], frame: Frame, _line: int) -> Value:
    if len(args) == 2:
        return Super(args[0], args[1])
    function = frame.function
    if function is not None and isinstance(function.owner, Class) and function.params:
        return Super(function.owner, frame.names.get(function.params[0][0], UNKNOWN))
    return UNKNOWN


def _kind_test(*kinds: type) -> Handler:
    def handler(_m: Machine, args: list[Value], _k: dict[str, Value], _f: Frame, _line: int) -> Value:
        if len(args) != 1 or args[0] is UNKNOWN or isinstance(args[0], Opaque | External):
            return UNKNOWN
        return isinstance(args[0], kinds)

    return handler


CALLS: dict[str, Handler] = {
    "builtins.getattr": _getattr, "builtins.hasattr": _hasattr, "builtins.setattr": _setattr,
    "builtins.isinstance": _isinstance, "builtins.issubclass": _issubclass, "builtins.globals": _namespace,
    "builtins.locals": _locals, "builtins.vars": _locals, "builtins.dir": _dir, "builtins.exec": _exec,
    "builtins.type": _type, "builtins.super": _super, "inspect.isclass": _kind_test(Class),
    "inspect.isfunction": _kind_test(Function), "inspect.ismodule": _kind_test(Module),
    "builtins.callable": _kind_test(Class, Function, Native, Bound),
}  # fmt: skip
