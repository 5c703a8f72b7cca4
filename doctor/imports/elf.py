"""ELF files as far as loading them is concerned: machine, segments, dynamic section, symbol versions.

Only headers and the dynamic section are read (System V ABI, chapters 4 and 5; symbol versions as in the Linux
Standard Base): a fraction of a millisecond for a library of any size. Sizes in the file are not believed beyond
fixed bounds, so a hostile file costs no more than a real one.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from doctor.model import FileView, RangedFileView

MACHINES = {
    3: "i386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64",
    258: "loongarch64",
}  # fmt: skip
"""``e_machine`` -> the name that ``uname -m`` has for it (a selection; others are shown by number)."""

_HEAD_BYTES = 4096
_SEGMENT_LIMIT = 512
_DYNAMIC_LIMIT = 64 * 1024
_STRING_LIMIT = 4096
_STRINGS_AT_ONCE = 32 * 1024
_VERSION_LIMIT = 4096
_LOAD, _DYNAMIC, _READ_ONLY = 1, 2, 4
_NEEDED, _STRTAB, _STRSZ, _SONAME, _RPATH, _RUNPATH = 1, 5, 10, 14, 15, 29
_VERDEF, _VERDEFNUM, _VERNEED, _VERNEEDNUM = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
_WEAK = 2

Reader = Callable[[int, int], bytes]
"""Gives at most so many bytes from an offset of the file."""


class ElfError(ValueError):
    """The file is no ELF file that a loader takes; the text says why, in the loader's words where it has some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One program header; ``loaded`` segments are mapped into memory, ``constant`` ones neither written nor run."""

    offset: int
    address: int
    size: int
    loaded: bool
    constant: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """Symbol versions that must be (or are) in one library; ``library`` is its soname as the file names it."""

    library: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """One ELF file. ``end``: where the last mapped segment ends, a shorter file is cut off."""

    machine: str
    bits: int
    little: bool
    end: int
    segments: tuple[Segment, ...]
    soname: str = ""
    needed: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    needs: tuple[Versions, ...] = ()
    defines: tuple[str, ...] = ()


def reader_of(files: FileView, path: str) -> Reader:
    """Reads parts of a file, without reading all of it where the view can do that."""
    if isinstance(files, RangedFileView):
        ranged = files
        return lambda start, length: ranged.read_range(path, start, length)
    return lambda start, length: files.read(path, start + length)[start:]


_OTHER_KINDS = re.compile(
    rb"\s*(?:/\*|(?:INPUT|GROUP|OUTPUT_FORMAT)\b)|!<arch>|\0asm|[\xcf\xce]\xfa\xed\xfe|\xfe\xed\xfa[\xcf\xce]|\xca\xfe\xba\xbe"
)
"""What may carry the name of a shared library and is whole: a linker script, an archive, a library for another system."""


def read_elf(read: Reader) -> Elf:
    """What the file says.

    Raises:
        ElfError: it is no ELF file, or ends before its own tables.
        OSError: it cannot be read.
    """
    head = read(0, _HEAD_BYTES)
    if not head:
        raise ElfError("file too short")
    if head[:4] != b"\x7fELF":
        raise ElfError("a file of another kind" if _OTHER_KINDS.match(head) else "invalid ELF header")
    try:
        return _Parser(read, head).parse()
    except struct.error as error:
        raise ElfError("file too short") from error


