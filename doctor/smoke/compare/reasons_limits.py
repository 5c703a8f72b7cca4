"""What a comparison like this leaves open, and why."""

from __future__ import annotations

import time
from collections.abc import Iterator

from doctor.smoke.compare.correct import RULES
from doctor.smoke.compare.remark import Remark, Weight
from doctor.smoke.compare.results import Analysis
from doctor.smoke.compare.words import percent, seconds

_MANY = 0.05
_CUT = 0.1
_FOR_P95 = 20


def limit_remarks(analysis: Analysis) -> Iterator[Remark]:
    """The limits of this run, then those of every such run."""
    terms, plan = analysis.plan.terms, analysis.plan
    if not analysis.complete:
        sentence = (
            f"the run is not complete: {analysis.done} of {plan.requests} requests; what is missing may change it"
        )
        yield Remark(topic="complete", weight=Weight.OPEN, sentence=sentence)
    if analysis.resumed:
        sentence = "the run was interrupted and went on later: the services did not meet the same hour throughout"
        yield Remark(topic="complete", weight=Weight.OPEN, sentence=sentence)
    yield from _survivors(analysis)
    for habits in analysis.habits:
        asked = sum(cell.ok for cell in analysis.cells if cell.service == habits.service)
        if asked and habits.cut / asked > _CUT:
            sentence = (
                f"{habits.cut} of {asked} answers of {habits.service} were cut at {terms.max_tokens} tokens: their "
                "length, latency and rightness are those of the limit; --max-tokens raises it"
            )
            yield Remark(topic="token budget", weight=Weight.OPEN, sentence=sentence)
    if plan.reused:
        sentence = (
            "the data set is too small for prompts of their own at each level: a service that keeps the work on a "
            "prompt answers a repeated one faster, so levels are not to be compared with each other"
        )
        yield Remark(topic="prompts", weight=Weight.OPEN, sentence=sentence)
    yield from _rightness(analysis)
    least = min((cell.ok for cell in analysis.cells), default=0)
    if least < _FOR_P95:
        sentence = f"with {least} answers in a cell, rare slow answers (p95 and beyond) are not seen; --n raises it"
        yield Remark(topic="percentiles", weight=Weight.OPEN, sentence=sentence)
    yield from _always(analysis)


def _survivors(analysis: Analysis) -> Iterator[Remark]:
    for contestant in analysis.plan.contestants:
        cells = [cell for cell in analysis.cells if cell.service == contestant.name]
        asked, good = sum(cell.asked for cell in cells), sum(cell.ok for cell in cells)
        if asked and (asked - good) / asked > _MANY:
            sentence = (
                f"{percent((asked - good) / asked)} of the requests to {contestant.name} failed: its latencies are of "
                "those that came, and the missing ones may have been the slow ones"
            )
            yield Remark(topic="errors", weight=Weight.OPEN, sentence=sentence)


def _rightness(analysis: Analysis) -> Iterator[Remark]:
    kinds = sorted({prompt.kind for prompt in analysis.plan.prompts.prompts if prompt.kind})
    if not kinds:
        sentence = (
            "which service answers better is not judged: the data set has no answers that can be judged by a rule"
        )
        yield Remark(topic="right", weight=Weight.OPEN, sentence=sentence)
        return
    rules = "; ".join(RULES[kind] for kind in kinds)
    sentence = f"an answer counts as right when {rules}: a plain rule, which may be wrong for a single answer"
    yield Remark(topic="right", weight=Weight.OPEN, sentence=sentence)


def _always(analysis: Analysis) -> Iterator[Remark]:
    span = seconds(max(0.0, analysis.ended - analysis.started))
    began = time.strftime("%Y-%m-%d %H:%M", time.gmtime(analysis.started))
    yield Remark(
        topic="other users",
        weight=Weight.OPEN,
        sentence=f"how many other users the services served is not known; this is one run of {span} from {began} UTC, "
        "from one place: repeat it at another hour before deciding by it",
    )
    models = sorted({model for habits in analysis.habits for model in habits.models})
    named = f" ({', '.join(models)})" if models else ""
    yield Remark(
        topic="same model",
        weight=Weight.OPEN,
        sentence=f"that both serve the same weights in the same precision is not visible from outside{named}",
    )
    if len(analysis.plan.contestants) > 1:
        yield Remark(
            topic="hardware",
            weight=Weight.OPEN,
            sentence="a difference between services is one of chips, machines, software, configuration and load "
            "together; it is not a verdict about the chips",
        )
