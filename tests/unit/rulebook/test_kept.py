"""Built-in rules that are remembered say what their files say, and are forgotten when anything changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from doctor.errors import RuleError
from doctor.rulebook.kept import keep, recalled
from doctor.rulebook.literals import needle
from doctor.rulebook.load import load_rulebook, read_files
from doctor.rulebook.sources import RuleFile, builtin_files

TEXT = """
schema = 1
id = 'a-line'
kind = 'log'
severity = 'error'
title = 'a line'
explain = 'why'
category = 'data'
pattern = 'ab+c'
[[fix]]
install = ['x==1']
safety = 'unsafe'
because = 'so'
[[evidence]]
on = 2026-11-23
how = 'read'
claim = 'seen'
[[example]]
found = true
text = 'abbc'
[[example]]
found = false
text = 'ac'
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[RuleFile, ...]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a-line.toml").write_text(TEXT)
    return (RuleFile(path=folder / "a-line.toml", label="a-line", folder="logs"),)


def test_what_is_recalled_is_what_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    files = builtin_files()
    complaints: list[RuleError] = []
    read = read_files(files, complaints)
    assert not complaints  # every regex and requirement of the built-in rules can be read: nobody does so again
    assert recalled(files) is None
    keep(files, read)
    assert recalled(files) == read
    assert load_rulebook().logs == tuple(sorted((r for r in read if r in load_rulebook().logs), key=lambda r: r.id))


def test_every_needle_is_that_of_its_pattern() -> None:
    for rule in load_rulebook(kinds=("log",)).logs:
        assert rule.needles == tuple(needle(pattern) for pattern in dict.fromkeys(rule.patterns))


def test_a_changed_file_is_read_again(files: tuple[RuleFile, ...]) -> None:
    keep(files, read_files(files, []))
    kept = recalled(files)
    assert kept is not None and kept[0].title == "a line"
    files[0].path.write_text(TEXT.replace("'a line'", "'another'"))
    assert recalled(files) is None


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 4000])
def test_a_damaged_file_costs_a_reading_and_no_more(files: tuple[RuleFile, ...], damage: bytes) -> None:
    keep(files, read_files(files, []))
    (place,) = (Path(os.environ["XDG_CACHE_HOME"]) / "acdoctor" / "rules").iterdir()
    place.write_bytes(damage or place.read_bytes()[:-9])
    assert recalled(files) is None


def test_no_place_to_keep_them(files: tuple[RuleFile, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "")
    keep(files, read_files(files, []))
    assert recalled(files) is None
