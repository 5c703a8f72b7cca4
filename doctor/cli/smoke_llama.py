"""``acdoctor smoke llama-7b``: the Cerebras stack, from its imports to a run on the system."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click

from doctor.cli.output import page_for, say
from doctor.cli.settings import Settings, current_settings
from doctor.errors import DoctorError, UsageError
from doctor.probe.environment import probe_environment
from doctor.probe.locate import resolve_environment_path
from doctor.render.json import report_value
from doctor.render.ladder import ladder_document, render_end, render_head, render_rung
from doctor.render.sweep import render_sweep, render_sweep_svg, sizes_of
from doctor.repair.signals import interruptible
from doctor.smoke import llama_recipe as recipe
from doctor.smoke.ladder import Rung
from doctor.smoke.llama import Climbed, climb, make_bench
from doctor.smoke.llama_appliance import run_on_system, submission
from doctor.smoke.llama_run import Audience, Bench
from doctor.smoke.verification import repair_to_judge, take_back

PLOT = "batch-sizes.svg"


@click.command("llama-7b")
@click.argument("venv", required=False, metavar="[VENV]")
@click.option("--rung", "rungs", multiple=True, type=click.Choice(recipe.LOCAL), help="Only this rung (repeatable).")
@click.option("--appliance", is_flag=True, help="Also train the 7B model on the real system, a few steps.")
@click.option("-y", "--yes", is_flag=True, help="Submit to the system without a question.")
@click.option("--batch-sizes", metavar="N,N,...", default="", help="Train at several batch sizes: a table and a plot.")
@click.option("--steps", type=click.IntRange(min=1), default=None, help="Steps of each training.")
@click.option("--params", metavar="YAML", default="", help="Your own 7B configuration, with its own data.")
@click.option("--cpu-config", metavar="YAML", default="", help="Your own configuration for the CPU, with its own data.")
@click.option("--cszoo", "extra", metavar="ARGS", default="", help="More arguments for cszoo fit on the system.")
@click.option("--timeout", type=click.FloatRange(min=1), default=None, help="Seconds that a rung may take.")
@click.option(
    "--memory",
    type=click.FloatRange(min=0),
    default=recipe.DEFAULT_MEMORY_GB,
    show_default=True,
    help="Gigabytes that a rung may take (0: no limit).",
)
@click.option("--run-dir", metavar="DIR", default="", help="Where logs and numbers go (a new directory here).")
@click.option("--keep", is_flag=True, help="Keep data and checkpoints, too.")
@click.option("--after-fix", is_flag=True, help="Take the last repair of VENV back when a rung fails.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    venv: str | None,
    rungs: tuple[str, ...],
    appliance: bool,
    yes: bool,
    batch_sizes: str,
    steps: int | None,
    params: str,
    cpu_config: str,
    extra: str,
    timeout: float | None,
    memory: float,
    run_dir: str,
    keep: bool,
    after_fix: bool,
    dry_run: bool,
    form: str,
) -> int:
    """Prove that the Cerebras stack in VENV does its job, rung by rung, with its own interpreter.

    Imports, the 7B configuration, a real tiny Llama trained on the CPU, the 7B model compiled for CSX; none of these
    needs a system. Exit code: 0 all that was asked for works, 1 a rung failed, 2 usage, 3 something could not be
    tried here or ran out of time or memory.
    """
    settings = current_settings()
    options = recipe.Options(
        rungs=(*(rungs or recipe.LOCAL), *((recipe.APPLIANCE,) if appliance else ())),
        params=params,
        cpu_config=cpu_config,
        batch_sizes=_sizes(batch_sizes),
        steps=steps or 0,
        seconds=timeout or 0.0,
        memory_gb=memory,
        keep=keep,
        arguments=_words(extra),
        untouched=after_fix,
    )
    if options.batch_sizes and not {recipe.TRAINING, recipe.APPLIANCE}.intersection(options.rungs):
        raise UsageError(f"--batch-sizes wants a training: --rung {recipe.TRAINING}, or --appliance.")
    if dry_run:
        say(_plan(options, venv, run_dir))
        return 0
    environment = probe_environment(resolve_environment_path(venv))
    event = repair_to_judge(environment) if after_fix else None
    bench = make_bench(environment, options, _directory(run_dir), os.environ, settings.rules)
    if appliance and not bench.patient.missing(recipe.APPLIANCE, options):
        _ask(bench, yes, form)
    climbed = _climb(bench, settings, form)
    if event and climbed.ladder.failed:
        receipt = take_back(environment, event, " ".join(["acdoctor", *sys.argv[1:]]))
        climbed = replace(climbed, report=replace(climbed.report, receipt=receipt))
    _deliver(climbed, bench, settings, form)
    return climbed.ladder.exit_code


def _climb(bench: Bench, settings: Settings, form: str) -> Climbed:
    """Climb, saying what goes on; raises ``DoctorError`` when the run's directory cannot be used."""
    if form == "text":
        say(render_head(recipe.NAME, bench.patient.environment.path, page_for(settings)))
    with _audience(settings, form) as audience, interruptible():
        try:
            return climb(replace(bench, audience=audience), run_on_system)
        except OSError as error:
            reason = error.strerror or error
            raise DoctorError(f"The run's directory {bench.directory} cannot be used: {reason}.") from None


