"""What may be there although it was not seen: names that code binds by computation, or gives to objects later."""

from __future__ import annotations

import re

from doctor.imports.absence import gives
from doctor.imports.classes import class_lookup, is_open_class, resolution_order
from doctor.imports.machine import Machine
from doctor.imports.values import MISSING, Class, Instance, Module

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


def may_have(machine: Machine, module: Module, name: str) -> bool:
    """The module may have a name that was not seen in it; what a rule says that compiled code lacks, it has not."""
    if f"{module.name}.{name}" in machine.surroundings.native_lacks:
        return False
    return (bool(module.opened) and module.opened != "stdlib") or may_come(machine, module, name)


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


def never_given(machine: Machine, value: Instance, name: str) -> bool:
    """No code of the packages that an object's classes come from writes the name: nothing there gives it to the object."""
    if is_open_class(value.cls) or class_lookup(value.cls, "__getattribute__") is not MISSING:
        return False
    sources = {c.module for c in resolution_order(value.cls) if isinstance(c, Class)}
    return all(
        m.source is not None
        and not re.search(rb"\bsetattr\(|__dict__", m.source)
        and not gives(m.source, name)
        and machine.absence.ungiven(package_directory(m), name)
        for m in sources
    )


def package_directory(module: Module) -> str:
    """The directory of the module's top-level package (of a single file: a place where only it is)."""
    depth = module.name.count(".") + (1 if module.spec.package else 0)
    path = module.spec.path
    for _ in range(depth):
        path = path.rpartition("/")[0]
    return path if depth else module.spec.path
