"""Where the environment differs from the known-good set that it is, or nearly is, and which differences matter.

What the stack pins matters: another version is a warning each. The rest of the set matters only as far as something
fails by it, which other checks find: these differences are gathered into notes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from posixpath import join

from doctor.checks.examination import Examination
from doctor.checks.left_out import left_out
from doctor.checks.needs import Need, Needs, find_needs
from doctor.model import Distribution, Environment, Evidence, Finding, Fix, Safety, Severity
from doctor.rulebook.known_good import REQUIREMENTS, lock_folder, versions_of
from doctor.rulebook.match import fits_python, holds, marker_holds, near_misses, recognise
from doctor.rulebook.requirements import UNREADABLE, admits, requirement, split_pin
from doctor.rulebook.rules import Rulebook, Stack

RULE = "stack-pins"
ENVIRONMENT = "<environment>"
MOST_NAMED = 8
_NOT_OF_THE_SET = ("pip", "setuptools", "wheel", "uv")


def check(examination: Examination) -> Iterator[Finding]:
    """A warning for each other version than the stack pins, notes for all else that differs from its set."""
    environment, stack = examination.environment, examination.stack
    if stack is None:
        yield from _likeness(examination.rulebook, environment)
        return
    yield from _forced(stack, examination)
    yield from _interpreter(stack, environment)
    explained = _explained(examination.rulebook, environment)
    needs = find_needs(environment)
    for pin in stack.pins:
        found = environment.distribution(requirement(pin).name)
        if found is not None and not admits(pin, found.version) and found.name not in explained:
            yield _other_version(stack, pin, found, needs)
    yield from _against_the_set(stack, examination)


def _other_version(stack: Stack, pin: str, found: Distribution, needs: Needs) -> Finding:
    """A difference that matters: the stack was seen working with its own version only."""
    name = requirement(pin).name
    wanted = str(requirement(pin).specifier)
    return Finding(
        rule=RULE,
        severity=Severity.WARNING,
        subjects=(found.pin,),
        message=f"{name} is {found.version}, but {stack.id} needs {wanted.removeprefix('==')}",
        evidence=Evidence.RULE,
        details=(
            f"{stack.title} was tested with {pin} only; other versions may work or not.",
            *_who_wants_it(pin, needs),
        ),
        fixes=_return_to(pin, found),
    )


def _who_wants_it(pin: str, needs: Needs) -> tuple[str, ...]:
    """Who declares that the stack's own version will not do: that is what moved it, and what going back would break."""
    try:
        name, version = split_pin(pin)
    except UNREADABLE:
        return ()
    against = [need for need in needs.on(name) if not need.requirement.specifier.contains(version, prereleases=True)]
    said = sorted({_said(need) for need in against})
    return (f"Moved by {'; '.join(said[:3])}: such a package wants an environment of its own.",) if said else ()


def _said(need: Need) -> str:
    return f"{need.requirer.pin}, which asks for {need.name}{need.requirement.specifier}"


def _return_to(pin: str, found: Distribution) -> tuple[Fix, ...]:
    """The way back to an exact pin; unsafe, for whoever chose the other version may need it."""
    try:
        split_pin(pin)
    except UNREADABLE:
        return ()
    chosen = "; it was installed by name, so somebody may want it" if found.requested else ""
    return (Fix(install=(pin,), safety=Safety.UNSAFE, because=f"the version of the known-good set{chosen}"),)


def _against_the_set(stack: Stack, examination: Examination) -> Iterator[Finding]:
    """Notes on what is absent, additional, or of another version without being pinned."""
    environment = examination.environment
    known = _known_good(stack, examination)
    pinned = {requirement(pin).name: pin for pin in stack.pins}
    gone = left_out(environment)
    absent = [name for name in {**pinned, **known} if environment.distribution(name) is None and name not in gone]
    if absent:
        yield _absence(stack, absent, len({**pinned, **known}))
    if gone:
        yield _note(f"{len(gone)} distributions of {stack.id} were left out on purpose, for the host to bring", gone)
    if not known:
        return
    outside = {requirement(each.name).name for each in stack.archives}
    installed = [each for each in environment.distributions if each.kind != "assumed"]
    other = [
        f"{each.name} {each.version} ({known[each.name]})"
        for each in installed
        if each.name in known and each.version != known[each.name] and _unbound(each, pinned)
    ]
    if other:
        yield _note(f"{len(other)} distributions have other versions than the known-good set, where no pin asks", other)
    extra = [
        each.pin
        for each in installed
        if each.name not in known and each.name not in {*pinned, *outside, *_NOT_OF_THE_SET}
    ]
    if extra:
        yield _note(f"{len(extra)} distributions are not in the known-good set of {stack.id}", extra)


