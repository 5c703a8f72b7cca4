"""The search for the smallest cure: propose, complete by metadata, prove on the after-environment, learn, go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from doctor.errors import IndexUnavailableError, TransactionError
from doctor.model import Evidence, Finding, Report, Safety, Severity
from doctor.planned.target import Target
from doctor.repair.budget import PATIENCE, Deadline
from doctor.repair.cost import Identity, Trial, cures, identity, woken
from doctor.repair.hunt import Base, Hunt, permitted
from doctor.repair.moves import Move, known_moves, subject_name
from doctor.repair.resolve import Declined, complete
from doctor.repair.scene import Scene

MOST_FINDINGS = 24
"""Findings that one plan sets out to cure."""


@dataclass(kw_only=True)
class Found:
    """The result: the target, the examination of it, the findings it cures, and what was given up with reasons."""

    target: Target = field(default_factory=Target)
    report: Report
    cured: list[Finding] = field(default_factory=list)
    declined: list[str] = field(default_factory=list)


def wanted(finding: Finding, only: Iterable[str] = ()) -> bool:
    """A finding that a plan is made for: an error, or damage on the disk with a fix that is known to be safe."""
    if only and finding.rule not in only:
        return False
    if finding.severity is Severity.ERROR or only:
        return finding.severity is not Severity.NOTE
    safe = any(fix.safety is Safety.SAFE for fix in finding.fixes)
    return finding.severity is Severity.WARNING and finding.evidence is Evidence.FILE and safe


def search(scene: Scene, only: tuple[str, ...] = (), patience: float = PATIENCE) -> Found:
    """The smallest target found that cures what can be cured; each step is proven before the next is taken.

    ``patience``: seconds of work after which no further proof is begun; what is left open then is said.

    Raises:
        IndexUnavailableError: the index cannot be asked, and nothing at all could be cured without it.
    """
    state = Found(report=scene.report)
    _accept(_knowncures(state, scene, only, least=2), state, only)
    given_up: dict[Identity, str] = {}
    steps = [state.target.names] if not state.target.empty else []
    deadline = Deadline(patience)
    unavailable = ""
    for _ in range(MOST_FINDINGS):
        todo = [f for f in _in_turn(state.report) if wanted(f, only) and identity(f) not in given_up]
        if not todo:
            break
        if deadline.passed:
            state.declined += [deadline.words(f.message, ()) for f in todo if f.key not in explained(state.report)]
            break
        finding = todo[0]
        scene.progress(f"looking for a cure: {finding.message}")
        try:
            base = Base(target=state.target, report=state.report)
            trial, reason = Hunt(finding, base, scene, deadline.share()).cure()
        except IndexUnavailableError as error:
            trial, reason, unavailable = None, str(error).rstrip("."), str(error)
        if trial is None:
            given_up[identity(finding)] = reason
            continue
        if not trial.certain:
            state.declined.append(
                f"not certain: “{finding.message}” is gone, but {finding.chain[0]} cannot be followed to its end"
            )
        steps.append(trial.target.names - state.target.names)
        _accept(trial, state, only)
    left = {identity(f) for f in state.report.findings}
    state.declined[:0] = [
        reason for about, reason in given_up.items() if about in left
    ]  # another step may have cured it
    _without_needless(state, steps, scene, deadline)
    if unavailable and state.target.empty:
        raise IndexUnavailableError(unavailable)
    return state


def _without_needless(state: Found, steps: list[frozenset[str]], scene: Scene, deadline: Deadline) -> None:
    """Drop what an earlier step brought and a later one made needless; each attempt is proven, too."""
    for names in steps[:-1]:
        if deadline.passed:
            return
        smaller = state.target
        for name in names:
            smaller = smaller.dropping(name)
        try:
            if smaller == state.target or smaller.empty or complete(smaller, scene).key != smaller.key:
                continue
            report = scene.examine(smaller)
        except (Declined, TransactionError, IndexUnavailableError):
            continue
        known = {identity(f) for f in state.report.findings}
        worse = [f for f in report.findings if f.severity is not Severity.NOTE and identity(f) not in known]
        if not (worse or report.crashed):
            state.target, state.report = smaller, report


def search_known(scene: Scene) -> Found | None:
    """The target that the findings' own fixes lead to, if together they cure all of them; else None."""
    state = Found(report=scene.report)
    _accept(_knowncures(state, scene, (), least=1), state, ())
    return None if state.target.empty or any(wanted(f) for f in state.report.findings) else state


def _accept(trial: Trial | None, state: Found, only: tuple[str, ...]) -> None:
    """Go on from a trial that cured something."""
    if trial is None:
        return
    left = {identity(f) for f in trial.report.findings}
    state.cured += [f for f in state.report.findings if wanted(f, only) and identity(f) not in left]
    state.target, state.report = trial.target, trial.report


def _knowncures(state: Found, scene: Scene, only: tuple[str, ...], *, least: int) -> Trial | None:
    """Cures that findings or rules name, taken together and examined once instead of one after the other.

    Only cures that have nothing to do with each other: one of two for the same distributions might be needless.
    """
    chosen: list[tuple[Finding, Move]] = []
    taken: set[str] = set()
    target = state.target
    try:
        for finding in _in_turn(state.report):
            if not wanted(finding, only) or finding.key in explained(state.report):
                continue
            move = next(known_moves(finding, scene), None)
            if move is None or move.rank > 0 or move.forbidden(scene):
                continue
            about = {*map(subject_name, finding.subjects), *(c.name for c in move.install), *move.remove}
            if not about & taken:
                taken |= about
                chosen.append((finding, move))
                target = move.target(target, scene)
        if len(chosen) < least:
            return None
        scene.progress("trying " + ", ".join(c.pin for _, move in chosen for c in move.install))
        target = permitted(complete(target, scene), scene)
    except (Declined, TransactionError, IndexUnavailableError):
        return None
    report = scene.examine(target)
    if not all(cures(finding, report) for finding, _ in chosen) or woken(
        state.report.findings, report.findings, target
    ):
        return None
    return Trial(target=target, report=report, cost=())


def _in_turn(report: Report) -> Iterator[Finding]:
    """Damaged files first, as they make every other finding doubtful; what another one explains comes last.

    Between them what has a cure that is known to be right, then versions that do not fit; what is missing comes after
    these, as another version may not need it.
    """
    folded = explained(report)

    def turn(finding: Finding) -> tuple[bool, ...]:
        known = any(f.safety is Safety.SAFE and (f.install or f.remove or f.reinstall) for f in finding.fixes)
        absent = any("==" not in subject for subject in finding.subjects[1:2])
        return finding.key in folded, finding.evidence is not Evidence.FILE, not known, absent

    yield from sorted(report.findings, key=turn)


def explained(report: Report) -> set[str]:
    """Keys of findings that are consequences of others."""
    return {key for f in report.findings for key in f.explains}
