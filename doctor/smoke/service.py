"""What is asked of an inference service and what came back, as values: ``smoke`` and ``compare`` share them.

Times are seconds from the moment the request is handed to the connection (its set-up included when none is open), by a
monotonic clock; ``started`` alone is wall time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request to ``/chat/completions``.

    ``text`` is the user's message, ``system`` one before it ('' for none). ``max_tokens`` counts reasoning and answer
    together. ``effort`` is gpt-oss' ``reasoning_effort`` ('' sends none); None leaves a field out. ``extra`` are
    further fields of the body, sent as they are.
    """

    text: str
    system: str = ""
    max_tokens: int = 512
    temperature: float | None = 0.0
    seed: int | None = None
    effort: str = "low"
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the service counted them; None where it did not say."""

    prompt: int | None = None
    completion: int | None = None
    total: int | None = None
    reasoning: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an exchange is no answer, in the words of a rule.

    ``rule`` is its id, ``category`` its word (``auth``, ``service``, ``wait``, ``rate_limit``, ``network``, ``proxy``,
    ``ssl``, ``answer``), ``sentence`` without a final stop, ``cures`` what to do, ``said`` what the service or the
    network said (secrets taken out, one line). ``kind`` is where it came from: ``http`` (an error status), ``in-200``
    (an error inside an answer of status 200), ``network``, ``answer`` (well-formed, but no valid answer). ``retry``
    says whether the same request may succeed later by itself, ``retry_after`` the seconds that the service asked for
    (None: it did not).
    """

    rule: str
    category: str
    sentence: str
    cures: tuple[str, ...] = ()
    said: str = ""
    kind: str = "http"
    retry: bool = False
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and what became of it; ``failure`` is None exactly when it is a valid answer (see ``judging``).

    ``status`` is HTTP's (None when no answer arrived). ``seconds``: send to the last byte (end-to-end latency).
    ``headers_at``: the answer's headers. ``first_token_at``: the first non-empty text, reasoning included (TTFT);
    ``first_answer_at``: the first text that is not reasoning (TTFO); both None unless streamed. ``arrivals``: when each
    non-empty piece of text arrived. ``text`` and ``reasoning`` are the whole texts; ``finish`` the finish reason.
    ``server``: what the service itself measured, by its own names (``time_to_first_token``, ``total_latency``,
    ``completion_tokens_per_sec``, ``response_time`` ...), numbers only.
    """

    started: float
    streamed: bool
    status: int | None
    seconds: float
    headers_at: float | None = None
    first_token_at: float | None = None
    first_answer_at: float | None = None
    arrivals: tuple[float, ...] = ()
    text: str = ""
    reasoning: str = ""
    finish: str = ""
    usage: Usage = Usage()
    server: Mapping[str, float] = field(default_factory=dict)
    model: str = ""
    fingerprint: str = ""
    answer_id: str = ""
    failure: Failure | None = None

    @property
    def ok(self) -> bool:
        """It is a valid answer (perhaps cut by the token budget, see ``answered``)."""
        return self.failure is None

    @property
    def answered(self) -> bool:
        """The model came to an end and said something: finish ``stop`` and text that is not only reasoning."""
        return self.ok and self.finish == "stop" and bool(self.text.strip())

    @property
    def tokens_per_second(self) -> float | None:
        """Output tokens (reasoning included) per second end to end; None when the service did not count."""
        if self.usage.completion is None or self.seconds <= 0:
            return None
        return self.usage.completion / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a plain GET brought: ``data`` its JSON; ``status`` is None and ``failure`` set when nothing arrived."""

    status: int | None
    seconds: float
    body: str = ""
    data: Any = None
    failure: Failure | None = None
