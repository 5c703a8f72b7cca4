"""Where resolutions and verdicts of one case are made; each once, kept between calls and between runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from doctor.index.index import Index
from doctor.rulebook.requirements import requirement
from doctor.rulebook.rules import Rulebook
from doctor.stacks.drift_sources import Case, asked_on, installed_resolution
from doctor.stacks.from_nothing_verdict import Judge, Verdict
from doctor.stacks.resolution import Resolution
from doctor.stacks.resolution_kept import KeptResolutions
from doctor.stacks.resolution_metadata import MetadataReader
from doctor.stacks.verdict_workers import look_ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What was resolved for a day, and what importing it would do."""

    day: dt.date
    resolution: Resolution
    verdict: Verdict


@dataclass(kw_only=True)
class Lab:
    """The tools, and what was found with them. ``progress`` is told in a few words what is being done."""

    case: Case
    index: Index
    rulebook: Rulebook
    progress: Callable[[str], None] = lambda _text: None
    today: dt.date = field(default_factory=lambda: dt.datetime.now(tz=dt.UTC).date())
    reader: MetadataReader = field(init=False)
    judge: Judge = field(init=False)
    kept: KeptResolutions = field(init=False)

    def __post_init__(self) -> None:
        self.reader = MetadataReader(self.index)
        self.kept = KeptResolutions(self.index, self.reader, self.today)
        self.judge = Judge(self.index, self.rulebook, self.case.subject, self.reader)

    def resolved(self, day: dt.date, pins: Mapping[str, str] | None = None) -> Resolution:
        """What an installer would have chosen on a day, with exact versions forced (name -> version).

        Raises what ``resolve`` raises.
        """
        wanted = replace(self.case.wanted, day=day)
        if self.case.installed is not None:
            wanted = asked_on(wanted, self.index)
        if pins:
            forced = tuple(f"{name}=={version}" for name, version in sorted(pins.items()))
            wanted = replace(wanted, requirements=_forced(wanted.requirements, pins), constraints=forced)
            wanted = replace(wanted, constraints=(*self._other_constraints(pins), *forced))
        return self.kept.resolved(wanted)

    def resolution(self, day: dt.date) -> Resolution:
        """What an installer would have chosen, with a word about it to the user."""
        self.progress(f"resolving as of {day.isoformat()}")
        return self.resolved(day)

    def look_ahead(self, *resolutions: Resolution) -> None:
        """Judge these at the same time: they will be asked for one after the other."""
        look_ahead(self.judge, [(resolution, ()) for resolution in resolutions])

    def state(self, day: dt.date) -> State:
        """Resolved and judged."""
        resolution = self.resolution(day)
        self.progress(f"following imports as of {day.isoformat()}")
        return State(day=day, resolution=resolution, verdict=self.judge.verdict(resolution))

    def as_installed(self) -> State:
        """The environment as it is, by the same files from the index."""
        assert self.case.installed is not None  # noqa: S101 - asked only then
        self.progress("following imports as installed")
        resolution = installed_resolution(self.case.installed, self.case, self.index)
        return State(day=self.today, resolution=resolution, verdict=self.judge.verdict(resolution))

    def _other_constraints(self, pins: Mapping[str, str]) -> Iterable[str]:
        for text in self.case.wanted.constraints:
            if _name(text) not in pins:
                yield text


def swapped(resolution: Resolution, other: Resolution, names: Iterable[str]) -> Resolution:
    """The first resolution with these names as they are in the other (absent where absent there)."""
    wanted = frozenset(names)
    kept = [p for p in resolution.picked if p.name not in wanted]
    kept += [p for p in other.picked if p.name in wanted]
    return replace(resolution, picked=tuple(sorted(kept, key=lambda p: p.name)))


def _forced(requirements: tuple[str, ...], pins: Mapping[str, str]) -> tuple[str, ...]:
    """The requirements, where an exact version of a forced name gives way; extras and markers stay."""
    found = []
    for text in requirements:
        parsed = requirement(text)
        exact = any(clause.operator == "==" for clause in parsed.specifier)
        if exact and parsed.name in pins and not parsed.url:
            extras = f"[{','.join(sorted(parsed.extras))}]" if parsed.extras else ""
            marker = f" ; {parsed.marker}" if parsed.marker else ""
            text = f"{parsed.name}{extras}=={pins[parsed.name]}{marker}"  # noqa: PLW2901 - the same one, moved
        found.append(text)
    return tuple(found)


def _name(text: str) -> str:
    return requirement(text).name
