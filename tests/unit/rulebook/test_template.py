"""The file of ``rules new``: refused while it has blanks, each of them named; accepted when they are filled in."""

from __future__ import annotations

from pathlib import Path

import pytest

from doctor.errors import RuleError
from doctor.rulebook.load import load_rulebook
from doctor.rulebook.sources import KINDS
from doctor.rulebook.template import template

FILLED = {
    "title = ''": "title = 'lib breaks'",
    "explain = '''\n'''": "explain = '''\nbecause\n'''",
    "claim = '''\n'''": "claim = '''\nran\n'''",
    "together = ['']": "together = ['lib==1.0']",
    "install = ['']": "install = ['lib==1.1']",
    "because = ''": "because = 'newer'",
    "installed = ['']": "installed = ['lib==1.0']",
    "detect = ['']": "detect = ['lib==1.0']",
    "pins = ['']": "pins = ['lib==1.0']",
    "entries = ['']": "entries = ['lib']",
    "when = ''": "when = 'lib==1.0'",
    "module = ''": "module = 'lib._native'",
    "callable = ''": "callable = 'Reader'",
    "message = ''": "message = 'no'",
    "pattern = ''": "pattern = 'no'",
    "category = ''": "category = 'wait'",
    "advice = ['']": "advice = ['wait']",
    "text = '''\n'''": "text = '''\nno\n'''",
}


@pytest.mark.parametrize("kind", KINDS)
def test_blanks_are_refused_and_filled_ones_accepted(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "lib-1.0.toml"
    text = template(kind, "lib-1.0", "lib-1.0.toml", "2026-11-23")
    path.write_text(text)
    with pytest.raises(RuleError) as caught:
        load_rulebook([str(path)])
    told = str(caught.value)
    assert "unknown key" not in told
    for blank, filled in FILLED.items():
        if blank in text and not blank.startswith(("explain", "claim", "text")):
            assert blank.split(" ")[0] in told, blank
        text = text.replace(blank, filled)
    path.write_text(text)
    book = load_rulebook([str(path)])
    assert "lib-1.0" in {rule.id for rules in (book.breakages, book.stacks, book.natives, book.logs) for rule in rules}
