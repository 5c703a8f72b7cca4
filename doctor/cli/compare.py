"""``acdoctor compare``: two services, the same questions, and what the numbers carry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from doctor.cli.compare_options import Given, by_service, columns_of, options, services_of, terms_of, tokens_of
from doctor.cli.compare_progress import Watch
from doctor.cli.output import deliver, page_for, progress, say
from doctor.cli.settings import Settings, current_settings
from doctor.render.compare_json import render_compare_json
from doctor.render.compare_text import render_compare
from doctor.smoke.compare.analysis import analyse
from doctor.smoke.compare.contestants import Entrant, Entry, enter, name_only, smallest_context
from doctor.smoke.compare.export import export
from doctor.smoke.compare.journal import Journal, set_aside
from doctor.smoke.compare.plan import Plan, make_plan
from doctor.smoke.compare.prompts import Wish, choose_prompts, longest_prompt
from doctor.smoke.compare.results import Analysis
from doctor.smoke.compare.runner import MeasuringStopped, Runner
from doctor.smoke.compare.sources import open_table
from doctor.smoke.compare.values import Contestant, Phase, PromptSet, Terms
from doctor.smoke.service_network import Limits
from doctor.smoke.services import service_named

_REQUESTS, _PAGE, _SUMMARY = "requests.jsonl", "report.html", "report.json"
_INTERRUPTED = 130


@click.group("compare")
def command() -> None:
    """Compare inference services on the prompts of a data set, and reason about the difference."""


def gpt_oss(**given: Any) -> int:
    """Ask two services (or one, or more) the same questions in turns, and say what the difference is made of.

    Every request is saved as it ends: after Ctrl-C, or when a token ran out, the same command goes on. The prompts are
    sent to the services; a token goes to its own service only and is never shown or saved.
    Exit code: 0 measured, 1 a service could not be measured to the end, 2 usage, 3 the data set cannot be read.
    """
    settings, terms = current_settings(), terms_of(given)
    entry = Entry(
        models=by_service("--model", given["model"]),
        tokens=tokens_of(given),
        limits=Limits(total=given["timeout"]),
        offline=settings.offline,
        rules=settings.rules,
    )
    if given["export"]:
        return _export(name_only(services_of(given), entry), given, terms)
    with progress("asking the services for their models", settings):
        entrants = enter(services_of(given), entry)
    try:
        with progress("reading the data set", settings):
            prompts = _prompts(smallest_context(entrants), given, terms)
        plan = make_plan([entrant.contestant for entrant in entrants], prompts, given["n"], terms)
        return _compare(plan, entrants, given, settings)
    finally:
        for entrant in entrants:
            entrant.client.close()


command.add_command(click.Command("gpt-oss", params=options(), callback=gpt_oss, help=gpt_oss.__doc__))


def _export(contestants: Sequence[Contestant], given: Given, terms: Terms) -> int:
    """Write the prompts that would be asked; no service is."""
    contexts = [service_named(c.base).context for c in contestants]
    known = [context for context in contexts if context is not None]
    plan = make_plan(contestants, _prompts(min(known, default=None), given, terms), given["n"], terms)
    used = {p.row: p for turn in plan.turns for p in turn.prompts}
    files = export(Path(given["export"]), tuple(used.values()), plan.contestants, plan.terms)
    say("".join(f"wrote {path}\n" for path in files))
    return 0


def _compare(plan: Plan, entrants: Sequence[Entrant], given: Given, settings: Settings) -> int:
    """Measure what is not measured yet, then show everything."""
    folder = Path(given["run_dir"] or _folder_name(plan))
    if given["fresh"]:
        set_aside(folder / _REQUESTS)
    watch = Watch(settings)
    watch.announce(plan, folder)
    stopped: MeasuringStopped | None = None
    with Journal(folder / _REQUESTS, plan.document()) as journal:
        clients = {entrant.contestant.name: entrant.client for entrant in entrants}
        before = journal.done()
        try:
            Runner(plan, clients, journal, watch.show).run()
        except KeyboardInterrupt:
            kept = f"{_done(journal)} of {plan.requests} requests are kept in {folder}"
            watch.tell(f"interrupted: {kept}; the same command goes on")
            return _INTERRUPTED
        except MeasuringStopped as stop:
            stopped = stop
        finally:
            watch.close()
        analysis = analyse(plan, journal.records, resumed=0 < len(before) < plan.requests)
    _write_outcome(analysis, folder, given, settings)
    if stopped is not None:
        watch.tell(f"{stopped} What was measured is kept in {folder}; the same command goes on.")
        return stopped.exit_code
    return 0


def _done(journal: Journal) -> int:
    """How many questions of the plan have their last record."""
    return len([key for key in journal.done() if key[0] in (Phase.PLAIN, Phase.MEASURE)])


def _prompts(context: int | None, given: Given, terms: Terms) -> PromptSet:
    offline = current_settings().offline
    table = open_table(given["dataset"], subset=given["subset"], split=given["split"], offline=offline)
    longest = longest_prompt(context, terms.max_tokens)
    return choose_prompts(table, Wish(n=given["n"], columns=columns_of(given), longest=longest), terms)


def _write_outcome(analysis: Analysis, folder: Path, given: Given, settings: Settings) -> None:
    """The page and the summary into the run's folder, the wanted form to where it is wanted."""
    from doctor.render.compare_html import render_compare_html  # noqa: PLC0415 - after minutes of measuring

    page, summary = render_compare_html(analysis), render_compare_json(analysis)
    deliver(page, str(folder / _PAGE))
    deliver(summary, str(folder / _SUMMARY))
    if given["format"] == "json":
        deliver(summary, given["output"])
    elif given["format"] == "html":
        deliver(page, given["output"])
    else:
        saved = (f"page: {folder / _PAGE}", f"every request: {folder / _REQUESTS}")
        look = page_for(settings, to_file=given["output"] not in ("", "-"))
        deliver(render_compare(analysis, look, saved), given["output"])


def _folder_name(plan: Plan) -> str:
    """The same for the same command, so that it goes on where it was."""
    stem = "".join(c if c.isalnum() or c in "-_" else "-" for c in plan.prompts.name.partition(".")[0])
    return f"acdoctor-compare-{stem.strip('-')[:40] or 'data'}-{plan.fingerprint}"
