"""A comparison as one self-contained page: the table, the plots, the sentences. No scripts, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from html import escape

from doctor.render.compare_plots import STYLE, Line, Plot, distribution, svg
from doctor.render.compare_table import (
    HEAD_TITLES,
    HEADS,
    MARK,
    error_lines,
    own_lines,
    subject,
    table_rows,
    terms_lines,
)
from doctor.render.compare_text import HEADLINES
from doctor.render.escape import shown
from doctor.render.html import html_page
from doctor.smoke.compare.reasons import remarks
from doctor.smoke.compare.remark import Weight
from doctor.smoke.compare.results import Analysis, Cell
from doctor.smoke.compare.statistics import Interval
from doctor.smoke.compare.words import seconds

_KINDS = {Weight.SHOWN: "good", Weight.HINT: "note", Weight.OPEN: "warning"}


def render_compare_html(analysis: Analysis) -> str:
    """The page."""
    body = [STYLE, _list(terms_lines(analysis)), _table(analysis)]
    plots = [drawn for plot in _plots(analysis) if (drawn := svg(plot))]
    body.append(f'<h2>Pictures</h2><div class="plots">{"".join(f"<figure>{drawn}</figure>" for drawn in plots)}</div>')
    body.append("<h2>What this can and cannot tell</h2>")
    found = remarks(analysis)
    for weight, headline in HEADLINES.items():
        said = [f"{remark.sentence}." for remark in found if remark.weight is weight]
        if said:
            body.append(f'<section class="card {_KINDS[weight]}"><h3>{escape(headline)}</h3>{_list(said)}</section>')
    for title, lines in (("Failures", error_lines(analysis)), ("The services' own numbers", own_lines(analysis))):
        listed = list(lines)
        if listed:
            body.append(f"<h2>{escape(title)}</h2>{_list(listed)}")
    span = seconds(max(0.0, analysis.ended - analysis.started))
    state = f"{analysis.done} of {analysis.plan.requests} requests in {span}"
    return html_page("acdoctor compare gpt-oss", f"{shown(subject(analysis))}: {state}", body)


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(shown(line, limit=1000))}</li>" for line in lines) + "</ul>"


def _table(analysis: Analysis) -> str:
    heads = "".join(
        f'<th scope="col" title="{escape(told, quote=True)}">{escape(head)}</th>'
        for head, told in zip(HEADS, HEAD_TITLES, strict=True)
    )
    rows = []
    for first, *rest in table_rows(analysis):
        cells = "".join(f"<td>{escape(word)}</td>" for word in rest)
        rows.append(f'<tr><th scope="row">{escape(shown(first))}</th>{cells}</tr>')
    note = f" {MARK} not comparable: its stream comes in bundles." if analysis.incomparable else ""
    return (
        '<h2>Numbers</h2><p class="soft" id="numbers-are">p50 and p90 are latencies end to end, tok/s output tokens of '
        f'an answer.{note}</p><div class="wide" tabindex="0" role="region" aria-label="Numbers">'
        '<table class="numbers" aria-describedby="numbers-are">'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _plots(analysis: Analysis) -> Iterator[Plot]:
    names, levels = [c.name for c in analysis.plan.contestants], analysis.plan.terms.levels
    if len(levels) > 1:
        yield _by_level(analysis, "Median latency", "seconds", lambda c: c.spreads.get("latency", {}).get(0.5))
        rate = "Output tokens per second of all answers together"
        yield _by_level(analysis, rate, "tokens per second", lambda c: _exact(c.throughput))
        yield _by_level(
            analysis,
            "Output tokens per second of one answer",
            "tokens per second",
            lambda c: c.spreads["rate"].get(0.5),
        )
    for level in levels:
        lines = tuple(
            distribution(name, found) for name in names if (found := analysis.latencies.get((name, level), ()))
        )
        title = f"Latency, {level} under way"
        yield Plot(title=title, x_title="seconds", y_title="share of answers", lines=lines, y_top=1.0)


def _exact(value: float) -> Interval:
    return Interval(value=value, low=value, high=value)


def _by_level(analysis: Analysis, title: str, unit: str, of: Callable[[Cell], Interval | None]) -> Plot:
    """A measure over the requests under way; the levels stand at equal distances."""
    levels = sorted(analysis.plan.terms.levels)
    lines = []
    for contestant in analysis.plan.contestants:
        found = [
            (place, interval)
            for place, level in enumerate(levels)
            if (cell := analysis.cell(contestant.name, level)) and (interval := of(cell))
        ]
        points = tuple((float(place + 1), interval.value) for place, interval in found)
        bounds = tuple(interval for _, interval in found)
        lines.append(Line(name=contestant.name, points=points, bounds=bounds))
    ticks = tuple((float(place + 1), str(level)) for place, level in enumerate(levels))
    return Plot(title=title, x_title="requests under way", y_title=unit, lines=tuple(lines), ticks=ticks)
