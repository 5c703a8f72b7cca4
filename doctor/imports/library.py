"""What the standard library does when it is called at import time, as far as it matters to importing."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from doctor.imports import builtin_calls, import_functions, paths, reflection, versions
from doctor.imports.failures import Failure, Raised, error_class
from doctor.imports.hooks import change_hooks
from doctor.imports.machine import Frame, Handler, Machine
from doctor.imports.operators import compare
from doctor.imports.paths import path_method, read_file
from doctor.imports.patterns import call_regex, match_method, regex_method
from doctor.imports.values import (
    MISSING,
    UNKNOWN,
    Bound,
    Class,
    Dict,
    External,
    Function,
    Instance,
    Opaque,
    Value,
    lift,
)

_BUILTIN_NAMES = frozenset(dir(builtins))


class VersionInfo(tuple[Any, ...]):
    """``sys.version_info``: a tuple with field names."""

    __slots__ = ()
    fields = {"major": 0, "minor": 1, "micro": 2, "releaselevel": 3, "serial": 4}  # noqa: RUF012


def builtin(name: str) -> Value:
    """A name of the language's own, MISSING when there is none."""
    if name == "__debug__":
        return True
    if name in _BUILTIN_NAMES:
        value = getattr(builtins, name)
        return External(f"builtins.{value.__name__}") if isinstance(value, type) else External(f"builtins.{name}")
    return MISSING


def standard_value(machine: Machine, path: str) -> Value:
    """The value of a standard-library attribute where it decides conditions; MISSING when it is not modelled."""
    if path == "sys.version_info":
        return VersionInfo((*(*machine.version, 0, 0)[:3], "final", 0))
    if path == "sys.path":
        return machine.sys_path
    if path in {"sys.meta_path", "sys.path_hooks"}:
        return Opaque("hooks", None)
    if path == "sys.version":
        return ".".join(map(str, machine.version)) + " (main) [GCC]"
    if path == "sys.hexversion":
        major, minor, micro = (*machine.version, 0, 0)[:3]
        return major << 24 | minor << 16 | micro << 8 | 0xF0
    if path == "typing.TYPE_CHECKING":
        return False
    if path == "sys.prefix":
        return machine.finder.environment.path
    return _CONSTANTS.get(path, MISSING)


_CONSTANTS: dict[str, Value] = {
    "sys.platform": "linux", "os.name": "posix", "sys.byteorder": "little", "sys.maxsize": 2**63 - 1, "os.sep": "/",
    "sys.implementation.name": "cpython", "os.path.sep": "/", "os.linesep": "\n", "os.pathsep": ":", "os.curdir": ".",
    "sys.implementation.cache_tag": UNKNOWN, "os.pardir": "..", "sys.maxunicode": 0x10FFFF, "os.altsep": None,
}  # fmt: skip


def _getenv(machine: Machine, args: list[Value], kwargs: dict[str, Value], _frame: Frame, _line: int) -> Value:
    default = args[1] if len(args) > 1 else kwargs.get("default")
    if not args or not isinstance(args[0], str):
        return UNKNOWN
    known = compare(machine, "In", args[0], External("os.environ"))
    if known is True:
        return machine.environ[args[0]]
    return default if known is False else UNKNOWN


def _setdefault_env(machine: Machine, args: list[Value], _k: dict[str, Value], _frame: Frame, _line: int) -> Value:
    if len(args) == 2 and isinstance(args[0], str):
        return machine.environ.setdefault(args[0], args[1])
    return UNKNOWN


def _exit(machine: Machine, _args: list[Value], _k: dict[str, Value], frame: Frame, line: int) -> Value:
    failure = Failure(
        kind="exit", exception="SystemExit", message="the module ends the process", symbol=frame.module.name,
        provider=frame.module.name, module=frame.module.name, path=frame.module.spec.path, line=line,
    )  # fmt: skip
    raise machine.fail(failure, error_class("SystemExit"), frame)


def _same(_m: Machine, args: list[Value], _k: dict[str, Value], _f: Frame, _line: int) -> Value:
    return args[-1] if args else UNKNOWN


def _nothing(_m: Machine, _a: list[Value], _k: dict[str, Value], _f: Frame, _line: int) -> Value:
    return None


def _constant(value: Value) -> Handler:
    return lambda _m, _a, _k, _f, _l: value


def _native(handler: Callable[..., Value]) -> Handler:
    return lambda machine, args, kwargs, _frame, line: handler(machine, args, kwargs, line)


def _partial(_m: Machine, args: list[Value], kwargs: dict[str, Value], _f: Frame, _line: int) -> Value:
    return Opaque("partial", (args[0], args[1:], kwargs)) if args else UNKNOWN


def _suppress(_m: Machine, args: list[Value], _k: dict[str, Value], _f: Frame, _line: int) -> Value:
    return Opaque("suppress", tuple(args))


def _module_type(_m: Machine, args: list[Value], _k: dict[str, Value], _f: Frame, _line: int) -> Value:
    return Instance(External("types.ModuleType"), {"__name__": args[0] if args else UNKNOWN}, opened=True)


