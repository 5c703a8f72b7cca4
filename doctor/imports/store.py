"""Summaries of source files, made once per content and kept for all environments of the user.

The key is the content's hash with the syntax version; so a summary can never be stale. The database is only a
cache: when it is damaged, read-only or impossible (no home), summaries are made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import marshal
import re
import sqlite3
import sys
import time
import zlib
from pathlib import Path

from doctor.imports import lower
from doctor.imports.lower import FunctionBody, NotPythonError, Summary
from doctor.model import FileView

_SOURCE_LIMIT = 20_000_000
_WORDS_LIMIT = 300_000
"""A syntax tree needs about two kilobytes for each word of its text: more would not fit into the memory of small machines."""
_SMALL = 1_000_000
_ROWS_LIMIT = 60_000
_RUNS_LIMIT = 48


class SummaryStore:
    """Reads, summarises and remembers source files of one ``FileView``."""

    def __init__(self, files: FileView, database: Database | None = None) -> None:
        """Without a database nothing is remembered beyond this object."""
        self.files, self.database = files, database
        self.read_bytes = 0
        self.summarised = 0
        self._digests: dict[str, bytes] = {}
        self._marks: dict[str, bytes] = {}

    def take(self, other: SummaryStore) -> None:
        """Take over what was read of files that are the same."""
        self._digests.update(other._digests)
        self._marks.update(other._marks)

    def summary(self, path: str, minor: tuple[int, int]) -> tuple[Summary, bytes]:
        """The summary of a file and its text; raises ``NotPythonError`` or ``OSError``."""
        source = self.files.read(path, _SOURCE_LIMIT + 1)
        self._marks[path] = digest = _digest(source)
        if path.endswith(".ipynb"):
            source = notebook_source(source)
            digest = _digest(source)
        self.read_bytes += len(source)
        if len(source) > _SOURCE_LIMIT or _has_too_many_words(source):
            raise NotPythonError("too large to be analysed (nested or generated source)")
        self._digests[path] = digest
        key = digest + bytes(minor)
        known = self.database.get(key) if self.database else None
        if isinstance(known, tuple) and len(known) == 4:
            if known[0] == "error":
                raise NotPythonError(known[1], known[2])
            return Summary(*known[1:]), source
        self.summarised += 1
        try:
            made = lower.lower_module(lower.parse(source, minor))
        except NotPythonError as error:
            if self.database:
                self.database.put(key, ("error", error.reason, error.line, 0))
            raise
        if self.database:
            self.database.put(key, ("summary", made.body, made.functions, made.future_annotations))
        return made, source

    def mark(self, path: str) -> str:
        """What stands for the content that ``summary`` has read, as ``content_mark`` would say."""
        mark = self._marks.get(path)
        return mark.hex() if mark is not None else content_mark(self.files, path)

    def function(self, path: str, source: bytes, span: tuple[int, int, bool], *, future: bool) -> FunctionBody:
        """The lowered body of one function of a file; raises ``NotPythonError``."""
        digest = self._digests.get(path, b"")
        key = digest + f"{span[0]}:{future:d}".encode()
        known = self.database.get(key) if self.database and digest else None
        if isinstance(known, tuple) and len(known) == 4:
            return FunctionBody(*known)
        made = lower.lower_function(source, span, future=future)
        if self.database and digest:
            self.database.put(key, (made.body, made.generator, made.coroutine, made.binds))
        return made


def content_mark(files: FileView, path: str, limit: int | None = _SOURCE_LIMIT + 1) -> str:
    """What stands for the content of a file (its first ``limit`` bytes): the same for the same, also when it cannot be read."""
    try:
        return _digest(files.read(path, limit)).hex()
    except OSError as error:
        return f"refused: {error.errno}"


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16, person=b"acdoctor").digest()


def _has_too_many_words(source: bytes) -> bool:
    if len(source) <= _SMALL:
        return False
    return any(number >= _WORDS_LIMIT for number, _word in enumerate(re.finditer(rb"\w+", source)))


def notebook_source(data: bytes) -> bytes:
    """The code cells of a Jupyter notebook as one program; lines that only IPython understands are left out.

    Raises ``NotPythonError`` when it is no notebook.
    """
    try:
        cells = json.loads(data)["cells"]
        texts = ["".join(c["source"]) for c in cells if c.get("cell_type") == "code"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotPythonError("this is no notebook of format 4") from error
    out = []
    for text in texts:
        lines = ("" if text.lstrip().startswith("%%") else text).split("\n")
        out += ["pass" if line.lstrip()[:1] in {"%", "!"} else line for line in lines]
    return "\n".join(out).encode()


class Database:
    """A bounded key-value table in SQLite, safe for many processes; every trouble with it means: not cached."""

    def __init__(self, directory: str) -> None:
        """Open (or make) the table in ``directory``; a file that is no database is replaced."""
        self.path = str(Path(directory) / f"summaries-{lower.FORMAT}.{sys.version_info[0]}{sys.version_info[1]}.sqlite")
        self._pending: dict[bytes, bytes] = {}
        self._connection: sqlite3.Connection | None = None
        for _attempt in range(2):
            try:
                Path(directory).mkdir(parents=True, exist_ok=True)
                self._connection = self._open()
            except (OSError, sqlite3.OperationalError):
                break
            except sqlite3.DatabaseError:
                with contextlib.suppress(OSError):
                    Path(self.path).replace(self.path + ".damaged")
                continue
            break

    @property
    def usable(self) -> bool:
        """The database could be opened."""
        return self._connection is not None

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=5.0, isolation_level=None, check_same_thread=False
        )  # one thread follows, another opens and closes
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS summaries (key BLOB PRIMARY KEY, value BLOB, used INTEGER) WITHOUT ROWID"
        )
        connection.execute(
            "CREATE TABLE IF NOT EXISTS runs (key BLOB, run BLOB, value BLOB, used INTEGER, PRIMARY KEY (key, run)) WITHOUT ROWID"
        )
        return connection

    def runs(self, key: bytes) -> list[bytes]:
        """The names of what ``keep_run`` keeps under a key, last used first."""
        if self._connection is None:
            return []
        try:
            found = self._connection.execute("SELECT run FROM runs WHERE key = ? ORDER BY used DESC", (key,))
            return [row[0] for row in found.fetchall()]
        except sqlite3.Error:
            return []

    def run(self, key: bytes, run: bytes) -> str:
        """A text that was kept; raises ``LookupError`` or ``ValueError`` when it cannot be had."""
        if self._connection is None:
            raise LookupError(run)
        try:
            row = self._connection.execute("SELECT value FROM runs WHERE key = ? AND run = ?", (key, run)).fetchone()
            return zlib.decompress(row[0]).decode() if row else ""
        except (sqlite3.Error, zlib.error, TypeError) as error:
            raise LookupError(run) from error

    def used(self, key: bytes, run: bytes) -> None:
        """It was of use now."""
        self._write_runs("UPDATE runs SET used = ? WHERE key = ? AND run = ?", (time.time_ns(), key, run))

    def keep_run(self, key: bytes, text: str) -> None:
        """Keep a text under a key, and of all such texts only those that were used last."""
        value = zlib.compress(text.encode(), 1)
        self._write_runs(
            "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?)", (key, _digest(value), value, time.time_ns())
        )
        self._write_runs(
            "DELETE FROM runs WHERE (key, run) IN (SELECT key, run FROM runs ORDER BY used DESC LIMIT -1 OFFSET ?)",
            (_RUNS_LIMIT,),
        )

    def _write_runs(self, statement: str, values: tuple[object, ...]) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute(statement, values)

    def get(self, key: bytes) -> object:
        """The value, or None."""
        if self._connection is None:
            return None
        try:
            row = self._connection.execute("SELECT value FROM summaries WHERE key = ?", (key,)).fetchone()
            return marshal.loads(zlib.decompress(row[0])) if row else None  # noqa: S302 - our own cache file
        except (sqlite3.Error, ValueError, EOFError, TypeError, zlib.error):
            return None

    def put(self, key: bytes, value: object) -> None:
        """Remember a value (written by ``flush``)."""
        if self._connection is None:
            return
        try:
            self._pending[key] = zlib.compress(marshal.dumps(value), 1)  # type: ignore[arg-type]
        except ValueError:
            return
        if len(self._pending) >= 500:
            self.flush()

    def flush(self) -> None:
        """Write what is pending; drop the rows longest unused when there are too many."""
        if self._connection is None or not self._pending:
            return
        now = int(time.time())
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT OR REPLACE INTO summaries VALUES (?, ?, ?)", [(k, v, now) for k, v in self._pending.items()]
            )
            count = self._connection.execute("SELECT count(*) FROM summaries").fetchone()[0]
            if count > _ROWS_LIMIT:
                self._connection.execute(
                    "DELETE FROM summaries WHERE key IN (SELECT key FROM summaries ORDER BY used LIMIT ?)",
                    (count - _ROWS_LIMIT // 2,),
                )
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        self._pending.clear()

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def open_database() -> Database | None:
    """The user's cache of summaries; None when there is no place for one (no home, read-only)."""
    import platformdirs  # noqa: PLC0415

    try:
        database = Database(str(Path(platformdirs.user_cache_dir("acdoctor", appauthor=False)) / "summaries"))
    except (OSError, RuntimeError):
        return None
    return database if database.usable else None
