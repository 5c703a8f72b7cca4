"""Which of a distribution's files matter: what a program may need, what only developers and readers need."""

from __future__ import annotations

import re
from enum import Enum
from posixpath import splitext


class Part(Enum):
    """``MODULE`` is imported, ``DATA`` is read, ``SPARE`` is not needed to run, ``OWN`` is the installer's."""

    MODULE = "module"
    DATA = "data"
    SPARE = "spare"
    OWN = "own"


_SPARE_DIRECTORIES = frozenset(
    {"tests", "test", "_tests", "testdata", "docs", "doc", "examples", "example", "samples", "demo", "demos",
     "tutorials", "benchmarks", "benchmark", "licenses", "licences", "license_files", "man", "man1", "include",
     "locale", "icons", "applications", "completions", "bash-completion", "pkgconfig", "cmake", "typings"}
)  # fmt: skip
_SPARE_SUFFIXES = frozenset(
    {".pyi", ".pxd", ".pyx", ".pxi", ".c", ".cc", ".cpp", ".cxx", ".cu", ".cuh", ".h", ".hh", ".hpp", ".hxx", ".inl",
     ".f", ".f90", ".a", ".lib", ".la", ".pc", ".cmake", ".md", ".rst", ".orig", ".bak", ".map", ".dll", ".dylib",
     ".exe", ".pdb"}
)  # fmt: skip
_SPARE_NAMES = re.compile(
    r"py\.typed|conftest\.py|test_.*\.py|setup\.py|\.git.*|\.(editorconfig|npmignore)|CMakeLists\.txt"
)
_PAPERS = re.compile(
    r"(licen[cs]e|copying|notice|authors?|contributors|readme|changes|changelog|history|news|todo|security|citation)"
    r"s?([-_.].*)?",
    re.IGNORECASE,
)
_PAPER_SUFFIXES = frozenset({"", ".txt", ".md", ".rst", ".html", ".pdf"})
_CODE = frozenset({".py", ".so", ".pyd"})
_KEPT_ABOVE = frozenset({"share", "lib", "lib64"})


def part_of(path: str, *, metadata: str = "") -> Part:
    """What a file is for. ``path`` is relative to the site directory (or ``../..`` above it); ``metadata`` is the
    name of the distribution's own metadata directory.

    The parts of the names decide, as authors use them: a directory ``tests`` below a package is spare, a top-level
    package of that name is too (it is installed by mistake). Import contracts know which modules are really needed.
    """  # noqa: D205
    folders, _, name = path.rpartition("/")
    parts = folders.split("/") if folders else []
    cached = "__pycache__" in parts and name.endswith((".pyc", ".pyo"))
    # virtualenv records the directories themselves
    if cached or name == "__pycache__" or (metadata and parts[:1] == [metadata]):
        return Part.OWN
    suffix = splitext(name)[1]
    if not _SPARE_DIRECTORIES.isdisjoint(parts) or _SPARE_NAMES.fullmatch(name) or suffix.lower() in _SPARE_SUFFIXES:
        return Part.SPARE
    if _PAPERS.fullmatch(name) and (suffix.lower() in _PAPER_SUFFIXES or name[:2].isupper()):
        return Part.SPARE
    if parts[:1] == [".."]:
        return Part.SPARE if _KEPT_ABOVE.isdisjoint(parts) else Part.DATA
    return Part.MODULE if suffix in _CODE else Part.DATA
