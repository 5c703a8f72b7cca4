"""How fast is asked, how often again, and how long it still takes."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from doctor.smoke.compare.plan import Turn
from doctor.smoke.compare.values import Record
from doctor.smoke.service import Failure

_SAFETY = 0.8  # of the rate that a service allows: its clock is not ours
_LONGEST_WAIT = 60.0
_SMOOTHING = 0.3


class Gate:
    """Lets requests to one gateway through no faster than ``rate`` per second (None: at once)."""

    def __init__(self, rate: float | None) -> None:
        """``rate`` is the limit to keep below."""
        self.interval = 0.0 if rate is None else 1.0 / (rate * _SAFETY)
        self._next, self._lock = 0.0, threading.Lock()

    def wait(self, stop: threading.Event) -> None:
        """Until it is this request's turn, or ``stop`` is set."""
        if not self.interval:
            return
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next)
            self._next = at + self.interval
        if at > now:
            stop.wait(at - now)


def pause_before_retry(failure: Failure, attempt: int) -> float:
    """Seconds: what the service asked for, else 1, 2, 4 ... and never more than a minute."""
    asked = failure.retry_after if failure.retry_after is not None else 2.0 ** (attempt - 1)
    return min(max(asked, 0.1), _LONGEST_WAIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run stands. ``left`` is in seconds (None: not known yet); ``typical`` seconds per answer by service."""

    done: int
    total: int
    failed: int
    left: float | None
    typical: Mapping[str, float]
    note: str = ""


Report = Callable[[Progress], None]


class Outlook:
    """Counts what is done and reckons from it how long the rest takes."""

    def __init__(self, turns: Iterable[Turn], gates: Mapping[str, Gate]) -> None:
        """``gates`` are by service."""
        self.gates, self.done, self.failed = gates, 0, 0
        self._open: Counter[tuple[str, int]] = Counter()
        for turn in turns:
            self._open[turn.service, turn.level] += len(turn.prompts)
        self.total = self._open.total()
        self._seconds: dict[tuple[str, int], float] = {}
        self._lock = threading.Lock()

    def count(self, record: Record) -> None:
        """One question has its last record."""
        place = (record.service, record.level)
        with self._lock:
            self.done += 1
            self.failed += not record.ok
            self._open[place] -= 1
            known = self._seconds.get(place, record.seconds)
            self._seconds[place] = known + _SMOOTHING * (record.seconds - known)

    def progress(self, note: str = "") -> Progress:
        """Where the run stands now."""
        with self._lock:
            seconds, still = dict(self._seconds), dict(self._open)
        typical: dict[str, list[float]] = defaultdict(list)
        for (service, _), value in sorted(seconds.items()):
            typical[service].append(value)
        left: float | None = 0.0
        for (service, level), count in still.items():
            each = seconds.get((service, level)) or _mean(typical.get(service, ()))
            if count <= 0 or left is None:
                continue
            left = None if each is None else left + count * max(each / level, self.gates[service].interval)
        means = {service: sum(values) / len(values) for service, values in typical.items()}
        return Progress(done=self.done, total=self.total, failed=self.failed, left=left, typical=means, note=note)


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return sum(listed) / len(listed) if listed else None
