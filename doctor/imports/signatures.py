"""Signatures: what a callable takes, and what a call in a text gives."""

from __future__ import annotations

import re
from dataclasses import dataclass

from doctor.imports.classes import class_lookup, resolution_order
from doctor.imports.values import MISSING, Class, Function, Value

_ARGUMENT = re.compile(rb"[()\[\]{}]|(?<=[(,\s])(\w+)[ \t]*=(?!=)|'[^'\n]*'|\"[^\"\n]*\"|#[^\n]*")
LONGEST = 6000
"""Bytes of text after its bracket that a call may take."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a callable takes: keyword names, how many positional arguments it can and must have (self not counted)."""

    keywords: frozenset[str]
    least: int
    most: float
    open_keywords: bool


def keywords_at(source: bytes, start: int) -> list[str]:
    """Keyword names of the call whose arguments begin at ``start``."""
    depth, out = 1, []
    for found in _ARGUMENT.finditer(source, start, start + LONGEST):
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


def class_signature(cls: Class) -> Signature | None:
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
