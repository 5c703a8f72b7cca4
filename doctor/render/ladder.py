"""Ladders as a person reads them, rung by rung while they are climbed, and as JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from doctor.render.escape import encodable
from doctor.render.page import Page, Row, counted, plain, wrapped
from doctor.smoke.ladder import Ladder, Rung, Verdict

SCHEMA = "acdoctor.ladder/1"
_SIGNS = {
    Verdict.PASSED: ("good", "good"),
    Verdict.WARNED: ("warning", "warning"),
    Verdict.FAILED: ("error", "error"),
    Verdict.UNDECIDED: ("unknown", "warning"),
    Verdict.SKIPPED: ("dot", "faint"),
}
_TITLE = 16
_SLOW = 0.05


def render_ladder(ladder: Ladder, page: Page) -> str:
    """The whole ladder: head, rungs, end."""
    rungs = "".join(render_rung(rung, page) for rung in ladder.rungs)
    return render_head(ladder.name, ladder.subject, page) + rungs + render_end(ladder, page)


def render_head(name: str, subject: str, page: Page) -> str:
    """The line before the first rung."""
    if page.quiet:
        return ""
    return _text([*_lines(f"smoke {name} {page.symbol('dot')} {page.path(subject)}", page, "strong"), Row()], page)


def render_rung(rung: Rung, page: Page) -> str:
    """One rung, as soon as it ended; with ``quiet`` only those that want something from the reader."""
    if page.quiet and rung.verdict in (Verdict.PASSED, Verdict.SKIPPED):
        return ""
    return _text(_rung(rung, page), page)


def render_end(ladder: Ladder, page: Page) -> str:
    """The lines after the last rung."""
    return _text(_end(ladder, page), page)


def ladder_document(ladder: Ladder) -> dict[str, Any]:
    """The ladder as JSON values; keys are never renamed, the order of the rungs is that in which they were tried."""
    return {
        "schema": SCHEMA,
        "name": ladder.name,
        "subject": ladder.subject,
        "run_directory": ladder.run_directory or None,
        "rungs": [
            {
                "name": rung.name,
                "title": rung.title,
                "verdict": rung.verdict.value,
                "sentence": rung.sentence,
                "details": list(rung.details),
                "next_steps": list(rung.next_steps),
                "category": rung.category or None,
                "rule": rung.rule or None,
                "seconds": round(rung.seconds, 4),
                "measured": dict(rung.measured),
            }
            for rung in ladder.rungs
        ],
        "exit_code": ladder.exit_code,
    }


def render_ladder_json(ladder: Ladder) -> str:
    """The document as text, one line feed at the end; ASCII, so that nothing in it can act on a terminal."""
    return encodable(json.dumps(ladder_document(ladder), indent=1)) + "\n"


def _rung(rung: Rung, page: Page) -> Iterator[Row]:
    sign, style = _SIGNS[rung.verdict]
    head = f"{page.symbol(sign)} {rung.title:<{_TITLE}} "
    indent = " " * (len(head) if page.width >= 60 else 4)  # noqa: PLR2004 - a narrow screen has no second column
    took = f"   {rung.seconds:.1f} s" if rung.seconds >= _SLOW else ""
    for text in wrapped(f"{rung.sentence}{took}", page.width, first=head, rest=indent):
        yield Row(text=text, style=style)
    plain_pass = rung.verdict is Verdict.PASSED and not page.verbose
    for detail in () if plain_pass and rung.name not in _TELLING else rung.details:
        for text in wrapped(detail, page.width, first=indent, rest=indent):
            yield Row(text=text, style="" if rung.verdict is Verdict.FAILED else "faint")
    for number, step in enumerate(() if rung.verdict is Verdict.SKIPPED and not page.verbose else rung.next_steps):
        mark = "next  " if number == 0 else "      "
        for text in wrapped(step, page.width, first=f"{indent}{mark}", rest=f"{indent}      "):
            yield Row(text=text, style="strong" if number == 0 else "")


_TELLING = frozenset({"answer", "stream"})
"""Rungs whose details are what the reader came for, even when all is well."""


def _end(ladder: Ladder, page: Page) -> Iterator[Row]:
    passed = sum(rung.verdict in (Verdict.PASSED, Verdict.WARNED) for rung in ladder.rungs)
    if not page.quiet:
        yield Row()
    failed = ladder.failed
    if failed:
        *others, last = [rung.title for rung in failed]
        names = f"{', '.join(others)} and {last}" if others else last
        yield from _lines(f"{page.symbol('error')} {ladder.name} does not work: {names} failed", page, "error")
        return
    undecided = [rung for rung in ladder.rungs if rung.verdict is Verdict.UNDECIDED]
    if undecided or not passed:
        what = undecided[0].title if undecided else "nothing could be tried"
        yield from _lines(f"{page.symbol('unknown')} {ladder.name}: undecided: {what}", page, "warning")
        return
    warned = sum(rung.verdict is Verdict.WARNED for rung in ladder.rungs)
    note = f", {counted(warned, 'remark')}" if warned else ""
    yield from _lines(
        f"{page.symbol('good')} {ladder.name} works: {counted(passed, 'rung')} climbed{note}", page, "good"
    )


def _lines(text: str, page: Page, style: str) -> Iterator[Row]:
    for line in wrapped(text, page.width, rest="    "):
        yield Row(text=line, style=style)


def _text(rows: Iterator[Row] | list[Row], page: Page) -> str:
    kept = list(rows)
    if page.color:
        from doctor.render.color import painted  # noqa: PLC0415 - only for those who see colours

        return painted(kept)
    return plain(kept)
