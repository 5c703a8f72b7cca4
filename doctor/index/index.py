"""The package index as the doctor asks it: one project at a time, cached, offline-aware."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from doctor.errors import IndexUnavailableError
from doctor.index.cache import PAGE_AGE, DiskCache, default_directory, write_whole
from doctor.index.pages import ACCEPT, link_file, parse_page
from doctor.index.releases import Release, ReleaseFile, Window, best_wheel, group
from doctor.index.settings import IndexSettings, is_local, read_settings, redacted
from doctor.index.transport import Transport, local_path
from doctor.index.wheels import WheelFiles, fetch, open_wheel
from doctor.model import Interpreter

_UNCHANGED = 304


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A version and the wheel of it that the interpreter would get."""

    name: str
    version: str
    file: ReleaseFile

    @property
    def pin(self) -> str:
        """``name==version``."""
        return f"{self.name}=={self.version}"


class Index:
    """All configured places together, as pip sees them: the first place wins for equal file names.

    Every question may raise ``IndexUnavailableError``; a project that no place knows is an empty answer.
    """

    def __init__(self, settings: IndexSettings, cache_directory: Path | None = None) -> None:
        """Ask the places of the settings; keep answers below ``cache_directory`` (None: keep nothing)."""
        self.settings = settings
        self.cache = DiskCache(cache_directory)
        self.transport = Transport(settings)
        self._known: dict[str, tuple[Release, ...]] = {}
        self._wheels: dict[str, WheelFiles] = {}
        self.cache.sweep()

    def versions(self, name: str) -> tuple[Release, ...]:
        """All releases of a project, oldest first (yanked ones too); empty when no place knows it."""
        key = canonicalize_name(name)
        if key not in self._known:
            files = [file for place in self.settings.find_links for file in self._links(place, key)]
            for root in self.settings.indexes:
                files.extend(self._project(root, key))
            self._known[key] = group(key, files)
        return self._known[key]

    def candidates(
        self,
        name: str,
        interpreter: Interpreter,
        window: Window = Window(),  # noqa: B008 - a frozen value
        *,
        prereleases: bool = False,
    ) -> tuple[Candidate, ...]:
        """What could be installed, oldest first: not yanked, right tags and Python, uploaded in the window.

        Pre-releases only when asked for, or when the project has nothing else (PEP 440).
        """
        found = [
            Candidate(name=release.name, version=release.version, file=file)
            for release in self.versions(name)
            if (file := best_wheel(release, interpreter, window))
        ]
        final = [c for c in found if not Version(c.version).is_prerelease]
        return tuple(found if prereleases or not final else final)

    def wheel(self, file: ReleaseFile) -> WheelFiles:
        """The wheel's members, read where it lies; the same object for the same file."""
        key = file.sha256 or file.url
        if key not in self._wheels:
            self._wheels[key] = open_wheel(file, self.transport, self.cache)
        return self._wheels[key]

    def metadata(self, file: ReleaseFile) -> Message:
        """A wheel's core metadata: the index's own copy where it offers one (PEP 658), else the wheel's."""
        if not file.has_metadata or is_local(file.url):
            return self.wheel(file).metadata()
        key = file.sha256 or file.url
        kept = self.cache.read("metadata", key)
        if kept is None:
            answer = self.transport.get(file.url + ".metadata")
            if not answer.found:
                return self.wheel(file).metadata()
            self.cache.write("metadata", key, answer.body)
        body = kept[0] if kept else answer.body
        return HeaderParser().parsestr(body.decode("utf-8", errors="replace"))

    def download(self, file: ReleaseFile, directory: Path) -> Path:
        """The whole wheel as a file of its own name in ``directory``, checked against the index's hash."""
        path = directory / file.filename
        write_whole(path, fetch(file, self.transport, self.cache))
        return path

    def _project(self, root: str, name: str) -> list[ReleaseFile]:
        """The files that one simple-API root lists."""
        url = f"{root}/{name}/"
        if is_local(root):
            answer = self.transport.get(url)
            return self._parsed(answer.body, url, name) if answer.found else []
        return self._parsed_cached(url, name)

    def _parsed_cached(self, url: str, name: str) -> list[ReleaseFile]:
        """A remote page, from the cache while fresh; offline, an old page is better than none."""
        kept = self.cache.read("pages", url)
        head, body = _split(kept[0]) if kept else ({}, b"")
        if kept and head and (kept[1] < float(head.get("age", 0)) or self.settings.offline):
            with suppress(IndexUnavailableError):
                return self._parsed(body, head["url"], name)
            self.cache.forget("pages", url)
            head = {}
        if self.settings.offline:
            return []
        asked = {"Accept": ACCEPT, "Accept-Encoding": "gzip"}  # pages have megabytes, and shrink to a tenth
        if head.get("etag"):
            asked["If-None-Match"] = head["etag"]
        answer = self.transport.get(url, asked)
        if not answer.found:
            return []
        page = body if answer.status == _UNCHANGED else answer.body
        files = self._parsed(page, answer.url, name)
        facts = {
            "url": redacted(answer.url),
            "etag": answer.headers.get("etag", ""),
            "age": str(_age(answer.headers)),
        }
        self.cache.write("pages", url, json.dumps(facts).encode() + b"\n" + page)
        return files

    def _parsed(self, body: bytes, base: str, name: str) -> list[ReleaseFile]:
        """A page's files; a page that is none says whose it is."""
        try:
            return parse_page(body, base, name)
        except ValueError:
            raise IndexUnavailableError(
                f"{redacted(base)} is no index page; check index-url in pip's configuration."
            ) from None

    def _links(self, place: str, name: str) -> list[ReleaseFile]:
        """The files of one ``--find-links`` place: a directory, or a page with links."""
        if not is_local(place):
            return self._parsed_cached(place, name)
        path = local_path(place)
        if path.is_file():
            return self._parsed(path.read_bytes(), path.absolute().as_uri(), name)
        try:
            entries = sorted(path.iterdir())
        except OSError as error:
            raise IndexUnavailableError(
                f"the --find-links directory {path} cannot be read: {error.strerror or error}."
            ) from None
        links = (link_file(name, e.absolute().as_uri(), e.stat().st_size) for e in entries if e.is_file())
        return [file for file in links if file]


def open_index(
    prefix: str | None = None,
    *,
    offline: bool = False,
    find_links: Sequence[str] = (),
    cache_directory: Path | None = None,
) -> Index:
    """The index that pip would use for the environment at ``prefix``; nothing is contacted yet."""
    settings = read_settings(prefix)
    links = tuple(_absolute(link) for link in find_links)
    if offline:
        settings = settings.with_offline(links)
    elif links:
        settings = replace(settings, find_links=(*links, *settings.find_links))
    return Index(settings, cache_directory or default_directory())


def _absolute(link: str) -> str:
    """A path as it is meant now, whatever directory is current later."""
    return str(Path(link).expanduser().absolute()) if is_local(link) and not link.startswith("file:") else link


def _age(headers: Mapping[str, str]) -> float:
    """Seconds for which the page may be believed without asking again (RFC 9111, max-age only)."""
    found = re.search(r"max-age=(\d+)", headers.get("cache-control", ""))
    return float(min(int(found[1]), 86_400)) if found else PAGE_AGE


def _split(entry: bytes) -> tuple[dict[str, str], bytes]:
    """A kept page: its facts and its bytes; a damaged entry has no facts."""
    head, _, body = entry.partition(b"\n")
    try:
        facts = json.loads(head)
    except ValueError:
        return {}, b""
    return (facts, body) if isinstance(facts, dict) and isinstance(facts.get("url"), str) else ({}, b"")
