"""What the standard library does when it is called at import time, as far as it matters to importing."""

from __future__ import annotations

import builtins
import posixpath
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from doctor.imports import versions
from doctor.imports.containers import compare, iterate
from doctor.imports.expressions import make_set
from doctor.imports.machine import Failure, Frame, Machine, Raised, error_class
from doctor.imports.objects import call, get_attribute, module_attribute, set_attribute
from doctor.imports.patterns import call_regex, match_method, regex_method
from doctor.imports.values import (
    MISSING,
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
    Super,
    Value,
    const,
    lift,
    truth,
)

if TYPE_CHECKING:
    from doctor.imports.lower import Node

Handler = Callable[[Machine, list[Value], dict[str, Value], Frame, int], Value]

_BUILTIN_NAMES = frozenset(dir(builtins))
_FILE_LIMIT = 300_000


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


# ---------------------------------------------------------------- built-in functions


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
    if isinstance(value, Function) and isinstance(wanted, External) and wanted.path == "builtins.type":
        return False
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


def _dunder_import(machine: Machine, args: list[Value], kwargs: dict[str, Value], frame: Frame, line: int) -> Value:
    name = args[0] if args else kwargs.get("name")
    if not isinstance(name, str):
        return UNKNOWN
    level = args[4] if len(args) > 4 else kwargs.get("level", 0)
    if level != 0:
        return UNKNOWN
    module = machine.import_name(name, frame, line)
    wanted = args[3] if len(args) > 3 else kwargs.get("fromlist", ())
    return module if truth(wanted) else machine.modules.get(name.partition(".")[0], UNKNOWN)


def _exec(machine: Machine, args: list[Value], _k: dict[str, Value], frame: Frame, _line: int) -> Value:
    from doctor.imports import lower  # noqa: PLC0415
    from doctor.imports.statements import run_block  # noqa: PLC0415

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
    from doctor.imports.containers import call_method  # noqa: PLC0415

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


def _open(machine: Machine, args: list[Value], kwargs: dict[str, Value], frame: Frame, line: int) -> Value:
    path = path_text(args[0]) if args else None
    mode = args[1] if len(args) > 1 else kwargs.get("mode", "r")
    if path is None or not isinstance(mode, str) or not mode.startswith("r"):
        return Opaque("external", "file")
    return open_file(machine, path, frame, line)


def open_file(machine: Machine, path: str, frame: Frame, line: int) -> Value:
    """Open a file of the patient for reading; raises FileNotFoundError where a file of its site is missing."""
    inside = any(path.startswith(f"{d}/") for d in machine.finder.path if isinstance(d, str))
    if not inside:
        return Opaque("external", "file")
    if machine.finder.files.facts(path) is None:
        failure = Failure(
            kind="file", exception="FileNotFoundError", message=f"[Errno 2] No such file or directory: {path!r}",
            symbol=path, provider=frame.module.name, module=frame.module.name, path=frame.module.spec.path, line=line,
            provider_path=path,
        )  # fmt: skip
        raise machine.fail(failure, error_class("FileNotFoundError"), frame)
    return Opaque("file", path)


def path_text(value: Value) -> str | None:
    """A known path as text."""
    if isinstance(value, str):
        return value
    return str(value.value) if isinstance(value, Opaque) and value.kind == "path" else None


# ---------------------------------------------------------------- importing by call


def _import_module(machine: Machine, args: list[Value], kwargs: dict[str, Value], frame: Frame, line: int) -> Value:
    name = args[0] if args else kwargs.get("name")
    if not isinstance(name, str):
        frame.module.opened = frame.module.opened or "imports modules by computed names"
    package = args[1] if len(args) > 1 else kwargs.get("package")
    if not isinstance(name, str):
        return UNKNOWN
    if name.startswith("."):
        if not isinstance(package, str):
            return UNKNOWN
        level = len(name) - len(name.lstrip("."))
        for _ in range(level - 1):
            package = package.rpartition(".")[0]
        name = f"{package}.{name.lstrip('.')}" if name.lstrip(".") else package
    return machine.import_name(name, frame, line)


