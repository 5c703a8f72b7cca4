"""A stack as somebody would get it today, held against what is known: what breaks it that no rule tells yet.

Its instructions are resolved for the day and for the day on which it was known to work, the imports of both are
followed, and for each new failure a rule is written down, ready to be read by a person: with the versions that were
looked at, and honest about how (``read``: the wheels were read, nothing was run).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass

from doctor.checks.fold import names
from doctor.model import Finding
from doctor.rulebook.match import holds
from doctor.rulebook.requirements import requirement
from doctor.rulebook.rules import Breakage, Rulebook
from doctor.stacks.drift import Break, Drift, drift
from doctor.stacks.drift_lab import Lab
from doctor.stacks.from_nothing import empty_environment
from doctor.stacks.resolution import Resolution

_QUOTES = "'''"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A rule that is missing: its id, its file's text, and the break that it is about."""

    id: str
    text: str
    broken: Break


@dataclass(frozen=True, slots=True, kw_only=True)
class Rechecked:
    """What a stack is today. ``known`` are failures that a rule tells (its id), ``new`` are proposals for the others.

    ``unexplained`` are new failures with one distribution only, for which no rule of two can be written.
    """

    stack: str
    drift: Drift
    known: tuple[tuple[Finding, str], ...]
    new: tuple[Proposal, ...]
    unexplained: tuple[Finding, ...] = ()


def recheck(lab: Lab, worked_on: dt.date) -> Rechecked:
    """Raises what ``drift`` raises."""
    found = drift(lab, worked_on, None)
    known, new, unexplained = [], [], []
    for one in (*found.breaks, *(Break(finding=f) for f in found.both)):
        rule = known_rule(one.finding, found.now.resolution, lab)
        if rule:
            known.append((one.finding, rule))
        elif len(set(names(one.finding)[:2])) < 2:  # noqa: PLR2004 - a rule is about two
            unexplained.append(one.finding)
        else:
            new.append(_proposal(one, found, lab))
    return Rechecked(
        stack=lab.case.title, drift=found, known=tuple(known), new=tuple(new), unexplained=tuple(unexplained)
    )


def known_rule(finding: Finding, resolution: Resolution, lab: Lab) -> str:
    """The id of an active breakage that holds for these versions and is about the same two; '' when there is none."""
    rulebook: Rulebook = lab.rulebook
    for breakage in rulebook.breakages:
        if finding.rule == breakage.id:
            return breakage.id
        pair = {requirement(text).name for text in breakage.together[:2]}
        same = breakage.symbol in ("", finding.symbol) or bool(
            finding.where and breakage.where.partition(":")[0] == finding.where.path
        )
        if pair <= set(names(finding)) and same and _holds(breakage, resolution, lab):
            return breakage.id
    return ""


def _holds(breakage: Breakage, resolution: Resolution, lab: Lab) -> bool:
    """The breakage's versions are all in the resolution, and its marker holds for the interpreter."""
    versions = resolution.versions
    wanted = {requirement(text).name: requirement(text).specifier for text in breakage.together}
    if not all(n in versions and s.contains(versions[n], prereleases=True) for n, s in wanted.items()):
        return False
    environment = empty_environment(lab.case.wanted.interpreter).with_assumed({n: versions[n] for n in wanted})
    return holds(breakage, environment)


def _proposal(one: Break, found: Drift, lab: Lab) -> Proposal:
    """The rule's file, with the ranges that were looked at."""
    finding = one.finding
    breaking, lacking = names(finding)[:2]
    now = found.now.resolution.versions
    culprit = one.culprits[0].name if one.culprits else ""
    ranges = {name: _range(name, now.get(name, ""), one, culprit=culprit) for name in (breaking, lacking)}
    first = one.first or now.get(culprit or breaking, "")
    identity = _identity(breaking, lacking, culprit, first, lab.rulebook)
    return Proposal(id=identity, text=_text(identity, one, found, ranges), broken=one)


def _range(name: str, version: str, one: Break, *, culprit: str) -> str:
    """What was seen to break: from the first bad version to the one of today; one version of what did not move."""
    if not version:
        return name
    if name != culprit or not one.first or one.first == version:
        return f"{name}=={version}"
    return f"{name}>={one.first},<={version}"