def _unbound(found: Distribution, pinned: Mapping[str, str]) -> bool:
    """No pin is violated by that version (a violated one is a warning of its own)."""
    return (
        found.name not in _NOT_OF_THE_SET
        and (found.name not in pinned or admits(pinned[found.name], found.version))
        and "+" not in found.version  # another build of the same release, such as a CPU torch
    )


def _known_good(stack: Stack, examination: Examination) -> dict[str, str]:
    """Name -> version of the stack's set; empty when it has none or the patient's files are not on this disk."""
    if not stack.lockfile:
        return {}
    try:
        text = examination.files.read(join(str(lock_folder(stack)), REQUIREMENTS))
    except OSError:
        return {}
    return versions_of(text.decode("utf-8", errors="replace"))


def _note(message: str, named: Iterable[str]) -> Finding:
    """A difference by which nothing is known to fail."""
    return Finding(
        rule=RULE,
        severity=Severity.NOTE,
        subjects=(ENVIRONMENT,),
        message=message,
        evidence=Evidence.RULE,
        details=(f"{_listed(sorted(named))}. What fails by it is a finding of its own.",),
    )


def _absence(stack: Stack, absent: list[str], size: int) -> Finding:
    """One note for all: what is absent and needed is found as an unmet requirement or a broken import."""
    return Finding(
        rule=RULE,
        severity=Severity.NOTE,
        subjects=(ENVIRONMENT,),
        message=f"{len(absent)} of the {size} distributions of {stack.id} are not installed",
        evidence=Evidence.RULE,
        details=(f"Absent: {_listed(absent)}.",),
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"


def _forced(stack: Stack, examination: Examination) -> Iterator[Finding]:
    """The user holds it to another stack than it looks like."""
    seen = recognise(examination.rulebook, examination.environment)
    if seen is not None and seen.id != stack.id:
        yield Finding(
            rule=RULE,
            severity=Severity.NOTE,
            subjects=(ENVIRONMENT,),
            message=f"held to {stack.id} as asked, but it looks like {seen.id}",
            evidence=Evidence.RULE,
            details=(f"{seen.id} is recognised by {', '.join((*seen.detect, *seen.detect_any))}.",),
        )


def _interpreter(stack: Stack, environment: Environment) -> Iterator[Finding]:
    """The stack is for another interpreter or another kind of machine."""
    if not fits_python(stack, environment):
        yield Finding(
            rule=RULE,
            severity=Severity.WARNING,
            subjects=(ENVIRONMENT,),
            message=f"the interpreter is Python {environment.python_version}, but {stack.id} is for {stack.python}",
            evidence=Evidence.RULE,
            details=(f"Make the environment again with a Python that is {stack.python}.",),
        )
    if environment.interpreter is not None and not marker_holds(stack.marker, environment):
        yield Finding(
            rule=RULE,
            severity=Severity.WARNING,
            subjects=(ENVIRONMENT,),
            message=f"{stack.id} is not made for this machine ({environment.platform})",
            evidence=Evidence.RULE,
            details=(f"It is made for: {stack.marker}.",),
        )


def _likeness(rulebook: Rulebook, environment: Environment) -> Iterator[Finding]:
    """No known stack, but nearly one: its pins were not checked, and a person should know why."""
    for miss in near_misses(rulebook, environment):
        yield Finding(
            rule=RULE,
            severity=Severity.NOTE,
            subjects=(f"{miss.name}=={miss.installed}",),
            message=f"looks like {miss.stack.id}, but {miss.name} is {miss.installed}",
            evidence=Evidence.RULE,
            details=(
                f"{miss.stack.id} is recognised by {miss.wanted}; its pins were not checked here.",
                f"Hold it to that stack all the same: acdoctor check --stack {miss.stack.id}",
            ),
        )


def _explained(rulebook: Rulebook, environment: Environment) -> frozenset[str]:
    """Names in breakages that hold: these say more than that a pin is not met."""
    return frozenset(
        requirement(text).name
        for breakage in rulebook.breakages
        if holds(breakage, environment)
        for text in breakage.together
    )
