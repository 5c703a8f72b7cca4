"""The canned 7B run on the real system: what it will submit, and how it is followed while it goes on."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from doctor.model import Severity
from doctor.smoke import llama_recipe as recipe
from doctor.smoke.llama_run import Bench, run
from doctor.smoke.llama_rungs import VALIDATION, empty, large_request, prepared, trained, used
from doctor.smoke.llama_verdict import Fall, Outcome
from doctor.triage.answer import answer
from doctor.triage.digest import Digest

_JOB = "cerebras-stage-job-id"


def submission(bench: Bench) -> tuple[str, ...]:
    """What will be sent to the system and what that costs, line by line; nothing is done."""
    options, sizes = bench.options, bench.options.batch_sizes
    runs = [_argv(bench, bench.directory / _name(size)) for size in sizes or (0,)]
    batches = ", ".join(map(str, sizes)) or "the configuration's"
    cluster = bench.patient.cluster or "none found on this machine"
    data = "its own" if options.params else f"made here, {recipe.LARGE_LENGTH} tokens a sample, repeated"
    return (
        f"configuration: {options.params or bench.patient.shipped or recipe.SHIPPED}",
        f"changed in it: {_steps(bench)} steps, a line for each step, no checkpoint, no evaluation",
        f"batch size: {batches}",
        f"data: {data}",
        f"cluster: {cluster}",
        f"directory: {bench.directory}   (the workers must see it: a shared file system)",
        *(f"command: {shlex.join(argv)}" for argv in runs),
        "time: in the queue as long as others compute; compiling up to an hour for each new batch size, a minute",
        "  when it was compiled before; five minutes of programming; then about batch size / 32 seconds a step",
    )


def run_on_system(bench: Bench, batch_size: int) -> Outcome:
    """Train the 7B model on the system for a few steps; with a batch size (0: the configuration's)."""
    began = time.monotonic()
    name, place = _name(batch_size), bench.directory / _name(batch_size)
    rung = empty(name, f"7B, batch {batch_size}" if batch_size else recipe.TITLES[recipe.APPLIANCE])
    summary = prepared(bench, place, _request(bench, place, batch_size), rung)
    if isinstance(summary, Outcome):
        return summary
    follower = _Follower(bench, {key: float(summary[key]) for key in ("batch_size", "log_steps") if summary.get(key)})
    bench.audience.line(f"submitted: {shlex.join(_argv(bench, place))}")
    try:
        ran = run(bench, _argv(bench, place), recipe.APPLIANCE, place, follower.look)
    except KeyboardInterrupt:
        for line in follower.left_behind():
            bench.audience.line(line)
        raise
    follower.look(ran.digest)
    measured = {**used(ran), "stages": follower.stages, "jobs": list(follower.jobs)}
    outcome = trained(bench, ran, replace(rung, measured=measured), summary, Fall.MAY)
    steps = outcome.rung.next_steps if ran.ok else (*outcome.rung.next_steps, *follower.left_behind())
    seconds = round(time.monotonic() - began, 1)
    return replace(outcome, rung=replace(outcome.rung, next_steps=steps, seconds=seconds))


def _name(batch_size: int) -> str:
    return f"{recipe.APPLIANCE}-{batch_size}" if batch_size else recipe.APPLIANCE


def _steps(bench: Bench) -> int:
    return bench.options.steps or recipe.LARGE_STEPS


def _argv(bench: Bench, place: Path) -> list[str]:
    """The command, the same that the guides of the system teach, with what the user adds."""
    labels = [] if "--job_labels" in bench.options.arguments else ["--job_labels", f"name=acdoctor-{recipe.NAME}"]
    launcher = bench.patient.launcher or recipe.LAUNCHER
    params = str(place / "params.yaml")
    return [launcher, "fit", params, "--target_device", "CSX", *labels, *bench.options.arguments]


def _request(bench: Bench, place: Path, batch_size: int) -> dict[str, Any]:
    """A few steps of the 7B configuration and nothing else: checkpoints of it take ten minutes each."""
    request = large_request(bench)
    request["set"] = {
        "trainer.init.model_dir": str(place / "model_dir"),
        "trainer.init.loop.max_steps": _steps(bench),
        "trainer.init.logging.log_steps": 1,
    }
    if batch_size:
        request["set"]["trainer.fit.train_dataloader.batch_size"] = batch_size
    request["set_existing"] = {
        "trainer.init.checkpoint.steps": None,
        "trainer.init.checkpoint.save_initial_checkpoint": False,
    }
    request["drop"] = VALIDATION
    return request


@dataclass
class _Follower:
    """Reads the log of a run as it grows, as ``acdoctor triage --follow`` would."""

    bench: Bench
    config: dict[str, float]
    jobs: tuple[str, ...] = ()
    stages: list[dict[str, object]] = field(default_factory=list)
    _said: set[str] = field(default_factory=set)
    _shown: int = 0

    def look(self, digest: Digest) -> None:
        """Say which stages were reached since, what went wrong, and when the next line is due."""
        now = datetime.now().astimezone()
        told = answer(digest, replace(self.bench.knowledge, config=self.config, now=now))
        self.jobs = tuple(dict.fromkeys(hit.groups["id"] for hit in digest.of(self.bench.pattern(_JOB))))
        steps = told.timeline.steps if told.timeline else ()
        for step in steps[self._shown :]:
            at = f"{step.at:%H:%M:%S}" if step.at else " " * 8
            self.bench.audience.line(f"  {at}  {step.stage}")
        self._shown = max(self._shown, len(steps))
        self.stages = [{"stage": step.stage, "seconds": step.seconds} for step in steps]
        for one in told.diagnoses:
            message = one.finding.message
            if one.category == "healthy":
                self.bench.audience.status(message)
            elif not one.consequence and message not in self._said:
                self._said.add(message)
                sign = "!" if one.finding.severity is not Severity.NOTE else "·"
                self.bench.audience.line(f"  {sign} {message}")

    def left_behind(self) -> Sequence[str]:
        """What to do when the client was ended: its jobs may still be in the queue."""
        cancel = [f"csctl cancel job {job}" for job in self.jobs]
        return ("csctl get jobs   (nothing of this run should be there any more)", *cancel)
