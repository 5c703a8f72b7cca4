"""Complaints about a rule file name the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from doctor.errors import RuleError
from doctor.rulebook.lines import line_of
from doctor.rulebook.load import load_rulebook

TEXT = """schema = 1
id = 'x'
[[fix]]
safety = 'unsafe'
[[evidence]]
on = 2026-11-23
[[evidence]]
on = 'soon'
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [("id", 2), ("fix[0].safety", 4), ("evidence[1].on", 8), ("evidence[1].claim", 7), ("title", 0), ("", 0)],
)
def test_where_a_key_stands(key: str, line: int) -> None:
    assert line_of(TEXT, key, "must be something else") == line


def test_tomls_own_line_is_believed() -> None:
    assert line_of(TEXT, "", "is no valid TOML: Illegal character (at line 4, column 11)") == 4


def test_what_is_wrong_may_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "half.toml").write_text("schema = 1\nid = 'half'\nkind = 'log'\ntitle = 'x\n")
    with pytest.raises(RuleError, match=r"half\.toml:4: is no valid TOML"):
        load_rulebook((str(tmp_path),), ("log",))
    left_out: list[RuleError] = []
    book = load_rulebook((str(tmp_path),), ("log",), left_out=left_out)
    assert book.logs == load_rulebook(kinds=("log",)).logs
    assert [complaint.line for complaint in left_out] == [4]
