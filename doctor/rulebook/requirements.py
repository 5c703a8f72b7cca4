"""Versions and conditions of rules, read once: PEP 440 versions and specifiers, PEP 508 requirements and markers."""

from __future__ import annotations

from functools import lru_cache

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

# packaging raises subclasses of ValueError; int() refuses thousands of digits with a plain one, and a marker of
# thousands of parentheses ends in RecursionError.
UNREADABLE = (ValueError, RecursionError)


@lru_cache(maxsize=8192)
def requirement(text: str) -> Requirement:
    """The requirement that ``text`` says (PEP 508), its name normalized (PEP 503); raises ``ValueError``."""
    try:
        parsed = Requirement(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    parsed.name = canonicalize_name(parsed.name)
    return parsed


@lru_cache(maxsize=1024)
def marker(text: str) -> Marker:
    """The environment marker that ``text`` says (PEP 508); raises ``ValueError``."""
    try:
        return Marker(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


@lru_cache(maxsize=1024)
def specifier(text: str) -> SpecifierSet:
    """The version specifier that ``text`` says (PEP 440); raises ``ValueError``."""
    return SpecifierSet(text)


@lru_cache(maxsize=8192)
def version(text: str) -> Version | None:
    """The version that ``text`` says, or None when it is none by PEP 440."""
    try:
        return Version(text)
    except ValueError:
        return None


def split_pin(text: str) -> tuple[str, str]:
    """(normalized name, version) of ``name==version``; raises ``ValueError`` for anything else."""
    parsed = requirement(text)
    clauses = list(parsed.specifier)
    exact = len(clauses) == 1 and clauses[0].operator == "==" and not clauses[0].version.endswith(".*")
    if not exact or parsed.extras or parsed.url or parsed.marker:
        raise ValueError(f"{text!r} is not of the form name==version")
    return parsed.name, clauses[0].version


def admits(text: str, candidate: str) -> bool:
    """Whether a version satisfies the requirement's specifier; prereleases count, what is no version never does."""
    parsed = requirement(text)
    if not parsed.specifier:
        return True
    known = version(candidate)
    return known is not None and parsed.specifier.contains(known, prereleases=True)
