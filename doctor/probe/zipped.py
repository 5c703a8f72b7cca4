"""Distributions in a zip file on the search path (zipped eggs, wheels used in place)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from posixpath import dirname, join

from doctor.model import Distribution, FileFacts, Problem
from doctor.probe.distributions import metadata_names, read_distribution

_MOST_BYTES = 8 * 1024 * 1024


def zipped_distributions(path: str, problems: list[Problem]) -> Iterator[Distribution]:
    """What a zip file holds; a file that is none (or a damaged one) has no distributions."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _distributions(_ZippedFiles(path, archive), path)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError) as error:
        problems.append(Problem(code="zip-unreadable", path=path, detail=str(error)))


def _distributions(files: _ZippedFiles, path: str) -> Iterator[Distribution]:
    """An egg's own, and dist-info directories at the top."""
    names = files.listing(path) or ()
    if "EGG-INFO" in names:
        egg = read_distribution(files, path, join(path, "EGG-INFO"), "egg")
        if egg:
            yield egg
    for name, kind in metadata_names(names):
        distribution = read_distribution(files, path, join(path, name), kind)
        if distribution:
            yield distribution


class _ZippedFiles:
    """A ``FileView`` of one archive; paths are the archive's path with the member's name behind it."""

    def __init__(self, path: str, archive: zipfile.ZipFile) -> None:
        """The archive stays the caller's to close."""
        self._archive = archive
        self._members = {join(path, name.rstrip("/")): name for name in archive.namelist()}
        self._listings: Mapping[str, set[str]] = {}
        listings: dict[str, set[str]] = {}
        for member in self._members:
            child = member
            while child != path and len(child) > len(path):
                listings.setdefault(dirname(child), set()).add(child.rpartition("/")[2])
                child = dirname(child)
        self._listings = listings

    def read(self, path: str, limit: int | None = None) -> bytes:
        """A member, never more than a few MB: what it unpacks to is not known before."""
        if path not in self._members:
            raise FileNotFoundError(path)
        try:
            with self._archive.open(self._members[path]) as stream:
                return stream.read(min(limit or _MOST_BYTES, _MOST_BYTES))
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
            raise OSError(str(error)) from error

    def facts(self, path: str) -> FileFacts | None:
        """Whether a member is there."""
        if path in self._listings:
            return FileFacts(kind="dir")
        if path not in self._members:
            return None
        return FileFacts(kind="file", size=self._archive.getinfo(self._members[path]).file_size)

    def listing(self, path: str) -> tuple[str, ...] | None:
        """Names in a directory of the archive."""
        names = self._listings.get(path)
        return None if names is None else tuple(sorted(names))
