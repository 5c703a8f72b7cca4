"""Server-sent events out of bytes, and the text out of events that are alike, without reading each as JSON.

A stream of a hundred tokens is a hundred JSON objects that differ by one string. The first is read in full and
remembered; one that is the same but for that string (and the time in ``created``) is cut, not parsed. That this gives
the same is checked when the first is remembered: in JSON a string may be replaced by a string, a number by a number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_PLAIN_BYTES = re.compile(rb'[^"\\\x00-\x1f]*')
_STRING = re.compile(r'"((?:[^"\\\x00-\x1f]|\\.)*)"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_CREATED = re.compile(r'"created"\s*:\s*(?=[-0-9])')
_LONGEST_NUMBER = 32
TEXTS = ("content", "reasoning", "reasoning_content")
"""Where a chunk's ``delta`` holds text, the answer's first."""


class Twin:
    """A piece that is one whole event with a plain string in one place: others differ from it by that string only.

    ``created`` stays the same for a second, so most pieces of a stream are twins, and finding that out is less work
    than taking an event out of bytes.
    """

    __slots__ = ("_after", "_before", "_shortest")

    def __init__(self, payload: str, place: tuple[int, int]) -> None:
        """Of a chunk and where its string stands."""
        self._before, self._after = f"data: {payload[: place[0]]}".encode(), f"{payload[place[1] :]}\n\n".encode()
        self._shortest = len(self._before) + len(self._after)

    def text_in(self, piece: bytes) -> str | None:
        """The string of a twin; None when it is none, or when its string has to be read as JSON."""
        if len(piece) < self._shortest or not piece.startswith(self._before) or not piece.endswith(self._after):
            return None
        text = piece[len(self._before) : len(piece) - len(self._after)]
        return text.decode("utf-8", "replace") if _PLAIN_BYTES.fullmatch(text) else None


class Events:
    """The ``data`` of the events in a stream of bytes; comments and other fields are passed over.

    WHATWG HTML, section 9.2 (server-sent events).
    """

    __slots__ = ("_lines", "_rest")

    def __init__(self) -> None:
        """Before the first byte."""
        self._rest, self._lines = b"", list[str]()

    @property
    def between(self) -> bool:
        """All that came were whole events."""
        return not (self._rest or self._lines)

    def feed(self, piece: bytes) -> list[str]:
        """The events that these bytes complete."""
        if piece.startswith(b"data: ") and piece.endswith(b"\n\n") and b"\r" not in piece and self.between:
            blocks = piece[6:-2].split(b"\n\ndata: ")
            if piece.count(b"\n") == 2 * len(blocks):  # whole events of one line each: the usual case
                return [block.decode("utf-8", "replace") for block in blocks]
        found: list[str] = []
        *whole, self._rest = (self._rest + piece).split(b"\n")
        for raw in whole:
            line = raw.rstrip(b"\r")
            if line.startswith(b"data:"):
                self._lines.append(_data_of(line))
            elif not line and self._lines:
                found.append("\n".join(self._lines))
                self._lines = []
        return found

    def end(self) -> list[str]:
        """The event that the end of the stream completes."""
        if self._rest.startswith(b"data:"):
            self._lines.append(_data_of(self._rest.rstrip(b"\r")))
        return ["\n".join(self._lines)] if self._lines else []


def _data_of(line: bytes) -> str:
    return line[5:].removeprefix(b" ").decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Likeness:
    """A chunk with one string taken out, and its ``created`` when it has one before or after that string.

    ``before``, ``between``, ``after`` are what stays; ``between`` is '' without a number. ``reasoning``: the string is
    not the answer's.
    """

    before: str
    between: str
    after: str
    number_first: bool
    reasoning: bool

    @classmethod
    def of(cls, payload: str, data: Mapping[str, Any]) -> Self | None:
        """Of a chunk and what it means; None when it holds no or several texts, or anything that is not repeated."""
        delta = _delta(data)
        texts = [name for name in TEXTS if delta.get(name)]
        if len(texts) != 1 or not isinstance(delta[texts[0]], str):
            return None
        found = list(re.finditer(rf'"{texts[0]}"\s*:\s*(?=")', payload))
        string = _STRING.match(payload, found[0].end()) if len(found) == 1 else None
        if not string:
            return None
        text, created = string.span(1), _created(payload)
        holes = sorted((text, created)) if created else [text]
        first, last = holes[0], holes[-1]
        likeness = cls(
            before=payload[: first[0]],
            between=payload[first[1] : last[0]] if created else "",
            after=payload[last[1] :],
            number_first=bool(created) and first == created,
            reasoning=texts[0] != TEXTS[0],
        )
        return likeness if likeness._holds(data, texts[0]) else None

    def _holds(self, data: Mapping[str, Any], name: str) -> bool:
        """Another text and another number in these places are that text and that number, and nothing else changes."""
        text, number = "other text", 17
        holes = (str(number), text) if self.number_first else (text, str(number))
        inside = self.between.join(holes) if self.between else text
        choices = data["choices"]
        other = {**choices[0], "delta": {**choices[0]["delta"], name: text}}
        wanted = {**data, "choices": [other, *choices[1:]]} | ({"created": number} if self.between else {})
        try:
            return bool(json.loads(f"{self.before}{inside}{self.after}") == wanted)
        except ValueError:
            return False

    def text_in(self, payload: str) -> str | None:
        """The string of a chunk that is alike; None when it is not."""
        place = self.place_in(payload)
        if place is None:
            return None
        if _PLAIN.fullmatch(payload, *place):
            return payload[slice(*place)]
        try:
            text: str = json.loads(f'"{payload[slice(*place)]}"')  # what begins with a quote is a string, or nothing
        except ValueError:
            return None
        return text

    def place_in(self, payload: str) -> tuple[int, int] | None:
        """Where the string of a chunk stands that is alike, though it may not be one; None when the chunk is not."""
        if not (payload.startswith(self.before) and payload.endswith(self.after)):
            return None
        start, end = self._place(payload, len(self.before), len(payload) - len(self.after))
        return None if start > end else (start, end)

    def _place(self, payload: str, start: int, end: int) -> tuple[int, int]:
        """Where the string stands, between these two; an end before the start when there is no number beside it."""
        nowhere, between = (1, 0), self.between
        if not between:
            return start, end
        if self.number_first:
            place = payload.find(between, start, min(end, start + _LONGEST_NUMBER + len(between)))
            number = (start, place)
            found = (place + len(between), end)
        else:
            place = payload.rfind(between, max(start, end - _LONGEST_NUMBER - len(between)), end)
            number = (place + len(between), end)
            found = (start, place)
        return found if place >= 0 and _NUMBER.fullmatch(payload, *number) else nowhere


def _delta(data: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = data.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    delta = first.get("delta") if isinstance(first, dict) else None
    return delta if isinstance(delta, dict) else {}


def _created(payload: str) -> tuple[int, int] | None:
    """Where the number of ``created`` stands, when there is one."""
    found = list(_CREATED.finditer(payload))
    number = _NUMBER.match(payload, found[0].end()) if len(found) == 1 else None
    return number.span() if number else None
