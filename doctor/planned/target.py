"""What an environment is to become, as a value; no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from doctor.index.index import Candidate
from doctor.index.wheels import WheelFiles
from doctor.model import Change, Environment
from doctor.rulebook.requirements import version


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One wheel that is to be there: its candidate, its members, and why."""

    candidate: Candidate
    wheel: WheelFiles
    because: str = ""

    @property
    def name(self) -> str:
        """Normalized name."""
        return self.candidate.name

    @property
    def version(self) -> str:
        """PEP 440 version."""
        return self.candidate.version


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Wheels to be installed (also the same version again), names to go, other paths to go.

    Everything that the environment holds under the name of a chosen wheel is replaced by it.
    """

    chosen: tuple[Chosen, ...] = ()
    removed: tuple[str, ...] = ()
    remove_paths: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Every distribution that is touched."""
        return frozenset((*(c.name for c in self.chosen), *self.removed))

    @property
    def key(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """Equal for equal targets; wheels themselves cannot be hashed."""
        return tuple(c.candidate.pin for c in self.chosen), self.removed, self.remove_paths

    @property
    def empty(self) -> bool:
        """Nothing is to be done."""
        return not (self.chosen or self.removed or self.remove_paths)

    def get(self, name: str) -> Chosen | None:
        """The wheel chosen for a name."""
        return next((c for c in self.chosen if c.name == name), None)

    def with_chosen(self, chosen: Iterable[Chosen]) -> Target:
        """With further wheels; a name chosen before is chosen anew."""
        new = {c.name: c for c in chosen}
        kept = tuple(c for c in self.chosen if c.name not in new)
        removed = tuple(n for n in self.removed if n not in new)
        return replace(self, chosen=_sorted((*kept, *new.values())), removed=removed)

    def without(self, names: Iterable[str] = (), paths: Iterable[str] = ()) -> Target:
        """With further names and paths that are to go."""
        gone = tuple(dict.fromkeys((*self.removed, *names)))
        chosen = tuple(c for c in self.chosen if c.name not in gone)
        return Target(chosen=chosen, removed=gone, remove_paths=tuple(dict.fromkeys((*self.remove_paths, *paths))))

    def dropping(self, name: str) -> Target:
        """The same with this name left as it is."""
        return replace(
            self,
            chosen=tuple(c for c in self.chosen if c.name != name),
            removed=tuple(n for n in self.removed if n != name),
        )


def changes(target: Target, environment: Environment) -> tuple[Change, ...]:
    """What differs after the target: versions that move, come or go (not the same version again)."""
    found = []
    for chosen in target.chosen:
        old = environment.distribution(chosen.name)
        if old is None or not same_version(old.version, chosen.version):
            found.append(
                Change(
                    name=chosen.name,
                    before=old.version if old else None,
                    after=chosen.version,
                    because=chosen.because,
                )
            )
    for name in target.removed:
        old = environment.distribution(name)
        if old is not None:
            found.append(Change(name=name, before=old.version, after=None))
    return tuple(sorted(found, key=lambda c: c.name))


def reinstalled(target: Target, environment: Environment) -> tuple[str, ...]:
    """Pins that are installed again as they are."""
    moved = {c.name for c in changes(target, environment)}
    return tuple(c.candidate.pin for c in target.chosen if c.name not in moved)


def same_version(left: str, right: str) -> bool:
    """Equal by PEP 440 (``1.0`` is ``1.0.0``)."""
    return left == right or (version(left) is not None and version(left) == version(right))


def _sorted(chosen: Iterable[Chosen]) -> tuple[Chosen, ...]:
    return tuple(sorted(chosen, key=lambda c: c.name))
