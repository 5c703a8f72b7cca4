"""A known breakage whose missing symbol a traceback shows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from doctor.checks.breakages import finding_of
from doctor.model import Severity
from doctor.rulebook.match import holds
from doctor.rulebook.rules import Breakage
from doctor.triage.diagnosis import (
    CERTAIN,
    FREEZE,
    LIKELY,
    Diagnosis,
    Knowledge,
    finding,
    is_distribution,
    lines_of,
    pinned,
    unproven,
)
from doctor.triage.reading import Reading
from doctor.triage.versions import Versions


def by_breakage(reading: Reading, knowledge: Knowledge, versions: Versions) -> Diagnosis | None:
    """A known breakage whose missing symbol this is."""
    missing = reading.missing
    if missing is None:
        return None
    for rule in knowledge.breakages:
        if rule.symbol and rule.symbol == missing.dotted and _may_hold(rule, reading, versions):
            return _breakage(rule, reading, versions)
    return None


def _may_hold(rule: Breakage, reading: Reading, versions: Versions) -> bool:
    """Nothing that the text tells speaks against the rule."""
    requirements = [Requirement(text) for text in rule.together]
    if is_distribution(reading.importer) and reading.importer != requirements[0].name and not _shows(rule, reading):
        return False
    return all(_allowed(requirement, versions) is not False for requirement in requirements)


def _allowed(requirement: Requirement, versions: Versions) -> bool | None:
    """Whether the told version is one of the requirement's; None when none is told."""
    version = versions.of(requirement.name)
    try:
        return requirement.specifier.contains(Version(version), prereleases=True) if version else None
    except InvalidVersion:
        return None


def _shows(rule: Breakage, reading: Reading) -> bool:
    """A frame is at the place that the rule names."""
    path, _, line = rule.where.rpartition(":")
    return any(p.owner.file.endswith(path) and str(p.frame.line) == line for p in reading.places) if path else False


def _breakage(rule: Breakage, reading: Reading, versions: Versions) -> Diagnosis:
    requirements = [Requirement(text) for text in rule.together]
    names = [requirement.name for requirement in requirements]
    told = [requirement for requirement in requirements if _allowed(requirement, versions)]
    shows = _shows(rule, reading)
    certain = shows or len(told) == len(requirements)
    found = finding(rule.id, Severity.ERROR, tuple(pinned(name, versions) for name in names), rule.title, reading)
    by = f"the failing line is {rule.where}" if shows else f"{rule.symbol} is missing, as in the rule {rule.id}"
    return Diagnosis(
        finding=replace(found, details=(rule.explain.replace("\n", " "),), fixes=tuple(map(unproven, rule.fixes))),
        category="missing_module" if reading.missing and reading.missing.kind == "module" else "api_removed",
        sure=CERTAIN if certain else LIKELY,
        why=by,
        lines=lines_of(reading),
        ask="" if certain else FREEZE,
        reading=reading,
    )


def in_environment(knowledge: Knowledge, told: Collection[str]) -> list[Diagnosis]:
    """Known breakages that hold in the snapshot or venv, those left out that the text showed already (``told``)."""
    environment = knowledge.environment
    if environment is None:
        return []
    held = (rule for rule in knowledge.breakages if rule.id not in told and holds(rule, environment))
    return [
        Diagnosis(
            finding=finding_of(rule, environment, None),
            category="api_removed",
            sure=CERTAIN,
            why="the environment has these versions; the text does not show this one yet",
        )
        for rule in held
    ]
