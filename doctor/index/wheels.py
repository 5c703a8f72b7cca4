"""A wheel's members, read where the wheel lies: by ranges of its zip directory, or whole when it is small.

A 500 MB wheel is not downloaded to read two files of it. What was read is kept by the wheel's hash.
"""

from __future__ import annotations

import hashlib
import io
import mmap
import os
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from doctor.errors import IndexUnavailableError
from doctor.index.cache import DiskCache, write_whole
from doctor.index.own_position import OwnPosition
from doctor.index.releases import ReleaseFile
from doctor.index.settings import is_local
from doctor.index.transport import Transport, local_path

SMALL = 2 * 1024**2
"""Wheels up to this many bytes are fetched whole: one request is cheaper than three."""
BLOCK = 128 * 1024
"""Bytes of one ranged read; larger than almost every source file, so that neighbours come along."""
PATIENCE = 24
"""After so many ranged reads of one wheel the rest is fetched, unless it is larger than ``HUGE``."""
HUGE = 96 * 1024**2
AHEAD = 32
"""Blocks that one request asks for at most: twice as many as the one before when a member is read from front to end."""
IN_MEMORY = 64
"""Blocks of one wheel that are held in memory once they are on the disk: a search opens wheels by the dozen."""

_WHOLE = 200
_PIECE = 1024**2


class WheelFiles:
    """Names and bytes of one wheel's members. Reading may raise ``IndexUnavailableError``."""

    def __init__(self, file: ReleaseFile, archive: zipfile.ZipFile) -> None:
        """Serve the members of an opened archive."""
        self.file = file
        self._archive = archive
        self._infos = {i.filename: i for i in archive.infolist() if not i.is_dir()}
        self._metadata: bytes | None = None
        self._dist_info = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Member paths, sorted; directories are left out."""
        return tuple(sorted(self._infos))

    def info(self, name: str) -> zipfile.ZipInfo:
        """Size, CRC and mode of a member; raises ``KeyError``."""
        return self._infos[name]

    def read(self, name: str) -> bytes:
        """A member's bytes, checked against its CRC; raises ``KeyError`` for no such member."""
        info = self._infos[name]
        try:
            return self._archive.read(info)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise _damaged(self.file, str(error)) from None

    def chunks(self, name: str) -> Iterator[bytes]:
        """A member's bytes as ``read`` gives them, piece by piece: some are larger than memory should hold."""
        info = self._infos[name]
        try:
            with self._archive.open(info) as member:
                while piece := member.read(_PIECE):
                    yield piece
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise _damaged(self.file, str(error)) from None

    @property
    def dist_info(self) -> str:
        """The wheel's ``NAME-VERSION.dist-info`` directory inside it; raises when it has none."""
        if not self._dist_info:
            tops = (n.removesuffix("/METADATA") for n in self._infos if n.endswith(".dist-info/METADATA"))
            self._dist_info = next((top for top in tops if "/" not in top), "")
        if not self._dist_info:
            raise _damaged(self.file, "it has no METADATA")
        return self._dist_info

    def metadata(self) -> Message:
        """The core metadata (headers only)."""
        if self._metadata is None:
            self._metadata = self.read(f"{self.dist_info}/METADATA")
        return HeaderParser().parsestr(self._metadata.decode("utf-8", errors="replace"))

    def text(self, name: str) -> str:
        """A text member of the dist-info directory, '' when absent."""
        path = f"{self.dist_info}/{name}"
        return self.read(path).decode("utf-8", errors="replace") if path in self._infos else ""


def open_wheel(file: ReleaseFile, transport: Transport, cache: DiskCache) -> WheelFiles:
    """The wheel's members; raises ``IndexUnavailableError`` when it cannot be had or is damaged."""
    path = whole_path(file, cache)
    if path is not None and path.is_file():
        with suppress(zipfile.BadZipFile, OSError):
            if not is_local(file.url):
                os.utime(path)  # the cache's sweep drops what was not used longest
            return WheelFiles(file, zipfile.ZipFile(io.BufferedReader(OwnPosition(path), BLOCK)))
        if not is_local(file.url):
            path.unlink(missing_ok=True)
    if file.size is not None and file.size <= SMALL:
        return WheelFiles(file, _archive(io.BytesIO(fetch(file, transport, cache)), file))
    remote = RangedFile(file, transport, cache)
    return WheelFiles(file, _archive(io.BufferedReader(remote, BLOCK), file))


def fetch(file: ReleaseFile, transport: Transport, cache: DiskCache) -> bytes:
    """The whole file, checked against its hash, kept in the cache; raises ``IndexUnavailableError``."""
    path = whole_path(file, cache)
    if path is not None and path.is_file():
        with suppress(OSError):
            body = path.read_bytes()
            if _authentic(file, body):
                return body
    answer = transport.get(file.url)
    if not answer.found:
        raise IndexUnavailableError(f"{file.filename} is listed but not there; the index is being changed, try again.")
    if not _authentic(file, answer.body):
        raise _damaged(file, "its hash is not the one that the index names")
    if path is not None and not is_local(file.url):
        with suppress(OSError):
            write_whole(path, answer.body)
    return answer.body


