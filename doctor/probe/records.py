"""Which files a distribution says it owns: RECORD (PEP 376/627), installed-files.txt, SOURCES.txt."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from posixpath import join, normpath

from doctor.model import Distribution, FileView, RecordedFile

RECORD_LIMIT = 64 * 1024 * 1024
"""Bytes read of a RECORD; the largest real ones have about 3 MB."""

_SIZE_DIGITS = 18


def recorded_files(distribution: Distribution, files: FileView) -> tuple[RecordedFile, ...]:
    """Every file that the distribution's own list names, absolute and normalized, in the order of the list.

    Empty when there is no list (``has_record`` is False then) or it cannot be read. What a line says is not
    believed beyond its form: a path may lie outside of the environment. Never raises for what a list holds.
    """
    if distribution.kind == "assumed" or not distribution.metadata_path:
        return ()
    if distribution.kind == "dist-info":
        text = _text(files, join(distribution.metadata_path, "RECORD"))
        return tuple(_record_rows(text, distribution.location)) if text is not None else ()
    text = _text(files, join(distribution.metadata_path, "installed-files.txt"))
    if text is not None:
        return tuple(RecordedFile(path=_absolute(distribution.metadata_path, p)) for p in _lines(text))
    text = _text(files, join(distribution.metadata_path, "SOURCES.txt"))
    if text is None:
        return ()
    # SOURCES.txt lists the source tree: only what is really there was installed (or is edited in place)
    paths = (_absolute(distribution.location, line) for line in _lines(text))
    return tuple(RecordedFile(path=p) for p in paths if files.facts(p) is not None)


def _text(files: FileView, path: str) -> str | None:
    """The list as text; names that are not UTF-8 come as the file system gives them (surrogate escapes)."""
    try:
        data = files.read(path, RECORD_LIMIT)
    except OSError:
        return None
    return data.decode("utf-8", "surrogateescape")


def _lines(text: str) -> Iterator[str]:
    """Lines without their end, empty ones left out."""
    return (line.rstrip("\r") for line in text.split("\n") if line.strip())


def _absolute(base: str, path: str) -> str:
    """``path`` as seen from ``base``, normalized; a normal path is joined without work."""
    if path[0] not in "/." and path[-1] != "/" and "/." not in path and "//" not in path:
        return f"{base}/{path}"
    return normpath(join(base, path))


def _record_rows(text: str, base: str) -> Iterator[RecordedFile]:
    """The lines of a RECORD, lenient: an odd line gives what can be read of it, never an exception."""
    for row in _csv_rows(text):
        if not row or not row[0]:
            continue
        digest = row[1] if len(row) > 1 else ""
        size = row[2] if len(row) > 2 else ""  # noqa: PLR2004 - path, hash, size
        number = int(size) if size.isascii() and size.isdigit() and len(size) <= _SIZE_DIGITS else None
        yield RecordedFile(path=_absolute(base, row[0]), hash=digest, size=number)


def _csv_rows(text: str) -> Iterable[list[str]]:
    """Rows of the CSV dialect that installers write; lines that the csv module refuses are split by hand."""
    if '"' not in text:
        return (line.rstrip("\r").rsplit(",", 2) for line in text.split("\n"))
    return _quoted_rows(text)


def _quoted_rows(text: str) -> Iterator[list[str]]:
    """As ``csv`` reads them, going on after what it refuses (a field over its limit, a NUL in old versions)."""
    reader = csv.reader(text.replace("\0", "\\0").splitlines(keepends=True))
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            continue
