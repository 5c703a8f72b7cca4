"""One conclusion from one traceback, one matched rule, or one silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath

from doctor.model import Fix, Severity
from doctor.rulebook.rules import LogRule
from doctor.triage.diagnosis import (
    CERTAIN,
    FREEZE,
    LIKELY,
    POSSIBLE,
    Diagnosis,
    Knowledge,
    Verdict,
    diagnosed,
    finding,
    is_distribution,
    lines_of,
    pinned,
    spoken,
    unproven,
)
from doctor.triage.known_breakages import by_breakage
from doctor.triage.matching import Match, filled, subjects
from doctor.triage.missing_parts import by_lookup
from doctor.triage.owners import DISTRIBUTION, PROJECT, Names
from doctor.triage.reading import NOWHERE, Reading
from doctor.triage.traceback import Traceback
from doctor.triage.versions import Versions
from doctor.triage.yours import refused, refuses_yours

_WHOLE_TEXT = 'the whole text from the line "Traceback (most recent call last)" on'
_WRONG_ARGUMENT = ("KeyError", "IndexError", "ZeroDivisionError", "FileNotFoundError")
_SYSTEM_EXITS = ("KeyboardInterrupt", "SystemExit", "GeneratorExit")


def conclude(
    traceback: Traceback,
    readings: list[Reading],
    inside: list[tuple[Match, Reading]],
    knowledge: Knowledge,
    versions: Versions,
) -> Diagnosis | None:
    """What one chain of exceptions means: the first of them, root first, that is understood best."""
    for reading in readings:
        found = by_breakage(reading, knowledge, versions)
        if found:
            return found
    telling = [pair for pair in inside if not pair[0].rule.consequence and not _of_a_namespace(pair[1])]
    if telling:
        return from_match(telling[0][0], telling[0][1], versions, knowledge.names)
    missing = _what_is_missing(readings, knowledge, versions)
    if missing:
        return missing
    if inside:
        return from_match(inside[0][0], inside[0][1], versions, knowledge.names)
    # A wrong call or an attribute that an object lacks tells less than a rule about the end of the chain.
    last = next((reading for reading in readings if reading.missing), None)
    if last:
        return by_lookup(last, knowledge, versions)
    found = _unread(readings[-1], versions) or _unexplained(traceback, readings, versions)
    wraps = readings[-1].raised.exception.endswith("ExceptionGroup")
    return replace(found, consequence=True) if found and wraps else found


def _of_a_namespace(reading: Reading) -> bool:
    """A module that is to be brought by a distribution of its own, which says more than a rule about the directory."""
    return reading.missing is not None and reading.missing.kind == "module" and reading.missing.file == NOWHERE


def _what_is_missing(readings: list[Reading], knowledge: Knowledge, versions: Versions) -> Diagnosis | None:
    """The first exception of a chain that says what was not there, and where it should have been."""
    for reading in readings:
        if reading.missing and reading.missing.partial:
            return _partial(reading, versions)
    for reading in readings:
        missing = reading.missing
        if missing and missing.kind != "signature" and (missing.kind != "attribute" or reading.provider):
            return by_lookup(reading, knowledge, versions)
    return None


def from_match(match: Match, reading: Reading | None, versions: Versions, names_table: Names) -> Diagnosis:
    """What a log rule says about its match."""
    rule, hit = match.rule, match.last if match.rule.until else match.first
    values = dict(hit.groups)
    roles = {"importer": reading.importer, "provider": reading.provider} if reading else {}
    known = {role: name for role, name in roles.items() if is_distribution(name)}
    owner = names_table.of_path(values.get("file", ""))
    if "importer" not in known and is_distribution(owner.name):
        known["importer"] = owner.name
    names = subjects(rule, {**values, **known})
    filled_fixes = [_filled_fix(fix, {**values, **known}) for fix in rule.fixes]
    fixes = tuple(fix for fix in filled_fixes if fix)
    values = {"importer": "the package", "provider": "the other package", **values, **known}
    found = finding(
        rule.id,
        rule.severity,
        tuple(pinned(name, versions) for name in names),
        filled(rule.says, values) or rule.title,
        reading,
    )
    told = bool(names) and all(versions.of(name) for name in names)
    # A way out that names what the text does not tell is told in words, and which one is right is left open.
    unnamed = [f for f, known_fix in zip(rule.fixes, filled_fixes, strict=True) if known_fix is None]
    advice = (*rule.advice, *(f"or, once it is known which package asks: {fix.because}" for fix in unnamed))
    sure = POSSIBLE if unnamed and fixes else CERTAIN if told or not names else LIKELY
    ask = _WHOLE_TEXT if unnamed and not rule.ask else rule.ask
    return Diagnosis(
        finding=replace(found, details=_explained(rule, found.message), fixes=fixes),
        category=rule.category,
        sure=sure,
        why=f"the text is that of the rule {rule.id}",
        lines=lines_of(reading) if reading else (hit.line.number,),
        count=match.count,
        ask=filled(ask, values) or (FREEZE if names and not told else ""),
        advice=tuple(filled(text, values) for text in advice),
        reading=reading,
        consequence=rule.consequence,
    )


def _filled_fix(fix: Fix, values: Mapping[str, str]) -> Fix | None:
    """A rule's fix with the match's groups in it; None when it names what the text does not tell."""
    command = filled(fix.command, values)
    return None if "{" in command else unproven(replace(fix, command=command, because=filled(fix.because, values)))


def _explained(rule: LogRule, message: str) -> tuple[str, ...]:
    """The rule's explanation where it says more than the message."""
    text = " ".join(rule.explain.split())
    return () if "{" in text or text in (message, rule.title, rule.says) else (text,)


