"""Signs in a module's text that a call into it would fail: where to look closely, and nothing more.

A sign is the line of a use that the loaded modules seem to refuse: ``module.name`` that the other distribution's
module does not have, an argument that its signature does not take, a base class's method called as it no longer can
be, an import inside a function of what is not there. Reading text is cheap; the importer judges what it finds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from doctor.imports.classes import class_lookup, public_name, resolution_order
from doctor.imports.failures import Failure
from doctor.imports.machine import Machine
from doctor.imports.openness import may_come, never_given
from doctor.imports.values import MISSING, UNKNOWN, Class, Function, Instance, Module, Value

_IMPORT = re.compile(
    rb"^[ \t]+(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]+)|import[ \t]+([\w. ,\t]+))", re.MULTILINE
)
_ARGUMENT = re.compile(rb"[()\[\]{}]|(?<=[(,\s])(\w+)[ \t]*=(?!=)|'[^'\n]*'|\"[^\"\n]*\"|#[^\n]*")
_METHOD = re.compile(rb"\b(super\([^()]*\)|self)\.(\w+)\(")
_LONGEST = 6000
_MOST_NAMES = 400


@dataclass(frozen=True, slots=True)
class Signature:
    """What a callable takes: keyword names, how many positional arguments it can and must have (self not counted)."""

    keywords: frozenset[str]
    least: int
    most: float
    open_keywords: bool


def signs(machine: Machine, module: Module, owner: str, owner_of: Callable[[str], str]) -> Iterator[int]:
    """Lines of suspicious uses, in any order, some more than once."""
    text = _Text(module.source or b"")
    foreign: dict[str, Value] = {}
    derived: list[Class] = []
    for name, value in module.names.items():
        home = _home(value)
        if home is None or not name.isidentifier():
            continue
        if home is not module and home.spec.kind == "source" and owner_of(home.spec.path) not in {owner, ""}:
            foreign[name] = value
        elif isinstance(value, Class) and _foreign_bases(value, owner, owner_of):
            foreign[name] = value
            derived.append(value)
    if foreign and len(foreign) <= _MOST_NAMES:
        yield from _uses(machine, text, foreign)
    for cls in derived:
        if cls.module is module:
            yield from _methods(module, text, cls, owner, owner_of)
    yield from _inner_imports(machine, text, owner, owner_of)


class _Text:
    """The source with what is needed to tell lines."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self._starts: list[int] | None = None

    def line(self, position: int) -> int:
        from bisect import bisect_right  # noqa: PLC0415

        if self._starts is None:
            self._starts = [0, *(m.end() for m in re.finditer(rb"\n", self.source))]
        return bisect_right(self._starts, position)


def _home(value: Value) -> Module | None:
    if isinstance(value, Module):
        return value
    return value.module if isinstance(value, Class | Function) else None


def _foreign_bases(cls: Class, owner: str, owner_of: Callable[[str], str]) -> bool:
    return any(
        isinstance(c, Class) and c.module.spec.kind == "source" and owner_of(c.module.spec.path) not in {owner, ""}
        for c in resolution_order(cls)[1:]
    )


# ---------------------------------------------------------------- names and calls


def _uses(machine: Machine, text: _Text, foreign: dict[str, Value]) -> Iterator[int]:
    words = b"|".join(n.encode() for n in sorted(foreign, key=len, reverse=True))
    pattern = re.compile(rb"(?<![\w.\"'])(" + words + rb")\b((?:\.[A-Za-z_]\w*)*)(\()?")
    seen: dict[bytes, tuple[bool, Value]] = {}
    for found in pattern.finditer(text.source):
        if not found[2] and not found[3]:
            continue
        dotted = found[1] + found[2]
        if dotted not in seen:
            seen[dotted] = _walk(machine, foreign[found[1].decode()], found[2].decode().split(".")[1:])
        lost, value = seen[dotted]
        if lost or (found[3] and _is_wrong(machine, value, text.source, found.start(), found.end())):
            yield text.line(found.start())


def _is_wrong(machine: Machine, value: Value, source: bytes, start: int, end: int) -> bool:
    return refuses(value, source, end) or (
        isinstance(value, Class) and _lacks_method(machine, value, source, start, end)
    )


def _lacks_method(machine: Machine, cls: Class, source: bytes, start: int, end: int) -> bool:
    """An object is made there, and something is taken from it (``Class(...).name``, ``x = Class(...); x.name``) that it lacks."""
    near = source[end : end + _LONGEST]
    taken = re.findall(rb"^[^()\n]*\)\.([A-Za-z_]\w*)", near)
    bound = re.search(rb"([A-Za-z_]\w*)[ \t]*=[ \t]*$", source[max(0, start - 80) : start])
    if bound:
        taken += re.findall(rb"(?<![\w.])" + re.escape(bound[1]) + rb"\.([A-Za-z_]\w*)", near)
    if not taken or _home(cls) is None:
        return False
    probe = Instance(cls)
    return any(
        class_lookup(cls, name.decode()) is MISSING
        and class_lookup(cls, "__getattr__") is MISSING
        and never_given(machine, probe, name.decode())
        for name in set(taken)
    )


