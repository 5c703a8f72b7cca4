"""``acdoctor fix``: the smallest cure, proven before it touches anything, undone if it does not hold."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import click

from doctor.checks.examine import Options
from doctor.cli.output import page_for, say
from doctor.cli.settings import Settings, current_settings
from doctor.errors import UsageError
from doctor.index.index import Index, open_index
from doctor.index.releases import Window, parse_time
from doctor.model import Environment, Report
from doctor.probe.locate import resolve_environment_path
from doctor.render.json import render_json
from doctor.render.plan import render_plan, render_receipt
from doctor.repair.apply import Proof, carry_out
from doctor.repair.budget import PATIENCE
from doctor.repair.fix import Proposal, Wish, errors, propose, running


@dataclass(frozen=True, kw_only=True)
class _Way:
    """How to go on once there is a plan."""

    apply: bool
    yes: bool
    form: str
    proof: Proof | None = None
    rollback: str = "acdoctor rollback"


@click.command()
@click.argument("venv", required=False, metavar="[VENV]")
@click.option("--apply", is_flag=True, help="Carry the plan out, after one question.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--unsafe", is_flag=True, help="Also change what the stack or you pinned.")
@click.option("--only", metavar="RULE", multiple=True, help="Cure only findings of this rule (repeatable).")
@click.option("--keep", metavar="NAME", multiple=True, help="Do not change this distribution (repeatable).")
@click.option("--before", metavar="DATE", default="", help="Use only versions uploaded before DATE (YYYY-MM-DD).")
@click.option("--since", metavar="DATE", default="", help="It broke on DATE: use only versions uploaded before.")
@click.option("--find-links", metavar="DIR", multiple=True, help="Also take wheels from DIR (repeatable).")
@click.option("--stack", metavar="ID", default="", help="Hold it to this stack ('none': to no stack).")
@click.option("--entry", "entries", metavar="X", multiple=True, help="Follow imports from X only.")
@click.option("--patience", type=click.FloatRange(min=0), default=PATIENCE, show_default=True, help="Seconds of work.")
@click.option("--smoke", metavar="NAME", default="", help="Keep the repair only if this smoke run works afterwards.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def fix(
    venv: str | None,
    apply: bool,
    yes: bool,
    unsafe: bool,
    only: tuple[str, ...],
    keep: tuple[str, ...],
    before: str,
    since: str,
    find_links: tuple[str, ...],
    stack: str,
    entries: tuple[str, ...],
    patience: float,
    smoke: str,
    form: str,
) -> int:
    """Show the smallest proven cure of an environment's errors; with --apply, carry it out.

    A plan is proven on the files of the wheels before anything is touched, carried out as a transaction, examined
    again, and undone if it does not hold. Exit code: 0 nothing is left to cure, 1 errors remain, 2 usage, 3 not done.
    """
    settings = current_settings()
    wish = Wish(
        only=only,
        keep=keep,
        unsafe=unsafe,
        quick=apply and yes,
        patience=patience,
        window=_window(before, since),
        command=shlex.join(["acdoctor", *sys.argv[1:]]),
    )
    options = Options(stack=stack, entries=entries, assumed=settings.assumed, rules=settings.rules)
    path = resolve_environment_path(venv)
    undoing = shlex.join(["acdoctor", "rollback", *([venv] if venv else [])])
    way = _Way(apply=apply, yes=yes, form=form, proof=_proof(smoke), rollback=undoing)

    def index(environment: Environment) -> Index:
        return open_index(environment.path, offline=settings.offline, find_links=find_links)

    with telling(settings, form) as tell:
        proposal = propose(path, options, wish, index, tell)
    return _go_on(proposal, wish, way, settings)


def _proof(smoke: str) -> Proof | None:
    """The smoke run that decides whether a repair is kept; a name that nobody knows is refused at once."""
    if not smoke:
        return None
    from doctor.smoke.verification import verification  # noqa: PLC0415 - only for who asks for it

    return verification(smoke)


def _go_on(proposal: Proposal, wish: Wish, way: _Way, settings: Settings) -> int:
    """Show the plan, or ask and carry it out."""
    plan, environment = proposal.plan, proposal.environment
    report = replace(proposal.report, plan=plan)
    if plan.empty or not way.apply or not plan.proven:
        if way.form == "json":
            say(render_json(report))
        elif not (settings.quiet and plan.empty and not plan.errors_before):
            say(render_plan(environment, plan, page_for(settings), _notes(proposal)))
            if not plan.empty and not settings.quiet:
                say(_next_words(plan.proven, wish, way))
        return report.exit_code
    if not way.yes:
        _ask(proposal, settings, way)
    elif way.form != "json" and not settings.quiet:
        for note in _notes(proposal):
            click.echo(note, err=True)
    with telling(settings, way.form) as tell:
        tell("carrying the plan out")
        receipt, after = carry_out(proposal, wish, proof=way.proof)
    if receipt.outcome == "committed":
        plan = replace(plan, errors_after=len(errors(after)))
    done: Report = replace(after, plan=plan, receipt=receipt)
    if way.form == "json":
        say(render_json(done))
    else:
        say(render_receipt(environment, plan, receipt, page_for(settings, next_step=way.rollback)))
    return done.exit_code


def _next_words(proven: bool, wish: Wish, way: _Way) -> str:
    """How to go on: the same command with ``--apply``, and the way back."""
    if not proven:
        return "Nothing was changed.\n"
    again = wish.command if way.apply else f"{wish.command} --apply"
    return f"undo at any time: {way.rollback}\nNothing was changed. Carry it out: {again}\n"


def _ask(proposal: Proposal, settings: Settings, way: _Way) -> None:
    """One question, on a terminal only.

    Raises:
        UsageError: nobody is there to answer, or the answer is no.
    """
    if not sys.stdin.isatty():
        raise UsageError("Nobody can be asked here; say --yes to carry the plan out without a question.")
    page = page_for(settings)
    text = render_plan(proposal.environment, proposal.plan, page, _notes(proposal))
    click.echo(text, nl=False, err=way.form == "json")
    if not click.confirm("Carry it out?", default=True, err=way.form == "json"):
        raise UsageError("Nothing was changed.")


def _notes(proposal: Proposal) -> list[str]:
    """What a person should know before saying yes."""
    notes = [f"note: {proposal.recovered}"] if proposal.recovered else []
    users = () if proposal.plan.empty else running(proposal.environment)
    if users:
        notes.append(f"warning: in use by {', '.join(users)}; stop it first, or it may see old and new files mixed")
    return notes


def _window(before: str, since: str) -> Window:
    """Both options bound the upload time from above; the earlier one counts.

    Raises:
        UsageError: a text is no date.
    """
    dates: list[datetime] = []
    for option, text in (("--before", before), ("--since", since)):
        if text:
            parsed = parse_time(text)
            if parsed is None:
                raise UsageError(f"{option} wants a date such as 2025-12-23, not {text!r}.")
            dates.append(parsed.astimezone(UTC))
    return Window(before=min(dates, default=None))


@contextmanager
def telling(settings: Settings, form: str = "text") -> Iterator[Callable[[str], None]]:
    """A function that says on a terminal's stderr what is going on; silent elsewhere."""
    del form
    if settings.quiet or not sys.stderr.isatty():
        yield lambda _text: None
        return
    from rich.console import Console  # noqa: PLC0415 - only for those who watch

    console = Console(stderr=True, no_color=not settings.color, highlight=False, markup=False)
    with console.status("examining") as status:
        yield lambda text: status.update(text[:100])
