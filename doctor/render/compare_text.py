"""A comparison on a terminal: one table, then the sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from doctor.render.compare_table import HEADS, MARK, error_lines, own_lines, subject, table_rows, terms_lines
from doctor.render.escape import shown
from doctor.render.page import Page, Row, plain, wrapped
from doctor.smoke.compare.reasons import remarks
from doctor.smoke.compare.remark import Remark, Weight
from doctor.smoke.compare.results import Analysis
from doctor.smoke.compare.words import seconds

HEADLINES = {
    Weight.SHOWN: "What the numbers show",
    Weight.HINT: "What they agree with, among other causes",
    Weight.OPEN: "What they cannot tell",
}
_SIGNS = {Weight.SHOWN: "good", Weight.HINT: "note", Weight.OPEN: "unknown"}
_LEFT = 1  # columns that are aligned left: the names
_BOUNDS = 4  # the widest column, and the first column that may be left out


def render_compare(analysis: Analysis, page: Page, saved: Iterable[str] = ()) -> str:
    """The whole screen; ``saved`` are the files that were written. With ``page.quiet`` the shown sentences only."""
    found = remarks(analysis)
    rows = list(_said(found, Weight.SHOWN, page) if page.quiet else _screen(analysis, found, page, saved))
    if page.color:
        from doctor.render.color import painted  # noqa: PLC0415 - rich is dear

        return painted(rows)
    return plain(rows)


def _screen(analysis: Analysis, found: Iterable[Remark], page: Page, saved: Iterable[str]) -> Iterator[Row]:
    dot = page.symbol("dot")
    yield from _wrapped(f"compare gpt-oss {dot} {subject(analysis)}", page, style="strong")
    for line in terms_lines(analysis):
        yield from _wrapped(line, page, style="faint")
    yield Row()
    yield from _table(analysis, page)
    for title, lines in (("Failures", error_lines(analysis)), ("The services' own numbers", own_lines(analysis))):
        listed = list(lines)
        if listed:
            yield Row()
            yield Row(text=title, style="strong")
        for line in listed:
            yield from _wrapped(line, page, indent="  ")
    for weight, headline in HEADLINES.items():
        said = list(_said(found, weight, page))
        if said:
            yield Row()
            yield Row(text=headline, style="strong")
            yield from said
    yield Row()
    span = seconds(max(0.0, analysis.ended - analysis.started))
    own = f"{analysis.done} of {analysis.plan.requests} requests in {span}"
    yield from _wrapped(f"{own}; measuring cost {analysis.cpu * 1000:.1f} ms of CPU per request", page, style="faint")
    for line in saved:
        yield from _wrapped(line, page)


def _table(analysis: Analysis, page: Page) -> Iterator[Row]:
    rows = [tuple(shown(word, limit=24) for word in row) for row in table_rows(analysis)]
    if not rows:
        yield Row(text="Nothing was measured yet.", style="warning")
        return
    used = [i for i in range(len(HEADS)) if i < _BOUNDS or any(row[i] for row in rows)]
    widths = {i: max(len(HEADS[i]), *(len(row[i]) for row in rows)) for i in used}
    while len(used) > _BOUNDS and sum(widths[i] + 2 for i in used) - 2 > page.width:
        used.remove(_BOUNDS if _BOUNDS in used else used[-1])  # all of it stands in the page and in the JSON
    yield Row(text=_line(HEADS, used, widths), style="strong")
    for row in rows:
        yield Row(text=_line(row, used, widths))
    if any(word.endswith(MARK) for row in rows for word in row):
        yield from _wrapped(f"{MARK} not comparable: its stream comes in bundles", page, style="faint")
    yield from _wrapped("p50, p90: latency end to end; tok/s: output tokens of an answer", page, style="faint")


def _line(words: tuple[str, ...], used: list[int], widths: dict[int, int]) -> str:
    cells = (words[i].ljust(widths[i]) if i < _LEFT else words[i].rjust(widths[i]) for i in used)
    return "  ".join(cells)


def _said(found: Iterable[Remark], weight: Weight, page: Page) -> Iterator[Row]:
    sign = page.symbol(_SIGNS[weight])
    for remark in found:
        if remark.weight is weight:
            yield from _wrapped(f"{remark.sentence}.", page, first=f"  {sign} ", indent="    ")


def _wrapped(text: str, page: Page, *, style: str = "", first: str = "", indent: str = "") -> Iterator[Row]:
    for line in wrapped(text, page.width, first=first or indent, rest=indent):
        yield Row(text=line, style=style)