def whole_path(file: ReleaseFile, cache: DiskCache) -> Path | None:
    """Where the whole wheel lies on this machine (or would be kept); None when it cannot be kept."""
    if is_local(file.url):
        return local_path(file.url)
    return cache.path("wheels", file.sha256) if file.sha256 else None


class RangedFile(io.RawIOBase):
    """A remote file that is read block by block; blocks already read are kept on disk or in memory."""

    def __init__(self, file: ReleaseFile, transport: Transport, cache: DiskCache) -> None:
        """Learn the size; raises ``IndexUnavailableError`` when the file cannot be had."""
        super().__init__()
        self._file, self._transport, self._cache = file, transport, cache
        self._blocks: dict[int, bytes] = {}
        self._whole: bytes | mmap.mmap | None = None
        self._position = 0
        self._reads = self._next = 0
        self._ahead = 1
        self._size = file.size if file.size is not None else self._ask_size()

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; nothing is fetched."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill from the block at the position."""
        if self._position >= self._size or not len(buffer):
            return 0
        number, inside = divmod(self._position, BLOCK)
        part = self._block(number)[inside : inside + len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _block(self, number: int) -> bytes:
        """One block, from memory, the cache or the index."""
        if self._whole is not None:
            return self._whole[number * BLOCK : (number + 1) * BLOCK]
        block = self._blocks.pop(number, None) or self._kept(number) or self._fetched(number)
        if self._whole is not None:
            return self._whole[number * BLOCK : (number + 1) * BLOCK]
        self._blocks[number] = block
        while len(self._blocks) > IN_MEMORY and self._file.sha256 and self._cache.directory is not None:
            del self._blocks[next(iter(self._blocks))]  # the one used longest ago; it is on the disk
        return block

    def _kept(self, number: int) -> bytes | None:
        """A block of the cache; a short one is damaged and forgotten."""
        if not self._file.sha256:
            return None
        kept = self._cache.read("blocks", f"{self._file.sha256}:{number}")
        return kept[0] if kept and len(kept[0]) == self._length(number) else None

    def _length(self, number: int) -> int:
        """Bytes of a block: the last one is shorter."""
        return min(BLOCK, self._size - number * BLOCK)

    def _fetched(self, number: int) -> bytes:
        """A block from the index; the whole file when ranges are refused or have become many."""
        self._reads += 1
        if self._reads > PATIENCE and self._size <= HUGE:
            self._whole = _in_place(fetch(self._file, self._transport, self._cache), self._file, self._cache)
            return b""
        self._ahead = min(2 * self._ahead, AHEAD) if number == self._next else 1
        start, end = number * BLOCK, min((number + self._ahead) * BLOCK, self._size)
        self._next = number + self._ahead
        answer = self._transport.get_range(self._file.url, start, end)
        if answer.status == _WHOLE:
            if not _authentic(self._file, answer.body):
                raise _damaged(self._file, "its hash is not the one that the index names")
            self._whole = answer.body
            return b""
        if len(answer.body) != end - start:
            raise _damaged(self._file, "a part of it came shortened")
        for place in range(0, end - start, BLOCK):
            block = answer.body[place : place + BLOCK]
            self._blocks[number + place // BLOCK] = block
            if self._file.sha256:
                self._cache.write("blocks", f"{self._file.sha256}:{number + place // BLOCK}", block)
        return self._blocks.pop(number)

    def _ask_size(self) -> int:
        """The size from a first ranged read; HTML indexes do not tell it."""
        answer = self._transport.get_range(self._file.url, 0, 1)
        if answer.status == _WHOLE:
            self._whole = answer.body
            return len(answer.body)
        total = answer.headers.get("content-range", "").rpartition("/")[2]
        if not total.isdigit():
            self._whole = fetch(self._file, self._transport, self._cache)
            return len(self._whole)
        return int(total)


def _in_place(body: bytes, file: ReleaseFile, cache: DiskCache) -> bytes | mmap.mmap:
    """The same bytes where they lie in the cache, so that many opened wheels need no memory; else as they are."""
    path = whole_path(file, cache)
    try:
        if path is None or path.stat().st_size != len(body) or not body:
            return body
        with path.open("rb") as opened:
            return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        return body


def _archive(stream: io.BytesIO | io.BufferedReader, file: ReleaseFile) -> zipfile.ZipFile:
    """The zip archive; raises ``IndexUnavailableError`` when it is none."""
    try:
        return zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise _damaged(file, str(error)) from None


def _authentic(file: ReleaseFile, body: bytes) -> bool:
    """The bytes have the hash that the index named (the strongest we know); no hash, no doubt."""
    for algorithm in ("sha512", "sha384", "sha256"):
        if algorithm in file.hashes:
            return hashlib.new(algorithm, body).hexdigest() == file.hashes[algorithm].lower()
    return True


def _damaged(file: ReleaseFile, reason: str) -> IndexUnavailableError:
    """The error for a wheel that is not one."""
    return IndexUnavailableError(f"{file.filename} from the index is unusable: {reason}.")
