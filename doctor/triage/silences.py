"""What it means that a log ends where it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from doctor.model import Severity
from doctor.triage.diagnosis import LIKELY, POSSIBLE, Diagnosis, finding
from doctor.triage.timeline import Silence, Timeline, duration


def from_silence(timeline: Timeline, others: list[Diagnosis]) -> list[Diagnosis]:
    """What it means that the log ends where it ends."""
    silence = timeline.silence
    if silence is None or silence.verdict == "finished":
        return []
    waits = [one for one in others if one.category == "wait"]
    if waits and silence.verdict != "overdue":
        return []
    overdue = silence.verdict == "overdue"
    message, advice = _silence_words(silence)
    found = finding("run-silent", Severity.WARNING if overdue else Severity.NOTE, (), message)
    details = (silence.basis,) if silence.basis else ()
    since = (f'last stage: "{silence.stage}"' + (f" since {silence.since:%H:%M:%S}" if silence.since else ""),)
    return [
        Diagnosis(
            finding=replace(found, details=(*since, *details)),
            category="stall" if overdue else "healthy",
            sure=LIKELY if silence.basis else POSSIBLE,
            why="reckoned from the stages and numbers in the log"
            if silence.basis
            else "the log does not tell how long this stage takes",
            lines=(silence.line,),
            ask="csctl get jobs" if overdue or not silence.basis else "",
            advice=advice,
        )
    ]


def _silence_words(silence: Silence) -> tuple[str, tuple[str, ...]]:
    """The sentence about a silence, and what to do, in this order."""
    due, since, expected = silence.due, silence.since, silence.expected
    jobs = "csctl get jobs   (RUNNING means alive)"
    if silence.verdict == "overdue" and expected and silence.factor:
        return (
            (
                f'the stage "{silence.stage}" is overdue: {duration(expected * silence.factor)} of silence where '
                f"{duration(expected)} are usual, a factor {silence.factor:.1f}"
            ),
            (
                jobs,
                "the last lines of run.log in the newest directory of cerebras_logs",
                "the worker logs there: input workers that wait or restart",
                "csctl get cluster --error-only",
            ),
        )
    if due and since and expected:
        later = _round_up(since + timedelta(seconds=2 * expected))
        return (
            (
                f'nothing is wrong yet: after "{silence.stage}" the next line is due about {due:%H:%M} '
                f"({duration(expected)} after {since:%H:%M:%S})"
            ),
            (f"if it is still silent at {later:%H:%M}:  {jobs}",),
        )
    if expected:
        return (
            f'nothing is wrong yet: the stage "{silence.stage}" is silent for {duration(expected)}',
            (f"after twice that time:  {jobs}",),
        )
    return (
        (
            f'nothing in the log is wrong; it ends in the stage "{silence.stage}", '
            "and the next line comes after log_steps x batch_size samples"
        ),
        ("give the configuration to learn when it is due:  acdoctor triage LOG --config params.yaml", jobs),
    )


def _round_up(time: datetime) -> datetime:
    """The next full five minutes."""
    rest = (time.minute % 5) * 60 + time.second
    return time + timedelta(seconds=(300 - rest) % 300)
