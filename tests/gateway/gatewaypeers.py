"""What stands behind the gateway: a real OpenAI-compatible server, or a small deterministic generator.

The generator is a peer, never the thing under test: the client, the ladder and the comparison are. It makes tokens at a
set pace from nothing but the question, so that a test knows every token, and it fails when it is told to. Where torch is
at hand, ``Relay`` puts the gateway before a real model server instead (tests/real).
"""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit


class Refusal(Exception):  # noqa: N818
    """The model server answers with an error status."""

    def __init__(self, status: int, text: str) -> None:
        self.status, self.text = status, text
        super().__init__(f"{status}: {text}")


class Broken(Exception):  # noqa: N818
    """The model server's connection broke in the middle of an answer."""


class Peer(Protocol):
    """A model server: chat completions in one piece or as chunks, in OpenAI's shapes.

    Both raise ``Refusal``, ``Broken``, and ``TimeoutError`` when nothing comes for ``limit`` seconds.
    """

    def complete(self, body: dict[str, Any], limit: float) -> dict[str, Any]: ...

    def stream(self, body: dict[str, Any], limit: float) -> Iterator[dict[str, Any]]: ...


_WORDS = (
    "the",
    "wafer",
    "holds",
    "many",
    "small",
    "cores",
    "and",
    "each",
    "has",
    "its",
    "own",
    "memory",
    "so",
    "data",
    "flows",
)


@dataclass
class Faults:
    """What goes wrong behind the gateway until it is taken back."""

    status: int = 0
    text: str = ""
    delay: float = 0.0
    broken_after: int = -1
    refused_after: int = -1
    silent: bool = False
    blank: bool = False
    reasoning_tokens: int | None = None
    no_choices: bool = False
    finish: str = ""
    raw: bytes = b""


@dataclass
class Generator:
    """Deterministic tokens: some of reasoning, then the answer; the same question gives the same tokens."""

    seconds_to_first: float = 0.0
    seconds_per_token: float = 0.0
    answer_tokens: int = 12
    faults: Faults = field(default_factory=Faults)
    asked: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tokens(self, body: dict[str, Any]) -> tuple[list[tuple[str, str]], str]:
        """``("reasoning" | "content", text)`` for each token, and the finish reason."""
        question = str(body["messages"][-1]["content"])
        seed = zlib.crc32(question.encode())
        effort = {"low": 4, "medium": 12, "high": 40}.get(body.get("reasoning_effort") or "medium", 12)
        reasoning = self.faults.reasoning_tokens if self.faults.reasoning_tokens is not None else effort
        sum_asked = re.search(r"(\d+) ?\+ ?(\d+)", question)
        words = [f" {_WORDS[(seed + 7 * i) % len(_WORDS)]}" for i in range(self.answer_tokens)]
        if sum_asked:
            words = [str(int(sum_asked[1]) + int(sum_asked[2]))]
        words = [" "] if self.faults.blank else words
        made = [("reasoning", f" think{i}") for i in range(reasoning)]
        made += [] if self.faults.silent else [("content", word) for word in words]
        limit = int(body.get("max_tokens") or 10**9)
        return (made[:limit], "length") if len(made) > limit else (made, "stop")

    def complete(self, body: dict[str, Any], limit: float) -> dict[str, Any]:
        made, finish = self._begin(body, limit)
        time.sleep(self.seconds_to_first + self.seconds_per_token * len(made))
        if self.faults.broken_after >= 0:
            raise Broken
        message = {
            "role": "assistant",
            "content": "".join(text for kind, text in made if kind == "content") or None,
            "reasoning": "".join(text for kind, text in made if kind == "reasoning") or None,
        }
        choices = (
            []
            if self.faults.no_choices
            else [{"index": 0, "message": message, "finish_reason": self.faults.finish or finish}]
        )
        return {**self._head(body), "object": "chat.completion", "choices": choices, "usage": self._usage(body, made)}

    def stream(self, body: dict[str, Any], limit: float) -> Iterator[dict[str, Any]]:
        made, finish = self._begin(body, limit)
        head = {**self._head(body), "object": "chat.completion.chunk"}
        time.sleep(self.seconds_to_first)

        def chunk(delta: dict[str, Any], end: str | None = None) -> dict[str, Any]:
            return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}

        yield chunk({"role": "assistant", "content": ""})
        for number, (kind, text) in enumerate(made):
            if number == self.faults.broken_after:
                raise Broken
            if number == self.faults.refused_after:
                raise Refusal(500, "CUDA error in the middle")
            time.sleep(self.seconds_per_token if number else 0.0)
            yield chunk({kind: text})
        yield chunk({}, self.faults.finish or finish)
        if (body.get("stream_options") or {}).get("include_usage"):
            yield {**head, "choices": [], "usage": self._usage(body, made)}

    def _begin(self, body: dict[str, Any], limit: float) -> tuple[list[tuple[str, str]], str]:
        with self._lock:
            self.asked.append(body)
        if self.faults.delay > limit:
            time.sleep(limit)
            raise TimeoutError
        time.sleep(self.faults.delay)
        if self.faults.status:
            raise Refusal(self.faults.status, self.faults.text)
        return self.tokens(body)

    def _head(self, body: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{zlib.crc32(json.dumps(body).encode()):08x}",
            "created": int(time.time()),
            "model": body["model"],
        }

    def _usage(self, body: dict[str, Any], made: list[tuple[str, str]]) -> dict[str, Any]:
        asked = sum(len(str(message["content"]).split()) for message in body["messages"])
        return {"prompt_tokens": asked, "completion_tokens": len(made), "total_tokens": asked + len(made)}


@dataclass
class Relay:
    """A real OpenAI-compatible server at ``base`` (``http://127.0.0.1:PORT/v1``), whose only model is ``model``.

    ``drop`` are fields that the server would refuse (``transformers serve`` answers 422 to what it does not know).
    """

    base: str
    model: str
    drop: tuple[str, ...] = ("reasoning_effort", "stream_options")

    def complete(self, body: dict[str, Any], limit: float) -> dict[str, Any]:
        connection = self._post({**body, "stream": False}, limit)
        try:
            answer = json.loads(connection.getresponse_.read())
        finally:
            connection.close()
        return {**answer, "model": body["model"]}

    def stream(self, body: dict[str, Any], limit: float) -> Iterator[dict[str, Any]]:
        connection = self._post({**body, "stream": True}, limit)
        usage = None
        try:
            for line in connection.getresponse_:
                if not line.startswith(b"data:") or line[5:].strip() in (b"", b"[DONE]"):
                    continue
                chunk = {**json.loads(line[5:]), "model": body["model"]}
                usage = chunk.pop("usage", None) or usage
                yield chunk
        except http.client.IncompleteRead:
            raise Broken from None
        finally:
            connection.close()
        if usage and (body.get("stream_options") or {}).get("include_usage"):
            yield {
                "id": "chatcmpl-usage",
                "object": "chat.completion.chunk",
                "created": int(time.time()),
                "model": body["model"],
                "choices": [],
                "usage": usage,
            }

    def _post(self, body: dict[str, Any], limit: float) -> Any:
        parts = urlsplit(self.base)
        connection: Any = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=limit)
        sent = {name: value for name, value in body.items() if name not in self.drop} | {"model": self.model}
        connection.request(
            "POST", f"{parts.path}/chat/completions", json.dumps(sent), {"Content-Type": "application/json"}
        )
        response = connection.getresponse()
        if response.status != 200:
            text = response.read().decode("utf-8", "replace")
            connection.close()
            raise Refusal(response.status, text)
        connection.getresponse_ = response
        return connection
