"""What triage concludes: findings with how sure they are, and what to ask next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from doctor.model import Environment, Evidence, Finding, Fix, Location, Report, Safety, Severity
from doctor.rulebook.rules import Breakage, LogRule
from doctor.triage.lookup import Lookup
from doctor.triage.matching import Match
from doctor.triage.owners import DISTRIBUTION, Names
from doctor.triage.reading import Reading
from doctor.triage.timeline import Timeline
from doctor.triage.versions import Versions

CERTAIN, LIKELY, POSSIBLE = "certain", "likely", "possible"
FREEZE = "python -m pip freeze"


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """All that an answer may use: rules, names, the patient if a snapshot or venv is given, the index, the clock."""

    logs: tuple[LogRule, ...] = ()
    breakages: tuple[Breakage, ...] = ()
    names: Names
    environment: Environment | None = None
    lookup: Lookup | None = None
    config: Mapping[str, float] = field(default_factory=dict)
    now: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One conclusion. ``sure`` is ``certain``, ``likely`` or ``possible``, ``why`` says by what.

    ``lines`` are the lines of the paste that show it, ``count`` how often it is there, ``ask`` the one command
    whose output would tell more, ``advice`` what to do that is no change of packages. ``consequence`` marks what
    only repeats another failure.
    """

    finding: Finding
    category: str
    sure: str
    why: str
    lines: tuple[int, ...] = ()
    count: int = 1
    ask: str = ""
    advice: tuple[str, ...] = ()
    reading: Reading | None = None
    consequence: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What kind of trouble, how sure that is, and by what: see ``Diagnosis``."""

    category: str
    sure: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """All conclusions, roots first; the run's timeline; what the paste told about the environment."""

    diagnoses: tuple[Diagnosis, ...] = ()
    timeline: Timeline | None = None
    versions: Versions = field(default_factory=Versions)
    harmless: tuple[Match, ...] = ()
    lines: int = 0
    environment: Environment | None = None

    @property
    def questions(self) -> tuple[str, ...]:
        """Commands whose output is wanted next, the most useful first, each once."""
        return tuple(dict.fromkeys(one.ask for one in self.diagnoses if one.ask and not one.consequence))

    def report(self, fail_on: Severity = Severity.ERROR) -> Report:
        """The contract's report."""
        findings = sorted((one.finding for one in self.diagnoses), key=Finding.sort_key)
        return Report(environment=self.environment, stack=None, findings=tuple(findings), fail_on=fail_on)


def pinned(name: str, versions: Versions) -> str:
    """``name==version`` when the version is known, else the name."""
    version = versions.of(name)
    return f"{name}=={version}" if version else name


def spoken(name: str, versions: Versions) -> str:
    """The distribution as a sentence names it."""
    version = versions.of(name)
    return f"{name} {version}" if version else name


def location(reading: Reading) -> Location | None:
    """Where it shows: the innermost frame that is not the standard library's."""
    place = reading.innermost
    if place is None:
        return None
    return Location(path=place.owner.file or place.frame.path, line=place.frame.line or None)


def unproven(fix: Fix) -> Fix:
    """A rule's fix, for a patient that nobody has examined: not safe any more."""
    return replace(fix, safety=Safety.UNSAFE) if fix.safety is Safety.SAFE else fix


def install(*requirements: str, because: str) -> Fix:
    """A fix that installs, with the command for people."""
    quoted = " ".join(f"'{text}'" if any(c in text for c in "<>!~ ;[") else text for text in requirements)
    return Fix(install=requirements, safety=Safety.UNSAFE, because=because, command=f"python -m pip install {quoted}")


def finding(
    rule: str, severity: Severity, subjects: tuple[str, ...], message: str, reading: Reading | None = None
) -> Finding:
    """A finding from a log, with the place and the chain of its reading."""
    missing = reading.missing if reading else None
    return Finding(
        rule=rule,
        severity=severity,
        subjects=subjects,
        message=message,
        evidence=Evidence.LOG,
        symbol=(missing.dotted or None) if missing else None,
        where=location(reading) if reading else None,
        chain=reading.chain if reading else (),
    )


def lines_of(reading: Reading) -> tuple[int, ...]:
    """The lines of the paste that tell: the frame where it shows and the message."""
    place = reading.innermost
    numbers = [place.frame.number] if place else []
    return tuple(dict.fromkeys([*numbers, reading.raised.number]))


def diagnosed(
    reading: Reading, statement: Finding, verdict: Verdict, *, ask: str = "", advice: tuple[str, ...] = ()
) -> Diagnosis:
    """The conclusion from one exception."""
    return Diagnosis(
        finding=statement,
        category=verdict.category,
        sure=verdict.sure,
        why=verdict.why,
        lines=lines_of(reading),
        ask=ask,
        advice=advice,
        reading=reading,
    )


def is_distribution(name: str) -> bool:
    """The name is one of a distribution, not the user's project or nothing."""
    return bool(name) and name not in ("project", DISTRIBUTION)
