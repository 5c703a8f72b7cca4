"""The search for the smallest cure: propose, complete by metadata, prove on the after-environment, learn, go on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from doctor.errors import IndexUnavailableError, TransactionError
from doctor.model import Evidence, Finding, Report, Safety, Severity
from doctor.planned.target import Target, changes
from doctor.repair.acquainted import better_acquainted
from doctor.repair.cost import MOVED, Identity, Trial, cost_of, cures, hopeless, identity, woken
from doctor.repair.moves import GUESS, Move, moves_for, subject_name
from doctor.repair.resolve import Declined, complete
from doctor.repair.scene import Scene

MOST_TRIALS = 30
"""Moves that are examined for one finding."""
MOST_WORK = 240.0
"""Seconds of our own work that a search may take; a busy machine does not change the answer."""
MOST_SECONDS = 900.0
"""Seconds after which it ends all the same."""
MOST_FINDINGS = 24
"""Findings that one plan sets out to cure."""
GOOD_ENOUGH = 16
"""Further moves that are looked at once one works, in search of a smaller one."""
FEW = 4
"""The same when the one that works is a single change."""


class Deadline:
    """When a search has to end, counted from now."""

    def __init__(self) -> None:
        """Start to count."""
        self._work, self._time = time.process_time() + MOST_WORK, time.monotonic() + MOST_SECONDS

    @property
    def passed(self) -> bool:
        """It is time to end."""
        return time.process_time() > self._work or time.monotonic() > self._time


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


def search(scene: Scene, only: tuple[str, ...] = ()) -> Found:
    """The smallest target found that cures what can be cured; each step is proven before the next is taken.

    Raises:
        IndexUnavailableError: the index cannot be asked, and nothing at all could be cured without it.
    """
    state = Found(report=scene.report)
    _accept(_knowncures(state, scene, only, least=2), state, only)
    given_up: set[Identity] = set()
    steps = [state.target.names] if not state.target.empty else []
    deadline = Deadline()
    unavailable = ""
    for _ in range(MOST_FINDINGS):
        todo = [f for f in _in_turn(state.report) if wanted(f, only) and identity(f) not in given_up]
        if not todo or deadline.passed:
            break
        finding = todo[0]
        scene.progress(f"looking for a cure: {finding.message}")
        try:
            trial, reason = _cure(finding, state, scene, deadline)
        except IndexUnavailableError as error:
            trial, reason, unavailable = None, str(error).rstrip("."), str(error)
        if trial is None:
            given_up.add(identity(finding))
            state.declined.append(reason)
            continue
        steps.append(trial.target.names - state.target.names)
        _accept(trial, state, only)
    _without_needless(state, steps, scene)
    if unavailable and state.target.empty:
        raise IndexUnavailableError(unavailable)
    return state


def _without_needless(state: Found, steps: list[frozenset[str]], scene: Scene) -> None:
    """Drop what an earlier step brought and a later one made needless; each attempt is proven, too."""
    for names in steps[:-1]:
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
            move = next(moves_for(finding, scene, state.target), None)
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
        target = _permitted(complete(target, scene), scene)
    except (Declined, TransactionError, IndexUnavailableError):
        return None
    report = scene.examine(target)
    if not all(cures(finding, report) for finding, _ in chosen) or woken(state.report, report, target):
        return None
    return Trial(target=target, report=report, cost=())


def _permitted(target: Target, scene: Scene) -> Target:
    """The target itself; raises ``Declined`` when it would give up what the policy keeps."""
    for name in target.names:
        chosen = target.get(name)
        forbidden = scene.policy.forbids(name, chosen.version if chosen else None)
        if forbidden and not scene.policy.unsafe:
            raise Declined(f"it would give up {forbidden}")
    return target


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


def _cure(finding: Finding, state: Found, scene: Scene, deadline: Deadline) -> tuple[Trial | None, str]:
    """The cheapest proven move for one finding, or why there is none."""
    best: Trial | None = None
    best_move = Move()
    refused: list[tuple[Move, str]] = []
    examined = first = 0
    for move in moves_for(finding, scene, state.target):
        if examined >= MOST_TRIALS or deadline.passed:
            break
        if best and examined - first > (FEW if best.cost[:3] <= (0, MOVED, 0) else GOOD_ENOUGH):
            break
        forbidden = move.forbidden(scene)
        if forbidden and not scene.policy.unsafe:
            refused.append((move, forbidden))
            continue
        examined += 1
        try:
            trial = _try(finding, move, state, scene, best)
        except (Declined, TransactionError):
            continue
        if trial:
            if best is None or trial.cost < best.cost:
                best, best_move = trial, move
            first = first or examined
            if move.rank == 0:  # named by a rule or by the finding itself: known to be right, now proven here
                break
    if best:
        return _acquainted(best, best_move, (finding, state, scene)), ""
    return None, _why_not(finding, refused, state, scene)


def _acquainted(best: Trial, move: Move, about: tuple[Finding, Found, Scene]) -> Trial:
    """The same cure by a version that can have met what it stands beside, where that is as small; else the best."""
    finding, state, scene = about
    if move.rank < GUESS or len(move.install) != 1:
        return best
    try:
        later = better_acquainted(move.install[0], best.target, scene)
        trial = _try(finding, Move(install=(later,)), state, scene) if later else None
    except (Declined, TransactionError, IndexUnavailableError):
        return best
    return trial if trial and trial.cost <= best.cost else best


def _try(finding: Finding, move: Move, state: Found, scene: Scene, best: Trial | None = None) -> Trial | None:
    """Examine what a move leads to; None when it does not cure the finding, wakes another, or is no better."""
    scene.progress("trying " + (", ".join(c.pin for c in move.install) or "without " + ", ".join(move.remove)))
    fixed = frozenset((*(c.name for c in move.install), *move.remove))
    target = _permitted(complete(move.target(state.target, scene), scene, fixed), scene)
    if hopeless(target, best, scene):
        return None
    certain = True
    if finding.chain and finding.evidence is Evidence.STATIC and move.rank > 0:
        # a guess: quicker than all checks, which follow; and it tells whether silence means that the import ends well
        left, certain = scene.imports_of(target, finding.chain[0])
        if any(identity(f) == identity(finding) for f in left):
            return None
    report = scene.examine(target)
    if not cures(finding, report) or woken(state.report, report, target):
        return None
    cost = cost_of(target, state.report, report, scene)
    return Trial(target=target, report=report, cost=(cost[0] + (not certain), *cost[1:]))


def _why_not(finding: Finding, refused: list[tuple[Move, str]], state: Found, scene: Scene) -> str:
    """Why nothing cures a finding; what would have to be given up, if that is known to help."""
    free = replace(scene, policy=replace(scene.policy, unsafe=True))
    for move, forbidden in refused[:6]:
        try:
            trial = _try(finding, move, state, free)
        except (Declined, TransactionError, IndexUnavailableError):
            continue
        if trial:
            words = ", ".join(
                f"{c.name} would have to go to {c.after or 'nothing'}" for c in changes(trial.target, scene.environment)
            )
            return f"no pin cures “{finding.message}” while {forbidden}; {words or 'its files would have to change'}"
    if refused:
        return f"nothing cures “{finding.message}” while {refused[0][1]}"
    return f"no cure was found for “{finding.message}”" + _advice(finding)


def _advice(finding: Finding) -> str:
    """The finding's own manual fix, in its words."""
    manual = [fix for fix in finding.fixes if fix.safety is Safety.MANUAL]
    text = next((fix.because or fix.command for fix in manual), "")
    return f"; {text}" if text else ""
