"""What came out of a comparison, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from doctor.smoke.compare.plan import Plan
from doctor.smoke.compare.statistics import ALPHA, Interval, PairedRatio


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One service at one level.

    ``spreads`` holds the percentiles of each measure by its name; ``throughput`` is all output tokens over the time in
    which anything was under way, ``in_flight`` how many requests were under way on average then; ``errors`` counts last
    records by (kind, rule), ``retried`` first tries that failed and were repeated.
    """

    service: str
    level: int
    asked: int
    ok: int
    answered: int
    retried: int
    spreads: Mapping[str, Mapping[float, Interval]]
    rate: Interval | None
    throughput: float
    in_flight: float
    errors: Mapping[tuple[str, str], int]
    sentences: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One measure of ``other`` over that of ``first``; ``level`` None: over all levels. ``p`` is corrected (Holm)."""

    measure: str
    first: str
    other: str
    level: int | None
    ratio: PairedRatio
    p: float = 1.0

    @property
    def claimed(self) -> bool:
        """The numbers carry a difference."""
        return self.p < ALPHA


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How often only one of two services did well at the same prompt; ``what``: ``right`` or ``valid``."""

    what: str
    first: str
    other: str
    pairs: int
    only_first: int
    only_other: int
    p: float = 1.0

    @property
    def claimed(self) -> bool:
        """The numbers carry a difference."""
        return self.p < ALPHA


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnNumber:
    """A median that the service measured itself, and ours of the same requests (None: we have none)."""

    service: str
    name: str
    title: str
    count: int
    said: float
    ours: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What else was seen of one service.

    ``first_seconds`` is the first warm-up answer's latency, ``waited`` the time from the first try until it had come;
    ``usual`` the median of the later ones at one request under way; ``round_trip`` the median of a request for nothing.
    ``bundled``: why the times of its stream's pieces cannot be used ('' when they can). ``drift`` is late over early
    seconds per token when the run's halves differ beyond chance, else None. ``cut`` answers ended at the token budget.
    """

    service: str
    first_seconds: float | None
    waited: float
    usual: float | None
    round_trip: float | None
    quick_share: float | None
    bundled: str
    drift: float | None
    right: Interval | None
    judged: int
    cut: int
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Everything that is shown. ``complete``: the plan was carried out to its end."""

    plan: Plan
    cells: tuple[Cell, ...]
    habits: tuple[Habits, ...]
    comparisons: tuple[Comparison, ...]
    counted: tuple[Counted, ...]
    own_numbers: tuple[OwnNumber, ...]
    incomparable: Mapping[str, str]
    done: int
    started: float
    ended: float
    resumed: bool = False
    cpu: float = 0.0
    latencies: Mapping[tuple[str, int], tuple[float, ...]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Every question of the plan has its last record."""
        return self.done >= self.plan.requests

    def cell(self, service: str, level: int) -> Cell | None:
        """The cell, when anything was asked there."""
        return next((c for c in self.cells if (c.service, c.level) == (service, level)), None)

    def habit(self, service: str) -> Habits:
        """The habits of a service of the plan."""
        return next(h for h in self.habits if h.service == service)
