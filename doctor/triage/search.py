"""Which version came first or was last to have something, with as few looks as will do; nothing is read here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

_LOOKS = 18
_NEXT = 4
_UNTOLD = 5
_OLDEST = 3
"""So many versions whose files do not tell are passed over."""


class Search:
    """A walk over versions in which what is missing comes and goes a few times at most."""

    def __init__(self, versions: list[str], holds: Callable[[int], bool | None]) -> None:
        self._versions = versions
        self._holds = holds
        self._known: dict[int, bool | None] = {}

    def looked(self) -> list[str]:
        """The versions that were read, oldest first."""
        return [self._versions[at] for at in sorted(self._known)]

    @property
    def told(self) -> bool:
        """The newest version says whether it has it."""
        return self._known.get(len(self._versions) - 1) is not None

    def has(self, at: int) -> bool | None:
        """Whether the version has it; None when not known or when enough were read."""
        if at not in self._known:
            if len(self._known) >= _LOOKS:
                return None
            self._known[at] = self._holds(at)
        return self._known[at]

    def around(self, here: int) -> tuple[str, str] | None:
        """(nearest older, nearest newer) version that has it; the one in use has it not.

        ``here`` is where the version in use stands, or would stand, among those that can be read.
        """
        newest = len(self._versions) - 1
        if newest < 0:
            return None
        if 0 <= here <= newest and self.has(here):
            return None
        above = ""
        holder = self._newer(here, newest) if here < newest else None
        if holder is not None:
            above = self._versions[self._boundary(here, holder)]
        below, untold = "", 0
        absent = here
        for low in self._steps(here):
            state = self.has(low)
            if state is None:
                untold += 1
                if untold > _UNTOLD:
                    break
                continue
            if state:
                below = self._versions[self._boundary(absent, low)]
                break
            absent = low
        return (below, above) if below or above else None

    def _newer(self, here: int, newest: int) -> int | None:
        """A newer version that has it: the newest; where that cannot be told, one of the next series."""
        state = self.has(newest)
        if state is not None:
            return newest if state else None
        series = [_series(version) for version in self._versions]
        ends = [at for at in range(here + 1, newest) if series[at] != series[at + 1]]
        return next((at for at in ends[:_NEXT] if self.has(at)), None)

    def edge(self) -> tuple[str, str] | None:
        """With no version in use: the edge nearest to the newest version that tells.

        When the newest ones do not tell and an older one has it, that is the edge: see ``told``.
        """
        newest = len(self._versions) - 1
        untold, at = 0, newest
        state = self.has(newest) if newest >= 0 else None
        for older in self._steps(newest) if newest >= 0 else ():
            other = self.has(older)
            if other is None:
                untold += 1
                if untold > _UNTOLD:
                    return None
                continue
            if state is None:
                if other:
                    return self._versions[self._boundary(newest, older)], ""
                at, state = older, other
                continue
            if other != state:
                if not state:
                    return self._versions[self._boundary(at, older)], ""
                above = self._versions[self._boundary(older, at)]
                before = next((low for low in self._steps(older) if self.has(low)), None)
                return "" if before is None else self._versions[before], above
            at = older
        return None

    def _steps(self, here: int) -> Iterator[int]:
        """Where to look below a version: at the last release of each series, with growing strides, then the first.

        What comes and goes does so between series (1.3, 1.4) far more often than inside of one.
        """
        series = [_series(version) for version in self._versions]
        below = range(min(here, len(series)) - 1, -1, -1)
        ends = [at for at in below if at + 1 == len(series) or series[at] != series[at + 1]]
        position = 0
        for stride in (*(1,) * 5, 2, 2, 4, 8, 16, 32, 64):
            if position >= len(ends):
                break
            yield ends[position]
            position += stride
        yield from dict.fromkeys([*((0,) if here > 0 else ()), *reversed(ends[-_OLDEST:])])

    def _boundary(self, lacks: int, holds: int) -> int:
        """Between one version that lacks it and one that has it: the last one on the having side."""
        while abs(holds - lacks) > 1:
            middle = (lacks + holds) // 2
            state = self.has(middle)
            if state is None:
                return holds
            if state:
                holds = middle
            else:
                lacks = middle
        return holds


def _series(version: str) -> tuple[str, ...]:
    """Major and minor number."""
    return tuple(version.split(".")[:2])
