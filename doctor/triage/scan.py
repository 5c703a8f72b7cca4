"""A log of any size, read once in constant memory: where the patterns occur, and the parts worth reading closely.

Rules are regexes over single lines. A large log has few kinds of lines: they differ in digits only. So each piece of
the log is reduced to its shapes (all digits made 0), and only shapes never seen before are searched for the literal
text that a match must contain, and then matched. Before that a coarser sieve puts most lines aside. 500 MB cost little
more than splitting them into lines.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import BinaryIO

from doctor.rulebook.literals import needle
from doctor.rulebook.rules import Needle
from doctor.triage.digest import Digest
from doctor.triage.lines import Line, read_line
from doctor.triage.probes import DIGITS, LONGEST, Probe, look, places_of
from doctor.triage.sieve import Sieve

PIECE = 256 * 1024
"""Bytes that are searched at once."""
WHOLE = 3 * 1024**2
"""Logs up to this many bytes are read closely from end to end."""
_HEAD, _TAIL = 384 * 1024, 1024**2
_FRESH_TRIES = 64
_KNOWN, _KNOWN_TRIES = 400, 6
"""What was found so often is no news: of its new shapes only so many are tried in each piece."""
_SHAPES = 100_000
_OVERWRITTEN = re.compile(rb"[^\n]*\r(?!\n)")
_WINDOW_LINES = 160
_WINDOWS = 24
_ESCAPES = re.compile(rb"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b]{0,2048}(?:\x07|\x1b\\)")
_HEADER = b"Traceback (most recent call last)"
_STAMPED = re.compile(rb"\d{4}[-/]\d\d[-/]\d\d[T :]\d\d:\d\d:\d\d")


class Scanner:
    """Takes a log piece by piece; ``digest`` may be asked for at any time (a log that is followed grows)."""

    def __init__(self, patterns: Iterable[Needle | str]) -> None:
        """Search for these patterns; those without a literal are tried on the closely read lines only."""
        wanted = {one.pattern: one for one in (needle(p) if isinstance(p, str) else p for p in patterns)}
        self._probes = [
            Probe(one.pattern, tuple(text.encode() for text in one.literals), one.digits) for one in wanted.values()
        ]
        self._owners: dict[bytes, list[Probe]] = {}
        for probe in self._probes:
            for literal in dict.fromkeys(probe.shapes):
                self._owners.setdefault(literal, []).append(probe)
        self._sieve = Sieve(self._owners)
        self._seen: set[bytes] = set()
        self._telling: dict[bytes, list[Probe]] = {}
        self._carry = b""
        self._inside = False
        self._lines = 0
        self._size = 0
        self._head: list[tuple[int, bytes]] = []
        self._head_size = 0
        self._tail: deque[tuple[int, bytes]] = deque()
        self._tail_size = 0
        self._windows: list[tuple[int, list[bytes]]] = []
        self._late: deque[tuple[int, list[bytes]]] = deque(maxlen=_WINDOWS)
        self._stamps = ["", ""]

    def read(self, stream: BinaryIO) -> None:
        """Everything up to the end of the stream."""
        while piece := stream.read(PIECE):
            self.feed(piece)

    def feed(self, piece: bytes) -> None:
        """The next bytes, of any size."""
        self._size += len(piece)
        if self._inside:
            # The rest of a line that is longer than any message.
            end = piece.find(b"\n")
            if end < 0:
                return
            self._inside, piece = False, piece[end:]
        data = self._carry + piece
        end = data.rfind(b"\n") + 1
        self._carry = data[end:]
        if len(self._carry) >= PIECE:
            self._carry, self._inside = self._carry[:LONGEST], True
        if end:
            self._take(data[:end])

    def digest(self) -> Digest:
        """What was found so far, the unfinished last line included."""
        if self._carry:
            self._take(self._carry)
            self._carry = b""
        excerpts = tuple(self._excerpts())
        last = next((line for line in reversed(excerpts[-1]) if line.text), None) if excerpts else None
        return Digest(
            occurrences={probe.pattern: probe.found for probe in self._probes if probe.found.count},
            excerpts=excerpts,
            lines=self._lines,
            size=self._size,
            first_stamp=self._stamps[0],
            last_stamp=self._stamps[1],
            last_line=last,
        )

    def _take(self, data: bytes) -> None:
        """Whole lines: search them and keep what may be read closely."""
        first = self._lines + 1
        clean = _ESCAPES.sub(b"", data) if b"\x1b" in data else data
        if b"\r" in clean:
            clean = _OVERWRITTEN.sub(b"", clean.replace(b"\r\n", b"\n"))
        marked: dict[str, tuple[Probe, list[int]]] = {}
        suspects = self._sieve.suspects(clean)
        if suspects is None or suspects:
            shapes = clean.translate(DIGITS).split(b"\n")
            if suspects is None:
                self._learn(set(shapes) - self._seen)
            else:
                self._learn_suspects(
                    {shapes[at]: literals for at, literals in suspects if shapes[at] not in self._seen}
                )
            telling = self._telling
            for at in range(len(shapes)) if suspects is None else (at for at, _ in suspects):
                if shapes[at] in telling:
                    for probe in telling[shapes[at]]:
                        marked.setdefault(probe.pattern, (probe, []))[1].append(at)
        if marked:
            lines = clean.split(b"\n")
            for probe, places in marked.values():
                look(probe, lines, places, first)
        self._keep(data, first)
        self._remember_time(clean)
        self._lines += data.count(b"\n")

    def _learn(self, fresh: set[bytes]) -> None:
        """Which probes hold on shapes that were never seen."""
        self._note(fresh)
        text = b"\n".join([shape[:LONGEST] for shape in sorted(fresh)])
        for probe in self._probes if fresh else ():
            if probe.literals:
                self._try(probe, _lines_at(text, places_of(text, probe.shapes)))

    def _learn_suspects(self, fresh: dict[bytes, tuple[bytes, ...]]) -> None:
        """The same of shapes of which the literals are known that they may hold."""
        self._note(fresh.keys())
        held: dict[bytes, list[bytes]] = {}
        for shape in sorted(fresh):
            for literal in fresh[shape]:
                if literal in (shape if len(shape) < LONGEST else shape[:LONGEST]):
                    held.setdefault(literal, []).append(shape)
        wanted: dict[str, tuple[Probe, set[bytes]]] = {}
        for literal, shapes in held.items():
            for probe in self._owners[literal]:
                wanted.setdefault(probe.pattern, (probe, set()))[1].update(shapes)
        for probe, found in wanted.values():
            self._try(probe, sorted(found))

    def _note(self, fresh: Collection[bytes]) -> None:
        """Remember shapes; the memory of them is bounded."""
        if len(self._seen) > _SHAPES:
            self._seen.clear()
            self._telling.clear()
        self._seen.update(fresh)

    def _try(self, probe: Probe, shapes: Iterable[bytes]) -> None:
        """Note those of the shapes, which hold its literals, on which a probe holds."""
        most = _KNOWN_TRIES if probe.found.count > _KNOWN else _FRESH_TRIES
        for tries, shape in enumerate(shapes):
            if tries >= most and (not probe.exact or most == _KNOWN_TRIES):
                break
            told = self._telling.get(shape, ())
            if probe in told:
                continue
            short = shape[:LONGEST]
            if probe.exact or (probe.rough.search(short) and probe.match(read_line(0, short))):
                self._telling.setdefault(shape, []).append(probe)

    def _keep(self, data: bytes, first: int) -> None:
        """Head, tail and the surroundings of tracebacks, as bytes."""
        if self._head_size < _HEAD:
            self._head.append((first, data))
            self._head_size += len(data)
        else:
            self._tail.append((first, data))
            self._tail_size += len(data)
            spare = WHOLE if self._size <= WHOLE + PIECE else _TAIL
            while self._tail_size - len(self._tail[0][1]) > spare:
                dropped, text = self._tail.popleft()
                self._tail_size -= len(text)
                self._open_windows(text, dropped)

    def _open_windows(self, data: bytes, first: int) -> None:
        """Tracebacks in a piece that will not be read closely as a whole."""
        position, number = 0, first
        while (at := data.find(_HEADER, position)) >= 0:
            number += data.count(b"\n", position, at)
            start = data.rfind(b"\n", 0, at) + 1
            lines = data[start : start + 64 * 1024].split(b"\n")[:_WINDOW_LINES]
            if len(self._windows) < _WINDOWS:
                self._windows.append((number, lines))
            else:
                self._late.append((number, lines))
            skipped = len(b"\n".join(lines))
            number += data.count(b"\n", at, start + skipped)
            position = max(start + skipped, at + 1)

    def _excerpts(self) -> Iterator[tuple[Line, ...]]:
        """The parts that are read closely, in the order of the log."""
        if self._joined():
            yield from _read([*self._head, *self._tail])
            return
        yield from _read(self._head)
        for number, lines in (*self._windows, *self._late):
            yield tuple(read_line(number + i, text) for i, text in enumerate(lines))
        yield from _read(list(self._tail))

    def _joined(self) -> bool:
        """Nothing between head and tail was dropped."""
        if not self._tail or not self._head:
            return True
        number, data = self._head[-1]
        return number + data.count(b"\n") == self._tail[0][0]

    def _remember_time(self, data: bytes) -> None:
        """The first and the last time stamp of the log."""
        if not self._stamps[0]:
            found = _STAMPED.search(data[: 64 * 1024])
            self._stamps[0] = _stamp(data, found.start()) if found else ""
        for line in reversed(data[-16 * 1024 :].split(b"\n")):
            found = _STAMPED.search(line[:200])
            if found:
                self._stamps[1] = _stamp(line, found.start())
                return


def _lines_at(text: bytes, places: Iterable[int]) -> Iterator[bytes]:
    """The lines of a text in which these places are."""
    for at in places:
        start, end = text.rfind(b"\n", 0, at) + 1, text.find(b"\n", at)
        yield text[start : len(text) if end < 0 else end]


def _read(pieces: list[tuple[int, bytes]]) -> Iterator[tuple[Line, ...]]:
    """Neighbouring pieces as one run of lines."""
    if pieces:
        lines = b"".join(data for _, data in pieces).removesuffix(b"\n").split(b"\n")
        yield tuple(read_line(pieces[0][0] + i, line) for i, line in enumerate(lines))


def _stamp(data: bytes, at: int) -> str:
    return data[at : at + 40].decode("utf-8", "replace").partition("\n")[0]
