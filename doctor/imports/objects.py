"""Attributes, calls, functions and classes of the abstract interpreter."""

from __future__ import annotations

import abc
import re
import typing
from types import ModuleType
from typing import TYPE_CHECKING, Any

from doctor.imports.expressions import evaluate
from doctor.imports.lower import FunctionBody, Node, NotPythonError
from doctor.imports.machine import CALL_DEPTH, CALL_STEPS, Failure, Frame, Machine, Raised, error_class
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
    join,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

# ---------------------------------------------------------------- functions and classes


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
        if decorator.path in _TRANSPARENT or decorator.path.endswith((".setter", ".deleter", ".getter")):
            return function
        return UNKNOWN
    if isinstance(decorator, Bound) and isinstance(decorator.function, str):
        return function if decorator.function in {"setter", "getter", "deleter"} else UNKNOWN
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
    for b in bases:
        if b[0] == "star":
            opened = "computed bases"
            continue
        values.append(evaluate(machine, b, frame))
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
    value: Value = cls
    for decorator in reversed(chosen):
        value = _decorate(machine, decorator, value, frame, line)
    return value


# ---------------------------------------------------------------- attributes


def get_attribute(machine: Machine, value: Value, name: str, frame: Frame, line: int) -> Value:
    """``value.name``; raises ``Raised`` (AttributeError) where it certainly is not there."""
    if isinstance(value, Module):
        found = module_attribute(machine, value, name, frame, line)
        if found is not MISSING:
            return found
        if value.spec.kind == "native" and any(
            r.startswith(f"{value.name}.{name}") for r in machine.surroundings.raises
        ):
            return External(f"{value.name}.{name}")
        if (value.opened and value.opened != "stdlib") or hasattr(ModuleType, name) or may_come(machine, value, name):
            return UNKNOWN
        raise machine.fail(_no_attribute(value, name, frame, line), error_class("AttributeError"), frame)
    if isinstance(value, Instance):
        found = instance_attribute(machine, value, name, frame, line)
        if found is MISSING and machine.calling and never_given(machine, value, name):
            raise machine.fail(_no_method(machine, value.cls, name, frame, line), error_class("AttributeError"), frame)
        return UNKNOWN if found is MISSING else found
    if isinstance(value, Class):
        return _class_attribute(machine, value, name, frame, line)
    if isinstance(value, External):
        return _external_attribute(machine, value, name)
    if isinstance(value, Function):
        if name == "__name__":
            return value.names.get(name, value.name)
        if name in {"setter", "getter", "deleter"}:
            return Bound(name, value)
        return value.names.get(name, UNKNOWN)
    if isinstance(value, List | Dict | Set | str | bytes | tuple):
        from doctor.imports.containers import value_attribute  # noqa: PLC0415

        return value_attribute(value, name)
    if isinstance(value, Opaque):
        from doctor.imports.library import opaque_attribute  # noqa: PLC0415

        return opaque_attribute(machine, value, name)
    if isinstance(value, Super):
        return _super_attribute(machine, value, name, frame, line)
    return UNKNOWN


_REBINDS = re.compile(
    rb"globals\(\)\s*(?:\[[^\]\n]+\]\s*=[^=]|\.update|\.setdefault|\.__setitem__)|=\s*globals\(\)|exec\([^\n]*globals\(\)"
    rb"|sys\.modules\[[^\]\n]+\]\.__dict__|setattr\(\s*(?P<holder>[\w.]+)"
)
_MODULE_LIKE = frozenset(
    {b"module", b"mod", b"this_module", b"_module", b"sys.modules", b"thismodule", b"current_module"}
)


def rebinds(module: Module) -> bool:
    """Some function of the module, not followed, may add names to it when other code calls it."""
    source = module.source
    if source is None:
        return False
    for found in _REBINDS.finditer(source):
        holder = found["holder"]
        if (
            holder is not None
            and holder not in _MODULE_LIKE
            and not re.search(rb"import[ \t(][\w., \t]*\b" + re.escape(holder) + rb"\b", source)
        ):
            continue
        line = source.count(b"\n", 0, found.start()) + 1
        if any(first <= line <= last and not _is_getter(source, first) for first, last, _indented in module.functions):
            return True
    return False


