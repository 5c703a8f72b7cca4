"""Why it worked on one day and not on another: the same instructions resolved for both, and what changed judged.

Every distribution that differs is a suspect, those that the failure names first. The one that broke it is the one
whose older version, put in the newer set, ends the failure: that was tried before it is said.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from packaging.version import Version

from doctor.checks.fold import names
from doctor.errors import IndexUnavailableError
from doctor.index.releases import Window
from doctor.model import Finding
from doctor.rulebook.requirements import UNREADABLE, requirement
from doctor.stacks.drift_lab import Lab, State, swapped
from doctor.stacks.drift_sources import TOOLS
from doctor.stacks.from_nothing_verdict import Verdict
from doctor.stacks.resolution import Picked, Resolution, UnresolvableError, end_of

_MOST_BREAKS = 8
_MOST_TOGETHER = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One distribution that differs; ``on`` is the ISO date on which the newer side's file appeared."""

    name: str
    before: str | None
    after: str | None
    on: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A failure of the newer side, who brought it, and what takes it back.

    ``culprits`` are the distributions that differ (nearly always one); ``first`` is the oldest version of the first
    of them that fails so, ``first_on`` its ISO date. ``pins`` restore it, empty when none was found that does and that
    everybody accepts; ``resolved``: the whole was resolved anew with them, else they took the place of the newer ones;
    ``also`` is what else changes when these are asked for; ``clean`` says that nothing fails with all pins so far.
    """

    finding: Finding
    culprits: tuple[Moved, ...] = ()
    first: str = ""
    first_on: str = ""
    pins: tuple[str, ...] = ()
    also: tuple[Moved, ...] = ()
    clean: bool = False
    resolved: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Both sides, what differs, what broke by it, and the failures that both sides have."""

    title: str
    then: State
    now: State
    moved: tuple[Moved, ...]
    breaks: tuple[Break, ...] = ()
    both: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


def identity(finding: Finding) -> tuple[str, ...]:
    """What makes two failures the same though versions differ."""
    return (finding.rule, finding.symbol or "", *names(finding)[:2])


def moved(then: Resolution, now: Resolution) -> tuple[Moved, ...]:
    """What differs, by name; tools that an environment was made with, and nobody asked for, do not count."""
    found = []
    for name in sorted({*then.versions, *now.versions}):
        before, after = then.get(name), now.get(name)
        if name in TOOLS and (before is None or after is None):
            continue
        if (before and before.version) != (after and after.version):
            found.append(
                Moved(
                    name=name,
                    before=before.version if before else None,
                    after=after.version if after else None,
                    on=after.uploaded if after else "",
                )
            )
    return tuple(found)


def drift(lab: Lab, worked_on: dt.date, today: dt.date | None) -> Drift:
    """The comparison; ``today`` None is the environment as installed where one was named, else the present day.

    Raises what ``resolve`` and ``Judge.verdict`` raise.
    """
    older = lab.resolution(worked_on)
    now = lab.as_installed() if today is None and lab.case.installed is not None else lab.state(today or lab.today)
    unseen = State(day=worked_on, resolution=older, verdict=Verdict(findings=()))
    lab.look_ahead(older, *Trial(lab=lab, then=unseen, now=now, known=set()).first_tried())
    then = lab.state(worked_on)
    known = {identity(finding) for finding in then.verdict.findings}
    trial = Trial(lab=lab, then=then, now=now, known=known)
    return Drift(
        title=lab.case.title,
        then=then,
        now=now,
        moved=moved(then.resolution, now.resolution),
        breaks=tuple(trial.run()),
        both=tuple(f for f in now.verdict.findings if identity(f) in known),
        notes=(*lab.case.notes, *_unseen(now), *_entries_not_followed(lab, now)),
    )


