"""The doctor's own room in an environment: ``<environment>/.acdoctor``, with lock, journal and set-aside files.

It lies outside of site-packages, and on the same file system, so that setting aside is a rename.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from doctor.errors import TransactionError

ROOM = ".acdoctor"
LOCK_WAIT = 5.0
"""Seconds to wait for another doctor before saying so."""
STALE_LOCK = 3600.0
"""Seconds after which a lock file of another host is not believed, where the file system has no real locks."""

_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)


def room_of(prefix: str) -> Path:
    """The room of an environment; it need not exist."""
    return Path(prefix) / ROOM


def write_json(path: Path, value: Any) -> None:
    """Write a file whole or not at all, and on the disk when this returns; raises ``OSError``."""
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="utf-8") as file:
        json.dump(value, file, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    settle(path.parent)


def settle(directory: Path) -> None:
    """Have a directory's entries on the disk; file systems that cannot are believed anyway."""
    with suppress(OSError):
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_json(path: Path) -> Any:
    """What a file of the room says; None when it is absent or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def blocked(error: OSError, prefix: str) -> TransactionError:
    """The sentence for what the file system refused."""
    reasons = {
        errno.EACCES: "you may not write there; ask its owner, or make a copy of your own",
        errno.EPERM: "you may not write there; ask its owner, or make a copy of your own",
        errno.EROFS: "it lies on a read-only file system; work on a copy, or where it is mounted writable",
        errno.ENOSPC: "the disk is full; free some space and try again",
        errno.EDQUOT: "your disk quota is used up; free some space and try again",
    }
    reason = reasons.get(error.errno or 0, f"{error.strerror or error} ({error.filename or 'no file named'})")
    return TransactionError(f"{prefix} cannot be changed: {reason}. It is as it was.")


@contextmanager
def exclusive(prefix: str, wait: float = LOCK_WAIT) -> Iterator[Path]:
    """The room, for one doctor at a time; made when it does not exist.

    Raises:
        TransactionError: another doctor has it, or it cannot be made.
    """
    room = room_of(prefix)
    try:
        room.mkdir(exist_ok=True)
        handle = os.open(room / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise blocked(error, prefix) from None
    try:
        _take(handle, room, prefix, wait)
        yield room
    finally:
        # the lock goes with the handle, also when the process is killed; nothing can be stale
        os.close(handle)
        _drop(room)


def is_taken(room: Path) -> bool:
    """A doctor has the lock now; asked without leaving a trace, also by who may only read."""
    try:
        handle = os.open(room / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            owner = read_json(room / "owner.json")
            return isinstance(owner, dict) and _alive(owner)
        return error.errno in (errno.EWOULDBLOCK, errno.EACCES)
    finally:
        os.close(handle)
    return False


def _take(handle: int, room: Path, prefix: str, wait: float) -> None:
    """Lock, or say who has it."""
    end = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                _take_file(room, prefix)
                return
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise blocked(error, prefix) from None
            if time.monotonic() > end:
                raise _busy(prefix, os.pread(handle, 200, 0).decode("utf-8", "replace").strip()) from None
            time.sleep(0.1)
        else:
            with suppress(OSError):
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
            return


def _take_file(room: Path, prefix: str) -> None:
    """For file systems without locks: a file that names its process; one of a dead process is not believed."""
    path = room / "owner.json"
    owner = read_json(path)
    if isinstance(owner, dict) and _alive(owner):
        raise _busy(prefix, f"process {owner.get('pid')} on {owner.get('host')}")
    path.unlink(missing_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}, file)
    except OSError as error:
        raise blocked(error, prefix) from None


def _alive(owner: dict[str, Any]) -> bool:
    """The process that holds a lock file still runs, as far as can be known."""
    if owner.get("host") != socket.gethostname():
        return time.time() - float(owner.get("since") or 0) < STALE_LOCK
    return Path(f"/proc/{owner.get('pid')}").exists() and owner.get("pid") != os.getpid()


def _drop(room: Path) -> None:
    """Remove our own lock file, if the file system needed one."""
    owner = read_json(room / "owner.json")
    if isinstance(owner, dict) and owner.get("pid") == os.getpid():
        with suppress(OSError):
            (room / "owner.json").unlink()


def _busy(prefix: str, who: str) -> TransactionError:
    """The sentence for a lock that another doctor holds."""
    shown = f" ({who})" if who else ""
    return TransactionError(
        f"Another acdoctor{shown} is changing {prefix}; wait until it has finished, then try again."
    )
