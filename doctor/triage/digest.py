"""What one reading of a log found, as values."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from doctor.triage.lines import Line

_KEPT = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A pattern's match: the line and the groups, by number (as text) and by name."""

    line: Line
    groups: dict[str, str]


@dataclass(slots=True, kw_only=True)
class Occurrences:
    """Where one pattern occurs: the first and the last hits, and about how many there are."""

    first: list[Hit] = field(default_factory=list)
    last: deque[Hit] = field(default_factory=lambda: deque(maxlen=_KEPT))
    count: int = 0

    def add(self, hit: Hit) -> None:
        """Remember one more."""
        self.count += 1
        if len(self.first) < _KEPT:
            self.first.append(hit)
        else:
            self.last.append(hit)

    @property
    def hits(self) -> list[Hit]:
        """Those remembered, in order."""
        return [*self.first, *self.last]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What one reading of a log found. ``excerpts`` are runs of neighbouring lines; the only one when it is small."""

    occurrences: dict[str, Occurrences]
    excerpts: tuple[tuple[Line, ...], ...]
    lines: int
    size: int
    first_stamp: str = ""
    last_stamp: str = ""
    last_line: Line | None = None

    def of(self, pattern: str) -> list[Hit]:
        """The hits of a pattern."""
        found = self.occurrences.get(pattern)
        return found.hits if found else []

    def count(self, pattern: str) -> int:
        """About how often it occurs."""
        found = self.occurrences.get(pattern)
        return found.count if found else 0

    @property
    def close(self) -> Iterator[Line]:
        """All lines that were read closely."""
        return (line for excerpt in self.excerpts for line in excerpt)
