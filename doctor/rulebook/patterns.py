"""Patterns of log rules under attack: does any text keep one busy out of proportion to its length?

Every short piece of a text that a pattern knows is repeated many times and cut off, which drives nested and
neighbouring quantifiers into all their ways to share the repetition. An exponential or cubic pattern shows at
once; a quadratic one passes, for lines are short. The attack runs in a child process, because a search that has
started cannot be stopped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from doctor.rulebook.rules import LogRule
from doctor.system import run

SLOW_SECONDS = 0.2
_SECONDS_EACH = 3.0
_LEAST_SECONDS = 20.0
_LONGEST_SEED = 160

_ATTACK = r"""
import json, re, sys, time

def attacks(seeds):
    for piece in "a0 .-_:=/\\'\"([{":
        yield piece * 800 + "\x00"
    for seed in seeds:
        for start in range(len(seed)):
            for length in (1, 2, 3):
                piece = seed[start:start + length]
                yield seed[:start] + piece * 400 + "\x00"

def seconds(pattern, text):
    started = time.process_time()
    pattern.search(text)
    return time.process_time() - started

def worst(pattern, seeds, slow):
    most = 0.0
    for text in attacks(seeds):
        spent = seconds(pattern, text)
        if spent > slow:
            spent = min(spent, seconds(pattern, text))
        most = max(most, spent)
        if most > slow:
            break
    return most

for number, case in enumerate(json.load(sys.stdin)):
    print(number, worst(re.compile(case["pattern"]), case["seeds"], case["slow"]), flush=True)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowPattern:
    """A pattern of a rule, under its key, and how long one search took (None: it did not end)."""

    rule: str
    key: str
    seconds: float | None


def slow_patterns(rules: Sequence[LogRule]) -> list[SlowPattern]:
    """The patterns on which a text of a few thousand characters takes longer than ``SLOW_SECONDS``.

    When one search does not end, the patterns behind it are not tried: mend that one first.
    """
    cases = [(rule, key, pattern) for rule in rules for key, pattern in _patterns(rule)]
    if not cases:
        return []
    told = json.dumps(
        [{"pattern": pattern, "seeds": _seeds(rule), "slow": SLOW_SECONDS} for rule, _, pattern in cases]
    ).encode()
    limit = _LEAST_SECONDS + _SECONDS_EACH * len(cases)
    ended = run([sys.executable, "-I", "-c", _ATTACK], timeout=limit, stdin=told)
    times = [float(line.split()[1]) for line in ended.stdout.decode().splitlines()]
    slow = [
        SlowPattern(rule=rule.id, key=key, seconds=seconds)
        for (rule, key, _), seconds in zip(cases, times, strict=False)
        if seconds > SLOW_SECONDS
    ]
    if len(times) < len(cases):
        rule, key, _ = cases[len(times)]
        slow.append(SlowPattern(rule=rule.id, key=key, seconds=None))
    return slow


def _patterns(rule: LogRule) -> list[tuple[str, str]]:
    known = {
        "pattern": rule.pattern,
        "after": rule.after,
        "until": rule.until,
        "near": rule.near,
        "unless": rule.unless,
    }
    return [(key, pattern) for key, pattern in known.items() if pattern]


def _seeds(rule: LogRule) -> list[str]:
    """The lines that the rule's examples show, cut: what its patterns are made for."""
    lines = {line[:_LONGEST_SEED] for example in rule.examples for line in example.text.splitlines()}
    return sorted(lines)[:8]
