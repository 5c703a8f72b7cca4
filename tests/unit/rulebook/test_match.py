"""What holds in an environment, and which stack it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from doctor.model import Environment, Severity
from doctor.rulebook.match import (
    applies,
    contradicts,
    environment_of,
    fits_python,
    holds,
    marker_environment,
    near_misses,
    recognise,
)
from doctor.rulebook.rules import Breakage, NativeContract, Rulebook, Stack


def env(*pins: str, python: str = "3.11.9") -> Environment:
    return environment_of(dict(pin.split("==") for pin in pins), python)


def breakage(*together: str, marker: str = "") -> Breakage:
    return Breakage(id="b", path="", title="", explain="", severity=Severity.ERROR, together=together, marker=marker)


def stack(stack_id: str, *, pins: tuple[str, ...] = (), **other: object) -> Stack:
    return Stack(id=stack_id, path="", title=stack_id, explain="", severity=Severity.NOTE, pins=pins, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("together", "pins", "expected"),
    [
        (("a==1.0", "b<2"), ("a==1.0", "b==1.9"), True),
        (("a==1.0", "b<2"), ("a==1.0", "b==2.0"), False),
        (("a==1.0", "b<2"), ("a==1.0",), False),
        (("a==1.0", "b<2"), ("a==1.0.post1", "b==1"), False),
        (("A_x.Y==1.0",), ("a-x-y==1.0",), True),
        (("torch==2.4.0",), ("torch==2.4.0+cu121",), True),
        (("a>=1",), ("a==2.0rc1",), True),
        (("a>=1",), ("a==1.0.dev1",), False),
        (("a",), ("a==not-a-version",), True),
        (("a>=0",), ("a==not-a-version",), False),
    ],
)
def test_versions(together: tuple[str, ...], pins: tuple[str, ...], expected: bool) -> None:
    assert holds(breakage(*together), env(*pins)) is expected


def test_an_assumed_distribution_counts() -> None:
    assert holds(breakage("a==1", "torch<3"), env("a==1").with_assumed({"torch": "2.4.0"}))


def test_what_an_import_would_see_first_counts() -> None:
    twice = env("a==1")
    later = replace(twice.distributions[0], version="2")
    assert not holds(breakage("a==2"), replace(twice, distributions=(*twice.distributions, later)))


@pytest.mark.parametrize(
    ("marker", "python", "expected"),
    [
        ("", "3.8.0", True),
        ("python_version < '3.12'", "3.11.9", True),
        ("python_version < '3.12'", "3.12.0", False),
        ("python_full_version >= '3.11.4'", "3.11.3", False),
        ("python_full_version >= '3.11.4'", "3.11.9", True),
        ("extra == 'gpu'", "3.11.9", False),
    ],
)
def test_markers_are_those_of_the_patient(marker: str, python: str, expected: bool) -> None:
    assert holds(breakage("a==1", marker=marker), env("a==1", python=python)) is expected


def test_a_version_that_nobody_knows_decides_nothing() -> None:
    assert marker_environment(env("a==1", python="unknown"))["python_version"]
    assert not holds(breakage("a==1", marker="python_full_version >= 'x.y'"), env("a==1"))


def test_native_contracts() -> None:
    native = NativeContract(id="n", path="", title="", explain="", severity=Severity.NOTE, when="p>=4", module="p._m")
    assert applies(native, env("p==4.21"))
    assert not applies(native, env("p==3.20"))
    assert not applies(native, env())
    assert not applies(replace(native, marker="python_version < '3'"), env("p==4.21"))


OLD = stack("r1", detect=("core==1.0",), pins=("core==1.0", "x==1", "y==1"))
NEW = stack("r2", detect=("core==2.0",), pins=("core==2.0", "x==2", "y==1"))
ANY = stack("r3", detect_any=("tool==3.0", "kit==3.0"), pins=("x==2",))
BOOK = Rulebook(stacks=(OLD, NEW, ANY))


def test_a_stack_is_recognised_by_what_it_names() -> None:
    assert recognise(BOOK, env("core==1.0")) is OLD
    assert recognise(BOOK, env("kit==3.0")) is ANY
    assert recognise(BOOK, env("core==1.5")) is None
    assert recognise(BOOK, env("x==1")) is None


def test_of_two_stacks_the_one_whose_pins_are_met() -> None:
    assert recognise(BOOK, env("core==2.0", "kit==3.0", "x==2", "y==1")) is NEW
    assert recognise(Rulebook(), env("core==2.0")) is None


def test_near_misses_name_the_version_that_is_another() -> None:
    (miss,) = near_misses(BOOK, env("core==2.5", "x==2"))
    assert (miss.stack.id, miss.name, miss.installed, miss.wanted) == ("r2", "core", "2.5", "core==2.0")
    (miss,) = near_misses(BOOK, env("tool==2.9"))
    assert (miss.stack.id, miss.name, miss.installed) == ("r3", "tool", "2.9")


def test_no_near_miss_of_what_is_absent_or_recognised() -> None:
    both = Rulebook(stacks=(stack("c", detect=("a>=1", "b>=1"), pins=("a>=1",)),))
    assert near_misses(both, env("a==1")) == ()
    assert near_misses(both, env("a==1", "b==1")) == ()
    assert [miss.name for miss in near_misses(both, env("a==0.9", "b==1"))] == ["a"]


def test_interpreter_of_a_stack() -> None:
    only = stack("s", python="==3.11.*")
    assert fits_python(only, env(python="3.11.9"))
    assert not fits_python(only, env(python="3.12.1"))
    assert fits_python(only, env(python="?"))


def test_contradiction() -> None:
    assert contradicts(("a==1", "b<2"), "b", "2.0") == "b<2"
    assert contradicts(("a==1", "b<2"), "b", "1.0") is None
    assert contradicts(("a==1",), "c", "1.0") is None
