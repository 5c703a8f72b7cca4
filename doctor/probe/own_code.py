"""What changes when the doctor itself does: nothing that an older one has kept is believed then."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@functools.cache
def own_code() -> tuple[object, ...]:
    """Stamps of the doctor's code, and of what it reads metadata and machine code with; raises ``OSError``."""
    import elftools  # noqa: PLC0415 - only when something kept is looked for
    import packaging  # noqa: PLC0415

    places = (str(Path(__file__).parent.parent), *(os.path.dirname(str(m.__file__)) for m in (elftools, packaging)))  # noqa: PTH120
    return (sys.version, *(stamp for place in places for stamp in _stamps(place)))


def _stamps(folder: str) -> Iterator[tuple[str, int, int]]:
    """(path, size, mtime in ns) of every Python file below a folder, in order of names."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.name.endswith(".py"):
            status = entry.stat()
            yield entry.path, status.st_size, status.st_mtime_ns
        elif "." not in entry.name and not entry.name.startswith("_") and entry.is_dir():
            yield from _stamps(entry.path)
