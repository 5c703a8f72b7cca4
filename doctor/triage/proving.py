"""What speaks against a cure: other distributions' requirements, and a Python for which it is not made."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from doctor.model import Fix
from doctor.triage.diagnosis import POSSIBLE, Diagnosis, Knowledge
from doctor.triage.versions import Versions, normal

_ASKED = 60
_CONNECTIONS = 8

Required = dict[str, tuple[str, ...]]


def proven(diagnoses: list[Diagnosis], knowledge: Knowledge, versions: Versions) -> list[Diagnosis]:
    """The same conclusions; a cure that the rest of the environment forbids stands last and is not sure.

    Known are the requirements of a snapshot, else those of the versions that the paste tells, from the index.
    """
    if not any(one.finding.fixes and one.sure != POSSIBLE for one in diagnoses):
        return diagnoses
    required = _requirements(knowledge, versions)
    return [_proven(one, required, knowledge, versions) if one.finding.fixes else one for one in diagnoses]


def _proven(one: Diagnosis, required: Required, knowledge: Knowledge, versions: Versions) -> Diagnosis:
    """The conclusion with the cures that nothing speaks against first."""
    good: list[Fix] = []
    bad: list[Fix] = []
    details: list[str] = []
    for fix in one.finding.fixes:
        reasons = [*_conflicts(fix, required, versions), *_not_made(fix, knowledge, versions)]
        (bad if reasons else good).append(fix)
        details += [f"{' '.join(fix.install)}: {reason}" for reason in reasons]
    if not bad:
        return one
    fixes = tuple(good + [replace(fix, because=f"{fix.because}; but see above") for fix in bad])
    found = replace(one.finding, fixes=fixes, details=(*one.finding.details, *dict.fromkeys(details)))
    return replace(one, finding=found, sure=one.sure if good else POSSIBLE)


def _requirements(knowledge: Knowledge, versions: Versions) -> Required:
    """``name==version`` -> what it requires, for everything that is known to be installed."""
    if knowledge.environment:
        return {d.pin: d.requires for d in knowledge.environment.distributions}
    lookup = knowledge.lookup
    if lookup is None:
        return {}
    told = list(versions.known.items())[:_ASKED]
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        answers = pool.map(lambda item: lookup.requires(*item), told)
        return {f"{name}=={version}": found for (name, version), found in zip(told, answers, strict=True) if found}


def _conflicts(fix: Fix, required: Required, versions: Versions) -> Iterator[str]:
    """What the others ask for and would not get; those that the fix itself moves are left out."""
    wanted = {normal(pin.name): pin for text in fix.install if (pin := _requirement(text))}
    for holder, texts in required.items():
        if holder.partition("==")[0] in wanted:
            continue
        for text in texts:
            need = _requirement(text)
            pin = wanted.get(normal(need.name)) if need else None
            if need and pin and _applies(need, versions) and not _agree(pin, need):
                yield f"{holder} asks for {need.name}{need.specifier}"


def _agree(pin: Requirement, need: Requirement) -> bool:
    """One of the versions that the two name is allowed by both."""
    bounds = [_version(one.version.removesuffix(".*")) for one in (*pin.specifier, *need.specifier)]
    candidates = [version for version in bounds if version]
    exact = [_version(one.version) for one in pin.specifier if one.operator in ("==", "===")]
    if exact and exact[0]:
        return need.specifier.contains(exact[0], prereleases=True)
    tries = [*candidates, *(_after(version) for version in candidates)]
    both = pin.specifier & need.specifier
    return not tries or any(both.contains(version, prereleases=True) for version in tries)


def _after(version: Version) -> Version:
    """Just above a version."""
    return Version(f"{version.public.split('+')[0]}.post1" if not version.is_prerelease else version.base_version)


def _applies(need: Requirement, versions: Versions) -> bool:
    """The requirement holds without an extra and for the paste's Python."""
    if need.marker is None:
        return True
    environment = {"extra": ""}
    if versions.python:
        short = ".".join(versions.python.split(".")[:2])
        environment |= {"python_version": short, "python_full_version": versions.python}
    try:
        return need.marker.evaluate(environment)
    except (UndefinedEnvironmentName, InvalidVersion):
        return False


def _not_made(fix: Fix, knowledge: Knowledge, versions: Versions) -> Iterator[str]:
    """An exact version without a wheel for the paste's Python: it would have to be built."""
    if knowledge.lookup is None or not versions.python:
        return
    for text in fix.install:
        pin = _requirement(text)
        exact = next((one.version for one in pin.specifier if one.operator == "=="), "") if pin else ""
        if pin and exact and knowledge.lookup.installable(normal(pin.name), exact, versions.python) is False:
            yield f"it has no wheel for Python {'.'.join(versions.python.split('.')[:2])} and would have to be built"


def _requirement(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
