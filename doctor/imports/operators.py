"""Operators: arithmetic and comparison of constants and containers, with bounds on size and time."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from doctor.imports.machine import Machine
from doctor.imports.values import (
    UNKNOWN,
    Class,
    Dict,
    External,
    Function,
    Instance,
    List,
    Module,
    Opaque,
    Set,
    Value,
    const,
    known_key,
    plain,
)

TEXT_LIMIT = 200_000


ITEM_LIMIT = 20_000


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add, "Sub": operator.sub, "Div": operator.truediv, "FloorDiv": operator.floordiv,
    "Mod": operator.mod, "BitOr": operator.or_, "BitAnd": operator.and_, "BitXor": operator.xor,
}  # fmt: skip


def binary(machine: Machine, op: str, left: Value, right: Value) -> Value:
    """``left op right``; UNKNOWN where it is not modelled, too large, or would raise."""
    if left is UNKNOWN or right is UNKNOWN:
        return _partial(op, left, right)
    if op == "Div" and isinstance(left, Opaque) and left.kind == "path":
        if isinstance(right, str):
            return Opaque("path", left.value / right)
        return UNKNOWN
    if op == "Mult":
        return _repeat(left, right)
    if op == "Add" and isinstance(left, List) and isinstance(right, List):
        return List([*left.items, *right.items], opened=left.opened or right.opened)
    if op == "Add" and isinstance(left, tuple) and isinstance(right, tuple):
        return (*left, *right)
    if isinstance(left, Set) and isinstance(right, Set) and op == "Sub" and right.opened:
        return Set(set(), opened=True)
    if isinstance(left, Set) and isinstance(right, Set) and op in {"BitOr", "BitAnd", "Sub"}:
        return Set(_ARITHMETIC[op](left.items, right.items), opened=left.opened or right.opened)
    if op == "BitOr" and isinstance(left, Dict) and isinstance(right, Dict):
        return Dict({**left.items, **right.items}, opened=left.opened or right.opened)
    if op in _ARITHMETIC and const(left) and (const(right) or isinstance(right, tuple)):
        if op == "Mod" and isinstance(left, str | bytes) and not modest_format(left):
            return UNKNOWN
        try:
            result = _ARITHMETIC[op](left, plain(right))
        except Exception:  # noqa: BLE001 - whatever a constant expression raises, its value is not known
            return UNKNOWN
        return result if not isinstance(result, str | bytes) or len(result) < TEXT_LIMIT else UNKNOWN
    del machine
    return UNKNOWN


def _partial(op: str, left: Value, right: Value) -> Value:
    if op == "Add":
        known = left if right is UNKNOWN else right
        if isinstance(known, List):
            return List(list(known.items), opened=True)
    return UNKNOWN


def modest_format(text: str | bytes) -> bool:
    """No width or precision of four digits and more: such a format could make text of any size."""
    return not re.search(r"\d{4}", text.decode("latin-1") if isinstance(text, bytes) else text)


def _repeat(left: Value, right: Value) -> Value:
    if isinstance(left, int) and not isinstance(right, int):
        left, right = right, left
    if not isinstance(right, int):
        return left * right if isinstance(left, float) and isinstance(right, float) else UNKNOWN
    if isinstance(left, int | float):
        return left * right if abs(left) < 1e15 and abs(right) < 1e15 else UNKNOWN
    if isinstance(left, str | bytes | tuple) and len(left) * max(right, 0) < ITEM_LIMIT:
        return left * right
    if isinstance(left, List) and len(left.items) * max(right, 0) < ITEM_LIMIT:
        return List(left.items * right, opened=left.opened)
    return UNKNOWN


_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "Eq": operator.eq, "NotEq": operator.ne, "Lt": operator.lt, "LtE": operator.le, "Gt": operator.gt, "GtE": operator.ge,
}  # fmt: skip


def compare(machine: Machine, op: str, left: Value, right: Value) -> Any:
    """``left op right`` for comparisons: True, False or UNKNOWN."""
    if op in {"Is", "IsNot"}:
        same = same_value(left, right)
        return UNKNOWN if same is None else same if op == "Is" else not same
    if op in {"In", "NotIn"}:
        inside = contains(machine, right, left)
        return UNKNOWN if inside is None else inside if op == "In" else not inside
    if left is UNKNOWN or right is UNKNOWN:
        return UNKNOWN
    if isinstance(left, Opaque) and left.kind == "version" and isinstance(right, str):
        return UNKNOWN
    if op in {"Eq", "NotEq"} and _is_member(left) and _is_member(right):
        return (left is right) if op == "Eq" else left is not right
    try:
        a, b = plain(left), plain(right)
    except ValueError:
        if op in {"Eq", "NotEq"}:
            same = same_value(left, right)
            if same is not None and not isinstance(left, _COMPARED) and not isinstance(right, _COMPARED):
                return same if op == "Eq" else not same
        return UNKNOWN
    try:
        return bool(_ORDER[op](a, b))
    except Exception:  # noqa: BLE001 - an impossible comparison has no known value
        return UNKNOWN


def _is_member(value: Value) -> bool:
    return isinstance(value, Instance) and isinstance(value.cls, Class) and value in value.cls.members.values()


_COMPARED = (Instance, List, Dict, Set, Opaque)
"""Kinds that compare by what they hold."""


def same_value(left: Value, right: Value) -> bool | None:
    """``left is right``; None when that is not known."""
    if left is UNKNOWN or right is UNKNOWN:
        return None
    if left is right:
        return True
    if left is None or right is None:
        if isinstance(left, External) or isinstance(right, External):
            return None
        return False
    if const(left) and const(right):
        return left == right if type(left) is type(right) else False
    if isinstance(left, External) and isinstance(right, External):
        return True if left.path == right.path else None
    kinds = Module | Function | Class | List | Dict | Set
    if isinstance(left, kinds) and isinstance(right, kinds):
        return False
    return None


def contains(machine: Machine, holder: Value, key: Value) -> bool | None:
    """``key in holder``; None when that is not known."""
    if isinstance(holder, External) and holder.path == "sys.modules" and isinstance(key, str):
        if key in machine.modules:
            machine.meet(key)
            return True
        return None if key.partition(".")[0] in machine.finder.stdlib.names else False
    if isinstance(holder, External) and holder.path == "os.environ" and isinstance(key, str):
        return True if key in machine.environ else None if key in _USUAL_ENVIRONMENT else False
    if isinstance(holder, External) and holder.path == "sys.builtin_module_names" and isinstance(key, str):
        return key in machine.finder.stdlib.builtins
    if isinstance(holder, str) and isinstance(key, str):
        return key in holder
    if not const(key) and not (isinstance(key, tuple) and known_key(key)):
        return None
    try:
        if isinstance(holder, Dict | Set):
            return True if key in holder.items else None if holder.opened else False
        if isinstance(holder, List | tuple):
            items = holder.items if isinstance(holder, List) else holder
            if any(const(i) and type(i) is type(key) and i == key for i in items):
                return True
            known = all(const(i) for i in items) and not (isinstance(holder, List) and holder.opened)
            return False if known else None
    except TypeError:
        return None
    return None


_USUAL_ENVIRONMENT = frozenset(
    [
        "HOME",
        "PATH",
        "USER",
        "LOGNAME",
        "SHELL",
        "TERM",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "TZ",
        "PWD",
        "TMPDIR",
        "TEMP",
        "TMP",
        "DISPLAY",
        "HOSTNAME",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "CONDA_DEFAULT_ENV",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_RUNTIME_DIR",
        "EDITOR",
        "PAGER",
        "COLUMNS",
        "LINES",
        "CI",
        "SSH_CLIENT",
        "SSH_TTY",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "LD_LIBRARY_PATH",
        "CUDA_VISIBLE_DEVICES",
        "CUDA_HOME",
        "CUDA_PATH",
        "PYTHONPATH",
        "SLURM_JOB_ID",
        "PYTEST_CURRENT_TEST",
    ]
)
