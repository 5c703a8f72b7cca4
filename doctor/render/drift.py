"""Drift and its phases: the screen of a person, and JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from doctor.model import Finding
from doctor.render.page import Page, Row, counted, plain, wrapped
from doctor.stacks.bisect import Phase, varying
from doctor.stacks.drift import Break, Drift, Moved
from doctor.stacks.drift_lab import State
from doctor.stacks.from_nothing_verdict import Verdict

_SCHEMA = "acdoctor.drift/1"
_MOST_MOVED = 12
_LAST = 2


def render_drift(drift: Drift, phases: Sequence[Phase], page: Page) -> str:
    """The comparison, who broke it, the phases when they were asked for, the rest of the differences."""
    rows = list(_screen(drift, phases, page))
    if page.color:
        from doctor.render.color import painted  # noqa: PLC0415 - as in doctor.render.text

        return painted(rows)
    return plain(rows)


def _screen(drift: Drift, phases: Sequence[Phase], page: Page) -> Iterator[Row]:
    if not page.quiet:
        yield from _head(drift, page)
    for one in drift.breaks:
        yield Row()
        yield from _break(one, drift, page)
    if not drift.breaks:
        yield Row()
        yield from _nothing(drift, page)
    if phases:
        yield Row()
        yield from _phases(phases)
    if page.quiet:
        return
    yield from _both(drift, page)
    yield from _rest(drift, page)
    for note in drift.notes:
        yield from (Row(text=line, style="faint") for line in wrapped(note, page.width))


def _head(drift: Drift, page: Page) -> Iterator[Row]:
    dot = page.symbol("dot")
    now = drift.now.resolution
    yield Row(text=f"{page.path(drift.title)}", style="strong")
    line = (
        f"{drift.then.day} {dot} {counted(len(drift.then.resolution.picked), 'distribution')}   "
        f"{drift.now.day} {dot} {counted(len(now.picked), 'distribution')}   {len(drift.moved)} differ"
    )
    yield Row(text=line)


def _break(one: Break, drift: Drift, page: Page) -> Iterator[Row]:
    finding = one.finding
    if one.culprits:
        who = names_of(one)
        yield from _rows(f"{page.symbol('error')} {who} broke it", page, "error")
    else:
        yield from _rows(f"{page.symbol('error')} {finding.message}", page, "error")
    if one.culprits:
        yield from _rows(finding.message, page, indent=4)
    yield from _rows(_place(finding, page), page, indent=4)
    for culprit in one.culprits:
        newer = f"{culprit.name} {culprit.after} on {drift.now.day}" if culprit.after else f"gone on {drift.now.day}"
        older = f"{culprit.name} {culprit.before}" if culprit.before else "not there"
        yield from _rows(f"{older} on {drift.then.day}, {newer}", page, indent=4)
    if one.pins:
        yield from _rows(f"restored by  {' '.join(one.pins)}", page, "good", indent=4)
        how = f"resolved again for {drift.now.day} with it" if one.resolved else "with it, and all else as it is"
        proof = f"tried: {how}, the failure is gone"
        proof += ", and nothing else fails" if one.clean else "; what is left is told separately"
        also = ", ".join(change_of(m, page) for m in one.also[:4])
        yield from _rows(proof + (f"; also {also}" if also else ""), page, indent=4)
    elif one.culprits:
        new = [c.name for c in one.culprits if c.before is None]
        text = f"without {', '.join(new)} it does not fail"
        text = text if new else "the older version ends it, but other distributions ask for the newer one"
        yield from _rows(text, page, indent=4)
    else:
        yield from _rows("none of the differences alone accounts for it", page, indent=4)


def names_of(one: Break) -> str:
    """Who broke it, with the day of the upload."""
    if one.first:
        return f"{one.culprits[0].name} {one.first}, uploaded {one.first_on},"
    return " with ".join(f"{c.name} {c.after or 'removed'}" + (f" ({c.on})" if c.on else "") for c in one.culprits)


def _place(finding: Finding, page: Page) -> str:
    where = f"{finding.where.path}:{finding.where.line}" if finding.where else ""
    chain = finding.chain
    if len(chain) > _LAST + 1:
        chain = (chain[0], page.symbol("more"), *chain[-_LAST:])
    way = f" {page.symbol('then')} ".join(chain)
    return ", reached by ".join(part for part in (where, way) if part)


def _nothing(drift: Drift, page: Page) -> Iterator[Row]:
    followed = len(drift.now.verdict.followed)
    if not followed:
        yield from _rows(f"{page.symbol('unknown')} nothing could be followed, so nothing is known", page, "warning")
        return
    unknown = drift.now.verdict.unknown
    if unknown:
        text = f"nothing was found to fail, but {len(unknown)} of {entries_of(drift.now.verdict)} could not be followed"
        yield from _rows(f"{page.symbol('unknown')} {text} to the end", page, "warning")
        return
    what = "nothing new fails" if drift.both else "nothing fails"
    modules = f"{entries_of(drift.now.verdict)}, {drift.now.verdict.modules:,} modules"
    yield from _rows(f"{page.symbol('good')} {what} on {drift.now.day} ({modules} followed)", page, "good")


def entries_of(verdict: Verdict) -> str:
    """How many entries were followed."""
    count = len(verdict.followed)
    return "1 entry" if count == 1 else f"{count} entries"


def _phases(phases: Sequence[Phase]) -> Iterator[Row]:
    columns = varying(phases)
    table = [("resolved on", *columns, "state")]
    for phase in phases:
        versions = dict(phase.versions)
        unknown = f"{len(phase.unknown)} entries not followed to the end" if phase.unknown else "works"
        state = "; ".join(_short(finding) for finding in phase.findings) or unknown
        table.append((f"{phase.since} .. {phase.until}", *(_range(versions[c]) for c in columns), state))
    sizes = [max(len(row[place]) for row in table) for place in range(len(table[0]) - 1)]
    for number, row in enumerate(table):
        cells = (f"{cell:<{size}}" for cell, size in zip(row[:-1], sizes, strict=True))
        yield Row(text="  ".join((*cells, row[-1])), style="strong" if number == 0 else "")


def _range(versions: tuple[str, ...]) -> str:
    if not versions:
        return "-"
    return versions[0] if len(versions) == 1 else f"{versions[0]}..{versions[-1]}"


def _short(finding: Finding) -> str:
    return f"{finding.subjects[0].partition('==')[0]} fails ({finding.symbol})" if finding.symbol else finding.message


def _both(drift: Drift, page: Page) -> Iterator[Row]:
    if drift.both:
        yield Row()
        yield Row(text=f"on both days, so no drift: {counted(len(drift.both), 'failure')}")
        for finding in drift.both[:6]:
            yield from _rows(finding.message, page, indent=4)


def _rest(drift: Drift, page: Page) -> Iterator[Row]:
    blamed = {c.name for one in drift.breaks for c in one.culprits}
    rest = [m for m in drift.moved if m.name not in blamed]
    if not rest:
        return
    yield Row()
    yield Row(text="differ without a failure that was found:")
    most = len(rest) if page.verbose else _MOST_MOVED
    for one in rest[:most]:
        yield from _rows(change_of(one, page) + (f"  ({one.on})" if one.on else ""), page, indent=4)
    if len(rest) > most:
        yield Row(text=f"    {page.symbol('more')} and {len(rest) - most} more with -v")


def change_of(one: Moved, page: Page) -> str:
    """What became of what."""
    return f"{one.name} {one.before or '(absent)'} {page.symbol('becomes')} {one.after or '(absent)'}"


def _rows(text: str, page: Page, style: str = "", indent: int = 0) -> Iterable[Row]:
    return (Row(text=line, style=style) for line in wrapped(text, page.width, first=" " * indent, rest=" " * indent))


def render_drift_json(drift: Drift, phases: Sequence[Phase]) -> str:
    """One object, sorted keys."""
    value: dict[str, Any] = {
        "schema": _SCHEMA,
        "title": drift.title,
        "then": _state(drift.then),
        "now": _state(drift.now),
        "differ": [_moved(m) for m in drift.moved],
        "breaks": [_break_value(b) for b in drift.breaks],
        "both": [_finding(f) for f in drift.both],
        "notes": list(drift.notes),
        "phases": [_phase(p) for p in phases],
    }
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def _state(state: State) -> dict[str, Any]:
    return {
        "day": state.day.isoformat(),
        "distributions": state.resolution.versions,
        "entries": list(state.verdict.followed),
        "modules": state.verdict.modules,
        "findings": [_finding(f) for f in state.verdict.findings],
    }


def _moved(one: Moved) -> dict[str, Any]:
    return {"name": one.name, "before": one.before, "after": one.after, "uploaded": one.on}


def _break_value(one: Break) -> dict[str, Any]:
    return {
        "finding": _finding(one.finding),
        "culprits": [_moved(c) for c in one.culprits],
        "first": one.first,
        "uploaded": one.first_on,
        "pins": list(one.pins),
        "also": [_moved(m) for m in one.also],
        "clean": one.clean,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "subjects": list(finding.subjects),
        "message": finding.message,
        "symbol": finding.symbol,
        "where": {"path": finding.where.path, "line": finding.where.line} if finding.where else None,
        "chain": list(finding.chain),
    }


def _phase(phase: Phase) -> dict[str, Any]:
    return {
        "since": phase.since.isoformat(),
        "until": phase.until.isoformat(),
        "versions": {name: list(versions) for name, versions in phase.versions},
        "findings": [_finding(f) for f in phase.findings],
        "unknown": list(phase.unknown),
    }
