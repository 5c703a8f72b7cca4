"""The shapes in which the two services answer: fields of their own, streams in pieces and in bundles, errors inside them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from gatewaypeers import Refusal
from gatewaystate import Cluster, Model

BATCH, BATCH_SECONDS = 20, 0.5


def _event(data: Any) -> bytes:
    return b"data: %s\n\n" % json.dumps(data).encode()


def _renamed(said: dict[str, Any]) -> dict[str, Any]:
    """Reasoning under the name that both services use today."""
    other = {key: value for key, value in said.items() if key != "reasoning_content"}
    return other | ({"reasoning": said["reasoning_content"]} if said.get("reasoning_content") else {})


def vllm(answer: dict[str, Any], key: str) -> dict[str, Any]:
    choices = [
        {**choice, key: _renamed(choice.get(key) or {}), "logprobs": None} for choice in answer.get("choices", [])
    ]
    return {**answer, "choices": choices}


def _metis_numbers(usage: dict[str, Any], begin: float, first: float | None) -> dict[str, Any]:
    now = time.time()
    made = usage.get("completion_tokens", 0)
    waited = (first or now) - begin
    return {
        **usage,
        "time_to_first_token": waited,
        "total_latency": now - begin,
        "completion_tokens_per_sec": made / max(now - begin, 1e-9),
        "completion_tokens_after_first_per_sec": max(made - 1, 0) / max(now - begin - waited, 1e-9),
        "stop_reason": "stop",
    }


def metis_answer(answer: dict[str, Any], begin: float) -> dict[str, Any]:
    plain = vllm(answer, "message")
    made = (answer.get("usage") or {}).get("completion_tokens", 0)
    usage = _metis_numbers(answer.get("usage") or {}, begin, begin + (time.time() - begin) / (made + 1))
    return {**plain, "created": time.time(), "system_fingerprint": "fastcoe", "usage": usage}


def metis_chunks(cluster: Cluster, model: Model, body: dict[str, Any], error_id: str) -> Iterator[bytes]:
    """Chunks as they come; an error becomes an assistant's text with finish "stop", and status 200 is already out."""
    url, begin = "https://metis.internal/v1/chat/completions", time.time()
    first = None
    try:
        try:
            for chunk in model.peer.stream(body, cluster.limit):
                plain = {**vllm(chunk, "delta"), "created": time.time(), "system_fingerprint": "fastcoe"}
                if first is None and any(
                    choice["delta"].get(kind) for choice in plain["choices"] for kind in ("content", "reasoning")
                ):
                    first = time.time()
                if plain.get("usage"):
                    plain["usage"] = _metis_numbers(plain["usage"], begin, first)
                yield _event(plain)
        except Refusal as refusal:
            raise ValueError(
                f"Error: Unexpected error calling stream API: Error: Could not send stream API call to {url}: {refusal.text.strip()}"
            ) from None
        except TimeoutError:
            raise ValueError(f"Error: Timeout calling stream API at {url} (timeout: {cluster.limit:g})") from None
    except ValueError as problem:
        yield _event(
            {
                "id": error_id,
                "object": "chat.completion.chunk",
                "created": int(time.time()),
                "model": body["model"],
                "choices": [
                    {
                        "index": 0,
                        "delta": {"role": "assistant", "content": f"\n\n[ERROR] {problem}"},
                        "finish_reason": "stop",
                    }
                ],
            }
        )
    yield b"data: [DONE]\n\n"


def sophia_chunks(cluster: Cluster, model: Model, body: dict[str, Any], silence: float) -> Iterator[bytes]:
    """Chunks in bundles of 20 or of half a second; an error becomes an object of its own, status 200 is already out."""
    bundle: list[bytes] = []
    sent = time.monotonic()
    try:
        if model.state == "cold":
            time.sleep(silence)
            raise TimeoutError
        for chunk in model.peer.stream(body, min(cluster.limit, silence)):
            bundle.append(_event(vllm(chunk, "delta")))
            if len(bundle) >= BATCH or time.monotonic() - sent >= BATCH_SECONDS:
                yield b"".join(bundle)
                bundle, sent = [], time.monotonic()
    except TimeoutError:
        message = f"Streaming task timed out: No data received from compute endpoint after {silence:g} seconds. This may indicate network or endpoint issues."
        bundle = [
            _event({"object": "error", "message": message, "type": "StreamingTimeoutError", "param": None, "code": 504})
        ]
    except Refusal as refusal:
        try:
            told = json.loads(refusal.text)
        except ValueError:
            told = None
        known = isinstance(told, dict) and told.get("object") == "error"
        plain = {
            "object": "error",
            "message": "An error occurred during processing",
            "type": "InternalServerError",
            "param": None,
            "code": 500,
        }
        bundle = [_event(told if known else plain)]
    yield b"".join(bundle)
    yield b"data: [DONE]\n\n"