class _Parser:
    """Reads one file; every table is bounded."""

    def __init__(self, read: Reader, head: bytes) -> None:
        if len(head) < 6 or head[4] not in (1, 2) or head[5] not in (1, 2):
            raise ElfError("invalid ELF header")
        self.read, self.head = read, head
        self.wide, self.little = head[4] == 2, head[5] == 1
        self.order = "<" if self.little else ">"
        self.segments: tuple[Segment, ...] = ()

    def unpack(self, layout: str, data: bytes, offset: int = 0) -> tuple[int, ...]:
        """Numbers in the file's byte order; ``struct.error`` when the data ends early."""
        return struct.unpack_from(self.order + layout, data, offset)

    def parse(self) -> Elf:
        """All that ``Elf`` holds."""
        (machine,) = self.unpack("H", self.head, 18)
        self.segments, dynamic = self._program_headers()
        loaded = [s for s in self.segments if s.loaded]
        elf = Elf(
            machine=_machine_name(machine, little=self.little),
            bits=64 if self.wide else 32,
            little=self.little,
            end=max((s.offset + s.size for s in loaded), default=0),
            segments=self.segments,
        )
        return self._with_dynamic(elf, dynamic) if dynamic is not None else elf

    def _program_headers(self) -> tuple[tuple[Segment, ...], Segment | None]:
        start = self.unpack("Q" if self.wide else "I", self.head, 32 if self.wide else 28)[0]
        size, count = self.unpack("HH", self.head, 54 if self.wide else 42)
        count = min(count, _SEGMENT_LIMIT)
        table = self.head[start : start + size * count]
        if len(table) < size * count:
            table = self.read(start, size * count)
        segments, dynamic = [], None
        for offset in range(0, size * count, size or 1):
            if self.wide:
                kind, flags, at, address, _, filled = self.unpack("IIQQQQ", table, offset)
            else:
                kind, at, address, _, filled, _, flags = self.unpack("IIIIIII", table, offset)
            segment = Segment(
                offset=at, address=address, size=filled, loaded=kind == _LOAD, constant=flags & 7 == _READ_ONLY
            )
            segments.append(segment)
            if kind == _DYNAMIC:
                dynamic = segment
        return tuple(segments), dynamic

    def _with_dynamic(self, elf: Elf, dynamic: Segment) -> Elf:
        entries = self._entries(self.read(dynamic.offset, min(dynamic.size, _DYNAMIC_LIMIT)))
        table = _Strings(self, _first(entries, _STRTAB), _first(entries, _STRSZ))
        many = {tag: tuple(table.at(v) for t, v in entries if t == tag) for tag in (_NEEDED, _SONAME, _RPATH, _RUNPATH)}
        return Elf(
            machine=elf.machine, bits=elf.bits, little=elf.little, end=elf.end, segments=elf.segments,
            soname="".join(many[_SONAME][:1]),
            needed=many[_NEEDED],
            rpath=tuple(p for text in many[_RPATH] for p in text.split(":") if p),
            runpath=tuple(p for text in many[_RUNPATH] for p in text.split(":") if p),
            needs=tuple(self._needs(_first(entries, _VERNEED), _first(entries, _VERNEEDNUM), table)),
            defines=tuple(self._defines(_first(entries, _VERDEF), _first(entries, _VERDEFNUM), table)),
        )  # fmt: skip

    def _entries(self, data: bytes) -> list[tuple[int, int]]:
        layout, step = ("QQ", 16) if self.wide else ("II", 8)
        found: list[tuple[int, int]] = []
        for offset in range(0, len(data) - step + 1, step):
            tag, value = self.unpack(layout, data, offset)
            if tag == 0:
                break
            found.append((tag, value))
        return found

    def place(self, address: int) -> int | None:
        """The offset in the file of a virtual address."""
        for segment in self.segments:
            if segment.loaded and segment.address <= address < segment.address + segment.size:
                return address - segment.address + segment.offset
        return None

    def _version_data(self, address: int, count: int) -> bytes:
        start = self.place(address) if address and count else None
        return self.read(start, min(count, _VERSION_LIMIT) * 16 * 16) if start is not None else b""

    def _needs(self, address: int, count: int, strings: _Strings) -> Iterator[Versions]:
        """Records Verneed with their Vernaux; weak versions may be missing and are left out."""
        data, at = self._version_data(address, count), 0
        for _ in range(min(count, _VERSION_LIMIT) if data else 0):
            _, inner, name, first, following = self.unpack("HHIII", data, at)
            names, aux = [], at + first
            for _ in range(min(inner, _VERSION_LIMIT)):
                if aux + 16 > len(data):
                    break
                _, flags, _, text, further = self.unpack("IHHII", data, aux)
                if not flags & _WEAK:
                    names.append(strings.at(text))
                aux += further
            yield Versions(library=strings.at(name), names=tuple(names))
            at += following
            if not following or at + 16 > len(data):
                return

    def _defines(self, address: int, count: int, strings: _Strings) -> Iterator[str]:
        """The name of every Verdef record."""
        data, at = self._version_data(address, count), 0
        for _ in range(min(count, _VERSION_LIMIT) if data else 0):
            _, _, _, _, _, first, following = self.unpack("HHHHIII", data, at)
            if at + first + 4 <= len(data):
                yield strings.at(self.unpack("I", data, at + first)[0])
            at += following
            if not following or at + 20 > len(data):
                return


class _Strings:
    """The dynamic string table; small ones are read at once, of large ones only the strings asked for."""

    def __init__(self, parser: _Parser, address: int, size: int) -> None:
        self._start = parser.place(address)
        self._size = size
        self._read = parser.read
        whole = self._start is not None and size <= _STRINGS_AT_ONCE
        self._data = parser.read(self._start or 0, size) if whole else None

    def at(self, offset: int) -> str:
        """The string at an offset of the table; '' where there is none."""
        if self._start is None or offset >= self._size:
            return ""
        if self._data is not None:
            data = self._data[offset : offset + _STRING_LIMIT]
        else:
            data = self._read(self._start + offset, min(_STRING_LIMIT, self._size - offset))
        return data.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _machine_name(machine: int, *, little: bool) -> str:
    """As ``uname -m`` says it; of the two PowerPC byte orders the little one has its own name."""
    name = MACHINES.get(machine, f"machine {machine}")
    return f"{name}le" if name == "ppc64" and little else name


def _first(entries: list[tuple[int, int]], tag: int) -> int:
    return next((value for known, value in entries if known == tag), 0)
