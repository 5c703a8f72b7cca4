"""Puts aside the lines of a large log that hold no literal of any rule, without a look at most of them.

Hexadecimal numbers make every line of a log new. So lines are compared by their coarse form, in which all hexadecimal
digits are one: literals have a coarse form, too, and a line without the coarse form of a literal is without it. What
is left are suspects. Nothing that matches is lost; how many are put aside only decides the time.
"""

from __future__ import annotations

from collections.abc import Iterable

from doctor.triage.gates import choose_gates, lines_with
from doctor.triage.probes import LONGEST

_COARSE = bytes.maketrans(b"123456789abcdef", b"0" * 15)
_FROM = 4 * 1024**2
"""A log below so many bytes is searched without a sieve."""
_ANEW = 256 * 1024**2
_KNOWN = 20_000


class Sieve:
    """Lines in; the places of those that may hold literals out, with these literals."""

    def __init__(self, literals: Iterable[bytes]) -> None:
        """``literals`` are as shapes have them: digits made 0."""
        self._literals: dict[bytes, list[bytes]] = {}
        for literal in sorted(set(literals)):
            self._literals.setdefault(literal.translate(_COARSE), []).append(literal)
        self._gates: dict[bytes, tuple[bytes, ...]] = {}
        self._size, self._gates_until = 0, _FROM
        self._clean: set[bytes] = set()
        self._suspect: dict[bytes, tuple[bytes, ...]] = {}

    def suspects(self, data: bytes) -> list[tuple[int, tuple[bytes, ...]]] | None:
        """Of the lines of this piece that may hold literals: the place, and which; None: any line may hold any."""
        self._size += len(data)
        if self._size < _FROM:
            return None
        lines = data.translate(_COARSE).split(b"\n")
        suspect = self._suspect
        fresh = set(lines) - self._clean - suspect.keys()
        if fresh:
            self._learn(fresh)
        if suspect.keys().isdisjoint(lines):
            return []
        return [(at, suspect[line]) for at, line in enumerate(lines) if line in suspect]

    def _learn(self, fresh: set[bytes]) -> None:
        """Which of these coarse lines hold the coarse form of a literal; what is remembered is bounded."""
        if len(self._clean) + len(self._suspect) > _KNOWN:
            self._clean.clear()
            self._suspect.clear()
        text = b"\n".join(sorted(line[:LONGEST] for line in fresh))
        if self._size > self._gates_until:
            self._gates_until = self._size + _ANEW
            self._gates = choose_gates(self._literals, text)
        held: dict[bytes, list[bytes]] = {}
        for gate, behind in self._gates.items():
            for line in lines_with(text, gate):
                found = [literal for coarse in behind if coarse in line for literal in self._literals[coarse]]
                if found:
                    held.setdefault(line, []).extend(found)
        for line in fresh:
            if found := held.get(line if len(line) < LONGEST else line[:LONGEST], []):
                self._suspect[line] = tuple(found)
            else:
                self._clean.add(line)
