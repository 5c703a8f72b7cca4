"""Operators, indexing, iteration and methods of constants and containers, with bounds on size and time."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from doctor.imports.values import (
    UNKNOWN,
    Bound,
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
    lift,
    plain,
    truth,
)

if TYPE_CHECKING:
    from doctor.imports.machine import Frame, Machine

_TEXT_LIMIT = 200_000
_ITEM_LIMIT = 20_000

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
        if op == "Mod" and isinstance(left, str | bytes) and not _modest_format(left):
            return UNKNOWN
        try:
            result = _ARITHMETIC[op](left, plain(right))
        except Exception:  # noqa: BLE001 - whatever a constant expression raises, its value is not known
            return UNKNOWN
        return result if not isinstance(result, str | bytes) or len(result) < _TEXT_LIMIT else UNKNOWN
    del machine
    return UNKNOWN


def _partial(op: str, left: Value, right: Value) -> Value:
    if op == "Add":
        known = left if right is UNKNOWN else right
        if isinstance(known, List):
            return List(list(known.items), opened=True)
    return UNKNOWN


def _modest_format(text: str | bytes) -> bool:
    """No width or precision of four digits and more: such a format could make text of any size."""
    return not re.search(r"\d{4}", text.decode("latin-1") if isinstance(text, bytes) else text)


def _repeat(left: Value, right: Value) -> Value:
    if isinstance(left, int) and not isinstance(right, int):
        left, right = right, left
    if not isinstance(right, int):
        return left * right if isinstance(left, float) and isinstance(right, float) else UNKNOWN
    if isinstance(left, int | float):
        return left * right if abs(left) < 1e15 and abs(right) < 1e15 else UNKNOWN
    if isinstance(left, str | bytes | tuple) and len(left) * max(right, 0) < _ITEM_LIMIT:
        return left * right
    if isinstance(left, List) and len(left.items) * max(right, 0) < _ITEM_LIMIT:
        return List(left.items * right, opened=left.opened)
    return UNKNOWN


_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "Eq": operator.eq, "NotEq": operator.ne, "Lt": operator.lt, "LtE": operator.le, "Gt": operator.gt, "GtE": operator.ge,
}  # fmt: skip


def compare(machine: Machine, op: str, left: Value, right: Value) -> Any:
    """``left op right`` for comparisons: True, False or UNKNOWN."""
    if op in {"Is", "IsNot"}:
        same = _same(left, right)
        return UNKNOWN if same is None else same if op == "Is" else not same
    if op in {"In", "NotIn"}:
        inside = _contains(machine, right, left)
        return UNKNOWN if inside is None else inside if op == "In" else not inside
    if left is UNKNOWN or right is UNKNOWN:
        return UNKNOWN
    if isinstance(left, Opaque) and left.kind == "version" and isinstance(right, str):
        return UNKNOWN
    try:
        a, b = plain(left), plain(right)
    except ValueError:
        if op in {"Eq", "NotEq"}:
            same = _same(left, right)
            if same is not None and not isinstance(left, _COMPARED) and not isinstance(right, _COMPARED):
                return same if op == "Eq" else not same
        return UNKNOWN
    try:
        return bool(_ORDER[op](a, b))
    except Exception:  # noqa: BLE001 - an impossible comparison has no known value
        return UNKNOWN


_COMPARED = (Instance, List, Dict, Set, Opaque)
"""Kinds that compare by what they hold."""


def _same(left: Value, right: Value) -> bool | None:
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


def _contains(machine: Machine, holder: Value, key: Value) -> bool | None:
    if isinstance(holder, External) and holder.path == "sys.modules" and isinstance(key, str):
        if key in machine.modules:
            return True
        return None if key.partition(".")[0] in machine.finder.stdlib.names else False
    if isinstance(holder, External) and holder.path == "os.environ" and isinstance(key, str):
        return True if key in machine.environ else None if key in _USUAL_ENVIRONMENT else False
    if isinstance(holder, External) and holder.path == "sys.builtin_module_names" and isinstance(key, str):
        return key in machine.finder.stdlib.builtins
    if isinstance(holder, str) and isinstance(key, str):
        return key in holder
    if not const(key) and not isinstance(key, tuple):
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


def iterate(machine: Machine, value: Value) -> tuple[list[Value], bool]:
    """The items that a loop over the value sees, and whether these are all."""
    del machine
    if isinstance(value, tuple):
        return list(value), True
    if isinstance(value, List):
        return list(value.items), not value.opened
    if isinstance(value, Set):
        return sorted(value.items, key=repr), not value.opened
    if isinstance(value, Dict):
        return list(value.items), not value.opened
    if isinstance(value, str) and len(value) < _ITEM_LIMIT:
        return list(value), True
    if isinstance(value, bytes) and len(value) < _ITEM_LIMIT:
        return list(value), True
    if isinstance(value, Opaque) and value.kind == "range" and len(value.value) <= _ITEM_LIMIT:
        return list(value.value), True
    return [], False


def item(machine: Machine, holder: Value, key: Value, frame: Frame, line: int) -> Value:
    """``holder[key]``; raises ``Raised`` (KeyError) where a handler waits for a key that certainly is not there."""
    if isinstance(holder, External):
        if holder.path == "sys.modules" and isinstance(key, str):
            return machine.modules.get(key, UNKNOWN)
        if holder.path == "os.environ" and isinstance(key, str):
            return machine.environ.get(key, UNKNOWN)
        if holder.path.startswith(("typing.", "collections.", "builtins.")):
            return holder
        return UNKNOWN
    if isinstance(holder, Class):
        return holder  # a generic alias behaves like its class
    if isinstance(key, Opaque) and key.kind == "slice":
        if isinstance(holder, str | bytes | tuple):
            return holder[key.value]
        if isinstance(holder, List) and not holder.opened:
            return List(holder.items[key.value])
        return UNKNOWN
    if isinstance(holder, Opaque) and holder.kind == "match":
        try:
            return lift(holder.value[key])
        except (IndexError, TypeError, KeyError):
            return UNKNOWN
    try:
        if isinstance(holder, str | bytes | tuple) and isinstance(key, int):
            return holder[key]
        if isinstance(holder, List) and isinstance(key, int) and not holder.opened:
            if not -len(holder.items) <= key < len(holder.items) and not frame.maybe:
                _no_key(machine, key, frame, line, "IndexError")
            return holder.items[key]
        if isinstance(holder, Dict):
            known = const(key) or isinstance(key, tuple)
            if known and key not in holder.items and not holder.opened and not frame.maybe:
                _no_key(machine, key, frame, line)
            return holder.items.get(key, UNKNOWN) if known else UNKNOWN
    except (IndexError, TypeError):
        return UNKNOWN
    return UNKNOWN


def _no_key(machine: Machine, key: Value, frame: Frame, line: int, exception: str = "KeyError") -> None:
    """Raise KeyError (or IndexError) when something catches it; uncaught it would more likely be a path that was not followed right."""
    from doctor.imports.machine import Failure, error_class  # noqa: PLC0415

    cls = error_class(exception)
    if machine.caught(cls):
        raise machine.fail(
            Failure(
                kind="raised", exception=exception, message=repr(key), symbol=frame.module.name, provider=frame.module.name,
                module=frame.module.name, path=frame.module.spec.path, line=line,
            ),
            cls,
            frame,
        )  # fmt: skip


# ---------------------------------------------------------------- methods

_TEXT_METHODS = frozenset(
    [
        "startswith",
        "endswith",
        "split",
        "rsplit",
        "partition",
        "rpartition",
        "strip",
        "lstrip",
        "rstrip",
        "lower",
        "upper",
        "title",
        "capitalize",
        "casefold",
        "replace",
        "removeprefix",
        "removesuffix",
        "isdigit",
        "isidentifier",
        "isalpha",
        "isupper",
        "islower",
        "isnumeric",
        "splitlines",
        "count",
        "find",
        "rfind",
        "index",
        "swapcase",
        "encode",
        "decode",
        "isspace",
        "isdecimal",
        "isalnum",
    ]
)


def value_attribute(value: Value, name: str) -> Value:
    """A method of a constant or container; ``version_info`` fields of tuples that have them."""
    field = getattr(value, "fields", {}).get(name) if isinstance(value, tuple) else None
    if field is not None:
        return value[field]
    if name.startswith("__") and name not in {"__contains__", "__getitem__", "__setitem__"}:
        return UNKNOWN
    return Bound(name, value)


def call_method(
    machine: Machine, holder: Value, name: str, args: list[Value], kwargs: dict[str, Value], frame: Frame
) -> Value:
    """``holder.name(*args)`` for the kinds of value that are modelled."""
    if isinstance(holder, str | bytes):
        return _text_method(holder, name, args, kwargs)
    if isinstance(holder, List):
        return _list_method(machine, holder, name, args, frame)
    if isinstance(holder, Dict):
        return _dict_method(machine, holder, name, args, kwargs, frame)
    if isinstance(holder, Set):
        return _set_method(machine, holder, name, args, frame)
    if isinstance(holder, tuple) and name in {"index", "count"}:
        return UNKNOWN
    if isinstance(holder, Opaque):
        from doctor.imports.library import opaque_method  # noqa: PLC0415

        return opaque_method(machine, holder, name, args, kwargs, frame)
    return UNKNOWN


def _text_method(holder: str | bytes, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if name == "join" and len(args) == 1:
        try:
            parts = plain(args[0])
            result = holder.join(parts)
        except (ValueError, TypeError):
            return UNKNOWN
        return result if len(result) < _TEXT_LIMIT else UNKNOWN
    if name == "format" and isinstance(holder, str) and _modest_format(holder) and "{0." not in holder:
        if all(const(a) for a in args) and all(const(v) for v in kwargs.values()):
            try:
                return holder.format(*args, **kwargs)
            except Exception:  # noqa: BLE001 - a format that fails has no known value
                return UNKNOWN
        return UNKNOWN
    if name not in _TEXT_METHODS or kwargs or len(holder) > _TEXT_LIMIT:
        return UNKNOWN
    try:
        result = getattr(holder, name)(*[plain(a) for a in args])
    except Exception:  # noqa: BLE001 - a call that fails has no known value
        return UNKNOWN
    return lift(result) if not isinstance(result, str) or len(result) < _TEXT_LIMIT else UNKNOWN


def _list_method(machine: Machine, holder: List, name: str, args: list[Value], frame: Frame) -> Value:
    from doctor.imports.binding import extend_list  # noqa: PLC0415

    if name in {"append", "appendleft", "insert", "add"}:
        if len(holder.items) > _ITEM_LIMIT:
            holder.opened = True
        elif name == "insert" and len(args) == 2 and isinstance(args[0], int):
            holder.items.insert(args[0], args[1])
        elif args:
            holder.items.append(args[-1])
        if machine.uncertain(frame):
            holder.opened = True
        return None
    if name == "extend" and args:
        value = args[0]
        if isinstance(value, Set | Dict):
            value = List(list(value.items), opened=value.opened)
        extend_list(holder, value, uncertain=machine.uncertain(frame))
        return None
    if name == "copy":
        return List(list(holder.items), opened=holder.opened)
    if name in {"remove", "pop", "clear", "popleft"}:
        if name == "remove" and args and const(args[0]) and not machine.uncertain(frame):
            holder.items[:] = [i for i in holder.items if not (const(i) and i == args[0])]
        elif name == "clear" and not machine.uncertain(frame):
            holder.items = []
        else:
            holder.items.clear()
            holder.opened = True
        return UNKNOWN if name.startswith("pop") else None
    if name in {"sort", "reverse"}:
        holder.opened = True
        return None
    return UNKNOWN


def _dict_method(
    machine: Machine, holder: Dict, name: str, args: list[Value], kwargs: dict[str, Value], frame: Frame
) -> Value:
    from doctor.imports.binding import store_item  # noqa: PLC0415

    items = holder.items
    if name in {"keys", "__iter__"}:
        return List(list(items), opened=holder.opened)
    if name == "values":
        return List(list(items.values()), opened=holder.opened)
    if name == "items":
        return List([(k, v) for k, v in items.items()], opened=holder.opened)
    if name == "copy":
        return Dict(dict(items), opened=holder.opened)
    if name in {"get", "setdefault", "pop", "__getitem__"} and args:
        key = args[0]
        if not const(key) and not isinstance(key, tuple):
            if name != "get":
                holder.opened = True
            return UNKNOWN
        default = args[1] if len(args) > 1 else None
        try:
            if key in items:
                return _taken(machine, holder, key, frame) if name == "pop" else items[key]
        except TypeError:
            return UNKNOWN
        if name == "setdefault":
            items[key] = default
        return UNKNOWN if holder.opened or name == "__getitem__" else default
    if name == "update":
        _update(holder, args, kwargs, uncertain=machine.uncertain(frame))
        return None
    if name == "__setitem__" and len(args) == 2:
        store_item(holder, args[0], args[1], uncertain=machine.uncertain(frame))
        return None
    if name == "__contains__" and args:
        return compare(machine, "In", args[0], holder)
    if name in {"clear", "popitem"}:
        if holder.module is None:
            holder.items.clear()
        holder.opened = True
    return UNKNOWN


def _taken(machine: Machine, holder: Dict, key: Any, frame: Frame) -> Value:
    """``pop`` of a key that is there: on an undecided path it may still be there afterwards."""
    if not machine.uncertain(frame):
        return holder.items.pop(key)
    if holder.module is not None:
        return holder.items[key]
    holder.opened = True
    return holder.items.pop(key)


def _update(holder: Dict, args: list[Value], kwargs: dict[str, Value], *, uncertain: bool) -> None:
    from doctor.imports.binding import store_item  # noqa: PLC0415

    known = True
    for a in args:
        pairs: list[Any] | None = None
        if isinstance(a, Dict):
            pairs, known = list(a.items.items()), known and not a.opened
        elif isinstance(a, List | tuple):
            inner = a.items if isinstance(a, List) else list(a)
            if all(isinstance(p, tuple) and len(p) == 2 for p in inner) and not (isinstance(a, List) and a.opened):
                pairs = inner
        if pairs is None:
            known = False
            continue
        for k, v in pairs:
            store_item(holder, k, v, uncertain=uncertain)
    for k, v in kwargs.items():
        store_item(holder, k, v, uncertain=uncertain)
    if not known:
        holder.opened = True
        if holder.module is not None:
            holder.module.opened = holder.module.opened or "globals().update() with names that are not known"


def _set_method(machine: Machine, holder: Set, name: str, args: list[Value], frame: Frame) -> Value:
    if name == "copy":
        return Set(set(holder.items), opened=holder.opened)
    if name in {"add", "update", "discard", "remove"}:
        for a in args:
            values, exact = ([a], True) if name != "update" else iterate(machine, a)
            holder.opened = holder.opened or not exact or machine.uncertain(frame)
            for v in values:
                if not const(v):
                    holder.opened = True
                elif name in {"add", "update"}:
                    holder.items.add(v)
                else:
                    holder.items.discard(v)
        return None
    if name in {"union", "intersection", "difference", "issubset", "issuperset"} and len(args) == 1:
        values, exact = iterate(machine, args[0])
        if all(const(v) for v in values):
            result = getattr(holder.items, name)(values)
            known = exact and not holder.opened
            if isinstance(result, bool):
                return result if known else UNKNOWN
            return Set(set(result), opened=not known)
    if name in {"clear", "pop"}:
        holder.items.clear()
        holder.opened = True
    return UNKNOWN


__all__ = ["binary", "call_method", "compare", "item", "iterate", "truth", "value_attribute"]
