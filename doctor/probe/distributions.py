"""Installed distributions: which there are in a directory of the search path, and what each one says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from posixpath import basename, join

import importlib_metadata
from packaging.utils import canonicalize_name

from doctor.model import DirectUrl, Distribution, EntryPoint, FileView, Problem
from doctor.probe.metadata import Headers, read_headers
from doctor.probe.origin import parse_direct_url

SMALL_FILE_LIMIT = 1024 * 1024
"""Bytes read of entry_points.txt, top_level.txt, requires.txt, direct_url.json and INSTALLER."""

_EGG_PYTHON = re.compile(r"-py\d+(\.\d+)?(-.*)?$")
_VERSION_START = re.compile(r"-(?=v?\d)")
_NORMAL_INSTALLERS = ("pip", "uv", "poetry", "pdm", "")


@dataclass(slots=True)
class _Source:
    """One metadata directory (or file) while it is read; ``problems`` grows."""

    files: FileView
    location: str
    path: str
    kind: str
    names: tuple[str, ...] = ()
    problems: list[Problem] = field(default_factory=list)

    def complain(self, code: str, detail: str = "", name: str = "") -> None:
        """Remember a problem of one file of the metadata."""
        self.problems.append(Problem(code=code, path=join(self.path, name) if name else self.path, detail=detail))

    def text(self, name: str) -> str:
        """A small text file of the directory; '' when it is not there or (a problem) cannot be read."""
        if name not in self.names:
            return ""
        try:
            data = self.files.read(join(self.path, name), SMALL_FILE_LIMIT)
        except OSError as error:
            self.complain("file-unreadable", error.strerror or str(error), name)
            return ""
        return data.decode("utf-8", "surrogateescape")


class _Texts(importlib_metadata.Distribution):
    """Lets importlib_metadata parse the texts of one source; it finds and opens nothing by itself."""

    def __init__(self, source: _Source) -> None:
        self._source = source

    def read_text(self, filename: str) -> str | None:
        """The text, None when there is none; the header block was read already, and within limits."""
        if filename in ("METADATA", "PKG-INFO"):
            return "Metadata-Version: 2.1\n"
        return self._source.text(filename) or None

    def locate_file(self, path: object) -> importlib_metadata.SimplePath:
        """No file is ever located through this class."""
        raise NotImplementedError(path)


def metadata_names(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(name, kind) of what in a directory's listing describes a distribution."""
    for name in names:
        if name[:1] in "~.":
            continue
        low = name.lower()
        if low.endswith(".dist-info"):
            yield name, "dist-info"
        elif low.endswith(".egg-info"):
            yield name, "egg-info"


def read_distribution(files: FileView, location: str, path: str, kind: str) -> Distribution | None:
    """One distribution from its metadata directory or file; None when the directory has no metadata at all.

    Whatever its files hold: what cannot be read is in ``problems``, and name and version then come from the
    directory's name.
    """
    source = _Source(files, location, path, kind)
    facts = files.facts(path)
    if facts is not None and facts.kind == "file":
        return _distribution(source, read_headers(files, path))
    listing = files.listing(path)
    source.names = listing or ()
    main = "METADATA" if kind == "dist-info" else "PKG-INFO"
    if listing is not None and main not in listing:
        return None
    return _distribution(source, read_headers(files, join(path, main)))


def _distribution(source: _Source, headers: Headers) -> Distribution:
    """Put together what the files of one source say."""
    if headers.complaint:
        source.complain("metadata-unreadable", headers.complaint)
    name, version = _identity(source, headers)
    texts = _Texts(source)
    installer = source.text("INSTALLER").strip()
    has_record = _has_record(source, installer)
    return Distribution(
        name=canonicalize_name(name),
        display_name=name,
        version=version,
        location=source.location,
        metadata_path=source.path,
        kind=source.kind,
        requires=_requires(source, headers, texts),
        requires_python=headers.first("requires-python") or None,
        extras=headers.fields.get("provides-extra", ()),
        requested="REQUESTED" in source.names,
        installer=installer,
        direct_url=_direct_url(source),
        wheel_tags=_wheel_tags(source),
        entry_points=_entry_points(source, texts),
        top_level=tuple(source.text("top_level.txt").split()),
        has_record=has_record,
        problems=tuple(source.problems),
    )


def _identity(source: _Source, headers: Headers) -> tuple[str, str]:
    """Name and version: what METADATA says, else what the directory's name says."""
    path_name, path_version = identity_of_path(source.path if source.kind != "egg" else source.location)
    name, version = headers.first("name"), headers.first("version")
    if not headers.complaint:
        if not name:
            source.complain("name-missing")
        if not version:
            source.complain("version-missing")
    return name or path_name, version or path_version


def identity_of_path(path: str) -> tuple[str, str]:
    """Name and version as the name of a metadata directory gives them; the version may be ''."""
    stem = basename(path).rpartition(".")[0]
    stem = _EGG_PYTHON.sub("", stem)
    parts = _VERSION_START.split(stem, maxsplit=1)
    if len(parts) == 1:
        name, _, version = stem.partition("-")
        return name, version
    return parts[0], parts[1]


def _has_record(source: _Source, installer: str) -> bool:
    """Whether the list of its files is there; for one that pip or uv installed its absence is a problem."""
    if source.kind != "dist-info":
        return "installed-files.txt" in source.names
    complaint = "is not there"
    if "RECORD" in source.names:
        facts = source.files.facts(join(source.path, "RECORD"))
        if facts is not None and facts.kind == "file" and facts.size:
            return True
        complaint = "is empty" if facts is not None and facts.kind == "file" else "is no file"
    # a directory that cannot be listed is a problem already
    if source.names and installer.lower().split(" ")[0] in _NORMAL_INSTALLERS:
        source.complain("record-missing", complaint, "RECORD")
    return False


def _requires(source: _Source, headers: Headers, texts: _Texts) -> tuple[str, ...]:
    """Requirements as raw text; those of an egg-info may stand in requires.txt."""
    declared = headers.fields.get("requires-dist", ())
    if declared or source.kind == "dist-info" or "requires.txt" not in source.names:
        return declared
    try:
        return tuple(texts.requires or ())
    except (ValueError, TypeError, AttributeError, LookupError, OSError) as error:
        source.complain("requires-unreadable", str(error), "requires.txt")
        return ()


def _direct_url(source: _Source) -> DirectUrl | None:
    """The origin, None for one installed by name."""
    text = source.text("direct_url.json")
    if not text:
        return None
    try:
        return parse_direct_url(text.encode("utf-8", "surrogateescape"))
    except ValueError as error:
        source.complain("direct-url-unreadable", str(error), "direct_url.json")
        return None


def _wheel_tags(source: _Source) -> tuple[str, ...]:
    """The tags of the wheel that was installed."""
    if "WHEEL" not in source.names:
        return ()
    headers = read_headers(source.files, join(source.path, "WHEEL"))
    if headers.complaint:
        source.complain("wheel-unreadable", headers.complaint, "WHEEL")
    return headers.fields.get("tag", ())


def _entry_points(source: _Source, texts: _Texts) -> tuple[EntryPoint, ...]:
    """Declared entry points, in the file's order."""
    if "entry_points.txt" not in source.names:
        return ()
    try:
        found = texts.entry_points
        return tuple(EntryPoint(group=p.group, name=p.name, value=p.value) for p in found)
    except (ValueError, TypeError, AttributeError, LookupError, OSError) as error:
        source.complain("entry-points-unreadable", str(error), "entry_points.txt")
        return ()
