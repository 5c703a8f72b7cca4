"""Of versions that cure equally well by equally small moves: one that can have met what it stands beside.

A version that was published before the major release of something that it needs was never tried with it: it may import
and fail later, in ways that no file tells. The same upgrade taken a little further costs nothing and is safer.
"""

from __future__ import annotations

from datetime import datetime

from packaging.version import Version

from doctor.checks.needs import find_needs
from doctor.index.index import Candidate
from doctor.model import Environment
from doctor.planned.target import Target
from doctor.repair.order import level, minor_releases
from doctor.repair.scene import Scene
from doctor.rulebook.requirements import version


def better_acquainted(candidate: Candidate, target: Target, scene: Scene) -> Candidate | None:
    """A later version, no larger a move, that met what the candidate did not, else the latest; None when it met all.

    Raises:
        IndexUnavailableError: the index cannot be asked.
    """
    installed = scene.environment.distribution(candidate.name)
    if installed is None or not _is_upgrade(installed.version, candidate.version):
        return None
    environment = scene.after(target).environment
    if not _never_met(candidate, environment, scene):
        return None
    far = level(installed.version, candidate.version)
    releases = minor_releases(scene.candidates(candidate.name), candidate.version, 1000)
    later = [
        release[0]
        for release in releases
        if _is_upgrade(candidate.version, release[0].version) and level(installed.version, release[0].version) == far
    ]
    return next((c for c in later if not _never_met(c, environment, scene)), later[-1] if later else None)


def _is_upgrade(before: str, after: str) -> bool:
    old = version(before)
    return old is not None and Version(after) > old


def _never_met(candidate: Candidate, environment: Environment, scene: Scene) -> bool:
    """It is older than the major release of something it needs; False where the index names no days."""
    published = candidate.file.upload_time
    if published is None:
        return False
    needed = {need.name for need in find_needs(environment).found if need.requirer.name == candidate.name}
    begun = (_begun(name, environment, scene) for name in sorted(needed))
    return any(day > published for day in begun if day is not None)


def _begun(name: str, environment: Environment, scene: Scene) -> datetime | None:
    """The day on which the installed major release of a distribution first appeared."""
    installed = environment.distribution(name)
    mine = version(installed.version) if installed is not None and installed.kind != "assumed" else None
    if mine is None:
        return None
    same = (r for r in scene.index.versions(name) if (r.parsed.epoch, r.parsed.major) == (mine.epoch, mine.major))
    return min((r.uploaded for r in same if r.uploaded and not r.parsed.is_prerelease), default=None)
