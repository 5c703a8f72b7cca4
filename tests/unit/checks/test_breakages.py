"""The check of breakage rules: who is named, at which depth, and which cures the stack allows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from doctor.checks.breakages import check
from doctor.checks.examination import Examination
from doctor.model import Depth, Evidence, Finding, Fix, Safety, Severity
from doctor.probe.files import DiskFiles
from doctor.rulebook.match import environment_of
from doctor.rulebook.rules import Breakage, Rulebook, Stack

RULE = Breakage(
    id="lib-base",
    path="",
    title="lib needs base 2",
    explain="First line\nstill first.\n\nSecond paragraph.",
    severity=Severity.ERROR,
    together=("lib==1.0", "base<2"),
    symbol="base.extra",
    where="lib/core.py:12",
    fixes=(
        Fix(install=("base==2.0",), safety=Safety.SAFE, because="newer base"),
        Fix(install=("lib==1.1",), safety=Safety.SAFE, because="newer lib"),
        Fix(safety=Safety.MANUAL, command="think", because="last resort"),
    ),
)
STACK = Stack(id="s", path="", title="S", explain="", severity=Severity.NOTE, detect=("base",), pins=("base==1.0",))


def findings(rule: Breakage, *pins: str, depth: Depth = Depth.STANDARD, stack: Stack | None = None) -> list[Finding]:
    environment = environment_of(dict(pin.split("==") for pin in pins))
    book = Rulebook(breakages=(rule,))
    return list(check(Examination(environment=environment, files=DiskFiles(), rulebook=book, depth=depth, stack=stack)))


def test_a_finding_says_what_the_rule_says() -> None:
    (finding,) = findings(RULE, "lib==1.0", "base==1.9", "other==3")
    assert finding.rule == "lib-base"
    assert finding.severity is Severity.ERROR
    assert finding.evidence is Evidence.RULE
    assert finding.subjects == ("lib==1.0", "base==1.9")
    assert finding.message == "lib needs base 2"
    assert finding.details == ("First line still first.", "Second paragraph.", "Installed: lib==1.0, base==1.9.")
    assert finding.symbol == "base.extra"
    assert finding.where is not None
    assert (finding.where.path, finding.where.line) == ("lib/core.py", 12)
    assert [fix.install for fix in finding.fixes] == [("base==2.0",), ("lib==1.1",), ()]


def test_nothing_when_it_does_not_hold() -> None:
    assert findings(RULE, "lib==1.0", "base==2.0") == []
    assert findings(RULE, "lib==1.0") == []


@pytest.mark.parametrize("depth", list(Depth))
def test_import_contracts_have_the_first_word_where_they_look(depth: Depth) -> None:
    contract = replace(RULE, contract=True)
    assert bool(findings(contract, "lib==1.0", "base==1.0", depth=depth)) is (depth is Depth.METADATA)
    assert findings(RULE, "lib==1.0", "base==1.0", depth=depth)


def test_a_cure_against_a_pin_of_the_stack_is_unsafe_and_comes_later() -> None:
    (finding,) = findings(RULE, "lib==1.0", "base==1.0", stack=STACK)
    safe, unsafe, manual = finding.fixes
    assert (safe.install, safe.safety) == (("lib==1.1",), Safety.SAFE)
    assert (unsafe.install, unsafe.safety) == (("base==2.0",), Safety.UNSAFE)
    assert unsafe.because == "newer base; but s pins base==1.0"
    assert manual.safety is Safety.MANUAL


def test_removing_what_the_stack_pins_is_unsafe() -> None:
    rule = replace(RULE, fixes=(Fix(remove=("Base",), safety=Safety.SAFE, because="gone"),))
    (finding,) = findings(rule, "lib==1.0", "base==1.0", stack=STACK)
    assert finding.fixes[0].safety is Safety.UNSAFE


def test_what_is_reinstalled_keeps_its_version() -> None:
    rule = replace(RULE, fixes=(Fix(reinstall=("Base",), remove=("lib",), safety=Safety.SAFE, because="x"),))
    (finding,) = findings(rule, "lib==1.0", "base==1.4")
    assert finding.fixes[0].reinstall == ("base==1.4",)
