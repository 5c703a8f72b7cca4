"""Where resolutions and verdicts of one case are made; each once, kept between calls and between runs."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from doctor.index.index import Index
from doctor.index.releases import ReleaseFile, parse_time
from doctor.index.settings import redacted
from doctor.rulebook.requirements import requirement
from doctor.rulebook.rules import Rulebook
from doctor.stacks.drift_sources import Case, asked_on, installed_resolution
from doctor.stacks.from_nothing_verdict import Judge, Verdict
from doctor.stacks.resolution import Picked, Resolution, Wanted, resolve
from doctor.stacks.resolution_metadata import MetadataReader

_KIND = "resolutions"
_FORMAT = 1
_PAST = 86_400.0
_RECENT = 600.0
"""Seconds for which a resolution of a past day, and of today, is believed: files can still be withdrawn."""


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
    _resolutions: dict[str, Resolution] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reader = MetadataReader(self.index)
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
        key = repr((_FORMAT, wanted, tuple(redacted(root) for root in self.index.settings.indexes)))
        if key not in self._resolutions:
            self._resolutions[key] = self._kept(key, day) or self._made(key, wanted)
        return self._resolutions[key]

    def state(self, day: dt.date) -> State:
        """Resolved and judged."""
        self.progress(f"resolving as of {day.isoformat()}")
        resolution = self.resolved(day)
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

    def _made(self, key: str, wanted: Wanted) -> Resolution:
        resolution = resolve(wanted, self.index, self.reader)
        self.index.cache.write(_KIND, key, json.dumps(_encoded(resolution)).encode())
        return resolution

    def _kept(self, key: str, day: dt.date) -> Resolution | None:
        kept = self.index.cache.read(_KIND, key)
        limit = _PAST if day < self.today - dt.timedelta(days=1) else _RECENT
        if kept is None or (kept[1] > limit and not self.index.settings.offline):
            return None
        try:
            return _decoded(json.loads(kept[0]))
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


def swapped(resolution: Resolution, other: Resolution, names: Iterable[str]) -> Resolution:
    """The first resolution with these names as they are in the other (absent where absent there)."""
    wanted = frozenset(names)
    kept = [p for p in resolution.picked if p.name not in wanted]
    kept += [p for p in other.picked if p.name in wanted]
    return replace(resolution, picked=tuple(sorted(kept, key=lambda p: p.name)))


def _forced(requirements: tuple[str, ...], pins: Mapping[str, str]) -> tuple[str, ...]:
    """The requirements, where an exact one of a forced name gives way."""
    return tuple(text for text in requirements if _name(text) not in pins or "==" not in text) + tuple(
        f"{name}=={version}" for name, version in pins.items() if _is_exact(name, requirements)
    )


def _is_exact(name: str, requirements: Iterable[str]) -> bool:
    return any(_name(text) == name and "==" in text for text in requirements)


def _name(text: str) -> str:
    return requirement(text).name


def _encoded(resolution: Resolution) -> dict[str, Any]:
    rows = []
    for picked in resolution.picked:
        row = asdict(picked)
        file = row["file"]
        file["url"] = redacted(picked.file.url)
        file["tags"] = []
        file["upload_time"] = picked.file.upload_time.isoformat() if picked.file.upload_time else None
        rows.append(row)
    return {"picked": rows, "left_out": [list(entry) for entry in resolution.left_out]}


def _decoded(value: Any) -> Resolution:
    picked = []
    for row in value["picked"]:
        facts = {**row["file"], "upload_time": parse_time(row["file"]["upload_time"]), "tags": frozenset()}
        file = ReleaseFile(**facts)
        picked.append(Picked(name=row["name"], version=row["version"], file=file, requires=tuple(row["requires"])))
    left_out = tuple((str(a), str(b)) for a, b in value["left_out"])
    return Resolution(picked=tuple(picked), left_out=left_out)
