"""``acdoctor check``: what is broken in an environment, why, and what cures it."""

from __future__ import annotations

from shlex import join

import click

from doctor.checks.examine import Options, examine
from doctor.cli.output import deliver, page_for, progress
from doctor.cli.settings import Settings, current_settings
from doctor.cli.unfinished import with_unfinished
from doctor.errors import UsageError
from doctor.model import Depth, Report, Severity
from doctor.probe.locate import resolve_environment_path
from doctor.render.escape import shown
from doctor.render.json import render_json
from doctor.render.text import render_text


@click.command()
@click.argument("venv", required=False, metavar="[VENV]")
@click.option(
    "--depth",
    type=click.Choice([depth.value for depth in Depth]),
    default=Depth.STANDARD.value,
    show_default=True,
    help="Metadata only; files by size, and imports; or files by hash too.",
)
@click.option("--stack", metavar="ID", default="", help="Hold it to this stack ('none': to no stack).")
@click.option(
    "--entry", "entries", metavar="X", multiple=True, help="Follow imports from this module, script:NAME or file."
)
@click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in Severity]),
    default=Severity.ERROR.value,
    show_default=True,
    help="The least severe finding that makes the exit code 1.",
)
@click.option(
    "--confirm", is_flag=True, help="Also run each failing import, with limits, in the patient's interpreter."
)
@click.option("--ask-index", is_flag=True, help="Ask the package index which versions have what is missing.")
@click.option("--fresh", is_flag=True, help="Examine again, with nothing that earlier examinations found out.")
@click.option("--snapshot", metavar="FILE", default="", help="Examine what `acdoctor snapshot` saved elsewhere.")
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", default="", help="Write the report to FILE.")
def check(
    venv: str | None,
    depth: str,
    stack: str,
    entries: tuple[str, ...],
    fail_on: str,
    confirm: bool,
    ask_index: bool,
    fresh: bool,
    snapshot: str,
    form: str,
    output: str,
) -> int:
    """Find what is broken in an environment, and what cures it.

    VENV is the folder of a virtual environment; without it $VIRTUAL_ENV, ./.venv or the only ./venv* is examined.
    Nothing is changed, and no package of it is run without --confirm.
    Exit code: 0 healthy, 1 findings, 2 usage, 3 could not be examined.
    """
    settings = current_settings()
    options = Options(
        depth=Depth(depth),
        stack=stack,
        entries=entries,
        assumed=settings.assumed,
        rules=settings.rules,
        fail_on=Severity(fail_on),
        fresh=fresh,
    )
    if confirm and snapshot:
        raise UsageError("A snapshot has no interpreter: --confirm runs imports where the environment is.")
    path = snapshot or resolve_environment_path(venv)
    with progress(f"examining {shown(path)}", settings):
        report = (
            _examined_snapshot(path, venv, options, settings) if snapshot else with_unfinished(examine(path, options))
        )
    if confirm:
        report = _confirmed(report, settings)
    if ask_index:
        report = _with_versions(report, settings)
    if form == "json":
        text = render_json(report)
    elif form == "html":
        from doctor.render.html import render_html  # noqa: PLC0415 - only for those who want it

        text = render_html(report)
    else:
        next_step = "" if snapshot else _fix_command(venv, stack, settings)
        text = render_text(report, page_for(settings, next_step=next_step, to_file=output not in ("", "-")))
    deliver(text, output)
    return report.exit_code


def _confirmed(report: Report, settings: Settings) -> Report:
    """The report after the failing imports were run; what kept them from it is said on stderr."""
    from doctor.checks.confirm import confirmed  # noqa: PLC0415 - only for those who ask for it

    with progress("running the failing imports", settings):
        report, complaint = confirmed(report)
    if complaint and not settings.quiet:
        click.echo(f"acdoctor: {shown(complaint)}", err=True)
    return report


def _with_versions(report: Report, settings: Settings) -> Report:
    """The report with the versions that have what import contracts lack."""
    from doctor.index.index import open_index  # noqa: PLC0415 - only for those who ask for it
    from doctor.triage.having import with_versions  # noqa: PLC0415
    from doctor.triage.wheels import IndexLookup  # noqa: PLC0415

    prefix = report.environment.path if report.environment else None
    with progress("asking the package index", settings):
        report, complaint = with_versions(report, IndexLookup(open_index(prefix, offline=settings.offline)))
    if complaint and not settings.quiet:
        click.echo(f"acdoctor: {complaint}", err=True)
    return report


def _fix_command(venv: str | None, stack: str, settings: Settings) -> str:
    """The next step, for what was asked here: the same environment, stack, assumptions and rules."""
    command = ["acdoctor", "fix", *([venv] if venv else []), *(["--stack", stack] if stack else [])]
    for name, version in settings.assumed.items():
        command += ["--assume", f"{name}=={version}"]
    for folder in settings.rules:
        command += ["--rules", folder]
    return join(command)


def _examined_snapshot(path: str, venv: str | None, options: Options, settings: Settings) -> Report:
    """The report on a saved environment; its files are read from the index's wheels."""
    if venv is not None:
        raise UsageError("Give an environment or --snapshot, not both.")
    from doctor.index.index import open_index  # noqa: PLC0415
    from doctor.probe.snapshot import load_snapshot  # noqa: PLC0415
    from doctor.triage.snapshot_check import examine_snapshot  # noqa: PLC0415

    return examine_snapshot(load_snapshot(path), options, open_index(offline=settings.offline))
