"""Regular expressions of the patient on text of the patient, with a bound on what they may cost.

A pattern with a repeat inside a repeat can take exponential time, so such patterns are not run: unknown.
"""

from __future__ import annotations

import functools
import re
import warnings
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

from doctor.imports.values import UNKNOWN, Bound, List, Opaque, Value, const, lift

_LIMIT = 2000


def _nested_repeat(tree: Any, inside: bool = False) -> bool:
    for op, argument in tree:
        if op in {_constants.MAX_REPEAT, _constants.MIN_REPEAT}:
            endless = argument[1] > 64
            if (inside and endless) or _nested_repeat(argument[2], inside or endless):
                return True
        elif op is _constants.SUBPATTERN:
            if _nested_repeat(argument[3], inside):
                return True
        elif op is _constants.BRANCH:
            if any(_nested_repeat(branch, inside) for branch in argument[1]):
                return True
        elif op in {_constants.ASSERT, _constants.ASSERT_NOT} and _nested_repeat(argument[1], inside):
            return True
    return False


def compiled(pattern: Any, flags: Any = 0) -> re.Pattern[Any] | None:
    """The pattern, when it is known and cannot blow up."""
    if isinstance(pattern, Opaque) and pattern.kind == "regex":
        return pattern.value  # type: ignore[no-any-return]
    if not isinstance(pattern, str) or len(pattern) > _LIMIT or not isinstance(flags, int):
        return None
    return _compiled(pattern, flags)


@functools.lru_cache(4096)
def _compiled(pattern: str, flags: int) -> re.Pattern[Any] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if _nested_repeat(_parser.parse(pattern, flags)):
                return None
            return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError, ValueError):
        return None


def call_regex(name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """``re.match(pattern, text)`` and the like."""
    if name == "escape" and args and isinstance(args[0], str):
        return re.escape(args[0])
    flags = kwargs.get("flags", args[1] if name == "compile" and len(args) > 1 else 0)
    pattern = compiled(args[0], flags) if args else None
    if pattern is None:
        return UNKNOWN
    if name == "compile":
        return Opaque("regex", pattern)
    return regex_method(pattern, name, args[1:])


def regex_method(pattern: re.Pattern[Any], name: str, args: list[Value]) -> Value:
    """A method of a compiled pattern."""
    if name not in {"match", "search", "fullmatch", "findall", "split", "sub"}:
        return UNKNOWN
    if not args or not all(isinstance(a, str) and len(a) < _LIMIT for a in args):
        return UNKNOWN
    try:
        result = getattr(pattern, name)(*args)
    except (TypeError, re.error, IndexError):
        return UNKNOWN
    if result is None:
        return None
    return Opaque("match", result) if isinstance(result, re.Match) else lift(result)


def match_method(match: re.Match[Any], name: str, args: list[Value]) -> Value:
    """A method of a match."""
    if name in {"group", "groups", "groupdict", "start", "end", "span"} and all(const(a) for a in args):
        try:
            return lift(getattr(match, name)(*args))
        except (IndexError, TypeError):
            return UNKNOWN
    return UNKNOWN


__all__ = ["Bound", "List", "call_regex", "compiled", "match_method", "regex_method"]
