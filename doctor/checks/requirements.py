"""Declared requirements that do not hold: something is missing, of another version, or from another place.

How bad that is. What is *missing altogether* although it is required without condition is an ``error``: the
requirer's author says that a part of it cannot work without, and nothing in the environment stands in for it. It
is less (see ``judge_absence``) where something may stand in: another build such as ``name-gpu``, a module of
that name, the standard library by now, the host for what only some machines need; and where only an extra that
another distribution asks for needs it, or only type checkers read it. *Another version* than the requirer allows
is a ``warning``: bounds are often narrower than the truth, and where it really breaks an import, the import
contract says so as an ``error`` and this finding is folded under it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from doctor.checks.bounds import in_order, joint_requirement
from doctor.checks.examination import Examination
from doctor.checks.needs import Need, Needs, find_needs
from doctor.checks.origins import other_origin
from doctor.checks.stand_ins import judge_absence
from doctor.checks.words import named, some
from doctor.model import Distribution, Evidence, Finding, Fix, Severity
from doctor.rulebook.requirements import version

RULE = "requirement"


def check(examination: Examination) -> Iterator[Finding]:
    """One finding for each distribution that is missing or of another version, naming all that need it."""
    needs = find_needs(examination.environment)
    ordered = sorted(needs.found, key=lambda need: (need.name, need.requirer.name, str(need.requirement)))
    for name, group in groupby(ordered, key=lambda need: need.name):
        asked, present = list(group), needs.visible.get(name)
        if present is None:
            yield _missing(asked, needs, examination)
            continue
        unmet = [need for need in asked if not admits_version(need, present)]
        if unmet:
            yield _other_version(present, unmet, asked, needs)
        yield from (finding for need in asked if (finding := other_origin(need, present)))
    for odd in needs.unreadable:
        yield Finding(
            rule=RULE,
            severity=Severity.NOTE,
            subjects=(odd.requirer.pin,),
            message=f"{named(odd.requirer)} declares a requirement that is none by the standard: {odd.text}",
            evidence=Evidence.METADATA,
            details=("Installers refuse or ignore it (PEP 508); whether it is met cannot be said.",),
        )


def admits_version(need: Need, present: Distribution) -> bool:
    """Whether that version is asked for; prereleases count, and what is no version (PEP 440) is not judged."""
    known = version(present.version)
    return known is None or need.requirement.specifier.contains(known, prereleases=True)


def _missing(asked: Sequence[Need], needs: Needs, examination: Examination) -> Finding:
    """Nothing of that name is installed; the one who needs it most stands first."""
    judged = [(need, *judge_absence(need, examination.environment, examination.files)) for need in asked]
    first, severity, reason = min(judged, key=lambda each: each[1].rank)
    others = sorted({need.requirer.pin for need in asked} - {first.requirer.pin})
    return Finding(
        rule=RULE,
        severity=severity,
        subjects=(first.requirer.pin, first.name, *others),
        message=f"{named(first.requirer)} needs {first.name}, which is not installed",
        evidence=Evidence.METADATA,
        details=(*_declared(asked), *filter(None, (reason, _reason_of(first.requirer, needs)))),
        fixes=_install(first.name, asked),
    )


def _other_version(present: Distribution, unmet: Sequence[Need], asked: Sequence[Need], needs: Needs) -> Finding:
    """It is installed, but not as these requirers want it."""
    first = unmet[0]
    others = sorted({need.requirer.pin for need in unmet} - {first.requirer.pin})
    fixes = _install(present.name, asked)
    nowhere = () if fixes else (f"No version of {present.name} is what all of these ask for.",)
    return Finding(
        rule=RULE,
        severity=Severity.WARNING,
        subjects=(first.requirer.pin, present.pin, *others),
        message=f"{named(first.requirer)} needs {_text(first)}, but {named(present)} is installed",
        evidence=Evidence.METADATA,
        details=(*_declared(unmet), *nowhere, *filter(None, (_reason_of(present, needs),))),
        fixes=fixes,
    )


def _declared(asked: Sequence[Need]) -> tuple[str, ...]:
    """What each requirer says, in one line."""
    said = [f"{need.requirer.name}{f'[{need.extra}]' if need.extra else ''} needs {_text(need)}" for need in asked]
    return (f"declared: {some(list(dict.fromkeys(said)), 4)}",)


def _text(need: Need) -> str:
    """The requirement without its marker."""
    return f"{need.name}{','.join(in_order(need.requirement.specifier))}"


def _reason_of(distribution: Distribution, needs: Needs) -> str:
    """Why a distribution is installed at all."""
    why = needs.why(distribution.name)
    return f"{distribution.name} is here because of {why}" if why else ""


def _install(name: str, asked: Sequence[Need]) -> tuple[Fix, ...]:
    """What would suit all that need it, to be proven; nothing when they contradict each other."""
    wanted = joint_requirement(name, asked)
    whom = some(sorted({need.requirer.name for need in asked}))
    return (Fix(install=(wanted,), because=f"what {whom} asked for"),) if wanted else ()
