"""Versions, specifiers and requirements as the patient's code compares them, modelled by ``packaging``.

Following the regular expressions inside every vendored copy of packaging or distutils would cost more than all
else; these are pure functions with a public contract (PEP 440), so the importer models them by name.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from doctor.imports.values import UNKNOWN, Module, Native, Opaque, Value, lift

if TYPE_CHECKING:
    from doctor.imports.machine import Machine


@functools.total_ordering
class LooseVersion:
    """distutils' LooseVersion: numbers and words, compared in order; text is converted first."""

    def __init__(self, text: str) -> None:
        """Split at dots and between digits and letters."""
        self.vstring = text
        self.version = [int(p) if p.isdigit() else p for p in re.split(r"(\d+|[a-z]+|\.)", text) if p and p != "."]

    def __eq__(self, other: object) -> bool:
        other = LooseVersion(other) if isinstance(other, str) else other
        return isinstance(other, LooseVersion) and self.version == other.version

    def __lt__(self, other: object) -> bool:
        other = LooseVersion(other) if isinstance(other, str) else other
        if not isinstance(other, LooseVersion):
            return NotImplemented
        return self.version < other.version

    def __hash__(self) -> int:
        return hash(self.vstring)

    def __str__(self) -> str:
        return self.vstring


def parse_version(_machine: Machine, args: list[Value], _kwargs: dict[str, Value], _line: int) -> Value:
    """``packaging.version.parse`` / ``Version``."""
    if args and isinstance(args[0], Opaque) and args[0].kind == "version":
        return args[0]
    if not args or not isinstance(args[0], str):
        return UNKNOWN
    try:
        return Opaque("version", Version(args[0]))
    except InvalidVersion:
        return UNKNOWN


def loose_version(_machine: Machine, args: list[Value], _kwargs: dict[str, Value], _line: int) -> Value:
    """``LooseVersion``."""
    return (
        Opaque("version", LooseVersion(args[0]))
        if args and isinstance(args[0], str) and len(args[0]) < 200
        else UNKNOWN
    )


def specifier_set(_machine: Machine, args: list[Value], kwargs: dict[str, Value], _line: int) -> Value:
    """``packaging.specifiers.SpecifierSet``."""
    text = args[0] if args else kwargs.get("specifiers", "")
    try:
        return Opaque("specifiers", SpecifierSet(text)) if isinstance(text, str) else UNKNOWN
    except InvalidSpecifier:
        return UNKNOWN


def requirement(_machine: Machine, args: list[Value], _kwargs: dict[str, Value], _line: int) -> Value:
    """``packaging.requirements.Requirement``."""
    try:
        return Opaque("requirement", Requirement(args[0])) if args and isinstance(args[0], str) else UNKNOWN
    except InvalidRequirement:
        return UNKNOWN


def version_field(value: Any, name: str) -> Value:
    """An attribute of a version, specifier set or requirement."""
    if isinstance(value, Requirement) and name == "specifier":
        return Opaque("specifiers", value.specifier)
    if isinstance(value, Version | LooseVersion | Requirement) and not name.startswith("_"):
        return lift(getattr(value, name, UNKNOWN))
    return UNKNOWN


def specifiers_contain(value: SpecifierSet, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """``SpecifierSet.contains``."""
    wanted = args[0] if args else UNKNOWN
    if isinstance(wanted, Opaque) and isinstance(wanted.value, Version):
        wanted = wanted.value
    elif not isinstance(wanted, str):
        return UNKNOWN
    pre = kwargs.get("prereleases")
    try:
        return value.contains(wanted, prereleases=pre if isinstance(pre, bool) else None)
    except InvalidVersion:
        return UNKNOWN


def canonical(name: str) -> str:
    """A distribution's normalized name (PEP 503)."""
    return str(canonicalize_name(name))


def _packaging_version(_machine: Machine, module: Module) -> None:
    copied = {"VERSION_PATTERN", "InvalidVersion"} <= module.names.keys()  # many packages bring one, by other names
    if (copied or module.name.endswith("packaging.version")) and "Version" in module.names:
        module.names["parse"] = Native("parse", parse_version)
        module.names["Version"] = Native("Version", parse_version)
    elif "LooseVersion" in module.names and module.name.endswith("distutils.version"):
        module.names["LooseVersion"] = Native("LooseVersion", loose_version)


def _specifiers(_machine: Machine, module: Module) -> None:
    if module.name.endswith("packaging.specifiers"):
        module.names["SpecifierSet"] = Native("SpecifierSet", specifier_set)


def _requirements(_machine: Machine, module: Module) -> None:
    if module.name.endswith("packaging.requirements"):
        module.names["Requirement"] = Native("Requirement", requirement)


def _loose(_machine: Machine, module: Module) -> None:
    if "LooseVersion" in module.names:
        module.names["LooseVersion"] = Native("LooseVersion", loose_version)


def _metadata(_machine: Machine, module: Module) -> None:
    from doctor.imports.import_functions import metadata_distribution, metadata_version  # noqa: PLC0415

    if module.name == "importlib_metadata":
        module.names["version"] = Native("version", metadata_version)
        module.names["distribution"] = Native("distribution", metadata_distribution)


def _pkg_resources(_machine: Machine, module: Module) -> None:
    from doctor.imports.import_functions import metadata_distribution  # noqa: PLC0415

    if module.name == "pkg_resources":
        module.names["parse_version"] = Native("parse_version", parse_version)
        module.names["get_distribution"] = Native("get_distribution", metadata_distribution)
        module.opened = module.opened or "names declared by call"


OVERRIDES = {
    "version": _packaging_version, "_version": _packaging_version, "_pep440": _packaging_version, "specifiers": _specifiers, "requirements": _requirements, "looseversion": _loose,
    "importlib_metadata": _metadata, "pkg_resources": _pkg_resources,
}  # fmt: skip
