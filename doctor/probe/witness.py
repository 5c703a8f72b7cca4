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
import marshal
import os
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from doctor.model import FileFacts
from doctor.probe.files import DiskFiles, facts_of

Stamp = tuple[int, ...]
"""mode, inode, size, mtime and ctime (ns) of the path, then those of what it links to; one errno when unseen."""

Seen = dict[str, Any]
"""What was seen, as values that ``marshal`` can keep: ``folders`` (names and a digest of their stamps), ``young``
(paths that a stamp says too little of), and ``answers`` (the stamps themselves and what was answered; packed, because
it is seldom needed)."""

_YOUNG_NS = 2_000_000_000
"""A file whose status changed less than 2 s before it was looked at may change again without another time."""

_BYTE_CODE = "__pycache__"
"""Appears when somebody runs a program; nothing of it is ever read, so it is left out when listings are compared."""

_ONE_LOOK = 5
_LINK = stat.S_IFLNK


class WitnessedFiles(DiskFiles):
    """The disk, with a note of everything that was asked; one instance serves one moment, as its listings do."""

    def __init__(self) -> None:
        """Nothing is read before it is asked for."""
        super().__init__()
        self._limit = time.time_ns() - _YOUNG_NS
        self._stamps: dict[str, Stamp] = {}
        self._facts: dict[str, FileFacts | None] = {}
        self._reads: dict[tuple[str, int, int], bytes] = {}

    def facts(self, path: str) -> FileFacts | None:
        """As ``DiskFiles.facts``; asked once."""
        try:
            return self._facts[path]
        except KeyError:
            pass
        stamp = _stamp(path)
        self._stamps.setdefault(path, stamp)
        self._facts[path] = facts = _facts(stamp)
        return facts

    def listing(self, path: str) -> tuple[str, ...] | None:
        """As ``DiskFiles.listing``."""
        if path not in self._stamps:
            self._stamps[path] = _stamp(path)
        return super().listing(path)

    def read(self, path: str, limit: int | None = None) -> bytes:
        """As ``DiskFiles.read``."""
        question = (path, -1, -1 if limit is None else limit)
        return self._noted(question, lambda: DiskFiles.read(self, path, limit))

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """As ``DiskFiles.read_range``."""
        return self._noted((path, start, length), lambda: DiskFiles.read_range(self, path, start, length))

    def _noted(self, question: tuple[str, int, int], ask: Callable[[], bytes]) -> bytes:
        if question[0] not in self._stamps:
            self._stamps[question[0]] = _stamp(question[0])
        try:
            data = ask()
        except OSError as error:
            self._reads.setdefault(question, _refusal(error))
            raise
        if question not in self._reads:
            self._reads[question] = _digest(data)
        return data

    def seen(self) -> Seen:
        """Everything that was seen, and how; to be given to ``Recollection``."""
        names: dict[str, list[str]] = {}
        stamps: dict[str, list[Stamp]] = {}
        for path, stamp in self._stamps.items():
            folder, _slash, name = path.rpartition("/")
            names.setdefault(folder, []).append(name)
            stamps.setdefault(folder, []).append(stamp)
        reads: dict[str, list[tuple[int, int, bytes]]] = {}
        for (path, start, length), digest in self._reads.items():
            reads.setdefault(path, []).append((start, length, digest))
        listings = {path: _names_digest(listed) for path, listed in self._listings.items()}
        return {
            "folders": {folder: (inside, _stamps_digest(stamps[folder])) for folder, inside in names.items()},
            "young": [path for path, stamp in self._stamps.items() if _is_young(stamp, self._limit)],
            "answers": marshal.dumps({"stamps": stamps, "listings": listings, "reads": reads}),
        }


