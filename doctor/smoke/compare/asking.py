"""What is sent for a prompt, and what is kept of the answer."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from doctor.smoke.compare.correct import is_right
from doctor.smoke.compare.values import Phase, Prompt, Record, Terms
from doctor.smoke.service import Exchange, Question

_QUICK = 0.002  # seconds between two pieces of a stream that left the service together
_LONGEST_TEXT = 4000


def question_of(prompt: Prompt, terms: Terms) -> Question:
    """The request for a prompt: the same words and terms for every service."""
    return Question(
        text=prompt.text,
        max_tokens=terms.max_tokens,
        temperature=terms.temperature,
        seed=terms.seed,
        effort=terms.effort,
    )


class Asked(NamedTuple):
    """Why, whom and how a prompt was asked; ``cpu`` is what this program itself spent on it, in seconds."""

    phase: Phase
    service: str
    level: int
    attempt: int
    cpu: float


def record_of_exchange(exchange: Exchange, prompt: Prompt, asked: Asked) -> Record:
    """What is kept of an exchange."""
    failure, arrivals = exchange.failure, exchange.arrivals
    return Record(
        phase=asked.phase,
        service=asked.service,
        row=prompt.row,
        level=asked.level,
        attempt=asked.attempt,
        started=round(exchange.started, 6),
        seconds=round(exchange.seconds, 6),
        streamed=exchange.streamed,
        status=exchange.status,
        headers_at=_rounded(exchange.headers_at),
        first_token=_rounded(exchange.first_token_at),
        first_answer=_rounded(exchange.first_answer_at),
        pieces=len(arrivals),
        quick=sum(late - early < _QUICK for early, late in pairwise(arrivals)),
        prompt_tokens=exchange.usage.prompt,
        completion_tokens=exchange.usage.completion,
        reasoning_tokens=exchange.usage.reasoning,
        finish=exchange.finish,
        answered=exchange.answered,
        right=is_right(prompt, exchange.text) if failure is None else None,
        rule=failure.rule if failure else "",
        category=failure.category if failure else "",
        kind=failure.kind if failure else "",
        sentence=failure.sentence if failure else "",
        said=failure.said[:300] if failure else "",
        server=dict(exchange.server),
        model=exchange.model,
        cpu=round(asked.cpu, 6),
        text=exchange.text[:_LONGEST_TEXT],
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