def _walk(machine: Machine, value: Value, names: list[str]) -> tuple[bool, Value]:
    """(a module on the way lacks the next name, the value at the end)."""
    for name in names:
        if not isinstance(value, Module):
            return False, UNKNOWN
        if name in value.names:
            value = value.names[name]
            continue
        if value.spec.kind != "source" or value.opened or name.startswith("__") or may_come(machine, value, name):
            return False, UNKNOWN
        return machine.spec_of(f"{value.name}.{name}", value) is None, UNKNOWN
    return False, value


def refuses(value: Value, source: bytes, start: int) -> bool:
    """The call whose arguments begin at ``start`` gives a keyword that the callee does not take."""
    taken = _class_signature(value) if isinstance(value, Class) else signature(value)
    if taken is None or taken.open_keywords:
        return False
    return any(k not in taken.keywords for k in keywords_at(source, start))


def keywords_at(source: bytes, start: int) -> list[str]:
    """Keyword names of the call whose arguments begin at ``start``."""
    depth, out = 1, []
    for found in _ARGUMENT.finditer(source, start, start + _LONGEST):
        mark = found[0]
        if found[1] is not None:
            if depth == 1:
                out.append(found[1].decode())
        elif mark in {b"(", b"[", b"{"}:
            depth += 1
        elif mark in {b")", b"]", b"}"}:
            depth -= 1
            if not depth:
                break
    return out


def signature(value: Value, *, bound: bool = False) -> Signature | None:
    """What a function takes; None when that is not known."""
    if not isinstance(value, Function) or value.wrapped or value.kind in {"property", "opaque"}:
        return None
    params = value.params[1:] if bound or value.kind == "class" else value.params
    return Signature(
        keywords=frozenset(n for n, kind, _d in params if kind in {1, 3}),
        least=sum(1 for _n, kind, default in params if kind <= 1 and default is None),
        most=float("inf") if any(kind == 2 for _n, kind, _d in params) else sum(1 for _n, k, _d in params if k <= 1),
        open_keywords=any(kind == 4 for _n, kind, _d in params),
    )


def _class_signature(cls: Class) -> Signature | None:
    """What ``cls(...)`` takes; of a class whose own ``__init__`` passes on ``**kwargs`` what the next ones take, too."""
    keywords: set[str] = set()
    if class_lookup(cls, "__new__") is not MISSING:
        return None
    for each in resolution_order(cls):
        if not isinstance(each, Class) or each.opened:
            return None
        if "__init__" not in each.names:
            continue
        taken = signature(each.names["__init__"], bound=True)
        if taken is None:
            return None
        keywords |= taken.keywords
        if not taken.open_keywords:
            return Signature(frozenset(keywords), 0, float("inf"), open_keywords=False)
    return None


# ---------------------------------------------------------------- methods of foreign bases


def _methods(module: Module, text: _Text, cls: Class, owner: str, owner_of: Callable[[str], str]) -> Iterator[int]:
    """Calls of inherited methods, through ``super()`` or ``self``, with arguments that they do not take."""
    for method in cls.names.values():
        if not isinstance(method, Function) or not isinstance(method.body, int) or method.module is not module:
            continue
        first, last, _indented = module.functions[method.body]
        lines = text.source.split(b"\n")[first - 1 : last] if text.source else []
        body = b"\n".join(lines)
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


def _inherited(order: list[Value], name: str) -> Function | None:
    for each in order:
        if not isinstance(each, Class):
            return None
        if name in each.names:
            value = each.names[name]
            return value if isinstance(value, Function) else None
    return None


def overrides(machine: Machine, module: Module, owner: str, owner_of: Callable[[str], str]) -> Iterator[Failure]:
    """Methods that take fewer arguments than the method of another distribution's class that they replace must have.

    Only where that class calls the method on itself: its call is what fails.
    """
    for cls in module.names.values():
        if not isinstance(cls, Class) or cls.module is not module or not _foreign_bases(cls, owner, owner_of):
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


# ---------------------------------------------------------------- imports inside functions


def _inner_imports(machine: Machine, text: _Text, owner: str, owner_of: Callable[[str], str]) -> Iterator[int]:
    for found in _IMPORT.finditer(text.source):
        wanted: list[tuple[str, tuple[str, ...]]]
        if found[3] is not None:
            wanted = [(part.split()[0].decode(), ()) for part in found[3].split(b",") if part.split()]
        else:
            names = re.sub(rb"#[^\n]*|[()\\]", b" ", found[2])
            wanted = [(found[1].decode(), tuple(p.split()[0].decode() for p in names.split(b",") if p.split()))]
        for name, taken in wanted:
            if not name.startswith(".") and _is_gone(machine, name, taken, owner, owner_of):
                yield text.line(found.start())


def _is_gone(machine: Machine, name: str, taken: tuple[str, ...], owner: str, owner_of: Callable[[str], str]) -> bool:
    """A loaded package of another distribution certainly lacks the submodule, or the module the name."""
    done = ""
    parent: Value = None
    for part in name.split("."):
        done = f"{done}.{part}" if done else part
        module = machine.modules.get(done)
        machine.meet(done)
        if module is None:
            return isinstance(parent, Module) and parent.spec.kind == "source" and machine.spec_of(done, parent) is None
        if not isinstance(module, Module) or module.spec.kind != "source":
            return False
        if owner_of(module.spec.path) in {owner, ""}:
            return False
        parent = module
    return any(n != "*" and _walk(machine, parent, [n])[0] for n in taken)