def may_come(machine: Machine, module: Module, name: str) -> bool:
    """The module may still get the name: by code of its own that others call, or because it is not finished yet.

    In a cycle of imports the order decides. Once an import was passed over because its path is undecided, only a
    name that the unfinished module never writes is certainly missing.
    """
    if module.state == "loading" and module.source is not None and not machine.order_known:
        return re.search(rb"\b" + re.escape(name.encode()) + rb"\b", module.source) is not None
    return rebinds(module)


def _is_getter(source: bytes, line: int) -> bool:
    """The function at that line is ``__getattr__``: it was asked, and binds only what it gave."""
    return b"def __getattr__" in source.split(b"\n", line)[line - 1]


def _no_attribute(module: Module, name: str, frame: Frame, line: int) -> Failure:
    partial = "partially initialized " if module.state == "loading" else ""
    return Failure(
        kind="attribute", exception="AttributeError", message=f"{partial}module {module.name!r} has no attribute {name!r}",
        symbol=f"{module.name}.{name}", provider=module.name, module=frame.module.name, path=frame.module.spec.path,
        line=line, provider_path=module.spec.path or (module.spec.paths[0] if module.spec.paths else ""),
    )  # fmt: skip


def module_attribute(machine: Machine, module: Module, name: str, frame: Frame, line: int) -> Value:
    """What a module has under a name; MISSING when it certainly has no such attribute (or is open: see ``opened``)."""
    names = module.names
    if name in names:
        if name == "__dict__":
            return Dict(names, opened=bool(module.opened), module=module)
        return names[name]
    if module.spec.kind == "stdlib":
        return _standard_attribute(machine, module, name)
    getter = names.get("__getattr__")
    if getter is None:
        return MISSING
    if not isinstance(getter, Function):
        return UNKNOWN
    return _ask(machine, getter, [name], name, frame, line)


def _ask(machine: Machine, getter: Value, args: list[Value], _name: str, frame: Frame, line: int) -> Value:
    """Call a ``__getattr__``: its value; MISSING when it certainly raises AttributeError."""
    depth = len(machine.guards)
    machine.guards.append(("types", error_class("AttributeError")))
    try:
        return call(machine, getter, args, {}, frame, line)
    except Raised as raised:
        if raised.recorded:
            raise
        if machine.matches(raised.cls, error_class("AttributeError")):
            return MISSING if machine.calling or not machine.uncertain(frame) else UNKNOWN
        del machine.guards[depth:]
        raise machine.fail(raised.failure, raised.cls, frame, raised.value) from None
    finally:
        del machine.guards[depth:]


def ask_object(machine: Machine, value: Instance, name: str, frame: Frame, line: int) -> Value:
    """``getattr`` on an object that stands in ``sys.modules``; MISSING when it certainly raises AttributeError."""
    found = instance_attribute(machine, value, name, frame, line)
    if found is not MISSING:
        return found
    return UNKNOWN if value.opened or _opened_class(value.cls) else MISSING


def _standard_attribute(machine: Machine, module: Module, name: str) -> Value:
    from doctor.imports.library import standard_value  # noqa: PLC0415

    known = standard_value(machine, f"{module.name}.{name}")
    if known is not MISSING:
        return known
    if machine.surroundings.stdlib_has(module.name, name) is not False:
        return External(f"{module.name}.{name}")
    child = machine.spec_of(f"{module.name}.{name}", module) if module.spec.package else None
    # a submodule is there once anything in the process has imported it: most have been by the time this runs
    return External(f"{module.name}.{name}") if child is not None else MISSING


