"""The rungs that need no system: imports, configuration, training on the CPU, compilation for CSX."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from doctor.smoke import llama_recipe as recipe
from doctor.smoke.ladder import Rung, Verdict
from doctor.smoke.llama_run import INSIDE, Bench, Ran, run
from doctor.smoke.llama_verdict import Fall, Outcome, Point, bad_end, failed, last_lines, learned, points_of
from doctor.triage.digest import Digest
from doctor.triage.lines import moment
from doctor.triage.timeline import read_timeline


def climb_rung(bench: Bench, name: str, attempt: Callable[[Bench], Outcome] | None = None) -> Outcome:
    """Try one rung, in its own way or in another, and take the time."""
    began = time.monotonic()
    bench.audience.status(f"{recipe.TITLES[name]}: {recipe.DOING[name]}")
    outcome = (attempt or _RUNGS[name])(bench)
    return replace(outcome, rung=replace(outcome.rung, seconds=round(time.monotonic() - began, 1)))


def empty(name: str, title: str = "") -> Rung:
    """A rung of which only the name is known yet."""
    return Rung(name=name, title=title or recipe.TITLES[name], verdict=Verdict.PASSED, sentence="")


def used(ran: Ran) -> dict[str, object]:
    """What a run took, for scripts."""
    return {
        "seconds": round(ran.watched.seconds, 1),
        "cpu_seconds": round(ran.watched.cpu_seconds, 1),
        "peak_memory": ran.watched.peak_memory,
    }


def _imports(bench: Bench) -> Outcome:
    """Really import every entry, in as few processes as succeed: after a failure the rest goes on in a new one."""
    rung, waiting, told = empty(recipe.IMPORTS), list(bench.patient.entries), 0
    taken: list[Ran] = []
    worst: Outcome | None = None
    while waiting:
        place = bench.directory / recipe.IMPORTS / str(len(taken))
        ran = run(bench, [bench.patient.python, INSIDE, "imports", *waiting], recipe.IMPORTS, place)
        taken.append(ran)
        done = sum("entry" in line for line in ran.told)
        told += done
        bad = bad_end(bench, ran, rung, f"importing {waiting[min(done, len(waiting) - 1)]}")
        worst = worst or bad
        if bad is None or ran.watched.code is None:
            break
        waiting = waiting[done + 1 :]
    measured = {"entries": len(bench.patient.entries), "imported": told, "runs": [used(ran) for ran in taken]}
    if worst:
        count = f"{told} of {len(bench.patient.entries)} entries can be imported"
        return replace(worst, rung=replace(worst.rung, details=(*worst.rung.details, count), measured=measured))
    modules = max((line.get("modules", 0) for line in taken[-1].told), default=0)
    return Outcome(
        rung=replace(
            rung, sentence=f"{told} entries are imported to their end ({modules:,} modules)", measured=measured
        )
    )


def prepared(bench: Bench, place: Path, request: Mapping[str, Any], rung: Rung) -> Mapping[str, Any] | Outcome:
    """Have the patient write ``params.yaml`` (and data) for a run; its numbers, or why it could not."""
    place.mkdir(parents=True, exist_ok=True)
    wish = place / "request.json"
    document = {**request, "target": str(place / "params.yaml"), "base": str(Path.cwd())}
    wish.write_text(json.dumps(document), encoding="utf-8")
    ran = run(bench, [bench.patient.python, INSIDE, "prepare", str(wish)], recipe.CONFIG, place / "prepare")
    bad = bad_end(bench, ran, rung, "writing the configuration and its data")
    if bad:
        return bad
    if not ran.told:
        return failed(rung, "the patient's Python wrote no configuration", details=tuple(last_lines(ran.digest)))
    return ran.told[-1]


def large_request(bench: Bench) -> dict[str, Any]:
    """The 7B configuration: the shipped one with data made here, or the user's as it is."""
    if bench.options.params:
        return {"source": str(Path(bench.options.params).absolute())}
    samples = max((recipe.LARGE_BATCH, *bench.options.batch_sizes))
    data = {
        "directory": str(bench.directory / "data-7b"),
        "samples": samples,
        "length": recipe.LARGE_LENGTH,
        "vocabulary": recipe.LARGE_VOCABULARY,
    }
    return {"source": bench.patient.shipped, "data": data}


