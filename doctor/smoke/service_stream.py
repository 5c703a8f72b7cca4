"""Answers of chat completions taken apart: a JSON body or a stream of server-sent events, into one draft.

Tolerant, because what services send differs: reasoning stands in ``reasoning`` or ``reasoning_content``, usage may come
in a chunk without choices, ``data: [DONE]`` may be missing, ``created`` may be a float. Pure functions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from doctor.smoke.service import Usage
from doctor.smoke.service_events import TEXTS, Events, Likeness, Twin

_LEARNT = 8  # chunks of a stream from which others are known; one for each kind of text is usual
_SERVER_NUMBERS = (
    "time_to_first_token",
    "total_latency",
    "completion_tokens_per_sec",
    "completion_tokens_after_first_per_sec",
    "total_tokens_per_sec",
    "response_time",
    "throughput_tokens_per_second",
)


@dataclass(slots=True, kw_only=True)
class Draft:
    """What an answer said so far.

    ``error``: the text of an error object in it; ``events`` counts chunks of a stream, ``choices`` those with choices;
    ``unreadable``: the first event that is no JSON object; ``done``: ``[DONE]`` came.
    """

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    finish: str = ""
    usage: Usage = field(default_factory=Usage)
    server: dict[str, float] = field(default_factory=dict)
    model: str = ""
    fingerprint: str = ""
    answer_id: str = ""
    error: str = ""
    events: int = 0
    choices: int = 0
    unreadable: str = ""
    done: bool = False
    tools: bool = False
    first_token_at: float | None = None
    first_answer_at: float | None = None
    arrivals: list[float] = field(default_factory=list)

    def say(self, text: str, reasoning: str, moment: float | None) -> bool:
        """Add text and reasoning of one chunk, and when they arrived; whether there was any."""
        if not (text or reasoning):
            return False
        if text:
            self.text.append(text)
        if reasoning:
            self.reasoning.append(reasoning)
        if moment is not None:
            self.arrivals.append(moment)
            if self.first_token_at is None:
                self.first_token_at = moment
            if text and self.first_answer_at is None:
                self.first_answer_at = moment
        return True


def read_body(body: str) -> Draft:
    """The draft of an answer that came in one piece."""
    draft = Draft()
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        draft.unreadable = body[:200]
        return draft
    draft.events = 1
    _read(draft, data, "message", None)
    return draft


def read_stream(pieces: Sequence[tuple[float, bytes]]) -> Draft:
    """The draft of a stream from its pieces, each with the time at which it arrived (WHATWG server-sent events).

    An event is dated by the piece that completes it.
    """
    reader = _StreamReader()
    for moment, piece in pieces:
        reader.piece(moment, piece)
    for payload in reader.events.end():
        reader.event(pieces[-1][0], payload)
    return reader.draft


class _StreamReader:
    """Reads what is new as JSON, and what is like something already read by comparing."""

    __slots__ = ("_learnt", "_likeness", "_twin", "draft", "events")

    def __init__(self) -> None:
        self.draft, self.events, self._learnt = Draft(), Events(), 0
        self._likeness: Likeness | None = None
        self._twin: Twin | None = None

    def piece(self, moment: float, piece: bytes) -> None:
        text = self._twin.text_in(piece) if self._twin and self.events.between else None
        if text is not None:
            self._say(text, moment)
            return
        for payload in self.events.feed(piece):
            self.event(moment, payload)

    def event(self, moment: float, payload: str) -> None:
        likeness, draft = self._likeness, self.draft
        text = likeness.text_in(payload) if likeness else None
        if likeness and text is not None:
            self._twin = self._twin_of(payload, likeness)
            self._say(text, moment)
            return
        if payload == "[DONE]":
            draft.done = True
            return
        try:
            data = json.loads(payload)
        except (ValueError, RecursionError):
            draft.unreadable = draft.unreadable or payload[:200]
            return
        draft.events += 1
        if _read(draft, data, "delta", moment) and self._learnt < _LEARNT:
            self._learnt += 1
            self._likeness, self._twin = Likeness.of(payload, data), None

    def _say(self, text: str, moment: float) -> None:
        """A chunk that is alike brought this."""
        draft = self.draft
        draft.events += 1
        draft.choices += 1
        if self._likeness and self._likeness.reasoning:
            draft.say("", text, moment)
        else:
            draft.say(text, "", moment)

    def _twin_of(self, payload: str, likeness: Likeness) -> Twin | None:
        place = likeness.place_in(payload)
        return Twin(payload, place) if place and "\n" not in payload and "\r" not in payload else None


def _read(draft: Draft, data: Any, key: str, moment: float | None) -> bool:
    """Add one chunk (or the whole answer) to the draft; whether it brought text and nothing that ends or counts."""
    if not isinstance(data, dict):
        draft.unreadable = draft.unreadable or str(data)[:200]
        return False
    error = error_in(data)
    draft.error = draft.error or error
    draft.model = _word(data.get("model")) or draft.model
    draft.fingerprint = _word(data.get("system_fingerprint")) or draft.fingerprint
    draft.answer_id = _word(data.get("id")) or draft.answer_id
    _numbers(draft, data)
    usage = data.get("usage")
    if isinstance(usage, dict):
        draft.usage = _usage(usage)
        _numbers(draft, usage)
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return False
    draft.choices += 1
    choice = choices[0]
    finish = _word(choice.get("finish_reason"))
    draft.finish = finish or draft.finish
    said = choice.get(key)
    if not isinstance(said, dict):
        return False
    text, reasoning = (_word(said.get(name)) for name in TEXTS[:2])
    draft.tools = draft.tools or bool(said.get("tool_calls"))
    spoke = draft.say(text, reasoning or _word(said.get(TEXTS[2])), moment)
    return spoke and not (error or finish or usage)


def error_in(data: Mapping[str, Any]) -> str:
    """The message of an error object, in any of the shapes that services use; '' when it is none."""
    error = data.get("error")
    if isinstance(error, dict):
        words = (_word(error.get("code")), _word(error.get("message")) or json.dumps(error)[:300])
        return ": ".join(word for word in words if word)
    if error and isinstance(error, str):
        return error
    if data.get("object") == "error":
        return f'"object": "error": {_word(data.get("message")) or json.dumps(dict(data))[:300]}'
    detail = data.get("detail")
    if isinstance(detail, str):
        return detail
    if isinstance(detail, list):
        return "; ".join(_detail(entry) for entry in detail[:5])
    return ""


def _detail(entry: Any) -> str:
    """One complaint about a field, as FastAPI and Ninja write them."""
    if not isinstance(entry, dict):
        return str(entry)[:200]
    place = entry.get("loc")
    where = ".".join(str(part) for part in place) if isinstance(place, list) else ""
    return f"{where}: {_word(entry.get('msg'))}".strip(": ")


def _numbers(draft: Draft, source: Mapping[str, Any]) -> None:
    """What the service measured itself."""
    if source.keys().isdisjoint(_SERVER_NUMBERS):
        return
    for name in _SERVER_NUMBERS:
        value = source.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            draft.server[name] = float(value)


def _usage(usage: Mapping[str, Any]) -> Usage:
    details = usage.get("completion_tokens_details")
    return Usage(
        prompt=_count(usage.get("prompt_tokens")),
        completion=_count(usage.get("completion_tokens")),
        total=_count(usage.get("total_tokens")),
        reasoning=_count(details.get("reasoning_tokens")) if isinstance(details, dict) else None,
    )


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
