"""Which versions of one distribution import beside which versions of another: a table, judged on the real wheels.

Each cell is a resolution of its own: both exact versions with everything else as it stood on the day of the newer
one. What fails by a third distribution says nothing about the pair: such a cell is unknown.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from packaging.utils import canonicalize_name

from doctor.checks.fold import names
from doctor.errors import IndexUnavailableError, UsageError
from doctor.index.index import Candidate, Index
from doctor.index.wheels import WheelFiles
from doctor.model import Finding, Interpreter
from doctor.rulebook.requirements import UNREADABLE, admits, requirement
from doctor.stacks.from_nothing_verdict import Verdict
from doctor.stacks.resolution import Resolution, UnresolvableError, Wanted
from doctor.stacks.resolution_kept import KeptResolutions

SIZE = 12
_MOST_DEEP = 60
_APART = frozenset({"test", "tests", "testing", "conftest", "examples", "benchmarks", "docs", "scripts", "__main__"})


class Fate(StrEnum):
    """What a cell says: ``partly`` is a break that importing the distribution itself does not meet."""

    WORKS = "works"
    BREAKS = "breaks"
    PARTLY = "partly"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One pair of versions; ``reason`` is a sentence, ``symbol`` and ``where`` are of the failure that decides it."""

    left: str
    right: str
    fate: Fate
    day: str = ""
    reason: str = ""
    symbol: str = ""
    where: str = ""
    entry: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Two requirements that choose the versions, and how many of each at most. ``entries`` are modules of the left."""

    left: str
    right: str
    interpreter: Interpreter
    size: int = SIZE
    thin: bool = False
    entries: tuple[str, ...] = ()
    assumed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One cell to be judged: what is installed and which modules are followed; ``primary`` of them decide it.

    ``names`` are the two distributions, the one that imports first.
    """

    left: str
    right: str
    day: dt.date
    resolution: Resolution
    primary: tuple[str, ...]
    deep: tuple[str, ...]
    names: tuple[str, str]


Modules = tuple[tuple[str, ...], tuple[str, ...], bool]
"""What importing the distribution means, its deeper modules that import the other one, and whether any does."""

JudgeAll = Callable[[Sequence[Work]], Iterator[Verdict]]
"""Verdicts in the order of the works; several may be judged at once."""


