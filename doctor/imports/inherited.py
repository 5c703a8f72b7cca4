"""What classes expect of the classes of other distributions that they derive from: methods, and how they are called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from doctor.imports.classes import class_lookup, is_open_class, public_name, resolution_order
from doctor.imports.failures import Failure
from doctor.imports.machine import Machine
from doctor.imports.openness import package_directory
from doctor.imports.signatures import keywords_at, signature
from doctor.imports.values import MISSING, Class, Function, Module, Value

Owner = Callable[[str], str]
"""The distribution of a path by name, '' for none."""

_METHOD = re.compile(rb"\b(super\([^()]*\)|self)\.(\w+)\(")


def foreign_bases(cls: Class, owner: str, owner_of: Owner) -> bool:
    """One of the classes that it derives from is another distribution's."""
    return any(
        isinstance(c, Class) and c.module.spec.kind == "source" and owner_of(c.module.spec.path) not in {owner, ""}
        for c in resolution_order(cls)[1:]
    )


def misused(module: Module, cls: Class, owner: str, owner_of: Owner) -> Iterator[int]:
    """Calls of inherited methods, through ``super()`` or ``self``, with arguments that they do not take."""
    for method in cls.names.values():
        if not isinstance(method, Function) or not isinstance(method.body, int) or method.module is not module:
            continue
        first, body = _text(module, method.body)
        for found in _METHOD.finditer(body):
            order = resolution_order(cls)
            start = order[1:] if found[1] != b"self" else order
            target = _inherited(start, found[2].decode())
            if target is None or owner_of(target.module.spec.path) in {owner, ""}:
                continue
            taken = signature(target, bound=target.kind != "static")
            if taken is None:
                continue
            given = keywords_at(body, found.end())
            wrong = not taken.open_keywords and any(k not in taken.keywords for k in given)
            short = taken.least > 0 and body[found.end() : found.end() + 1] == b")"
            if wrong or short:
                yield first + body.count(b"\n", 0, found.start())


def _text(module: Module, index: int) -> tuple[int, bytes]:
    """The first line of a function of the module, and its text."""
    first, last, _indented = module.functions[index]
    return first, b"\n".join((module.source or b"").split(b"\n")[first - 1 : last])


def lost(machine: Machine, module: Module, owner: str, owner_of: Owner) -> Iterator[Failure]:
    """Methods that a class calls on itself and that nobody gives it: not itself, nor what it derives from.

    Nothing in the packages of all these classes defines the name in any way, so that no subclass there brings it, either.
    """
    for cls in module.names.values():
        if not isinstance(cls, Class) or cls.module is not module or not foreign_bases(cls, owner, owner_of):
            continue
        if is_open_class(cls) or any(isinstance(c, Class) and c.keywords for c in resolution_order(cls)):
            continue
        for method in cls.names.values():
            if not isinstance(method, Function) or not isinstance(method.body, int) or method.module is not module:
                continue
            first, body = _text(module, method.body)
            for found in _METHOD.finditer(body):
                name = found[2].decode()
                if found[1] == b"self" and not name.startswith("__") and _is_lost(machine, cls, name):
                    base = _first_foreign(cls, owner, owner_of)
                    yield _missing(machine, cls, base, name, first + body.count(b"\n", 0, found.start()))


def _is_lost(machine: Machine, cls: Class, name: str) -> bool:
    if any(class_lookup(cls, n) is not MISSING for n in (name, "__getattr__", "__getattribute__")):
        return False
    word = re.escape(name.encode())
    # what is given by computed names has names that users choose
    given = rb"['\"]%s['\"]" % word if name.startswith("_") else rb"\bsetattr\(|__dict__|['\"]%s['\"]" % word
    modules = {c.module for c in resolution_order(cls) if isinstance(c, Class)}
    return all(
        m.source is not None
        and not re.search(given, m.source)
        and machine.absence.undefined(package_directory(m), name)
        for m in modules
    )


def _first_foreign(cls: Class, owner: str, owner_of: Owner) -> Class:
    order = (c for c in resolution_order(cls) if isinstance(c, Class))
    return next(c for c in order if owner_of(c.module.spec.path) not in {owner, ""})


def _missing(machine: Machine, cls: Class, base: Class, name: str, line: int) -> Failure:
    return Failure(
        kind="attribute", exception="AttributeError", message=f"{cls.name!r} object has no attribute {name!r}",
        symbol=f"{public_name(machine, base)}.{name}", provider=base.module.name, module=cls.module.name,
        path=cls.module.spec.path, line=line, provider_path=base.module.spec.path, certain=False, chain=(cls.module.name,),
        site_module=cls.module.name,
    )  # fmt: skip


def _inherited(order: list[Value], name: str) -> Function | None:
    for each in order:
        if not isinstance(each, Class):
            return None
        if name in each.names:
            value = each.names[name]
            return value if isinstance(value, Function) else None
    return None


def overrides(machine: Machine, module: Module, owner: str, owner_of: Owner) -> Iterator[Failure]:
    """Methods that take fewer arguments than the method of another distribution's class that they replace must have.

    Only where that class calls the method on itself: its call is what fails.
    """
    for cls in module.names.values():
        if not isinstance(cls, Class) or cls.module is not module or not foreign_bases(cls, owner, owner_of):
            continue
        for name, method in cls.names.items():
            base = _inherited(resolution_order(cls)[1:], name)
            if name.startswith("__") or base is None or owner_of(base.module.spec.path) in {owner, ""}:
                continue
            given, wanted = signature(method, bound=True), signature(base, bound=True)
            if given is None or wanted is None or method.kind != base.kind or given.open_keywords:
                continue
            if wanted.least > max(given.most, len(given.keywords)) and _calls_itself(base, name):
                yield _misfit(machine, cls, method, base, wanted.least)


def _calls_itself(base: Function, name: str) -> bool:
    return re.search(rb"\bself\." + name.encode() + rb"\(\s*[^)\s]", base.module.source or b"") is not None


def _misfit(machine: Machine, cls: Class, method: Function, base: Function, wanted: int) -> Failure:
    most = sum(1 for _n, kind, _d in method.params if kind <= 1)
    shown = public_name(machine, base.owner) if isinstance(base.owner, Class) else base.module.name
    return Failure(
        kind="argument", exception="TypeError",
        message=f"{cls.name}.{method.name}() takes {most} positional argument{'s' if most != 1 else ''} but {wanted + 1} were given",
        symbol=f"{shown}.{method.name}", provider=base.module.name, module=cls.module.name, path=cls.module.spec.path,
        line=method.line, provider_path=base.module.spec.path, certain=False, weak=True, chain=(cls.module.name,),
        site_module=cls.module.name,
    )  # fmt: skip
