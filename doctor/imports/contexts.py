"""``with``: what entering a context manager gives, and which exceptions it swallows."""

from __future__ import annotations

import re
from typing import Any

from doctor.imports.calling import call
from doctor.imports.classes import class_lookup
from doctor.imports.failures import Raised
from doctor.imports.lower import Node
from doctor.imports.machine import Frame, Machine
from doctor.imports.values import UNKNOWN, Bounded, Class, Function, Instance, Opaque, Value, truth

_SYS_MAY_CHANGE = re.compile(
    r"\('name', \d+, 'sys'\)(?!, '(?!(?:path|meta_path|path_hooks|path_importer_cache|modules)')\w+'\))"
)
"""In lowered code: ``sys`` itself, or one of its attributes that say where modules come from."""


def enter_context(machine: Machine, manager: Value, frame: Frame) -> tuple[Value, tuple[Any, ...] | None]:
    """What ``with manager as x`` binds, and the guard that it puts up against exceptions (None: none)."""
    if isinstance(manager, Opaque):
        if manager.kind == "suppress":
            return None, ("types", manager.value)
        if manager.kind == "external" and manager.value == "contextlib.ExitStack":
            return UNKNOWN, ("unknown",)
        if manager.kind == "generator":
            body = manager.value[1]
            if _SYS_MAY_CHANGE.search(repr(body.body)):  # where modules are found; it is not run
                machine.sys_path.opened = True
                return UNKNOWN, ("unknown",)
            return UNKNOWN, ("unknown",) if _may_swallow(body.body) else None
        return (manager if manager.kind == "file" else UNKNOWN), None
    if isinstance(manager, Instance) and isinstance(manager.cls, Class):
        return _enter_instance(machine, manager, frame)
    return UNKNOWN, ("unknown",)


def _enter_instance(machine: Machine, manager: Instance, frame: Frame) -> tuple[Value, tuple[Any, ...] | None]:

    enter, leave = class_lookup(manager.cls, "__enter__"), class_lookup(manager.cls, "__exit__")
    value: Value = UNKNOWN
    guard: tuple[Any, ...] | None = ("unknown",)
    frame.maybe += 1
    try:
        if isinstance(enter, Function):
            value = call(machine, enter, [manager], {}, frame, 0)
        if isinstance(leave, Function):
            swallows = call(machine, leave, [manager, UNKNOWN, UNKNOWN, UNKNOWN], {}, frame, 0)
            guard = None if truth(swallows) is False else ("unknown",)
    except (Raised, Bounded):
        guard = ("unknown",)
    finally:
        frame.maybe -= 1
    return value, guard


def _may_swallow(body: tuple[Node, ...]) -> bool:
    """A generator-based context manager that has an ``except`` around its ``yield`` may swallow exceptions."""
    return any(
        (node[0] == "try" and bool(node[3])) or (node[0] in {"with", "if", "for"} and any(
            isinstance(part, tuple) and part and isinstance(part[0], tuple) and _may_swallow(part) for part in node[2:]
        ))
        for node in body
        if isinstance(node, tuple) and node and isinstance(node[0], str)
    )  # fmt: skip
