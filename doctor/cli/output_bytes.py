"""How far a download is: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from doctor.cli.settings import Settings
from doctor.render.escape import shown
from doctor.stacks.create import Reporting

_TERMINAL_SECONDS, _LOG_SECONDS = 0.5, 15.0


@contextmanager
def transfer(settings: Settings) -> Iterator[Reporting]:
    """Steps and bytes on stderr; nothing with --quiet. Bytes come from several threads."""
    writer = _Writer(quiet=settings.quiet)
    try:
        yield Reporting(step=writer.step, bytes_came=writer.bytes_came)
    finally:
        writer.end()


class _Writer:
    """Keeps count and writes at most so often."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet or sys.stderr is None
        self._terminal = not self._quiet and sys.stderr.isatty()
        self._lock = Lock()
        self._sum, self._written, self._width = 0, time.monotonic(), 0

    def step(self, text: str) -> None:
        """A step begins."""
        self.end()
        if not self._quiet:
            sys.stderr.write(f"acdoctor: {shown(text)}\n")
            sys.stderr.flush()

    def bytes_came(self, name: str, count: int) -> None:
        """So many bytes of a file have come."""
        with self._lock:
            self._sum += count
            now = time.monotonic()
            pause = _TERMINAL_SECONDS if self._terminal else _LOG_SECONDS
            if self._quiet or now - self._written < pause:
                return
            self._written = now
            line = f"  {self._sum / 1e6:,.0f} MB have come ({shown(name)})"
            self._width = len(line)
            sys.stderr.write(f"\r{line:<{self._width}}\033[K" if self._terminal else f"{line}\n")
            sys.stderr.flush()

    def end(self) -> None:
        """Leave the line of a bar."""
        if self._width and self._terminal:
            sys.stderr.write("\n")
        self._width = 0
