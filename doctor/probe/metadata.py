"""The header block of METADATA, PKG-INFO and WHEEL files: bounded, quick, forgiving."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from doctor.model import FileView

FIRST_READ = 16 * 1024
HEADER_LIMIT = 1024 * 1024
"""Bytes of a header block that are believed; a METADATA of 100 MB costs no more than this."""

_BLANK = re.compile(rb"\r?\n\r?\n|\r\r")  # a line of blanks only is a folded one, not the end
_FIELD = re.compile(r"([!-9;-~]*):(.*)", re.DOTALL)
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """Fields of a header block: keys in lower case, values stripped, in order; ``complaint`` is '' or one sentence."""

    fields: Mapping[str, tuple[str, ...]]
    complaint: str = ""

    def first(self, key: str) -> str:
        """The first value of a field, '' when there is none."""
        values = self.fields.get(key)
        return values[0] if values else ""


def read_headers(files: FileView, path: str) -> Headers:
    """The header block of one file; what cannot be read is a complaint, never an exception."""
    try:
        data = files.read(path, FIRST_READ)
        if len(data) >= FIRST_READ and not _BLANK.search(data):
            data = files.read(path, HEADER_LIMIT)
    except OSError as error:
        return Headers(fields={}, complaint=(error.strerror or str(error)).lower())
    end = _BLANK.search(data)
    complaint = ""
    if end:
        data = data[: end.start() + 1]
    elif len(data) >= HEADER_LIMIT:
        complaint = f"no end of the header within {HEADER_LIMIT} bytes"
    if b"\0" in data:
        return Headers(fields={}, complaint="holds binary data, not text")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        text = data.decode("utf-8", "surrogateescape")
        complaint = complaint or f"is not UTF-8 (byte {error.start})"
    return Headers(fields=parse_headers(text), complaint=complaint)


def parse_headers(text: str) -> Mapping[str, tuple[str, ...]]:
    """Fields as the ``email`` parser finds them (core metadata is RFC 822): a line that is none ends the header.

    A folded value is joined with its line ends kept; surrounding white space is removed.
    """
    found: dict[str, list[str]] = {}
    values: list[str] = []
    for line in _LINE_END.split(text):
        if line[:1] in (" ", "\t"):
            if values:
                values[-1] += "\n" + line
            continue
        match = _FIELD.fullmatch(line)
        if match is None:
            break
        values = found.setdefault(match[1].lower(), [])
        values.append(match[2])
    return {key: tuple(value.strip() for value in values) for key, values in found.items()}
