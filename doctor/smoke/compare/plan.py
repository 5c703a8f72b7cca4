"""In which order everything is asked: services take turns on the same prompts, so that the hour treats them alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from doctor.smoke.compare.values import Contestant, Phase, Prompt, PromptSet, Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Prompts that one service is asked without a break, ``level`` of them under way at any time."""

    phase: Phase
    service: str
    level: int
    prompts: tuple[Prompt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All turns in order, and which prompts serve for what.

    ``reused``: the data set is too small for prompts of their own at every level, so a service that keeps the work on a
    prompt answers later levels faster.
    """

    contestants: tuple[Contestant, ...]
    terms: Terms
    prompts: PromptSet
    warm_up: tuple[Prompt, ...]
    turns: tuple[Turn, ...]
    reused: bool

    @property
    def requests(self) -> int:
        """How many requests there are without warm-up and repetitions."""
        return sum(len(turn.prompts) for turn in self.turns)

    def document(self) -> dict[str, object]:
        """What must be the same for two runs to be parts of one, for JSON."""
        return {
            "services": [{"name": c.name, "base": c.base, "model": c.model} for c in self.contestants],
            "dataset": self.prompts.name,
            "prompts": self.prompts.fingerprint,
            "rows": [[turn.phase, turn.service, turn.level, [p.row for p in turn.prompts]] for turn in self.turns],
            "terms": {**asdict(self.terms), "patience": None, "rate": None, "retries": None},
        }

    @property
    def fingerprint(self) -> str:
        """A short digest of the document."""
        text = json.dumps(self.document(), sort_keys=True)
        return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:8]


def make_plan(contestants: Sequence[Contestant], prompts: PromptSet, n: int, terms: Terms) -> Plan:
    """Turns for ``n`` prompts at each level.

    One at a time, every prompt goes to all services in a row and the service that begins alternates. With more under
    way a turn has twice as many prompts as requests under way: short enough that the services meet the same
    quarter of an hour, long enough that the wanted number really is under way.
    """
    pool = prompts.prompts
    count, levels = min(n, len(pool)), terms.levels
    at = count * len(levels)
    plain = _cut(pool, at, terms.plain)
    warm_up = _cut(pool, at + len(plain), terms.warm_up)
    turns = [*_turns(Phase.PLAIN, contestants, plain, 1)]
    for number, level in enumerate(levels):
        turns += _turns(Phase.MEASURE, contestants, _cut(pool, number * count, count), level)
    return Plan(
        contestants=tuple(contestants),
        terms=terms,
        prompts=prompts,
        warm_up=warm_up,
        turns=tuple(turns),
        reused=len(pool) < at + len(plain) + len(warm_up),
    )


def _cut(pool: tuple[Prompt, ...], start: int, count: int) -> tuple[Prompt, ...]:
    """``count`` different prompts from ``start`` on, from the beginning again when the pool ends."""
    return tuple(pool[(start + i) % len(pool)] for i in range(min(count, len(pool))))


def _turns(phase: Phase, contestants: Sequence[Contestant], prompts: tuple[Prompt, ...], level: int) -> Iterator[Turn]:
    size = 1 if level == 1 else 2 * level
    for number, start in enumerate(range(0, len(prompts), size)):
        shift = number % len(contestants)
        for contestant in (*contestants[shift:], *contestants[:shift]):
            block = prompts[start : start + size]
            yield Turn(phase=phase, service=contestant.name, level=level, prompts=block)