def _external_attribute(machine: Machine, value: External, name: str) -> Value:
    from doctor.imports.library import standard_value  # noqa: PLC0415

    path = f"{value.path}.{name}"
    if value.path in {"sys", "os"}:
        known = standard_value(machine, path)
        if known is not MISSING:
            return known
    if name == "__name__":
        return value.path.rpartition(".")[2]
    known = standard_value(machine, path)
    return External(path) if known is MISSING else known


def resolution_order(cls: Value, depth: int = 0) -> list[Value]:
    """The classes in which an attribute is looked for (C3, as ``type.mro``; depth first where that has no answer)."""
    if not isinstance(cls, Class) or depth > 30:
        return [cls]
    lines = [resolution_order(base, depth + 1) for base in cls.bases]
    if len(lines) == 1:
        return [cls, *lines[0]]
    rows = [list(line) for line in [*lines, list(cls.bases)]]
    out: list[Value] = [cls]
    while any(rows):
        rows = [row for row in rows if row]
        head = next((row[0] for row in rows if not any(_inside(row[0], other[1:]) for other in rows)), rows[0][0])
        out.append(head)
        rows = [[c for c in row if not _same_class(c, head)] if _inside(head, row) else row for row in rows]
    return out


def _same_class(first: Value, second: Value) -> bool:
    if isinstance(first, External) and isinstance(second, External):
        return first.path == second.path
    return first is second


def _inside(cls: Value, row: list[Value]) -> bool:
    return any(_same_class(cls, c) for c in row)


def _opened_class(cls: Value) -> bool:
    for c in resolution_order(cls):
        if isinstance(c, Class):
            if c.opened:
                return True
        elif not (isinstance(c, External) and c.path in _KNOWN_BASES):
            return True
    return False


_KNOWN_BASES = frozenset({"builtins.object", "types.ModuleType", "abc.ABC", "typing.Generic", "typing.Protocol"})


def class_lookup(cls: Value, name: str) -> Value:
    """The raw attribute of a class or its bases; ``MISSING`` when none of the known ones has it."""
    for c in resolution_order(cls):
        if isinstance(c, Class):
            if name in c.names:
                return c.names[name]
        elif not isinstance(c, External) or (c.path not in _KNOWN_BASES and _external_has(c.path, name)):
            return UNKNOWN  # a class that is not followed comes first and may have it
    return MISSING


def _class_attribute(machine: Machine, cls: Class, name: str, frame: Frame, line: int) -> Value:
    if name == "__members__" and _is_enum(cls):
        return Dict(
            {k: v for k, v in cls.names.items() if not k.startswith("_") and not isinstance(v, Function | Class)}
        )
    found = class_lookup(cls, name)
    if found is not MISSING:
        if isinstance(found, Function) and found.kind == "class":
            return Bound(found, cls)
        return UNKNOWN if isinstance(found, Function) and found.kind == "property" else found
    if name in {"__name__", "__qualname__"}:
        return cls.name
    if name == "__bases__":
        return cls.bases
    if name == "__mro__":
        return tuple(resolution_order(cls))
    if name.startswith("__") or hasattr(type, name) or _opened_class(cls) or cls.keywords:
        return UNKNOWN
    if any(isinstance(c, External) and _external_has(c.path, name) for c in resolution_order(cls)):
        return UNKNOWN
    failure = Failure(
        kind="attribute", exception="AttributeError", message=f"type object {cls.name!r} has no attribute {name!r}",
        symbol=f"{cls.module.name}.{cls.name}.{name}", provider=cls.module.name, module=frame.module.name,
        path=frame.module.spec.path, line=line, provider_path=cls.module.spec.path,
    )  # fmt: skip
    if frame.module is cls.module or frame.kind == "function":
        return UNKNOWN  # a class is easily given attributes in a way that was not followed
    raise machine.fail(failure, error_class("AttributeError"), frame)


