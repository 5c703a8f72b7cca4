"""``acdoctor triage``: from pasted text, a log or a run directory to an answer."""

from __future__ import annotations

import sys
from dataclasses import replace

import click

from doctor.cli.output import deliver, page_for, progress
from doctor.cli.settings import Settings, current_settings
from doctor.cli.triage_batch import batch_text
from doctor.cli.triage_sources import Source, follow, open_source, read_text
from doctor.errors import RuleError, UsageError
from doctor.probe.redact import Redactor
from doctor.render.answer import render_answer, render_answer_json
from doctor.render.clean import clean_answer
from doctor.render.escape import shown
from doctor.render.ticket import render_ticket
from doctor.triage.answer import answer, scanner
from doctor.triage.diagnosis import Answer, Knowledge
from doctor.triage.lines import moment
from doctor.triage.lookup import Lookup, later
from doctor.triage.timeline import read_config


@click.command()
@click.argument("file", required=False, metavar="[FILE|DIR|-]")
@click.option("--snapshot", metavar="FILE", default="", help="The environment, as `acdoctor snapshot` wrote it.")
@click.option("--venv", metavar="DIR", default="", help="The environment itself, when it is on this machine.")
@click.option("--config", metavar="YAML", default="", help="The run's params.yaml: tells when lines are due.")
@click.option("--now", metavar="TIME", default="", help="The time of day for a log of elsewhere (2026-11-23 15:20:00).")
@click.option("--follow", "following", is_flag=True, help="Go on reading while the log grows; end with Ctrl-C.")
@click.option("--batch", metavar="DIR", default="", help="Read every file in DIR and group them by root cause.")
@click.option(
    "--format", "form", type=click.Choice(["text", "ticket", "json", "html"]), default="text", show_default=True
)
@click.option("-o", "--output", metavar="FILE", default="", help="Write the answer to FILE.")
def triage(
    file: str | None,
    snapshot: str,
    venv: str,
    config: str,
    now: str,
    following: bool,
    batch: str,
    form: str,
    output: str,
) -> int:
    """Say what pasted text means: tracebacks, logs of runs, messages of shells and services.

    FILE is a log or a saved paste, DIR a run's directory; '-' or nothing reads what is piped or pasted (end with
    Ctrl-D). Exit code: 0 nothing is wrong (a run that only takes its time is not wrong), 1 something is, 2 usage.
    """
    settings = current_settings()
    knowledge = _knowledge(settings, snapshot, venv, config, now)
    if batch:
        text, code = batch_text(batch, knowledge, form, page_for(settings, to_file=output not in ("", "-")))
        deliver(text, output)
        return code
    source = open_source(file)
    if source.config and not config:
        knowledge = replace(knowledge, config=read_config(read_text(source.config)))
    if following:
        return follow(source, knowledge, settings)
    with progress("reading", settings):
        found = _answered(source, knowledge)
    deliver(_rendered(found, form, settings, output), output)
    return found.report().exit_code


def _answered(source: Source, knowledge: Knowledge) -> Answer:
    search = scanner(knowledge)
    with source.stream() as stream:
        search.read(stream)
    digest = search.digest()
    return answer(digest, replace(knowledge, now=knowledge.now or source.clock(digest.last_stamp)))


def _rendered(found: Answer, form: str, settings: Settings, output: str) -> str:
    redactor = Redactor()
    if form == "json":
        return render_answer_json(found, redactor)
    if form == "ticket":
        return render_ticket(found, redactor)
    if form == "html":
        from doctor.render.html import render_answer_html  # noqa: PLC0415 - only for those who want it

        return render_answer_html(found, redactor)
    return render_answer(clean_answer(found, redactor), page_for(settings, to_file=output not in ("", "-")))


def _tell_of(left_out: list[RuleError]) -> None:
    """One sentence for each rule file that cannot be used: the text is read without it."""
    for path in dict.fromkeys(complaint.path for complaint in left_out):
        own = [complaint for complaint in left_out if complaint.path == path]
        more = f" (and {len(own) - 1} more: acdoctor rules test {path})" if len(own) > 1 else ""
        sys.stderr.write(f"acdoctor: {shown(str(own[0]))}{more}; the rule is left out\n")


def _index_lookup() -> Lookup:
    from doctor.triage.wheels import IndexLookup  # noqa: PLC0415 - most pastes need no index

    return IndexLookup()


def _knowledge(settings: Settings, snapshot: str, venv: str, config: str, now: str) -> Knowledge:
    """Rules, names, environment, index and clock, as the options say; raises ``DoctorError``."""
    from doctor.rulebook.load import load_rulebook  # noqa: PLC0415
    from doctor.triage.owners import load_names, spoken_of  # noqa: PLC0415

    if snapshot and venv:
        raise UsageError("--snapshot and --venv both name the environment: give one of them.")
    environment = None
    if snapshot:
        from doctor.probe.snapshot import load_snapshot  # noqa: PLC0415

        environment = load_snapshot(snapshot).environment
    if venv:
        from doctor.probe.environment import probe_environment  # noqa: PLC0415

        environment = probe_environment(venv)
    clock = moment(now) if now else None
    if now and clock is None:
        raise UsageError(f"--now wants a time such as 2026-11-23 15:20:00, not {now!r}.")
    left_out: list[RuleError] = []
    rulebook = load_rulebook(settings.rules, kinds=("log", "breakage"), left_out=left_out)
    _tell_of(left_out)
    lookup = None
    if not settings.offline:
        lookup = later(_index_lookup)
    return Knowledge(
        logs=rulebook.logs,
        breakages=rulebook.breakages,
        names=load_names(environment, spoken_of(rulebook)),
        environment=environment,
        lookup=lookup,
        config=read_config(read_text(config)) if config else {},
        now=clock,
    )
