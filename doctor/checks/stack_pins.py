"""Where the environment differs from the known-good set that it is, or nearly is."""

from __future__ import annotations

from collections.abc import Iterator

from doctor.checks.examination import Examination
from doctor.model import Distribution, Environment, Evidence, Finding, Fix, Safety, Severity
from doctor.rulebook.match import fits_python, holds, marker_holds, near_misses
from doctor.rulebook.requirements import UNREADABLE, admits, requirement, split_pin
from doctor.rulebook.rules import Rulebook, Stack

RULE = "stack-pins"
ENVIRONMENT = "<environment>"
MOST_NAMED = 8


def check(examination: Examination) -> Iterator[Finding]:
    """A warning for each other version than the stack pins, notes for what is absent or only resembles a stack."""
    environment, stack = examination.environment, examination.stack
    if stack is None:
        yield from _likeness(examination.rulebook, environment)
        return
    yield from _interpreter(stack, environment)
    explained = _explained(examination.rulebook, environment)
    absent = []
    for pin in stack.pins:
        wanted = requirement(pin)
        found = environment.distribution(wanted.name)
        if found is None:
            absent.append(wanted.name)
        elif not admits(pin, found.version) and found.name not in explained:
            yield _other_version(stack, pin, found)
    if absent:
        yield _absence(stack, absent)


def _other_version(stack: Stack, pin: str, found: Distribution) -> Finding:
    """A difference that matters: the stack was seen working with its own version only."""
    name = requirement(pin).name
    wanted = str(requirement(pin).specifier)
    return Finding(
        rule=RULE,
        severity=Severity.WARNING,
        subjects=(found.pin,),
        message=f"{name} is {found.version}, but {stack.id} needs {wanted.removeprefix('==')}",
        evidence=Evidence.RULE,
        details=(f"{stack.title} was tested with {pin} only; other versions may work or not.",),
        fixes=_return_to(pin, found),
    )


def _return_to(pin: str, found: Distribution) -> tuple[Fix, ...]:
    """The way back to an exact pin; unsafe, for whoever chose the other version may need it."""
    try:
        split_pin(pin)
    except UNREADABLE:
        return ()
    chosen = "; it was installed by name, so somebody may want it" if found.requested else ""
    return (Fix(install=(pin,), safety=Safety.UNSAFE, because=f"the version of the known-good set{chosen}"),)


def _absence(stack: Stack, absent: list[str]) -> Finding:
    """One note for all: what is absent and needed is found as an unmet requirement or a broken import."""
    more = f" and {len(absent) - MOST_NAMED} more" if len(absent) > MOST_NAMED else ""
    return Finding(
        rule=RULE,
        severity=Severity.NOTE,
        subjects=(ENVIRONMENT,),
        message=f"{len(absent)} of the {len(stack.pins)} distributions of {stack.id} are not installed",
        evidence=Evidence.RULE,
        details=(f"Absent: {', '.join(absent[:MOST_NAMED])}{more}.",),
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
            details=(f"{miss.stack.id} is recognised by {miss.wanted}; its pins were not checked here.",),
        )


def _explained(rulebook: Rulebook, environment: Environment) -> frozenset[str]:
    """Names in breakages that hold: these say more than that a pin is not met."""
    return frozenset(
        requirement(text).name
        for breakage in rulebook.breakages
        if holds(breakage, environment)
        for text in breakage.together
    )
