"""Methods of text, lists, dicts and sets."""

from __future__ import annotations

from typing import Any

from doctor.imports.containers import iterate
from doctor.imports.machine import Frame, Machine
from doctor.imports.operators import ITEM_LIMIT, TEXT_LIMIT, compare, modest_format
from doctor.imports.values import UNKNOWN, Bound, Dict, List, Opaque, Set, Value, const, known_key, lift, plain

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
        return result if len(result) < TEXT_LIMIT else UNKNOWN
    if name == "format" and isinstance(holder, str) and modest_format(holder) and "{0." not in holder:
        if all(const(a) for a in args) and all(const(v) for v in kwargs.values()):
            try:
                return holder.format(*args, **kwargs)
            except Exception:  # noqa: BLE001 - a format that fails has no known value
                return UNKNOWN
        return UNKNOWN
    if name not in _TEXT_METHODS or kwargs or len(holder) > TEXT_LIMIT:
        return UNKNOWN
    try:
        result = getattr(holder, name)(*[plain(a) for a in args])
    except Exception:  # noqa: BLE001 - a call that fails has no known value
        return UNKNOWN
    return lift(result) if not isinstance(result, str) or len(result) < TEXT_LIMIT else UNKNOWN


def _list_method(machine: Machine, holder: List, name: str, args: list[Value], frame: Frame) -> Value:
    from doctor.imports.binding import extend_list  # noqa: PLC0415

    if name in {"append", "appendleft", "insert", "add"}:
        if len(holder.items) > ITEM_LIMIT:
            holder.opened = True
        elif name == "insert" and len(args) == 2 and isinstance(args[0], int):
            holder.items.insert(args[0], args[1])
        elif args:
            holder.items.append(args[-1])
        if machine.uncertain(frame) or (holder is machine.sys_path and not (args and isinstance(args[-1], str))):
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
        if not const(key) and not (isinstance(key, tuple) and known_key(key)):
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
