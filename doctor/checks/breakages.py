"""Versions that must not hold together though metadata allows them, as the rulebook knows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from doctor.checks.examination import Examination
from doctor.model import Depth, Environment, Evidence, Finding, Fix, Location, Safety
from doctor.rulebook.match import contradicts, culprits, holds
from doctor.rulebook.requirements import requirement, split_pin
from doctor.rulebook.rules import Breakage, Stack


def check(examination: Examination) -> Iterator[Finding]:
    """One finding for each breakage rule that holds.

    A breakage that import contracts find by themselves (``contract``) is left to them, for they know whether an
    entry reaches it; when only metadata is read there are no import contracts, and it is reported here.
    """
    for breakage in examination.rulebook.breakages:
        if breakage.contract and examination.depth is not Depth.METADATA:
            continue
        if holds(breakage, examination.environment):
            yield finding_of(breakage, examination.environment, examination.stack)


def finding_of(breakage: Breakage, environment: Environment, stack: Stack | None) -> Finding:
    """The finding that a breakage rule words, with the fixes as the recognised stack allows them."""
    subjects = culprits(breakage, environment)
    path, _, line = breakage.where.rpartition(":")
    return Finding(
        rule=breakage.id,
        severity=breakage.severity,
        subjects=tuple(distribution.pin for distribution in subjects),
        message=breakage.title,
        evidence=Evidence.RULE,
        details=(*explanation(breakage), f"Installed: {', '.join(distribution.pin for distribution in subjects)}."),
        symbol=breakage.symbol or None,
        where=Location(path=path, line=int(line)) if path else None,
        fixes=fixes_of(breakage, environment, stack),
    )


def explanation(breakage: Breakage) -> tuple[str, ...]:
    """The rule's explanation, one line for each paragraph."""
    return tuple(" ".join(paragraph.split()) for paragraph in breakage.explain.split("\n\n"))


def fixes_of(breakage: Breakage, environment: Environment, stack: Stack | None) -> tuple[Fix, ...]:
    """The rule's fixes for this environment, safe ones first; one that a pin of the stack forbids is unsafe."""
    fixes = [_with_pins(fix, environment) for fix in breakage.fixes]
    if stack is not None:
        fixes = [_within(fix, stack) for fix in fixes]
    order = (Safety.SAFE, Safety.UNSAFE, Safety.MANUAL)
    return tuple(sorted(fixes, key=lambda fix: order.index(fix.safety)))


def _with_pins(fix: Fix, environment: Environment) -> Fix:
    """The fix with what it reinstalls named as it is installed, so that no other version comes."""
    installed = [environment.distribution(requirement(name).name) for name in fix.reinstall]
    return replace(fix, reinstall=tuple(distribution.pin for distribution in installed if distribution))


def _within(fix: Fix, stack: Stack) -> Fix:
    """The fix, unsafe when it would leave a pin of the stack; the pins that it would leave are named."""
    if fix.safety is not Safety.SAFE:
        return fix
    removed = {requirement(name).name for name in fix.remove}
    broken = [pin for text in fix.install if (pin := contradicts(stack.pins, *split_pin(text)))]
    broken += [pin for pin in stack.pins if requirement(pin).name in removed]
    if not broken:
        return fix
    return replace(fix, safety=Safety.UNSAFE, because=f"{fix.because}; but {stack.id} pins {', '.join(broken)}")
