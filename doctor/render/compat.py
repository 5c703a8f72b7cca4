"""A compatibility table as a screen, as JSON and as a picture."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from string import ascii_lowercase

from doctor.render.page import Page, Row, plain, wrapped
from doctor.stacks.compat import Cell, Fate
from doctor.stacks.compat_rule import Together

_SCHEMA = "acdoctor.compat/1"
_SVG = "http://www.w3.org/2000/svg"
_SIGNS = {
    Fate.WORKS: ("✓", "+"),
    Fate.BREAKS: ("✗", "x"),
    Fate.PARTLY: ("◐", "p"),
    Fate.REFUSED: ("–", "-"),  # noqa: RUF001 - a dash for what no installer puts together
    Fate.UNKNOWN: ("?", "?"),
}
_WORDS = {
    Fate.WORKS: "importing works",
    Fate.BREAKS: "importing it fails by the other",
    Fate.PARTLY: "it can be imported, a module of it cannot",
    Fate.REFUSED: "their metadata forbids it",
    Fate.UNKNOWN: "a third distribution failed, or it could not be followed",
}
_COLOURS = {
    Fate.WORKS: "#2e7d32",
    Fate.BREAKS: "#c62828",
    Fate.PARTLY: "#ef8f00",
    Fate.REFUSED: "#9e9e9e",
    Fate.UNKNOWN: "#cfd8dc",
}


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A finished table: names, versions oldest first, cells by both versions, the blocks derived from it."""

    left: str
    right: str
    python: str
    lefts: Sequence[str]
    rights: Sequence[str]
    cells: Mapping[tuple[str, str], Cell]
    together: Sequence[Together] = ()
    made_on: str = ""


def render_compat(grid: Grid, page: Page) -> str:
    """The table with letters for the columns, what the signs mean, and the ranges for a rule."""
    rows = list(_screen(grid, page))
    if page.color:
        from doctor.render.color import painted  # noqa: PLC0415 - as in doctor.render.text

        return painted(rows)
    return plain(rows)


def _screen(grid: Grid, page: Page) -> Iterator[Row]:
    sign = 0 if page.unicode else 1
    if not page.quiet:
        title = f"{grid.left} (rows) x {grid.right} (columns), Python {grid.python}"
        yield Row(text=title, style="strong")
    names = _letters(len(grid.rights))
    legend = [f"{name} {version}" for name, version in zip(names, grid.rights, strict=True)]
    for line in wrapped("   ".join(legend), page.width, first="  ", rest="  "):
        yield Row(text=line)
    width = max(map(len, (*grid.lefts, ""))) + 2
    step = max(map(len, names)) + 1
    yield Row(text=" " * width + "".join(f"{name:>{step}}" for name in names))
    for left in reversed(grid.lefts):
        signs = "".join(f"{_sign(grid, left, right, sign):>{step}}" for right in grid.rights)
        yield Row(text=f"{left:>{width}}{signs}")
    if page.quiet:
        return
    used = [fate for fate in Fate if any(cell.fate is fate for cell in grid.cells.values())]
    yield Row()
    for fate in used:
        count = sum(cell.fate is fate for cell in grid.cells.values())
        yield Row(text=f"  {_SIGNS[fate][sign]} {count:>4}  {_WORDS[fate]}")
    yield from _blocks(grid, page)
    yield from _reasons(grid, page)


def _blocks(grid: Grid, page: Page) -> Iterator[Row]:
    for one in grid.together:
        yield Row()
        yield Row(text=f"together = ['{one.left}', '{one.right}']", style="strong")
        cell = one.example
        text = f"{cell.reason} ({cell.where}, importing {cell.entry})" if cell.where else cell.reason
        yield from (Row(text=line) for line in wrapped(text, page.width, first="    ", rest="    "))
        if one.open_ends:
            text = f"the table ends here, look further: {', '.join(one.open_ends)}"
            yield from (Row(text=line, style="faint") for line in wrapped(text, page.width, first="    ", rest="    "))


def _reasons(grid: Grid, page: Page) -> Iterator[Row]:
    """Why cells are not known, each reason once."""
    found: dict[str, Cell] = {}
    for cell in grid.cells.values():
        if cell.fate in (Fate.UNKNOWN, Fate.REFUSED):
            found.setdefault(cell.reason, cell)
    most = len(found) if page.verbose else 3
    for reason, cell in list(found.items())[:most]:
        text = f"{grid.left} {cell.left} with {grid.right} {cell.right}: {reason}"
        yield from (Row(text=line, style="faint") for line in wrapped(text, page.width, first="  ", rest="    "))


def _letters(count: int) -> list[str]:
    """a, b, ... z, aa, ab, ..."""
    single = list(ascii_lowercase)
    return (single + [first + second for first in single for second in single])[:count]


def _sign(grid: Grid, left: str, right: str, place: int) -> str:
    cell = grid.cells.get((left, right))
    return _SIGNS[cell.fate][place] if cell else ""


def render_compat_json(grid: Grid) -> str:
    """One object, sorted keys."""
    value = {
        "schema": _SCHEMA,
        "left": {"name": grid.left, "versions": list(grid.lefts)},
        "right": {"name": grid.right, "versions": list(grid.rights)},
        "python": grid.python,
        "made_on": grid.made_on,
        "cells": [
            {
                "left": cell.left,
                "right": cell.right,
                "fate": cell.fate.value,
                "resolved_on": cell.day,
                "reason": cell.reason,
                "symbol": cell.symbol,
                "where": cell.where,
                "entry": cell.entry,
            }
            for _, cell in sorted(grid.cells.items())
        ],
        "together": [{"requirements": [one.left, one.right], "open": list(one.open_ends)} for one in grid.together],
    }
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def render_compat_svg(grid: Grid) -> str:
    """A picture: a square for each cell, its reason as a tooltip."""
    side, top, start = 22, 110, 90
    width, height = start + side * len(grid.rights) + 220, top + side * len(grid.lefts) + 20
    parts = [
        f'<svg xmlns="{_SVG}" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f"<title>{escape(grid.left)} x {escape(grid.right)}, Python {escape(grid.python)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="8" y="16" font-weight="bold">{escape(grid.left)} (rows) x {escape(grid.right)} (columns)</text>',
    ]
    for number, right in enumerate(grid.rights):
        x = start + side * number + side // 2
        parts.append(f'<text x="{x}" y="{top - 6}" transform="rotate(-60 {x} {top - 6})">{escape(right)}</text>')
    for row, left in enumerate(reversed(grid.lefts)):
        y = top + side * row
        parts.append(f'<text x="{start - 6}" y="{y + 15}" text-anchor="end">{escape(left)}</text>')
        for number, right in enumerate(grid.rights):
            parts.extend(_square(grid.cells.get((left, right)), start + side * number, y, side))
    for number, fate in enumerate(Fate):
        x, y = start + side * len(grid.rights) + 16, top + 18 * number
        parts.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{_COLOURS[fate]}"/>')
        parts.append(f'<text x="{x + 18}" y="{y + 10}">{fate.value}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _square(cell: Cell | None, x: int, y: int, side: int) -> Iterator[str]:
    if cell is None:
        return
    words = f"{cell.left} with {cell.right}: {cell.fate.value}" + (f"; {cell.reason}" if cell.reason else "")
    yield (
        f'<rect x="{x}" y="{y}" width="{side - 2}" height="{side - 2}" rx="3" fill="{_COLOURS[cell.fate]}">'
        f"<title>{escape(words)}</title></rect>"
    )
