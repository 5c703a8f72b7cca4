"""What one trial is worth beside another: what it cures, what it wakes, how much it changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from doctor.model import Finding, Report, Severity
from doctor.planned.target import Target, changes, reinstalled
from doctor.repair.moves import subject_name
from doctor.repair.order import is_downgrade, level
from doctor.repair.scene import Scene

MOVED = 3
"""What changing something that is there weighs beside adding something."""

Identity = tuple[str, tuple[str, ...], str, str]


def identity(finding: Finding) -> Identity:
    """What makes two findings of different examinations the same: versions and line numbers may differ."""
    names = tuple(subject_name(s) for s in finding.subjects)
    return finding.rule, names, finding.symbol or "", finding.where.path if finding.where else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A move that was examined: the target it led to, and what is left.

    ``certain``: the import that failed was followed to its end.
    """

    target: Target
    report: Report
    cost: tuple[int, ...]
    certain: bool = True


def cures(finding: Finding, report: Report) -> bool:
    """The finding is gone, and the check that would find it ran to its end."""
    return not report.crashed and not is_left(finding, report.findings)


def is_left(finding: Finding, found: Iterable[Finding]) -> bool:
    """The finding is among what was found."""
    return identity(finding) in {identity(f) for f in found if f.severity is not Severity.NOTE}


def woken(before: Iterable[Finding], after: Iterable[Finding], target: Target) -> list[Finding]:
    """Errors that were not there before and that the target brings: those about something that it touches.

    Others were only hidden behind what is cured now, and are next.
    """
    known = {identity(f) for f in before if f.severity is Severity.ERROR}
    return [
        f
        for f in after
        if f.severity is Severity.ERROR
        and identity(f) not in known
        and (target.names & {subject_name(s) for s in f.subjects} or not f.subjects)
    ]


def cost_of(target: Target, before: Report, after: Report, scene: Scene) -> tuple[int, ...]:
    """What makes one cure better than another: what it touches works, fewer changes, no new warnings, smaller moves.

    The first counts errors that are left about what it touches: a version that cures one of two breaks of the same
    pair would need a second move for the other.
    """
    known = {identity(f) for f in before.findings}
    warnings = sum(f.severity is Severity.WARNING and identity(f) not in known for f in after.findings)
    left = [f for f in after.findings if f.severity is Severity.ERROR]
    still = sum(bool(target.names & {subject_name(s) for s in f.subjects}) for f in left)
    size = _size(target, scene)
    return (still, size[0], warnings, *size[1:], len(left))


def _size(target: Target, scene: Scene) -> tuple[int, ...]:
    """How much a target changes: what is there (what comes new weighs less), how far, downwards, what was asked for."""
    environment = scene.environment
    moved = changes(target, environment)
    touched = sum(c.before is not None for c in moved) + len(reinstalled(target, environment))
    return (
        MOVED * (touched + len(target.remove_paths)) + sum(c.before is None for c in moved),
        max((level(c.before, c.after) for c in moved), default=0),
        sum(is_downgrade(c) for c in moved),
        sum(c.name in scene.asked_for for c in moved),
    )


def hopeless(target: Target, best: Trial | None, scene: Scene) -> bool:
    """However well the target may work, the best trial is at least as small."""
    if best is None:
        return False
    size = _size(target, scene)
    return (0, size[0], 0, *size[1:], 0) >= (*best.cost[:-1], 0)
