"""Plans, receipts and histories as a person reads them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from doctor.model import Change, Environment, Plan, Receipt
from doctor.render.page import Page, Row, counted, joined, plain, wrapped
from doctor.repair.history import Event

_NARROW = 60


def render_plan(environment: Environment, plan: Plan, page: Page, notes: Sequence[str] = ()) -> str:
    """The plan before it is carried out; ``notes`` are further facts (running processes, an undone repair)."""
    return _finished(_plan(environment, plan, page, notes), page)


def render_receipt(environment: Environment, plan: Plan, receipt: Receipt, page: Page) -> str:
    """What a transaction did."""
    return _finished(_receipt(environment, plan, receipt, page), page)


def render_history(environment: Environment, events: Sequence[Event], page: Page) -> str:
    """What was done to an environment, latest first."""
    return _finished(_history(environment, events, page), page)


def change_lines(changes: Iterable[Change], page: Page) -> list[str]:
    """``peft    0.18.0 → 0.17.1``, names and versions in columns."""
    becomes = page.symbol("becomes")
    rows = [(c.name, c.before or "(absent)", c.after or "(removed)", c.because) for c in changes]
    names, befores, afters = (max((len(r[i]) for r in rows), default=0) for i in range(3))
    found = []
    for name, before, after, because in rows:
        head = f"    {name:<{names}}  {before:<{befores}} {becomes} {after:<{afters}}"
        found += wrapped(because, page.width, first=f"{head}   ", rest=" " * 8) if because else [head.rstrip()]
    return found


def _plan(environment: Environment, plan: Plan, page: Page, notes: Sequence[str]) -> Iterator[Row]:
    for note in notes:
        yield from _lines(note, page, "warning")
    if plan.empty:
        yield from _empty(environment, plan, page)
        return
    yield Row(text=f"plan for {page.path(environment.path)}", style="strong")
    yield from _steps(plan, page)
    yield from _declined(plan, page)
    yield from _proof(plan, page)
    if plan.commands and (page.verbose or plan.changes or plan.reinstall):
        yield Row(text="the same by hand:", style="faint")
        for command in plan.commands:
            yield Row(text=f"    {command}", style="faint")


def _steps(plan: Plan, page: Page) -> Iterator[Row]:
    for line in change_lines(plan.changes, page):
        yield Row(text=line)
    for pin in plan.reinstall:
        yield Row(text=f"    {pin.replace('==', '  ')}   installed again")
    for path in plan.remove_paths:
        yield Row(text=f"    {page.path(path)}   removed")
    for path in plan.rewrite:
        yield Row(text=f"    {page.path(path)}   made again")
    for cure in plan.cures:
        yield from _lines(f"cures: {cure}", page, "good", indent="    ")


def _proof(plan: Plan, page: Page) -> Iterator[Row]:
    if plan.proven:
        text = (
            f"proven: all checks run on the result end with {counted(plan.errors_after, 'error')} "
            f"({plan.errors_before} before), no new error"
        )
        yield from _lines(text, page, "good")
    else:
        yield from _lines(
            "not proven: a check could not finish on the result; it will not be carried out", page, "warning"
        )


def _declined(plan: Plan, page: Page) -> Iterator[Row]:
    for reason in plan.declined:
        yield from _lines(f"left: {reason}", page, "warning", indent="    ")


def _empty(environment: Environment, plan: Plan, page: Page) -> Iterator[Row]:
    """Nothing to do, or nothing that can be done."""
    if not plan.errors_before and not plan.declined:
        yield Row(text=f"{page.symbol('good')} {page.path(environment.path)}: nothing to cure", style="good")
        return
    yield Row(text=f"{page.path(environment.path)}: no plan", style="strong")
    yield from _declined(plan, page)
    if plan.errors_before:
        yield from _lines(f"{counted(plan.errors_before, 'error')} left; see: acdoctor check", page, "")


def _receipt(environment: Environment, plan: Plan, receipt: Receipt, page: Page) -> Iterator[Row]:
    if receipt.outcome == "restored":
        yield from _lines(
            f"{page.symbol('error')} undone, {page.path(environment.path)} is as it was: {receipt.reason}",
            page,
            "error",
        )
        return
    yield Row(text=f"{page.symbol('good')} done in {page.path(environment.path)}", style="good")
    if page.quiet:
        return
    yield from _steps(plan, page)
    yield from _declined(plan, page)
    yield Row(text=f"examined again: {counted(plan.errors_after, 'error')} ({plan.errors_before} before)")
    yield Row(text=f"undo at any time: {page.next_step or 'acdoctor rollback'} {receipt.id}")


def _history(environment: Environment, events: Sequence[Event], page: Page) -> Iterator[Row]:
    yield Row(text=f"history of {page.path(environment.path)}", style="strong")
    if not events:
        yield Row(text="    nothing was changed by acdoctor, and no other change was noticed")
    for event in reversed(events):
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(event.time))
        parts = [when, event.id or "by others (pip, uv ...)", event.kind if event.id else "", event.who, *_state(event)]
        for line in joined([p for p in parts if p], f" {page.symbol('dot')} ", page.width):
            yield Row(text=line, style="strong" if event.id else "")
        for line in change_lines(event.changes, page):
            yield Row(text=line)
        for pin in event.reinstalled:
            yield Row(text=f"    {pin.replace('==', '  ')}   installed again")
        if event.because:
            yield from _lines(f"why: {event.because}", page, "faint", indent="    ")
        if event.id and event.kind == "fix":
            yield Row(text=f"    errors: {event.errors[0]} before, {event.errors[1]} after", style="faint")


def _state(event: Event) -> Iterator[str]:
    if event.undone:
        yield "undone"
    elif event.id and not event.kept:
        yield "pruned"


def _lines(text: str, page: Page, style: str, indent: str = "") -> Iterator[Row]:
    for line in wrapped(text, max(page.width, _NARROW), first=indent, rest=indent + "    "):
        yield Row(text=line, style=style)


def _finished(rows: Iterator[Row], page: Page) -> str:
    found = list(rows)
    if page.color:
        from doctor.render.color import painted  # noqa: PLC0415 - only for those who see colours

        return painted(found)
    return plain(found)