def _plan(options: recipe.Options, venv: str | None, run_dir: str) -> str:
    """What would be done, rung by rung; without an environment the rungs alone."""
    try:
        environment = probe_environment(resolve_environment_path(venv))
    except UsageError:
        if venv is not None:
            raise
        return "".join(f"{recipe.TITLES[name]:<18}{recipe.DOING[name]}\n" for name in options.rungs)
    bench = make_bench(environment, options, _directory(run_dir), os.environ)
    lines = [f"smoke {recipe.NAME} of {environment.path}, in {bench.directory}", ""]
    for name in options.rungs:
        missing = bench.patient.missing(name, options)
        lines.append(f"{recipe.TITLES[name]:<18}{recipe.DOING[name]}")
        lines += [f"{'':<18}cannot be tried here; missing: {what}" for what in missing]
        lines += [f"{'':<18}{line}" for line in (submission(bench) if name == recipe.APPLIANCE else ())]
    return "\n".join([*lines, "", "Nothing was done."]) + "\n"


def _sizes(text: str) -> tuple[int, ...]:
    """``256,512`` as numbers, each once, in order; raises ``UsageError``."""
    try:
        sizes = tuple(sorted({int(part) for part in text.split(",") if part.strip()}))
    except ValueError:
        sizes = (0,)
    if text and (not sizes or sizes[0] < 1):
        raise UsageError(f"--batch-sizes wants numbers such as 256,512,1024, not {text!r}.")
    return sizes


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"--cszoo cannot be split into arguments: {error}.") from None


def _directory(name: str) -> Path:
    """Where the run writes; raises ``UsageError`` when something is there already."""
    if not name:
        return Path.cwd() / "acdoctor-smoke" / f"{recipe.NAME}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    place = Path(name).absolute()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise UsageError(f"--run-dir {name} is not empty: a run needs a directory of its own (an old model is loaded).")
    return place


def _ask(bench: Bench, yes: bool, form: str) -> None:
    """Show what will be submitted, then one question; raises ``UsageError`` when nobody can answer or wants it."""
    text = "to be submitted to the system:\n" + "".join(f"    {line}\n" for line in submission(bench))
    click.echo(text, nl=False, err=form == "json")
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("Nobody can be asked here whether to submit this; say --yes.")
    if not click.confirm("Submit it when the rungs before it passed?", default=True, err=form == "json"):
        raise UsageError("Nothing was submitted.")


@contextmanager
def _audience(settings: Settings, form: str) -> Iterator[Audience]:
    """Rungs go to stdout as they end, everything else to stderr: a moving line on a terminal, plain lines elsewhere."""
    page = page_for(settings)

    def rung(one: Rung) -> None:
        if form == "text":
            say(render_rung(one, page))

    def line(text: str) -> None:
        click.echo(text, err=True)

    if settings.quiet:
        yield Audience(rung=rung)
        return
    if not sys.stderr.isatty():
        seen: set[str] = set()

        def once(text: str) -> None:
            if text not in seen:
                seen.add(text)
                line(text)

        yield Audience(status=once, line=line, rung=rung)
        return
    from rich.console import Console  # noqa: PLC0415 - only for those who watch

    console = Console(stderr=True, no_color=not settings.color, highlight=False, markup=False)
    with console.status("looking") as status:

        def shown(one: Rung) -> None:
            status.stop()  # while it moves, rich sends to its own stream what is meant for stdout
            rung(one)
            status.start()

        yield Audience(status=lambda text: status.update(text[: console.width - 4]), line=console.print, rung=shown)


def _deliver(climbed: Climbed, bench: Bench, settings: Settings, form: str) -> None:
    sizes = sizes_of(climbed.ladder.rungs)
    plot = bench.directory / PLOT
    if sizes:
        title = f"Llama, {'7B on the system' if recipe.APPLIANCE in bench.options.rungs else 'tiny, on the CPU'}"
        plot.write_text(render_sweep_svg(sizes, f"{title}: samples per second by batch size"), encoding="utf-8")
    if form == "json":
        document = {**report_value(climbed.report), "smoke": ladder_document(climbed.ladder)}
        say(json.dumps(document, indent=1) + "\n")
        return
    page = page_for(settings)
    say(render_sweep(sizes, page))
    say(render_end(climbed.ladder, page))
    receipt = climbed.report.receipt
    if receipt:
        back = receipt.outcome == "committed"
        say("the last repair was taken back\n" if back else f"the last repair stands: {receipt.reason}\n")
    if not settings.quiet:
        say(f"logs and numbers: {page.path(str(bench.directory))}" + (f"   plot: {PLOT}\n" if sizes else "\n"))
