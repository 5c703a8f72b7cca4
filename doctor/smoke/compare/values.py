"""What a comparison is made of, as values: the prompts, the plan, and one record for every request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any


class Phase(StrEnum):
    """What a request is for.

    ``warm-up`` is not measured; ``network`` asks for next to nothing, to see how long the way takes; ``plain`` asks
    without streaming, one at a time, which brings the services' own numbers; ``measure`` is the comparison.
    """

    WARM_UP = "warm-up"
    NETWORK = "network"
    PLAIN = "plain"
    MEASURE = "measure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One question. ``row`` is its number in the data set (from 0); ``answers`` are those that count as right.

    ``kind`` says how an answer is judged: ``number``, ``choice`` (a letter), ``phrase``, or '' when it is not.
    """

    row: int
    text: str
    answers: tuple[str, ...] = ()
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSet:
    """The chosen prompts and how they were chosen, in words that a person can check.

    ``column`` and ``answer_column`` are the data set's names ('' for none), ``chosen`` says whether they were given or
    guessed and by what; ``rows`` is how many rows were looked at, ``left_out`` how many could not serve and why.
    """

    name: str
    prompts: tuple[Prompt, ...]
    column: str = ""
    answer_column: str = ""
    chosen: str = ""
    rows: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A service with the model that is asked of it. ``batched``: its stream is known to come in bundles."""

    name: str
    title: str
    base: str
    root: str
    model: str
    batched: bool = False
    rate_per_second: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is the same for all services.

    ``rate`` bounds the requests per second sent to one gateway (None: the service's own limit decides). ``patience`` is
    how many seconds a cold model is waited for.
    """

    levels: tuple[int, ...] = (1,)
    max_tokens: int = 512
    temperature: float | None = 0.0
    seed: int | None = 1
    effort: str = "low"
    stream: bool = True
    warm_up: int = 2
    plain: int = 8
    retries: int = 2
    rate: float | None = None
    patience: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One request and what became of it, as it is saved: plain numbers and words, never a token.

    Times are seconds from sending; ``started`` is wall time. ``level`` is how many requests were kept under way,
    ``attempt`` counts from 1, ``last`` is False when the same question was asked again after it. ``pieces`` and
    ``quick`` count the pieces of text that a stream brought and those that came within 2 ms of the one before. ``cpu``
    is what this program itself spent on the request. ``right`` is None when the answer is not judged.
    """

    phase: Phase
    service: str
    row: int
    level: int
    attempt: int
    started: float
    seconds: float
    last: bool = True
    streamed: bool = True
    status: int | None = None
    headers_at: float | None = None
    first_token: float | None = None
    first_answer: float | None = None
    pieces: int = 0
    quick: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    finish: str = ""
    answered: bool = False
    right: bool | None = None
    rule: str = ""
    category: str = ""
    kind: str = ""
    sentence: str = ""
    said: str = ""
    server: Mapping[str, float] = field(default_factory=dict)
    model: str = ""
    cpu: float = 0.0
    text: str = ""

    @property
    def ok(self) -> bool:
        """A valid answer came."""
        return not self.rule

    @property
    def key(self) -> tuple[Phase, str, int, int]:
        """Which question of the plan it answers."""
        return (self.phase, self.service, self.row, self.level)

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {"kind_of_line": "request", **{name: getattr(self, name) for name in _FIELDS}}


_FIELDS = tuple(item.name for item in fields(Record))


def record_of(document: Mapping[str, Any]) -> Record:
    """The record that a line of JSON holds; raises ``TypeError`` or ``ValueError`` when it holds none."""
    given = {name: value for name, value in document.items() if name in _FIELDS}
    return Record(**{**given, "phase": Phase(given.get("phase", ""))})
