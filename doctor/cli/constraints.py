"""``acdoctor constraints``: a stack's versions, for PIP_CONSTRAINT in vendors' own install instructions."""

from __future__ import annotations

import click

from doctor.cli.output import deliver
from doctor.cli.settings import current_settings
from doctor.rulebook.known_good import lock_folder
from doctor.rulebook.load import load_rulebook
from doctor.stacks.constraints import constraints_of
from doctor.stacks.lockfile import PYLOCK, read_lock
from doctor.stacks.locking import known_stack


@click.command()
@click.argument("stack_id", metavar="STACK")
@click.option("-o", "--output", metavar="FILE", default="", help="Write to FILE.")
def constraints(stack_id: str, output: str) -> int:
    """Print a stack's versions as pip constraints.

    They go into the vendor's own install instructions: with PIP_CONSTRAINT set to the file, `pip install` takes these
    versions and no newer ones, and installs nothing that it would not have installed without it.
    """
    stack = known_stack(load_rulebook(current_settings().rules, ("stack", "breakage")), stack_id)
    deliver(constraints_of(stack, read_lock(lock_folder(stack) / PYLOCK)), output)
    return 0
