"""A triage answer on the screen and as JSON: what happened, where, what cures it, what to ask next."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from shlex import join
from typing import Any

from doctor.model import Finding, Fix, Severity
from doctor.render.json import report_value
from doctor.render.page import Page, Row, counted, joined, plain, wrapped
from doctor.triage.diagnosis import Answer, Diagnosis
from doctor.triage.timeline import Step, Timeline, duration

_INDENT = " " * 4
_STEPS_SHOWN = 5
_SHOWN = 6

Clean = Callable[[str], str]


def render_answer(answer: Answer, page: Page) -> str:
    """The screen for a person; with ``page.quiet`` one line for each conclusion that counts."""
    rows = list(_quiet(answer, page) if page.quiet else _screen(answer, page))
    if page.color:
        from doctor.render.color import painted  # noqa: PLC0415 - rich costs as much as all the rest of a start

        return painted(rows)
    return plain(rows)


def roots(answer: Answer) -> list[Diagnosis]:
    """The conclusions that are no consequence of another."""
    return [one for one in answer.diagnoses if not one.consequence]


def _quiet(answer: Answer, page: Page) -> Iterator[Row]:
    for one in roots(answer):
        if one.finding.severity is Severity.ERROR:
            yield from _headline(one, page)


def _screen(answer: Answer, page: Page) -> Iterator[Row]:
    found = roots(answer)
    shown = found if page.verbose else found[:_SHOWN]
    for one in shown:
        yield from _block(one, answer, page)
        yield Row()
    if len(found) > len(shown):
        yield Row(text=f"{page.symbol('more')} and {len(found) - len(shown)} more with -v")
    if answer.timeline:
        yield from _timeline(answer.timeline, page)
    yield from _end(answer, page)


def _headline(one: Diagnosis, page: Page) -> Iterator[Row]:
    word = one.finding.severity.value
    sign = page.symbol("good" if one.category == "healthy" else word)
    lines = wrapped(one.finding.message, page.width - len(word) - 2, first=f"{sign} ", rest="  ")
    lines[0] = f"{lines[0]:<{page.width - len(word)}}{word}"
    for line in lines:
        yield Row(text=line, style="good" if one.category == "healthy" else word)


def _block(one: Diagnosis, answer: Answer, page: Page) -> Iterator[Row]:
    yield from _headline(one, page)
    for text in facts(one, answer):
        yield from _indented(text, page)
    for number, fix in enumerate(one.finding.fixes[: None if page.verbose else 2]):
        yield from _labelled("cure" if number == 0 else "or", f"{command(fix)}   {fix.because}", page)
    for text in one.advice:
        yield from _labelled("do", text, page)
    if one.ask:
        yield from _labelled("ask", one.ask, page)


def facts(one: Diagnosis, answer: Answer) -> Iterator[str]:
    """What supports a conclusion: place, lines of the paste, how sure, details, what only follows from it."""
    where = one.finding.where
    place = f"{where.path}:{where.line}" if where and where.line else where.path if where else ""
    lines = ", ".join(str(number) for number in one.lines[:4])
    seen = f"line {lines}" if len(one.lines) == 1 else f"lines {lines}"
    often = f", {one.count} times" if one.count > 1 else ""
    if one.lines:
        yield f"{f'at {place}, ' if place else ''}{seen} of the text{often}"
    elif place:
        yield f"at {place}"
    yield from one.finding.details
    yield f"{one.sure}: {one.why}"
    follow = sum(other.finding.key in one.finding.explains for other in answer.diagnoses)
    if follow:
        yield f"{counted(follow, 'further message')} of the text {'follows' if follow == 1 else 'follow'} from it"


def command(fix: Fix) -> str:
    """The command of a fix: what goes, goes first."""
    if fix.command:
        return fix.command
    paths = [name for name in fix.remove if "/" in name]
    names = [name for name in fix.remove if "/" not in name]
    steps = [
        ("python -m pip uninstall -y", names),
        ("rm -r --", paths),
        ("python -m pip install --force-reinstall --no-deps", fix.reinstall),
        ("python -m pip install", fix.install),
    ]
    return " && ".join(join([*start.split(" "), *what]) for start, what in steps if what)


def _timeline(timeline: Timeline, page: Page) -> Iterator[Row]:
    steps = timeline.steps if page.verbose else timeline.steps[-_STEPS_SHOWN:]
    left = len(timeline.steps) - len(steps)
    yield Row(
        text="stages of the run" + (f" (the last {len(steps)} of {len(timeline.steps)}; all with -v)" if left else ""),
        style="strong",
    )
    for step in steps:
        yield Row(text=f"{_INDENT}{step_text(step)}")
    if timeline.last_progress:
        progress = timeline.last_progress
        said = [f"step {progress.get('step') or progress.get('global', '')}", f"loss {progress.get('loss', '')}"]
        if progress.get("globalrate"):
            said.append(f"{progress['globalrate']} samples/s")
        yield Row(text=f"{_INDENT}last progress: {', '.join(said)}")
    yield Row()


def step_text(step: Step) -> str:
    """One stage: time of day, name, how long it took."""
    at = f"{step.at:%H:%M:%S}" if step.at else "        "
    took = f"   {duration(step.seconds)}" if step.seconds is not None and step.seconds >= 0 else ""
    return f"{at}  {step.stage}{took}"


def _end(answer: Answer, page: Page) -> Iterator[Row]:
    found = roots(answer)
    timeline = answer.timeline
    if not found and timeline and timeline.silence and timeline.silence.verdict == "finished":
        yield Row(
            text=f'{page.symbol("good")} nothing is wrong: the run ended with "{timeline.silence.stage}"', style="good"
        )
    elif not found:
        for line in wrapped(
            "nothing known to be wrong was found in the text", page.width, first=f"{page.symbol('unknown')} ", rest="  "
        ):
            yield Row(text=line)
        yield Row(text=f"{_INDENT}wanted: the whole text from the first error on, and  python -m pip freeze")
    kinds = [sum(one.finding.severity is severity for one in found) for severity in Severity]
    parts = [counted(number, severity.value) for number, severity in zip(kinds, Severity, strict=True) if number]
    parts += [counted(answer.lines, "line"), f"{counted(len(answer.versions.known), 'version')} told"]
    if answer.harmless and page.verbose:
        parts.append("harmless: " + ", ".join(match.rule.id for match in answer.harmless))
    elif answer.harmless:
        parts.append(
            f"{counted(len(answer.harmless), 'line')} that looks bad is harmless"
            if len(answer.harmless) == 1
            else f"{len(answer.harmless)} lines that look bad are harmless"
        )
    for line in joined(parts, f" {page.symbol('dot')} ", page.width):
        yield Row(text=line, style="faint")


def _indented(text: str, page: Page) -> Iterator[Row]:
    for line in wrapped(text, page.width, first=_INDENT, rest=_INDENT):
        yield Row(text=line)


def _labelled(label: str, text: str, page: Page) -> Iterator[Row]:
    """A label and its text; commands are never broken inside a word."""
    head = f"{_INDENT}{label:<5}"
    for line in wrapped(text, page.width, first=head, rest=" " * len(head)):
        yield Row(text=line, style="strong" if label in ("cure", "or") else "")


def answer_value(answer: Answer) -> dict[str, Any]:
    """The report of the contract, and under ``triage`` what only triage knows."""
    report = answer.report()
    index = {finding.key: number for number, finding in enumerate(report.findings)}
    value = report_value(report)
    value["triage"] = {
        "answers": [_answer(one, index) for one in answer.diagnoses],
        "questions": list(answer.questions),
        "timeline": _timeline_value(answer.timeline),
        "harmless": [{"rule": match.rule.id, "line": match.first.line.number} for match in answer.harmless],
        "versions": dict(sorted(answer.versions.known.items())),
        "python": answer.versions.python or None,
        "lines": answer.lines,
    }
    return value


def render_answer_json(answer: Answer, clean: Clean = str) -> str:
    """The answer as JSON, one line feed at the end; ``clean`` is applied to every text."""
    return json.dumps(_cleaned(answer_value(answer), clean), indent=1) + "\n"


def _cleaned(value: Any, clean: Clean) -> Any:
    if isinstance(value, str):
        return clean(value).encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_cleaned(item, clean) for item in value]
    if isinstance(value, dict):
        return {key: _cleaned(item, clean) for key, item in value.items()}
    return value


def _answer(one: Diagnosis, index: dict[str, int]) -> dict[str, Any]:
    return {
        "finding": index.get(one.finding.key),
        "category": one.category,
        "sure": one.sure,
        "why": one.why,
        "lines": list(one.lines),
        "count": one.count,
        "ask": one.ask or None,
        "advice": list(one.advice),
        "consequence": one.consequence,
        "reading": _reading(one),
    }


def _reading(one: Diagnosis) -> dict[str, Any] | None:
    reading = one.reading
    if reading is None:
        return None
    place, missing = reading.third_party, reading.missing
    return {
        "exception": reading.raised.exception or None,
        "message": reading.raised.text,
        "level": reading.level,
        "innermost_third_party": place
        and {
            "dist": place.owner.name,
            "file": place.owner.file,
            "line": place.frame.line,
            "function": place.frame.function,
        },
        "missing": missing and {"kind": missing.kind, "module": missing.module, "symbol": missing.symbol},
        "importer": reading.importer or None,
        "provider": reading.provider or None,
    }


def _timeline_value(timeline: Timeline | None) -> dict[str, Any] | None:
    if timeline is None:
        return None
    silence = timeline.silence
    return {
        "steps": [
            {"stage": step.stage, "at": step.at and step.at.isoformat(), "seconds": step.seconds, "line": step.line}
            for step in timeline.steps
        ],
        "facts": {name: {"value": fact.value, "source": fact.source} for name, fact in sorted(timeline.facts.items())},
        "progress_lines": timeline.progress,
        "last_progress": {k: v for k, v in timeline.last_progress.items() if not k.isdigit() and v} or None,
        "end": silence
        and {
            "verdict": silence.verdict,
            "stage": silence.stage,
            "since": silence.since and silence.since.isoformat(),
            "expected_seconds": silence.expected,
            "due": silence.due and silence.due.isoformat(),
            "factor": silence.factor,
            "basis": silence.basis or None,
        },
    }


def subject_names(finding: Finding) -> list[str]:
    """The distributions of a finding without their versions."""
    return [subject.partition("==")[0] for subject in finding.subjects]
