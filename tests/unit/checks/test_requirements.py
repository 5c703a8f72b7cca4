from __future__ import annotations

import json

import pytest

from doctor.checks.bounds import contradictory, joint_requirement
from doctor.checks.needs import find_needs
from doctor.checks.origins import comes_from
from doctor.checks.requirements import check
from doctor.model import DirectUrl, Severity
from doctor.rulebook.requirements import specifier


def test_what_is_met_is_silent(patient):
    patient.install("a==1.0", requires=["b>=1", 'c; python_version < "3"', 'd; extra == "more"'])
    patient.install("b==1.5rc1")
    assert patient.check(check) == []


def test_missing_names_who_needs_it_why_that_one_is_here_and_what_to_install(patient):
    patient.install("app==1.0", requires=["middle"], metadata={"REQUESTED": ""})
    patient.install("middle==2.0", requires=["gone>=1.2,<2"])
    patient.install("other==3.0", requires=["gone>=1.3"])
    (found,) = patient.check(check)
    assert found.severity is Severity.ERROR
    assert found.subjects == ("middle==2.0", "gone", "other==3.0")
    assert found.message == "middle 2.0 needs gone, which is not installed"
    assert "middle is here because of app › middle" in found.details
    assert found.fixes[0].install == ("gone>=1.3,<2",)


def test_another_version_is_a_warning_whatever_the_bounds(patient):
    patient.install("app==1.0", requires=["base<2"])
    patient.install("base==2.1")
    (found,) = patient.check(check)
    assert found.severity is Severity.WARNING
    assert found.subjects == ("app==1.0", "base==2.1")
    assert found.message == "app 1.0 needs base<2, but base 2.1 is installed"
    assert found.fixes[0].install == ("base<2",)


def test_requirers_that_contradict_each_other_get_no_fix_that_cannot_work(patient):
    patient.install("app==1.0", requires=["base<2"])
    patient.install("tool==1.0", requires=["base>=2"])
    patient.install("base==2.1")
    (found,) = patient.check(check)
    assert found.fixes == ()
    assert "No version of base is what all of these ask for." in found.details


@pytest.mark.parametrize(
    ("requirement", "beside", "severity"),
    [
        ("gone", "", Severity.ERROR),
        ('gone; sys_platform != "win32"', "", Severity.ERROR),
        ('gone; platform_machine != "no-such-machine"', "", Severity.WARNING),
        ("gone", "gone-cpu==1.0", Severity.WARNING),
        ("gone-gpu", "gone==1.0", Severity.WARNING),
        ("gone", "gone-tools==1.0", Severity.ERROR),
        ("types-gone", "", Severity.WARNING),
        ("dataclasses", "", Severity.NOTE),
    ],
)
def test_how_bad_an_absence_is(patient, requirement, beside, severity):
    patient.install("app==1.0", requires=[requirement])
    if beside:
        patient.install(beside)
    (found,) = patient.check(check)
    assert found.severity is severity


def test_a_module_of_that_name_may_stand_in(patient):
    patient.install("app==1.0", requires=["some-thing"])
    patient.write("some_thing/__init__.py", "")
    (found,) = patient.check(check)
    assert found.severity is Severity.WARNING
    assert "A module some_thing is there, without metadata of that name." in found.details


def test_extras_count_when_a_requirement_asks_for_them_and_are_followed(patient):
    patient.install("app==1.0", requires=["web[Fast_Mode]"])
    patient.install("web==1.0", requires=['loop[x]; extra == "fast-mode"', 'never; extra == "other"'])
    patient.install("loop==1.0", requires=['gone; extra == "x"'])
    (found,) = patient.check(check)
    assert found.severity is Severity.WARNING
    assert found.subjects == ("loop==1.0", "gone")
    assert "Only the extra [x] of loop needs it." in found.details


def test_circles_of_requirements_and_extras_end(patient):
    patient.install("a==1.0", requires=["b[all]", "a[all]"])
    patient.install("b==1.0", requires=['a[all]; extra == "all"'])
    assert patient.check(check) == []
    assert find_needs(patient.environment()).why("a") == ""


def test_assumed_distributions_count_as_installed(patient):
    patient.install("app==1.0", requires=["torch>=2"])
    patient.assumed["torch"] = "2.4.0"
    assert patient.check(check) == []


def test_what_is_no_requirement_is_a_note(patient):
    patient.install("app==1.0", requires=["pytz (>dev)"])
    (found,) = patient.check(check)
    assert found.severity is Severity.NOTE
    assert "pytz (>dev)" in found.message


def test_a_version_that_is_none_is_not_judged(patient):
    patient.install("app==1.0", requires=["odd>=1"])
    patient.install("odd==not.a.version")
    assert patient.check(check) == []


def test_a_url_is_satisfied_by_the_installation_from_there_and_noted_otherwise(patient):
    url = "https://example.org/lib-1.0.zip"
    patient.install("app==1.0", requires=[f"lib @ {url}", "tool @ git+https://user:secret@example.org/tool.git@v1"])
    patient.install("lib==1.0", metadata={"direct_url.json": json.dumps({"url": url, "archive_info": {}})})
    patient.install("tool==1.0")
    (found,) = patient.check(check)
    assert found.severity is Severity.NOTE
    assert found.subjects == ("app==1.0", "tool==1.0")
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("git+https://example.org/x/tool.git@0123abc", True),
        ("git+https://token@example.org/x/tool@v1#egg=tool", True),
        ("git+https://example.org/x/tool.git@fedcba9", False),
        ("git+https://example.org/x/other.git", False),
    ],
)
def test_origins_under_version_control(url, same):
    origin = DirectUrl(url="https://example.org/x/tool.git", vcs="git", commit="0123abcd0123abcd")
    assert comes_from(origin, url) is same


@pytest.mark.parametrize(
    ("clauses", "hopeless"),
    [
        (">=2,<2", True), (">2,<1", True), ("==1.5,!=1.5", True), ("==1,>=2", True),
        (">=1,<=1", False), (">=1,<2,!=1.3", False), ("==1.*,<2", False), ("~=1.4,<1.9", False),
    ],
)  # fmt: skip
def test_clauses_that_leave_no_version(clauses, hopeless):
    assert contradictory(specifier(clauses)) is hopeless


def test_joint_requirement_keeps_the_tightest_clauses_and_the_extras(patient):
    patient.install("a==1.0", requires=["x[one]>=1,!=1.5"])
    patient.install("b==1.0", requires=["x>=1.2,<3"])
    patient.install("c==1.0", requires=["x[two]<2"])
    needs = find_needs(patient.environment())
    assert joint_requirement("x", needs.on("x")) == "x[one,two]>=1.2,!=1.5,<2"
