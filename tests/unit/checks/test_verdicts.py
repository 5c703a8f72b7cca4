"""The kept verdict: told again while nothing has changed, in ever new ways of changing, and never needed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from doctor.checks import verdicts
from doctor.checks.examine import NO_STACK, Options, examine
from doctor.errors import RuleError
from doctor.model import Depth, Report
from doctor.probe import witness
from doctor.probe.environment import probe_environment

OPTIONS = Options(stack=NO_STACK, entries=("app",))
RULE = """schema = 1
id = "mine"
kind = "breakage"
status = "active"
severity = "warning"
title = "lib and app do not go together"
explain = "They do not."
together = ["app==1.0", "lib==1.0"]

[[fix]]
install = ["lib==2.0"]
safety = "unsafe"
because = "it is newer"

[[evidence]]
on = 2026-11-01
how = "report"
claim = "it fails"
source = "a report"

[[example]]
found = true
installed = ["app==1.0", "lib==1.0"]

[[example]]
found = false
installed = ["app==1.0", "lib==2.0"]
"""


@pytest.fixture
def lib(patient, monkeypatch, tmp_path) -> Path:
    """An application that lacks a name of a library; the library's module."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(witness, "_YOUNG_NS", 20_000_000)  # or everything here is too young to be believed by stamps
    patient.install("app==1.0", {"app/__init__.py": "from lib import one\nimport lib.more\n"}, requires=["lib"])
    patient.install("lib==1.0", {"lib/__init__.py": "two = 1\n"})
    time.sleep(0.05)
    return patient.site / "lib" / "__init__.py"


@pytest.fixture
def told(monkeypatch) -> list[bool]:
    """For every examination, whether it was told again."""
    answers: list[bool] = []
    recalled = verdicts.recalled

    def counted(*arguments: object) -> Report | None:
        report = recalled(*arguments)
        answers.append(report is not None)
        return report

    monkeypatch.setattr(verdicts, "recalled", counted)
    return answers


def look(patient, options: Options = OPTIONS) -> Report:
    report = examine(str(patient.path), options)
    return replace(report, tally=replace(report.tally, seconds=0.0))


def symbols(report: Report) -> list[str | None]:
    return sorted(str(f.symbol) for f in report.findings if f.rule == "import-contract")


def test_nothing_changed(patient, lib, told):
    first, second = look(patient), look(patient)
    assert told == [False, True]
    assert first == second
    assert symbols(first) == ["lib.more", "lib.one"]


def test_the_same_size_and_the_old_time(patient, lib, told):
    look(patient)
    facts = lib.stat()
    lib.write_text("one = 1\n")
    os.utime(lib, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert lib.stat().st_size == facts.st_size
    assert symbols(look(patient)) == ["lib.more"]
    assert told == [False, False]


def test_a_module_that_was_looked_for_appears(patient, lib, told):
    look(patient)
    (lib.parent / "more.py").write_text("")
    assert symbols(look(patient)) == ["lib.one"]


def test_a_package_hides_a_module(patient, lib, told):
    patient.write("app/__init__.py", "from lib import two\n")
    look(patient)
    patient.write("lib.cpython-311-x86_64-linux-gnu.so", "no library")
    look(patient)
    patient.write("lib.py", "two = 1\n")
    assert told == [False, False]
    assert look(patient) == look(patient, replace(OPTIONS, fresh=True))


def test_what_a_link_leads_to(patient, lib, told, tmp_path):
    target = tmp_path / "target.py"
    target.write_text("two = 2\n")
    lib.unlink()
    lib.symlink_to(target)
    assert symbols(look(patient)) == ["lib.more", "lib.one"]
    other = tmp_path / "other.py"
    other.write_text("one = 2\n")
    os.replace(other, target)
    assert symbols(look(patient)) == ["lib.more"]


def test_byte_code_and_hard_links_change_nothing(patient, lib, told, tmp_path):
    look(patient)
    (lib.parent / "__pycache__").mkdir()
    (lib.parent / "__pycache__" / "__init__.cpython-311.pyc").write_bytes(b"")
    os.link(lib, tmp_path / "elsewhere.py")
    time.sleep(0.05)
    look(patient)
    place = Path(next(iter(Path(os.environ["XDG_CACHE_HOME"], "acdoctor", "verdicts").iterdir())))
    refreshed = place.stat().st_ino
    look(patient)
    assert told == [False, True, True]
    assert place.stat().st_ino == refreshed  # the new stamps are kept: nothing is read a third time


def test_what_was_just_changed_is_read_again(patient, lib, told, monkeypatch):
    monkeypatch.setattr(witness, "_YOUNG_NS", 2_000_000_000)
    look(patient)
    text, facts = lib.read_text(), lib.stat()
    look(patient)
    assert told == [False, True]
    # the change that a stamp cannot show: within one tick of the clock; the doctor's own note is changed instead
    place = verdicts.place_of(probe_environment(str(patient.path)), OPTIONS)
    kept = verdicts._read(place)
    assert str(lib) in kept["seen"]["young"]
    lib.write_text(text.replace("two", "one"))
    recollection = witness.Recollection(kept["seen"])
    monkeypatch.setattr(witness, "_stamps_digest", lambda _stamps: b"")
    kept["seen"]["folders"] = {folder: (names, b"") for folder, (names, _digest) in kept["seen"]["folders"].items()}
    assert lib.stat().st_size == facts.st_size
    assert not recollection.holds()


@pytest.mark.parametrize(
    "options",
    [
        replace(OPTIONS, entries=("lib",)),
        replace(OPTIONS, assumed={"more": "1.0"}),
        replace(OPTIONS, depth=Depth.METADATA),
        replace(OPTIONS, stack=""),
    ],
    ids=["entries", "assumed", "depth", "stack"],
)
def test_another_question(patient, lib, told, options):
    look(patient)
    assert look(patient, options) == look(patient, replace(options, fresh=True))
    assert not any(told)


def test_rules_are_part_of_the_question(patient, lib, told, tmp_path):
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "mine.toml").write_text(RULE)
    options = replace(OPTIONS, rules=(str(folder),))
    assert "mine" in {f.rule for f in look(patient, options).findings}
    (folder / "mine.toml").write_text(RULE.replace('together = ["app==1.0"', 'together = ["app==3.0"'))
    assert "mine" not in {f.rule for f in look(patient, options).findings}
    (folder / "mine.toml").unlink()
    with pytest.raises(RuleError):
        look(patient, options)
    assert not any(told)


