"""Report -> the screen of a person: root causes first, what they explain folded beneath, a next step last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from doctor.model import Environment, Report, Safety, Severity
from doctor.render.cause import best_fixes, block, brief, headline
from doctor.render.escape import shown
from doctor.render.fold import Cause, causes
from doctor.render.page import Page, Row, counted, joined, plain, wrapped

_IN_FULL = {Severity.ERROR: 6, Severity.WARNING: 3, Severity.NOTE: 0}
_IN_BRIEF = {Severity.ERROR: 30, Severity.WARNING: 12, Severity.NOTE: 0}
_KINDS = {"conda": "conda environment", "system": "system Python", "target": "bare directory"}
_WORTH_SECONDS = 0.05
_LONGEST_COMMAND = 2000


def render_text(report: Report, page: Page) -> str:
    """The whole screen; with ``page.quiet`` one line for each root cause that counts, nothing when healthy."""
    found = causes(report.findings)
    rows = list(_quiet(report, found, page) if page.quiet else _screen(report, found, page))
    if page.color:
        from doctor.render.color import painted  # noqa: PLC0415 - rich costs as much as all the rest of a start

        return painted(rows)
    return plain(rows)


def _screen(report: Report, found: Sequence[Cause], page: Page) -> Iterator[Row]:
    visible = [c for c in found if page.verbose or _IN_BRIEF[c.severity]]
    if visible or report.crashed:
        yield from _header(report, page)
    for severity in Severity:
        yield from _section([c for c in visible if c.severity is severity], page)
    if report.crashed:
        yield Row()
        yield from _crashes(report, page)
    if visible or report.crashed:
        yield Row()
    yield from _summary(report, found, page)
    yield from _next(report, visible, page)


def _quiet(report: Report, found: Sequence[Cause], page: Page) -> Iterator[Row]:
    for cause in found:
        if cause.severity.rank <= report.fail_on.rank:
            yield from headline(cause, page)
    yield from _crashes(report, page)


def _section(found: Sequence[Cause], page: Page) -> Iterator[Row]:
    """The causes of one severity: the first in full, more of them in brief, the rest as a count."""
    if not found:
        return
    severity = found[0].severity
    full = len(found) if page.verbose else _IN_FULL[severity]
    shown_briefly = found[full : full + _IN_BRIEF[severity]]
    for cause in found[:full]:
        yield Row()
        yield from block(cause, page)
    if shown_briefly:
        yield Row()
    for cause in shown_briefly:
        yield from brief(cause, page)
    left = len(found) - full - len(shown_briefly)
    if left > 0:
        yield Row(text=f"{page.symbol('more')} and {counted(left, 'more ' + severity.value)} with -v")


def _header(report: Report, page: Page) -> Iterator[Row]:
    environment = report.environment
    if environment is None:
        return
    parts = [page.path(environment.path), *_python(environment), counted(_installed(environment), "distribution")]
    if report.stack:
        parts.append(f"stack {report.stack}")
    for line in joined(parts, f" {page.symbol('dot')} ", page.width):
        yield Row(text=line, style="strong")


def _python(environment: Environment) -> Iterator[str]:
    """What it is, where it is no virtual environment, and its interpreter."""
    if environment.kind in _KINDS:
        yield _KINDS[environment.kind]
    interpreter = environment.interpreter
    if interpreter is not None:
        name = {"cpython": "CPython", "pypy": "PyPy"}.get(interpreter.implementation, interpreter.implementation)
        yield f"{name} {interpreter.version}"
    elif environment.kind != "target":
        yield f"Python {environment.python_version or 'of unknown version'} (does not start)"


def _installed(environment: Environment) -> int:
    return sum(d.kind != "assumed" for d in environment.distributions)


def _crashes(report: Report, page: Page) -> Iterator[Row]:
    sign = page.symbol("unknown")
    for crash in report.crashed:
        text = f"the check {crash.check} could not finish: {crash.reason}"
        for line in wrapped(text, page.width, first=f"{sign} ", rest="  "):
            yield Row(text=line, style="warning")


def _summary(report: Report, found: Sequence[Cause], page: Page) -> Iterator[Row]:
    """One line: how many of what, and whether it can be cured; or healthy, and how much that covers."""
    notes = sum(cause.severity is Severity.NOTE for cause in found)
    if len(found) == notes and not report.crashed:
        verdict = "healthy" if report.environment is not None else "nothing found"
        parts = [f"{page.symbol('good')} {verdict}", *_looked_at(report)]
        if notes and not page.verbose:
            parts.append(f"{counted(notes, 'note')} with -v")
        lines = joined(parts, f" {page.symbol('dot')} ", page.width)
    else:
        kinds = [[cause for cause in found if cause.severity is severity] for severity in Severity]
        parts = [counted(len(kind), kind[0].severity.value) for kind in kinds if kind]
        curable = _curable([cause for cause in found if cause.severity is found[0].severity], report) if found else ""
        if curable:
            parts[0] += f" ({curable})"
        if report.crashed:
            parts.append(f"{counted(len(report.crashed), 'check')} did not finish")
        lines = wrapped(", ".join(parts) + ".", page.width)
    for line in lines:
        yield Row(text=line, style="strong" if report.crashed or len(found) > notes else "good")


def _looked_at(report: Report) -> Iterator[str]:
    """How much the word healthy covers."""
    tally = report.tally
    if report.environment is not None:
        yield counted(_installed(report.environment), "distribution")
        if tally.entries:
            yield f"{tally.entries:,} entries" if tally.entries > 1 else "1 entry"
        yield f"{counted(tally.modules, 'module')} followed" if tally.modules else "no imports followed"
    if tally.seconds >= _WORTH_SECONDS:
        yield f"{tally.seconds:.1f} s"


def _curable(worst: Sequence[Cause], report: Report) -> str:
    """What the first fixes of the worst causes promise together ('' when there is none)."""
    first = [fixes[0] for fixes in (best_fixes(cause.finding) for cause in worst) if fixes]
    if not first or worst[0].severity is Severity.NOTE:
        return ""
    if len(first) < len(worst):
        return f"{len(first)} of them curable"
    if report.stack and all(fix.safety is Safety.SAFE for fix in first):
        return "curable without touching a pin of the stack"
    return "curable"


def _next(report: Report, visible: Sequence[Cause], page: Page) -> Iterator[Row]:
    """The one thing to do now; a command stays on its line, to be copied."""
    counting = [cause for cause in visible if cause.severity is not Severity.NOTE]
    if report.crashed:
        step, means = "acdoctor check -v", "(shows every detail; please report what could not finish)"
    elif page.next_step and any(c.finding.fixes or c.severity is Severity.ERROR for c in counting):
        step, means = page.next_step, "(shows the plan; --apply carries it out)"
    elif any(fix.command for cause in counting for fix in cause.finding.fixes):
        step, means = "run the command below the cure, then acdoctor check again", ""
    elif counting and not page.verbose:
        step, means = "acdoctor check -v", "(shows every detail)"
    else:
        return
    first = f"Next: {shown(step, limit=_LONGEST_COMMAND)}"
    if means and len(first) + 3 + len(means) <= page.width:
        yield Row(text=f"{first}   {means}")
        return
    yield Row(text=first)
    for line in wrapped(means, page.width, first="      ", rest="      ") if means else ():
        yield Row(text=line)