@dataclass(kw_only=True)
class Comparison:
    """The table as far as it was made; cells are made when asked for, several at once."""

    question: Question
    index: Index
    resolutions: KeptResolutions
    judge: JudgeAll
    progress: Callable[[str], None] = lambda _text: None
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    _candidates: dict[str, dict[str, Candidate]] = field(default_factory=dict)
    _entries: dict[tuple[str, str], Modules] = field(default_factory=dict)
    _direction: bool | None = None

    @property
    def left(self) -> str:
        """Normalized name."""
        return _parsed(self.question.left)

    @property
    def right(self) -> str:
        """Normalized name."""
        return _parsed(self.question.right)

    def axes(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The versions of both, oldest first; raises ``UsageError`` when there are none."""
        texts = (self.question.left, self.question.right)
        found = [self._axis(text) for text in texts]
        for text, versions in zip(texts, found, strict=True):
            if not versions:
                python = self.question.interpreter.version
                self._refuse_offline()
                raise UsageError(f"The index has no wheel of {text} for Python {python} on this platform.")
        return found[0], found[1]

    def all_versions(self, name: str) -> tuple[str, ...]:
        """Every version that could be installed, oldest first."""
        if name not in self._candidates:
            found = self.index.candidates(name, self.question.interpreter)
            self._candidates[name] = {c.version: c for c in found}
        return tuple(self._candidates[name])

    def fill(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Judge the pairs that are not known yet."""
        works = []
        for left, right in pairs:
            if (left, right) in self.cells:
                continue
            self.progress(f"resolving {self.left} {left} with {self.right} {right}")
            work = self._work(left, right)
            if isinstance(work, Cell):
                self.cells[left, right] = work
            else:
                works.append(work)
        for number, (work, verdict) in enumerate(zip(works, self.judge(works), strict=True), 1):
            self.progress(f"{number} of {len(works)} cells followed")
            self.cells[work.left, work.right] = self._cell(work, verdict)

    def _axis(self, text: str) -> tuple[str, ...]:
        fitting = [v for v in self.all_versions(_parsed(text)) if admits(text, v)]
        return tuple(_thinned(fitting, self.question.size) if self.question.thin else fitting[-self.question.size :])

    def _work(self, left: str, right: str) -> Work | Cell:
        pins = (f"{self.left}=={left}", f"{self.right}=={right}")
        day = self._day(left, right)
        wanted = Wanted(
            requirements=pins, interpreter=self.question.interpreter, day=day, present=self.question.assumed
        )
        try:
            resolution = self.resolutions.resolved(wanted)
        except UnresolvableError as error:
            return Cell(left=left, right=right, fate=Fate.REFUSED, day=day.isoformat(), reason=str(error))
        primary, deep, _ = self._entries_of(left, right)
        forth = bool(self.question.entries) or self._asks(left, right)
        names = (self.left, self.right) if forth else (self.right, self.left)
        return Work(left=left, right=right, day=day, resolution=resolution, primary=primary, deep=deep, names=names)

    def _day(self, left: str, right: str) -> dt.date:
        """The day on which both were there."""
        times = [
            self._candidates[name][version].file.upload_time
            for name, version in ((self.left, left), (self.right, right))
        ]
        known = [time.date() for time in times if time is not None]
        if len(known) < len(times):
            self._refuse_offline()
            raise UsageError("This index does not tell upload times (PEP 700); a table needs them.")
        return max(known)

    def _refuse_offline(self) -> None:
        """What seems to be absent may only never have been read."""
        if self.index.settings.offline:
            raise IndexUnavailableError(f"With --offline too little is known of {self.left} and {self.right}.")

    def _entries_of(self, left: str, right: str) -> Modules:
        """What of which side is imported."""
        if self.question.entries:
            return self.question.entries, (), True
        if self._asks(left, right):
            return self._modules((self.left, left), (self.right, right))
        return self._modules((self.right, right), (self.left, left))

    def _asks(self, left: str, right: str) -> bool:
        """Whether it is the left that imports the right, as nearly always when people ask; else the other way round."""
        if self._direction is None:
            forth = self._modules((self.left, left), (self.right, right))
            back = self._modules((self.right, right), (self.left, left))
            self._direction = bool(forth[2] or not back[2])
        return self._direction

    def _modules(self, asker: tuple[str, str], asked: tuple[str, str]) -> Modules:
        """What is imported of one, and its deeper modules that import the other."""
        if asker not in self._entries:
            wheel, other = self._wheel(*asker), self._wheel(*asked)
            tops = top_modules(wheel)
            importers = importing(wheel, top_modules(other))
            deep = tuple(m for m in importers if m not in tops)[:_MOST_DEEP]
            self._entries[asker] = tops, deep, bool(importers)
        return self._entries[asker]

    def _wheel(self, name: str, version: str) -> WheelFiles:
        return self.index.wheel(self._candidates[name][version].file)

    def _cell(self, work: Work, verdict: Verdict) -> Cell:
        pair = {self.left, self.right}
        both = [f for f in verdict.findings if set(names(f)[:2]) == pair]
        first = [f for f in both if f.chain[:1] and f.chain[0] in work.primary]
        others = [f for f in verdict.findings if f not in both and f.chain[:1] and f.chain[0] in work.primary]
        undecided = set(verdict.unknown) & set(work.primary)
        if first:
            return _decided(work, Fate.BREAKS, first[0])
        if others:
            return _decided(work, Fate.UNKNOWN, others[0])
        if undecided or not verdict.followed:
            reason = "it could not be followed to the end"
            return Cell(left=work.left, right=work.right, fate=Fate.UNKNOWN, day=work.day.isoformat(), reason=reason)
        if both:
            return _decided(work, Fate.PARTLY, both[0])
        return Cell(left=work.left, right=work.right, fate=Fate.WORKS, day=work.day.isoformat())


def _decided(work: Work, fate: Fate, finding: Finding) -> Cell:
    where = f"{finding.where.path}:{finding.where.line}" if finding.where else ""
    return Cell(
        left=work.left,
        right=work.right,
        fate=fate,
        day=work.day.isoformat(),
        reason=finding.message,
        symbol=finding.symbol or "",
        where=where,
        entry=finding.chain[0] if finding.chain else "",
    )


def top_modules(wheel: WheelFiles) -> tuple[str, ...]:
    """What a wheel puts on the path: packages and modules, in a namespace the packages inside."""
    packages = {n.rpartition("/")[0] for n in wheel.names if n.endswith("/__init__.py") and _public(n)}
    modules = {n[:-3] for n in wheel.names if n.endswith(".py") and "/" not in n and _public(n)}
    tops = [p for p in packages if not any(p.startswith(f"{other}/") for other in packages)]
    loose = {
        n[:-3]
        for n in wheel.names
        if n.endswith(".py") and "/" in n and _public(n) and not any(n.startswith(f"{p}/") for p in packages)
    }
    found = sorted(name.replace("/", ".") for name in {*tops, *modules, *([] if tops or modules else loose)})
    return tuple(name for name in found if all(part.isidentifier() for part in name.split(".")))


def importing(wheel: WheelFiles, roots: Iterable[str]) -> list[str]:
    """Public modules of a wheel whose text imports one of the roots, fewest dots first."""
    words = "|".join(re.escape(root) for root in roots)
    if not words:
        return []
    pattern = re.compile(rb"^\s*(?:import|from)\s+(?:" + words.encode() + rb")\b", re.MULTILINE)
    found = []
    for name in wheel.names:
        if name.endswith(".py") and _public(name) and pattern.search(wheel.read(name)):
            module = name[:-3].removesuffix("/__init__").replace("/", ".")
            if all(part.isidentifier() for part in module.split(".")):
                found.append(module)
    return sorted(found, key=lambda module: (module.count("."), module))


def _public(name: str) -> bool:
    parts = name.removesuffix(".py").split("/")
    return not any(p in _APART or p.startswith("test_") or p.endswith(("_test", ".data")) for p in parts)


def _thinned(versions: Sequence[str], size: int) -> list[str]:
    """At most ``size``: the newest of each minor series, then what else there is, newest first."""
    if len(versions) <= size:
        return list(versions)
    newest = {".".join(version.split(".")[:2]): version for version in versions}
    chosen = list(newest.values())[-size:]
    rest = [v for v in reversed(versions) if v not in chosen and v.split(".")[:2] >= chosen[0].split(".")[:2]]
    wanted = {*chosen, *rest[: size - len(chosen)]}
    return [version for version in versions if version in wanted]


def _parsed(text: str) -> str:
    try:
        return str(canonicalize_name(requirement(text).name))
    except UNREADABLE:
        raise UsageError(f"{text!r} is no distribution with versions such as 'peft>=0.14'.") from None
