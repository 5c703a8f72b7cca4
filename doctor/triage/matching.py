"""Which log rules hold in a log: their patterns' hits, weighed with what else the log says."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from doctor.rulebook.rules import LogRule, Needle
from doctor.triage.digest import Digest, Hit
from doctor.triage.versions import Versions, normal

NEAR = 40
"""Lines that still count as near."""
HEALTHY = "healthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A rule that holds: its first hit, all remembered hits, and how often it occurs."""

    rule: LogRule
    hits: tuple[Hit, ...]
    count: int

    @property
    def first(self) -> Hit:
        """Where it shows first."""
        return self.hits[0]

    @property
    def last(self) -> Hit:
        """Where it shows last."""
        return self.hits[-1]


def patterns(rules: Iterable[LogRule]) -> list[Needle | str]:
    """Every pattern that the rules need to have searched."""
    return list(dict.fromkeys(one for rule in rules for one in rule.needles or rule.patterns))


def matches(rules: Iterable[LogRule], digest: Digest, versions: Versions) -> tuple[Match, ...]:
    """The rules that hold, in the order of their first line; of several on one line only the most telling."""
    found = [match for rule in rules if not rule.stage and (match := _match(rule, digest, versions))]
    found.sort(key=lambda match: (match.first.line.number, _rank(match.rule)))
    best: dict[int, Match] = {}
    for match in found:
        best.setdefault(match.first.line.number, match)
    return tuple(best.values())


def _match(rule: LogRule, digest: Digest, versions: Versions) -> Match | None:
    hits = digest.of(rule.pattern)
    if not hits or not _versions_allow(rule, versions):
        return None
    if rule.unless:
        refused = {hit.line.number for hit in digest.of(rule.unless)}
        hits = [hit for hit in hits if hit.line.number not in refused]
    if rule.after:
        begins = min((hit.line.number for hit in digest.of(rule.after)), default=None)
        hits = [hit for hit in hits if begins is not None and hit.line.number > begins]
    if rule.near:
        places = [hit.line.number for hit in digest.of(rule.near)]
        hits = [hit for hit in hits if any(abs(hit.line.number - place) <= NEAR for place in places)]
    if rule.until and hits:
        over = max((hit.line.number for hit in digest.of(rule.until)), default=0)
        hits = [hit for hit in hits if hit.line.number > over]
    if not hits:
        return None
    return Match(rule=rule, hits=tuple(hits), count=max(len(hits), digest.count(rule.pattern)))


def _rank(rule: LogRule) -> tuple[bool, bool, bool, int]:
    """The most telling rule first: no mere consequence, with a condition, about distributions, long pattern."""
    return (rule.consequence, not (rule.near or rule.after), not rule.subjects, -len(rule.pattern))


def _versions_allow(rule: LogRule, versions: Versions) -> bool:
    """No version that the paste tells is outside what the rule is about."""
    for text in rule.when:
        requirement = Requirement(text)
        known = versions.python if requirement.name == "python" else versions.of(requirement.name)
        if not known:
            continue
        try:
            if not requirement.specifier.contains(Version(known), prereleases=True):
                return False
        except InvalidVersion:
            continue
    return True


class _Lenient(string.Formatter):
    """``{1}`` and ``{name}`` from a mapping; what is not there stays as it is written."""

    def get_value(self, key: int | str, args: object, kwargs: Mapping[str, object]) -> object:
        """The text for one field."""
        del args
        return kwargs.get(str(key), "{" + str(key) + "}")


def filled(text: str, values: Mapping[str, str]) -> str:
    """The sentence with the groups of a match in it."""
    if "{" not in text:
        return text
    try:
        return _Lenient().vformat(text, (), values)
    except (ValueError, AttributeError, IndexError, KeyError):
        return text


def subjects(rule: LogRule, values: Mapping[str, str]) -> tuple[str, ...]:
    """Normalized names of the distributions a rule is about, groups filled in, those it could not fill left out."""
    names = (normal(filled(text, values)) for text in rule.subjects)
    return tuple(dict.fromkeys(name for name in names if name and "{" not in name))