def _partial(reading: Reading, versions: Versions) -> Diagnosis:
    """A module that was still being imported: a file of the user has its name, or modules import each other."""
    missing = reading.missing
    module = (missing.module if missing else "") or ""
    top = module.split(".")[0]
    own = next(
        (p for p in reading.places if p.owner.kind == PROJECT and PurePath(p.frame.path).name == f"{top}.py"), None
    )
    shadow = own.frame.path if own else ""
    if not shadow and missing and missing.file.endswith(f"/{top}.py") and "-packages/" not in missing.file:
        shadow = missing.file
    provider = reading.provider
    names = (pinned(provider, versions),) if is_distribution(provider) else ()
    if shadow:
        message = f"your own file {shadow} has the name of the package {top} and is imported instead of it"
        advice: tuple[str, ...] = (f"rename {shadow} and remove __pycache__ beside it",)
    elif reading.importer == PROJECT or not is_distribution(reading.importer):
        message = (
            f"{module} was not yet imported when it was used: two modules import each other, "
            f"or a file of yours is called {top}.py"
        )
        advice = (f"is there a file {top}.py beside your script? rename it",)
    else:
        message = (
            f"modules of {spoken(reading.importer, versions)} import each other and one is not ready: "
            "its files are mixed from two versions"
        )
        advice = (f"install it again:  python -m pip install --force-reinstall --no-deps {reading.importer}",)
    return diagnosed(
        reading,
        finding("shadowed-module" if shadow else "circular-import", Severity.ERROR, names, message, reading),
        Verdict(
            "user_code", CERTAIN if shadow else POSSIBLE, "Python says that the module was only partially initialized"
        ),
        ask="" if shadow else f'python -c "import {top}; print({top}.__file__)"',
        advice=advice,
    )


def _unread(reading: Reading, versions: Versions) -> Diagnosis | None:
    """A SyntaxError in an installed file: it is written for another Python than the one that ran."""
    place = reading.places[-1] if reading.places else None
    bare = reading.raised.exception.rpartition(".")[2]
    if place is None or place.owner.kind != DISTRIBUTION or bare not in ("SyntaxError", "IndentationError"):
        return None
    name = spoken(place.owner.name, versions)
    ran = f"Python {versions.python}" if versions.python else "the Python that ran"
    found = finding(
        "python-syntax",
        Severity.ERROR,
        (pinned(place.owner.name, versions),),
        f"{ran} cannot read {place.owner.file} of {name}: it is written for a newer Python (or for Python 2)",
        reading,
    )
    return diagnosed(
        reading,
        found,
        Verdict("python_version", LIKELY, "an installed file, not your own code, is no Python that this version knows"),
        ask="" if versions.python else "python --version",
        advice=(f"use a newer Python, in an environment of its own, or an older release of {place.owner.name}",),
    )


def _unexplained(traceback: Traceback, readings: list[Reading], versions: Versions) -> Diagnosis | None:
    """An exception that no rule knows: in the user's own code, or raised by a package when called."""
    reading = readings[0] if traceback.links[:1] != ("context",) else readings[-1]
    name = reading.raised.exception
    if name in _SYSTEM_EXITS and len(readings) == 1:
        return None
    if traceback.truncated:
        return _cut(readings[-1], versions)
    text = reading.raised.message or (reading.raised.more[0] if reading.raised.more else "")
    said = f"{name}: {text}"[:300] if text else name
    place = reading.innermost
    third = reading.third_party
    if place is None:
        found = finding("exception", Severity.ERROR, (), said, reading)
        return diagnosed(
            reading,
            found,
            Verdict("unknown", POSSIBLE, "only the last line of the traceback is there"),
            ask=_WHOLE_TEXT,
        )
    own = reading.own
    if place.owner.kind == PROJECT:
        message = f"your own code fails at {place.frame.path}:{place.frame.line}: {said}"
        return diagnosed(
            reading,
            finding("own-code", Severity.ERROR, (), message, reading),
            Verdict(
                "user_code",
                LIKELY,
                "the innermost frame is in your own file, and nothing in the message points at a package",
            ),
            ask=FREEZE,
            advice=("if the same code worked before, tell what was installed or upgraded in between",),
        )
    owner = third.owner.name if third else place.owner.name
    if refuses_yours(reading):
        return refused(reading, owner, said, versions)
    looked_up = own is not None and name.rpartition(".")[2] in _WRONG_ARGUMENT
    message = f"{spoken(owner, versions)} raised {said}"
    by = f"called from your own code at {own.frame.path}:{own.frame.line}" if own else "no frame is in your own code"
    found = replace(
        finding("raised-in-package", Severity.ERROR, (pinned(owner, versions),), message, reading), details=(by,)
    )
    return diagnosed(
        reading,
        found,
        Verdict(
            "user_code" if looked_up else "call",
            POSSIBLE,
            "it was looked up for your own code and is not there"
            if looked_up
            else "the innermost frame is in that package; its arguments or its version may be at fault",
        ),
        ask=FREEZE,
        advice=("if the same code worked before, tell what was installed or upgraded in between",),
    )


def _cut(reading: Reading, versions: Versions) -> Diagnosis:
    """The traceback ends before it says what happened."""
    place = reading.innermost
    owner = place.owner.name if place else ""
    where = f" in {spoken(owner, versions)}" if is_distribution(owner) else ""
    found = finding(
        "traceback-cut",
        Severity.ERROR,
        (pinned(owner, versions),) if is_distribution(owner) else (),
        f"the traceback{where} is cut off: the line that says what happened is missing",
        reading,
    )
    return diagnosed(
        reading,
        found,
        Verdict("unknown", POSSIBLE, "no line after the last frame names an exception"),
        ask="the last 5 lines of the traceback",
    )