def _config(bench: Bench) -> Outcome:
    rung, place = empty(recipe.CONFIG), bench.directory / recipe.CONFIG
    summary = prepared(bench, place, large_request(bench), rung)
    if isinstance(summary, Outcome):
        return summary
    argv = [bench.patient.launcher, "config", "validate", str(place / "params.yaml")]
    ran = run(bench, argv, recipe.CONFIG, place)
    bad = bad_end(bench, ran, rung, "cszoo config validate")
    if bad:
        return bad
    whose = "your configuration" if bench.options.params else "the shipped params_llama2_7b.yaml with data made here"
    if not ran.digest.count(bench.pattern("cerebras-stage-config-valid")):
        return failed(rung, "cszoo config validate ended without saying that the configuration is valid")
    return Outcome(rung=replace(rung, sentence=f"cszoo config validate: {whose} is valid", measured=used(ran)))


def _training(bench: Bench) -> Outcome:
    return train_on_cpu(bench, 0)


def train_on_cpu(bench: Bench, batch_size: int) -> Outcome:
    """Train on the CPU; with a batch size (0: the configuration's) the rung is named for it."""
    name = f"{recipe.TRAINING}-{batch_size}" if batch_size else recipe.TRAINING
    rung = empty(name, f"CPU, batch {batch_size}" if batch_size else "")
    place = bench.directory / name
    summary = prepared(bench, place, _cpu_request(bench, place, batch_size), rung)
    if isinstance(summary, Outcome):
        return summary
    argv = [bench.patient.launcher, "fit", str(place / "params.yaml"), "--target_device", "CPU"]
    ran = run(bench, argv, recipe.TRAINING, place, lambda digest: _say_progress(bench, rung, digest))
    fall = Fall.SHOULD if bench.options.cpu_config or bench.options.steps else Fall.MUST
    return trained(bench, ran, replace(rung, measured=used(ran)), summary, fall)