def never_given(machine: Machine, value: Instance, name: str) -> bool:
    """No code of the packages that an object's classes come from writes the name: nothing there gives it to the object."""
    if _opened_class(value.cls) or class_lookup(value.cls, "__getattribute__") is not MISSING:
        return False
    sources = {c.module for c in resolution_order(value.cls) if isinstance(c, Class)}
    return all(
        m.source is not None
        and not re.search(rb"\bsetattr\(|__dict__", m.source)
        and not re.search(rb"\b" + re.escape(name.encode()) + rb"\b", m.source)
        and machine.absence.unwritten(_package_directory(m), name)
        for m in sources
    )


def _package_directory(module: Module) -> str:
    """The directory of the module's top-level package (of a single file: a place where only it is)."""
    depth = module.name.count(".") + (1 if module.spec.package else 0)
    path = module.spec.path
    for _ in range(depth):
        path = path.rpartition("/")[0]
    return path if depth else module.spec.path


def _no_method(machine: Machine, cls: Class, name: str, frame: Frame, line: int) -> Failure:
    return Failure(
        kind="attribute", exception="AttributeError", message=f"{cls.name!r} object has no attribute {name!r}",
        symbol=f"{public_name(machine, cls)}.{name}", provider=cls.module.name, module=frame.module.name,
        path=frame.module.spec.path, line=line, provider_path=cls.module.spec.path,
    )  # fmt: skip


def public_name(machine: Machine, value: Class | Function) -> str:
    """The shortest dotted name under which a package of its own distribution has a class or function."""
    parts = value.module.name.split(".")
    for count in range(1, len(parts) + 1):
        package = machine.modules.get(".".join(parts[:count]))
        if isinstance(package, Module) and package.names.get(value.name) is value:
            return f"{package.name}.{value.name}"
    return f"{value.module.name}.{value.name}"


def _is_enum(cls: Class) -> bool:
    return any(isinstance(c, External) and c.path.startswith("enum.") for c in resolution_order(cls))


def _external_has(path: str, name: str) -> bool:
    import builtins  # noqa: PLC0415

    if path.startswith("builtins."):
        return hasattr(getattr(builtins, path[9:], object), name)
    known = {"abc.ABC": abc.ABC, "typing.Generic": typing.Generic, "typing.Protocol": typing.Protocol}.get(path)
    return hasattr(known, name) if known is not None else path not in _KNOWN_BASES


def instance_attribute(machine: Machine, value: Instance, name: str, frame: Frame, line: int) -> Value:
    """An attribute of an object: its own, its class's, or what ``__getattr__`` gives; MISSING when there is none."""
    if name in value.names:
        return value.names[name]
    if name == "__class__":
        return value.cls
    if name == "__dict__":
        return Dict(value.names, opened=value.opened)
    found = class_lookup(value.cls, name)
    if found is not MISSING and not isinstance(found, Function) and _opened_class(value.cls):
        return UNKNOWN  # a field's default: the instance may hold another value
    if found is not MISSING:
        return bind_method(machine, found, value, frame, line)
    getter = class_lookup(value.cls, "__getattr__")
    if name.startswith("__") and name.endswith("__"):
        return UNKNOWN  # mostly brought by the type itself
    if getter is MISSING:
        if isinstance(value.cls, External):
            return UNKNOWN
        return MISSING
    if not isinstance(getter, Function):
        return UNKNOWN
    return _ask(machine, getter, [value, name], name, frame, line)


def bind_method(machine: Machine, found: Value, value: Value, frame: Frame, line: int) -> Value:
    """What taking a class attribute from an instance gives (descriptor protocol of functions and properties)."""
    if not isinstance(found, Function):
        return found
    if found.kind == "static":
        return found
    if found.kind == "property":
        return call(machine, found, [value], {}, frame, line)
    if found.kind == "class":
        return Bound(found, value.cls if isinstance(value, Instance) else value)
    return Bound(found, value)


