"""``acdoctor drift``: it worked on one day; what changed since, and which change broke it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from doctor.cli.output import deliver, page_for, progress
from doctor.cli.settings import Settings, current_settings
from doctor.errors import UsageError
from doctor.render.escape import shown

if TYPE_CHECKING:
    from doctor.index.index import Index

_STILL_WORKS = "What was compared before is answered again with --offline, and acdoctor check needs no index."


@click.command()
@click.argument("name", metavar="[STACK|VENV|FILE]", required=False, default="")
@click.option("--snapshot", metavar="FILE", default="", help="The environment, as `acdoctor snapshot` wrote it.")
@click.option("--worked-on", metavar="DATE", required=True, help="A day on which it worked (2025-11-05).")
@click.option("--today", metavar="DATE", default="", help="The day to compare; default: as installed, or now.")
@click.option("--bisect", is_flag=True, help="Find the exact days on which it changed between the two.")
@click.option(
    "--checkout", "--modelzoo", "folders", metavar="DIR", multiple=True, help="A checkout that is installed editable."
)
@click.option("--entry", "entries", metavar="X", multiple=True, help="Follow imports from this module or script:NAME.")
@click.option("--stack", metavar="ID", default="", help="Judge it by this stack's entries.")
@click.option("--python", metavar="VERSION", default="", help="For this Python (3.11); default: the stack's, or ours.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", default="", help="Write the report to FILE.")
def drift(
    name: str,
    snapshot: str,
    worked_on: str,
    today: str,
    bisect: bool,
    folders: tuple[str, ...],
    entries: tuple[str, ...],
    stack: str,
    python: str,
    form: str,
    output: str,
) -> int:
    """Say what broke between two days though the instructions stayed the same.

    Resolves what a stack, an environment, a requirements file or a snapshot asks for with the package index as it
    stood on both days, follows the imports of both without installing anything, and names the distribution whose
    change broke it, with the pin that restores it. Exit code: 0 nothing new fails, 1 something does, 3 no index.
    """
    from doctor.render.drift import render_drift, render_drift_json  # noqa: PLC0415 - help must be quick
    from doctor.rulebook.load import load_rulebook  # noqa: PLC0415
    from doctor.stacks.bisect import Timeline  # noqa: PLC0415
    from doctor.stacks.drift import drift as compare  # noqa: PLC0415
    from doctor.stacks.drift_lab import Lab  # noqa: PLC0415
    from doctor.stacks.drift_sources import Given, case_of  # noqa: PLC0415

    if bool(name) == bool(snapshot):
        raise UsageError("Name what to compare: a stack, a VENV, a file, or --snapshot FILE, and one of them only.")
    name = name or snapshot
    settings = current_settings()
    first, last = day_of(worked_on, "--worked-on"), day_of(today, "--today") if today else None
    if last is not None and last < first:
        raise UsageError(f"--today {last} lies before --worked-on {first}.")
    given = Given(
        python=python_specifier(python), folders=folders, entries=entries, stack=stack, assumed=settings.assumed
    )
    rulebook = load_rulebook(settings.rules, ("breakage", "stack", "native"))
    with needing_the_index(), progress(f"comparing {shown(name)} of two days", settings):
        lab = Lab(case=case_of(name, given, rulebook), index=index_for(settings), rulebook=rulebook)
        found = compare(lab, first, last)
        phases = Timeline(lab=lab, first=first, last=found.now.day).phases() if bisect else ()
    to_file = output not in ("", "-")
    text = (
        render_drift_json(found, phases)
        if form == "json"
        else render_drift(found, phases, page_for(settings, to_file=to_file))
    )
    deliver(text, output)
    return int(bool(found.breaks))


@contextmanager
def needing_the_index(still_works: str = _STILL_WORKS) -> Iterator[None]:
    """Without the index: its sentence, and what still works."""
    from doctor.errors import IndexUnavailableError  # noqa: PLC0415 - help must be quick

    try:
        yield
    except IndexUnavailableError as error:
        raise IndexUnavailableError(f"{error} {still_works}") from None


def index_for(settings: Settings) -> Index:
    """The index that pip would use; with ``--offline`` only its pages and wheels that were read before."""
    from doctor.index.index import Index, open_index  # noqa: PLC0415 - help must be quick

    index = open_index()
    if not settings.offline:
        return index
    return Index(replace(index.settings, offline=True), index.cache.directory)


def day_of(text: str, option: str) -> dt.date:
    """An ISO date that has been; raises ``UsageError``."""
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} wants a date such as 2025-11-05, not {text!r}.") from None
    today = dt.datetime.now(tz=dt.UTC).date()
    if day > today:
        raise UsageError(f"{option} {day} lies in the future; today is {today}.")
    return day


def python_specifier(text: str) -> str:
    """``3.11`` as a specifier for its releases; '' stays ''; raises ``UsageError``."""
    if not text:
        return ""
    parts = text.split(".")
    if len(parts) not in (2, 3) or not all(part.isascii() and part.isdigit() for part in parts):
        raise UsageError(f"--python wants a version such as 3.11, not {text!r}.")
    return f"=={text}.*" if len(parts) == 2 else f"=={text}"  # noqa: PLR2004 - major and minor
