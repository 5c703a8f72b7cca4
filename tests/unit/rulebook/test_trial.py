"""The trial finds every kind of rule that does not keep what it says: each case here is one that must fail."""

from __future__ import annotations

from pathlib import Path

from doctor.rulebook.load import load_bench
from doctor.rulebook.rules import LogRule
from doctor.rulebook.trial import Failure, try_rules

HEAD = """\
schema = 1
id = '{id}'
kind = '{kind}'
title = 'title'
explain = 'why'
"""
TAIL = """
[[evidence]]
on = 2026-11-23
how = 'run'
claim = 'ran'
"""
PINS = """
[[example]]
found = true
installed = ['aa==1.0', 'bb==1.0']
[[example]]
found = false
installed = ['aa==2.0', 'bb==1.0']
"""


def contains(rule: LogRule, text: str) -> bool:
    return rule.pattern in text


def failures(folder: Path, **rules: str) -> list[Failure]:
    for name, text in rules.items():
        kind, _, body = text.partition("\n")
        (folder / f"{name}.toml").write_text(HEAD.format(id=name, kind=kind) + body)
    bench = load_bench([str(folder)])
    assert not bench.complaints
    return try_rules(bench.rules, bench.rulebook, contains)


def breakage(together: str, fix: str = "", examples: str = PINS) -> str:
    return f"breakage\nseverity = 'error'\ntogether = {together}\n{fix}\n{TAIL}{examples}"


def fix(deed: str) -> str:
    return f"[[fix]]\n{deed}\nsafety = 'unsafe'\nbecause = 'x'"


def test_what_keeps_its_word(tmp_path: Path) -> None:
    assert failures(tmp_path, one=breakage("['aa==1.0', 'bb<2']", fix("install = ['bb==2.0']"))) == []


def test_an_example_that_is_not_found(tmp_path: Path) -> None:
    (failure,) = failures(tmp_path, one=breakage("['aa==1.5', 'bb<2']"))
    assert failure == Failure(rule="one", complaint="example[0] is not found")


def test_an_example_that_should_be_left_alone(tmp_path: Path) -> None:
    (failure,) = failures(tmp_path, one=breakage("['bb<2']"))
    assert "example[1] is found, but should be left alone" in failure.complaint


def test_a_fix_that_does_not_clear(tmp_path: Path) -> None:
    (failure,) = failures(tmp_path, one=breakage("['aa==1.0', 'bb<2']", fix("install = ['bb==1.5']")))
    assert failure.complaint == "fix[0] does not clear example[0]"
    assert failures(tmp_path, one=breakage("['aa==1.0', 'bb<2']", fix("remove = ['BB']"))) == []


def test_a_fix_that_wakes_another_rule(tmp_path: Path) -> None:
    other = PINS.replace("'bb==1.0'", "'bb==2.0'", 1)
    (failure,) = failures(
        tmp_path,
        one=breakage("['aa==1.0', 'bb<2']", fix("install = ['bb==2.0']")),
        two=breakage("['aa==1.0', 'bb>=2']", examples=other),
    )
    assert failure == Failure(rule="one", complaint="fix[0] on example[0] wakes two")


def stack(body: str) -> str:
    return f"stack\n{body}{TAIL}{PINS}"


def test_stacks(tmp_path: Path) -> None:
    assert failures(tmp_path, s=stack("detect = ['aa==1.0']\npins = ['aa==1.0', 'bb==1.0']\n")) == []
    (failure,) = failures(tmp_path, s=stack("detect = ['aa==1.0']\npins = ['aa==1.0', 'bb==1.0', 'BB<2']\n"))
    assert failure.complaint == "pins bb more than once"
    (failure,) = failures(tmp_path, s=stack("detect = ['aa==1.0']\npins = ['aa==1.1']\n"))
    assert failure.complaint == "detects by aa==1.0, but pins another version"
    (failure,) = failures(
        tmp_path,
        s=stack("detect = ['aa==1.0']\npins = ['aa==1.0', 'bb==1.0']\n"),
        b=breakage("['aa==1.0', 'bb<2']"),
    )
    assert failure == Failure(rule="s", complaint="its pins break by the rule b")


def test_natives(tmp_path: Path) -> None:
    body = "native\nwhen = 'aa<2'\nmodule = 'aa._c'\nnames = ['x']\n"
    assert failures(tmp_path, n=body + TAIL + PINS) == []
    (failure,) = failures(tmp_path, n=body.replace("aa<2", "aa>=2") + TAIL + PINS.replace("aa==2.0", "aa==0.5"))
    assert failure.complaint == "example[0] is not found"


def log(pattern: str, extra: str = "") -> str:
    texts = "[[example]]\nfound = true\ntext = 'xaaaay'\n[[example]]\nfound = false\ntext = 'b'\n"
    return f"log\nseverity = 'note'\ncategory = 'wait'\npattern = '{pattern}'\n{extra}\n{TAIL}{texts}"


def test_logs(tmp_path: Path) -> None:
    assert failures(tmp_path, one=log("aaaa")) == []
    assert [one.complaint for one in failures(tmp_path, one=log("zzz"))] == ["example[0] is not found"]
    (failure,) = failures(tmp_path, one=log("aaaa", "explains = ['nobody']"))
    assert failure.complaint == "explains nobody, which is no log rule"


def test_a_pattern_that_takes_too_long(tmp_path: Path) -> None:
    (failure,) = failures(tmp_path, one=log("aaaa", "unless = 'a+a+y'"))
    assert failure.complaint.startswith("a search with its unless takes ")


def test_a_retired_rule_proves_nothing(tmp_path: Path) -> None:
    text = breakage("['aa==1.5']").replace("severity", "status = 'retired'\nseverity")
    assert failures(tmp_path, one=text) == []
