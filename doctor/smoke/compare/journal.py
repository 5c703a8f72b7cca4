"""The JSON lines of a run: every request as it ends, so that an interrupted run goes on where it was."""

from __future__ import annotations

import fcntl
import json
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from doctor.errors import UsageError
from doctor.smoke.compare.values import Phase, Record, record_of

SCHEMA = "acdoctor.compare.requests/1"
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_Key = tuple[Phase, str, int, int]


class Journal:
    """One file, one writer: a header that says what is compared, then a line for every request."""

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        """Open or go on; raises ``UsageError`` when the file belongs to another plan or is being written."""
        self.path, self.resumed = path, False
        self._lock = threading.Lock()
        self._records: list[Record] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"{path} is being written by another comparison; wait for it, or give --run-dir."
            ) from None
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from None
        try:
            self._load(dict(header))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Write no more: what is still under way is forgotten."""
        with self._lock:
            self._file.close()

    @property
    def records(self) -> tuple[Record, ...]:
        """All requests so far, in the order of their end; without what has to be asked again."""
        with self._lock:
            return tuple(self._records)

    def done(self) -> frozenset[_Key]:
        """The questions of the plan that have their last record."""
        return frozenset(record.key for record in self.records if record.last)

    def add(self, record: Record) -> None:
        """Save one request."""
        line = _ENCODE(record.document())
        with self._lock:
            if not self._file.closed:
                self._records.append(record)
                self._write(line)

    def undo(self, keys: Iterable[_Key], why: str) -> None:
        """These were asked in vain (the token ran out, say) and have to be asked again."""
        listed = sorted(keys)
        with self._lock:
            self._records = [record for record in self._records if record.key not in set(listed)]
            self._write(json.dumps({"kind_of_line": "undone", "keys": listed, "why": why}))

    def _write(self, line: str) -> None:
        self._file.write(line.encode("utf-8", "backslashreplace") + b"\n")
        self._file.flush()

    def _load(self, header: dict[str, Any]) -> None:
        self._file.seek(0)
        data = self._file.read()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):  # the last line was cut by a kill
            self._file.truncate(len(whole))
        lines = whole.splitlines()
        wanted = json.loads(json.dumps(header))
        if not lines:
            self._write(json.dumps({"schema": SCHEMA, "plan": wanted}))
            return
        first = _read(lines[0], self.path, 1)
        if first.get("schema") != SCHEMA or first.get("plan") != wanted:
            raise UsageError(
                f"{self.path} holds another comparison{_difference(first.get('plan'), wanted)}; "
                "give another --run-dir, or --fresh to begin anew."
            )
        self.resumed = len(lines) > 1
        for number, line in enumerate(lines[1:], 2):
            self._take(_read(line, self.path, number), number)

    def _take(self, document: Mapping[str, Any], number: int) -> None:
        try:
            if document.get("kind_of_line") == "undone":
                keys = {(Phase(k[0]), k[1], k[2], k[3]) for k in document["keys"]}
                self._records = [record for record in self._records if record.key not in keys]
            else:
                self._records.append(record_of(document))
        except (TypeError, ValueError, KeyError, IndexError):
            raise _unreadable(self.path, number) from None


def _read(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        raise _unreadable(path, number) from None
    if not isinstance(document, dict):
        raise _unreadable(path, number)
    return document


def _unreadable(path: Path, number: int) -> UsageError:
    return UsageError(f"{path}: line {number} is no record of a comparison; --fresh begins anew beside it.")


def _difference(old: Any, new: Mapping[str, Any]) -> str:
    """Which settings differ, in words."""
    if not isinstance(old, dict):
        return ""
    terms_old, terms_new = old.get("terms", {}), new.get("terms", {})
    names = [name for name in new if name not in ("terms", "rows") and old.get(name) != new[name]]
    if isinstance(terms_old, dict):
        names += [name for name in terms_new if terms_old.get(name) != terms_new[name]]
    return f" ({', '.join(names)} differ)" if names else ""


def set_aside(path: Path) -> None:
    """Move the file of an earlier run out of the way, beside it; nothing is deleted."""
    number = 1
    while path.exists():
        aside = path.with_name(f"{path.stem}.{number}{path.suffix}")
        if not aside.exists():
            path.rename(aside)
        number += 1
