"""What is measured of a request, by name: the definitions in one place.

Latency is end to end: from sending to the last byte. Output tokens include reasoning, as the service counts them; their
rate is divided by the whole latency. TTFT and TTFO are the first text at all and the first that is not reasoning; time
per token is (latency - TTFT) / (tokens - 1), the definition of vLLM's own benchmark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from doctor.smoke.compare.values import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number of a request. ``stream``: it is made of the times at which a stream's pieces arrive."""

    name: str
    title: str
    unit: str
    of: Callable[[Record], float | None]
    more_is_better: bool = False
    stream: bool = False


def _rate(record: Record) -> float | None:
    return record.completion_tokens / record.seconds if record.completion_tokens and record.seconds > 0 else None


def _per_token(record: Record) -> float | None:
    tokens, first = record.completion_tokens, record.first_token
    if first is None or not tokens or tokens < 2 or record.seconds <= first:  # noqa: PLR2004 - the time between two
        return None
    return (record.seconds - first) / (tokens - 1)


def _tokens(record: Record) -> float | None:
    return float(record.completion_tokens) if record.completion_tokens else None


LATENCY = Measure(name="latency", title="latency, end to end", unit="s", of=lambda r: r.seconds)
RATE = Measure(name="rate", title="output tokens per second", unit="tok/s", of=_rate, more_is_better=True)
TTFT = Measure(name="ttft", title="time to first token", unit="s", of=lambda r: r.first_token, stream=True)
TTFO = Measure(name="ttfo", title="time to first answer token", unit="s", of=lambda r: r.first_answer, stream=True)
PER_TOKEN = Measure(name="per-token", title="time per further token", unit="s", of=_per_token, stream=True)
TOKENS = Measure(name="tokens", title="output tokens", unit="tok", of=_tokens)
MEASURES = (LATENCY, RATE, TTFT, TTFO, PER_TOKEN, TOKENS)
STREAM_PIECES = 4  # fewer pieces say nothing about how a stream is sent
_BUNDLED_SHARE = 0.4
_TRUE_GAP = 0.004  # seconds a token must take on average before gaps of 2 ms can only be bundles


def values(records: Sequence[Record], measure: Measure) -> list[float]:
    """The measure of every valid answer that has it, above zero."""
    return [value for record in records if record.ok and (value := measure.of(record)) is not None and value > 0]


def quick_share(records: Sequence[Record]) -> float | None:
    """The share of gaps below 2 ms between the pieces of the streams; None when there are too few to say."""
    streams = [r for r in records if r.ok and r.streamed and r.pieces >= STREAM_PIECES]
    gaps = sum(r.pieces - 1 for r in streams)
    return sum(r.quick for r in streams) / gaps if gaps >= STREAM_PIECES * 5 else None


def looks_bundled(records: Sequence[Record]) -> bool:
    """The pieces come in bundles though a token takes longer on average than the gaps inside a bundle."""
    share = quick_share(records)
    if share is None or share < _BUNDLED_SHARE:
        return False
    streams = [r for r in records if r.ok and r.streamed and r.pieces >= STREAM_PIECES and r.first_token is not None]
    seconds = sum(r.seconds - (r.first_token or 0.0) for r in streams)
    return seconds / max(1, sum(r.pieces - 1 for r in streams)) >= _TRUE_GAP


def arrives_at_once(records: Sequence[Record]) -> bool:
    """Most streams bring their whole text in one or two pieces: they are streams by name only."""
    long = [r for r in records if r.ok and r.streamed and (r.completion_tokens or 0) >= 4 * STREAM_PIECES]
    return bool(long) and sum(r.pieces < STREAM_PIECES for r in long) > len(long) / 2


def busy_seconds(records: Sequence[Record]) -> float:
    """How long at least one of the requests was under way."""
    total, end = 0.0, -math.inf
    for start, stop in sorted((r.started, r.started + r.seconds) for r in records):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total


SERVER_SIDE: Mapping[str, tuple[str, Callable[[Record], float | None]]] = {
    "total_latency": ("latency", LATENCY.of),
    "response_time": ("latency", LATENCY.of),
    "time_to_first_token": ("time to first token", TTFT.of),
    "completion_tokens_per_sec": ("output tokens per second", RATE.of),
    "completion_tokens_after_first_per_sec": (
        "output tokens per second after the first",
        lambda r: 1 / each if (each := _per_token(r)) else None,
    ),
    "throughput_tokens_per_second": (
        "tokens per second, prompt included",
        lambda r: ((r.prompt_tokens or 0) + r.completion_tokens) / r.seconds if r.completion_tokens else None,
    ),
}
"""What services measure themselves, by their names, and the number of ours that stands beside it."""
