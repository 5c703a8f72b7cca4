"""A triage answer as Markdown to paste into a help desk: short, kind, without secrets, nothing invented."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from doctor import __version__
from doctor.model import Severity
from doctor.render.answer import command, facts, roots, step_text
from doctor.render.escape import shown
from doctor.triage.diagnosis import Answer, Diagnosis

_STEPS = 6
_VERSIONS = 12
_SIGNIFICANT = {"error": "What is broken", "warning": "What may go wrong", "note": "Good to know"}


def render_ticket(answer: Answer, clean: Callable[[str], str]) -> str:
    """The whole ticket; ``clean`` takes secrets out of every text that comes from the paste."""
    lines = [
        *_summary(answer, clean),
        *_findings(answer, clean),
        *_run(answer),
        *_questions(answer, clean),
        *_environment(answer),
    ]
    lines += ["", "---", f"acdoctor {__version__}, from {answer.lines} lines of text"]
    return "\n".join(lines) + "\n"


def _say(text: str, clean: Callable[[str], str]) -> str:
    """Text of the paste as Markdown that shows it and does nothing else."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", shown(clean(text))).replace("\\<secret\\>", "(secret removed)")


def _code(text: str, clean: Callable[[str], str]) -> str:
    """Text as inline code; a fence longer than any run of backticks in it."""
    text = shown(clean(text))
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _summary(answer: Answer, clean: Callable[[str], str]) -> Iterator[str]:
    found = roots(answer)
    yield "## Summary"
    yield ""
    if not found:
        end = answer.timeline.silence if answer.timeline else None
        if end and end.verdict == "finished":
            yield f'Nothing is wrong: the run ended with "{end.stage}".'
        else:
            yield "Nothing known to be wrong was found in the text. The questions below would help."
        return
    for one in found[:4]:
        sure = {"certain": "", "likely": " (likely)", "possible": " (possible)"}[one.sure]
        yield f"- {_say(one.finding.message, clean)}{sure}"
    if len(found) > 4:  # noqa: PLR2004 - a ticket is read in a minute
        yield f"- and {len(found) - 4} more, below"


def _findings(answer: Answer, clean: Callable[[str], str]) -> Iterator[str]:
    for number, one in enumerate(roots(answer), 1):
        yield ""
        yield f"## {number}. {_SIGNIFICANT[one.finding.severity.value]}: {_say(one.finding.message, clean)}"
        yield ""
        for text in facts(one, answer):
            yield f"- {_say(text, clean)}"
        yield from _cures(one, clean)


def _cures(one: Diagnosis, clean: Callable[[str], str]) -> Iterator[str]:
    if one.finding.fixes:
        yield ""
        yield (
            "Please run, in the activated environment:"
            if len(one.finding.fixes) == 1
            else "Please run one of these, in the activated environment:"
        )
        yield ""
        for fix in one.finding.fixes[:3]:
            yield f"- {_code(command(fix), clean)} ({_say(fix.because, clean)})"
    elif one.finding.severity is not Severity.NOTE and not one.advice:
        yield ""
        yield "No cure is certain yet; please answer the question below first."
    if one.advice:
        yield ""
        for text in one.advice:
            yield f"- {_say(text, clean)}"


def _run(answer: Answer) -> Iterator[str]:
    timeline = answer.timeline
    if not timeline:
        return
    yield ""
    yield "## Stages of the run"
    yield ""
    yield "```"
    for step in timeline.steps[-_STEPS:]:
        yield step_text(step)
    yield "```"


def _questions(answer: Answer, clean: Callable[[str], str]) -> Iterator[str]:
    if not answer.questions:
        return
    yield ""
    yield "## Please send us"
    yield ""
    yield "the output of"
    yield ""
    for text in answer.questions[:3]:
        yield f"- {_code(text, clean)}"


def _environment(answer: Answer) -> Iterator[str]:
    versions, environment = answer.versions, answer.environment
    names = [name for one in answer.diagnoses for name in (s.partition("==")[0] for s in one.finding.subjects)]
    told = [f"{name} {versions.of(name)}" for name in dict.fromkeys(names) if versions.of(name)]
    python = versions.python
    if not (told or python or environment):
        return
    yield ""
    yield "## Environment"
    yield ""
    if python:
        yield f"- Python {python}"
    if environment:
        yield (
            f"- {environment.platform}, {len(environment.distributions)} distributions (from a "
            f"snapshot or the venv itself)"
        )
    for text in told[:_VERSIONS]:
        yield f"- {text}"
