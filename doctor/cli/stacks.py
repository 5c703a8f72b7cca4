"""``acdoctor stacks``: the known-good sets."""

from __future__ import annotations

import click

from doctor.cli.output import page_for, say
from doctor.cli.recheck import recheck
from doctor.cli.settings import current_settings
from doctor.render.escape import shown
from doctor.rulebook.explain import columns, describe
from doctor.rulebook.load import load_rulebook
from doctor.stacks.catalogue import catalogue, entry_of, told
from doctor.stacks.locking import known_stack

_KINDS = ("stack", "breakage")


@click.group("stacks")
def command() -> None:
    """The known-good sets: list them, show one, see what one is today."""


command.add_command(recheck)


@command.command("list")
def list_stacks() -> int:
    """List all stacks: id, Python, distributions of the known-good set, the day it was resolved for, title."""
    settings = current_settings()
    rows = [entry.row for entry in catalogue(load_rulebook(settings.rules, _KINDS))]
    head = ("id", "python", "size", "as of", "title")
    say(columns(head, rows, max(100, page_for(settings).width)))
    return 0


@command.command("show")
@click.argument("stack_id", metavar="STACK")
@click.option("--pins", is_flag=True, help="Only the exact versions of the set, one a line.")
def show_stack(stack_id: str, pins: bool) -> int:
    """Show all that is known of one stack: pins, entries, evidence, and how to make an environment of it."""
    settings = current_settings()
    stack = known_stack(load_rulebook(settings.rules, _KINDS), stack_id)
    entry = entry_of(stack)
    if pins:
        say("".join(f"{package.pin}\n" for package in (entry.lock.packages if entry.lock else ())))
        return 0
    say(describe(stack, page_for(settings).width))
    say("\n" + "".join(f"{shown(line, limit=400)}\n" for line in told(entry)))
    return 0
