"""``acdoctor snapshot``: the environment in one small file without secrets, for support."""

from __future__ import annotations

import click

from doctor.cli.output import deliver, progress
from doctor.cli.settings import current_settings
from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles
from doctor.probe.locate import resolve_environment_path
from doctor.probe.snapshot import dump_snapshot, take_snapshot
from doctor.render.escape import shown
from doctor.triage.snapshot_check import machine_findings


@click.command()
@click.argument("venv", required=False, metavar="[VENV]")
@click.option("-o", "--output", metavar="FILE", default="", help="Write it to FILE instead of stdout.")
def snapshot(venv: str | None, output: str) -> int:
    """Save what the checks need to know of an environment, for someone without a login on this machine.

    No sources, no passwords or tokens, no user names, no home paths. Read it before you send it: it is plain JSON.
    Use it with `acdoctor check --snapshot FILE` and `acdoctor triage TEXT --snapshot FILE`.
    """
    path = resolve_environment_path(venv)
    with progress(f"reading {shown(path)}", current_settings()):
        environment, files = probe_environment(path), DiskFiles()
        text = dump_snapshot(take_snapshot(environment, files, machine_findings(environment, files)))
    deliver(text, output)
    return 0
