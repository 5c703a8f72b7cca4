"""``acdoctor imports``: what importing a module would do, for people who doubt the verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from doctor.checks.contract_words import relative_place
from doctor.checks.examination import Examination
from doctor.checks.examine import Records
from doctor.checks.import_contracts import follow_offers
from doctor.cli.settings import current_settings
from doctor.errors import UsageError
from doctor.imports.entries import Offer
from doctor.imports.failures import Failure
from doctor.imports.followed import Followed, Verdict
from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles
from doctor.probe.locate import resolve_environment_path
from doctor.render.escape import shown
from doctor.rulebook.load import load_rulebook

_MOST_GUARDED = 40


@click.command("imports")
@click.argument("arguments", nargs=-1, metavar="MODULE [VENV]")
@click.option(
    "--modules-from",
    type=click.Path(dir_okay=False),
    help="Follow the modules that a file lists, one a line; then VENV is the only argument.",
)
@click.option("--format", "form", type=click.Choice(["text", "json", "jsonl"]), default="text", show_default=True)
def command(arguments: tuple[str, ...], modules_from: str | None, form: str) -> int:
    """Show what importing MODULE in VENV would do: what it loads, what is missing, where, and what catches it."""
    modules, path = _modules(arguments, modules_from)
    settings = current_settings()
    given = settings.assumed
    environment = probe_environment(resolve_environment_path(path)).with_assumed(given)
    files = DiskFiles()
    examination = Examination(
        environment=environment,
        files=files,
        rulebook=load_rulebook(settings.rules),
        assumed=given,
        records=Records(environment, files),
        fresh=True,
    )
    offers = tuple(Offer(module=m, distribution="", primary=True) for m in modules)
    followed = follow_offers(examination, offers)
    if form == "text":
        for verdict in followed.verdicts:
            click.echo(_text(verdict, followed, single=len(modules) == 1))
    elif form == "jsonl":
        for verdict in followed.verdicts:
            click.echo(json.dumps(_value(verdict), sort_keys=True))
    else:
        click.echo(json.dumps([_value(v) for v in followed.verdicts], sort_keys=True, indent=1))
    return 1 if any(v.outcome == "fails" for v in followed.verdicts) else 0


def _modules(arguments: tuple[str, ...], modules_from: str | None) -> tuple[list[str], str | None]:
    if modules_from is not None:
        try:
            lines = Path(modules_from).read_text("utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{modules_from}: cannot be read ({error}).") from error
        return lines, arguments[0] if arguments else None
    if not arguments:
        raise UsageError("Which module? acdoctor imports MODULE [VENV]")
    return [arguments[0]], arguments[1] if len(arguments) > 1 else None


def _value(verdict: Verdict) -> dict[str, Any]:
    return {
        "module": verdict.entry,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "failures": [_failure(f) for f in verdict.failures],
    }


def _failure(failure: Failure) -> dict[str, Any]:
    root = failure.root
    return {
        "exception": root.exception,
        "message": root.message,
        "symbol": root.symbol,
        "where": {"path": relative_place(root.path, None), "line": root.line},
        "chain": list(failure.chain),
    }


def _text(verdict: Verdict, followed: Followed, *, single: bool) -> str:
    words = {"ok": "would import", "fails": "would fail", "unknown": "cannot be told"}[verdict.outcome]
    lines = [f"import {shown(verdict.entry)}: {words}" + (f" ({verdict.reason})" if verdict.reason else "")]
    for failure in verdict.failures:
        root = failure.root
        lines.append(f"  {root.exception}: {shown(root.message)}")
        lines.append(f"    at {shown(root.path)}:{root.line}")
        lines.append("    by " + " > ".join(shown(m) for m in failure.chain))
    if single:
        lines.append(f"  follows {len(followed.modules)} source files")
        guarded = [f for f in followed.guarded if f.kind in {"module", "name"}]
        if guarded:
            lines.append(f"  {len(guarded)} misses are caught by the code itself:")
        lines += [
            f"    {shown(f.symbol)} at {shown(Path(f.path).name)}:{f.line} in {shown(f.module)}"
            for f in guarded[:_MOST_GUARDED]
        ]
        lines += [f"  not followed: {shown(p)} ({r})" for p, r in sorted(followed.unreadable.items())]
    return "\n".join(lines)
