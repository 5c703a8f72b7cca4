"""``acdoctor smoke llama-7b`` without its words: the ladder from imports to a run on the system."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from doctor.errors import UsageError
from doctor.model import Crash, Environment, Finding, Report
from doctor.rulebook.load import load_rulebook
from doctor.smoke import llama_recipe as recipe
from doctor.smoke.ladder import Ladder, Rung, Verdict
from doctor.smoke.llama_patient import find_patient
from doctor.smoke.llama_run import Bench, known
from doctor.smoke.llama_rungs import climb_rung, empty, train_on_cpu
from doctor.smoke.llama_verdict import Outcome

RESULT = "result.json"
_BULKY = ("data-tiny", "data-7b", "bytecode")
_LOGS = ("output.log", "params.yaml", "request.json", RESULT)

OnSystem = Callable[[Bench, int], Outcome]
"""Runs the 7B model on the system with a batch size (0: the configuration's)."""


@dataclass(frozen=True, kw_only=True)
class Climbed:
    """A ladder, and what it says about the patient in the words of every other command."""

    ladder: Ladder
    report: Report


def make_bench(
    environment: Environment,
    options: recipe.Options,
    directory: Path,
    environ: Mapping[str, str],
    rules: Sequence[str] = (),
) -> Bench:
    """Look up everything; nothing is started and nothing written. ``rules`` are directories with extra rules.

    Raises:
        UsageError: a file that the options name is not there.
        RuleError: a rule file cannot be used.
    """
    for option, path in (("--params", options.params), ("--cpu-config", options.cpu_config)):
        if path and not Path(path).is_file():
            raise UsageError(f"{option} names {path}, which is no file.")
    patient = find_patient(environment, load_rulebook(rules, ("stack",)), environ)
    return Bench(patient=patient, options=options, directory=directory, knowledge=known(environment, rules))


def climb(bench: Bench, on_system: OnSystem | None = None) -> Climbed:
    """Try the rungs one after the other; after a failure the rest is skipped.

    The run's directory is made, and emptied of what is large when nothing failed and nobody wants to keep it.
    """
    outcomes: list[Outcome] = []
    bench.directory.mkdir(parents=True, exist_ok=True)
    try:
        for outcome in _outcomes(bench, on_system):
            outcomes.append(outcome)
            bench.audience.rung(outcome.rung)
    finally:
        result = _climbed(bench, outcomes)
        with suppress(OSError):
            _tidy(bench, result)
    return result


def _outcomes(bench: Bench, on_system: OnSystem | None) -> Iterator[Outcome]:
    stopped = ""
    for name in recipe.RUNGS:
        if name not in bench.options.rungs:
            if name == recipe.APPLIANCE:
                yield _skipped(name, "not asked for", "--appliance   trains the 7B model on the system")
            continue
        missing = bench.patient.missing(name, bench.options)
        if stopped:
            yield _skipped(name, f'not tried, because "{stopped}" did not pass', f"mend {stopped} first")
        elif missing:
            yield _lacking(bench, name, missing)
        else:
            for outcome in _tries(bench, name, on_system):
                yield outcome
                if outcome.rung.verdict in (Verdict.FAILED, Verdict.UNDECIDED):
                    stopped = name


def _tries(bench: Bench, name: str, on_system: OnSystem | None) -> Iterator[Outcome]:
    """One rung, or one for each batch size."""
    sizes = bench.options.batch_sizes
    if name == recipe.APPLIANCE and on_system:
        yield from (on_system(bench, size) for size in sizes or (0,))
    elif name == recipe.TRAINING and sizes and recipe.APPLIANCE not in bench.options.rungs:
        yield from (climb_rung(bench, name, partial(train_on_cpu, batch_size=size)) for size in sizes)
    else:
        yield climb_rung(bench, name)


def _skipped(name: str, sentence: str, next_step: str) -> Outcome:
    rung = empty(name)
    return Outcome(
        rung=Rung(name=name, title=rung.title, verdict=Verdict.SKIPPED, sentence=sentence, next_steps=(next_step,))
    )


def _lacking(bench: Bench, name: str, missing: tuple[str, ...]) -> Outcome:
    """A rung that cannot be tried here."""
    path = bench.patient.environment.path
    sentence = "cannot be tried here; missing: " + "; ".join(missing)
    step = f"acdoctor create {recipe.STACK}   makes an environment that has it all; or acdoctor check {path}"
    if name == recipe.APPLIANCE:
        step = "log in to a user node of the cluster, or set CSCONFIG_PATH, and start it there"
    rung = Rung(
        name=name,
        title=recipe.TITLES[name],
        verdict=Verdict.UNDECIDED,
        sentence=sentence,
        next_steps=(step,),
        category="missing",
    )
    return Outcome(rung=rung, crash=Crash(check=f"smoke-{name}", reason=sentence))


def _climbed(bench: Bench, outcomes: list[Outcome]) -> Climbed:
    findings = {finding.key: finding for outcome in outcomes for finding in outcome.findings}
    environment = bench.patient.environment
    ladder = Ladder(
        name=recipe.NAME,
        subject=environment.path,
        rungs=tuple(outcome.rung for outcome in outcomes),
        run_directory=str(bench.directory),
    )
    report = Report(
        environment=environment,
        stack=bench.patient.stack,
        findings=tuple(sorted(findings.values(), key=Finding.sort_key)),
        crashed=tuple(outcome.crash for outcome in outcomes if outcome.crash),
    )
    return Climbed(ladder=ladder, report=report)


def _tidy(bench: Bench, climbed: Climbed) -> None:
    """Write the numbers down; remove what is large."""
    rungs = [
        {"name": rung.name, "verdict": rung.verdict.value, "seconds": rung.seconds, "measured": dict(rung.measured)}
        for rung in climbed.ladder.rungs
    ]
    (bench.directory / RESULT).write_text(json.dumps(rungs, indent=1) + "\n", encoding="utf-8")
    if bench.options.keep or climbed.ladder.failed:
        return
    for name in _BULKY:
        shutil.rmtree(bench.directory / name, ignore_errors=True)
    for place in bench.directory.iterdir():
        if place.is_dir():
            _thin(place)


def _thin(place: Path) -> None:
    """Keep what a person reads; the rest of a run's directory is checkpoints, events and artefacts."""
    for path in place.iterdir():
        if path.is_symlink() or path.is_file():
            if path.name not in _LOGS:
                path.unlink()
        elif path.name.isdigit() or path.name == "prepare":
            _thin(path)
        else:
            shutil.rmtree(path, ignore_errors=True)
