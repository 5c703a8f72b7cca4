"""The abstract values of the importer.

Immutable Python constants (numbers, text, bytes, None, tuples of values) stand for themselves. Everything the
importer cannot know is ``UNKNOWN``; a container that may hold more than is known is ``open``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from doctor.imports.finder import Spec
    from doctor.imports.lower import Node

Value = Any


class Unknown:
    """A value of which nothing is known."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


class Missing:
    """The answer of a look-up that found nothing (``None`` is a value like any other)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


@dataclass(eq=False, slots=True, repr=False)
class Module:
    """A module: its names so far, and whether it may have names that were not seen (``opened`` says why)."""

    name: str
    spec: Spec
    names: dict[str, Value] = field(default_factory=dict)
    state: str = "new"  # new, loading, done
    opened: str = ""
    future_annotations: bool = False
    broken_by: tuple[Any, ...] = ()
    source: bytes | None = None
    functions: tuple[tuple[int, int, bool], ...] = ()
    bodies: dict[int, Any] = field(default_factory=dict)
    defined: dict[int, Function] = field(default_factory=dict)
    importers: dict[str, int] = field(default_factory=dict)
    optional_names: dict[str, str] = field(default_factory=dict)
    line: int = 0


@dataclass(eq=False, slots=True, repr=False)
class Function:
    """A function written in Python, with the frame that it closes over."""

    name: str
    params: tuple[tuple[str, int, Node | None], ...]
    defaults: dict[str, Value]
    module: Module
    body: Any
    closure: Any
    line: int
    owner: Any = None
    kind: str = "plain"  # plain, static, class, property, contextmanager, opaque
    calls: int = 0
    steps: int = 0
    names: dict[str, Value] = field(default_factory=dict)
    wrapped: bool = False


@dataclass(eq=False, slots=True, repr=False)
class Class:
    """A class: ``opened`` when a base, metaclass or decorator could give it attributes that were not seen."""

    name: str
    bases: tuple[Value, ...]
    names: dict[str, Value]
    module: Module
    opened: str = ""
    line: int = 0
    keywords: tuple[str, ...] = ()
    order: list[Value] | None = None  # its order of resolution, made when first asked for
    members: dict[Any, Value] = field(default_factory=dict)  # of an enumeration, by value


@dataclass(eq=False, slots=True, repr=False)
class Instance:
    """An object of a known class."""

    cls: Value
    names: dict[str, Value] = field(default_factory=dict)
    opened: bool = False


@dataclass(eq=False, slots=True, repr=False)
class Bound:
    """A function taken from an instance or class: ``self`` goes first."""

    function: Value
    self: Value


@dataclass(eq=False, slots=True, repr=False)
class List:
    """A list (or deque); ``opened`` when it may have other items too."""

    items: list[Value]
    opened: bool = False


@dataclass(eq=False, slots=True, repr=False)
class Set:
    """A set or frozenset of constants; anything else in it opens it."""

    items: set[Any]
    opened: bool = False


@dataclass(eq=False, slots=True, repr=False)
class Dict:
    """A dict with constant keys; ``opened`` when it may have other keys too. ``module``: it is its namespace."""

    items: dict[Any, Value]
    opened: bool = False
    module: Module | None = None


@dataclass(eq=False, slots=True, repr=False)
class External:
    """Something of the standard library (or of the language) by its dotted name; its inside is not followed."""

    path: str


@dataclass(eq=False, slots=True, repr=False)
class Native:
    """A callable that the importer itself knows: ``handler(machine, args, kwargs, line) -> Value``."""

    name: str
    handler: Callable[..., Value]


@dataclass(eq=False, slots=True, repr=False)
class Opaque:
    """A concrete object of the doctor's own (a PEP 440 version, a compiled regex, a match) behind a name."""

    kind: str
    value: Any


@dataclass(eq=False, slots=True, repr=False)
class Super:
    """``super()``: attributes are looked for after ``cls`` in the order of resolution of ``self``."""

    cls: Value
    self: Value


class Bounded(Exception):  # noqa: N818
    """A limit of steps, depth or size was reached: the value is unknown."""


_CONSTANTS = frozenset({type(None), bool, int, float, str, bytes, complex, type(Ellipsis)})


def const(value: Value) -> bool:
    """The value is a plain Python constant (not a container of abstract values)."""
    return type(value) in _CONSTANTS


def known_key(value: Value) -> bool:
    """Which key of a dict it is can be told: a constant, or a tuple of constants, classes and the like."""
    if isinstance(value, tuple):
        return all(known_key(v) for v in value)
    return const(value) or isinstance(value, Class | Function | Module | External)


def plain(value: Value, depth: int = 0) -> Any:
    """The Python object that a fully known value stands for; raises ``ValueError`` when part of it is unknown."""
    if const(value):
        return value
    if depth > 8:
        raise ValueError("nested too deeply")
    if isinstance(value, tuple):
        return tuple(plain(v, depth + 1) for v in value)
    if isinstance(value, List) and not value.opened:
        return [plain(v, depth + 1) for v in value.items]
    if isinstance(value, Set) and not value.opened:
        return set(value.items)
    if isinstance(value, Dict) and not value.opened:
        return {k: plain(v, depth + 1) for k, v in value.items.items()}
    if isinstance(value, Opaque) and value.kind in {"version", "path", "range"}:
        return value.value
    raise ValueError("not known")


def lift(value: Any) -> Value:
    """The abstract value of a concrete Python object (UNKNOWN for kinds that are not modelled)."""
    if const(value):
        return value
    if isinstance(value, tuple):
        return tuple(lift(v) for v in value)
    if isinstance(value, list):
        return List([lift(v) for v in value])
    if isinstance(value, set | frozenset):
        return Set(set(value))
    if isinstance(value, dict):
        return Dict({k: lift(v) for k, v in value.items()})
    return UNKNOWN


def join(old: Value, new: Value) -> Value:
    """One of the two: equal constants stay, everything else is unknown."""
    if old is new:
        return old
    if const(old) and const(new) and type(old) is type(new) and old == new:
        return old
    if isinstance(old, External) and isinstance(new, External) and old.path == new.path:
        return old
    return UNKNOWN


def truth(value: Value) -> bool | None:
    """What ``bool(value)`` is; None when that is not known."""
    if const(value) or isinstance(value, tuple):
        return bool(value)
    if isinstance(value, List | Set | Dict):
        return None if value.opened else bool(value.items)
    if isinstance(value, Module | Function | Class | Bound | Native | External | Super):
        return True
    if isinstance(value, Opaque):
        return None if value.kind in {"external", "specifiers", "environ"} else True
    if isinstance(value, Instance):
        cls = value.cls
        if isinstance(cls, Class) and not cls.opened and not _has_truth(cls):
            return True
    return None


def _has_truth(cls: Value) -> bool:
    if isinstance(cls, Class):
        return "__bool__" in cls.names or "__len__" in cls.names or any(_has_truth(b) for b in cls.bases)
    return not (
        isinstance(cls, External) and (cls.path == "builtins.object" or cls.path.endswith(("Error", "Exception")))
    )