def _super_attribute(machine: Machine, value: Super, name: str, frame: Frame, line: int) -> Value:
    start = value.self.cls if isinstance(value.self, Instance) else value.self
    order = resolution_order(start)
    if value.cls in order:
        order = order[order.index(value.cls) + 1 :]
    for c in order:
        if isinstance(c, Class):
            if name in c.names:
                return bind_method(machine, c.names[name], value.self, frame, line)
        elif not (isinstance(c, External) and c.path in _KNOWN_BASES):
            return UNKNOWN  # a base that is not followed comes first
    if name == "__new__":
        return Native("object.__new__", lambda _m, args, _k, _l: Instance(args[0]) if args else UNKNOWN)
    if (
        name == "__init__"
        and isinstance(value.self, Instance)
        and any(isinstance(c, External) and c.path == "types.ModuleType" for c in order)
    ):
        return Native("ModuleType.__init__", lambda _m, args, _k, _l: _name_module(value.self, args))
    if name in {"__init__", "__init_subclass__", "__setattr__"}:
        return Native(f"object.{name}", lambda _m, _a, _k, _l: None)
    return UNKNOWN


def _name_module(module: Instance, args: list[Value]) -> None:
    """What ``ModuleType.__init__`` sets."""
    module.names["__name__"] = args[0] if args else UNKNOWN
    for name in ("__doc__", "__loader__", "__package__", "__spec__"):
        module.names.setdefault(name, UNKNOWN)


def set_attribute(machine: Machine, holder: Value, name: str, value: Value, frame: Frame) -> None:
    """``holder.name = value``."""
    names: dict[str, Value] | None = None
    if isinstance(holder, Module) and name == "__class__":
        holder.opened = holder.opened or "its class is replaced"
        return
    if isinstance(holder, Module | Class | Instance | Function):
        names = holder.names
    elif isinstance(holder, Bound) and isinstance(holder.function, Function):
        names = holder.function.names
    if isinstance(holder, Instance) and (
        isinstance(class_lookup(holder.cls, name), Function) or class_lookup(holder.cls, "__setattr__") is not MISSING
    ):
        holder.opened = True  # a property's setter or the class decides what is kept
        value = UNKNOWN
    if names is not None:
        unsure = machine.uncertain(frame) or (machine.calling and not isinstance(holder, Instance))
        names[name] = join(names[name], value) if unsure and name in names else value


# ---------------------------------------------------------------- calls


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
            from doctor.imports.containers import call_method  # noqa: PLC0415

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
    return UNKNOWN


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
    value: Value = Instance(cls, {}, opened=_opened_class(cls))
    if any(isinstance(c, External) and _is_exception(c) for c in order):
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
        _name_module(value, args)
    return value


def _is_exception(cls: External) -> bool:
    return cls.path.startswith("builtins.") and cls.path.endswith(
        ("Error", "Exception", "Warning", "Exit", "Interrupt")
    )


def class_of_exception(value: Value) -> Value:
    """The class of what a ``raise`` statement raises."""
    if isinstance(value, Instance):
        return value.cls
    if isinstance(value, Class):
        return value
    if isinstance(value, External) and _is_exception(value):
        return value
    return UNKNOWN


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
    machine.limit = min(limit, machine.steps + CALL_STEPS)
    machine.depth += 1
    guards = len(machine.guards)
    function.calls += 1
    from doctor.imports.statements import run_block  # noqa: PLC0415

    try:
        signal = run_block(machine, body.body, inner)
    except Raised as raised:
        if raised.recorded or not inner.maybe:
            raise
        del machine.guards[guards:]
        signal = "raise"  # behind a possible return: it may never come to this
    except Bounded:
        del machine.guards[guards:]
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


def give_up(_machine: Machine, function: Function, args: list[Value]) -> Value:
    """A call that is not followed: it may have bound names of its module, or of what it was given."""
    body = function.body if isinstance(function.body, tuple) else function.module.bodies.get(function.body)
    binds = body[3] if isinstance(body, tuple) else body.binds if body is not None else True
    if binds:
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


def known_container(value: Any) -> bool:
    """A constant or a container that is modelled."""
    return const(value) or isinstance(value, tuple | List | Dict | Set)
