"""Changed modules that are no Python any more, and that other modules of their distribution import."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from doctor.checks.usage import parse
from doctor.model import FileView

_SOURCE_LIMIT = 4 * 1024 * 1024
_MOST_CHANGED = 64
_MOST_READ = 4000


def broken_modules(changed: Sequence[str], modules: Sequence[str], location: str, files: FileView) -> Iterator[str]:
    """Those of the ``changed`` paths that do not parse and that one of ``modules`` imports, be it in a function.

    Paths are relative to ``location``. A module that nothing imports by name is left out: whether anybody ever
    meets it is not known. What parses is for the import contracts to follow.
    """
    sources = [path for path in changed if path.endswith(".py")][:_MOST_CHANGED]
    unparsable = [path for path in sources if parse(_read(f"{location}/{path}", files)) is None]
    if not unparsable:
        return
    wanted = {path: _import_of(path) for path in unparsable}
    others = [path for path in modules if path.endswith(".py") and path not in wanted][:_MOST_READ]
    left = dict(wanted)
    for other in others:
        text = _read(f"{location}/{other}", files)
        for path in [path for path, pattern in left.items() if pattern.search(text)]:
            del left[path]
        if not left:
            break
    yield from (path for path in unparsable if path not in left)


def _import_of(path: str) -> re.Pattern[bytes]:
    """An import statement that names the module (or, for ``__init__``, its package) as its last or only part."""
    parts = path.removesuffix(".py").split("/")
    name = parts[-2] if parts[-1] == "__init__" and len(parts) > 1 else parts[-1]
    word = re.escape(name).encode()
    before_names = rb"^[ \t]*from[ \t]+[.\w]*\b" + word + rb"[ \t]+import\b"
    as_name = rb"^[ \t]*from[ \t]+[.\w]+[ \t]+import[ \t(][^#\n]*\b" + word + rb"\b"
    plain = rb"^[ \t]*import[ \t]+[^#\n]*\b" + word + rb"\b"
    return re.compile(rb"|".join((before_names, as_name, plain)), re.MULTILINE)


def _read(path: str, files: FileView) -> bytes:
    try:
        return files.read(path, _SOURCE_LIMIT)
    except OSError:
        return b""
