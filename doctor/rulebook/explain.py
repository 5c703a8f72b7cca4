"""Rules in words: the table of all, and everything that one says."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from doctor.model import Fix
from doctor.rulebook.reader import escaped
from doctor.rulebook.rules import Breakage, LogRule, NativeContract, Rule, RuleExample, Stack

_LEAST_TITLE = 24


def columns(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], width: int) -> str:
    """A table in plain text; the last column is wrapped to the width."""
    table = [head, *rows]
    sizes = [max(len(row[place]) for row in table) for place in range(len(head) - 1)]
    indent = sum(sizes) + 2 * len(sizes)
    lines = []
    for row in table:
        start = "".join(f"{escaped(cell):<{size}}  " for cell, size in zip(row[:-1], sizes, strict=True))
        last = textwrap.wrap(escaped(row[-1]), max(_LEAST_TITLE, width - indent), break_on_hyphens=False) or [""]
        lines += [f"{start}{last[0]}".rstrip(), *(" " * indent + line for line in last[1:])]
    return "\n".join(lines) + "\n"


def describe(rule: Rule, width: int) -> str:
    """All that a rule says, for a reader: what, why, cures, evidence, examples, and the file it stands in."""
    lines = [f"{rule.id} · {rule.status}", rule.title, ""]
    lines += _paragraphs(rule.explain, width)
    lines += ["", *(line for name, values in _facts(rule) for line in _fact(name, [v for v in values if v]))]
    for fix in rule.fixes:
        lines += _item(f"cure ({fix.safety.value})", f"{_deeds(fix)}: {fix.because}", width)
    for entry in rule.evidence:
        source = f" [{entry.source}]" if entry.source else ""
        lines += _item(f"evidence ({entry.how}, {entry.on})", entry.claim + source, width)
    for example in rule.examples:
        verdict = "must find" if example.found else "must leave alone"
        lines += _item(f"example it {verdict}", _case(example), width)
    lines += ["", f"from {rule.path}"]
    return "\n".join(escaped(line) for line in lines) + "\n"


def _fact(name: str, values: list[str]) -> list[str]:
    return [f"{'' if place else name:<12}{value}" for place, value in enumerate(values)]


def _facts(rule: Rule) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "severity", (rule.severity.value,)
    if isinstance(rule, Breakage):
        yield "together", rule.together
        yield "marker", (rule.marker,)
        yield "symbol", (rule.symbol,)
        yield "where", (rule.where,)
        yield "found by", ("the import contracts, with the chain from the entry" if rule.contract else "this rule",)
    elif isinstance(rule, Stack):
        yield "detect", rule.detect
        yield "detect any", rule.detect_any
        yield "python", (rule.python,)
        yield "marker", (rule.marker,)
        yield "pins", rule.pins
        yield "entry", rule.entries
        yield "provided", rule.provided
        yield "asks", rule.asks
        yield "accepts", tuple(f"{entry.module} {entry.symbol}: {entry.reason}" for entry in rule.accepts)
        yield "lockfile", (rule.lockfile,)
        yield "resolved", (rule.resolved,)
        yield "also", rule.also
        yield "cures", tuple(f"{cure.pin}: {cure.reason}" for cure in rule.cures)
        yield "archives", tuple(f"{archive.name} {archive.url}: {archive.reason}" for archive in rule.archives)
        yield "checkouts", tuple(f"{checkout.name} {checkout.url} {checkout.tag}" for checkout in rule.checkouts)
        yield "leave out", tuple(f"{left.option}: {', '.join(left.packages)}; {left.reason}" for left in rule.leave_out)
    elif isinstance(rule, NativeContract):
        yield "when", (rule.when,)
        yield "beside", rule.beside
        yield "marker", (rule.marker,)
        yield "module", (rule.module,)
        yield "raises", tuple(" ".join(entry) for entry in rule.raises)
        yield "has", rule.names
        yield "needs", rule.needs
        yield "lacks", rule.lacks
    elif isinstance(rule, LogRule):
        yield from ((key, (getattr(rule, key),)) for key in ("pattern", "after", "until", "near", "unless"))
        yield "stage", (rule.stage,)
        yield "category", (rule.category,)
        yield "advice", rule.advice
        yield "ask", (rule.ask,)


def _deeds(fix: Fix) -> str:
    deeds = [*(f"install {pin}" for pin in fix.install), *(f"remove {name}" for name in fix.remove)]
    deeds += [f"reinstall {name}" for name in fix.reinstall]
    return ", ".join([*deeds, fix.command] if fix.command else deeds) or "by hand"


def _case(example: RuleExample) -> str:
    case = example.text.strip() or ", ".join(example.installed) or "nothing installed"
    return case + (f" ({example.says})" if example.says else "")


def _item(head: str, text: str, width: int) -> list[str]:
    return ["", head, *(f"    {line}" for line in _paragraphs(text, width - 4))]


def _paragraphs(text: str, width: int) -> list[str]:
    return [
        line
        for paragraph in text.split("\n\n")
        for line in textwrap.wrap(" ".join(paragraph.split()), width, break_on_hyphens=False)
    ]
