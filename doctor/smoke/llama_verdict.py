"""What the end of a run and its output mean: pure functions from a ``Ran`` to a verdict with its words."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from doctor.checks.examine import command_for
from doctor.model import Crash, Environment, Evidence, Finding, Severity
from doctor.smoke import llama_recipe as recipe
from doctor.smoke.ladder import Rung, Verdict
from doctor.smoke.llama_run import Bench, Ran
from doctor.triage.answer import answer
from doctor.triage.diagnosis import Answer, Diagnosis
from doctor.triage.digest import Digest, Hit
from doctor.triage.lines import moment

_LAST_LINES = 5
_LONGEST = 300
_MILD = ("DEBUG", "INFO", "WARNING")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A rung that ended, and what it says about the patient; ``crash`` when it could not be tried to its end."""

    rung: Rung
    findings: tuple[Finding, ...] = ()
    crash: Crash | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A line of progress; None for what it does not tell. ``rate`` is samples per second since the start."""

    step: int
    loss: float | None
    rate: float | None
    at: datetime | None


def points_of(digest: Digest, pattern: str) -> tuple[Point, ...]:
    """The training's lines of progress, in order."""
    return tuple(_point(hit) for hit in digest.of(pattern) if hit.groups.get("kind", "").startswith("Train"))


