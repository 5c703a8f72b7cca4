"""Known-good sets: the values, their two forms, and every set that comes with the doctor."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime

import pytest
from packaging.pylock import Pylock

from doctor.errors import DoctorError
from doctor.rulebook.known_good import lock_folder, versions_of
from doctor.rulebook.load import load_rulebook
from doctor.rulebook.match import environment_of, holds
from doctor.stacks.constraints import constraints_of
from doctor.stacks.lockfile import (
    PYLOCK,
    REQUIREMENTS,
    Lock,
    Locked,
    LockedFile,
    LockError,
    read_lock,
    read_pins,
    render_pylock,
    render_requirements,
    validate,
)
from doctor.stacks.locking import broken_promises, differences, known_stack, target_of

BOOK = load_rulebook((), ("stack", "breakage"))
WITH_SET = [stack for stack in BOOK.stacks if (lock_folder(stack) / PYLOCK).exists()]
DIGEST = "0" * 63 + "1"


def a_lock(**changes):
    wheel = LockedFile(
        filename="acme-1.0-py3-none-any.whl", sha256=DIGEST, size=9, uploaded=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    )
    source = LockedFile(filename="old_thing-2.tar.gz", sha256=DIGEST)
    packages = (
        Locked(name="acme", version="1.0", files=(wheel,)),
        Locked(name="old-thing", version="2", files=(source,)),
    )
    facts = {"stack": 'a"b\\c', "cures": ["x==1"], "not-hashed": [{"name": "n", "url": "https://example.org/n.zip"}]}
    given = {"packages": packages, "requires_python": "==3.11.*", "marker": "sys_platform == 'linux'", "facts": facts}
    return Lock(**{**given, **changes})


def test_a_set_survives_being_written_and_is_valid_by_pep_751(tmp_path):
    path = tmp_path / PYLOCK
    path.write_text(render_pylock(a_lock()))
    parsed = Pylock.from_dict(tomllib.loads(path.read_text()))
    assert [package.name for package in parsed.packages] == ["acme", "old-thing"]
    again = read_lock(path)
    assert again == a_lock()
    assert render_pylock(again) == path.read_text()
    validate(again)


def test_what_is_no_lock_is_one_sentence(tmp_path):
    path = tmp_path / PYLOCK
    with pytest.raises(LockError, match="There is no lock"):
        read_lock(path)
    whole = render_pylock(a_lock())
    damaged = (
        b"\xff\xfe",
        b"[[",
        b'lock-version = "1.0"',
        whole.replace(DIGEST, "12").encode(),
        whole.replace("sha256 =", "md5 =").encode(),
        whole.replace('lock-version = "1.0"', 'lock-version = "9.0"').encode(),
        whole.replace("acme-1.0-py3", "other-1.0-py3").encode(),
        whole.replace('name = "acme"', "name = 7").encode(),
    )
    for body in damaged:
        path.write_bytes(body)
        with pytest.raises(DoctorError) as caught:
            read_lock(path)
        assert "\n" not in str(caught.value)


def test_requirements_are_read_back():
    text = render_requirements(a_lock().packages, heading=("what this is",))
    assert text.startswith("# what this is\n")
    assert read_pins(text) == {"acme": ("1.0", frozenset({DIGEST})), "old-thing": ("2", frozenset({DIGEST}))}
    assert versions_of(text) == {"acme": "1.0", "old-thing": "2"}


def test_differences_name_what_came_went_and_moved():
    found = differences({"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"})
    assert [(d.name, d.before, d.after) for d in found] == [("b", "1", "2"), ("c", "1", ""), ("d", "", "1")]


def test_a_stack_is_found_by_its_other_names_and_a_slip_is_told():
    assert known_stack(BOOK, "sophia-vllm-client").id == "sambanova-metis-client"
    with pytest.raises(DoctorError, match=r"Did you mean cerebras-r2\.6\.0"):
        known_stack(BOOK, "cerebras-r2.6.O")


def test_the_sets_that_must_be_there_are():
    assert [stack.id for stack in BOOK.stacks if stack not in WITH_SET] == []
    releases = ("2.3.0", "2.3.1", "2.4.0", "2.4.3", "2.5.0", "2.6.0", "2.7.0", "2.7.1", "2.8.0", "2.9.0", "2.10.0")
    assert {f"cerebras-r{release}" for release in releases} < {stack.id for stack in WITH_SET}


@pytest.mark.parametrize("stack", WITH_SET, ids=lambda stack: stack.id)
class TestEverySet:
    def test_keeps_what_its_stack_says(self, stack):
        assert broken_promises(stack, read_lock(lock_folder(stack) / PYLOCK)) == ()

    def test_no_known_breakage_is_in_it(self, stack):
        lock = read_lock(lock_folder(stack) / PYLOCK)
        environment = environment_of(lock.versions, ".".join(map(str, min(target_of(stack).pythons))))
        assert [breakage.id for breakage in BOOK.breakages if holds(breakage, environment)] == []

    def test_its_two_forms_agree_and_it_is_written_as_it_is_read(self, stack):
        folder = lock_folder(stack)
        lock = read_lock(folder / PYLOCK)
        pins = read_pins((folder / REQUIREMENTS).read_text())
        assert {p.name: (p.version, frozenset(f.sha256 for f in p.files)) for p in lock.packages} == pins
        assert render_pylock(lock) == (folder / PYLOCK).read_text()
        assert lock.facts["stack"] == stack.id
        assert lock.requires_python

    def test_everything_was_there_on_the_day(self, stack):
        lock = read_lock(lock_folder(stack) / PYLOCK)
        assert lock.facts["resolved"] == stack.resolved
        late = [
            f.filename
            for p in lock.packages
            for f in p.files
            if str(f.uploaded)[:10] > stack.resolved or f.size is None
        ]
        assert late == []

    def test_names_no_host_of_an_index(self, stack):
        folder = lock_folder(stack)
        for name in (PYLOCK, REQUIREMENTS):
            hosts = {part.split("/")[0] for part in (folder / name).read_text().split("://")[1:]}
            assert hosts <= {"github.com"}, "only public repositories are named"

    def test_archives_without_hash_are_named(self, stack):
        text = (lock_folder(stack) / REQUIREMENTS).read_text()
        for archive in stack.archives:
            assert archive.url in text
            assert archive.instead or f"{archive.name} ({archive.url}): NOT in this file" in text

    def test_its_constraints_are_pins_that_pip_can_read(self, stack):
        lock = read_lock(lock_folder(stack) / PYLOCK)
        lines = [line for line in constraints_of(stack, lock).splitlines() if not line.startswith("#")]
        assert set(lines) <= {package.pin for package in lock.packages}
        assert not {line.partition("==")[0] for line in lines} & {"pip", "wheel", "lm-eval"}
        assert len(lines) >= len(lock.packages) - 4


def test_a_set_that_breaks_its_stack_is_told():
    stack = known_stack(BOOK, "sambanova-metis-client")
    names = [Locked(name="openai", version="1.54.5", files=()), Locked(name="globus-sdk", version="3.45.0", files=())]
    assert broken_promises(stack, Lock(packages=tuple(names))) == (
        "openai>=1.55.3 is not kept: the lock has 1.54.5",
        "globus-sdk>=3.46.0 is not kept: the lock has 3.45.0",
    )
    assert broken_promises(stack, Lock(packages=()))[-1] == "the lock is not recognised as the stack"
