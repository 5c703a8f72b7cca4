"""Which rules hold in an environment, and which stack it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.markers import default_environment

from doctor.model import Distribution, Environment
from doctor.rulebook.requirements import UNREADABLE, admits, marker, requirement, specifier, version
from doctor.rulebook.rules import Breakage, NativeContract, Rulebook, Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss:
    """A stack that the environment nearly is: the requirement that it is recognised by, and what is installed."""

    stack: Stack
    wanted: str
    name: str
    installed: str


def marker_environment(environment: Environment) -> dict[str, str]:
    """The PEP 508 marker variables of the patient; of an interpreter that does not start, the best guess.

    The guess is the doctor's own machine with the version that the environment's files tell.
    """
    guess = {key: str(value) for key, value in default_environment().items()}
    guess["extra"] = ""
    if environment.interpreter is not None:
        return guess | dict(environment.interpreter.markers)
    parts = environment.python_version.split(".")
    if len(parts) > 1:
        guess["python_version"] = ".".join(parts[:2])
        guess["python_full_version"] = environment.python_version if len(parts) > 2 else ".".join([*parts[:2], "0"])  # noqa: PLR2004
    return guess


def marker_holds(text: str, environment: Environment) -> bool:
    """Whether a rule's marker ('' always does) holds for the patient; one that cannot be decided does not."""
    if not text:
        return True
    try:
        return marker(text).evaluate(marker_environment(environment))
    except UNREADABLE:
        return False


def installed(text: str, environment: Environment) -> Distribution | None:
    """The distribution that satisfies a requirement (prereleases too), or None."""
    found = environment.distribution(requirement(text).name)
    return found if found is not None and admits(text, found.version) else None


def holds(breakage: Breakage, environment: Environment) -> bool:
    """Whether all versions that must not be together are, in an environment that the rule is about."""
    return all(installed(text, environment) for text in breakage.together) and marker_holds(
        breakage.marker, environment
    )


def culprits(breakage: Breakage, environment: Environment) -> tuple[Distribution, ...]:
    """The distributions that a breakage names, in the rule's order, as far as they are installed."""
    found = (environment.distribution(requirement(text).name) for text in breakage.together)
    return tuple(distribution for distribution in found if distribution is not None)


def applies(native: NativeContract, environment: Environment) -> bool:
    """Whether a native contract is about what is installed."""
    return all(installed(text, environment) for text in (native.when, *native.beside)) and marker_holds(
        native.marker, environment
    )


def is_stack(stack: Stack, environment: Environment) -> bool:
    """Whether the environment is recognised as the stack: all of ``detect`` and one of ``detect_any`` hold."""
    return all(installed(text, environment) for text in stack.detect) and (
        not stack.detect_any or any(installed(text, environment) for text in stack.detect_any)
    )


def recognise(rulebook: Rulebook, environment: Environment) -> Stack | None:
    """The stack that the environment is; of several, the one of which most pins are met, then the last by id."""
    candidates = [stack for stack in rulebook.stacks if is_stack(stack, environment)]
    return max(candidates, key=lambda stack: (_met(stack, environment), stack.id), default=None)


def near_misses(rulebook: Rulebook, environment: Environment) -> tuple[NearMiss, ...]:
    """Which versions keep the environment from being the stack that it looks most like.

    Empty when a stack is recognised. Only other versions are a likeness: what is absent is none, or every
    environment with one popular package would resemble some stack.
    """
    if recognise(rulebook, environment) is not None:
        return ()
    candidates = [stack for stack in rulebook.stacks if _resembles(stack, environment)]
    nearest = max(candidates, key=lambda stack: (_met(stack, environment), stack.id), default=None)
    if nearest is None:
        return ()
    missed = [text for text in nearest.detect if installed(text, environment) is None]
    if not any(installed(text, environment) for text in nearest.detect_any):
        missed += nearest.detect_any
    return tuple(miss for text in missed for miss in _miss(nearest, text, environment))


def fits_python(stack: Stack, environment: Environment) -> bool:
    """Whether the patient's interpreter version is one that the stack is for (unknown versions pass)."""
    known = version(environment.python_version)
    return not stack.python or known is None or specifier(stack.python).contains(known, prereleases=True)


def contradicts(pins: Iterable[str], name: str, version: str) -> str | None:
    """The first of the requirements that forbids this version of the distribution, or None."""
    return next((text for text in pins if requirement(text).name == name and not admits(text, version)), None)


def admitted_by_all(pins: Iterable[str], name: str, version: str) -> bool:
    """Whether no requirement forbids this version of the distribution."""
    return contradicts(pins, name, version) is None


def environment_of(pins: Mapping[str, str], python: str = "") -> Environment:
    """An environment of names and versions alone, as examples and plans have it: no files, no interpreter."""
    return Environment(
        path="<example>",
        kind="target",
        python_version=python or "3.11",
        platform="linux-x86_64",
        interpreter=None,
        distributions=tuple(
            Distribution(name=name, display_name=name, version=version, location="", metadata_path="")
            for name, version in sorted(pins.items())
        ),
    )


def _met(stack: Stack, environment: Environment) -> int:
    return sum(installed(text, environment) is not None for text in stack.pins)


def _resembles(stack: Stack, environment: Environment) -> bool:
    """All that the stack is recognised by is there, in whatever version."""
    there = [environment.distribution(requirement(text).name) is not None for text in stack.detect]
    some = [environment.distribution(requirement(text).name) is not None for text in stack.detect_any]
    return all(there) and (not some or any(some))


def _miss(stack: Stack, text: str, environment: Environment) -> list[NearMiss]:
    name = requirement(text).name
    there = environment.distribution(name)
    return [NearMiss(stack=stack, wanted=text, name=name, installed=there.version)] if there else []
