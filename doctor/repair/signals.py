"""Being asked to end while an environment is half changed: by an exception that undoes, or not just now."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn


class Interrupted(KeyboardInterrupt):
    """A signal that asked us to end; ``number`` says which."""

    def __init__(self, number: int) -> None:
        """Keep the signal."""
        self.number = number
        super().__init__(signal.Signals(number).name)


_ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _interrupt(number: int, _frame: object) -> NoReturn:
    raise Interrupted(number)


@contextmanager
def interruptible() -> Iterator[None]:
    """Have ^C, SIGTERM and SIGHUP end the block by an exception, so that it can be undone."""
    with _handlers(_interrupt):
        yield


@contextmanager
def deaf() -> Iterator[None]:
    """Do not listen to these signals for the moment that undoing takes."""
    with _handlers(signal.SIG_IGN):
        yield


@contextmanager
def _handlers(handler: Any) -> Iterator[None]:
    """Signal handlers for a block; only the main thread may have any."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in _ENDINGS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old if old is not None else signal.SIG_DFL)