def _find_spec(machine: Machine, args: list[Value], _k: dict[str, Value], frame: Frame, line: int) -> Value:
    name = args[0] if args else None
    if not isinstance(name, str) or name.startswith(".") or not name:
        return UNKNOWN
    if isinstance(machine.modules.get(name), Module):
        return Opaque("spec", name)
    parent: Value = None
    if "." in name:
        parent = machine.import_name(name.rpartition(".")[0], frame, line)
    spec = machine.spec_of(name, parent)
    if spec is UNKNOWN:
        return UNKNOWN
    return None if spec is None else Opaque("spec", name)


def metadata_version(machine: Machine, args: list[Value], _k: dict[str, Value], line: int) -> Value:
    """``importlib.metadata.version(name)``."""
    return _metadata(machine, args, line, whole=False)


def metadata_distribution(machine: Machine, args: list[Value], _k: dict[str, Value], line: int) -> Value:
    """``importlib.metadata.distribution(name)``, ``pkg_resources.get_distribution(name)``."""
    return _metadata(machine, args, line, whole=True)


def _metadata(machine: Machine, args: list[Value], line: int, *, whole: bool) -> Value:
    name = args[0] if args else None
    if isinstance(name, Opaque) and name.kind == "requirement":
        name = name.value.name
    if not isinstance(name, str):
        return UNKNOWN
    found = machine.surroundings.versions.get(versions.canonical(name))
    if found is not None:
        return Opaque("distribution", (name, found)) if whole else found
    if not machine.stack or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        return UNKNOWN
    module = machine.stack[-1]
    frame = Frame(module, module.names, "module")
    failure = Failure(
        kind="metadata", exception="importlib.metadata.PackageNotFoundError", message=f"No package metadata was found for {name}",
        symbol=name, provider=name, module=module.name, path=module.spec.path, line=line,
    )  # fmt: skip
    raise machine.fail(failure, External("importlib.metadata.PackageNotFoundError"), frame)


def _external_metadata(machine: Machine, args: list[Value], _k: dict[str, Value], _frame: Frame, line: int) -> Value:
    return _metadata(machine, args, line, whole=False)


def _external_distribution(
    machine: Machine, args: list[Value], _k: dict[str, Value], _frame: Frame, line: int
) -> Value:
    return _metadata(machine, args, line, whole=True)


def _extend_path(machine: Machine, args: list[Value], _k: dict[str, Value], _frame: Frame, _line: int) -> Value:
    if len(args) != 2 or not isinstance(args[1], str) or not isinstance(args[0], List):
        return UNKNOWN
    relative = args[1].replace(".", "/")
    out = list(args[0].items)
    for entry in machine.finder.path:
        directory = f"{entry}/{relative}"
        facts = machine.finder.files.facts(directory)
        if facts is not None and facts.kind == "dir" and directory not in out:
            out.append(directory)
    return List(out, opened=args[0].opened)


# ---------------------------------------------------------------- operating system


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


def _path_function(function: Callable[..., Any]) -> Handler:
    def handler(_m: Machine, args: list[Value], _k: dict[str, Value], _f: Frame, _line: int) -> Value:
        texts = [path_text(a) for a in args]
        if not texts or any(t is None or len(t) > 4000 for t in texts):
            return UNKNOWN
        return lift(function(*texts))

    return handler


def _exists(kind: str) -> Handler:
    def handler(machine: Machine, args: list[Value], _k: dict[str, Value], _f: Frame, _line: int) -> Value:
        path = path_text(args[0]) if args else None
        return UNKNOWN if path is None else path_exists(machine, path, kind)

    return handler


def path_exists(machine: Machine, path: str, kind: str = "") -> Value:
    """``os.path.exists`` / ``isfile`` / ``isdir`` for paths of the patient's site; UNKNOWN elsewhere."""
    if not any(path.startswith(d) for d in machine.finder.path if isinstance(d, str)):
        return UNKNOWN
    facts = machine.finder.files.facts(posixpath.normpath(path))
    return facts is not None and (not kind or facts.kind == kind)


def _path(_m: Machine, args: list[Value], _k: dict[str, Value], _f: Frame, _line: int) -> Value:
    texts = [path_text(a) for a in args]
    if not texts or any(t is None for t in texts):
        return Opaque("external", "pathlib.Path")
    return Opaque("path", PurePosixPath(*[t for t in texts if t is not None]))


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


