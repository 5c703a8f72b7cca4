"""Smoke runs as the last proof of a repair: before it is kept (``fix --smoke``), or afterwards (``--after-fix``)."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from doctor.errors import UsageError
from doctor.model import Environment, Receipt
from doctor.probe.environment import probe_environment
from doctor.repair.history import Event, last, rollback_order
from doctor.repair.transaction import recover, transact
from doctor.smoke import llama_recipe as recipe
from doctor.smoke.ladder import Rung, Verdict
from doctor.smoke.llama import climb, make_bench
from doctor.smoke.llama_run import Audience

Verification = Callable[[str], str | None]
"""Takes an environment's path and looks whether it works: None, or what failed as a sentence without a final stop."""


def _unheard(_text: str) -> None:
    """Nobody listens."""


def verification(name: str, tell: Callable[[str], None] = _unheard) -> Verification:
    """The smoke run of that name, without the rungs that need a system; ``tell`` hears what is being tried.

    The run leaves nothing in the environment (byte code goes elsewhere). Its directory is removed when all is well
    and named in the sentence when it is not. A rung that cannot be tried (something is missing, time ran out) counts
    as a failure: the repair was to be proven.

    Raises:
        UsageError: there is no smoke run of that name that needs no service.
    """
    if name != recipe.NAME:
        raise UsageError(f"There is no smoke run {name!r} that can prove a repair; there is: {recipe.NAME}.")

    def verify(path: str) -> str | None:
        directory = Path(tempfile.mkdtemp(prefix=f"acdoctor-{recipe.NAME}-"))
        options = recipe.Options(untouched=True)
        bench = make_bench(probe_environment(path), options, directory, os.environ)
        climbed = climb(replace(bench, audience=Audience(status=tell)), None)
        bad = (rung for rung in climbed.ladder.rungs if rung.verdict in (Verdict.FAILED, Verdict.UNDECIDED))
        worst = next(bad, None)
        if worst is None:
            shutil.rmtree(directory, ignore_errors=True)
            return None
        return _sentence(worst, directory)

    return verify


def _sentence(rung: Rung, directory: Path) -> str:
    return f"the smoke run failed at {rung.title}: {rung.sentence} (its output is in {directory})"


def repair_to_judge(environment: Environment) -> Event:
    """The repair that stands last in the environment's history.

    Raises:
        UsageError: the doctor has repaired nothing here that could be taken back.
        TransactionError: an interrupted repair cannot be undone now.
    """
    recover(environment.path)
    event = last(environment.path)
    if event is None or event.kind != "fix":
        raise UsageError(f"--after-fix: no repair of {environment.path} stands that could be taken back.")
    return event


def take_back(environment: Environment, event: Event, command: str) -> Receipt:
    """Undo a repair byte for byte, because what it was to mend does not work.

    Raises:
        TransactionError: its files were changed since, or the disk refuses; nothing was changed then.
    """

    def verify() -> str:
        now = probe_environment(environment.path)
        for change in event.changes:
            found = now.distribution(change.name)
            if (found.version if found else None) != change.before:
                return f"{change.name} is not {change.before or 'absent'} afterwards"
        return ""

    order = replace(
        rollback_order(environment, event), command=command, because=f"{event.id} did not stand a smoke run"
    )
    return transact(order, verify, lambda: "")
