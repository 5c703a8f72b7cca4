"""On which day it broke, and when it was otherwise: the phases of a case between two days.

A verdict depends on the versions of the distributions that failures name. Their uploads are the days on which it can
change; each such day is resolved, and each new combination of these versions is judged. Long phases are looked at in
their middle, too, since a break that came and went leaves no trace at the ends.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from doctor.checks.fold import names
from doctor.model import Finding
from doctor.stacks.drift import identity
from doctor.stacks.drift_lab import Lab
from doctor.stacks.from_nothing_verdict import Verdict
from doctor.stacks.resolution import Resolution

LONG_PHASE = 45
"""Days after which a phase is looked at in its middle as well."""
_MOST_DAYS = 400
_DAY = dt.timedelta(days=1)

Signature = frozenset[tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Days on which the same failures are met; ``versions`` are those of the distributions that failures ever name.

    ``unknown`` are entries that could not be followed to their end on these days.
    """

    since: dt.date
    until: dt.date
    versions: tuple[tuple[str, tuple[str, ...]], ...]
    findings: tuple[Finding, ...]
    unknown: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Timeline:
    """The search. ``watched`` are names that failures blame and whose versions differ over the days."""

    lab: Lab
    first: dt.date
    last: dt.date
    watched: set[str] = field(default_factory=set)
    _resolutions: dict[dt.date, Resolution] = field(default_factory=dict)
    _judged: dict[dt.date, Verdict] = field(default_factory=dict)
    _inferred: dict[dt.date, Verdict] = field(default_factory=dict)

    def phases(self) -> tuple[Phase, ...]:
        """All phases, oldest first; raises what ``Lab.state`` raises."""
        for day in (self.first, self.last):
            self._judge(day)
        while True:
            self._at_uploads()
            before = len(self._judged)
            found = self._merged()
            middles = [p.since + (p.until - p.since) // 2 for p in found if (p.until - p.since).days > LONG_PHASE]
            for day in middles:
                self._judge(day)
            if len(self._judged) == before or before > _MOST_DAYS:
                return found

    def _resolution(self, day: dt.date) -> Resolution:
        if day not in self._resolutions:
            self._resolutions[day] = self.lab.resolved(day)
        return self._resolutions[day]

    def _judge(self, day: dt.date) -> None:
        """The real verdict of a day; whom it blames is watched from now on."""
        if day in self._judged:
            return
        self.lab.progress(f"following imports as of {day.isoformat()}")
        verdict = self.lab.judge.verdict(self._resolution(day))
        self._judged[day] = verdict
        for finding in verdict.findings:
            self.watched.update(names(finding)[:2])

    @property
    def _known(self) -> dict[dt.date, Verdict]:
        """Verdicts by day: real ones before those inferred."""
        return {**self._inferred, **self._judged}

    def _at_uploads(self) -> None:
        """Every day on which a watched distribution appeared, until nobody new is blamed.

        Whoever is newly watched may differ between days that looked alike before: all is inferred anew then.
        """
        while True:
            before = set(self.watched)
            self._inferred.clear()
            sources = {self._combination(day): verdict for day, verdict in self._judged.items()}
            for day in self._upload_days():
                combination = self._combination(day)
                if combination not in sources:
                    self._judge(day)
                    if before != self.watched:
                        break
                    sources[combination] = self._judged[day]
                self._inferred[day] = sources[combination]
            if before == self.watched:
                return

    def _upload_days(self) -> list[dt.date]:
        found = set()
        for name in self.watched:
            for release in self.lab.index.versions(name):
                uploaded = release.uploaded
                if uploaded is not None and self.first <= uploaded.date() <= self.last:
                    found.add(uploaded.date())
        return sorted(found)

    def _combination(self, day: dt.date) -> tuple[str, ...]:
        versions = self._resolution(day).versions
        return tuple(f"{name}=={versions.get(name, '')}" for name in sorted(self.watched))

    def _merged(self) -> tuple[Phase, ...]:
        """Neighbouring days of one verdict as one phase; where it changes, the exact day is looked for."""
        days = sorted(self._known)
        changes = [self.first]
        for left, right in pairwise(days):
            if self._signature(left) != self._signature(right):
                changes.append(self._edge(left, right))
        ends = [*(day - _DAY for day in changes[1:]), self.last]
        return tuple(self._phase(since, until) for since, until in zip(changes, ends, strict=True))

    def _edge(self, left: dt.date, right: dt.date) -> dt.date:
        """The first day with the verdict of ``right``."""
        while right - left > _DAY:
            middle = left + (right - left) // 2
            self._judge(middle)
            if self._signature(middle) == self._signature(left):
                left = middle
            else:
                right = middle
        return right

    def _signature(self, day: dt.date) -> Signature:
        verdict = self._known[day]
        unknown = ("unknown", *sorted(verdict.unknown)) if verdict.unknown else None
        return frozenset(filter(None, (unknown, *(identity(finding) for finding in verdict.findings))))

    def _phase(self, since: dt.date, until: dt.date) -> Phase:
        inside = [day for day in sorted(self._known) if since <= day <= until]
        seen = {name: tuple(dict.fromkeys(self._versions(name, inside))) for name in sorted(self.watched)}
        verdict = self._known[inside[-1]]
        return Phase(
            since=since, until=until, versions=tuple(seen.items()), findings=verdict.findings, unknown=verdict.unknown
        )

    def _versions(self, name: str, days: Iterable[dt.date]) -> Iterable[str]:
        for day in days:
            version = self._resolution(day).versions.get(name)
            if version:
                yield version


def varying(phases: Iterable[Phase]) -> tuple[str, ...]:
    """The watched names whose versions differ between phases: the columns of the table."""
    seen: dict[str, set[str]] = {}
    for phase in phases:
        for name, versions in phase.versions:
            seen.setdefault(name, set()).update(versions)
    return tuple(name for name, versions in seen.items() if len(versions) > 1)