def _kind_test(*kinds: type) -> Handler:
    def handler(_m: Machine, args: list[Value], _k: dict[str, Value], _f: Frame, _line: int) -> Value:
        if len(args) != 1 or args[0] is UNKNOWN or isinstance(args[0], Opaque | External):
            return UNKNOWN
        return isinstance(args[0], kinds)

    return handler


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
    "builtins.getattr": _getattr, "builtins.hasattr": _hasattr, "builtins.setattr": _setattr,
    "builtins.isinstance": _isinstance, "builtins.issubclass": _issubclass, "builtins.globals": _namespace, "builtins.locals": _locals,
    "builtins.vars": _locals, "builtins.dir": _dir, "builtins.__import__": _dunder_import, "builtins.exec": _exec,
    "builtins.len": _len, "builtins.list": _sequence("list"), "builtins.tuple": _sequence("tuple"),
    "builtins.set": _sequence("set"), "builtins.frozenset": _sequence("set"), "builtins.sorted": _sequence("sorted"),
    "builtins.iter": _sequence("list"), "builtins.reversed": _sequence("reversed"), "builtins.dict": _dict,
    "collections.OrderedDict": _dict, "builtins.str": _number(str), "builtins.int": _number(int),
    "builtins.float": _number(float), "builtins.bool": _number(bool), "builtins.any": _any_all(True),
    "builtins.all": _any_all(False), "builtins.map": _map, "builtins.zip": _zip, "builtins.enumerate": _enumerate,
    "builtins.range": _range, "builtins.type": _type, "builtins.super": _super, "builtins.open": _open, "io.open": _open,
    "inspect.isclass": _kind_test(Class), "inspect.isfunction": _kind_test(Function), "inspect.ismodule": _kind_test(Module),
    "builtins.callable": _kind_test(Class, Function, Native, Bound), "builtins.print": _nothing, "builtins.exit": _exit, "builtins.quit": _exit, "sys.exit": _exit, "os._exit": _exit,
    "importlib.import_module": _import_module, "importlib.util.find_spec": _find_spec, "importlib.find_loader": _find_spec,
    "pkgutil.find_loader": _find_spec, "importlib.metadata.version": _external_metadata,
    "importlib.metadata.distribution": _external_distribution, "importlib.metadata.requires": _constant(UNKNOWN),
    "pkgutil.extend_path": _extend_path, "os.getenv": _getenv, "os.environ.get": _getenv,
    "os.environ.setdefault": _setdefault_env, "os.path.join": _path_function(posixpath.join),
    "os.path.dirname": _path_function(posixpath.dirname), "os.path.basename": _path_function(posixpath.basename),
    "os.path.abspath": _path_function(posixpath.normpath), "os.path.realpath": _path_function(posixpath.normpath),
    "os.path.normpath": _path_function(posixpath.normpath), "os.path.splitext": _path_function(posixpath.splitext),
    "os.path.split": _path_function(posixpath.split), "os.fspath": _path_function(str), "os.path.exists": _exists(""),
    "os.path.isfile": _exists("file"), "os.path.isdir": _exists("dir"), "os.path.lexists": _exists(""),
    "pathlib.Path": _path, "pathlib.PurePath": _path, "pathlib.PosixPath": _path, "typing.cast": _same,
    "warnings.warn": _nothing, "warnings.filterwarnings": _nothing, "warnings.simplefilter": _nothing,
    "functools.partial": _partial, "contextlib.suppress": _suppress, "types.ModuleType": _module_type,
    "distutils.version.LooseVersion": _native(versions.loose_version),
    "distutils.version.StrictVersion": _native(versions.loose_version),
    "platform.system": _constant("Linux"), "platform.python_implementation": _constant("CPython"),
    "platform.machine": lambda m, _a, _k, _f, _l: _machine_name(m), "platform.python_version": lambda m, _a, _k, _f, _l: (
        ".".join(map(str, m.version))), "platform.python_version_tuple": lambda m, _a, _k, _f, _l: (
        tuple(map(str, m.version))), "sys.intern": _same, "copy.copy": _constant(UNKNOWN),
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
    if path in _LOOKS_UP and machine.stack and re.search(rb"f_globals|f_locals", frame.module.source or b""):
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


# ---------------------------------------------------------------- known objects


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
        machine.install_hook(frame)
        return None
    if holder.kind == "regex":
        return regex_method(holder.value, name, args)
    if holder.kind == "match":
        return match_method(holder.value, name, args)
    if holder.kind == "specifiers" and name == "contains":
        return versions.specifiers_contain(holder.value, args, kwargs)
    if holder.kind == "path":
        return _path_method(machine, holder.value, name, args, frame)
    if holder.kind == "file" and name in {"read", "readlines"}:
        return _read(machine, holder.value) if name == "read" else UNKNOWN
    return UNKNOWN


