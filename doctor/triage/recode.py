"""Text in other encodings made UTF-8: PowerShell writes UTF-16, some editors a byte order mark."""

from __future__ import annotations

import codecs
import io
from typing import BinaryIO

from doctor.errors import UsageError

_PIECE = 256 * 1024
_PACKED = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"PK\x03\x04", "zip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class _Recoded(io.RawIOBase):
    """The rest of a stream, decoded and encoded again piece by piece."""

    def __init__(self, head: bytes, stream: BinaryIO, encoding: str) -> None:
        super().__init__()
        self._head, self._stream = head, stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """At least one character unless the stream has ended; ``size`` is a hint only."""
        wanted = size if size > 0 else _PIECE
        while True:
            piece = self._head or self._stream.read(wanted)
            self._head = b""
            text = self._decoder.decode(piece, final=not piece)
            if text or not piece:
                return text.encode("utf-8", "replace")


class _Joined(io.RawIOBase):
    """The bytes already looked at, then the rest."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        super().__init__()
        self._head, self._stream = head, stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """The head first."""
        if self._head:
            head, self._head = self._head, b""
            return head
        return self._stream.read(size if size > 0 else _PIECE)


def as_utf8(stream: BinaryIO, name: str) -> BinaryIO:
    """The stream as UTF-8; raises ``UsageError`` for a compressed file."""
    head = stream.read(4096)
    for magic, kind in _PACKED:
        if head.startswith(magic):
            raise UsageError(f"{name} is compressed ({kind}): unpack it first, or pipe the unpacked text in.")
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return _Recoded(head[len(mark) :], stream, encoding)  # type: ignore[return-value]
    if len(head) >= 8 and head[1::2].count(0) > len(head) * 0.4:  # noqa: PLR2004 - ASCII in UTF-16 without its mark
        return _Recoded(head, stream, "utf-16-le")  # type: ignore[return-value]
    return _Joined(head, stream)  # type: ignore[return-value]