def _cpu_request(bench: Bench, place: Path, batch_size: int) -> dict[str, Any]:
    """The tiny configuration with its data, or the user's own."""
    options, wanted = bench.options, {"trainer.init.model_dir": str(place / "model_dir")}
    changes: dict[str, Any] = {**wanted, "trainer.init.backend.backend_type": "CPU"}
    if batch_size:
        changes["trainer.fit.train_dataloader.batch_size"] = batch_size
    if options.steps:
        changes["trainer.init.loop.max_steps"] = options.steps
        changes["trainer.init.logging.log_steps"] = max(1, options.steps // 6)
        changes["trainer.init.checkpoint.steps"] = options.steps
    if options.cpu_config:
        return {"source": str(Path(options.cpu_config).absolute()), "set": changes}
    data = {
        "directory": str(bench.directory / "data-tiny"),
        "samples": max((recipe.TINY_SAMPLES, *options.batch_sizes)),
        "length": recipe.TINY_LENGTH,
        "vocabulary": recipe.TINY_VOCABULARY,
    }
    return {"config": recipe.tiny_config(), "set": changes, "data": data}


def trained(bench: Bench, ran: Ran, rung: Rung, summary: Mapping[str, Any], fall: Fall) -> Outcome:
    """What came out of a training that ended."""
    points = points_of(ran.digest, bench.pattern("cerebras-stage-progress"))
    losses = [[point.step, point.loss] for point in points]
    rung = replace(
        rung,
        measured={
            **rung.measured,
            **training_numbers(points, summary, moment(ran.digest.first_stamp)),
            "losses": losses,
        },
    )
    bad = bad_end(bench, ran, rung, "cszoo fit")
    if bad:
        return bad
    if not ran.digest.count(bench.pattern("cerebras-stage-train-done")):
        return failed(
            rung,
            "cszoo fit ended without saying that the training completed",
            details=tuple(last_lines(ran.digest)),
            next_steps=(f"the whole output: {ran.log}",),
        )
    steps = summary.get("max_steps")
    verdict, sentence = learned(points, steps if isinstance(steps, int) else None, fall)
    if verdict is Verdict.FAILED:
        return failed(rung, f"cszoo fit: {sentence}", next_steps=(f"the whole output: {ran.log}",))
    return Outcome(rung=replace(rung, verdict=verdict, sentence=f"cszoo fit: {sentence}"))


def training_numbers(
    points: tuple[Point, ...], summary: Mapping[str, Any], started: datetime | None
) -> dict[str, object]:
    """Rates of a training as scripts want them.

    ``steady_rate``: samples per second between the first and the last line of progress, by the run's own clock, so
    that starting up does not count; ``global_rate`` is what the last line itself says.
    """
    batch, length = summary.get("batch_size"), summary.get("length")
    numbers: dict[str, object] = {"batch_size": batch, "max_steps": summary.get("max_steps"), "length": length}
    if not points:
        return numbers
    numbers["global_rate"] = points[-1].rate
    if started and points[0].at and (started.tzinfo is None) == (points[0].at.tzinfo is None):
        numbers["seconds_to_first_line"] = round((points[0].at - started).total_seconds(), 3)
    first, last = points[0], points[-1]
    if first.at and last.at and last.at > first.at and isinstance(batch, int) and last.step > first.step:
        seconds = (last.at - first.at).total_seconds() / (last.step - first.step)
        numbers["seconds_per_step"] = round(seconds, 4)
        numbers["steady_rate"] = round(batch / seconds, 3)
        if isinstance(length, int):
            numbers["tokens_per_second"] = round(batch * length / seconds, 1)
    return numbers


def _say_progress(bench: Bench, rung: Rung, digest: Digest) -> None:
    """Where the run is now."""
    timeline = read_timeline(bench.knowledge.logs, digest, {}, None)
    if timeline is None or not timeline.steps:
        return
    said = timeline.steps[-1].stage
    if timeline.last_progress:
        said = f"step {timeline.last_progress.get('step')}, loss {timeline.last_progress.get('loss')}"
    bench.audience.status(f"{rung.title}: {said}")


def _compile(bench: Bench) -> Outcome:
    """The 7B model through the client's own part of the compiler; the cluster is not asked."""
    rung, place = empty(recipe.COMPILE), bench.directory / recipe.COMPILE
    request = large_request(bench)
    request["set"] = {"trainer.init.model_dir": str(place / "model_dir")}
    request["set_existing"] = {
        "trainer.fit.train_dataloader.num_workers": 0,
        "trainer.init.checkpoint.save_initial_checkpoint": False,
    }
    request["drop"] = VALIDATION
    summary = prepared(bench, place, request, rung)
    if isinstance(summary, Outcome):
        return summary
    argv = [bench.patient.launcher, "fit", str(place / "params.yaml"), "--target_device", "CSX", "--validate_only"]
    ran = run(bench, argv, recipe.COMPILE, place, lambda digest: _say_progress(bench, rung, digest))
    bad = bad_end(bench, ran, replace(rung, measured=used(ran)), "cszoo fit --validate_only")
    if bad:
        return bad
    if not ran.digest.count(bench.pattern("cerebras-stage-validated")):
        return failed(rung, "cszoo fit --validate_only ended without saying that the compile was validated")
    sentence = "cszoo fit --validate_only: the 7B model compiles for CSX, as far as this is done without the cluster"
    measured = {**used(ran), "batch_size": summary.get("batch_size")}
    return Outcome(rung=replace(rung, sentence=sentence, measured=measured))


VALIDATION = (
    "trainer.validate",
    "trainer.validate_all",
    "trainer.fit.val_dataloader",
    "trainer.init.loop.eval_frequency",
    "trainer.init.loop.eval_steps",
)
"""Parts of a configuration that only make a run longer."""

_RUNGS: Mapping[str, Callable[[Bench], Outcome]] = {
    recipe.IMPORTS: _imports,
    recipe.CONFIG: _config,
    recipe.TRAINING: _training,
    recipe.COMPILE: _compile,
}
