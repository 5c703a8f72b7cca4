"""A break that import contracts find gets the cures that the rulebook knows for it, and no other break does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from doctor.checks.examination import Examination
from doctor.checks.known_cures import with_known_cures
from doctor.model import Distribution, Environment, Evidence, Finding, Fix, Location, Safety, Severity
from doctor.probe.files import DiskFiles
from doctor.rulebook.load import load_rulebook

BREAK = Finding(
    rule="import-contract",
    severity=Severity.ERROR,
    subjects=("peft==0.18.0", "transformers==4.45.2"),
    message="peft 0.18.0 does not work with transformers 4.45.2",
    evidence=Evidence.STATIC,
    details=("from the source",),
    symbol="transformers.modeling_layers",
    where=Location(path="peft/tuners/lora/model.py", line=26),
    fixes=(Fix(install=("peft==0.17.1",)), Fix(install=("transformers==4.52.4",))),
)


def _examination(*pins: str) -> Examination:
    environment = Environment(
        path="/v", kind="venv", python_version="3.11.9", platform="linux-x86_64", interpreter=None,
        distributions=tuple(
            Distribution(name=pin.split("==")[0], display_name=pin, version=pin.split("==")[1], location="/s", metadata_path=f"/s/{pin}")
            for pin in pins
        ),
    )  # fmt: skip
    return Examination(environment=environment, files=DiskFiles(), rulebook=load_rulebook())


BROKEN = _examination("peft==0.18.0", "transformers==4.45.2")


def test_the_rules_cures_come_first_and_the_contract_keeps_its_facts():
    (finding,) = with_known_cures([BREAK], BROKEN)
    assert [fix.install for fix in finding.fixes] == [("peft==0.17.1",), ("peft==0.18.1",), ("transformers==4.52.4",)]
    assert [fix.safety for fix in finding.fixes] == [Safety.SAFE, Safety.SAFE, Safety.UNSAFE]
    assert finding.details[0] == "from the source"
    assert finding.details[-1] == "Known as peft-0.18.0-transformers."
    assert replace(finding, fixes=(), details=()) == replace(BREAK, fixes=(), details=())
    assert finding.key == BREAK.key


@pytest.mark.parametrize(
    "other",
    [
        replace(BREAK, rule="requirement"),
        replace(BREAK, subjects=("peft==0.18.0", "torch==2.4.0")),
        replace(BREAK, symbol="transformers.something", where=Location(path="peft/other.py", line=26)),
        replace(BREAK, symbol="transformers.something", where=None),
    ],
)
def test_another_break_is_left_alone(other):
    assert with_known_cures([other], BROKEN) == (other,)


def test_a_rule_that_does_not_hold_here_says_nothing():
    assert with_known_cures([BREAK], _examination("peft==0.18.0", "transformers==4.53.0")) == (BREAK,)


def test_what_the_stack_takes_from_an_archive_is_not_asked_of_the_index():
    missing = replace(
        BREAK, subjects=("a.module", "bigcode-eval"), symbol="bigcode_eval", fixes=(Fix(install=("bigcode-eval",)),)
    )
    examination = replace(BROKEN, stack=BROKEN.rulebook.stack("cerebras-r2.6.0"))
    (known,) = with_known_cures([missing], examination)
    assert known.fixes == ()
    assert known.details[-1].startswith("the stack has it from https://")
    assert with_known_cures([missing], BROKEN) == (missing,)
