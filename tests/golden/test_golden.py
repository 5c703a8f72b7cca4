"""Screens and JSON as files: a change of what users and scripts see shows as a diff of ``screens/``.

``ACDOCTOR_GOLDEN=write pytest tests/golden`` writes them anew; read the diff before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from golden_reports import REPORTS

from doctor.render.json import render_json
from doctor.render.page import Page
from doctor.render.text import render_text

HERE = Path(__file__).parent

PAGES = {
    "80": Page(home="/home/ann"),
    "50-ascii": Page(home="/home/ann", width=50, unicode=False),
    "verbose": Page(home="/home/ann", verbose=True),
    "quiet": Page(home="/home/ann", quiet=True),
    "fix": Page(home="/home/ann", next_step="acdoctor fix"),
}


def _hold(name: str, text: str) -> None:
    path = HERE / "screens" / name
    if os.environ.get("ACDOCTOR_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("report", REPORTS)
def test_screen(report, page):
    _hold(f"{report}.{page}.txt", render_text(REPORTS[report], PAGES[page]))


@pytest.mark.parametrize("report", REPORTS)
def test_json(report):
    _hold(f"{report}.json", render_json(REPORTS[report]))


def test_no_screen_is_kept_for_nothing():
    wanted = {f"{report}.{page}.txt" for report in REPORTS for page in PAGES} | {f"{r}.json" for r in REPORTS}
    assert {path.name for path in (HERE / "screens").iterdir()} == wanted
