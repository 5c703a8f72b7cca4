"""The table of a comparison as rows of words, for the terminal and the page alike."""

from __future__ import annotations

from collections.abc import Iterator

from doctor.smoke.compare.measures import RATE
from doctor.smoke.compare.results import Analysis, Cell
from doctor.smoke.compare.statistics import Interval
from doctor.smoke.compare.words import number, percent, seconds

HEADS = ("service", "under way", "valid", "p50", "95% bounds", "p90", "tok/s", "TTFT", "right")
HEAD_TITLES = (
    "the service",
    "requests kept under way",
    "valid answers of all asked",
    "median latency, end to end",
    "of the median latency",
    "nine of ten answers were faster",
    "output tokens per second of an answer, median",
    "time to first token, median",
    "right answers of all judged, all levels",
)
MARK = "*"


def table_rows(analysis: Analysis) -> Iterator[tuple[str, ...]]:
    """One row for each cell; a time that is not comparable carries a mark."""
    for cell in analysis.cells:
        latency = cell.spreads.get("latency", {})
        median = latency.get(0.5)
        first = _value(cell.spreads.get("ttft", {}).get(0.5))
        mark = MARK if first and cell.service in analysis.incomparable else ""
        right = analysis.habit(cell.service).right
        yield (
            cell.service,
            str(cell.level),
            f"{cell.ok}/{cell.asked}",
            _value(median),
            f"{seconds(median.low)} - {seconds(median.high)}" if median else "",
            _value(latency.get(0.9)),
            _rate(cell),
            f"{first}{mark}",
            percent(right.value) if right else "",
        )


def _rate(cell: Cell) -> str:
    middle = cell.spreads.get(RATE.name, {}).get(0.5)
    return number(middle.value) if middle else ""


def _value(interval: Interval | None) -> str:
    return seconds(interval.value) if interval else ""


def subject(analysis: Analysis) -> str:
    """What was compared, in one line."""
    plan = analysis.plan
    names = " and ".join(c.name for c in plan.contestants)
    count = len({p.row for turn in plan.turns for p in turn.prompts})
    return f"{names}, {count} prompts of {plan.prompts.name}"


def terms_lines(analysis: Analysis) -> Iterator[str]:
    """The terms that were the same for all, in words."""
    terms, prompts = analysis.plan.terms, analysis.plan.prompts
    yield prompts.chosen
    parts = [
        "temperature left to the services" if terms.temperature is None else f"temperature {terms.temperature:g}",
        "no seed" if terms.seed is None else f"seed {terms.seed}",
        f"effort {terms.effort}" if terms.effort else "effort left to the services",
        f"at most {terms.max_tokens} output tokens",
        "streamed" if terms.stream else "not streamed",
    ]
    yield ", ".join(parts)
    left = ", ".join(f"{count} {why}" for why, count in prompts.left_out.items())
    if left:
        yield f"of {prompts.rows} rows looked at, left out: {left}"
    yield "models: " + ", ".join(f"{c.name} {c.model}" for c in analysis.plan.contestants)


def error_lines(analysis: Analysis) -> Iterator[str]:
    """Every kind of failure with its number."""
    for cell in analysis.cells:
        for (kind, rule), count in cell.errors.items():
            inside = " (an error inside an answer of status 200)" if kind == "in-200" else ""
            yield f"{cell.service}, {cell.level} under way: {count} times: {cell.sentences[rule]}{inside}"
        if cell.retried:
            yield f"{cell.service}, {cell.level} under way: {cell.retried} failed tries were repeated"


def own_lines(analysis: Analysis) -> Iterator[str]:
    """What the services measured themselves, beside what was measured here."""
    for own in analysis.own_numbers:
        form = number if "per" in own.name else seconds
        ours = f", {form(own.ours)} measured here" if own.ours is not None else ""
        yield f"{own.service}: {own.title}: {form(own.said)} by its own {own.name}{ours} (median of {own.count})"
