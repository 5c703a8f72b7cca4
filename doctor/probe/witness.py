"""What of the disk an examination has seen, so that it can be told later whether it would see the same again.

Every question that is asked of a ``WitnessedFiles`` is noted with what ``lstat`` said of the path *before* the answer
was read (mode, inode, size, times of content and of status). While these are the same, so is the answer: a change that
keeps the size and puts the old time of content back still changes the time of status, which no program can set. Where
they differ (another environment was made with hard links to the same files, byte code was written beside a module),
or where a file is so young that a second change would not show, the question is asked again and the answers' digests
are compared. What remains unnoticed: a change on a file system that keeps no times, or with the clock set back.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterable
from typing import Any

from doctor.model import FileFacts
from doctor.probe.files import DiskFiles, facts_of

Stamp = tuple[int, ...]
"""mode, inode, size, mtime and ctime (ns) of the path, then those of what it links to; one errno when unseen."""

Seen = dict[str, Any]
"""What was seen, as values that ``marshal`` can keep."""

_YOUNG_NS = 2_000_000_000
"""A file whose status changed less than 2 s before it was looked at may change again without another time."""

_BYTE_CODE = "__pycache__"
"""Appears when somebody runs a program; nothing of it is ever read, so it is left out when listings are compared."""


class WitnessedFiles(DiskFiles):
    """The disk, with a note of everything that was asked; one instance serves one moment, as its listings do."""

    def __init__(self) -> None:
        """Nothing is read before it is asked for."""
        super().__init__()
        self._young = time.time_ns() - _YOUNG_NS
        self._stamps: dict[str, Stamp] = {}
        self._facts: dict[str, FileFacts | None] = {}
        self._reads: dict[tuple[str, int, int], bytes] = {}

    def facts(self, path: str) -> FileFacts | None:
        """As ``DiskFiles.facts``; asked once."""
        try:
            return self._facts[path]
        except KeyError:
            pass
        stamp, facts = _look(path)
        self._stamps.setdefault(path, stamp)
        self._facts[path] = facts
        return facts

    def listing(self, path: str) -> tuple[str, ...] | None:
        """As ``DiskFiles.listing``."""
        if path not in self._stamps:
            self._stamps[path] = _look(path)[0]
        return super().listing(path)

    def read(self, path: str, limit: int | None = None) -> bytes:
        """As ``DiskFiles.read``."""
        return self._noted((path, -1, -1 if limit is None else limit), lambda: DiskFiles.read(self, path, limit))

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """As ``DiskFiles.read_range``."""
        return self._noted((path, start, length), lambda: DiskFiles.read_range(self, path, start, length))

    def _noted(self, question: tuple[str, int, int], ask: Callable[[], bytes]) -> bytes:
        if question[0] not in self._stamps:
            self._stamps[question[0]] = _look(question[0])[0]
        try:
            data = ask()
        except OSError as error:
            self._reads.setdefault(question, _refusal(error))
            raise
        self._reads.setdefault(question, _digest(data))
        return data

    def seen(self) -> Seen:
        """Everything that was seen, and how; to be given to ``Recollection``."""
        folders: dict[str, tuple[list[str], list[Stamp]]] = {}
        for path, stamp in self._stamps.items():
            folder, _slash, name = path.rpartition("/")
            names, stamps = folders.setdefault(folder, ([], []))
            names.append(name)
            stamps.append(stamp)
        reads: dict[str, list[tuple[int, int, bytes]]] = {}
        for (path, start, length), digest in self._reads.items():
            reads.setdefault(path, []).append((start, length, digest))
        return {
            "folders": folders,
            "listings": {path: _names_digest(names) for path, names in self._listings.items()},
            "reads": reads,
            "young": {path: True for path, stamp in self._stamps.items() if _is_young(stamp, self._young)},
        }


class Recollection:
    """What an earlier examination saw, held against the disk of now."""

    def __init__(self, seen: Seen) -> None:
        """``seen`` is what ``WitnessedFiles.seen`` gave."""
        self.seen = seen
        self.refreshed = False
        self._asked_again = DiskFiles()
        self._young = time.time_ns() - _YOUNG_NS

    def holds(self) -> bool:
        """Whether the same questions would get the same answers; refreshes the stamps of what only looks different.

        Raises ``LookupError``, ``TypeError`` or ``ValueError`` when ``seen`` is not what it should be.
        """
        different: list[tuple[list[Stamp], int, Stamp]] = []
        for folder, (names, stamps) in self.seen["folders"].items():
            base = f"{folder}/"
            now = [_stamp(base + name) for name in names]
            if now == stamps:
                continue
            for at in range(len(names)):
                if now[at] != stamps[at]:
                    if not _same_facts(stamps[at], now[at]) or not self._answers(base + names[at]):
                        return False
                    different.append((stamps, at, now[at]))
        if not all(self._grown_up(path) for path in list(self.seen["young"])):
            return False
        self._refresh(different)
        return True

    def _grown_up(self, path: str) -> bool:
        """What was too young to be believed by its stamp has the same answers; from now on its stamp may do."""
        folder, _slash, name = path.rpartition("/")
        names, stamps = self.seen["folders"][folder]
        if not self._answers(path):
            return False
        if not _is_young(stamps[names.index(name)], self._young):
            del self.seen["young"][path]
            self.refreshed = True
        return True

    def _answers(self, path: str) -> bool:
        """Listings and contents are as they were."""
        listed = self.seen["listings"].get(path)
        if listed is not None and _names_digest(self._asked_again.listing(path)) != listed:
            return False
        return all(
            self._read(path, start, length) == digest for start, length, digest in self.seen["reads"].get(path, ())
        )

    def _read(self, path: str, start: int, length: int) -> bytes:
        try:
            if start >= 0:
                return _digest(self._asked_again.read_range(path, start, length))
            return _digest(self._asked_again.read(path, None if length < 0 else length))
        except OSError as error:
            return _refusal(error)

    def _refresh(self, different: Iterable[tuple[list[Stamp], int, Stamp]]) -> None:
        """What has another stamp and the same answers gets the new stamp, unless it is too young to be believed."""
        for stamps, at, stamp in different:
            if not _is_young(stamp, self._young):
                stamps[at] = stamp
                self.refreshed = True


def _stamp(path: str) -> Stamp:
    """What changes when the path does."""
    try:
        status = os.lstat(path)
        mode = status.st_mode
        if mode & 0o170000 == stat.S_IFLNK:
            return (*_numbers(status), *_target(path))
    except OSError as error:
        return (error.errno or 0,)
    except ValueError:  # a NUL in the name
        return (0,)
    return (mode, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _numbers(status: os.stat_result) -> Stamp:
    return (status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _target(path: str) -> Stamp:
    try:
        return _numbers(os.stat(path))  # noqa: PTH116 - paths are plain strings in this room
    except OSError as error:
        return (error.errno or 0,)


def _look(path: str) -> tuple[Stamp, FileFacts | None]:
    """The stamp and the facts of one look."""
    stamp = _stamp(path)
    return stamp, _facts(stamp)


def _facts(stamp: Stamp) -> FileFacts | None:
    """What ``DiskFiles.facts`` says of a path with that stamp."""
    if len(stamp) in (1, 6):
        return None
    mode, inode, size, mtime, _ctime = stamp[-5:]
    return facts_of(mode, size, mtime, inode, link=len(stamp) > 5)  # noqa: PLR2004 - two looks


def _same_facts(before: Stamp, after: Stamp) -> bool:
    """The same kind of thing; times and size of a directory change with what is in it, which its listing tells."""
    left, right = _facts(before), _facts(after)
    if left is not None and right is not None and left.kind == right.kind == "dir":
        return (left.inode, left.executable, left.link) == (right.inode, right.executable, right.link)
    return left == right


def _is_young(stamp: Stamp, limit: int) -> bool:
    """The status of the path, or of what it links to, changed after the limit (ns)."""
    return any(len(part) > 1 and part[4] >= limit for part in (stamp[:5], stamp[5:]))


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _refusal(error: OSError) -> bytes:
    """What stands for a content that could not be read."""
    return f"refused: {error.errno}".encode()


def _names_digest(names: Iterable[str] | None) -> bytes:
    if names is None:
        return b"none"
    return _digest("\0".join(n for n in names if n != _BYTE_CODE).encode("utf-8", "surrogateescape"))
