"""Few short texts that stand for many literals, so that a large log is gone through forty times and not three hundred.

Each literal contains its gate: a line without the gate has none of the literals behind it. Which texts are rare differs
from log to log, so gates are chosen by a sample of the log at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_LENGTHS = (3, 4, 6, 9, 14)
_SAMPLE = 16 * 1024


def choose_gates(literals: Iterable[bytes], sample: bytes) -> dict[bytes, tuple[bytes, ...]]:
    """Gate -> the literals that it stands for; every literal has one.

    Greedy: next the text that stands for the most literals for what it costs, which is one search of everything and,
    on each line that has it, a search for each of its literals.
    """
    left = set(literals)
    sample = sample[:_SAMPLE]
    lines = sample.count(b"\n") + 1
    parts: dict[bytes, set[bytes]] = {}
    for literal in left:
        for part in _parts(literal):
            parts.setdefault(part, set()).add(literal)
    rates = {part: sample.count(part) / lines for part in parts}
    chosen: dict[bytes, tuple[bytes, ...]] = {}
    while left:
        best = max(parts, key=lambda part: (_worth(part, len(parts[part]), rates[part]), part))
        behind = parts[best]
        chosen[best] = tuple(sorted(behind))
        left -= behind
        for literal in chosen[best]:
            for part in _parts(literal):
                others = parts.get(part)
                if others is not None and others is not behind:
                    others.discard(literal)
                    if not others:
                        del parts[part]
        del parts[best]
    return chosen


def _worth(part: bytes, behind: int, rate: float) -> float:
    return behind / (0.4 + 1.8 / len(part) + rate * behind * 4)


def _parts(literal: bytes) -> Iterator[bytes]:
    """The texts that could stand for a literal; itself when it is short."""
    if len(literal) <= _LENGTHS[0]:
        yield literal
    found = (literal[at : at + size] for size in _LENGTHS for at in range(len(literal) - size + 1))
    yield from set(found)


def lines_with(text: bytes, gate: bytes) -> list[bytes]:
    """The lines of a text that have the gate, in order."""
    found, at = [], text.find(gate)
    while at >= 0:
        start, end = text.rfind(b"\n", 0, at) + 1, text.find(b"\n", at)
        end = len(text) if end < 0 else end
        found.append(text[start:end])
        at = text.find(gate, end)
    return found
