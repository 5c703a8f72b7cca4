"""Answers of chat completions taken apart: a JSON body or a stream of server-sent events, into one draft.

Tolerant, because what services send differs: reasoning stands in ``reasoning`` or ``reasoning_content``, usage may come
in a chunk without choices, ``data: [DONE]`` may be missing, ``created`` may be a float. Pure functions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from doctor.smoke.service import Usage

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
    draft = Draft()
    for moment, payload in events(pieces):
        if payload == "[DONE]":
            draft.done = True
            continue
        try:
            data = json.loads(payload)
        except (ValueError, RecursionError):
            draft.unreadable = draft.unreadable or payload[:200]
            continue
        draft.events += 1
        _read(draft, data, "delta", moment)
    return draft


def events(pieces: Iterable[tuple[float, bytes]]) -> Iterable[tuple[float, str]]:
    """The ``data`` of each event with the time of its last byte; comments and other fields are passed over."""
    rest = b""
    lines: list[str] = []
    moment = 0.0
    for moment, piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for raw in whole:
            line = raw.rstrip(b"\r")
            if line.startswith(b"data:"):
                lines.append(line[5:].removeprefix(b" ").decode("utf-8", "replace"))
            elif not line and lines:
                yield moment, "\n".join(lines)
                lines = []
    if rest.startswith(b"data:"):
        lines.append(rest.rstrip(b"\r")[5:].removeprefix(b" ").decode("utf-8", "replace"))
    if lines:
        yield moment, "\n".join(lines)


def _read(draft: Draft, data: Any, key: str, moment: float | None) -> None:
    """Add one chunk (or the whole answer) to the draft."""
    if not isinstance(data, dict):
        draft.unreadable = draft.unreadable or str(data)[:200]
        return
    draft.error = draft.error or error_in(data)
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
        return
    draft.choices += 1
    choice = choices[0]
    draft.finish = _word(choice.get("finish_reason")) or draft.finish
    said = choice.get(key)
    if isinstance(said, dict):
        _say(draft, said, moment)


def _say(draft: Draft, said: Mapping[str, Any], moment: float | None) -> None:
    """Text and reasoning of one chunk, and when they arrived."""
    text = _word(said.get("content"))
    reasoning = _word(said.get("reasoning")) or _word(said.get("reasoning_content"))
    draft.tools = draft.tools or bool(said.get("tool_calls"))
    if text:
        draft.text.append(text)
    if reasoning:
        draft.reasoning.append(reasoning)
    if moment is None or not (text or reasoning):
        return
    draft.arrivals.append(moment)
    if draft.first_token_at is None:
        draft.first_token_at = moment
    if text and draft.first_answer_at is None:
        draft.first_answer_at = moment


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
