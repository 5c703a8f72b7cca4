"""How wide the reader's terminal is.

Imported at every start: no imports beyond what the interpreter has loaded anyway.
"""

from __future__ import annotations

import os

PLAIN_WIDTH = 80


def terminal_width() -> int:
    """Columns as ``shutil.get_terminal_size`` finds them, without importing it (it brings in the compressors)."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(1).columns or PLAIN_WIDTH
    except OSError:
        return PLAIN_WIDTH
