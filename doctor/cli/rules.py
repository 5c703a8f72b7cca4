"""``acdoctor rules``: what the doctor knows about packages, why it believes it, and how to add to it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from doctor.cli.output import page_for, say
from doctor.cli.settings import current_settings
from doctor.errors import UsageError
from doctor.render.escape import shown
from doctor.rulebook.explain import columns, describe
from doctor.rulebook.load import all_rules, kind_of, load_bench
from doctor.rulebook.rules import LogRule, Rule
from doctor.rulebook.schema import valid_id
from doctor.rulebook.sources import FOLDERS, KINDS, SUFFIX, builtin_ids
from doctor.rulebook.template import template
from doctor.rulebook.trial import try_rules

STALE_DAYS = 180


@click.group("rules")
def command() -> None:
    """The rules the doctor works with: list them, read one, prove them, write a new one."""


@command.command("list")
@click.option("--kind", type=click.Choice(KINDS), help="Only rules of this kind.")
def list_rules(kind: str | None) -> int:
    """List all rules: id, kind, severity, title."""
    settings = current_settings()
    rules = [rule for rule in all_rules(settings.rules) if kind in (None, kind_of(rule))]
    rows = [(rule.id, kind_of(rule), _weight(rule), rule.title) for rule in rules]
    say(columns(("id", "kind", "severity", "title"), rows, page_for(settings).width))
    return 0


@command.command("show")
@click.argument("rule_id", metavar="ID")
def show_rule(rule_id: str) -> int:
    """Show all that one rule says, its evidence and its examples."""
    settings = current_settings()
    rules = {rule.id: rule for rule in all_rules(settings.rules)}
    if rule_id not in rules:
        from difflib import get_close_matches  # noqa: PLC0415 - only for a slip of the fingers

        near = get_close_matches(rule_id, rules, n=1)
        hint = f"Did you mean {near[0]}?" if near else "acdoctor rules list names all."
        raise UsageError(f"There is no rule {shown(rule_id)}. {hint}")
    say(describe(rules[rule_id], page_for(settings).width))
    return 0


@command.command("test")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
def test_rules(paths: tuple[str, ...]) -> int:
    """Prove rules: examples hold, fixes cure and wake no other rule, patterns are quick.

    PATH is a rule file or a directory of rules; without it all built-in rules and those of --rules are proven.
    Exit code: 0 all hold, 1 something does not hold, 3 a rule cannot be read.
    """
    bench = load_bench(paths, current_settings().rules)
    failures = try_rules(bench.rules, bench.rulebook, _speaks)
    for complaint in bench.complaints:
        say(f"{complaint}\n")
    for failure in failures:
        say(f"{failure.rule}: {shown(failure.complaint)}\n")
    examples = sum(len(rule.examples) for rule in bench.rules)
    fixes = sum(len(rule.fixes) for rule in bench.rules)
    bad = len({failure.rule for failure in failures})
    outcome = f"{bad} of them do not keep what they say" if bad else "all keep what they say"
    unread = f"; {len({c.path for c in bench.complaints})} could not be read" if bench.complaints else ""
    say(f"{len(bench.rules)} rules with {examples} examples and {fixes} fixes: {outcome}{unread}\n")
    return 3 if bench.complaints else int(bool(failures))


@command.command("stale")
@click.option("--days", type=click.IntRange(min=0), default=STALE_DAYS, show_default=True, help="How old is too old.")
def stale_rules(days: int) -> int:
    """List rules whose newest evidence is old: somebody should run it again."""
    settings = current_settings()
    today = _today()
    ages = [(rule, (today - _newest(rule)).days) for rule in all_rules(settings.rules)]
    rows = [(rule.id, str(_newest(rule)), f"{age} days", rule.title) for rule, age in ages if age > days]
    if rows:
        say(columns(("id", "evidence of", "age", "title"), rows, page_for(settings).width))
    say(f"{len(rows)} of {len(ages)} rules have no evidence younger than {days} days\n")
    return 0


@command.command("new")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("rule_id", metavar="ID")
@click.option(
    "--into", metavar="DIR", default="", help="Where to; default: the checkout's folder of the kind, or here."
)
def new_rule(kind: str, rule_id: str, into: str) -> int:
    """Write the file of a new rule, with every key explained and blanks to fill in."""
    try:
        valid_id(rule_id)
    except ValueError as error:
        raise UsageError(f"{shown(rule_id)} cannot be the id of a rule: {error}.") from error
    taken = dict(builtin_ids()).get(rule_id)
    if taken:
        raise UsageError(f"{rule_id} is already the id of {taken}; ids are unique for ever.")
    folder = Path("rules") / FOLDERS[kind]
    path = (Path(into) if into else folder if folder.is_dir() else Path()) / f"{rule_id}{SUFFIX}"
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(template(kind, rule_id, str(path), _today().isoformat()))
    except FileExistsError as error:
        raise UsageError(f"{shown(str(path))} exists already and is left as it is.") from error
    except OSError as error:
        raise UsageError(f"{shown(str(path))} cannot be written: {error.strerror or error}.") from error
    say(f"{shown(str(path))} is written. Fill it in, then: acdoctor rules test {shown(str(path))}\n")
    return 0


def _speaks(rule: LogRule, text: str) -> bool:
    """Whether triage, reading a log of this text with this rule alone, finds it."""
    from doctor.triage.matching import matches, patterns  # noqa: PLC0415 - only rules about logs need it
    from doctor.triage.scan import Scanner  # noqa: PLC0415
    from doctor.triage.versions import Versions  # noqa: PLC0415

    scanner = Scanner(patterns([rule]))
    scanner.feed(text.encode() + b"\n")
    digest = scanner.digest()
    return bool(digest.of(rule.pattern)) if rule.stage else bool(matches([rule], digest, Versions()))


def _weight(rule: Rule) -> str:
    """The severity in a table; a stack and a native contract find nothing by themselves."""
    if rule.status == "retired":
        return "retired"
    return rule.severity.value if kind_of(rule) in ("breakage", "log") else "-"


def _newest(rule: Rule) -> dt.date:
    return max(dt.date.fromisoformat(entry.on) for entry in rule.evidence)


def _today() -> dt.date:
    return dt.datetime.now(tz=dt.UTC).date()
