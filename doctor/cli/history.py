"""``acdoctor history``: what was done to an environment, when, by whom, and why."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from doctor.cli.output import page_for, say
from doctor.cli.settings import current_settings
from doctor.probe.environment import probe_environment
from doctor.probe.locate import resolve_environment_path
from doctor.render.plan import render_history
from doctor.repair.history import KEEP, look, prune
from doctor.repair.history import history as read_history
from doctor.repair.transaction import recover


@click.command()
@click.argument("venv", required=False, metavar="[VENV]")
@click.option("--prune", "drop", is_flag=True, help="Drop the set-aside files of old repairs.")
@click.option("--keep", type=click.IntRange(min=0), default=KEEP, show_default=True, help="Repairs that --prune keeps.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def history(venv: str | None, drop: bool, keep: int, form: str) -> int:
    """Show what acdoctor and others changed in an environment, latest first.

    Others' changes are noticed when acdoctor looks: at each fix, history and rollback.
    """
    settings = current_settings()
    environment = probe_environment(resolve_environment_path(venv))
    recovered = recover(environment.path)
    if recovered:
        click.echo(f"note: {recovered}", err=True)
        environment = probe_environment(environment.path)
    look(environment.path, environment)
    if drop:
        freed = prune(environment.path, keep)
        if form == "text" and not settings.quiet:
            left = sum(e.kept and not e.undone for e in read_history(environment.path))
            say(f"{freed / 1e6:.1f} MB freed; repairs that can still be undone: {left}\n")
            return 0
    events = read_history(environment.path)
    if form == "json":
        value = {"schema": "acdoctor.history/1", "environment": environment.path, "events": [asdict(e) for e in events]}
        say(json.dumps(value, indent=2, sort_keys=True) + "\n")
    else:
        say(render_history(environment, events, page_for(settings)))
    return 0
