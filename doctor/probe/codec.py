"""Frozen values to JSON that people can read, and back with every type checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints


def compact(value: Any) -> Any:
    """Without what is empty: the reader fills in the same defaults."""
    if isinstance(value, dict):
        return {k: compact(v) for k, v in value.items() if v not in ("", (), [], {}, None, 0) or v is False}
    if isinstance(value, (list, tuple)):
        return [compact(item) for item in value]
    return value


def lines(value: dict[str, Any]) -> str:
    """One line for each distribution and each file: small, and still read and compared by people."""
    parts = []
    for key, item in value.items():
        if key == "environment":
            inner = [
                f"  {json.dumps(k)}: {_rows(v) if k == 'distributions' else json.dumps(v)}" for k, v in item.items()
            ]
            parts.append(' "environment": {\n' + ",\n".join(inner) + "\n }")
        elif isinstance(item, dict):
            inner = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in item.items()]
            parts.append(f" {json.dumps(key)}: {{\n" + ",\n".join(inner) + "\n }")
        else:
            parts.append(f" {json.dumps(key)}: {json.dumps(item)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _rows(items: list[Any]) -> str:
    return "[\n   " + ",\n   ".join(json.dumps(item) for item in items) + "\n  ]"


def build(kind: Any, value: Any, where: str) -> Any:
    """A value of a type from JSON; unknown keys are left out, a wrong type names its place."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if value is None else build(next(a for a in arguments if a is not NoneType), value, where)
    if origin is tuple:
        return tuple(build(arguments[0], item, where) for item in _of(value, (list, tuple), where))
    if origin is not None and issubclass(origin, Mapping):
        return {str(k): build(arguments[1], v, where) for k, v in _of(value, dict, where).items()}
    if is_dataclass(kind):
        return _dataclass(kind, value, where)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(_of(value, str, where))
    return _of(value, kind, where) if kind in (bool, int, float, str) else value


def _dataclass(kind: Any, value: Any, where: str) -> Any:
    """A dataclass; fields that ``compact`` left out get their default, or what is empty."""
    hints = _hints(kind)
    table = _of(value, dict, where)
    missing = {f.name: _empty(hints[f.name]) for f in fields(kind) if f.name not in table and _needed(f)}
    given = {f.name: build(hints[f.name], table[f.name], f"{where}.{f.name}") for f in fields(kind) if f.name in table}
    return kind(**{**missing, **given})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """The types of a dataclass's fields."""
    return get_type_hints(kind)


def _needed(item: Any) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _empty(kind: Any) -> Any:
    """What ``_compact`` left out of a field without a default."""
    origin = get_origin(kind)
    if origin is tuple:
        return ()
    if origin is not None and origin not in (Union, UnionType) and issubclass(origin, Mapping):
        return {}
    return {str: "", int: 0, bool: False}.get(kind)


def _of(value: Any, kind: Any, where: str) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{where} is not what it should be")
    return value