_CALLS: dict[str, Handler] = {
    **reflection.CALLS, **builtin_calls.CALLS, **paths.CALLS, **import_functions.CALLS,
    "builtins.print": _nothing, "builtins.exit": _exit, "builtins.quit": _exit, "sys.exit": _exit, "os._exit": _exit,
    "importlib.metadata.requires": _constant(UNKNOWN), "os.getenv": _getenv, "os.environ.get": _getenv,
    "os.environ.setdefault": _setdefault_env, "typing.cast": _same, "warnings.warn": _nothing,
    "warnings.filterwarnings": _nothing, "warnings.simplefilter": _nothing, "functools.partial": _partial,
    "contextlib.suppress": _suppress, "types.ModuleType": _module_type,
    "distutils.version.LooseVersion": _native(versions.loose_version),
    "distutils.version.StrictVersion": _native(versions.loose_version), "platform.system": _constant("Linux"),
    "platform.python_implementation": _constant("CPython"),
    "platform.machine": lambda m, _a, _k, _f, _l: _machine_name(m),
    "platform.python_version": lambda m, _a, _k, _f, _l: ( ".".join(map(str, m.version))),
    "platform.python_version_tuple": lambda m, _a, _k, _f, _l: ( tuple(map(str, m.version))), "sys.intern": _same,
    "copy.copy": _constant(UNKNOWN),
}  # fmt: skip


def _machine_name(machine: Machine) -> Value:
    interpreter = machine.finder.environment.interpreter
    return interpreter.machine if interpreter and interpreter.machine else UNKNOWN


_TRANSPARENT_CALLS = frozenset({
    "functools.lru_cache", "functools.cache", "functools.wraps", "dataclasses.dataclass", "enum.unique",
    "typing.dataclass_transform", "functools.total_ordering", "typing.final", "typing.runtime_checkable",
    "warnings.deprecated", "typing.override", "functools.update_wrapper", "abc.abstractmethod", "atexit.register",
    "reprlib.recursive_repr",
})  # fmt: skip


_LOOKS_UP = frozenset({"sys._getframe", "inspect.currentframe", "inspect.stack"})
"""Gives a function its caller's names, which it may then change."""

_CALLERS_NAMES = re.compile(rb"\.f_(?:globals|locals)\b(?!\.(?:get|items|keys|values|copy)\(|\[[^\]\n]*\](?!\s*=[^=]))")
"""Those names used for more than reading one of them."""


def _native_raise(machine: Machine, path: str, frame: Frame, line: int) -> Raised:
    """Compiled code that always raises, as a rule with evidence says."""
    exception, message = machine.surroundings.raises[path]
    failure = Failure(
        kind="raised", exception=exception, message=message, symbol=path, provider=path.rpartition(".")[0],
        module=frame.module.name, path=frame.module.spec.path, line=line, provider_path=frame.module.spec.path, trusted=True,
    )  # fmt: skip
    return machine.fail(failure, error_class(exception), frame)


def call_external(
    machine: Machine, function: External, args: list[Value], kwargs: dict[str, Value], frame: Frame, line: int
) -> Value:
    """Call something of the standard library."""
    path = function.path
    if path in machine.surroundings.raises:
        raise _native_raise(machine, path, frame, line)
    handler = _CALLS.get(path)
    if handler is not None:
        return handler(machine, args, kwargs, frame, line)
    if path.startswith("re."):
        return call_regex(path[3:], args, kwargs)
    if path in _TRANSPARENT_CALLS:
        return (
            args[0] if args and isinstance(args[0], Function | Class) and path != "functools.wraps" else External(path)
        )
    if path in {"builtins.staticmethod", "builtins.classmethod", "builtins.property"}:
        return UNKNOWN
    if path in _LOOKS_UP and machine.stack and _CALLERS_NAMES.search(frame.module.source or b""):
        importing = machine.stack[-1]
        importing.opened = importing.opened or f"{frame.module.name} changes the names of its caller"
    if path.startswith("builtins.") and path.endswith(("Error", "Exception", "Warning", "Exit", "Interrupt")):
        return Instance(External(path), {"args": tuple(args)}, opened=True)
    if path.startswith(("sys.meta_path.", "sys.path_hooks.")):
        machine.install_hook(frame)
        return None
    for a in args:
        if isinstance(a, Dict) and a.module is not None and not path.startswith(("logging.", "warnings.", "builtins.")):
            a.module.opened = a.module.opened or f"its globals() are passed to {path}"
    if path.startswith("builtins."):
        return UNKNOWN
    return Opaque("external", path)


def opaque_attribute(machine: Machine, value: Opaque, name: str) -> Value:
    """An attribute of a concrete object."""
    if value.kind in {"version", "requirement"}:
        return versions.version_field(value.value, name)
    if value.kind == "distribution" and name == "version":
        return value.value[1]
    if value.kind == "path":
        if name in {"parent", "name", "stem", "suffix", "parts"}:
            got = getattr(value.value, name)
            return Opaque("path", got) if isinstance(got, PurePosixPath) else lift(got)
        return Bound(name, value)
    if value.kind in {"specifiers", "regex", "match", "hooks", "file"}:
        return Bound(name, value)
    del machine
    return UNKNOWN


def opaque_method(
    machine: Machine, holder: Opaque, name: str, args: list[Value], kwargs: dict[str, Value], frame: Frame
) -> Value:
    """A method of a concrete object."""
    if holder.kind == "hooks":
        change_hooks(machine, name, args, frame)
        return None
    if holder.kind == "regex":
        return regex_method(holder.value, name, args)
    if holder.kind == "match":
        return match_method(holder.value, name, args)
    if holder.kind == "specifiers" and name == "contains":
        return versions.specifiers_contain(holder.value, args, kwargs)
    if holder.kind == "path":
        return path_method(machine, holder.value, name, args, frame)
    if holder.kind == "file" and name in {"read", "readlines"}:
        return read_file(machine, holder.value) if name == "read" else UNKNOWN
    return UNKNOWN
