"""From a log to an answer: every conclusion once, roots first, and the stage of the run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from doctor.model import Environment, Severity
from doctor.triage.conclude import conclude, from_match
from doctor.triage.diagnosis import Answer, Diagnosis, Knowledge
from doctor.triage.digest import Digest
from doctor.triage.known_breakages import in_environment
from doctor.triage.lines import Line
from doctor.triage.matching import HEALTHY, Match, matches, patterns
from doctor.triage.missing import read_missing
from doctor.triage.proving import proven
from doctor.triage.reading import Reading, read
from doctor.triage.scan import Scanner
from doctor.triage.silences import from_silence
from doctor.triage.timeline import TYPICAL, read_timeline
from doctor.triage.traceback import Raised, Traceback, read_tracebacks
from doctor.triage.versions import Versions, read_versions

_LOOSE_LINES = 4000
_IGNORED = "Exception ignored in"
_NOWHERE = 1 << 60
_UNEXPLAINED = ("call", "unknown")
"""Categories of what is only repeated, not understood: what is understood stands before it."""
_LOOSE_KINDS = ("module", "name", "attribute", "undefined_symbol", "library", "distribution", "version")


def scanner(knowledge: Knowledge) -> Scanner:
    """A scanner for everything that the rules look for."""
    return Scanner(patterns(knowledge.logs))


def answer(digest: Digest, knowledge: Knowledge) -> Answer:
    """Everything that the log says, concluded."""
    versions = _versions(digest.close, knowledge.environment)
    found = [match for match in matches(knowledge.logs, digest, versions) if match.rule.category != TYPICAL]
    harmless = tuple(match for match in found if match.rule.category == HEALTHY)
    found = [match for match in found if match.rule.category != HEALTHY]
    calm = {hit.line.number for match in harmless for hit in match.hits}
    tracebacks = [one for excerpt in digest.excerpts for one in read_tracebacks(excerpt)]
    tracebacks = [one for one in tracebacks if not all(raised.number in calm for raised in one.raised)]
    ignored = {n.number for excerpt in digest.excerpts for n in excerpt if n.message.startswith(_IGNORED)}
    diagnoses, taken = _from_tracebacks(tracebacks, (found, ignored), knowledge, versions)
    taken |= calm
    loose = [match for match in found if match.first.line.number not in taken]
    diagnoses += [from_match(match, None, versions, knowledge.names) for match in loose]
    taken |= {hit.line.number for match in loose for hit in match.hits}
    diagnoses += _from_loose_lines(digest, taken, knowledge, versions)
    timeline = read_timeline(knowledge.logs, digest, knowledge.config, knowledge.now)
    diagnoses += in_environment(knowledge, {one.finding.rule for one in diagnoses})
    ordered = _ordered(proven(_explained(_merged(diagnoses), knowledge), knowledge, versions))
    if timeline and timeline.silence and not _ended_by(ordered, timeline.silence.line):
        ordered += from_silence(timeline, ordered)
    return Answer(
        diagnoses=tuple(ordered),
        timeline=timeline,
        versions=versions,
        harmless=harmless,
        lines=digest.lines,
        environment=knowledge.environment,
    )


def _ended_by(diagnoses: list[Diagnosis], last_stage: int) -> bool:
    """A failure stands below the last stage. One at import is of another start: no run had begun."""
    return any(
        one.finding.severity is Severity.ERROR
        and max(one.lines, default=0) > last_stage
        and not (one.reading and one.reading.level == "import")
        for one in diagnoses
    )


def _versions(lines: Iterable[Line], environment: Environment | None) -> Versions:
    """The snapshot's versions where there is one: it is the environment, a paste only speaks of it."""
    told = read_versions(lines)
    if environment is None:
        return told
    known = {**told.known, **{d.name: d.version for d in environment.distributions}}
    return replace(told, known=known, python=environment.python_version or told.python, complete=True)


