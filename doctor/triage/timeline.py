"""The stages of a run as its log tells them, what comes next, and whether a silence is healthy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from doctor.rulebook.rules import LogRule
from doctor.triage.digest import Digest, Hit
from doctor.triage.lines import moment

STEPS = "steps"
TYPICAL = "typical"
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_ESTIMATE = re.compile(r"^(\d+(?:\.\d+)?) (ms|s|min|h) - (\d+(?:\.\d+)?) (ms|s|min|h)$")
_OVERDUE = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stage reached: when (the writer's clock; None when the line has no time) and on which line."""

    stage: str
    rule: str
    line: int
    at: datetime | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A number and where it is from (``log``, ``config``, ``typical``)."""

    value: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """What the end of a log means.

    ``verdict``: ``finished``; ``healthy`` (the next line is not due yet); ``overdue``; ``open`` (the time of day
    is not known, or nothing tells when the next line is due). ``expected`` are the seconds of the next line after
    ``since``; ``factor`` how many times that has passed; ``basis`` says in words how it was reckoned.
    """

    verdict: str
    stage: str
    since: datetime | None = None
    line: int = 0
    expected: float | None = None
    factor: float | None = None
    basis: str = ""

    @property
    def due(self) -> datetime | None:
        """When the next line is expected."""
        if self.since is None or self.expected is None:
            return None
        return self.since + timedelta(seconds=self.expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All stages of a run in the order of the log, what its numbers are, and what its end means."""

    steps: tuple[Step, ...] = ()
    silence: Silence | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    progress: int = 0
    last_progress: Mapping[str, str] = field(default_factory=dict)


def read_config(text: str) -> dict[str, float]:
    """``batch_size`` (of training) and ``log_steps`` from a params yaml, read as plain ``key: number`` lines."""
    found: dict[str, float] = {}
    section = ""
    for line in text.splitlines():
        match = re.match(r"^\s{0,60}(?:- )?(\w{1,60})\s?:\s{0,8}(.{0,200})$", line.split(" #")[0].rstrip())
        if not match:
            continue
        key, value = match[1], match[2].strip()
        section = key if not value else section
        if key in ("batch_size", "log_steps", "max_steps") and re.fullmatch(r"\d{1,12}", value):
            training = section in ("train_dataloader", "train_input")
            if key not in found or (key == "batch_size" and training):
                found[key] = float(value)
    return found


def read_timeline(
    rules: Iterable[LogRule], digest: Digest, config: Mapping[str, float], now: datetime | None
) -> Timeline | None:
    """The run that a log tells of, None when it is of no known kind.

    ``now`` is the time of day by the clock that wrote the log, None when that is not known.
    """
    stages = [rule for rule in rules if rule.stage]
    hits = sorted(
        ((hit, rule) for rule in stages for hit in digest.of(rule.pattern)), key=lambda pair: pair[0].line.number
    )
    if not hits:
        return None
    progress = [hit for hit, rule in hits if rule.estimate == STEPS and "step" in hit.groups and "rate" in hit.groups]
    facts = _facts(rules, digest, config, hits, progress)
    steps = tuple(_steps(hits))
    last_hit, last_rule = hits[-1]
    count = max((digest.count(rule.pattern) for rule in stages if "globalrate" in rule.pattern), default=0)
    return Timeline(
        steps=steps,
        silence=_silence(last_hit, last_rule, facts, progress, now),
        facts=facts,
        progress=count,
        last_progress=progress[-1].groups if progress else {},
    )


def _steps(hits: list[tuple[Hit, LogRule]]) -> Iterable[Step]:
    """Each stage when it begins: repeated lines of one stage in a row are one step."""
    begun: list[tuple[Hit, LogRule]] = []
    for hit, rule in hits:
        if not begun or begun[-1][1].id != rule.id:
            begun.append((hit, rule))
    for position, (hit, rule) in enumerate(begun):
        at = moment(hit.line.stamp)
        following = moment(begun[position + 1][0].line.stamp) if position + 1 < len(begun) else None
        same_clock = at and following and (at.tzinfo is None) == (following.tzinfo is None)
        seconds = (following - at).total_seconds() if same_clock and at and following else None
        yield Step(stage=rule.stage, rule=rule.id, line=hit.line.number, at=at, seconds=seconds)


