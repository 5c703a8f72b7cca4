"""Attacked patterns: exponential and cubic ones are found, even one that never ends; ordinary ones pass."""

from __future__ import annotations

import pytest

from doctor.model import Severity
from doctor.rulebook import patterns
from doctor.rulebook.patterns import slow_patterns
from doctor.rulebook.rules import LogRule, RuleExample


def rule(pattern: str, text: str = "", **other: str) -> LogRule:
    examples = (RuleExample(found=True, text=text),)
    return LogRule(
        id="r", path="", title="", explain="", severity=Severity.NOTE, pattern=pattern, examples=examples, **other
    )  # type: ignore[arg-type]


def test_ordinary_patterns_pass() -> None:
    ordinary = rule(
        r"^(\d{4}-\d\d-\d\d) ([A-Z]+): (?:\[\d+/\d+\])? *(.*)$",
        "2026-11-23 INFO: [1/2] Running command: cszoo fit x.yaml",
        after=r"Job id: (wsjob-\w+), workflow id: (wflow-\w+), namespace: (\S+)",
        unless=r"(?:\d+ days?, )?[\d:]+",
    )
    assert slow_patterns([ordinary]) == []
    assert slow_patterns([]) == []


def test_a_cubic_pattern_is_named_with_its_key() -> None:
    (slow,) = slow_patterns([rule("ok", "ok", until=r"\d+\d*\d?x")])
    assert (slow.rule, slow.key) == ("r", "until")
    assert slow.seconds is not None
    assert slow.seconds > patterns.SLOW_SECONDS


def test_a_pattern_that_never_ends_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "_LEAST_SECONDS", 1.0)
    monkeypatch.setattr(patterns, "_SECONDS_EACH", 1.0)
    slow = slow_patterns([rule("fine", "fine"), rule(r"(\w+\s?)+$", "some words here"), rule("never tried", "x")])
    assert [(one.key, one.seconds) for one in slow] == [("pattern", None)]