def _identity(breaking: str, lacking: str, culprit: str, first: str, rulebook: Rulebook) -> str:
    """Lower-case words that no rule has yet."""
    mover = culprit or breaking
    other = lacking if mover == breaking else breaking
    base = re.sub(r"[^a-z0-9.]+", "-", f"{mover}-{first}-{other}".lower()).strip("-.")
    taken = {rule.id for rule in rulebook.breakages} | set(rulebook.retired)
    identity, number = base, 2
    while identity in taken:
        identity, number = f"{base}-{number}", number + 1
    return identity


def _text(identity: str, one: Break, found: Drift, ranges: dict[str, str]) -> str:
    finding = one.finding
    breaking, lacking = names(finding)[:2]
    now, then = found.now.resolution.versions, found.then.resolution.versions
    broken = [f"{name}=={now[name]}" for name in (breaking, lacking) if name in now]
    healthy = _healthy(one, (breaking, lacking), now)
    lines = [
        "schema = 1",
        f"id = '{identity}'",
        "kind = 'breakage'",
        "severity = 'error'",
        f"title = {_quoted(finding.message)}",
        f"explain = {_QUOTES}",
        *_explained(one, found),
        _QUOTES,
        f"together = [{', '.join(_quoted(ranges[name]) for name in (breaking, lacking))}]",
        *([f"symbol = {_quoted(finding.symbol)}"] if finding.symbol and _dotted(finding.symbol) else []),
        *_where(finding),
        f"contract = {str(finding.rule == 'import-contract').lower()}",
        *_fix(one),
        "",
        "[[evidence]]",
        f"on = {found.now.day.isoformat()}",
        "how = 'read'",
        f"claim = {_QUOTES}",
        *_claim(one, found),
        _QUOTES,
        "source = 'wheels on the package index, by acdoctor stacks recheck'",
        "",
        "[[example]]",
        "found = true",
        f"installed = [{', '.join(map(_quoted, broken))}]",
        f"says = {_quoted(f'{found.title} resolved for {found.now.day}')}",
        "",
        "[[example]]",
        "found = false",
        f"installed = [{', '.join(map(_quoted, healthy))}]",
    ]
    if healthy and then:
        lines.append(f"says = {_quoted('with the pin that restores it' if one.pins else 'without the other')}")
    return "\n".join(lines) + "\n"


def _healthy(one: Break, pair: tuple[str, str], now: dict[str, str]) -> list[str]:
    """The pair with the pins that restore it; without such pins only what lacks."""
    pins = dict(pin.split("==", 1) for pin in one.pins)
    versions = {name: pins.get(name, now.get(name, "")) for name in pair}
    if not set(pins) & set(pair):
        return [f"{pair[1]}=={versions[pair[1]] or '0'}"]
    return [f"{name}=={version}" for name, version in versions.items() if version]


def _explained(one: Break, found: Drift) -> Iterable[str]:
    yield f"{one.finding.message}."
    if one.culprits and one.first:
        mover = one.culprits[0]
        yield (
            f"It came with {mover.name} {one.first}, uploaded {one.first_on}; "
            f"{mover.name} {mover.before or '(absent)'} did not fail so."
        )
    yield f"Met by the instructions of {found.title}, resolved for {found.now.day}."


def _claim(one: Break, found: Drift) -> Iterable[str]:
    chain = " > ".join(one.finding.chain[:1] + one.finding.chain[-1:])
    yield f"import contracts on the wheels, followed as {chain or 'the entries'}: {one.finding.message}."
    if one.pins:
        rest = "nothing else fails" if one.clean else "other failures are told by other rules"
        yield f"Resolved again for {found.now.day} with {' '.join(one.pins)}: this failure is gone, {rest}."


def _fix(one: Break) -> list[str]:
    if not one.pins:
        return []
    pins = ", ".join(map(_quoted, one.pins))
    because = "the version of the day on which it worked; the imports were followed with it"
    return ["", "[[fix]]", f"install = [{pins}]", "safety = 'unsafe'", f"because = {_quoted(because)}"]


def _where(finding: Finding) -> list[str]:
    place = finding.where
    if place is None or not place.line or " " in place.path:
        return []
    return [f"where = {_quoted(f'{place.path}:{place.line}')}"]


def _dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _quoted(text: str) -> str:
    """A TOML string without anything to be escaped."""
    clean = " ".join(text.split()).replace("\\", "/")
    return f"'{clean}'" if "'" not in clean else '"' + clean.replace('"', "'") + '"'
