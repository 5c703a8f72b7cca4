"""Rules proven by what they say themselves: examples hold, fixes cure and wake nothing, pins agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from doctor.model import Fix, Safety
from doctor.rulebook.match import admitted_by_all, applies, environment_of, holds, is_stack, recognise
from doctor.rulebook.patterns import slow_patterns
from doctor.rulebook.requirements import UNREADABLE, requirement, split_pin
from doctor.rulebook.rules import Breakage, LogRule, NativeContract, Rule, Rulebook, RuleExample, Stack

Speaks = Callable[[LogRule, str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What a rule says of itself and does not keep."""

    rule: str
    complaint: str


def try_rules(rules: Sequence[Rule], rulebook: Rulebook, speaks: Speaks) -> list[Failure]:
    """All failures of some rules, judged together with the whole rulebook.

    ``speaks`` tells whether a log rule finds something in a text: how logs are read is known in the room of triage,
    above this one. Starts one child process when there are log rules (see ``patterns``).
    """
    failures: list[Failure] = []
    for rule in rules:
        found = _complaints(rule, rulebook, speaks) if rule.status == "active" else ()
        failures += [Failure(rule=rule.id, complaint=complaint) for complaint in found]
    for slow in slow_patterns([rule for rule in rules if isinstance(rule, LogRule) and rule.status == "active"]):
        took = "does not end" if slow.seconds is None else f"takes {slow.seconds:.1f} s"
        complaint = f"a search with its {slow.key} {took} on a text of some thousand characters"
        failures.append(Failure(rule=slow.rule, complaint=complaint))
    return failures


def _complaints(rule: Rule, rulebook: Rulebook, speaks: Speaks) -> Iterator[str]:
    for number, example in enumerate(rule.examples):
        if _finds(rule, example, rulebook, speaks) is not example.found:
            name = f"example[{number}]" + (f" ({example.says})" if example.says else "")
            yield f"{name} is {'not found' if example.found else 'found, but should be left alone'}"
    if isinstance(rule, Breakage):
        yield from _fix_complaints(rule, rulebook)
    if isinstance(rule, Stack):
        yield from _pin_complaints(rule, rulebook)
    if isinstance(rule, LogRule):
        known = {log.id for log in rulebook.logs}
        yield from (f"explains {name}, which is no log rule" for name in rule.explains if name not in known)


def _finds(rule: Rule, example: RuleExample, rulebook: Rulebook, speaks: Speaks) -> bool:
    if isinstance(rule, LogRule):
        return speaks(rule, example.text)
    environment = environment_of(dict(split_pin(pin) for pin in example.installed), example.python)
    if isinstance(rule, Breakage):
        return holds(rule, environment)
    if isinstance(rule, NativeContract):
        return applies(rule, environment)
    if isinstance(rule, Stack):
        return is_stack(rule, environment) and recognise(rulebook, environment) == rule
    return False


def _fix_complaints(rule: Breakage, rulebook: Rulebook) -> Iterator[str]:
    """Every fix that the doctor would carry out clears the rule and wakes no other, on every example to be found."""
    for number, example in enumerate(rule.examples):
        if not example.found:
            continue
        before = dict(split_pin(pin) for pin in example.installed)
        asleep = {other.id for other in rulebook.breakages if not holds(other, environment_of(before, example.python))}
        for place, fix in enumerate(rule.fixes):
            if fix.safety is Safety.MANUAL:
                continue
            after = environment_of(_fixed(before, fix), example.python)
            if holds(rule, after):
                yield f"fix[{place}] does not clear example[{number}]"
            woken = [other.id for other in rulebook.breakages if other.id in asleep and holds(other, after)]
            yield from (f"fix[{place}] on example[{number}] wakes {name}" for name in woken)


def _fixed(pins: dict[str, str], fix: Fix) -> dict[str, str]:
    removed = {requirement(name).name for name in fix.remove}
    kept = {name: version for name, version in pins.items() if name not in removed}
    return kept | dict(split_pin(pin) for pin in fix.install)


def _pin_complaints(stack: Stack, rulebook: Rulebook) -> Iterator[str]:
    """The pins name each distribution once and are, as far as they are exact, broken by no rule."""
    names = [requirement(pin).name for pin in stack.pins]
    yield from (f"pins {name} more than once" for name in sorted({name for name in names if names.count(name) > 1}))
    exact = dict(pin for text in stack.pins for pin in _exact(text))
    broken = [breakage.id for breakage in rulebook.breakages if holds(breakage, environment_of(exact))]
    yield from (f"its pins break by the rule {name}" for name in broken)
    yield from (
        f"detects by {text}, but pins another version"
        for text in stack.detect
        for name, version in _exact(text)
        if not admitted_by_all(stack.pins, name, version)
    )


def _exact(text: str) -> list[tuple[str, str]]:
    try:
        return [split_pin(text)]
    except UNREADABLE:
        return []
