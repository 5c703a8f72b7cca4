"""The patient's files on the real disk."""

from __future__ import annotations

import errno
import os
import stat
from posixpath import islink, realpath

from doctor.model import FileFacts


def real_path(path: str) -> str:
    """The path with all links followed, as far as that is possible; what is no path stays as it is."""
    try:
        return realpath(path)
    except (OSError, ValueError):
        return path


def why_unseen(path: str) -> str:
    """Why a directory cannot be listed, in a few words; '' when it can."""
    try:
        with os.scandir(path):
            return ""
    except FileNotFoundError:
        return "is a link to nowhere" if islink(path) else "does not exist"
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "is a link that leads to itself"
        return (error.strerror or str(error)).lower()
    except ValueError:
        return "is no possible path"


def facts_of(mode: int, size: int, mtime_ns: int, inode: int, *, link: bool) -> FileFacts:
    """What a ``stat`` result says, as every view of files tells it."""
    kind = "file" if stat.S_ISREG(mode) else "dir" if stat.S_ISDIR(mode) else "other"
    return FileFacts(kind=kind, size=size, mtime_ns=mtime_ns, inode=inode, executable=bool(mode & 0o111), link=link)


class DiskFiles:
    """A ``FileView`` of the disk. Listings are kept for the life of the instance; file contents are not.

    Only regular files are ever read: a FIFO or a device in a patient's place must not make the doctor wait.
    """

    def __init__(self) -> None:
        """Nothing is read before it is asked for."""
        self._listings: dict[str, tuple[str, ...] | None] = {}

    def read(self, path: str, limit: int | None = None) -> bytes:
        """The file's bytes (at most ``limit``); raises ``OSError``, also for what is no regular file."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except ValueError as error:  # a NUL in the name
            raise OSError(errno.ENOENT, str(error), path) from error
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            return _read(descriptor, status.st_size if limit is None else min(limit, status.st_size), limit)
        finally:
            os.close(descriptor)

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """At most ``length`` bytes from ``start`` on; raises ``OSError``, also for what is no regular file."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except ValueError as error:  # a NUL in the name
            raise OSError(errno.ENOENT, str(error), path) from error
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            return os.pread(descriptor, max(0, min(length, status.st_size - start)), start)
        finally:
            os.close(descriptor)

    def facts(self, path: str) -> FileFacts | None:
        """What the path is, links followed; None when there is nothing or it cannot be seen."""
        try:
            status = os.lstat(path)
            link = stat.S_ISLNK(status.st_mode)
            if link:
                status = os.stat(path)  # noqa: PTH116 - paths are plain strings in this room
        except (OSError, ValueError):
            return None
        return facts_of(status.st_mode, status.st_size, status.st_mtime_ns, status.st_ino, link=link)

    def listing(self, path: str) -> tuple[str, ...] | None:
        """Names in a directory, sorted; None when it is no readable directory."""
        try:
            return self._listings[path]
        except KeyError:
            pass
        names: tuple[str, ...] | None
        try:
            names = tuple(sorted(os.listdir(path)))  # noqa: PTH208 - names are wanted, not paths
        except (OSError, ValueError):
            names = None
        self._listings[path] = names
        return names


def _read(descriptor: int, expected: int, limit: int | None) -> bytes:
    """Read what ``stat`` promised in one go; to the end or the limit when it promised nothing (/proc) or too much."""
    first = os.read(descriptor, expected) if expected else b""
    if expected and len(first) == expected:
        return first
    blocks, total = [first], len(first)
    while limit is None or total < limit:
        block = os.read(descriptor, 65536 if limit is None else min(65536, limit - total))
        if not block:
            break
        blocks.append(block)
        total += len(block)
    return b"".join(blocks)
