"""How the reader wants a page, and the lines that screens are made of."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

from doctor.render.escape import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Width in columns; whether the reader sees colours and more than ASCII; how much is wanted.

    ``home`` is shortened to ``~`` in paths (''= do not). ``next_step`` is the command that carries the cures out
    ('' when the commands of the cures themselves are the next step).
    """

    width: int = 80
    color: bool = False
    unicode: bool = True
    verbose: bool = False
    quiet: bool = False
    home: str = ""
    next_step: str = ""

    def symbol(self, name: str) -> str:
        """The sign of that name, in ASCII where the reader's encoding has no more."""
        return _SYMBOLS[name][0 if self.unicode else 1]

    def path(self, path: str) -> str:
        """The path as a person says it."""
        if self.home and (path == self.home or path.startswith(f"{self.home}/")):
            path = "~" + path.removeprefix(self.home)
        return shown(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One finished line and how it looks: ``error``, ``warning``, ``note``, ``good``, ``faint``, ``strong`` or ''."""

    text: str = ""
    style: str = ""


_LONGEST = 1000
_SYMBOLS = {
    "error": ("✗", "x"),
    "warning": ("!", "!"),
    "note": ("·", "-"),
    "good": ("✓", "ok"),
    "unknown": ("?", "?"),
    "dot": ("·", "|"),
    "then": ("›", ">"),
    "more": ("…", "..."),
    "becomes": ("→", "->"),
}


def wrapped(text: str, width: int, *, first: str = "", rest: str = "") -> list[str]:
    """The text, made harmless, in lines of at most ``width`` columns; words are never cut (paths are copied)."""
    return textwrap.wrap(
        shown(text, limit=_LONGEST),
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def joined(parts: Iterable[str], separator: str, width: int) -> list[str]:
    """The parts in lines of at most ``width`` columns; a line is broken between parts only."""
    lines: list[str] = []
    for part in map(shown, parts):
        if lines and len(lines[-1]) + len(separator) + len(part) <= width:
            lines[-1] += separator + part
        else:
            lines.append(part)
    return lines


def plain(rows: Iterable[Row]) -> str:
    """The rows without colours."""
    return "".join(f"{row.text.rstrip()}\n" for row in rows)


def counted(number: int, noun: str) -> str:
    """``1 error``, ``2,214 errors``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
