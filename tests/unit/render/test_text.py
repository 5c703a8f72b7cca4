"""What every screen must keep, whatever the report says."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from golden_reports import ENVIRONMENT, HOSTILE, PEFT, REPORTS
from hypothesis import given
from hypothesis import strategies as st

from doctor.model import Crash, Evidence, Finding, Fix, Location, Report, Severity
from doctor.render.escape import encodable, shown
from doctor.render.fold import causes
from doctor.render.json import render_json
from doctor.render.page import Page
from doctor.render.text import render_text

CONTROL = re.compile(r"[^\n -~\u00a1-\U0010ffff]|[\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("width", [40, 60, 80, 132])
def test_lines_stay_within_the_width_but_for_commands_and_long_words(name, width):
    page = Page(width=width, home="/home/ann")
    commands = {fix.command for finding in REPORTS[name].findings for fix in finding.fixes}
    commands.add("Next: run the command below the cure, then acdoctor check again")
    for line in render_text(REPORTS[name], page).splitlines():
        longest_word = max(map(len, line.split()), default=0)
        assert len(line) <= width or line.strip() in commands or longest_word > width - 25, line


def test_one_break_fits_a_small_terminal():
    lines = render_text(REPORTS["one-break"], Page()).splitlines()
    assert len(lines) <= 23
    assert PEFT.message in lines[3], "what a person needs first stands first"
    assert "Next: " in lines[-1]


@pytest.mark.parametrize("name", REPORTS)
def test_colours_add_nothing_but_colours(name, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    page = Page(home="/home/ann")
    painted = render_text(REPORTS[name], replace(page, color=True))
    assert ANSI.sub("", painted) == render_text(REPORTS[name], page)
    assert ("\x1b[" in painted) == bool(painted)


@pytest.mark.parametrize("page", [Page(), Page(verbose=True), Page(quiet=True), Page(unicode=False)])
def test_hostile_names_are_shown_escaped(page):
    text = render_text(REPORTS["hostile"], page)
    assert not CONTROL.search(text)
    assert r"evil\x1b]0;owned\x07" in text
    assert r"two\nlines" in text
    assert r"\u202eexe.txt" in text


def test_json_is_pure_ascii_and_loses_nothing():
    text = render_json(REPORTS["hostile"])
    assert text.isascii()
    assert not re.search(r"[^\n -~]", text)
    assert r"evil\u001b]0;owned\u0007" in text
    assert r"two\nlines==\\x80" in text


@given(st.text(st.characters(codec=None, categories=None), max_size=60))
def test_whatever_a_name_holds_it_stays_on_one_printable_line(name):
    assert shown(name).isprintable()
    encodable(name).encode()
    finding = replace(HOSTILE, message=name, subjects=(name,), details=(name,), chain=(name, name), symbol=name)
    report = Report(environment=replace(ENVIRONMENT, path=f"/{name}"), stack=name, findings=(finding,))
    for page in (Page(), Page(quiet=True, verbose=True)):
        assert not CONTROL.search(render_text(report, page))
    assert render_json(report).isascii()


def test_long_names_are_shortened_on_the_screen_only():
    finding = replace(PEFT, message="x" * 100_000)
    report = Report(environment=None, stack=None, findings=(finding,))
    assert len(render_text(report, Page())) < 5_000
    assert "x" * 100_000 in render_json(report)


def _finding(name: str, severity: Severity = Severity.ERROR, explains: tuple[Finding, ...] = ()) -> Finding:
    return Finding(
        rule="r", severity=severity, subjects=(name,), message=name, evidence=Evidence.STATIC,
        explains=tuple(f.key for f in explains),
    )  # fmt: skip


def test_consequences_are_folded_under_their_root_through_every_level():
    leaf = _finding("leaf", Severity.NOTE)
    middle = _finding("middle", explains=(leaf,))
    root = _finding("root", Severity.WARNING, explains=(middle,))
    found = causes((middle, root, leaf))
    assert [cause.finding.message for cause in found] == ["root"]
    assert {f.message for f in found[0].folded} == {"middle", "leaf"}
    assert found[0].severity is Severity.ERROR, "an error is never hidden under a warning"


def test_findings_that_explain_each_other_are_not_lost():
    one = _finding("one")
    two = _finding("two", explains=(one,))
    one = replace(one, explains=(two.key,))
    found = causes((one, two))
    assert [cause.finding.message for cause in found] == ["one"]
    assert [f.message for f in found[0].folded] == ["two"]


@given(st.lists(st.sets(st.integers(0, 7)), min_size=8, max_size=8))
def test_every_finding_is_somewhere(graph):
    names = [_finding(f"f{number}") for number in range(8)]
    findings = tuple(
        replace(finding, explains=tuple(names[target].key for target in sorted(graph[number])))
        for number, finding in enumerate(names)
    )
    found = causes(findings)
    assert {f.message for c in found for f in (c.finding, *c.folded)} == {f.message for f in findings}
    assert all(cause.finding not in cause.folded for cause in found)


def test_nothing_is_healthy_when_a_check_crashed():
    report = replace(REPORTS["healthy"], crashed=(Crash(check="files", reason="boom"),))
    assert "healthy" not in render_text(report, Page())
    assert "files could not finish: boom" in render_text(report, Page(quiet=True))


def test_a_place_is_said_once():
    text = render_text(REPORTS["one-break"], Page())
    assert text.count("peft/tuners/lora/model.py:26") == 1
    lonely = replace(PEFT, details=(), where=Location(path="peft/x.py", line=7))
    assert "at peft/x.py:7" in render_text(replace(REPORTS["one-break"], findings=(lonely,)), Page())


def test_safe_cures_come_first_and_more_are_counted():
    fixes = (*PEFT.fixes, Fix(install=("peft==9",)), Fix(install=("peft==10",)))
    text = render_text(replace(REPORTS["one-break"], findings=(replace(PEFT, fixes=fixes),)), Page())
    assert text.index("cure  peft==0.17.1") < text.index("  or  peft==0.18.1")
    assert "2 more ways with -v" in text
    assert "pip install peft==0.18.1" not in text, "one command to copy, that of the best cure"