def _from_tracebacks(
    tracebacks: list[Traceback], seen: tuple[list[Match], set[int]], knowledge: Knowledge, versions: Versions
) -> tuple[list[Diagnosis], set[int]]:
    """One conclusion for each traceback, and the lines that it explains.

    ``seen``: the matches, and the lines after which Python tells of an exception that it passed over.
    """
    found, ignored = seen
    diagnoses: list[Diagnosis] = []
    taken: set[int] = set()
    for traceback in tracebacks:
        readings = [read(raised, knowledge.names) for raised in traceback.raised]
        spans = [_span(reading) for reading in readings]
        inside = [
            (match, reading)
            for reading in readings
            for match in found
            if any(hit.line.number in _said(reading) for hit in match.hits)
        ]
        taken |= {number for span in spans for number in span}
        diagnosis = conclude(traceback, readings, inside, knowledge, versions)
        if diagnosis:
            first = traceback.raised[0].frames[0].number if traceback.raised[0].frames else traceback.raised[0].number
            passed_over = not ignored.isdisjoint(range(first - 3, first))
            diagnoses.append(
                replace(diagnosis, count=traceback.count, consequence=diagnosis.consequence or passed_over)
            )
    return diagnoses, taken


def _said(reading: Reading) -> range:
    """The lines of an exception's message: the source lines of its frames name many things and say nothing."""
    return range(reading.raised.number, reading.raised.number + 1 + len(reading.raised.more))


def _span(reading: Reading) -> set[int]:
    """The lines of the paste that belong to an exception: its message, and its frames with their source."""
    raised = reading.raised
    frames = {number for frame in raised.frames for number in (frame.number, frame.number + 1)}
    return frames | set(_said(reading))


def _from_loose_lines(digest: Digest, taken: set[int], knowledge: Knowledge, versions: Versions) -> list[Diagnosis]:
    """Lines that say what is missing though no exception's name stands before it (python -m, linkers, wrappers)."""
    diagnoses = []
    for position, line in enumerate(digest.close):
        if position >= _LOOSE_LINES:
            break
        if line.number in taken or not line.message or len(line.message) > 800:  # noqa: PLR2004 - no message is so long
            continue
        missing = read_missing(line.message)
        if missing is None or missing.kind not in _LOOSE_KINDS:
            continue
        raised = Raised(exception="", message=line.message.strip(), number=line.number)
        one = conclude(Traceback(raised=(raised,)), [read(raised, knowledge.names)], [], knowledge, versions)
        if one:
            quiet = line.level in ("INFO", "DEBUG", "WARNING", "WARN")
            found = replace(one.finding, severity=Severity.WARNING if quiet else one.finding.severity)
            diagnoses.append(replace(one, finding=found))
    return diagnoses


def _merged(diagnoses: list[Diagnosis]) -> list[Diagnosis]:
    """The same conclusion from several places is one."""
    found: dict[tuple[object, ...], Diagnosis] = {}
    for one in diagnoses:
        key = (
            one.finding.rule,
            one.finding.subjects,
            one.finding.symbol,
            one.finding.message if not one.finding.symbol else "",
        )
        before = found.get(key)
        if before is None:
            found[key] = one
        else:
            best = before if len(before.finding.chain) >= len(one.finding.chain) else one
            lines = tuple(sorted({*before.lines, *one.lines}))[:8]
            found[key] = replace(best, lines=lines, count=before.count + one.count)
    return list(found.values())


def _explained(diagnoses: list[Diagnosis], knowledge: Knowledge) -> list[Diagnosis]:
    """What the rule of another conclusion explains is a mere consequence of it."""
    found = {one.finding.rule for one in diagnoses}
    below = {name for rule in knowledge.logs if rule.id in found for name in rule.explains}
    return [replace(one, consequence=one.consequence or one.finding.rule in below) for one in diagnoses]


def _ordered(diagnoses: list[Diagnosis]) -> list[Diagnosis]:
    """Roots first; what only follows is folded under the first root."""
    roots = [one for one in diagnoses if not one.consequence]
    follow = [one for one in diagnoses if one.consequence]
    if not roots:
        roots, follow = follow[:1], follow[1:]
        roots = [replace(one, consequence=False) for one in roots]
    roots.sort(
        key=lambda one: (one.finding.severity.rank, one.category in _UNEXPLAINED, min(one.lines, default=_NOWHERE))
    )
    if not roots or not follow:
        return roots
    first = roots[0]
    keys = tuple(one.finding.key for one in follow)
    roots[0] = replace(first, finding=replace(first.finding, explains=(*first.finding.explains, *keys)))
    return [*roots, *follow]