class Recollection:
    """What an earlier examination saw, held against the disk of now."""

    def __init__(self, seen: Seen) -> None:
        """``seen`` is what ``WitnessedFiles.seen`` gave."""
        self._seen = seen
        self._disk = DiskFiles()
        self._limit = time.time_ns() - _YOUNG_NS
        self._kept: dict[str, Any] = {}
        self._refreshed: dict[str, list[Stamp]] = {}
        self._still_young: list[str] = []

    def holds(self) -> bool:
        """Whether the same questions would get the same answers.

        Raises ``LookupError``, ``TypeError`` or ``ValueError`` when ``seen`` is not what it should be.
        """
        for folder, (names, digest) in self._seen["folders"].items():
            now = _stamps(folder, names)
            if _stamps_digest(now) != digest and not self._only_looks_different(folder, names, now):
                return False
        return all(self._answers_again(path) for path in self._seen["young"])

    def refreshed(self) -> Seen | None:
        """What is to be kept from now on, so that what was asked again needs it no more; None when that is the same.

        Only after ``holds`` was true.
        """
        if not self._refreshed and self._still_young == self._seen["young"]:
            return None
        stamps = self._answers["stamps"]
        stamps.update(self._refreshed)
        folders = dict(self._seen["folders"])
        for folder, now in self._refreshed.items():
            folders[folder] = (folders[folder][0], _stamps_digest(now))
        return {"folders": folders, "young": self._still_young, "answers": marshal.dumps(self._answers)}

    @property
    def _answers(self) -> dict[str, Any]:
        if not self._kept:
            self._kept = marshal.loads(self._seen["answers"])  # noqa: S302 - our own, see ``verdicts``
        return self._kept

    def _only_looks_different(self, folder: str, names: Sequence[str], now: Sequence[Stamp]) -> bool:
        """What has another stamp is of the same kind and gives the same answers; remembers its new stamp."""
        merged = list(self._answers["stamps"][folder])
        for at, name in enumerate(names):
            before, after = merged[at], now[at]
            if before != after:
                path = f"{folder}/{name}"
                if not _same_facts(before, after) or not self._asked_again(path):
                    return False
                if not _is_young(after, self._limit):
                    merged[at] = after
        self._refreshed[folder] = merged
        return True

    def _answers_again(self, path: str) -> bool:
        """A path that was too young to be believed by its stamp; when it is still, it stays so."""
        if not self._asked_again(path):
            return False
        if _is_young(_stamp(path), self._limit):
            self._still_young.append(path)
        return True

    def _asked_again(self, path: str) -> bool:
        """Its listing and its content are as they were."""
        listed = self._answers["listings"].get(path)
        if listed is not None and _names_digest(self._disk.listing(path)) != listed:
            return False
        reads = self._answers["reads"].get(path, ())
        return all(self._read(path, start, length) == digest for start, length, digest in reads)

    def _read(self, path: str, start: int, length: int) -> bytes:
        try:
            if start >= 0:
                return _digest(self._disk.read_range(path, start, length))
            return _digest(self._disk.read(path, None if length < 0 else length))
        except OSError as error:
            return _refusal(error)


def _stamps(folder: str, names: Iterable[str]) -> list[Stamp]:
    """``_stamp`` of every name in a folder, as fast as can be: this is what an unchanged environment costs."""
    found: list[Stamp] = []
    look = os.lstat
    for name in names:
        path = f"{folder}/{name}"
        try:
            status = look(path)
        except (OSError, ValueError):
            found.append(_stamp(path))
            continue
        mode = status.st_mode
        if mode & 0o170000 == _LINK:
            found.append(_stamp(path))
        else:
            found.append((mode, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return found


def _stamp(path: str) -> Stamp:
    """What changes when the path does."""
    try:
        status = os.lstat(path)
        mode = status.st_mode
        if mode & 0o170000 == _LINK:
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


def _facts(stamp: Stamp) -> FileFacts | None:
    """What ``DiskFiles.facts`` says of a path with that stamp."""
    if len(stamp) not in (_ONE_LOOK, 2 * _ONE_LOOK):
        return None
    mode, inode, size, mtime, _ctime = stamp[-_ONE_LOOK:]
    return facts_of(mode, size, mtime, inode, link=len(stamp) > _ONE_LOOK)


def _same_facts(before: Stamp, after: Stamp) -> bool:
    """The same kind of thing; times and size of a directory change with what is in it, which its listing tells."""
    left, right = _facts(before), _facts(after)
    if left is not None and right is not None and left.kind == right.kind == "dir":
        return (left.inode, left.executable, left.link) == (right.inode, right.executable, right.link)
    return left == right


def _is_young(stamp: Stamp, limit: int) -> bool:
    """The status of the path, or of what it links to, changed after the limit (ns)."""
    return any(len(look) == _ONE_LOOK and look[4] >= limit for look in (stamp[:_ONE_LOOK], stamp[_ONE_LOOK:]))


def _stamps_digest(stamps: list[Stamp]) -> bytes:
    return hashlib.blake2b(marshal.dumps(stamps, 2), digest_size=16).digest()  # format 2: the same for equal values


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _refusal(error: OSError) -> bytes:
    """What stands for a content that could not be read."""
    return f"refused: {error.errno}".encode()


def _names_digest(names: Iterable[str] | None) -> bytes:
    if names is None:
        return b"none"
    return _digest("\0".join(n for n in names if n != _BYTE_CODE).encode("utf-8", "surrogateescape"))
