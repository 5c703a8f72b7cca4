"""What this comparison can tell, and what it cannot: sentences that follow from the numbers and from nothing else.

In the order of a reader's questions: is there a difference, what is it made of, what may cause it, what stays open.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from doctor.smoke.compare.reasons_causes import cause_remarks
from doctor.smoke.compare.reasons_limits import limit_remarks
from doctor.smoke.compare.remark import Remark, Weight
from doctor.smoke.compare.results import Analysis, Comparison, Counted
from doctor.smoke.compare.words import percent, times

_ALWAYS_SAID = ("latency", "rate")  # also when nothing is shown
_LENGTH_SHARE = 0.2  # of a latency difference that the answers' length must make to be named
_VERBS = {"latency": "takes", "ttft": "takes", "ttfo": "takes"}
_NOUNS = {
    "latency": "as long as {} for the same prompt, end to end",
    "rate": "as many output tokens per second as {}",
    "tokens": "as many output tokens as {}",
    "ttft": "as long as {} to the first token",
    "ttfo": "as long as {} to the first token that is no reasoning",
}
_QUANTITY = {
    "latency": "end-to-end latency",
    "rate": "output tokens per second",
    "tokens": "the length of the answers",
    "ttft": "time to first token",
    "ttfo": "time to first answer token",
}


def remarks(analysis: Analysis) -> tuple[Remark, ...]:
    """The whole section."""
    return (*_differences(analysis), *_made_of(analysis), *cause_remarks(analysis), *limit_remarks(analysis))


def sentence_of(comparison: Comparison) -> str:
    """What the numbers say of one measure."""
    ratio = comparison.ratio
    bounds = f"95% bounds {ratio.low:.2f} to {ratio.high:.2f}, {ratio.pairs} prompts"
    if comparison.claimed:
        verb = _VERBS.get(comparison.measure, "gives")
        what = _NOUNS[comparison.measure].format(comparison.first)
        return f"{comparison.other} {verb} {times(ratio.ratio)} {what} ({bounds})"
    named = f"no difference in {_QUANTITY[comparison.measure]} is shown between {comparison.first} and"
    found = f"{named} {comparison.other}: {times(ratio.ratio)}"
    if not math.isfinite(ratio.high):
        return f"{found}, from only {ratio.pairs} prompts"
    seen = f"; one of {percent(ratio.detectable - 1)} would mostly have been seen" if ratio.detectable else ""
    return f"{found} ({bounds}){seen}"


def _differences(analysis: Analysis) -> Iterator[Remark]:
    """Is there a difference?"""
    for comparison in analysis.comparisons:
        if comparison.level is None and (comparison.claimed or comparison.measure in _ALWAYS_SAID):
            weight = Weight.SHOWN if comparison.claimed else Weight.OPEN
            yield Remark(topic=comparison.measure, weight=weight, sentence=sentence_of(comparison))
    yield from _by_level(analysis)
    for service, why in analysis.incomparable.items():
        sentence = f"times to the first token and between tokens of {service} are not compared: {why}"
        yield Remark(topic="batching", weight=Weight.OPEN, sentence=sentence)
    for counted in analysis.counted:
        yield from _counted(counted)


def _by_level(analysis: Analysis) -> Iterator[Remark]:
    """The levels at which a difference is shown, in one sentence for each service and measure."""
    for contestant in analysis.plan.contestants[1:]:
        for measure in _ALWAYS_SAID:
            found = [
                c
                for c in analysis.comparisons
                if (c.other, c.measure) == (contestant.name, measure) and c.level is not None and c.claimed
            ]
            if found:
                told = ", ".join(f"{times(c.ratio.ratio)} with {c.level}" for c in found)
                what = _QUANTITY[measure]
                sentence = f"{what} of {contestant.name} over that of {found[0].first}, by requests under way: {told}"
                yield Remark(topic=measure, weight=Weight.SHOWN, sentence=sentence)


def _counted(counted: Counted) -> Iterator[Remark]:
    """Of right and of valid answers; the latter only where there were others."""
    first, other = counted.first, counted.other
    uneven = counted.only_first + counted.only_other
    word = "right" if counted.what == "right" else "valid"
    if counted.what == "valid" and not uneven:
        return
    numbers = (
        f"of {counted.pairs} prompts, {first} alone was {word} on {counted.only_first}, "
        f"{other} alone on {counted.only_other}"
    )
    if counted.claimed:
        better = first if counted.only_first > counted.only_other else other
        sentence = f"{better} gave {word} answers more often ({numbers})"
        yield Remark(topic=counted.what, weight=Weight.SHOWN, sentence=sentence)
    else:
        sentence = f"neither service is shown to give {word} answers more often ({numbers})"
        yield Remark(topic=counted.what, weight=Weight.OPEN, sentence=sentence)


def _made_of(analysis: Analysis) -> Iterator[Remark]:
    """Latency is tokens times seconds per token: which of the two makes the difference?"""
    found = {(c.other, c.measure): c for c in analysis.comparisons if c.level is None}
    for contestant in analysis.plan.contestants[1:]:
        latency, rate, tokens = (found.get((contestant.name, m)) for m in ("latency", "rate", "tokens"))
        if latency and rate and tokens:
            yield from _split(latency, rate, tokens)


def _split(latency: Comparison, rate: Comparison, tokens: Comparison) -> Iterator[Remark]:
    other, first = latency.other, latency.first
    if latency.claimed and tokens.claimed:
        share = math.log(tokens.ratio.ratio) / math.log(latency.ratio.ratio)
        if share >= _LENGTH_SHARE:
            part = "all" if share > 0.9 else f"about {percent(min(share, 1))}"  # noqa: PLR2004 - beyond the precision
            sentence = (
                f"the length of the answers makes {part} of the difference in latency between {first} and {other}"
            )
        else:
            sentence = f"{other} and {first} differ in the length of their answers, but not so that latency follows it"
        yield Remark(topic="length", weight=Weight.SHOWN, sentence=sentence)
    elif latency.claimed and rate.claimed:
        sentence = f"the difference in latency is one of speed: {first} and {other} are not shown to write answers"
        sentence += " of different length"
        yield Remark(topic="length", weight=Weight.SHOWN, sentence=sentence)
    elif rate.claimed and not latency.claimed:
        sentence = (
            f"{other} and {first} differ in tokens per second but not measurably in latency: "
            "the longer answers come from the faster one"
        )
        weight = Weight.SHOWN if tokens.claimed else Weight.HINT
        yield Remark(topic="length", weight=weight, sentence=sentence)
