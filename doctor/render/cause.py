"""One root cause on the screen: what, where, how it is reached, what cures it, what is gone with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from doctor.model import Finding, Fix, Safety
from doctor.render.escape import shown
from doctor.render.fold import Cause
from doctor.render.page import Page, Row, counted, wrapped

_INDENT = " " * 4
_FOLDED_SHOWN = 3
_FIXES_SHOWN = 2
_ENDS = 2
_SAFETY_ORDER = (Safety.SAFE, Safety.UNSAFE, Safety.MANUAL)


def headline(cause: Cause, page: Page) -> list[Row]:
    """The sentence with its sign, and the severity in words at the right edge: no colour is needed to read it."""
    word = cause.severity.value
    sign = page.symbol(word)
    lines = wrapped(cause.finding.message, page.width - len(word) - 2, first=f"{sign} ", rest=" " * (len(sign) + 1))
    lines[0] = f"{lines[0]:<{page.width - len(word)}}{word}"
    return [Row(text=line, style=word) for line in lines]


def brief(cause: Cause, page: Page) -> list[Row]:
    """The headline and the first way to cure it, on a screen that has no room for more."""
    fixes = best_fixes(cause.finding)
    cure = _cure("cure", fixes[0], page) if fixes else []
    return [*headline(cause, page), *cure[:1]]


def block(cause: Cause, page: Page) -> list[Row]:
    """Everything that a person needs to understand and cure it."""
    finding = cause.finding
    return [*headline(cause, page), *_facts(finding, page), *_cures(finding, page), *_folded(cause, page)]


def best_fixes(finding: Finding) -> tuple[Fix, ...]:
    """Safe ones first, then in the order given."""
    return tuple(sorted(finding.fixes, key=lambda fix: _SAFETY_ORDER.index(fix.safety)))


def _facts(finding: Finding, page: Page) -> Iterator[Row]:
    place = ""
    if finding.where is not None:
        place = finding.where.path + (f":{finding.where.line}" if finding.where.line else "")
    if place and not any(place in text for text in (finding.message, *finding.details)):
        yield from _indented(f"at {place}", page)
    for detail in finding.details:
        yield from _indented(detail, page)
    if len(finding.chain) > 1:
        yield Row(text=_chain(finding.chain, page))


def _chain(chain: tuple[str, ...], page: Page) -> str:
    """The way from the entry in one line: its ends always, as much of its middle as there is room for."""
    then = f" {page.symbol('then')} "
    names = [shown(name) for name in chain]
    start = f"{_INDENT}reached by  "
    room = page.width - len(start)
    if page.verbose or len(then.join(names)) <= room:
        return start + then.join(names)
    line = then.join([names[0], page.symbol("more"), names[-1]] if len(names) > _ENDS else names)
    for kept in range(len(names) - 1, _ENDS, -1):
        head, tail = names[: kept // 2], names[-(kept - kept // 2) :]
        fuller = then.join([*head, page.symbol("more"), *tail])
        if len(fuller) <= room:
            line = fuller
            break
    return start + line


def _cures(finding: Finding, page: Page) -> Iterator[Row]:
    fixes = best_fixes(finding)
    wanted = fixes if page.verbose else fixes[:_FIXES_SHOWN]
    for number, fix in enumerate(wanted):
        rows = _cure("cure" if number == 0 else "  or", fix, page)
        yield from rows if number == 0 or page.verbose else rows[:-1] if fix.command else rows
    if len(wanted) < len(fixes):
        yield Row(text=f"{_INDENT}      {counted(len(fixes) - len(wanted), 'more way')} with -v", style="faint")


def _cure(word: str, fix: Fix, page: Page) -> list[Row]:
    """What to install, reinstall or remove, why it helps, and the command; commands are never wrapped."""
    parts = [
        *(shown(pin) for pin in fix.install),
        *(f"reinstall {shown(pin)}" for pin in fix.reinstall),
        *(f"remove {page.path(name)}" for name in fix.remove),
    ]
    what = "  ".join(parts)
    warning = {Safety.SAFE: "", Safety.UNSAFE: "not proven", Safety.MANUAL: "by hand"}[fix.safety]
    because = "; ".join(text for text in (fix.because, warning if what else "") if text)
    start, rest = f"{_INDENT}{word}  ", f"{_INDENT}      "
    text = f"{what}   {because}" if what else because or "by hand"
    rows = [Row(text=line, style="good") for line in wrapped(text, page.width, first=start, rest=rest)]
    if fix.command:
        rows.append(Row(text=f"{rest}{shown(fix.command, limit=2000)}"))
    return rows


def _folded(cause: Cause, page: Page) -> Iterator[Row]:
    """What is gone with the cause, counted, the first few in a line each; the same sentence once."""
    if not cause.folded:
        return
    yield Row(text=f"{_INDENT}explains {counted(len(cause.folded), 'more finding')}:", style="faint")
    times = Counter(finding.message for finding in cause.folded)
    wanted = list(times) if page.verbose else list(times)[:_FOLDED_SHOWN]
    for message in wanted:
        text = message if times[message] == 1 else f"{message} ({times[message]} times)"
        for line in wrapped(text, page.width, first=f"{_INDENT}  {page.symbol('note')} ", rest=_INDENT * 2):
            yield Row(text=line, style="faint")
    left = len(cause.folded) - sum(times[message] for message in wanted)
    if left:
        yield Row(text=f"{_INDENT}    and {left} more with -v", style="faint")


def _indented(text: str, page: Page) -> Iterator[Row]:
    for line in wrapped(text, page.width, first=_INDENT, rest=_INDENT):
        yield Row(text=line)
