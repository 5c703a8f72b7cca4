"""Every log rule finds its examples, leaves the others alone, and cannot be made to think for ever."""

from __future__ import annotations

import re
import time

import pytest

from doctor.rulebook.literals import required_literals
from doctor.rulebook.load import load_rulebook
from doctor.rulebook.rules import LogRule
from doctor.triage.lines import LINE_LIMIT
from doctor.triage.matching import matches, patterns
from doctor.triage.scan import Scanner
from doctor.triage.versions import Versions

RULES = load_rulebook(kinds=("log",)).logs
IDS = [rule.id for rule in RULES]


def holds(rule: LogRule, text: str) -> bool:
    scanner = Scanner(patterns([rule]))
    scanner.feed(text.encode() + b"\n")
    digest = scanner.digest()
    if rule.stage:
        return bool(digest.of(rule.pattern))
    return bool(matches([rule], digest, Versions()))


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_examples(rule: LogRule) -> None:
    for example in rule.examples:
        assert holds(rule, example.text) is example.found, example.text


@pytest.mark.parametrize("pattern", dict.fromkeys(text for rule in RULES for text in rule.patterns))
def test_a_log_can_be_searched_for_it_at_speed(pattern: str) -> None:
    literals = required_literals(pattern)
    assert literals
    assert min(map(len, literals)) >= 2


def bombs(pattern: str) -> list[str]:
    """Lines that make a backtracking matcher work: the pattern's own literals and characters, repeated."""
    pieces = [
        *required_literals(pattern),
        *re.findall(r"\w{3,}", pattern)[:4],
        "a",
        " ",
        "1",
        "/",
        "a.",
        "a=",
        "a,",
        "('",
        "a-",
        "a:",
    ]
    lines = [(piece * LINE_LIMIT)[:LINE_LIMIT] for piece in pieces]
    head = "".join(required_literals(pattern))
    return [*lines, *(head + line for line in lines), *((head + " x=1, ") * 600 for _ in range(1))]


@pytest.mark.parametrize("pattern", dict.fromkeys(text for rule in RULES for text in rule.patterns))
def test_no_catastrophic_backtracking(pattern: str) -> None:
    compiled = re.compile(pattern)
    began = time.process_time()
    for line in bombs(pattern):
        compiled.search(line[:LINE_LIMIT])
    assert time.process_time() - began < 1.0


def test_explains_names_rules_that_exist() -> None:
    assert {target for rule in RULES for target in rule.explains} <= set(IDS)