def test_never_by_hash(patient, lib, told):
    options = replace(OPTIONS, depth=Depth.FULL)
    look(patient, options)
    assert look(patient, options).findings
    assert told == []


def test_a_program_is_found_from_where_one_stands(patient, lib, told, tmp_path, monkeypatch):
    for name, text in (("a", "import lib.more\n"), ("b", "from lib import one\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.py").write_text(text)
    options = replace(OPTIONS, entries=("main.py",))
    monkeypatch.chdir(tmp_path / "a")
    assert symbols(look(patient, options)) == ["lib.more"]
    monkeypatch.chdir(tmp_path / "b")
    assert symbols(look(patient, options)) == ["lib.one"]


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "other", "folder", "unwritable", "no home"])
def test_the_cache_is_never_needed(patient, lib, told, damage, tmp_path, monkeypatch):
    expected = look(patient)
    folder = Path(os.environ["XDG_CACHE_HOME"], "acdoctor", "verdicts")
    (kept,) = folder.iterdir()
    data = kept.read_bytes()
    if damage == "empty":
        kept.write_bytes(b"")
    elif damage == "cut":
        kept.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        kept.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    elif damage == "other":
        kept.write_bytes(os.urandom(len(data)))
    elif damage == "folder":
        kept.unlink()
        kept.mkdir()
    else:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))
        monkeypatch.setenv("XDG_CACHE_HOME", "" if damage == "no home" else str(tmp_path / "file"))
    assert look(patient) == expected
    assert not any(told)
    assert look(patient) == expected
    assert told[-1] == (damage in {"empty", "cut", "flipped", "other"})


def test_the_cache_is_bounded(patient, lib, told, monkeypatch):
    monkeypatch.setattr(verdicts, "_MOST", 3)
    for number in range(6):
        look(patient, replace(OPTIONS, assumed={f"more{number}": "1.0"}))
    folder = Path(os.environ["XDG_CACHE_HOME"], "acdoctor", "verdicts")
    assert len(list(folder.iterdir())) == 3
    look(patient, replace(OPTIONS, assumed={"more5": "1.0"}))
    assert told == [False] * 6 + [True]


def test_many_at_once(patient, lib):
    """Processes that write and read the same verdict at the same time: all say the same."""
    command = [sys.executable, "-m", "doctor", "check", "--stack", "none", "--entry", "app", "--format", "json"]
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    running = [
        subprocess.Popen([*command, str(patient.path)], env=environment, cwd="/", stdout=subprocess.PIPE)
        for _ in range(5)
    ]
    answers = {process.communicate(timeout=120)[0] for process in running}
    assert len(answers) == 1
    assert {process.returncode for process in running} == {1}
