"""``acdoctor rollback`` and ``acdoctor undo``: take a repair back, byte for byte."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace

import click

from doctor.cli.output import page_for, say
from doctor.cli.settings import current_settings
from doctor.errors import TransactionError
from doctor.model import Environment, Plan
from doctor.probe.environment import probe_environment
from doctor.probe.locate import resolve_environment_path
from doctor.render.plan import render_receipt
from doctor.repair.history import Event, event_named, last, look, rollback_order
from doctor.repair.transaction import recover, transact


@click.command()
@click.argument("venv", required=False, metavar="[VENV]")
@click.argument("number", required=False, metavar="[ID]")
def rollback(venv: str | None, number: str | None) -> int:
    """Take a repair back: the last one, or the one with this ID of ``acdoctor history``.

    Refused when something was changed in the same files since; then take the later change back first.
    """
    return _take_back(venv, number)


@click.command()
@click.argument("venv", required=False, metavar="[VENV]")
def undo(venv: str | None) -> int:
    """Take back what acdoctor did last, be it a fix or a rollback."""
    return _take_back(venv, None)


def _take_back(venv: str | None, number: str | None) -> int:
    settings = current_settings()
    environment = _environment(venv, number)
    recovered = recover(environment.path)
    if recovered:
        click.echo(f"note: {recovered}", err=True)
        environment = probe_environment(environment.path)
    number = _number(venv, number, environment)
    event = event_named(environment.path, number) if number else _last(environment)
    order = replace(rollback_order(environment, event), command=shlex.join(["acdoctor", *sys.argv[1:]]))
    receipt = transact(order, lambda: _verify(environment, event), lambda: "")
    look(environment.path, probe_environment(environment.path))
    plan = Plan(
        changes=order.changes, reinstall=order.reinstalled, errors_before=order.errors[0], errors_after=order.errors[1]
    )
    again = shlex.join(["acdoctor", "rollback", *([venv] if venv and not _is_id(venv) else [])])
    say(render_receipt(environment, plan, receipt, page_for(settings, next_step=again)))
    return 0 if receipt.outcome == "committed" else 3


def _environment(venv: str | None, number: str | None) -> Environment:
    """The environment meant: a single argument may be an id, with the usual environment."""
    if venv and number is None and _is_id(venv):
        return probe_environment(resolve_environment_path(None))
    return probe_environment(resolve_environment_path(venv))


def _number(venv: str | None, number: str | None, environment: Environment) -> str | None:
    del environment
    return venv if venv and number is None and _is_id(venv) else number


def _is_id(text: str) -> bool:
    """``20261123-142030-ab12`` or the beginning of it."""
    return text[:8].isdigit() and len(text) >= 8 and "/" not in text  # noqa: PLR2004 - the date's digits


def _last(environment: Environment) -> Event:
    """The last repair that can be taken back.

    Raises:
        TransactionError: there is none.
    """
    event = last(environment.path)
    if event is None:
        raise TransactionError(f"acdoctor has changed nothing in {environment.path} that could be taken back.")
    return event


def _verify(environment: Environment, event: Event) -> str:
    """The versions are those of before the event."""
    now = probe_environment(environment.path)
    for change in event.changes:
        found = now.distribution(change.name)
        if (found.version if found else None) != change.before:
            return f"{change.name} is not {change.before or 'absent'} afterwards"
    return ""
