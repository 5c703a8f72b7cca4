"""``.pth`` files as ``site.addpackage`` reads them, with their ``import`` lines recorded instead of run."""

from __future__ import annotations

import io
from dataclasses import dataclass

from doctor.model import FileView

PTH_LIMIT = 1024 * 1024

# What setuptools wrote around the paths of easy-install.pth: it moves them to the front of sys.path.
_REMEMBER = "importsys;sys.__plen=len(sys.path)"
_MOVE = (
    "importsys;new=sys.path[sys.__plen:];delsys.path[sys.__plen:];p=getattr(sys,'__egginsert',0);"
    "sys.path[p:p]=new;sys.__egginsert=p+len(new)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PthLine:
    """One line that does something: ``kind`` is ``path``, ``code``, ``remember`` or ``move`` (easy-install's)."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PthText:
    """What a ``.pth`` file says; ``undecodable``: it is not UTF-8, so that no ordinary start gets past it."""

    lines: tuple[PthLine, ...]
    undecodable: bool


def read_pth(files: FileView, path: str, *, utf8: bool) -> PthText:
    """The lines of one file that do something; raises ``OSError``.

    ``utf8``: as 3.13 reads it, without a byte-order mark and split as ``str.splitlines`` does; else as text of the
    locale, which is taken to be UTF-8 too.
    """
    data = files.read(path, PTH_LIMIT)
    text = data.decode("utf-8", "surrogateescape")
    undecodable = not text.isascii() and any("\udc80" <= c <= "\udcff" for c in text)
    lines = text.removeprefix("\ufeff").splitlines() if utf8 else list(io.StringIO(text, newline=None))
    found = tuple(_line(line) for line in lines if not line.startswith("#") and line.strip())
    return PthText(lines=found, undecodable=undecodable)


def _line(line: str) -> PthLine:
    """Sort one line into what ``site`` would do with it."""
    text = line.rstrip()
    if not line.startswith(("import ", "import\t")):
        return PthLine(kind="path", text=text)
    squeezed = "".join(text.split())
    kind = {_REMEMBER: "remember", _MOVE: "move"}.get(squeezed, "code")
    return PthLine(kind=kind, text=text)
