"""The package index as it stood on a day, served on this machine to any resolver that speaks the simple API.

pip and pip-tools cannot be told a day. They can be told an index: this one lists only the files that had been uploaded
by then (PEP 700) and that the target could install, and offers their metadata alone (PEP 658), so that nobody downloads
a gigabyte to read one file of it. Older releases of pip fetch every chosen wheel after all, to throw it away: they get
large ones hollow, with nothing but the metadata in them. Nothing is installed from here but what source distributions
are built with, which is small. The hashes of the set come from the real index, never from what this server hands out.
"""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, unquote

from packaging.tags import compatible_tags, cpython_tags

from doctor.errors import DoctorError, UsageError
from doctor.index.index import Index
from doctor.index.releases import Release, ReleaseFile, Window, python_allowed
from doctor.index.settings import is_local
from doctor.index.transport import local_path
from doctor.index.wheels import WheelFiles

_SIMPLE = "application/vnd.pypi.simple.v1+json"
LARGE = 32 * 1024**2
"""Bytes from which on a wheel is handed out hollow; what others are built with (numpy: 18 MB) must stay whole."""
GLIBC = 28
"""Wheels for glibc 2.28 and older: what runs on the login nodes (Rocky 8) and on everything newer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """For whom a set is made: CPython of these minor versions on x86_64 Linux."""

    pythons: tuple[tuple[int, int], ...]

    @property
    def tags(self) -> frozenset[str]:
        """All wheel tags that one of the interpreters takes (PEP 425, PEP 600)."""
        return _tags(self.pythons)


@lru_cache(maxsize=16)
def _tags(pythons: tuple[tuple[int, int], ...]) -> frozenset[str]:
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in range(GLIBC, 4, -1)]
    platforms += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    found: set[str] = set()
    for python in pythons:
        found.update(map(str, cpython_tags(python, platforms=platforms)))
        interpreter = f"cp{python[0]}{python[1]}"
        found.update(map(str, compatible_tags(python, interpreter=interpreter, platforms=platforms)))
    return frozenset(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Which files of the index are seen: uploaded before the end of ``day`` (None: any), installable by the target."""

    target: Target
    day: datetime | None = None

    def files(self, release: Release) -> tuple[ReleaseFile, ...]:
        """The wheels that fit; where none does, the source distribution; nothing that came later."""
        window = Window(before=self.day + timedelta(days=1)) if self.day else Window()
        tags = self.target.tags
        seen = [file for file in release.files if window.holds(file) and self._allowed(file)]
        wheels = [file for file in seen if file.is_wheel and file.tags & tags]
        sources = [file for file in seen if not file.is_wheel]
        return tuple(wheels or sorted(sources, key=lambda file: not file.filename.endswith(".tar.gz"))[:1])

    def _allowed(self, file: ReleaseFile) -> bool:
        newest = max(self.target.pythons)
        return python_allowed(file.requires_python, f"{newest[0]}.{newest[1]}.99")


def parse_day(text: str) -> datetime:
    """The day (ISO 8601, UTC) that a user or a rule names; raises ``UsageError``."""
    try:
        return datetime.combine(datetime.fromisoformat(text).date(), datetime.min.time(), UTC)
    except ValueError:
        raise UsageError(f"{text!r} is no day such as 2025-11-05.") from None


