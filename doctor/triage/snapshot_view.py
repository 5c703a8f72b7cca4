"""The files of an environment that is elsewhere: wheels of the index at the places where they were installed."""

from __future__ import annotations

import ast
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import dirname, normpath

from doctor.errors import IndexUnavailableError
from doctor.index.wheels import WheelFiles
from doctor.model import FileFacts
from doctor.probe.local_imports import PATH_CHANGE

UNKNOWN_SOURCE = b"# its text is not known here: whatever may be in it\nexec(input())\n__path__ = eval(input())\n"
"""Stands for a module whose text nobody has: any name and any submodule may be in it, and none need be."""
_MTIME = 10**18


def outlined(text: str) -> bytes:
    """Source that imports what the outline says, on the same lines, and whose names are not known."""
    lines = ["exec(input())"]
    for row in text.splitlines():
        number, _, statement = row.partition(" ")
        if not number.isdecimal() or not statement:
            return UNKNOWN_SOURCE
        lines += [""] * (min(int(number), _LINES) - len(lines))
        change = statement == PATH_CHANGE
        lines[-1] += f"{'; ' if lines[-1] else ''}{_PATH_CHANGED if change else statement}"
    source = "\n".join(lines) + "\n"
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return UNKNOWN_SOURCE
    return source.encode()


_LINES = 200_000
_PATH_CHANGED = "import sys as _sys; _sys.path.extend(eval(input()))"


@dataclass(slots=True)
class Member:
    """One file of the environment; ``size`` is what it has there.

    Its bytes are those of a wheel's member ``name``, of a file here (``path``), or ``data``; None of them known
    (``hidden``): it is there, but cannot be read.
    """

    size: int
    wheel: WheelFiles | None = None
    name: str = ""
    path: Path | None = None
    data: bytes = b""
    hidden: bool = False

    def hide(self, size: int) -> None:
        """Its text is not that of the wheel; source then stands for whatever may be in it."""
        self.size, self.hidden = size, not self.name.endswith(".py")
        self.data = b"" if self.hidden else UNKNOWN_SOURCE
        self.wheel, self.path = None, None

    @property
    def mark(self) -> int:
        """Differs for different content."""
        return self.wheel.info(self.name).CRC if self.wheel else zlib.crc32(self.data + str(self.path).encode())


@dataclass(slots=True)
class SnapshotFiles:
    """A ``FileView`` of the members. Compiled code is seen but not read: it was judged where it runs."""

    members: dict[str, Member] = field(default_factory=dict)
    directories: dict[str, set[str]] = field(default_factory=dict)

    def read(self, path: str, limit: int | None = None) -> bytes:
        """The file's bytes; raises ``OSError`` for what is not there or cannot be known here."""
        member = self.members.get(normpath(path))
        if member is None:
            raise FileNotFoundError(2, "not in the snapshot", path)
        if member.hidden or (member.wheel and is_compiled(member.name)):
            raise PermissionError(13, "a snapshot does not hold its content", path)
        try:
            data = _bytes(member)
        except (IndexUnavailableError, KeyError) as error:
            raise OSError(5, str(error), path) from None
        return data if limit is None else data[:limit]

    def facts(self, path: str) -> FileFacts | None:
        """A file or a directory; identity and time are made of its content, so that caches tell files apart."""
        where = normpath(path)
        member = self.members.get(where)
        if member is not None:
            return FileFacts(
                kind="file",
                size=member.size,
                mtime_ns=_MTIME + member.mark,
                inode=zlib.crc32(where.encode("utf-8", "surrogateescape")),
                executable=where.rpartition("/")[0].endswith("/bin"),
            )
        return FileFacts(kind="dir") if where in self.directories else None

    def listing(self, path: str) -> tuple[str, ...] | None:
        """Names in a directory."""
        names = self.directories.get(normpath(path))
        return None if names is None else tuple(sorted(names))

    def add(self, path: str, member: Member) -> None:
        """Put a file where it is, with the directories above it."""
        where = normpath(path)
        self.members[where] = member
        self.add_directory(dirname(where))
        self.directories[dirname(where)].add(where.rpartition("/")[2])

    def add_unknown(self, place: str) -> None:
        """A module or package of which only the name is known; what is there already stays."""
        path = place if place.endswith(".py") else f"{place}/__init__.py"
        if normpath(path) not in self.members and f"{normpath(place)}.py" not in self.members:
            self.add(path, Member(size=len(UNKNOWN_SOURCE), data=UNKNOWN_SOURCE))

    def add_directory(self, path: str) -> None:
        """A directory, with those above it."""
        path = normpath(path)
        while path not in self.directories:
            self.directories[path] = set()
            above = dirname(path)
            if above == path:
                return
            self.add_directory(above)
            self.directories[above].add(path.rpartition("/")[2])

    def remove(self, path: str) -> None:
        """A file that is missing there."""
        if self.members.pop(normpath(path), None) is not None:
            self.directories[dirname(normpath(path))].discard(path.rpartition("/")[2])


def is_compiled(name: str) -> bool:
    """A shared library by its name."""
    last = name.rpartition("/")[2]
    return last.endswith((".so", ".pyd", ".dll", ".dylib", ".a")) or ".so." in last


def _bytes(member: Member) -> bytes:
    if member.wheel:
        return member.wheel.read(member.name)
    return member.path.read_bytes() if member.path else member.data
