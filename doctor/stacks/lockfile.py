"""A known-good set as a value, and its two forms on disk: ``pylock.toml`` (PEP 751) and hashed requirements.

The files of a set are named by name, version, size and hash, never by the host that has them: whoever installs the set
gets them from the index that is configured there. PEP 751 wants a path or a URL for each file, so they are named as if
they lay in ``wheels/`` beside the lock, which is also where to put them for machines without a network.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock, PylockValidationError
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from doctor.errors import DoctorError

PYLOCK, REQUIREMENTS, ASKED = "pylock.toml", "requirements.txt", "requirements.in"
WHEELS = "wheels"
_TOOL = "acdoctor"
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==(\S+)((?:\s+--hash=sha256:[0-9a-f]{64})*)", re.MULTILINE)


class LockError(DoctorError):
    """A lock cannot be read, or says what it must not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """One file of a distribution: sha256 in hex, size in bytes (None: not known), when it was uploaded (UTC)."""

    filename: str
    sha256: str
    size: int | None = None
    uploaded: datetime | None = None

    @property
    def is_wheel(self) -> bool:
        """A wheel; anything else has to be built."""
        return self.filename.endswith(".whl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """One distribution of the set, with every file that may be installed for it."""

    name: str
    version: str
    files: tuple[LockedFile, ...]

    @property
    def pin(self) -> str:
        """``name==version``."""
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A set. ``facts`` are what ``[tool.acdoctor]`` says: stack, day of resolution, resolver, what is not hashed."""

    packages: tuple[Locked, ...]
    requires_python: str = ""
    marker: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def versions(self) -> dict[str, str]:
        """Normalized name -> version."""
        return {package.name: package.version for package in self.packages}

    @property
    def size(self) -> int:
        """Bytes to download when the smallest number of files is taken."""
        return sum(package.files[0].size or 0 for package in self.packages)


def read_lock(path: Path) -> Lock:
    """The set that a ``pylock.toml`` holds.

    Raises:
        LockError: it is not there, no valid lock by PEP 751, or has a file without sha256.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        parsed = Pylock.from_dict(table)
    except FileNotFoundError:
        raise LockError(f"There is no lock {path}.") from None
    except (OSError, ValueError, PylockValidationError) as error:
        raise LockError(f"{path} is no lock that can be used: {error}.") from None
    return Lock(
        packages=tuple(_locked(package, path) for package in parsed.packages),
        requires_python=table.get("requires-python", ""),
        marker=table["environments"][0] if parsed.environments else "",
        facts=(parsed.tool or {}).get(_TOOL, {}),
    )


def _locked(package: Package, path: Path) -> Locked:
    if package.is_direct or package.version is None:
        raise LockError(f"{path} locks {package.name} without a version and files of an index.")
    parts: list[PackageWheel | PackageSdist] = list(package.wheels or ())
    parts += [package.sdist] if package.sdist else []
    files = []
    for part in parts:
        digest = str(part.hashes.get("sha256", ""))
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise LockError(f"{path} has no sha256 of {part.filename}.")
        files.append(LockedFile(filename=part.filename, sha256=digest, size=part.size, uploaded=part.upload_time))
    return Locked(name=package.name, version=str(package.version), files=tuple(files))


def render_pylock(lock: Lock) -> str:
    """The text of ``pylock.toml``, the same for the same set; valid by PEP 751 (tested by reading it)."""
    lines = [
        "# A known-good set (PEP 751). Made by `acdoctor lock`, which also shows how it would differ today.",
        'lock-version = "1.0"',
        'created-by = "acdoctor"',
    ]
    if lock.requires_python:
        lines.append(f"requires-python = {_text(lock.requires_python)}")
    if lock.marker:
        lines.append(f"environments = [{_text(lock.marker)}]")
    for package in sorted(lock.packages, key=lambda package: package.name):
        lines += ["", "[[packages]]", f"name = {_text(package.name)}", f"version = {_text(package.version)}"]
        wheels = [_file(file) for file in package.files if file.is_wheel]
        if wheels:
            lines += ["wheels = [", *(f"    {wheel}," for wheel in wheels), "]"]
        lines += [f"sdist = {_file(file)}" for file in package.files if not file.is_wheel]
    if lock.facts:
        lines += ["", f"[tool.{_TOOL}]", *(f"{key} = {_value(value)}" for key, value in lock.facts.items())]
    return "\n".join(lines) + "\n"


def _file(file: LockedFile) -> str:
    parts = [f"path = {_text(f'{WHEELS}/{file.filename}')}"]
    if file.uploaded is not None:
        parts.append(f"upload-time = {file.uploaded.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    if file.size is not None:
        parts.append(f"size = {file.size}")
    return f"{{ {', '.join(parts)}, hashes = {{ sha256 = {_text(file.sha256)} }} }}"


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        inner = ", ".join(_value(item) for item in value)
        return f"[{inner}]"
    return _text(str(value))


def _text(text: str) -> str:
    """A basic string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\u{ord(found[0]):04x}", escaped) + '"'


def validate(lock: Lock) -> None:
    """Refuse a set that PEP 751 does not allow; raises ``LockError``."""
    try:
        Pylock(
            lock_version=Version("1.0"),
            created_by="acdoctor",
            requires_python=SpecifierSet(lock.requires_python) if lock.requires_python else None,
            environments=[Marker(lock.marker)] if lock.marker else None,
            packages=[_package(package) for package in lock.packages],
        ).validate()
    except (PylockValidationError, ValueError) as error:
        raise LockError(f"The set is none by PEP 751: {error}.") from None


def _package(package: Locked) -> Package:
    wheels = [
        PackageWheel(path=f"{WHEELS}/{file.filename}", size=file.size, hashes={"sha256": file.sha256})
        for file in package.files
        if file.is_wheel
    ]
    sources = [
        PackageSdist(path=f"{WHEELS}/{file.filename}", size=file.size, hashes={"sha256": file.sha256})
        for file in package.files
        if not file.is_wheel
    ]
    return Package(
        name=NormalizedName(package.name),
        version=Version(package.version),
        wheels=wheels or None,
        sdist=sources[0] if sources else None,
    )


def read_pins(text: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Normalized name -> (version, sha256 digests) of a hashed requirements file."""
    joined = text.replace("\\\n", " ")
    return {
        re.sub(r"[-_.]+", "-", name).lower(): (version, frozenset(re.findall(r"sha256:([0-9a-f]{64})", hashes)))
        for name, version, hashes in _PIN.findall(joined)
    }


def render_requirements(packages: Iterable[Locked], *, heading: Sequence[str] = ()) -> str:
    """Hashed requirements, as ``pip install --require-hashes --no-deps -r`` takes them."""
    lines = [f"# {line}".rstrip() for line in heading]
    for package in packages:
        digests = sorted({file.sha256 for file in package.files})
        lines.append(" \\\n".join([package.pin, *(f"    --hash=sha256:{digest}" for digest in digests)]))
    return "\n".join(lines) + "\n"
