"""Rows with colours, as far as the reader's terminal has any; the only module of the screens that needs rich."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from doctor.render.page import Row

_STYLES = {
    "error": "bold red",
    "warning": "bold yellow",
    "note": "cyan",
    "good": "bold green",
    "faint": "dim",
    "strong": "bold",
}


def painted(rows: Iterable[Row]) -> str:
    """The rows as text with terminal escapes; the same characters without them as ``plain`` gives."""
    console = Console(file=io.StringIO(), force_terminal=True, highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        for row in rows:
            console.print(Text(row.text.rstrip(), style=_STYLES.get(row.style, "")), soft_wrap=True)
    return capture.get()
