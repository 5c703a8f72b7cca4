"""The check of a stack's pins: what differs, what is absent, what only resembles a stack."""

from __future__ import annotations

from dataclasses import replace

from doctor.checks.examination import Examination
from doctor.checks.left_out import left_out
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


def with_set(folder, **pins: str) -> Stack:
    """The stack with a known-good set beside its rule."""
    (folder / "stacks").mkdir(parents=True)
    (folder / "lockfiles" / "r1").mkdir(parents=True)
    text = "".join(f"{name}=={version} \\\n    --hash=sha256:{'0' * 64}\n" for name, version in pins.items())
    (folder / "lockfiles" / "r1" / "requirements.txt").write_text(text)
    return replace(STACK, path=str(folder / "stacks" / "r1.toml"), lockfile="r1")


def test_differences_from_the_set_that_no_pin_asks_for_are_notes(tmp_path) -> None:
    stack = with_set(tmp_path, core="1.0", numpy="1.25.0", pandas="2.2.3", urllib3="1.26.20", six="1.16.0", tqdm="4.1")
    book = Rulebook(stacks=(stack,))
    assert findings(env(*HEALTHY, "six==1.16.0", "tqdm==4.1", "pip==25.3"), book) == []
    found = findings(env(*HEALTHY[:1], "numpy==1.26.4", *HEALTHY[2:], "six==1.17.0", "rich==15.0"), book)
    assert [(f.severity, f.message) for f in found] == [
        (Severity.WARNING, "numpy is 1.26.4, but r1 needs 1.25.0"),
        (Severity.NOTE, "1 of the 6 distributions of r1 are not installed"),
        (Severity.NOTE, "1 distributions have other versions than the known-good set, where no pin asks"),
        (Severity.NOTE, "1 distributions are not in the known-good set of r1"),
    ]
    assert [f.details[0].split(". ")[0] for f in found[1:]] == ["Absent: tqdm.", "six 1.17.0 (1.16.0)", "rich==15.0"]


def test_another_build_of_the_same_release_is_no_difference(tmp_path) -> None:
    stack = with_set(tmp_path, core="1.0", numpy="1.25.0", pandas="2.2.3", urllib3="1.26.20", six="1.16.0")
    assert findings(env(*HEALTHY, "six==1.16.0+cpu"), Rulebook(stacks=(stack,))) == []


def test_what_was_left_out_on_purpose_is_said_and_not_missed(tmp_path) -> None:
    stack = with_set(tmp_path, core="1.0", numpy="1.25.0", pandas="2.2.3", urllib3="1.26.20", six="1.16.0")
    made = replace(env(*HEALTHY), config={"acdoctor-left-out": "six==1.16.0 not-a-pin"})
    (finding,) = findings(made, Rulebook(stacks=(stack,)))
    assert finding.message == "1 distributions of r1 were left out on purpose, for the host to bring"
    assert left_out(made) == {"six": "1.16.0"}
    assert left_out(replace(env(*HEALTHY, "six==1.16.0"), config=made.config)) == {}


def test_who_moved_a_pin_is_named() -> None:
    environment = env(*HEALTHY[:1], "numpy==1.26.4", *HEALTHY[2:], "newcomer==2.0")
    needing = tuple(
        replace(one, requires=("numpy>=1.26",)) if one.name == "newcomer" else one for one in environment.distributions
    )
    (finding,) = findings(replace(environment, distributions=needing))
    assert finding.details[1].startswith("Moved by newcomer==2.0, which asks for numpy>=1.26:")


def test_a_stack_that_was_forced_says_what_it_looks_like() -> None:
    other = replace(STACK, id="r2", detect=("core==2.0",), pins=("core==2.0",))
    book = Rulebook(stacks=(STACK, other))
    examination = Examination(environment=env("core==2.0", *HEALTHY[1:]), files=DiskFiles(), rulebook=book, stack=STACK)
    assert [f.message for f in check(examination)] == [
        "held to r1 as asked, but it looks like r2",
        "core is 2.0, but r1 needs 1.0",
    ]
