"""Which versions to try first: small moves before large ones, newer before older; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from packaging.version import Version

from doctor.index.index import Candidate
from doctor.model import Change
from doctor.rulebook.requirements import version

SAME, MICRO, MINOR, MAJOR = 0, 1, 2, 3


def level(before: str | None, after: str | None) -> int:
    """How far a move is: 1 within a minor release, 2 within a major one, 3 beyond; absent versions count as 1.

    Before 1.0 the minor number is what breaks things, so ``0.17 -> 0.18`` still is a minor move: projects that
    never reach 1.0 would else only have major ones.
    """
    old, new = version(before or ""), version(after or "")
    if old is None or new is None:
        return MICRO
    if old == new:
        return SAME
    if (old.epoch, old.major) != (new.epoch, new.major):
        return MAJOR
    return MINOR if old.minor != new.minor else MICRO


def is_downgrade(change: Change) -> bool:
    """An older version, or none, afterwards."""
    if change.after is None:
        return True
    old, new = version(change.before or ""), version(change.after)
    return old is not None and new is not None and new < old


def distance(old: Version, new: Version) -> tuple[int, int, int]:
    """Steps between two versions in major, minor and micro numbers; calendar versions count as what they are."""
    major = abs(old.major - new.major) + 1000 * abs(old.epoch - new.epoch)
    minor = abs(old.minor - new.minor) if major == 0 else new.minor if new > old else 10_000 - new.minor
    micro = abs(old.micro - new.micro) if (major, minor) == (0, 0) else 10_000 - min(new.micro, 9_999)
    return major, minor, micro


def nearest(candidates: Iterable[Candidate], installed: str | None) -> list[Candidate]:
    """Candidates by their distance from the installed version, newer first among equals; newest first without one."""
    old = version(installed or "")
    found = list(candidates)
    if old is None:
        return sorted(found, key=lambda c: Version(c.version), reverse=True)
    return sorted(found, key=lambda c: (distance(old, Version(c.version)), Version(c.version) < old))


def as_installers(candidates: Iterable[Candidate], installed: str | None) -> list[Candidate]:
    """For what metadata asks for: no further than needed, and then the newest, as its lower bounds are often wrong."""
    old = version(installed or "")
    newest = sorted(candidates, key=lambda c: Version(c.version), reverse=True)
    if old is None:
        return newest
    return sorted(
        newest,
        key=lambda c: (level(installed, c.version), distance(old, Version(c.version))[0], Version(c.version) < old),
    )


def minor_releases(candidates: Sequence[Candidate], installed: str, most: int) -> list[list[Candidate]]:
    """The versions of each minor release but the installed one, newest first; nearest release first.

    ``most`` releases in each direction; beyond them the nearest of each major release, and the very newest, which is
    what fits the newest of the others.
    """
    old = version(installed)
    if old is None:
        return [[c] for c in list(reversed(candidates))[:most]]
    releases: dict[tuple[int, int, int, bool], list[Candidate]] = {}
    for candidate in candidates:
        parsed = Version(candidate.version)
        if parsed != old:
            releases.setdefault((parsed.epoch, parsed.major, parsed.minor, parsed > old), []).insert(0, candidate)
    by_newest = {found[0].version: found for found in releases.values()}
    ordered = nearest((found[0] for found in releases.values()), installed)
    above = [c for c in ordered if Version(c.version) > old]
    below = [c for c in ordered if Version(c.version) < old]
    kept = [*_near(above, most), *_near(below, most), *above[-1:]]
    return [by_newest[c.version] for c in ordered if c in kept]


def by_minor(ordered: Iterable[Candidate]) -> list[list[Candidate]]:
    """The same by minor releases, in the same order: those of one release hardly differ in what they have."""
    found: dict[tuple[int, int, int], list[Candidate]] = {}
    for candidate in ordered:
        parsed = Version(candidate.version)
        found.setdefault((parsed.epoch, parsed.major, parsed.minor), []).append(candidate)
    return list(found.values())


def _near(ordered: Sequence[Candidate], most: int) -> list[Candidate]:
    """The first ones, and the first of each major release among the others."""
    found, majors = list(ordered[:most]), {_major(c) for c in ordered[:most]}
    for candidate in ordered[most:]:
        if _major(candidate) not in majors:
            majors.add(_major(candidate))
            found.append(candidate)
    return found


def _major(candidate: Candidate) -> tuple[int, int]:
    parsed = Version(candidate.version)
    return parsed.epoch, parsed.major
