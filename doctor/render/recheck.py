"""What a stack is today, in a few lines."""

from __future__ import annotations

from collections.abc import Iterator

from doctor.render.drift import change_of, entries_of, names_of
from doctor.render.page import Page, Row, counted, plain, wrapped
from doctor.stacks.recheck import Rechecked

_SHOWN = 5


def render_recheck(found: Rechecked, page: Page) -> str:
    """The screen; proposals themselves are printed by the command."""
    rows = list(_rows(found, page))
    if page.color:
        from doctor.render.color import painted  # noqa: PLC0415 - as in doctor.render.text

        return painted(rows)
    return plain(rows)


def _rows(found: Rechecked, page: Page) -> Iterator[Row]:
    drift = found.drift
    verdict = drift.now.verdict
    dot = page.symbol("dot")
    yield Row(text=found.stack, style="strong")
    yield Row(
        text=f"resolved for {drift.now.day} {dot} {counted(len(drift.now.resolution.picked), 'distribution')} {dot} "
        f"{len(drift.moved)} differ from {drift.then.day}"
    )
    for finding, rule in found.known:
        yield from _wrapped(f"{page.symbol('note')} {finding.message}", page, "note")
        yield from _wrapped(f"known as {rule}", page, indent=4)
    for proposal in found.new:
        one = proposal.broken
        yield from _wrapped(f"{page.symbol('error')} new: {one.finding.message}", page, "error")
        if one.culprits:
            yield from _wrapped(f"{names_of(one)} broke it", page, indent=4)
            yield from _wrapped("; ".join(change_of(c, page) for c in one.culprits[:_SHOWN]), page, indent=4)
        else:
            yield from _wrapped(f"on {drift.then.day} it failed, too", page, indent=4)
        if one.pins:
            yield from _wrapped(f"restored by  {' '.join(one.pins)}", page, "good", indent=4)
    for finding in found.unexplained:
        yield from _wrapped(f"{page.symbol('error')} new: {finding.message}", page, "error")
    if not (found.known or found.new or found.unexplained):
        modules = f"{entries_of(verdict)}, {verdict.modules:,} modules followed"
        if verdict.unknown:
            what = f"{len(verdict.unknown)} of {entries_of(verdict)} could not be followed to the end"
            yield from _wrapped(f"{page.symbol('unknown')} nothing was found to fail, but {what}", page, "warning")
        elif verdict.followed:
            yield from _wrapped(f"{page.symbol('good')} nothing fails ({modules})", page, "good")
        else:
            yield from _wrapped(f"{page.symbol('unknown')} none of its entries could be followed", page, "warning")
    for note in drift.notes:
        yield from _wrapped(note, page, "faint")


def _wrapped(text: str, page: Page, style: str = "", indent: int = 0) -> Iterator[Row]:
    for line in wrapped(text, page.width, first=" " * indent, rest=" " * (indent or 2)):
        yield Row(text=line, style=style)