def _read(machine: Machine, path: str) -> Value:
    try:
        data = machine.finder.files.read(path, _FILE_LIMIT)
        return data.decode() if len(data) < _FILE_LIMIT else UNKNOWN
    except (OSError, UnicodeDecodeError):
        return UNKNOWN


def _path_method(machine: Machine, path: PurePosixPath, name: str, args: list[Value], frame: Frame) -> Value:
    if name in {"resolve", "absolute", "expanduser"}:
        return Opaque("path", PurePosixPath(posixpath.normpath(path)))
    texts = [path_text(a) for a in args]
    if name == "joinpath" and all(t is not None for t in texts):
        return Opaque("path", path.joinpath(*[t for t in texts if t is not None]))
    if name in {"with_name", "with_suffix"} and len(args) == 1 and isinstance(args[0], str):
        try:
            return Opaque("path", getattr(path, name)(args[0]))
        except ValueError:
            return UNKNOWN
    if name in {"exists", "is_file", "is_dir"}:
        return path_exists(machine, str(path), {"exists": "", "is_file": "file", "is_dir": "dir"}[name])
    if name in {"open", "read_text", "read_bytes"}:
        mode = args[0] if args and name == "open" else "r"
        if not isinstance(mode, str) or not mode.startswith("r"):
            return UNKNOWN
        opened = open_file(machine, str(path), frame, 0)
        return _read(machine, str(path)) if name == "read_text" and opened.kind == "file" else opened
    if name == "as_posix":
        return str(path)
    return UNKNOWN


def enter_context(machine: Machine, manager: Value, frame: Frame) -> tuple[Value, tuple[Any, ...] | None]:
    """What ``with manager as x`` binds, and the guard that it puts up against exceptions (None: none)."""
    if isinstance(manager, Opaque):
        if manager.kind == "suppress":
            return None, ("types", manager.value)
        if manager.kind == "external" and manager.value == "contextlib.ExitStack":
            return UNKNOWN, ("unknown",)
        if manager.kind == "generator":
            body = manager.value[1]
            if "'sys'" in repr(body.body):  # it may change where modules are found; it is not run
                machine.sys_path.opened = True
                return UNKNOWN, ("unknown",)
            return UNKNOWN, ("unknown",) if _may_swallow(body.body) else None
        return (manager if manager.kind == "file" else UNKNOWN), None
    if isinstance(manager, Instance) and isinstance(manager.cls, Class):
        return _enter_instance(machine, manager, frame)
    return UNKNOWN, ("unknown",)


def _enter_instance(machine: Machine, manager: Instance, frame: Frame) -> tuple[Value, tuple[Any, ...] | None]:
    from doctor.imports.objects import class_lookup  # noqa: PLC0415

    enter, leave = class_lookup(manager.cls, "__enter__"), class_lookup(manager.cls, "__exit__")
    value: Value = UNKNOWN
    guard: tuple[Any, ...] | None = ("unknown",)
    frame.maybe += 1
    try:
        if isinstance(enter, Function):
            value = call(machine, enter, [manager], {}, frame, 0)
        if isinstance(leave, Function):
            swallows = call(machine, leave, [manager, UNKNOWN, UNKNOWN, UNKNOWN], {}, frame, 0)
            guard = None if truth(swallows) is False else ("unknown",)
    except (Raised, Bounded):
        guard = ("unknown",)
    finally:
        frame.maybe -= 1
    return value, guard


def _may_swallow(body: tuple[Node, ...]) -> bool:
    """A generator-based context manager that has an ``except`` around its ``yield`` may swallow exceptions."""
    return any(
        (node[0] == "try" and bool(node[3])) or (node[0] in {"with", "if", "for"} and any(
            isinstance(part, tuple) and part and isinstance(part[0], tuple) and _may_swallow(part) for part in node[2:]
        ))
        for node in body
        if isinstance(node, tuple) and node and isinstance(node[0], str)
    )  # fmt: skip


__all__ = ["Native", "builtin", "call_external", "enter_context", "opaque_attribute", "opaque_method", "standard_value"]
