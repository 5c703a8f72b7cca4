"""Which versions of a distribution have a module or a name: the question, answered elsewhere, and its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from doctor.triage.missing import Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the versions of the provider say.

    ``below`` is the newest version before the one in use that has it, ``above`` the oldest after it; with no
    version in use, ``below`` is the newest that has it when the newest of all has not, and ``above`` the oldest
    from which on all have it. ``looked`` are the versions that were read. ``aged``: what lacks it was superseded
    many years before the newest release. ``hazy``: no version is in use and the newest files do not tell.
    """

    provider: str
    below: str = ""
    above: str = ""
    looked: tuple[str, ...] = ()
    aged: bool = False
    hazy: bool = False

    @property
    def removed(self) -> bool:
        """It was there and went away: older versions have it, and nothing newer."""
        return bool(self.below) and not self.above


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A statement of ``file`` (relative to site-packages) that fails: its text and what it asks for."""

    file: str
    source: str
    missing: Missing


def later(make: Callable[[], Lookup]) -> Lookup:
    """A lookup that is made when it is first asked: the index's client costs as much to load as a paste to read."""
    return cast("Lookup", _Later(make))


class _Later:
    """Whatever is asked of it is asked of what ``make`` returns."""

    def __init__(self, make: Callable[[], Lookup]) -> None:
        self._make = make
        self._made: Lookup | None = None

    def __getattr__(self, name: str) -> object:
        self._made = self._made or self._make()
        return getattr(self._made, name)


class Lookup(Protocol):
    """Finds versions; returns None when it cannot know (offline, compiled code, too many to read)."""

    def offer(self, provider: str, missing: Missing, version: str, python: str) -> Offer | None:
        """Versions of ``provider`` around ``version`` ('' when not known) that have what is missing."""

    def mended(self, importer: str, use: Use, version: str, python: str) -> str:
        """The oldest version of ``importer`` from which on no file does ``use`` any more; '' when there is none."""

    def requires(self, name: str, version: str) -> tuple[str, ...] | None:
        """What a version (the newest when '') requires (Requires-Dist, raw); None when it cannot be known."""

    def defines(self, name: str, missing: Missing, version: str, python: str) -> bool:
        """Whether that version (the newest when '') has the class or function that ``missing`` names."""

    def named_alike(self, name: str, missing: Missing, version: str, python: str) -> bool:
        """Whether that version has a file that is called like the class; cheaper than reading what is in it."""

    def origin(self, importer: str, file: str, name: str, version: str) -> str:
        """The module from which a file of the importer has a name; '' when it cannot be known."""

    def installable(self, name: str, version: str, python: str) -> bool | None:
        """Whether a wheel of that version fits the Python; None when it cannot be known."""

    def known(self, name: str) -> bool | None:
        """Whether the index has a project of that name."""

    def exists(self, name: str, module: str) -> bool | None:
        """Whether a distribution of that name exists and brings the module; None when it cannot be known."""