def _point(hit: Hit) -> Point:
    groups = hit.groups
    return Point(
        step=int(groups.get("step") or groups.get("global") or 0),
        loss=_number(groups.get("loss") or ""),
        rate=_number(groups.get("globalrate") or groups.get("rate") or ""),
        at=moment(hit.line.stamp),
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


class Fall(StrEnum):
    """Whether the loss has to fall: the recipe's own data has to be learned, elsewhere there may be good reasons."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"


def learned(points: tuple[Point, ...], steps: int | None, fall: Fall) -> tuple[Verdict, str]:
    """Whether losses are finite and fall, in a sentence; ``steps``: how many there should be (None: not known)."""
    losses = [(point.step, point.loss) for point in points if point.loss is not None]
    wrong = next(((step, loss) for step, loss in losses if not math.isfinite(loss)), None)
    if not losses or wrong or (steps and losses[-1][0] < steps):
        return Verdict.FAILED, _unlearned(losses, wrong, steps)
    last_step, first, last = losses[-1][0], losses[0][1], losses[-1][1]
    said = f"loss {first:.3f} → {last:.3f}"
    if len(losses) == 1 and fall is not Fall.MAY:
        return Verdict.WARNED, f"one line of progress only (loss {last:.3f}): whether the loss falls cannot be told"
    if fall is not Fall.MAY and last >= first * (recipe.FALLEN if fall is Fall.MUST else 1.0):
        return (Verdict.FAILED if fall is Fall.MUST else Verdict.WARNED), f"the loss does not fall: {said}"
    return Verdict.PASSED, f"{last_step} steps, {said}"


def _unlearned(losses: list[tuple[int, float]], wrong: tuple[int, float] | None, steps: int | None) -> str:
    """Why a training is none, whatever its loss should do."""
    if wrong:
        return f"the loss is {wrong[1]:g} at step {wrong[0]}"
    return f"it ended at step {losses[-1][0]} of {steps}" if losses else "it ended without a single line of progress"


def bad_end(bench: Bench, ran: Ran, rung: Rung, doing: str) -> Outcome | None:
    """The outcome of a run that did not end with 0; None for one that did.

    ``rung`` brings name, title and time; ``doing`` is the command as a sentence names it.
    """
    watched, log = ran.watched, f"the whole output: {ran.log}"
    if watched.limit:
        where = _last_stage(bench, ran.digest)
        hint = (
            f"--timeout {math.ceil(watched.seconds * 4)}   gives each rung more time"
            if watched.limit == "time"
            else f"--memory {bench.options.memory_gb * 2:g}   allows more gigabytes"
        )
        sentence = f"{watched.failure}: ended{where}"
        found = replace(rung, verdict=Verdict.UNDECIDED, sentence=sentence, next_steps=(hint, log), category="limit")
        return Outcome(rung=found, crash=Crash(check=f"smoke-{rung.name}", reason=sentence))
    if watched.code is None:
        return failed(rung, f"{doing} could not be started: {watched.failure}", next_steps=(_check(bench),))
    if ran.ok:
        return None
    told = answer(ran.digest, bench.knowledge)
    causes = _causes(told, ran.digest)
    if causes:
        return _diagnosed(bench, rung, causes, log)
    return failed(
        rung,
        f"{doing} {_code(watched.code)}",
        details=tuple(last_lines(ran.digest)),
        next_steps=(_triage(bench, ran), log),
    )


def _causes(told: Answer, digest: Digest) -> list[Diagnosis]:
    """What the output blames for the end: lines that the run itself only warned of come last.

    Without a cluster it warns of a missing configuration and goes on; what ended it stands further below.
    """
    found = [one for one in told.diagnoses if not one.consequence and one.finding.severity is Severity.ERROR]
    mild = {line.number for line in digest.close if line.level in _MILD}
    hard = [one for one in found if not one.lines or not mild.issuperset(one.lines)]
    return hard or found


def failed(rung: Rung, sentence: str, *, details: tuple[str, ...] = (), next_steps: tuple[str, ...] = ()) -> Outcome:
    """A rung that failed for a reason that no rule knows."""
    found = replace(rung, verdict=Verdict.FAILED, sentence=sentence, details=details, next_steps=next_steps)
    finding = Finding(
        rule=f"smoke-{rung.name}",
        severity=Severity.ERROR,
        subjects=("<environment>",),
        message=sentence,
        evidence=Evidence.RAN,
        details=details,
    )
    return Outcome(rung=found, findings=(finding,))


def _diagnosed(bench: Bench, rung: Rung, causes: list[Diagnosis], log: str) -> Outcome:
    """A rung that failed for reasons that triage knows."""
    environment = bench.patient.environment
    findings = tuple(_finding(one.finding, environment) for one in causes)
    first, finding = causes[0], findings[0]
    where = f"{finding.where.path}:{finding.where.line}" if finding.where else ""
    cures = [f"{fix.command}   ({fix.because})" for fix in finding.fixes if fix.command]
    prove = (f"acdoctor fix {environment.path}   (proves the cure before it touches anything)",) if cures else ()
    found = replace(
        rung,
        verdict=Verdict.FAILED,
        sentence=finding.message,
        details=(*((f"at {where}",) if where else ()), *finding.details),
        next_steps=(*prove, *cures[:1], *first.advice, log),
        category=first.category,
        rule=finding.rule,
    )
    return Outcome(rung=found, findings=findings)


def _finding(finding: Finding, environment: Environment) -> Finding:
    """A conclusion from the output of a run that we started ourselves: it ran, and commands name the patient."""
    fixes = tuple(replace(fix, command=command_for(fix, environment)) for fix in finding.fixes)
    return replace(finding, evidence=Evidence.RAN, fixes=fixes)


def _code(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    why = ": by hand, or by the kernel because memory ran out (dmesg)" if name == "SIGKILL" else ""
    return f"was ended by {name}{why}"


def last_lines(digest: Digest) -> Iterator[str]:
    """The last things that a run said."""
    lines = [line.message.strip() for line in digest.close if line.message.strip()]
    yield from (line[:_LONGEST] for line in lines[-_LAST_LINES:])


def _last_stage(bench: Bench, digest: Digest) -> str:
    """In which stage the run was, as the end of a sentence."""
    told: Answer = answer(digest, bench.knowledge)
    steps = told.timeline.steps if told.timeline else ()
    return f' in the stage "{steps[-1].stage}"' if steps else " before its first stage"


def _check(bench: Bench) -> str:
    return f"acdoctor check {bench.patient.environment.path}"


def _triage(bench: Bench, ran: Ran) -> str:
    return f"acdoctor triage {ran.log} --venv {bench.patient.environment.path}"