class DatedIndex:
    """A context in which ``url`` answers as the index would have on that day.

    ``failure`` keeps the first reason for which a question could not be answered: whoever ran a resolver on it raises
    that instead of what the resolver made of it.
    """

    def __init__(self, index: Index, view: View) -> None:
        """Answer from ``index``, through ``view``; nothing is opened yet."""
        self._index, self._view = index, view
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self.failure: DoctorError | None = None

    @property
    def url(self) -> str:
        """The simple-API root, for ``--index-url``."""
        assert self._server is not None  # noqa: S101 - inside the context only
        return f"http://127.0.0.1:{self._server.server_port}/simple"

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"dated": self}))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None  # noqa: S101 - entered above
        self._server.shutdown()
        self._server.server_close()

    def listed(self, name: str) -> tuple[tuple[str, ReleaseFile], ...]:
        """(version, file) of all that is seen of a project; may raise ``IndexUnavailableError``."""
        with self._lock:
            releases = self._index.versions(name)
        return tuple((release.version, file) for release in releases for file in self._view.files(release))

    def page(self, name: str) -> dict[str, Any] | None:
        """The project's page (PEP 691), None when nothing of it is seen."""
        listed = self.listed(name)
        files = [
            {
                "filename": file.filename,
                "url": self.address(name, file),
                "hashes": {} if _is_large(file) else dict(file.hashes),
                "yanked": file.yanked,
                # PEP 714; the older name in PEP 691's form, a truth value, ends pip 23.0 with a TypeError
                "core-metadata": file.is_wheel,
                **({"requires-python": file.requires_python} if file.requires_python else {}),
                **({"size": file.size} if file.size is not None else {}),
                **({"upload-time": file.upload_time.isoformat()} if file.upload_time else {}),
            }
            for _, file in listed
        ]
        versions = sorted({version for version, _ in listed})
        return {"meta": {"api-version": "1.1"}, "name": name, "versions": versions, "files": files} if files else None

    def address(self, name: str, file: ReleaseFile) -> str:
        """Where this server hands the file out."""
        return f"{self.url.removesuffix('/simple')}/files/{name}/{quote(file.filename)}"

    def digests(self, name: str) -> dict[str, Any]:
        """What pip-tools reads to learn hashes without downloading files (the index's JSON API)."""
        releases: dict[str, list[dict[str, Any]]] = {}
        for version, file in self.listed(name):
            kind = "bdist_wheel" if file.is_wheel else "sdist"
            entry = {"url": self.address(name, file), "digests": dict(file.hashes), "packagetype": kind}
            releases.setdefault(version, []).append(entry)
        return {"info": {"name": name}, "releases": releases}

    def file(self, name: str, filename: str) -> ReleaseFile | None:
        """The file of that name, if it is seen."""
        return next((file for _, file in self.listed(name) if file.filename == filename), None)

    def metadata(self, file: ReleaseFile) -> bytes:
        """The METADATA of a wheel."""
        with self._lock:
            wheel = self._index.wheel(file)
            return wheel.read(f"{wheel.dist_info}/METADATA")

    def body(self, file: ReleaseFile) -> bytes:
        """The whole file; of a large wheel only its metadata, as a wheel."""
        if _is_large(file):
            with self._lock:
                return _hollow(self._index.wheel(file))
        if is_local(file.url):
            return local_path(file.url).read_bytes()
        return self._index.transport.get(file.url).body


def _is_large(file: ReleaseFile) -> bool:
    return file.is_wheel and (file.size or 0) >= LARGE


def _hollow(wheel: WheelFiles) -> bytes:
    """A wheel with the same metadata and nothing else."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in ("METADATA", "WHEEL", "entry_points.txt"):
            if f"{wheel.dist_info}/{name}" in wheel.names:
                archive.writestr(f"{wheel.dist_info}/{name}", wheel.read(f"{wheel.dist_info}/{name}"))
        archive.writestr(f"{wheel.dist_info}/RECORD", "")
    return stream.getvalue()


class _Handler(BaseHTTPRequestHandler):
    """Answers for one index, which ``DatedIndex`` sets in a class of its own (so http.server wants it)."""

    protocol_version = "HTTP/1.1"
    dated: DatedIndex

    def do_GET(self) -> None:
        """Answer; what cannot be answered is kept as the failure and told as 503."""
        try:
            self._answer([unquote(part) for part in self.path.partition("?")[0].strip("/").split("/")])
        except DoctorError as error:
            self.dated.failure = self.dated.failure or error
            self._send(503, str(error).encode(), "text/plain")
        except (OSError, ValueError):
            with suppress(OSError):
                self._send(404, b"", "text/plain")

    def _answer(self, parts: list[str]) -> None:
        match parts:
            case ["simple", name]:
                page = self.dated.page(name)
                if page:
                    self._json(page, _SIMPLE)
                else:
                    self._send(404, b"", "text/plain")
            case ["pypi", name, "json"] | [name, "json"]:
                self._json(self.dated.digests(name), "application/json")
            case ["files", name, filename]:
                self._file(name, filename)
            case _:
                self._send(404, b"", "text/plain")

    def _file(self, name: str, filename: str) -> None:
        file = self.dated.file(name, filename.removesuffix(".metadata"))
        if file is None:
            self._send(404, b"", "text/plain")
        elif filename.endswith(".metadata"):
            self._send(200, self.dated.metadata(file), "text/plain")
        else:
            self._send(200, self.dated.body(file), "application/octet-stream")

    def _json(self, value: Mapping[str, Any], kind: str) -> None:
        self._send(200, json.dumps(value).encode(), kind)

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Nothing is logged."""
