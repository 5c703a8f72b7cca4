"""The check of a stack's pins: what differs, what is absent, what only resembles a stack."""

from __future__ import annotations

from dataclasses import replace

from doctor.checks.examination import Examination
from doctor.checks.stack_pins import check
from doctor.model import Environment, Finding, Safety, Severity
from doctor.probe.files import DiskFiles
from doctor.rulebook.match import environment_of, recognise
from doctor.rulebook.rules import Breakage, Rulebook, Stack

STACK = Stack(
    id="r1",
    path="",
    title="Release 1",
    explain="",
    severity=Severity.NOTE,
    detect=("core==1.0",),
    python="==3.11.*",
    pins=("core==1.0", "numpy==1.25.0", "urllib3<2", "pandas==2.2.3"),
)
BOOK = Rulebook(stacks=(STACK,))
HEALTHY = ("core==1.0", "numpy==1.25.0", "urllib3==1.26.20", "pandas==2.2.3")


def env(*pins: str, python: str = "3.11.9") -> Environment:
    return environment_of(dict(pin.split("==") for pin in pins), python)


def findings(environment: Environment, book: Rulebook = BOOK) -> list[Finding]:
    stack = recognise(book, environment)
    return list(check(Examination(environment=environment, files=DiskFiles(), rulebook=book, stack=stack)))


def test_a_stack_as_it_should_be_says_nothing() -> None:
    assert findings(env(*HEALTHY, "extra==1")) == []


def test_another_version_is_a_warning_with_the_way_back() -> None:
    (finding,) = findings(env(*HEALTHY[:1], "numpy==1.26.4", *HEALTHY[2:]))
    assert finding.severity is Severity.WARNING
    assert finding.subjects == ("numpy==1.26.4",)
    assert finding.message == "numpy is 1.26.4, but r1 needs 1.25.0"
    assert [(fix.install, fix.safety) for fix in finding.fixes] == [(("numpy==1.25.0",), Safety.UNSAFE)]


def test_a_range_has_no_single_way_back() -> None:
    (finding,) = findings(env(*HEALTHY[:2], "urllib3==2.5.0", HEALTHY[3]))
    assert finding.message == "urllib3 is 2.5.0, but r1 needs <2"
    assert finding.fixes == ()


def test_what_was_installed_by_name_may_be_wanted() -> None:
    environment = env(*HEALTHY[:1], "numpy==1.26.4", *HEALTHY[2:])
    asked = tuple(replace(one, requested=True) for one in environment.distributions)
    (finding,) = findings(replace(environment, distributions=asked))
    assert "installed by name" in finding.fixes[0].because


def test_all_that_is_absent_is_one_note() -> None:
    (finding,) = findings(env("core==1.0", "pandas==2.2.3"))
    assert finding.severity is Severity.NOTE
    assert finding.message == "2 of the 4 distributions of r1 are not installed"
    assert finding.details == ("Absent: numpy, urllib3.",)


def test_what_a_breakage_says_is_not_said_twice() -> None:
    breakage = Breakage(
        id="b", path="", title="t", explain="", severity=Severity.ERROR, together=("core", "urllib3>=2")
    )
    book = Rulebook(stacks=(STACK,), breakages=(breakage,))
    assert findings(env(*HEALTHY[:2], "urllib3==2.5.0", HEALTHY[3]), book) == []


def test_another_interpreter() -> None:
    (finding,) = findings(env(*HEALTHY, python="3.12.1"))
    assert finding.severity is Severity.WARNING
    assert finding.message == "the interpreter is Python 3.12.1, but r1 is for ==3.11.*"


def test_what_nearly_is_a_stack() -> None:
    (finding,) = findings(env("core==1.1", "numpy==1.25.0"))
    assert finding.severity is Severity.NOTE
    assert finding.message == "looks like r1, but core is 1.1"
    assert findings(env("numpy==1.25.0")) == []
