"""The strict loader: what it refuses, with which words, and that it complains about everything at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from doctor.errors import RuleError, RuleErrors
from doctor.model import Safety, Severity
from doctor.rulebook.load import all_rules, load_bench, load_rulebook
from doctor.rulebook.rules import Breakage
from doctor.rulebook.sources import builtin_directory

GOOD = """\
schema = 1
id = 'lib-base'
kind = 'breakage'
severity = 'error'
title = 'lib needs base'
explain = 'why'
together = ['Lib_X==1.0', 'base<2']

[[fix]]
install = ['lib-x==1.1']
safety = 'safe'
because = 'newer'

[[evidence]]
on = 2026-11-23
how = 'run'
claim = 'ran'

[[example]]
found = true
installed = ['lib-x==1.0', 'base==1.0']

[[example]]
found = false
installed = ['lib-x==1.1', 'base==1.0']
"""


def write(folder: Path, text: str | bytes, name: str = "lib-base.toml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def complaint(folder: Path) -> str:
    with pytest.raises(RuleError) as caught:
        load_rulebook([str(folder)])
    return str(caught.value)


def test_a_good_rule_is_read(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    rule = next(rule for rule in load_rulebook([str(tmp_path)]).breakages if rule.id == "lib-base")
    assert rule.together == ("Lib_X==1.0", "base<2")
    assert rule.severity is Severity.ERROR
    assert rule.fixes[0].safety is Safety.SAFE
    assert rule.evidence[0].on == "2026-11-23"
    assert [example.found for example in rule.examples] == [True, False]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("schema = 1", "schema = 2", "schema: must be 1"),
        ("schema = 1", "schema = true", "schema: must be a whole number"),
        ("schema = 1\n", "", "schema: must be 1"),
        ("'lib-base'", "'lib-bass'", "id: must be the file's name without .toml, lib-base"),
        ("'lib-base'", "'Lib_Base'", "id: cannot read 'Lib_Base': an id is lower-case letters"),
        ("'breakage'", "'brakage'", "kind: must be one of stack, breakage, native, log"),
        ("kind = 'breakage'", "kind = ['breakage']", "kind: must be one of"),
        ("'error'", "'fatal'", "severity: 'fatal' is not one of error, warning, note"),
        ("severity = 'error'\n", "", "severity: is missing; it must be one of"),
        ("severity", "severty", "severty: unknown key; did you mean severity?"),
        ("explain = 'why'", "explain = ''", "explain: must not be empty"),
        ("explain = 'why'", "explain = 3", "explain: must be a string"),
        ("lib needs base", "lib needs base.", "title: cannot read 'lib needs base.': a title is one line"),
        ("together = ['Lib_X==1.0', 'base<2']", "together = []", "together: must not be empty"),
        ("'base<2'", "'base<<2'", "together[1]: cannot read 'base<<2'"),
        ("'base<2'", "'base[x]<2'", "only a name and versions are allowed here"),
        ("'base<2'", "'base @ https://example.org/b.zip'", "only a name and versions are allowed here"),
        ("'base<2'", "2", "together[1]: must be a string that is not empty"),
        ("together = ['Lib_X==1.0', 'base<2']", "together = 'base<2'", "together: must be a list of strings"),
        ("title =", "marker = 'python_versoin < 3'\ntitle =", "marker: cannot read"),
        ("title =", "where = 'lib.py'\ntitle =", "where: cannot read 'lib.py': not of the form"),
        ("title =", "symbol = 'a..b'\ntitle =", "symbol: cannot read"),
        ("title =", "contract = 'yes'\ntitle =", "contract: must be true or false"),
        ("on = 2026-11-23", "on = 2026-11-23T10:00:00", "evidence[0].on: must be a date"),
        ("on = 2026-11-23", "on = 'yesterday'", "evidence[0].on: must be a date"),
        ("how = 'run'", "how = 'seen'", "evidence[0].how: 'seen' is not one of run, read, report"),
        ("how = 'run'", "how = 'read'", 'fix: a safe fix needs evidence with how = "run"'),
        ("claim = 'ran'", "claim = 'ran'\nclaims = 'ran'", "evidence[0].claims: unknown key; did you mean claim?"),
        ("found = false", "found = true", "one [[example]] that it must leave alone"),
        ("found = true", "found = 1", "example[0].found: must be true or false"),
        ("'base==1.0'", "'base>=1.0'", "example[0].installed[1]: cannot read 'base>=1.0': 'base>=1.0' is not of the form"),
        ("['lib-x==1.1']\nsafety", "['lib-x>=1.1']\nsafety", "fix[0].install[0]: cannot read 'lib-x>=1.1'"),
        ("install = ['lib-x==1.1']\n", "", "fix[0].install: a fix that is not manual installs, reinstalls or removes"),
        ("because = 'newer'", "because = 'newer'\ncommand = 'x'", "fix[0].command: is only for a manual fix"),
        ("[[fix]]", "[fix]", "fix: must be tables written [[fix]]"),
        ("[[example]]", "[[examples]]", "examples: unknown key; did you mean example?"),
        ("title =", "status = 'old'\ntitle =", "status: 'old' is not one of active, retired"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_key(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1) if old != "[[example]]" else GOOD.replace(old, new))
    told = complaint(tmp_path)
    assert words in told
    assert all(line.startswith(str(path)) for line in told.splitlines())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe", "is not text in UTF-8"),
        (b"a = ", "is no valid TOML"),
        (b"a = 1\na = 2", "is no valid TOML"),
        (b"", "kind: must be one of"),
        (b"a = " + b"[" * 4000, "nested too deeply"),
        (b"a = " + b"9" * 5000, "is no valid TOML"),
        (b"#" * 300_000, "has 300000 bytes; a rule has at most 262144"),
        (b"\x00", "is no valid TOML"),
        (b'"\\u001b[31m" = 1\nkind = "breakage"', "\\x1b[31m: unknown key"),
    ],
)
def test_what_is_no_rule_at_all(tmp_path: Path, content: bytes, words: str) -> None:
    write(tmp_path, content)
    told = complaint(tmp_path)
    assert words in told
    assert "\x1b" not in told


def test_all_complaints_of_all_files_come_at_once(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("severity", "severty").replace("'why'", "''"))
    write(tmp_path, b"\xff", "other.toml")
    with pytest.raises(RuleErrors) as caught:
        load_rulebook([str(tmp_path), str(tmp_path / "nowhere")])
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.complaints) == 5
    assert {os.path.basename(one.path) for one in caught.value.complaints} == {"lib-base.toml", "other.toml", "nowhere"}
    assert caught.value.exit_code == 3


def test_places_that_hold_no_rules(tmp_path: Path) -> None:
    assert "there is no such file or directory" in complaint(tmp_path / "nowhere")
    assert "holds no rule" in complaint(tmp_path)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "loop" in complaint(tmp_path / "loop")
    assert "cannot be read" in complaint(tmp_path / ("n" * 5000))


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    assert "is no regular file" in complaint(tmp_path)


def test_a_dangling_link_and_a_directory_named_like_a_rule(tmp_path: Path) -> None:
    (tmp_path / "gone.toml").symlink_to(tmp_path / "nothing")
    (tmp_path / "folder.toml").mkdir()
    told = complaint(tmp_path)
    assert "folder.toml: is no regular file" in told
    assert "gone.toml: cannot be read: No such file or directory" in told


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_no_permission(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    path.chmod(0)
    assert "Permission denied" in complaint(tmp_path)
    tmp_path.chmod(0)
    try:
        assert "Permission denied" in complaint(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_ids_are_unique_over_all_places(tmp_path: Path) -> None:
    taken = next(iter(load_rulebook().breakages)).id
    write(tmp_path / "a", GOOD.replace("'lib-base'", f"'{taken}'"), f"{taken}.toml")
    assert f"id: {taken} is already the id of rules/breakages/{taken}.toml" in complaint(tmp_path / "a")
    write(tmp_path / "b", GOOD)
    write(tmp_path / "c", GOOD)
    with pytest.raises(RuleError, match="is already the id of"):
        load_rulebook([str(tmp_path / "b"), str(tmp_path / "c")])


def test_a_rule_lies_in_the_folder_of_its_kind(tmp_path: Path) -> None:
    write(tmp_path / "stacks", GOOD)
    assert "a rule of this kind and status lies in breakages/, not in stacks/" in complaint(tmp_path)


def test_a_retired_rule_is_read_and_never_used(tmp_path: Path) -> None:
    write(tmp_path / "retired", GOOD.replace("schema = 1", "schema = 1\nstatus = 'retired'"))
    book = load_rulebook([str(tmp_path)])
    assert "lib-base" not in {rule.id for rule in book.breakages}
    assert "lib-base" in book.retired
    assert "lib-base" in {rule.id for rule in all_rules([str(tmp_path)])}


def test_only_the_wanted_kinds(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    book = load_rulebook([str(tmp_path)], kinds=("stack",))
    assert book.stacks
    assert not (book.breakages or book.natives or book.logs)


def test_a_single_file_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    write(tmp_path, b"\xff", "other.toml")
    assert "lib-base" in {rule.id for rule in load_rulebook([str(path)]).breakages}
    readme = write(tmp_path, GOOD, "lib-base.txt")
    assert "ends in .toml" in complaint(readme)


def test_a_changed_copy_of_a_builtin_rule_can_be_proven(tmp_path: Path) -> None:
    original = next(path for path in (builtin_directory() / "breakages").iterdir() if path.suffix == ".toml")
    copy = write(tmp_path, original.read_text().replace("title = '", "title = 'changed "), original.name)
    bench = load_bench([str(copy)])
    assert not bench.complaints
    rule = next(rule for rule in bench.rulebook.breakages if rule.id == original.stem)
    assert isinstance(rule, Breakage)
    assert rule.title.startswith("changed ")


def test_hidden_characters_in_file_names_are_shown_escaped(tmp_path: Path) -> None:
    write(tmp_path, b"\xff", "a\nb\x1b[0m.toml")
    told = complaint(tmp_path)
    assert "a\\nb\\x1b[0m.toml" in told
    assert "\n" not in told
