"""Pages and metadata fetched before a resolver gets to them, by several connections at once.

A resolver asks for one thing after the other and waits for each; what it will ask next is mostly known from what it
was told last. Only the order of requests changes, never an answer: what fails here is asked again when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Self

from doctor.errors import DoctorError
from doctor.index.transport import CONNECTIONS

__all__ = ["CONNECTIONS", "Ahead"]


class Ahead:
    """Errands that are run in the background, each once by its name; ``connections`` 0 runs none."""

    def __init__(self, connections: int = CONNECTIONS) -> None:
        """No thread is started before there is an errand."""
        self._pool = ThreadPoolExecutor(connections, "ahead") if connections else None
        self._errands: dict[str, Future[None]] = {}

    def __enter__(self) -> Self:
        """Use it for one resolution."""
        return self

    def __exit__(self, *_: object) -> None:
        """What has not begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def begin(self, name: str, errand: Callable[[], object]) -> None:
        """Run the errand, unless there was one of that name."""
        if self._pool is None or name in self._errands:
            return
        with suppress(RuntimeError):  # the resolution is over
            self._errands[name] = self._pool.submit(_run, errand)

    def wait(self, name: str) -> None:
        """Until the errand of that name is done, if it was begun: two would fetch the same."""
        errand = self._errands.get(name)
        if errand is not None and not errand.cancel():
            errand.result()


def _run(errand: Callable[[], object]) -> None:
    with suppress(DoctorError, OSError):
        errand()
