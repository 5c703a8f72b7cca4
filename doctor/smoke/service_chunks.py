"""An HTTP/1.1 answer taken apart (RFC 9112): its head, and a body that comes piece by piece; nothing here waits."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http.client import BadStatusLine, HTTPException

_LONGEST_HEAD = 65536
_LARGEST_PLAIN = 16 * 1024 * 1024  # of one compressed piece
_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.[0-9] ([0-9]{3})(?: [^\r\n]*)?\r?$")
_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r?$")
_COMPRESSED = ("gzip", "x-gzip", "deflate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The status and the fields of an answer, their names in small letters."""

    status: int
    fields: Mapping[str, str]


def read_head(data: bytes) -> tuple[Head, bytes] | None:
    """The head at the beginning of these bytes and what follows it; None when it is not whole yet.

    Raises ``HTTPException`` when it is none.
    """
    end = _END.search(data)
    if not end:
        if len(data) > _LONGEST_HEAD:
            raise HTTPException("Connection broken: the head of the answer does not end")
        if data and not (data.startswith(b"HTTP/1.") or b"HTTP/1.".startswith(data)):
            raise BadStatusLine("Connection aborted: no HTTP answer")
        return None
    first, *lines = data[: end.start()].split(b"\n")
    status = _STATUS.match(first)
    if not status:
        raise BadStatusLine("Connection aborted: no HTTP answer")
    fields: dict[str, str] = {}
    for line in lines:
        name, sign, text = line.decode("latin-1").partition(":")
        key = name.strip().lower()
        if sign:
            fields[key] = f"{fields[key]}, {text.strip()}" if key in fields else text.strip()
    return Head(status=int(status[1]), fields=fields), data[end.end() :]


class Body:
    """A body as it comes; once it is ``whole``, ``pieces`` holds its data, each with the time given with it.

    What comes is put into ``pending``. Only when ``enough`` bytes have come and the last ones are ``ending`` (or fewer
    than that) can it be whole, and ``unpack`` has to look: the work for each piece of a stream stays next to none.
    """

    __slots__ = (
        *("_chunks", "_decoder", "_keep"),
        *("ending", "enough", "pending", "pieces", "problem", "reusable", "whole"),
    )

    def __init__(self, head: Head) -> None:
        """By the head: in chunks, of a known length, or until the connection ends (RFC 9112, section 6.3)."""
        fields = head.fields
        self.pending: list[tuple[float, bytes]] = []
        self.pieces: list[tuple[float, bytes]] = []
        self.problem: tuple[str, ...] = ()
        self.whole, self.reusable = False, False
        self._keep = "close" not in fields.get("connection", "").lower()
        coding = fields.get("content-encoding", "").lower()
        self._decoder = zlib.decompressobj(wbits=47) if coding in _COMPRESSED else None
        self._chunks = Chunks() if "chunked" in fields.get("transfer-encoding", "").lower() else None
        length = fields.get("content-length", "")
        self.ending = b"\r\n\r\n" if self._chunks else b""  # the empty line after the last chunk
        self.enough = 0.0 if self._chunks else float(length) if length.isdecimal() else math.inf
        if head.status in (204, 304):
            self.enough, self.ending = 0.0, b""

    def start(self, now: float, data: bytes) -> None:
        """These bytes came with the head."""
        if data:
            self.pending.append((now, data))
        self.unpack()

    def unpack(self) -> None:
        """Look whether what has come is all."""
        if self.whole:
            return
        if self._chunks is not None:
            self._unpack_chunks(self._chunks)
        elif (size := sum(len(data) for _, data in self.pending)) >= self.enough:
            now, data = self.pending.pop() if self.pending else (0.0, b"")
            self.pending.append((now, data[: len(data) - int(size - self.enough)]))
            self._finish(self.pending, exact=size == self.enough)

    def end(self) -> None:
        """The connection has ended, or nothing more is waited for; ``problem`` says when the body is not whole."""
        self.unpack()
        if self.whole:
            return
        if self.enough < math.inf:
            self.problem = ("IncompleteRead: Connection broken: the answer ended early",)
        self._finish(self.pieces if self._chunks is not None else self.pending, exact=False)

    def _unpack_chunks(self, chunks: Chunks) -> None:
        """Take the data out of the chunks that came since the last time."""
        for now, data in self.pending:
            if found := chunks.feed(data):
                self.pieces.append((now, found))
        self.pending.clear()
        if chunks.problem:
            self.problem = (f"InvalidChunkLength: Connection broken: {chunks.problem}",)
        if chunks.ended:
            self._finish(self.pieces, exact=not (chunks.extra or chunks.problem))

    def _finish(self, found: list[tuple[float, bytes]], *, exact: bool) -> None:
        self.whole, self.reusable = True, exact and self._keep
        try:
            plain = partial(self._decoder.decompress, max_length=_LARGEST_PLAIN) if self._decoder else bytes
            self.pieces = [(now, text) for now, data in found if (text := plain(data))]
        except zlib.error as error:
            self.problem = (f"DecodeError: Connection broken: the compressed answer cannot be read ({error})",)
            self.pieces, self.reusable = [], False


class Chunks:
    """The chunked transfer coding (RFC 9112, section 7.1), however it is cut.

    ``ended``: the last chunk was met, or a ``problem``; ``extra``: there were bytes after it.
    """

    __slots__ = ("_left", "_line", "_trailer", "ended", "extra", "problem")

    def __init__(self) -> None:
        """Before the first chunk."""
        self._left = 0  # of the chunk and the line end after it
        self._line = b""
        self._trailer = False
        self.ended, self.extra, self.problem = False, False, ""

    def feed(self, data: bytes) -> bytes:
        """The data in these bytes."""
        found: list[bytes] = []
        place = 0
        while place < len(data) and not self.ended:
            if self._left:
                place = self._of_chunk(data, place, found)
                continue
            end = data.find(b"\n", place)
            if end < 0:
                self._line += data[place:]
                if len(self._line) > _LONGEST_HEAD:
                    self._give_up("a chunk's head is too long")
                return b"".join(found)
            line, self._line = self._line + data[place:end], b""
            place = end + 1
            self._begin(line)
        self.extra = self.extra or place < len(data)
        return b"".join(found)

    def _of_chunk(self, data: bytes, place: int, found: list[bytes]) -> int:
        """Take what belongs to the chunk that has begun; where the rest begins."""
        piece = data[place : place + self._left]
        inside = max(self._left - 2, 0)
        found.append(piece[:inside])
        ending = piece[inside:]
        if ending and not b"\r\n".endswith(ending) and ending != b"\r":
            self._give_up("a chunk is longer than its head says")
        self._left -= len(piece)
        return place + len(piece)

    def _begin(self, line: bytes) -> None:
        """A line outside the chunks: the size of one, or a trailer field after the last."""
        if self._trailer:
            self.ended = not line.rstrip(b"\r")
            return
        size = _SIZE.match(line)
        if not size:
            self._give_up("a chunk's size is no number")
            return
        length = int(size[1], 16)
        self._trailer = length == 0
        self._left = length + 2 if length else 0

    def _give_up(self, why: str) -> None:
        self.problem, self.ended = why, True
