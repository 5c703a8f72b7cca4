"""``acdoctor adopt``: pin the present healthy environment as a stack of the user's own."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from doctor.checks.examine import NO_STACK, Options, examine
from doctor.cli.drift import needing_the_index
from doctor.cli.output import progress, say
from doctor.cli.settings import current_settings
from doctor.errors import UsageError
from doctor.index.index import open_index
from doctor.probe.locate import resolve_environment_path
from doctor.render.escape import shown
from doctor.rulebook.load import load_bench
from doctor.rulebook.schema import valid_id
from doctor.rulebook.sources import builtin_ids
from doctor.stacks.adopting import Adopted
from doctor.stacks.adopting import adopt as adopt_environment
from doctor.stacks.lockfile import PYLOCK, REQUIREMENTS, render_pylock

_STILL_WORKS = "Nothing was written; acdoctor check and acdoctor snapshot need no index."


@click.command()
@click.argument("venv", required=False, metavar="[VENV]")
@click.option("--id", "stack_id", metavar="ID", required=True, help="The stack's name: lower case, joined by - or .")
@click.option("-o", "--output", metavar="DIR", required=True, help="The folder of your rules; made if need be.")
def adopt(venv: str | None, stack_id: str, output: str) -> int:
    """Pin a healthy environment as a stack of your own: a rule file and a known-good set.

    Use it with --rules DIR: `acdoctor check` recognises it then, `acdoctor create` makes it again. Needs the package
    index, which knows the hashes. Exit code: 0 adopted, 1 the environment has errors, 2 usage, 3 not possible.
    """
    settings = current_settings()
    rule_path, folder = _places(stack_id, output)
    path = resolve_environment_path(venv)
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    with needing_the_index(_STILL_WORKS), progress(f"examining {shown(path)}", settings):
        report = examine(path, Options(stack=NO_STACK, assumed=settings.assumed, rules=settings.rules))
        adopted = adopt_environment(report, stack_id, open_index(path, offline=settings.offline), today)
    _write(rule_path, folder, adopted)
    bench = load_bench([str(rule_path)])
    if bench.complaints:
        raise bench.complaints[0]
    say(f"{len(adopted.lock.packages)} distributions of {shown(path)} are pinned as {stack_id}:\n")
    say(f"  {shown(str(rule_path))}\n  {shown(str(folder))}/{PYLOCK}, {REQUIREMENTS}\n")
    for pin, why in adopted.outside:
        say(f"  not in the set: {shown(pin)}: {shown(why)}\n")
    say(f"Recognise it: acdoctor --rules {shown(output)} check\n")
    say(f"Make it again: acdoctor --rules {shown(output)} create {stack_id} DIR\n")
    return 0


def _places(stack_id: str, output: str) -> tuple[Path, Path]:
    """The rule's file and the set's folder; raises ``UsageError`` for an id that is none or is taken."""
    try:
        valid_id(stack_id)
    except ValueError as error:
        raise UsageError(f"{shown(stack_id)} cannot be the id of a stack: {error}.") from error
    if stack_id in dict(builtin_ids()):
        raise UsageError(f"{stack_id} is the id of a rule that comes with acdoctor; choose another.")
    rule, folder = Path(output) / "stacks" / f"{stack_id}.toml", Path(output) / "lockfiles" / stack_id
    if rule.exists():
        raise UsageError(f"{shown(str(rule))} exists already and is left as it is; choose another id.")
    return rule, folder


def _write(rule: Path, folder: Path, adopted: Adopted) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        rule.parent.mkdir(parents=True, exist_ok=True)
        (folder / PYLOCK).write_text(render_pylock(adopted.lock), encoding="utf-8")
        (folder / REQUIREMENTS).write_text(adopted.requirements, encoding="utf-8")
        rule.write_text(adopted.rule, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The stack cannot be written to {shown(str(rule.parent))}: {error.strerror}.") from None
