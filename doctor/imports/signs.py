"""Signs in a module's text that a call into it would fail: where to look closely, and nothing more.

A sign is the line of a use that the loaded modules seem to refuse: ``module.name`` that the other distribution's
module does not have, an argument that its signature does not take, a base class's method called as it no longer can
be, an import inside a function of what is not there. Reading text is cheap; the importer judges what it finds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from doctor.imports.classes import class_lookup
from doctor.imports.inherited import foreign_bases, misused
from doctor.imports.machine import Machine
from doctor.imports.openness import may_come, never_given
from doctor.imports.signatures import LONGEST, class_signature, keywords_at, signature
from doctor.imports.values import MISSING, UNKNOWN, Class, Function, Instance, Module, Value

_IMPORT = re.compile(
    rb"^[ \t]+(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]+)|import[ \t]+([\w. ,\t]+))", re.MULTILINE
)
_MOST_NAMES = 400
_LONGEST_BLOCK = 8_000


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
        elif isinstance(value, Class) and foreign_bases(value, owner, owner_of):
            foreign[name] = value
            derived.append(value)
    if foreign and len(foreign) <= _MOST_NAMES:
        yield from _uses(machine, text, foreign)
    for cls in derived:
        if cls.module is module:
            yield from misused(module, cls, owner, owner_of)
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
    near = source[end : end + LONGEST]
    taken = re.findall(rb"^[^()\n]*\)\.([A-Za-z_]\w*)", near)
    bound = re.search(rb"([A-Za-z_]\w*)[ \t]*=[ \t]*$", source[max(0, start - 80) : start])
    if bound:
        taken += re.findall(rb"(?<![\w.])" + re.escape(bound[1]) + rb"\.([A-Za-z_]\w*)", _rest_of_block(source, start))
    if not taken or _home(cls) is None:
        return False
    probe = Instance(cls)
    return any(
        class_lookup(cls, name.decode()) is MISSING
        and class_lookup(cls, "__getattr__") is MISSING
        and never_given(machine, probe, name.decode())
        for name in set(taken)
    )


def _rest_of_block(source: bytes, start: int) -> bytes:
    """The lines from the statement at ``start`` on that are indented at least as much as it is."""
    first = source.rfind(b"\n", 0, start) + 1
    indent = re.match(rb"[ \t]*", source[first:start])
    end = re.compile(rb"\n(?!" + (indent[0] if indent else b"") + rb"|[ \t]*[\n#])").search(source, start)
    return source[start : min(end.start() if end else len(source), start + _LONGEST_BLOCK)]


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
    taken = class_signature(value) if isinstance(value, Class) else signature(value)
    if taken is None or taken.open_keywords:
        return False
    return any(k not in taken.keywords for k in keywords_at(source, start))


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
