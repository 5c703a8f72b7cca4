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


def read_pth(files: FileView, path: str, version: tuple[int, int]) -> tuple[PthLine, ...]:
    """The lines of one file that do something; raises ``OSError``. ``version`` decides how lines are split."""
    data = files.read(path, PTH_LIMIT)
    if version >= (3, 13):
        # utf-8-sig since 3.13; what is not UTF-8 is decoded with the locale there
        lines = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").splitlines()
    else:
        lines = list(io.StringIO(data.decode("utf-8", "surrogateescape"), newline=None))
    return tuple(_line(line) for line in lines if not line.startswith("#") and line.strip())


def _line(line: str) -> PthLine:
    """Sort one line into what ``site`` would do with it."""
    text = line.rstrip()
    if not line.startswith(("import ", "import\t")):
        return PthLine(kind="path", text=text)
    squeezed = "".join(text.split())
    kind = {_REMEMBER: "remember", _MOVE: "move"}.get(squeezed, "code")
    return PthLine(kind=kind, text=text)
