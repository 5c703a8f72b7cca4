"""How long a search may go on, and what it says when it had to end before it was through."""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence

PATIENCE = 100.0
"""Seconds of work (of this process and of what it starts) after which no further proof is begun."""
SLOWEST = 4.0
"""A busy machine does not change the answer, unless it takes so many times longer than the work would."""
SHARE = 0.6
"""What one finding may take of what is left: another one may be simpler."""
_EXAMPLES = 4


class Deadline:
    """When a search has to end, counted from now."""

    def __init__(self, patience: float, of: Deadline | None = None) -> None:
        """Start to count; ``of``: part of a longer search."""
        self._patience, self._of = patience, of
        self._work, self._time = _work(), time.monotonic()

    def share(self) -> Deadline:
        """For one of several things that are to be done before this one passes."""
        return Deadline(SHARE * max(0.0, self._patience - self.spent), of=self)

    @property
    def spent(self) -> float:
        """Seconds of work since the beginning."""
        return _work() - self._work

    @property
    def passed(self) -> bool:
        """It is time to end."""
        late = time.monotonic() - self._time > SLOWEST * self._patience
        return late or self.spent > self._patience or (self._of is not None and self._of.passed)

    def words(self, about: str, tried: Sequence[str]) -> str:
        """What is said of something that was not decided."""
        whole = self._of or self
        names = list(dict.fromkeys(tried))
        shown = ", ".join(names[:_EXAMPLES]) + (f" and {len(names) - _EXAMPLES} more" if len(names) > _EXAMPLES else "")
        longer = f"a longer search: --patience {max(1, round(4 * whole._patience)):d}"  # noqa: SLF001 - its own kind
        if not names:
            return f"“{about}” was not looked into, as {whole.spent:.0f} s of work were spent before; {longer}"
        return f"no cure was found for “{about}” in {self.spent:.0f} s of work (tried: {shown}); {longer}"


def _work() -> float:
    """CPU seconds of this process and of those it waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
