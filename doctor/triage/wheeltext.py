"""A wheel as text: the names of its members, and how to read one."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection
from dataclasses import dataclass

_TOO_LONG = 2 * 1024**2


def parsed(text: str) -> ast.Module | None:
    """The syntax tree of a source; None when it is no Python of today, or too long to be worth it."""
    if len(text) > _TOO_LONG:
        return None
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@dataclass(frozen=True, kw_only=True)
class WheelText:
    """A wheel's member names and how to read one as text."""

    names: Collection[str]
    read: Callable[[str], str]

    def source_of(self, module: str) -> str | None:
        """The member that is the module's source, None when there is none."""
        path = module.replace(".", "/")
        return next((name for name in (f"{path}/__init__.py", f"{path}.py") if name in self.names), None)

    def has_module(self, module: str) -> bool:
        """The module, as source, compiled, or as a directory without ``__init__``."""
        path = module.replace(".", "/")
        if self.source_of(module):
            return True
        return any(name.startswith((f"{path}/", f"{path}.")) and not name.endswith(".pyi") for name in self.names)
