"""Findings as root causes with what they explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from doctor.model import Finding, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A root cause and the findings that are gone with it; ``severity`` is the worst among all of them."""

    finding: Finding
    folded: tuple[Finding, ...] = ()

    @property
    def severity(self) -> Severity:
        """A cause is as bad as the worst that it brings about."""
        return min((f.severity for f in (self.finding, *self.folded)), key=lambda severity: severity.rank)


def causes(findings: Sequence[Finding]) -> tuple[Cause, ...]:
    """Every finding once as a cause or at least once folded under one; worst causes first, else in their order."""
    known = {finding.key: finding for finding in findings}
    explained = {key for finding in findings for key in finding.explains if key != finding.key}
    found: list[Cause] = []
    covered: set[str] = set()
    # first what nothing explains; findings that only explain each other have no such root: take the first of them
    for candidates in ([f for f in findings if f.key not in explained], findings):
        for finding in candidates:
            if finding.key not in covered:
                folded = _below(finding, known)
                covered.update((finding.key, *(f.key for f in folded)))
                found.append(Cause(finding=finding, folded=folded))
    return tuple(sorted(found, key=lambda cause: cause.severity.rank))


def _below(root: Finding, known: Mapping[str, Finding]) -> tuple[Finding, ...]:
    """What the root explains, directly or not, in the order of the report."""
    reached: set[str] = set()
    waiting = list(root.explains)
    while waiting:
        key = waiting.pop()
        if key in known and key not in reached and key != root.key:
            reached.add(key)
            waiting.extend(known[key].explains)
    return tuple(finding for key, finding in known.items() if key in reached)
