"""One pattern on its way through a log: where its literals are, which lines it matches, what is remembered of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from doctor.rulebook.literals import unanchored
from doctor.triage.digest import Hit, Occurrences
from doctor.triage.lines import Line, read_line

LONGEST = 8192
"""Bytes of a line that are searched."""
DIGITS = bytes.maketrans(b"123456789", b"000000000")
"""To the shape of a line: all digits made 0."""
_EDGE = 6


@dataclass(slots=True, eq=False)
class Probe:
    """One pattern on its way through the log. ``exact`` patterns ask for certain digits: shapes do not decide."""

    pattern: str
    literals: tuple[bytes, ...]
    exact: bool
    regex: re.Pattern[str] | None = None
    bare: re.Pattern[bytes] | None = None
    found: Occurrences = field(default_factory=Occurrences)

    def match(self, line: Line) -> re.Match[str] | None:
        """The match in the message, else in the whole line."""
        if self.regex is None:
            self.regex = re.compile(self.pattern)
        found = self.regex.search(line.message)
        return found if found or line.message == line.text else self.regex.search(line.text)

    @property
    def rough(self) -> re.Pattern[bytes]:
        """The pattern on raw bytes without its anchors: what it refuses, the pattern refuses too."""
        if self.bare is None:
            self.bare = re.compile(unanchored(self.pattern).encode())
        return self.bare

    @property
    def shapes(self) -> tuple[bytes, ...]:
        """The literals as shapes have them: digits aside."""
        return tuple(literal.translate(DIGITS) for literal in self.literals)


def look(probe: Probe, lines: list[bytes], places: list[int], first: int) -> None:
    """The lines of one piece that a probe is about: the first and the last ones, the others only counted."""
    if probe.exact:
        places = [at for at in places if probe.rough.search(lines[at], 0, LONGEST)]
    left_out = max(0, len(places) - 2 * _EDGE)
    if left_out:
        places = places[:_EDGE] + places[-_EDGE:]
    before = probe.found.count
    for at in places:
        line = read_line(first + at, lines[at][:LONGEST])
        match = probe.match(line)
        if match:
            named = {name: text or "" for name, text in match.groupdict().items()}
            numbered = {str(i): text or "" for i, text in enumerate((match[0], *match.groups()))}
            probe.found.add(Hit(line=line, groups={**numbered, **named}))
    if left_out and probe.found.count > before:
        probe.found.count += left_out


def places_of(data: bytes, literals: tuple[bytes, ...]) -> Iterator[int]:
    """Where one of the literals is, at most once a line, in order."""
    if len(literals) == 1:
        literal, at = literals[0], data.find(literals[0])
        while at >= 0:
            yield at
            end = data.find(b"\n", at)
            at = -1 if end < 0 else data.find(literal, end)
        return
    following = {literal: at for literal in literals if (at := data.find(literal)) >= 0}
    while following:
        at = min(following.values())
        yield at
        end = data.find(b"\n", at)
        if end < 0:
            return
        for literal, place in list(following.items()):
            if place < end:
                again = data.find(literal, end)
                if again < 0:
                    del following[literal]
                else:
                    following[literal] = again
