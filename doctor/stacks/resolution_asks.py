"""One thing that a resolver is asked for, and the versions that satisfy it (PEP 440, PEP 508)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from doctor.errors import UsageError
from doctor.rulebook.requirements import UNREADABLE, requirement


@dataclass(frozen=True, eq=False, slots=True)
class Ask:
    """One requirement as it stands for a name, with or without extras; ``versions`` is its specifier's text."""

    requirement: Requirement
    extras: tuple[str, ...] = ()
    why: str = ""
    versions: str = ""

    @property
    def key(self) -> str:
        """``name`` or ``name[extra,other]``."""
        return key_of(self.requirement.name, self.extras)

    @property
    def shown(self) -> str:
        """As people write it."""
        return self.why or f"{self.key}{self.requirement.specifier}"


def batches(fitting: list[str], specifier: SpecifierSet) -> tuple[list[str], ...]:
    """Final versions before pre-releases, unless one of these is asked for (PEP 440)."""
    if any(_is_prerelease(c.version) for c in specifier):
        return (fitting,)
    early = {v for v in fitting if version_of(v).is_prerelease}
    return ([v for v in fitting if v not in early], [v for v in fitting if v in early])


def ask_of(parsed: Requirement) -> Ask:
    """One parsed requirement, its extras in one order."""
    extras = tuple(sorted(canonicalize_name(extra) for extra in parsed.extras))
    return Ask(parsed, extras, versions=str(parsed.specifier))


def key_of(name: str, extras: tuple[str, ...]) -> str:
    """``name`` or ``name[extra,other]``."""
    return f"{name}[{','.join(extras)}]" if extras else name


def parsed_requirement(text: str) -> Requirement:
    """A requirement; raises ``UsageError`` for what is none."""
    try:
        return requirement(text)
    except UNREADABLE as error:
        raise UsageError(f"{text!r} is no requirement such as name>=1.0 ({str(error).splitlines()[0]}).") from None


@lru_cache(maxsize=65536)
def version_of(text: str) -> Version:
    """The version, parsed once."""
    return Version(text)


@lru_cache(maxsize=262_144)
def contains(specifier: str, version: str) -> bool:
    """The specifier accepts the version, pre-releases too."""
    return not specifier or _specifier(specifier).contains(version_of(version), prereleases=True)


@lru_cache(maxsize=16384)
def _specifier(text: str) -> SpecifierSet:
    return SpecifierSet(text)


def _is_prerelease(text: str) -> bool:
    try:
        return Version(text.removesuffix(".*")).is_prerelease
    except UNREADABLE:
        return False
