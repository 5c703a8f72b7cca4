"""The user's disk cache of index pages and wheels: bounded, shared by processes, rebuilt when damaged.

Every entry is written beside its place and renamed, so a reader sees all of it or nothing. A cache that
cannot be written (no home, full disk, read-only) costs time, never the answer.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import platformdirs

PAGE_AGE = 600.0
"""Seconds for which a page that names no max-age is believed; what pip's own default comes to."""
LIMIT = 2 * 1024**3
"""Bytes that the cache may hold before the least recently used entries go."""
SWEEP_EVERY = 86_400.0
"""Seconds between two looks at the cache's size."""


def default_directory() -> Path | None:
    """The user's cache directory; None when there is no home to put it."""
    try:
        return Path(platformdirs.user_cache_dir("acdoctor", appauthor=False)) / "index"
    except (OSError, RuntimeError, KeyError):
        return None


class DiskCache:
    """Named entries below one directory; None as directory means that nothing is kept."""

    def __init__(self, directory: Path | None) -> None:
        """Use the directory, creating it when it is first written to."""
        self.directory = directory

    def path(self, kind: str, key: str) -> Path | None:
        """Where an entry of that kind and key lies (it need not exist)."""
        if self.directory is None:
            return None
        digest = hashlib.sha256(key.encode("utf-8", errors="surrogatepass")).hexdigest()
        return self.directory / kind / digest[:2] / digest[2:]

    def read(self, kind: str, key: str) -> tuple[bytes, float] | None:
        """The entry and its age in seconds."""
        path = self.path(kind, key)
        if path is None:
            return None
        try:
            body = path.read_bytes()
            age = time.time() - path.stat().st_mtime
        except OSError:
            return None
        return body, max(age, 0.0)

    def write(self, kind: str, key: str, body: bytes) -> None:
        """Keep an entry; failing to is no failure."""
        path = self.path(kind, key)
        if path is not None:
            with suppress(OSError):
                write_whole(path, body)

    def forget(self, kind: str, key: str) -> None:
        """Drop an entry that turned out to be damaged."""
        path = self.path(kind, key)
        if path is not None:
            with suppress(OSError):
                path.unlink()

    def sweep(self, limit: int = LIMIT) -> None:
        """Keep below ``limit`` bytes by dropping what was not used longest; at most once a day."""
        if self.directory is None:
            return
        mark = self.directory / "swept"
        with suppress(OSError):
            if mark.exists() and time.time() - mark.stat().st_mtime < SWEEP_EVERY:
                return
        with suppress(OSError):
            write_whole(mark, b"")
            entries = sorted(self._entries(), reverse=True)
            total = 0
            for _, size, path in entries:
                total += size
                if total > limit:
                    path.unlink(missing_ok=True)

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        """(last use, bytes on disk, path) of everything kept."""
        if self.directory is None:
            return
        for folder, _, names in os.walk(self.directory):
            for name in names:
                path = Path(folder, name)
                with suppress(OSError):
                    facts = path.stat()
                    yield max(facts.st_atime, facts.st_mtime), facts.st_blocks * 512, path


def write_whole(path: Path, body: bytes) -> None:
    """Write a file so that it is there whole or not at all; raises ``OSError``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
