"""``acdoctor lock``: make a stack's known-good set again from its requirements.in, and show what would differ."""

from __future__ import annotations

from pathlib import Path

import click

from doctor.cli.drift import needing_the_index
from doctor.cli.output import progress, say
from doctor.cli.settings import Settings, current_settings
from doctor.errors import UsageError
from doctor.index.index import open_index
from doctor.render.escape import shown
from doctor.rulebook.explain import columns
from doctor.rulebook.known_good import lock_folder
from doctor.rulebook.load import load_rulebook
from doctor.rulebook.rules import Rulebook, Stack
from doctor.stacks.lockfile import (
    ASKED,
    PYLOCK,
    REQUIREMENTS,
    Lock,
    LockError,
    read_lock,
    render_pylock,
)
from doctor.stacks.locking import Made, broken_promises, differences, known_stack, make_lock

_STILL_WORKS = (
    "The set that comes with acdoctor is as it was: acdoctor constraints and acdoctor stacks show need no index."
)


@click.command()
@click.argument("stack_id", metavar="STACK")
@click.option("--day", metavar="DATE", default="", help="As the index stood at the end of DATE, not on the rule's day.")
@click.option("--input", "asked", metavar="FILE", default="", help="Resolve this requirements.in.")
@click.option("--python", metavar="PATH", default="", help="A Python that the set is for, if it is not acdoctor's own.")
@click.option("--prove", is_flag=True, help="Resolve nothing: follow the imports of the set that is there.")
@click.option("--checkout", "--modelzoo", metavar="DIR", default="", help="For --prove: the working copy beside it.")
@click.option("--write", is_flag=True, help="Write the new set where the old one is.")
@click.option("-o", "--output", metavar="DIR", default="", help="Write the new set into DIR.")
def lock(stack_id: str, day: str, asked: str, python: str, prove: bool, checkout: str, write: bool, output: str) -> int:
    """Make a stack's known-good set again, and show how it differs from the one that comes with acdoctor.

    Resolved with pip-tools on the package index as it stood on that day. Nothing is written without --write or -o.
    Exit code: 0 the same set, 1 it differs or does not keep what the stack says, 2 usage, 3 could not be resolved.
    """
    settings = current_settings()
    rulebook = load_rulebook(settings.rules, ("stack", "breakage", "native"))
    stack = known_stack(rulebook, stack_id)
    folder = lock_folder(stack)
    if prove:
        return _prove(stack, rulebook, checkout, settings)
    text = _asked(Path(asked) if asked else folder / ASKED)
    with needing_the_index(_STILL_WORKS), progress(f"resolving {stack.id}", settings):
        made = make_lock(stack, text, open_index(offline=settings.offline), day, python)
    old = _known(folder)
    changed = differences(old.versions if old else {}, made.lock.versions)
    broken = broken_promises(stack, made.lock)
    if output or write:
        _write(Path(output) if output else folder, made)
    rows = [(change.name, change.before or "-", change.after or "-") for change in changed]
    if rows:
        say(columns(("distribution", "now", "new"), rows, 100))
    for promise in broken:
        say(f"does not keep what {stack.id} says: {promise}\n")
    size = sum(file.size or 0 for package in made.lock.packages for file in package.files[:1])
    say(
        f"{stack.id}: {len(made.lock.packages)} distributions, {size / 1e6:,.0f} MB to download, as of "
        f"{day or stack.resolved or 'now'}; {len(rows) or 'none'} differ from the set that comes with acdoctor\n"
    )
    return int(bool(rows or broken))


def _prove(stack: Stack, rulebook: Rulebook, checkout: str, settings: Settings) -> int:
    """Say what the imports of the set's entries would meet."""
    from doctor.stacks.lock_verdict import prove_lock  # noqa: PLC0415 - the importer, only for those who ask

    with needing_the_index(_STILL_WORKS), progress(f"following the imports of {stack.id}", settings):
        known = read_lock(lock_folder(stack) / PYLOCK)
        proof = prove_lock(stack, known, open_index(offline=settings.offline), rulebook, checkout)
    for finding in proof.errors:
        say(f"error: {shown(finding.message)} ({', '.join(finding.subjects)})\n")
    granted = f"; taken for granted: {', '.join(proof.assumed)}" if proof.assumed else ""
    say(
        f"{stack.id}: {len(proof.errors)} errors in {proof.entries} entries, {proof.modules:,} modules followed "
        f"in the wheels of {len(known.packages)} distributions{granted}\n"
    )
    if proof.note:
        say(f"{shown(proof.note)}\n")
    return int(bool(proof.errors))


def _asked(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{shown(str(path))} cannot be read: {error.strerror}.") from None


def _known(folder: Path) -> Lock | None:
    """The set that is there; none when there is none yet."""
    try:
        return read_lock(folder / PYLOCK)
    except LockError:
        if (folder / PYLOCK).exists():
            raise
        return None


def _write(folder: Path, made: Made) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PYLOCK).write_text(render_pylock(made.lock), encoding="utf-8")
        (folder / REQUIREMENTS).write_text(made.requirements, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The set cannot be written to {shown(str(folder))}: {error.strerror}.") from None
