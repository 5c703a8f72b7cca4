"""Import names and the distributions that bring them, where the two differ (``rules/names.toml``)."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path

from packaging.utils import canonicalize_name

from doctor.errors import RuleError
from doctor.rulebook.sources import builtin_directory


@functools.cache
def import_names() -> Mapping[str, str]:
    """Module -> normalized name of the distribution that brings it; raises ``RuleError`` when the table is damaged."""
    return {module: str(canonicalize_name(name)) for module, name in _table("modules").items()}


def usual_requirement(module: str) -> str:
    """The requirement (PEP 508) of a module that the newest releases of its distribution do not have; '' for others."""
    return _table("requirements").get(module.partition(".")[0], "")


def plugin_host(group: str) -> str:
    """The distribution whose program loads every entry point of a group when it starts, or ""."""
    return _table("plugins").get(group, "")


def stand_in(module: str) -> str:
    """The requirement that brings back a module which Python's own library gave up; '' when none is known."""
    return _table("removed").get(module.partition(".")[0], "")


@functools.cache
def _table(name: str) -> Mapping[str, str]:
    path = Path(builtin_directory()) / "names.toml"
    try:
        table: Mapping[str, str] = tomllib.loads(path.read_text("utf-8"))[name]
    except (OSError, ValueError, KeyError) as error:
        raise RuleError("rules/names.toml", name, "cannot be read; install acdoctor again") from error
    return table


def usual_distribution(module: str, *, shared: int = 0) -> str:
    """The distribution that usually brings a module: by the table (longest match), else by the same name.

    ``shared``: so many first components are a namespace that several distributions share, and tell nothing.
    """
    parts = module.split(".")
    table = import_names()
    for end in range(len(parts), shared, -1):
        name = table.get(".".join(parts[:end]))
        if name is not None:
            return name
    return str(canonicalize_name(".".join(parts[: shared + 1])))
