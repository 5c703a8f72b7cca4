"""Values of the index: a file, a release, and which of them an interpreter could install; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from doctor.model import Interpreter


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFile:
    """One file of a release as the simple API lists it (PEP 503, 592, 658, 691, 700).

    ``url`` may hold credentials (kept out of ``repr``); ``size`` in bytes and ``upload_time`` in UTC are None
    where the index does not tell. ``hashes`` maps algorithm to hex digest. ``tags`` is empty for an sdist.
    """

    filename: str
    version: str
    url: str = field(repr=False)
    size: int | None = None
    upload_time: datetime | None = None
    yanked: bool = False
    requires_python: str | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    has_metadata: bool = False
    tags: frozenset[str] = frozenset()

    @property
    def is_wheel(self) -> bool:
        """A wheel; anything else must be built first."""
        return self.filename.endswith(".whl")

    @property
    def sha256(self) -> str:
        """The sha256 in hex, '' when the index gives none."""
        return self.hashes.get("sha256", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """All files of one version."""

    name: str
    version: str
    files: tuple[ReleaseFile, ...] = ()

    @property
    def parsed(self) -> Version:
        """The version as PEP 440 orders it."""
        return Version(self.version)

    @property
    def uploaded(self) -> datetime | None:
        """When the first file of it appeared."""
        return min((f.upload_time for f in self.files if f.upload_time), default=None)

    @property
    def yanked(self) -> bool:
        """Every file was withdrawn (PEP 592)."""
        return bool(self.files) and all(f.yanked for f in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which upload times count: at or after ``since``, before ``before``; None is open.

    A file whose upload time the index does not tell is inside an open window only: who asks for a date must
    not silently get what came later.
    """

    since: datetime | None = None
    before: datetime | None = None

    def holds(self, file: ReleaseFile) -> bool:
        """The file was uploaded inside the window."""
        if self.since is None and self.before is None:
            return True
        if file.upload_time is None:
            return False
        after_start = self.since is None or file.upload_time >= self.since
        return after_start and (self.before is None or file.upload_time < self.before)


def parse_time(text: str | None) -> datetime | None:
    """An upload time (ISO 8601, UTC when it names no zone); None when absent or unreadable."""
    try:
        value = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if value is None:
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def file_identity(filename: str) -> tuple[str, str, frozenset[str]] | None:
    """(normalized name, version, tags) of a wheel or sdist file name; None for anything else."""
    try:
        if filename.endswith(".whl"):
            name, version, _, tags = parse_wheel_filename(filename)
            return name, str(version), frozenset(str(t) for t in tags)
        name, version = parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
    return name, str(version), frozenset()


def group(name: str, files: Iterable[ReleaseFile]) -> tuple[Release, ...]:
    """Files into releases, oldest version first; of two equal file names the first place wins."""
    seen: dict[str, ReleaseFile] = {}
    for file in files:
        seen.setdefault(file.filename, file)
    known: dict[str, Version] = {}
    versions: dict[Version, list[ReleaseFile]] = {}
    for file in seen.values():
        if file.version not in known:
            known[file.version] = Version(file.version)
        versions.setdefault(known[file.version], []).append(file)
    return tuple(
        Release(name=name, version=str(version), files=tuple(sorted(versions[version], key=lambda f: f.filename)))
        for version in sorted(versions)
    )


def python_allowed(requires_python: str | None, python: str) -> bool:
    """The interpreter's version is inside Requires-Python; an unreadable one forbids nothing, as in pip."""
    if not requires_python:
        return True
    try:
        return SpecifierSet(requires_python).contains(python, prereleases=True)
    except InvalidSpecifier:
        return True


def best_wheel(release: Release, interpreter: Interpreter, window: Window = Window()) -> ReleaseFile | None:
    """The wheel that an installer would choose for the interpreter; None when none fits."""
    rank = {tag: index for index, tag in enumerate(interpreter.tags)}
    python = interpreter.markers.get("python_full_version", interpreter.version)
    fitting = [
        (min(rank[t] for t in file.tags if t in rank), file.filename, file)
        for file in release.files
        if file.is_wheel
        and not file.yanked
        and any(t in rank for t in file.tags)
        and python_allowed(file.requires_python, python)
        and window.holds(file)
    ]
    return min(fitting, key=lambda item: item[:2])[2] if fitting else None
