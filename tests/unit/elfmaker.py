"""Small ELF files that say what a test needs: libraries, rpaths, symbol versions, constants."""

from __future__ import annotations

import platform
import struct
from collections.abc import Mapping, Sequence

MACHINES = {"x86_64": 62, "aarch64": 183, "i386": 3, "ppc64le": 21, "s390x": 22, "riscv64": 243}
PAGE = 4096


def elf(
    needed: Sequence[str] = (),
    *,
    machine: str = platform.machine(),
    runpath: str = "",
    rpath: str = "",
    needs: Mapping[str, Sequence[str]] | None = None,
    defines: Sequence[str] = (),
    constants: bytes = b"",
    bits: int = 64,
    has: Sequence[str] = (),
    wants: Sequence[str] = (),
) -> bytes:
    """A shared object with one read-only segment that holds everything, and a dynamic section.

    ``has`` and ``wants`` are symbols that it defines and that it takes from elsewhere (64 bits only).
    """
    strings = _Strings()
    symbols = [(strings.add(name), 1 if name in has else 0) for name in (*has, *wants)]
    dynamic = [(1, strings.add(name)) for name in needed]
    dynamic += [(tag, strings.add(text)) for tag, text in ((29, runpath), (15, rpath)) if text]
    versions_needed = _needs(needs or {}, strings)
    versions_defined = _defines(defines, strings)
    header, entry = (64, 56) if bits == 64 else (52, 32)
    word = 16 if bits == 64 else 8
    start = header + 2 * entry
    at_needs = start
    at_defines = at_needs + len(versions_needed)
    at_strings = at_defines + len(versions_defined)
    at_constants = at_strings + len(strings.data)
    at_dynamic = (at_constants + len(constants) + 15) // 16 * 16
    dynamic += [(5, at_strings), (10, len(strings.data))]
    if needs:
        dynamic += [(0x6FFFFFFE, at_needs), (0x6FFFFFFF, len(needs))]
    if defines:
        dynamic += [(0x6FFFFFFC, at_defines), (0x6FFFFFFD, len(defines))]
    dynamic.append((0, 0))
    table = b"".join(struct.pack("<QQ" if bits == 64 else "<II", *pair) for pair in dynamic)
    end = at_dynamic + word * len(dynamic)
    body = versions_needed + versions_defined + strings.data + constants
    body = body.ljust(at_dynamic - start, b"\0") + table
    segments = [_segment(1, 4, 0, end, bits), _segment(2, 6, at_dynamic, len(table), bits)]
    made = b"".join(segments) + body
    if not symbols:
        return _header(MACHINES[machine], header, entry, bits) + made
    tables, at_sections = _sections(symbols, (at_strings, len(strings.data)), end)
    return _header(MACHINES[machine], header, entry, bits, at_sections) + made + tables


class _Strings:
    def __init__(self) -> None:
        self.data = b"\0"

    def add(self, text: str) -> int:
        offset = len(self.data)
        self.data += text.encode() + b"\0"
        return offset


def _header(machine: int, size: int, entry: int, bits: int, sections: int = 0) -> bytes:
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1, 1]) + bytes(9)
    layout = "<HHIQQQIHHHHHH" if bits == 64 else "<HHIIIIIHHHHHH"
    count = (64, 5, 4) if sections else (0, 0, 0)
    return ident + struct.pack(layout, 3, machine, 1, 0, size, sections, 0, size, entry, 2, *count)


def _sections(symbols: Sequence[tuple[int, int]], strings: tuple[int, int], start: int) -> tuple[bytes, int]:
    """(symbol table, System V hash table with one bucket, names and headers of the sections; offset of the headers)."""
    table = bytes(24) + b"".join(struct.pack("<IBBHQQ", name, 0x12, 0, index, 0, 0) for name, index in symbols)
    count = len(symbols) + 1
    chains = struct.pack(f"<{count}I", 0, *(n + 1 if n < len(symbols) else 0 for n in range(1, count)))
    hashes = struct.pack("<III", 1, count, 1) + chains
    names = b"\0.dynstr\0.dynsym\0.hash\0.shstrtab\0"
    at_hashes = start + len(table)
    at_names = at_hashes + len(hashes)
    headers = bytes(64) + b"".join(
        struct.pack("<IIQQQQIIQQ", names.index(name), kind, 0, at, at, size, link, 0, 8, entry)
        for name, kind, at, size, link, entry in (
            (b".dynstr", 3, *strings, 0, 0),
            (b".dynsym", 11, start, len(table), 1, 24),
            (b".hash", 5, at_hashes, len(hashes), 2, 4),
            (b".shstrtab", 3, at_names, len(names), 0, 0),
        )
    )
    return table + hashes + names + headers, at_names + len(names)


def _segment(kind: int, flags: int, offset: int, size: int, bits: int) -> bytes:
    if bits == 64:
        return struct.pack("<IIQQQQQQ", kind, flags, offset, offset, offset, size, size, PAGE)
    return struct.pack("<IIIIIIII", kind, offset, offset, offset, size, size, flags, PAGE)


def _needs(needs: Mapping[str, Sequence[str]], strings: _Strings) -> bytes:
    data = b""
    for number, (library, names) in enumerate(needs.items()):
        auxiliary = b""
        for place, name in enumerate(names):
            following = 16 if place + 1 < len(names) else 0
            auxiliary += struct.pack("<IHHII", 0, 0, 2, strings.add(name), following)
        following = 16 + len(auxiliary) if number + 1 < len(needs) else 0
        data += struct.pack("<HHIII", 1, len(names), strings.add(library), 16, following) + auxiliary
    return data


def _defines(names: Sequence[str], strings: _Strings) -> bytes:
    data = b""
    for number, name in enumerate(names):
        following = 28 if number + 1 < len(names) else 0
        data += struct.pack("<HHHHIII", 1, 0, number + 1, 1, 0, 20, following) + struct.pack(
            "<II", strings.add(name), 0
        )
    return data
