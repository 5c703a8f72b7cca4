"""``acdoctor stacks recheck``: what a stack's instructions give today, and the rule that is missing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from doctor.cli.output import page_for, progress, say
from doctor.cli.settings import current_settings
from doctor.errors import UsageError
from doctor.render.escape import shown


@click.command("recheck")
@click.argument("stack_id", metavar="STACK")
@click.option("--worked-on", metavar="DATE", default="", help="When it worked; default: its set's day, or its release.")
@click.option(
    "--checkout", "--modelzoo", "folders", metavar="DIR", multiple=True, help="A checkout that is installed editable."
)
@click.option("--into", metavar="DIR", default="", help="Write proposed rules there; default: show them.")
def recheck(stack_id: str, worked_on: str, folders: tuple[str, ...], into: str) -> int:
    """Resolve STACK as of today, follow its imports, and propose a rule for what newly breaks it.

    A proposal is a rule file with evidence of kind 'read': run the break and its cure before it is called safe.
    Exit code: 0 nothing breaks that no rule tells, 1 something does, 3 no index.
    """
    from doctor.cli.drift import day_of, index_for, needing_the_index  # noqa: PLC0415 - help must be quick
    from doctor.render.recheck import render_recheck  # noqa: PLC0415
    from doctor.rulebook.load import load_rulebook  # noqa: PLC0415
    from doctor.stacks.drift_lab import Lab  # noqa: PLC0415
    from doctor.stacks.drift_sources import Given, of_stack  # noqa: PLC0415
    from doctor.stacks.recheck import recheck as look_again  # noqa: PLC0415

    settings = current_settings()
    rulebook = load_rulebook(settings.rules, ("breakage", "stack", "native"))
    stack = rulebook.stack(stack_id)
    if stack is None:
        known = ", ".join(s.id for s in rulebook.stacks) or "none"
        raise UsageError(f"There is no stack {stack_id!r}; known stacks: {known}.")
    base = worked_on or stack.resolved or stack.released
    if not base:
        raise UsageError(f"{stack.id} does not say when it worked; add --worked-on DATE.")
    with needing_the_index(), progress(f"looking at {shown(stack.id)} as of today", settings):
        case = of_stack(stack, Given(folders=folders, assumed=settings.assumed))
        lab = Lab(case=case, index=index_for(settings), rulebook=rulebook)
        found = look_again(lab, day_of(base, "--worked-on"))
    say(render_recheck(found, page_for(settings)))
    for proposal in found.new:
        if into:
            _write(Path(into), proposal.id, proposal.text)
            say(f"written: {Path(into) / proposal.id}.toml\n")
        else:
            say(f"\n# {proposal.id}.toml, proposed on {dt.datetime.now(tz=dt.UTC).date()}\n{proposal.text}")
    return int(bool(found.new or found.unexplained))


def _write(folder: Path, identity: str, text: str) -> None:
    """A new file; one that is there is never overwritten."""
    path = folder / f"{identity}.toml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists; choose another folder with --into.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from None
