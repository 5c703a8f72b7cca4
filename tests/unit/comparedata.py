"""Services that exist on paper only: records as a run would write them, with a known truth, for the statistics."""

from __future__ import annotations

import math
import random

from doctor.smoke.compare.plan import Plan, make_plan
from doctor.smoke.compare.values import Contestant, Phase, Prompt, PromptSet, Record, Terms

LENGTH, LENGTH_NOISE, SPEED_NOISE, STALLS = 0.7, 0.15, 0.12, 0.04
"""Log standard deviations of the prompts' lengths, of two answers to one prompt, of the speed; share of stalled answers."""


def paper_plan(n: int, levels: tuple[int, ...] = (1,)) -> Plan:
    prompts = tuple(Prompt(row=row, text=f"q{row}", answers=("1",), kind="number") for row in range(n * len(levels)))
    terms = Terms(levels=levels, plain=0, warm_up=0)
    services = [Contestant(name=name, title=name, base=f"http://{name}/v1", root="", model="m") for name in "ab"]
    return make_plan(services, PromptSet(name="paper", prompts=prompts), n, terms)


def paper_records(plan: Plan, seed: int, slower: float = 1.0, longer: float = 1.0) -> list[Record]:
    """A run in which ``b`` takes ``slower`` times as long for a token and writes ``longer`` times as many as ``a``."""
    chance = random.Random(seed)
    length = {prompt.row: math.exp(chance.gauss(5, LENGTH)) for prompt in plan.prompts.prompts}
    easy = {prompt.row: chance.random() < 0.7 for prompt in plan.prompts.prompts}
    records, clock = [], 1000.0
    for turn in plan.turns:
        slow, long = (slower, longer) if turn.service == "b" else (1.0, 1.0)
        for prompt in turn.prompts:
            tokens = max(2, round(length[prompt.row] * long * math.exp(chance.gauss(0, LENGTH_NOISE))))
            first = 0.3 * math.exp(chance.gauss(0, 0.3)) * slow
            seconds = (first + tokens * 0.01 * slow) * math.exp(chance.gauss(0, SPEED_NOISE))
            seconds *= chance.uniform(2, 5) if chance.random() < STALLS else 1.0
            clock += seconds
            records.append(
                Record(
                    phase=Phase.MEASURE,
                    service=turn.service,
                    row=prompt.row,
                    level=turn.level,
                    attempt=1,
                    started=clock - seconds,
                    seconds=seconds,
                    first_token=min(first, seconds),
                    first_answer=min(first * 1.5, seconds),
                    pieces=tokens,
                    prompt_tokens=50,
                    completion_tokens=tokens,
                    finish="stop",
                    answered=True,
                    right=(chance.random() < 0.95) == easy[prompt.row],
                )
            )
    return records
