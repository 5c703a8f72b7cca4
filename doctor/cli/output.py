"""The only place that writes: reports to stdout, progress to stderr, as the reader can take them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from doctor.cli.settings import Settings
from doctor.cli.terminal import PLAIN_WIDTH, terminal_width
from doctor.errors import UsageError
from doctor.render.page import Page

if TYPE_CHECKING:
    import threading

_NARROWEST = 40
_PATIENCE_SECONDS = 1.0


def page_for(settings: Settings, *, next_step: str = "", to_file: bool = False) -> Page:
    """How a page for stdout (or for a file) has to look."""
    terminal = not to_file and _is_terminal(sys.stdout)
    encoding = "utf-8" if to_file else (getattr(sys.stdout, "encoding", "") or "ascii")
    return Page(
        width=PLAIN_WIDTH if to_file else max(_NARROWEST, terminal_width()),
        color=terminal and settings.color and os.environ.get("TERM") != "dumb",
        unicode=encoding.lower().replace("-", "").startswith("utf"),
        verbose=settings.verbose,
        quiet=settings.quiet,
        home=os.environ.get("HOME", "").rstrip("/"),
        next_step=next_step,
    )


def say(text: str) -> None:
    """Write to stdout now; characters that its encoding lacks are written as escapes.

    Raises:
        BrokenPipeError: nobody reads any more (``doctor.cli.main`` ends quietly then).
    """
    if sys.stdout is None:
        return
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.stdout.write(text)
    sys.stdout.flush()


def deliver(text: str, target: str) -> None:
    """Write a report to the file ``target``, or to stdout when it is '' or ``-``.

    Raises:
        UsageError: the file cannot be written.
    """
    if target in ("", "-"):
        say(text)
        return
    try:
        with open(target, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123 - names of any kind
            file.write(text)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"The report cannot be written to {target}: {reason}.") from None


@contextmanager
def progress(what: str, settings: Settings) -> Iterator[None]:
    """Say on a terminal's stderr what is going on, when it takes longer than a second."""
    if settings.quiet or not _is_terminal(sys.stderr):
        yield
        return
    from threading import Event, Thread  # noqa: PLC0415 - scripts do not watch

    done = Event()
    watcher = Thread(target=_show, args=(what, done, settings.color), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _show(what: str, done: threading.Event, color: bool) -> None:
    if done.wait(_PATIENCE_SECONDS):
        return
    from rich.console import Console  # noqa: PLC0415 - only for those who wait

    console = Console(stderr=True, no_color=not color, highlight=False, markup=False)
    with console.status(what):
        done.wait()


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False
