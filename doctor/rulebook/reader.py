"""A typed reader over one TOML table that collects every complaint with its key path instead of stopping."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, TypeVar

from doctor.errors import RuleError

T = TypeVar("T")
MAX_SHOWN = 80


def escaped(text: object) -> str:
    """The text on one line with its control characters shown, so that none acts on the reader's terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def shown(text: object) -> str:
    """The text as it may stand in a sentence: escaped, and cut when it is long."""
    known = escaped(str(text)[: 5 * MAX_SHOWN])
    return known if len(known) <= MAX_SHOWN else known[: MAX_SHOWN - 1] + "…"


class Table:
    """One table of a rule file: gives typed values, remembers which keys were asked for, collects complaints."""

    def __init__(
        self, path: str, values: Mapping[str, Any], complaints: list[RuleError], key: str = "", *, proven: bool = False
    ) -> None:
        """``path`` is the file as shown to people, ``key`` the dotted path of this table in it.

        ``proven``: a test has read every string of it already, so none is parsed only to see that it can be.
        """
        self._path, self._values, self._key, self._proven = path, values, key, proven
        self._asked: list[str] = []
        self.complaints = complaints

    def complain(self, key: str, complaint: str) -> None:
        """Add one complaint about a key of this table ('' for the table itself)."""
        where = ".".join(part for part in (self._key, shown(key)) if part)
        self.complaints.append(RuleError(self._path, where, complaint))

    def has(self, key: str) -> bool:
        """Whether the table says anything under the key."""
        return key in self._values

    def text(self, key: str, *, required: bool = False, parse: Callable[[str], object] | None = None) -> str:
        """A string; ``parse`` is called to prove that it can be read (it raises ``ValueError``)."""
        value = self._get(key, str, "a string", required=required)
        if value is None:
            return ""
        if required and not value.strip():
            self.complain(key, "must not be empty")
        elif parse is not None and value:
            self._prove(key, value, parse)
        return value

    def choice(self, key: str, options: Sequence[str], default: str | None = None) -> str:
        """One of a few words; without a default the key is required."""
        value = self._get(key, str, f"one of {', '.join(options)}", required=default is None)
        if value is None:
            return default if default is not None else options[0]
        if value not in options:
            self.complain(key, f"{shown(repr(value))} is not one of {', '.join(options)}")
            return options[0]
        return value

    def flag(self, key: str, *, required: bool = False) -> bool:
        """True or false; false when absent."""
        return bool(self._get(key, bool, "true or false", required=required))

    def number(self, key: str) -> int:
        """A whole number; 0 when absent."""
        return self._get(key, int, "a whole number", required=False) or 0

    def day(self, key: str) -> str:
        """A required date, written as TOML's own or as a string, given as ISO text (2026-11-23)."""
        self._asked.append(key)
        value = self._values.get(key)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value.isoformat()
        try:
            return date.fromisoformat(value if isinstance(value, str) else "").isoformat()
        except ValueError:
            self.complain(key, "must be a date such as 2026-11-23")
            return "1970-01-01"

    def texts(
        self, key: str, *, required: bool = False, parse: Callable[[str], object] | None = None
    ) -> tuple[str, ...]:
        """A list of non-empty strings, each provable by ``parse``."""
        values = self._get(key, list, "a list of strings", required=required)
        if values is None:
            return ()
        if required and not values:
            self.complain(key, "must not be empty")
        good = []
        for index, value in enumerate(values):
            if not isinstance(value, str) or not value.strip():
                self.complain(f"{key}[{index}]", "must be a string that is not empty")
            elif parse is None or self._prove(f"{key}[{index}]", value, parse):
                good.append(value)
        return tuple(good)

    def tables(self, key: str) -> list[Table]:
        """The tables of an array ``[[key]]``, each with its own key path; none when absent."""
        values = self._get(key, list, f"tables written [[{key}]]", required=False)
        found = []
        for index, value in enumerate(values or ()):
            if isinstance(value, dict):
                place = ".".join(part for part in (self._key, f"{key}[{index}]") if part)
                found.append(Table(self._path, value, self.complaints, place, proven=self._proven))
            else:
                self.complain(f"{key}[{index}]", f"must be a table written [[{key}]]")
        return found

    def finish(self) -> None:
        """Complain about every key that nothing asked for."""
        for key in self._values:
            if key not in self._asked:
                near = get_close_matches(key, self._asked, n=1)
                self.complain(key, "unknown key" + (f"; did you mean {near[0]}?" if near else ""))

    def _get(self, key: str, kind: type[T], wanted: str, *, required: bool) -> T | None:
        self._asked.append(key)
        if key not in self._values:
            if required:
                self.complain(key, f"is missing; it must be {wanted}")
            return None
        value = self._values[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.complain(key, f"must be {wanted}")
            return None
        return value

    def _prove(self, key: str, value: str, parse: Callable[[str], object]) -> bool:
        try:
            if not self._proven:
                parse(value)
        except ValueError as error:
            reason = shown(str(error).split("\n", 1)[0])
            self.complain(key, f"cannot read {shown(repr(value))}: {reason}")
            return False
        return True
