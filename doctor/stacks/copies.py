"""Errands done by a copy of this process, which knows all that this one knows and leaves it as it is."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from doctor.errors import DoctorError

_T = TypeVar("_T")

_PARENTS: list[int] = []


def possible() -> bool:
    """Copies can be made: on Linux. Elsewhere libraries of the system may not be used in a copy."""
    return sys.platform == "linux"


def end_with_parent() -> None:
    """This process and its copies make no more copies once the process that started them is gone (interrupted, say)."""
    _PARENTS[:] = [os.getppid()]


def in_a_copy(errand: Callable[[], _T]) -> _T | None:
    """What the errand gives, done by a copy of this process; None when the copy did not come to its end.

    The copy must not use what is shared with this process outside of memory: connections, databases. Raises what the
    errand raises as ``DoctorError``.
    """
    if _PARENTS and os.getppid() not in _PARENTS:
        os._exit(1)
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # our other threads only wait for this one
        child = os.fork()
    if child == 0:
        _do(errand, writer)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as file:
            body = file.read()
    except BaseException:
        with suppress(OSError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    _, status = os.waitpid(child, 0)
    if status:
        return None
    result, error = pickle.loads(body)  # noqa: S301 - our own copy wrote it
    if error is not None:
        raise error
    value: _T = result
    return value


def _do(errand: Callable[[], object], writer: int) -> None:
    """In the copy: the errand, its result, and the end, without anything that this process would do at its own end."""
    code = 1
    try:
        if _PARENTS:
            end_with_parent()
        try:
            told: tuple[object, DoctorError | None] = errand(), None
        except DoctorError as error:
            told = None, error
        with os.fdopen(writer, "wb") as file:
            file.write(pickle.dumps(told))
        code = 0
    finally:
        os._exit(code)