@dataclass(kw_only=True)
class Trial:
    """The search for who broke it; ``pins`` grow by what was found, ``state`` is the newer side with them."""

    lab: Lab
    then: State
    now: State
    known: set[tuple[str, ...]]
    pins: dict[str, str] = field(default_factory=dict)
    state: State = field(init=False)

    def run(self) -> Iterable[Break]:
        """One break after the other: the next is looked for with the cure of those before."""
        self.state = self.now
        for _ in range(_MOST_BREAKS):
            fresh = [f for f in self.state.verdict.findings if identity(f) not in self.known]
            if not fresh:
                return
            yield self._explained(fresh[0])

    def first_tried(self) -> Iterable[Resolution]:
        """What will be judged first, unless the older side turns out to fail in the same way."""
        self.state = self.now
        changed = {m.name: m for m in moved(self.then.resolution, self.now.resolution)}
        for finding in self.now.verdict.findings[:1]:
            for name in [n for n in names(finding) if n in changed][:1]:
                yield self._tried((changed[name],))[0]

    def _explained(self, finding: Finding) -> Break:
        """The break, its culprit found by trying; the state goes on to the cured one."""
        changed = {m.name: m for m in moved(self.then.resolution, self.state.resolution)}
        for name in [n for n in names(finding) if n in changed]:
            found = self._with(finding, (changed[name],))
            if found is not None:
                return found
        rest = [m for n, m in changed.items() if n not in names(finding)]
        group = self._narrowed(finding, rest)
        found = self._with(finding, group) if group else None
        if found is None:
            self.known.add(identity(finding))
            return Break(finding=finding, culprits=tuple(group))
        return found

    def _with(self, finding: Finding, suspects: Sequence[Moved]) -> Break | None:
        """The break by these suspects; None when their older versions do not end the failure."""
        self.lab.progress("trying " + ", ".join(f"{m.name} {m.before or 'absent'}" for m in suspects))
        cured, resolved = self._cured(suspects)
        if not self._ends(finding, cured):
            return None
        accepted = resolved or self._accepted(cured.resolution, suspects)
        first = self._first_bad(finding, suspects[0]) if len(suspects) == 1 else None
        also = [m for m in moved(self.state.resolution, cured.resolution) if m.name not in {s.name for s in suspects}]
        self.pins.update({m.name: m.before for m in suspects if m.before})
        self.state = cured
        return Break(
            finding=finding,
            culprits=tuple(suspects),
            first=first.version if first else "",
            first_on=first.uploaded if first else "",
            pins=tuple(f"{m.name}=={m.before}" for m in suspects if m.before) if accepted else (),
            resolved=resolved,
            also=tuple(also),
            clean=not [f for f in cured.verdict.findings if identity(f) not in self.known],
        )

    def _cured(self, suspects: Sequence[Moved]) -> tuple[State, bool]:
        """The newer side with the suspects as they were, judged."""
        found, resolved = self._tried(suspects)
        return State(day=self.now.day, resolution=found, verdict=self.lab.judge.verdict(found)), resolved

    def _tried(self, suspects: Sequence[Moved]) -> tuple[Resolution, bool]:
        """The newer side with the suspects as they were, and whether it was resolved again with them for that."""
        pins = {**self.pins, **{m.name: m.before for m in suspects if m.before}}
        resolution = None
        if (self.now.day != self.lab.today or self.lab.case.installed is None) and all(m.before for m in suspects):
            with suppress(UnresolvableError):
                resolution = self.lab.resolved(self.now.day, pins)
        found = resolution or swapped(self.state.resolution, self.then.resolution, [m.name for m in suspects])
        return found, resolution is not None

    def _accepted(self, resolution: Resolution, suspects: Sequence[Moved]) -> bool:
        """Nobody in the set asks for another version of a suspect."""
        names_ = {m.name for m in suspects}
        interpreter = self.lab.case.wanted.interpreter
        for text in (text for picked in resolution.picked for text in picked.requires):
            try:
                parsed = requirement(text)
            except UNREADABLE:
                continue
            found = resolution.get(parsed.name) if parsed.name in names_ else None
            if found is None or (parsed.marker and not self.lab.reader.holds(parsed.marker, "", interpreter)):
                continue
            if not parsed.specifier.contains(found.version, prereleases=True):
                return False
        return True

    def _ends(self, finding: Finding, cured: State) -> bool:
        """The failure is gone, and no other came that was not there before."""
        before = {identity(f) for f in self.state.verdict.findings} | self.known
        after = {identity(f) for f in cured.verdict.findings}
        return identity(finding) not in after and (after <= before or len(after) <= len(before - self.known))

    def _narrowed(self, finding: Finding, suspects: Sequence[Moved]) -> Sequence[Moved]:
        """The few of the suspects that it takes, by halving; empty when all of them together do not end it."""
        if not suspects or not self._gone(finding, suspects):
            return ()
        while len(suspects) > 1:
            half = len(suspects) // 2
            for part in (suspects[:half], suspects[half:]):
                if self._gone(finding, part):
                    suspects = part
                    break
            else:
                return suspects if len(suspects) <= _MOST_TOGETHER else ()
        return suspects

    def _gone(self, finding: Finding, suspects: Sequence[Moved]) -> bool:
        resolution = swapped(self.state.resolution, self.then.resolution, [m.name for m in suspects])
        self.lab.progress(f"trying {len(suspects)} of the differences")
        after = self.lab.judge.verdict(resolution, finding.chain[:1])
        return identity(finding) not in {identity(f) for f in after.findings}

    def _first_bad(self, finding: Finding, suspect: Moved) -> Picked | None:
        """The oldest version between both sides that fails so, by halving (it is taken to fail from then on)."""
        newest = self.state.resolution.get(suspect.name)
        if newest is None or suspect.before is None:
            return newest
        between = self._between(suspect.name, suspect.before, newest)
        low, high = -1, len(between) - 1
        while high - low > 1:
            middle = (low + high) // 2
            trial = swapped(self.state.resolution, Resolution(picked=(between[middle],)), [suspect.name])
            self.lab.progress(f"trying {between[middle].pin}")
            verdict = self.lab.judge.verdict(trial, finding.chain[:1])
            if identity(finding) in {identity(f) for f in verdict.findings}:
                high = middle
            else:
                low = middle
        return between[high]

    def _between(self, name: str, before: str, newest: Picked) -> list[Picked]:
        """Versions after ``before`` up to the newest, as they could be installed on the newer day."""
        window = Window(before=end_of(self.now.day))
        try:
            candidates = self.lab.index.candidates(name, self.lab.case.wanted.interpreter, window)
        except IndexUnavailableError:  # offline, with all verdicts kept from before
            candidates = ()
        found = [
            Picked(name=name, version=c.version, file=c.file)
            for c in candidates
            if Version(before) < Version(c.version) < Version(newest.version)
        ]
        return [*found, newest]


def _unseen(state: State) -> Iterable[str]:
    """What of the newer side could not be had."""
    for text, reason in state.resolution.left_out:
        yield f"not seen: {text.partition(' @ ')[0]}, {reason}"


def _entries_not_followed(lab: Lab, state: State) -> Iterable[str]:
    stack = lab.case.subject.stack
    wanted = lab.case.subject.entries or (stack.entries if stack else ())
    lacking = [entry for entry in wanted if entry not in state.verdict.followed]
    if lacking:
        yield f"not followed, since no distribution here brings them: {', '.join(lacking)}"
    if state.verdict.unknown:
        yield f"could not be followed to the end: {', '.join(state.verdict.unknown)}"
