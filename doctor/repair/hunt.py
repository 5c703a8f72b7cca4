"""The hunt for the cure of one finding: one move after the other, each proven; a failure teaches what to leave out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from doctor.checks.examination import Stop
from doctor.errors import IndexUnavailableError, TransactionError
from doctor.model import Evidence, Finding, Report, Safety, Severity
from doctor.planned.target import Target, changes
from doctor.repair.acquainted import better_acquainted
from doctor.repair.budget import Deadline
from doctor.repair.cost import MOVED, Trial, cost_of, cures, hopeless, is_left, woken
from doctor.repair.moves import GUESS, Move, moves_for, subject_name
from doctor.repair.promise import has_symbol
from doctor.repair.resolve import Declined, complete
from doctor.repair.scene import Scene

MOST_TRIALS = 30
"""Moves that are examined for one finding."""
GOOD_ENOUGH = 16
"""Further moves that are looked at once one works, in search of a smaller one."""
FEW = 4
"""The same when the one that works is a single change."""
GIVEN_UP = 6
"""Forbidden moves that are tried to say what would have to be given up."""


@dataclass(frozen=True, kw_only=True)
class Base:
    """Where a hunt starts: what is planned so far, and what is found then."""

    target: Target
    report: Report


class Hunt:
    """One finding, and all that was tried against it."""

    def __init__(self, finding: Finding, base: Base, scene: Scene, deadline: Deadline) -> None:
        """Nothing is tried yet."""
        self.finding, self.base, self.scene, self.deadline = finding, base, scene, deadline
        self.best: Trial | None = None
        self._move = Move()
        self._refused: list[tuple[Move, str]] = []
        self._tried: list[str] = []
        self._examined = self._first = 0
        self._lacking: dict[tuple[str, str], None] = {}

    def cure(self) -> tuple[Trial | None, str]:
        """The cheapest proven move, or why there is none; may raise ``IndexUnavailableError``."""
        put_off: list[Move] = []
        for move in moves_for(self.finding, self.scene, self.base.target):
            if self._is_over():
                break
            if self._lacks(move):
                put_off.append(move)
            else:
                self._look_at(move)
        for move in put_off:
            if self.best or self._is_over():
                break
            self._look_at(move)
        if self.best:
            return self._acquainted(self.best), ""
        if self.deadline.passed:
            return None, self.deadline.words(self.finding.message, self._tried)
        return None, self._why_not()

    def _is_over(self) -> bool:
        """Enough was tried."""
        if self._examined >= MOST_TRIALS or self.deadline.passed:
            return True
        if self.best is None:
            return False
        if self._move.rank == 0:  # named by a rule or by the finding itself: known to be right, now proven here
            return True
        return self._examined - self._first > (FEW if self.best.cost[:3] <= (0, MOVED, 0) else GOOD_ENOUGH)

    def _look_at(self, move: Move) -> None:
        """Try one move; keep it if it is the best so far."""
        forbidden = move.forbidden(self.scene)
        if forbidden and not self.scene.policy.unsafe:
            self._refused.append((move, forbidden))
            return
        self._examined += 1
        self._tried += [c.pin for c in move.install]
        try:
            trial = self._try(move, self.scene)
        except (Declined, TransactionError):
            return
        if trial:
            self._first = self._first or self._examined
            if self.best is None or trial.cost < self.best.cost:
                self.best, self._move = trial, move

    def _try(self, move: Move, scene: Scene) -> Trial | None:
        """Examine what a move leads to; None when it does not cure the finding, wakes another, or is no better."""
        shown = ", ".join(c.pin for c in move.install) or "without " + ", ".join((*move.remove, *move.remove_paths))
        scene.progress(f"trying {shown} ({self.deadline.spent:.0f} s of work)")
        fixed = frozenset((*(c.name for c in move.install), *move.remove))
        target = permitted(complete(move.target(self.base.target, scene), scene, fixed), scene)
        if hopeless(target, self.best, scene):
            return None
        finding, before = self.finding, self.base.report

        def in_vain(found: Sequence[Finding]) -> bool:
            self._learn(found, target)
            return is_left(finding, found) or bool(woken(before.findings, found, target))

        static = finding.chain and finding.evidence is Evidence.STATIC
        stop = Stop(hopeless=in_vain, first=finding.chain[0] if static else "")
        report = scene.examine(target, stop)
        if stop.stopped:
            return None
        self._learn(report.findings, target)
        if not cures(finding, report) or woken(before.findings, report.findings, target):
            return None
        cost = cost_of(target, before, report, scene)
        return Trial(target=target, report=report, cost=(cost[0] + stop.unknown, *cost[1:]), certain=not stop.unknown)

    def _learn(self, found: Iterable[Finding], target: Target) -> None:
        """What the version that was tried lacks for something that is left as it is: others may lack it, too."""
        for finding in found:
            names = [subject_name(s) for s in finding.subjects[:2]]
            lacks = finding.severity is Severity.ERROR and finding.symbol and finding.evidence is Evidence.STATIC
            if (
                lacks
                and finding.symbol
                and len(names) > 1
                and names[1] in target.names
                and names[0] not in target.names
            ):
                self._lacking[names[1], finding.symbol] = None

    def _lacks(self, move: Move) -> bool:
        """A look at the wheel shows that it lacks what another version failed for: worth a proof only at the end."""
        try:
            for name, symbol in self._lacking:
                for candidate in move.install:
                    if candidate.name == name and not has_symbol(self.scene.index.wheel(candidate.file), symbol):
                        return True
        except (IndexUnavailableError, KeyError):
            return False
        return False

    def _acquainted(self, best: Trial) -> Trial:
        """The same cure by a version that can have met what it stands beside, where that is as small; else the best."""
        if self._move.rank < GUESS or len(self._move.install) != 1 or self.deadline.passed:
            return best
        try:
            later = better_acquainted(self._move.install[0], best.target, self.scene)
            self.best = None  # as small is small enough
            trial = self._try(Move(install=(later,)), self.scene) if later else None
        except (Declined, TransactionError, IndexUnavailableError):
            return best
        return trial if trial and trial.cost <= best.cost else best

    def _why_not(self) -> str:
        """Why nothing cures the finding; what would have to be given up, if that is known to help."""
        scene, said = self.scene, f"“{self.finding.message}”"
        free = replace(scene, policy=replace(scene.policy, unsafe=True))
        for move, forbidden in self._refused[:GIVEN_UP]:
            if self.deadline.passed:
                break
            try:
                trial = self._try(move, free)
            except (Declined, TransactionError, IndexUnavailableError):
                continue
            if trial:
                moved = (
                    f"{c.name} would have to go to {c.after or 'nothing'}"
                    for c in changes(trial.target, scene.environment)
                )
                return f"no pin cures {said} while {forbidden}; {', '.join(moved) or 'its files would have to change'}"
        if self._refused:
            return f"nothing cures {said} while {self._refused[0][1]}"
        return f"no cure was found for {said}" + _advice(self.finding)


def permitted(target: Target, scene: Scene) -> Target:
    """The target itself; raises ``Declined`` when it would give up what the policy keeps."""
    for name in target.names:
        chosen = target.get(name)
        forbidden = scene.policy.forbids(name, chosen.version if chosen else None)
        if forbidden and not scene.policy.unsafe:
            raise Declined(f"it would give up {forbidden}")
    return target


def _advice(finding: Finding) -> str:
    """The finding's own manual fix, in its words."""
    manual = [fix for fix in finding.fixes if fix.safety is Safety.MANUAL]
    text = next((fix.because or fix.command for fix in manual), "")
    return f"; {text}" if text else ""
