"""The index asked which versions of a distribution have a module or a name, with as few wheels as will do."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import timedelta

from packaging.tags import compatible_tags, cpython_tags
from packaging.version import InvalidVersion, Version

from doctor.errors import IndexUnavailableError
from doctor.index.index import Index, open_index
from doctor.index.releases import Release, ReleaseFile, python_allowed
from doctor.index.wheels import fetch
from doctor.planned.target import same_version
from doctor.triage.lookup import Offer, Use
from doctor.triage.members import defines, named_alike
from doctor.triage.missing import Missing
from doctor.triage.origins import origin
from doctor.triage.presence import has
from doctor.triage.sdists import sdist_text
from doctor.triage.search import Search
from doctor.triage.statements import still_uses
from doctor.triage.wheeltext import WheelText

_SECONDS = 25.0
_SDIST = 4 * 1024**2
"""Source archives up to this many bytes are read where a release has no wheel."""
_BACK = (1, 3, 8, 16)
"""Where a version is not told: so many releases back a file is looked at."""
_AGED = timedelta(days=6 * 365)


class IndexLookup:
    """``Lookup`` with the package index; whatever it cannot know it does not answer."""

    def __init__(self, index: Index | None = None, *, offline: bool = False) -> None:
        """Use this index, or the one that pip would use; nothing is contacted yet."""
        self._index = index
        self._offline = offline
        self._deadline = 0.0
        self._answers: dict[tuple[str, ...], Offer | None] = {}

    def offer(self, provider: str, missing: Missing, version: str, python: str) -> Offer | None:
        """Versions around ``version`` that have what is missing; see ``Lookup``."""
        key = (provider, missing.kind, missing.module or missing.callable, missing.symbol or "", version)
        if key not in self._answers:
            self._answers[key] = self._ask(provider, missing, version, python)
        return self._answers[key]

    def exists(self, name: str, module: str) -> bool | None:
        """Whether the newest wheel of that name brings the module."""
        try:
            for _, file in reversed(self._wheels(name, "")):
                return _text(self._open(), file).has_module(module.split(".", maxsplit=1)[0])
        except (IndexUnavailableError, KeyError, OSError):
            return None
        return None

    def known(self, name: str) -> bool | None:
        """See ``Lookup``."""
        try:
            return bool(self._open().versions(name))
        except (IndexUnavailableError, OSError):
            return None

    def mended(self, importer: str, use: Use, version: str, python: str) -> str:
        """See ``Lookup``: a newer version whose file does without; '' also when it cannot be known."""
        self._deadline = self._deadline or time.monotonic() + _SECONDS
        try:
            wheels = self._wheels(importer, python)
            search = Search([text for text, _ in wheels], lambda at: self._does_without(wheels[at][1], use))
            here = _position(wheels, version)
            if not version:
                found = search.edge()
            elif here < 0 or search.has(here) is not False:
                return ""
            else:
                found = search.around(here)
        except (IndexUnavailableError, KeyError, OSError):
            return ""
        return found[1] if found else ""

    def requires(self, name: str, version: str) -> tuple[str, ...] | None:
        """See ``Lookup``."""
        try:
            file = self._file(name, version)
            if file is None or not file.is_wheel:
                return None
            return tuple(self._open().metadata(file).get_all("Requires-Dist") or ())
        except (IndexUnavailableError, KeyError, OSError):
            return None

    def installable(self, name: str, version: str, python: str) -> bool | None:
        """See ``Lookup``; machines other than Linux on x86-64 are taken to have what Linux has."""
        minor = tuple(int(part) for part in python.split(".")[:2] if part.isdecimal())
        if len(minor) != 2:  # noqa: PLR2004 - major and minor
            return None
        try:
            release = next((r for r in self._open().versions(name) if same_version(r.version, version)), None)
        except (IndexUnavailableError, OSError):
            return None
        if release is None:
            return False
        wheels = [file for file in release.files if file.is_wheel and not file.yanked]
        fitting = {str(tag) for tag in cpython_tags(minor, platforms=["any"])} | _pure_tags(minor)
        return any(python_allowed(f.requires_python, python) and _fits(f, minor, fitting) for f in wheels)

    def defines(self, name: str, missing: Missing, version: str, python: str) -> bool:
        """See ``Lookup``."""
        wheel = self._wheel_text(name, version, python)
        with suppress(IndexUnavailableError, KeyError, OSError):
            return wheel is not None and defines(wheel, missing)
        return False

    def named_alike(self, name: str, missing: Missing, version: str, python: str) -> bool:
        """See ``Lookup``."""
        wheel = self._wheel_text(name, version, python)
        return wheel is not None and named_alike(wheel, missing)

    def origin(self, importer: str, file: str, name: str, version: str) -> str:
        """See ``Lookup``; without the version one of the newest that have the file and the name answers."""
        self._deadline = self._deadline or time.monotonic() + _SECONDS
        with suppress(IndexUnavailableError, KeyError, OSError):
            wheels = self._wheels(importer, "")
            told = [(version, self._file(importer, version))] if version else []
            for _, found in told or [wheels[-at] for at in _BACK if at <= len(wheels)]:
                if found and time.monotonic() < self._deadline:
                    text = _text(self._open(), found)
                    module = origin(text, file, name)
                    if module and not text.source_of(module):  # one of its own says nothing of others
                        return module
        return ""

    def _wheel_text(self, name: str, version: str, python: str) -> WheelText | None:
        self._deadline = self._deadline or time.monotonic() + _SECONDS
        with suppress(IndexUnavailableError, KeyError, OSError):
            file = self._file(name, version, python) if time.monotonic() < self._deadline else None
            return _text(self._open(), file) if file else None
        return None

    def _file(self, name: str, version: str, python: str = "") -> ReleaseFile | None:
        """The file to read of a version, of the newest one when that is ''."""
        if not version:
            wheels = self._wheels(name, python)
            return wheels[-1][1] if wheels else None
        release = next((r for r in self._open().versions(name) if same_version(r.version, version)), None)
        return _wheel(release, python) if release else None

    def _does_without(self, file: ReleaseFile, use: Use) -> bool | None:
        if time.monotonic() > self._deadline:
            return None
        text = _text(self._open(), file)
        if use.file not in text.names:
            return None
        uses = still_uses(text.read(use.file), use)
        return None if uses is None else not uses

    def _open(self) -> Index:
        if self._index is None:
            self._index = open_index(offline=self._offline)
        return self._index

    def _wheels(self, name: str, python: str) -> list[tuple[str, ReleaseFile]]:
        """Versions with the wheel to read, oldest first; withdrawn and pre-releases are left out."""
        found = []
        for release in self._open().versions(name):
            file = _wheel(release, python)
            if file and not release.yanked and not _is_pre(release.version):
                found.append((release.version, file))
        return found

    def _ask(self, provider: str, missing: Missing, version: str, python: str) -> Offer | None:
        self._deadline = self._deadline or time.monotonic() + _SECONDS
        try:
            wheels = self._wheels(provider, python)
            search = Search([version for version, _ in wheels], lambda at: self._holds(wheels[at][1], missing))
            here = _position(wheels, version)
            found = search.around(here) if version else search.edge()
        except (IndexUnavailableError, KeyError, OSError):
            return None
        if found is None:
            return None
        hazy = not version and not search.told
        aged = not version and _aged(wheels, found[1])
        return Offer(
            provider=provider, below=found[0], above=found[1], looked=tuple(search.looked()), aged=aged, hazy=hazy
        )

    def _holds(self, file: ReleaseFile, missing: Missing) -> bool | None:
        if time.monotonic() > self._deadline:
            return None
        return has(_text(self._open(), file), missing)


def _aged(wheels: list[tuple[str, ReleaseFile]], version: str) -> bool:
    """The version appeared many years before the newest one."""
    newest = wheels[-1][1].upload_time
    first = next((file.upload_time for text, file in wheels if text == version), None)
    return bool(newest and first and newest - first > _AGED)


def _text(index: Index, file: ReleaseFile) -> WheelText:
    if not file.is_wheel:
        return sdist_text(fetch(file, index.transport, index.cache))
    wheel = index.wheel(file)
    return WheelText(names=frozenset(wheel.names), read=lambda name: wheel.read(name).decode("utf-8", "replace"))


def _wheel(release: Release, python: str) -> ReleaseFile | None:
    """One wheel of a release: for the paste's Python on Linux where there is one, else any."""
    wheels = [file for file in release.files if file.is_wheel]
    if not wheels:
        return next((f for f in release.files if f.filename.endswith(".tar.gz") and (f.size or 0) < _SDIST), None)
    tag = f"cp{python.replace('.', '', 1).split('.')[0]}" if python else ""

    def rank(file: ReleaseFile) -> tuple[bool, bool, int]:
        pure = file.filename.endswith("none-any.whl")
        fits = bool(tag) and f"-{tag}-" in file.filename and "linux" in file.filename
        return (not (pure or fits), "linux" not in file.filename and not pure, file.size or 0)

    return min(wheels, key=rank, default=None)


def _position(wheels: list[tuple[str, ReleaseFile]], version: str) -> int:
    """Where the version stands among those that can be read; -1 when before all or not a version."""
    try:
        wanted = Version(version)
    except InvalidVersion:
        return -1
    return max((at for at, (text, _) in enumerate(wheels) if Version(text) <= wanted), default=-1)


def _is_pre(version: str) -> bool:
    try:
        return Version(version).is_prerelease
    except InvalidVersion:
        return True


def _pure_tags(minor: tuple[int, ...]) -> set[str]:
    return {str(tag) for tag in compatible_tags(minor, f"cp{minor[0]}{minor[1]}", platforms=["any"])}


def _fits(file: ReleaseFile, minor: tuple[int, ...], fitting: set[str]) -> bool:
    """Interpreter and binary interface fit, whatever the platform."""
    del minor
    return any(tag.rpartition("-")[0] in {text.rpartition("-")[0] for text in fitting} for tag in file.tags)
