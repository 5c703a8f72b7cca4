"""Symbols that a compiled file takes from libraries of other distributions, and that these do not have.

``undefined symbol`` at import is how a wheel built against another release of a C++ library shows (extension
modules for a deep-learning framework, mostly). CPython loads extension modules with RTLD_NOW, so a symbol that
nothing defines makes the import fail. Here only C++ symbols count (mangled names carry the full signature), and
only when every library that the file needs is there to be asked. Read with pyelftools: hash tables of the
libraries, never their whole symbol tables.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, cast

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.hash import ELFHashSection, GNUHashSection
from elftools.elf.sections import SymbolTableSection

from doctor.imports.elf import Reader, reader_of
from doctor.imports.libraries import Libraries, expand

_BLOCK = 64 * 1024
_BLOCKS_KEPT = 512
_MOST_SYMBOLS = 20_000
_MANGLED = "_Z"
_UNREADABLE = (ELFError, OSError, ValueError, KeyError, IndexError, AttributeError, TypeError, UnicodeDecodeError)


class SymbolTables:
    """Asks the libraries of one environment for symbols; tables are opened once."""

    def __init__(self, libraries: Libraries) -> None:
        self.libraries = libraries
        self._tables: dict[str, GNUHashSection | ELFHashSection | None] = {}

    def undefined(self, path: str) -> tuple[str, str] | None:
        """(symbol, library of the environment that should have had it) that loading ``path`` would miss, or None.

        Only files that need a library of another distribution are looked at. None also when it is not certain: a
        library is missing or unreadable, or no such library gives the file any C++ symbol (then it is not what the
        file was built against).
        """
        foreign = [each for each in self._needed(path) if _is_foreign(path, each, self.libraries)]
        closure = self._closure(path) if foreign else None
        if closure is None:
            return None
        near = [each for each in closure if self.libraries.is_inside(each) and each not in foreign]
        givers = dict.fromkeys(foreign, 0)
        lacking: list[str] = []
        for symbol in self._wanted(path):
            giver = next((each for each in (*foreign, *near, *closure) if self._has(each, symbol)), None)
            if giver is None:
                lacking.append(symbol)
            elif giver in givers:
                givers[giver] += 1
        if not lacking or not any(givers.values()):
            return None
        return lacking[0], max(givers, key=lambda each: givers[each])

    def _needed(self, path: str) -> list[str]:
        """Where the libraries lie that the file itself names."""
        elf = self.libraries.elf(path)
        if isinstance(elf, str):
            return []
        places = (*expand(elf.rpath, path), *expand(elf.runpath, path))
        return [found for soname in elf.needed if (found := self.libraries.find(soname, places))]

    def _closure(self, path: str) -> list[str] | None:
        """Every library that loading the file brings in, those of the host too; None when one is not there."""
        found: dict[str, None] = {}
        waiting: list[tuple[str, tuple[str, ...]]] = [(path, ())]
        while waiting:
            current, inherited = waiting.pop()
            elf = self.libraries.elf(current)
            if isinstance(elf, str):
                return None
            passed = inherited if elf.runpath else (*expand(elf.rpath, current), *inherited)
            for soname in elf.needed:
                library = self.libraries.find(soname, (*passed, *expand(elf.runpath, current)))
                if library is None:
                    return None
                if library not in found:
                    found[library] = None
                    waiting.append((library, passed))
        return list(found)

    def _wanted(self, path: str) -> Iterator[str]:
        """C++ symbols that the file takes from elsewhere and cannot do without."""
        try:
            section = self._open(path).get_section_by_name(".dynsym")
            if not isinstance(section, SymbolTableSection) or section.num_symbols() > _MOST_SYMBOLS:
                return
            for symbol in section.iter_symbols():
                strong = symbol["st_info"]["bind"] == "STB_GLOBAL"
                if strong and symbol["st_shndx"] == "SHN_UNDEF" and symbol.name.startswith(_MANGLED):
                    yield symbol.name
        except _UNREADABLE:
            return

    def _has(self, library: str, symbol: str) -> bool:
        """Whether a library defines a symbol; one without a table that can be asked is taken to."""
        if library not in self._tables:
            self._tables[library] = self._table(library)
        table = self._tables[library]
        if table is None:
            return True
        try:
            found = table.get_symbol(symbol)
        except _UNREADABLE:
            return True
        return found is not None and found["st_shndx"] != "SHN_UNDEF"

    def _table(self, library: str) -> GNUHashSection | ELFHashSection | None:
        try:
            elf = self._open(library)
            section = elf.get_section_by_name(".gnu.hash") or elf.get_section_by_name(".hash")
        except _UNREADABLE:
            return None
        return section if isinstance(section, GNUHashSection | ELFHashSection) else None

    def _open(self, path: str) -> ELFFile:
        stream = _Stream(reader_of(self.libraries.files, path), self._size(path))
        return ELFFile(cast("BinaryIO", stream))

    def _size(self, path: str) -> int:
        facts = self.libraries.files.facts(path)
        return facts.size if facts else 0


class _Stream(io.RawIOBase):
    """A file that is read in blocks when a block is needed, as pyelftools wants it."""

    def __init__(self, read: Reader, size: int) -> None:
        super().__init__()
        self._read, self._size, self._at = read, size, 0
        self._blocks: dict[int, bytes] = {}

    def seekable(self) -> bool:
        """Always."""
        return True

    def readable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The offset of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the offset of the next byte."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Bytes from the offset on; fewer at the end."""
        left = max(0, self._size - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        first, last = self._at // _BLOCK, (self._at + wanted) // _BLOCK
        data = b"".join(self._block(number) for number in range(first, last + 1))
        start = self._at - first * _BLOCK
        self._at += wanted
        return data[start : start + wanted]

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            if len(self._blocks) >= _BLOCKS_KEPT:
                self._blocks.clear()
            self._blocks[number] = self._read(number * _BLOCK, _BLOCK)
        return self._blocks[number]


def _is_foreign(path: str, library: str, libraries: Libraries) -> bool:
    """Whether a library lies in another package of the environment; ``name.libs`` are copies made for one package."""
    if not libraries.is_inside(library):
        return False
    tops = [_top(each, libraries) for each in (path, library)]
    return bool(tops[0] and tops[1]) and tops[0] != tops[1] and not tops[1].endswith(".libs")


def _top(path: str, libraries: Libraries) -> str:
    """The directory in site-packages below which a file lies, '' for a file directly in it."""
    for place in libraries.environment.site_dirs:
        if path.startswith(f"{place}/"):
            return path[len(place) + 1 :].rpartition("/")[0].partition("/")[0]
    return ""