def _facts(
    rules: Iterable[LogRule],
    digest: Digest,
    config: Mapping[str, float],
    hits: list[tuple[Hit, LogRule]],
    progress: list[Hit],
) -> dict[str, Fact]:
    """log_steps, batch_size and rate: what the log says, else the configuration, else what is typical."""
    facts: dict[str, Fact] = {}
    for rule in rules:
        if rule.category == TYPICAL and digest.of(rule.pattern):
            for item in rule.typical:
                name, _, value = item.partition("=")
                facts[name] = Fact(value=float(value), source="typical of this example")
    facts.update({name: Fact(value=value, source="config") for name, value in config.items()})
    for hit, rule in hits:
        if "log_steps" in hit.groups:
            facts["log_steps"] = Fact(value=float(hit.groups["log_steps"] or 1), source="log")
        if "rate" in hit.groups and rule.stage and "globalrate" not in hit.groups and _number(hit.groups["rate"]):
            facts["rate"] = Fact(value=float(hit.groups["rate"]), source="the compile's estimate in the log")
    for hit in progress:
        rate = _number(hit.groups.get("globalrate", "")) or _number(hit.groups.get("rate", ""))
        if rate:
            facts["rate"] = Fact(value=rate, source="log")
    return facts


def _silence(hit: Hit, rule: LogRule, facts: Mapping[str, Fact], progress: list[Hit], now: datetime | None) -> Silence:
    """What it means that nothing follows."""
    since = moment(hit.line.stamp)
    if not rule.estimate:
        return Silence(verdict="finished", stage=rule.stage, since=since, line=hit.line.number)
    expected, basis = _expected(rule, facts, progress)
    factor = None
    if now and since and expected:
        elapsed = (_same_clock(now, since) - since).total_seconds()
        factor = elapsed / expected if elapsed >= 0 else None
    verdict = "open" if factor is None else "overdue" if factor > _OVERDUE else "healthy"
    return Silence(
        verdict=verdict,
        stage=rule.stage,
        since=since,
        line=hit.line.number,
        expected=expected,
        factor=factor,
        basis=basis,
    )


def _expected(rule: LogRule, facts: Mapping[str, Fact], progress: list[Hit]) -> tuple[float | None, str]:
    """Seconds until the next line, and how that was reckoned."""
    if rule.estimate != STEPS:
        match = _ESTIMATE.match(rule.estimate)
        if not match:
            return None, ""
        return float(match[3]) * _UNITS[match[4]], f'the stage "{rule.stage}" takes {rule.estimate} on healthy runs'
    measured = _period(progress)
    if measured:
        return measured, f"the last lines of progress came every {duration(measured)}"
    wanted = [facts.get(name) for name in ("log_steps", "batch_size", "rate")]
    if any(fact is None for fact in wanted):
        return None, ""
    log_steps, batch, rate = (fact for fact in wanted if fact)
    seconds = log_steps.value * batch.value / rate.value
    return seconds, (
        f"log_steps x batch_size = {log_steps.value:g} ({log_steps.source}) x {batch.value:g} "
        f"({batch.source}) samples; "
        f"at {rate.value:g} samples/s ({rate.source}) that is {duration(seconds)}"
    )


def _period(progress: list[Hit]) -> float | None:
    """The usual time between two lines of progress: the median of the last ones."""
    times = [at for hit in progress[-12:] if (at := moment(hit.line.stamp))]
    gaps = sorted((b - a).total_seconds() for a, b in pairwise(times))
    return gaps[len(gaps) // 2] if gaps and gaps[len(gaps) // 2] > 0 else None


def _same_clock(now: datetime, other: datetime) -> datetime:
    """``now`` as the other's clock shows it: naive stamps are local times."""
    if (now.tzinfo is None) == (other.tzinfo is None):
        return now
    return now.astimezone() if now.tzinfo is None else now.astimezone().replace(tzinfo=None)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < 1e12 else None  # noqa: PLR2004 - also refuses nan and inf


def duration(seconds: float) -> str:
    """A time span as a person says it."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:  # noqa: PLR2004 - beyond two minutes people count in minutes
        return f"{seconds:.0f} s"
    if seconds < 7200:  # noqa: PLR2004 - beyond two hours in hours
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"
