"""Drift on an index with upload times: who broke it, when, and what takes it back."""

import datetime as dt
import json
import os
import shutil
import subprocess
import sys

import pytest
from datedindex import DatedIndex, lab_of
from installed import ROOT
from wheelhouse import install

from doctor.model import Severity
from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles
from doctor.probe.snapshot import dump_snapshot, take_snapshot
from doctor.render.drift import render_drift, render_drift_json
from doctor.render.page import Page
from doctor.rulebook.rules import Rulebook, Stack
from doctor.stacks.bisect import Timeline
from doctor.stacks.drift import drift
from doctor.stacks.from_nothing_tree import read_tree
from doctor.stacks.recheck import recheck

FEBRUARY, APRIL, JUNE = dt.date(2025, 2, 1), dt.date(2025, 4, 1), dt.date(2025, 6, 1)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))


@pytest.fixture
def dated(tmp_path):
    """An app that asks for bolt without a bound; bolt 1.1 wants a module that the pinned base lacks, 1.2 does not."""
    index = DatedIndex(tmp_path / "index")
    index.add(
        "2025-01-01", "app", "1.0", {"app/__init__.py": "import bolt\nimport free\n"}, ("bolt", "base==1.0", "free")
    )
    index.add("2025-01-01", "base", "1.0", {"base/__init__.py": "x = 1\n"})
    index.add("2025-01-01", "base", "2.0", {"base/__init__.py": "x = 1\n", "base/extra.py": ""})
    index.add("2025-01-01", "bolt", "1.0", {"bolt/__init__.py": "import base\n"}, ("base",))
    index.add("2025-03-05", "bolt", "1.1", {"bolt/__init__.py": "import base.extra\n"}, ("base",))
    index.add("2025-01-01", "free", "1.0")
    index.add("2025-02-15", "free", "1.1")
    yield index
    index.close()


@pytest.fixture
def asked(tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text("app==1.0  # what we install\n--no-cache-dir\n")
    return path


def test_names_who_broke_it_and_the_pin_that_restores_it(dated, asked):
    found = drift(lab_of(dated, asked), FEBRUARY, APRIL)
    (one,) = found.breaks
    assert [(c.name, c.before, c.after) for c in one.culprits] == [("bolt", "1.0", "1.1")]
    assert (one.first, one.first_on, one.pins, one.clean) == ("1.1", "2025-03-05", ("bolt==1.0",), True)
    assert one.finding.severity is Severity.ERROR
    assert one.finding.symbol == "base.extra"
    assert [m.name for m in found.moved] == ["bolt", "free"]
    screen = render_drift(found, (), Page())
    assert "bolt 1.1, uploaded 2025-03-05, broke it" in screen
    assert "restored by  bolt==1.0" in screen
    assert "free 1.0 → 1.1  (2025-02-15)" in screen
    assert "not used: --no-cache-dir" in screen
    value = json.loads(render_drift_json(found, ()))
    assert value["breaks"][0]["pins"] == ["bolt==1.0"]


def test_a_python_that_is_not_here_is_made_up(dated, asked):
    text = "import asyncio, json, ssl\nfrom collections import OrderedDict\nimport tomllib\n"
    dated.add("2025-01-01", "std", "1.0", {"std/__init__.py": text})
    asked.write_text("app==1.0\nstd\n")
    found = drift(lab_of(dated, asked, python="==3.99.*"), FEBRUARY, APRIL)
    assert [one.pins for one in found.breaks] == [("bolt==1.0",)]
    assert [m.name for m in found.moved] == ["bolt", "free"]


def test_nothing_is_said_of_what_works(dated, asked):
    found = drift(lab_of(dated, asked), FEBRUARY, dt.date(2025, 2, 20))
    assert found.breaks == ()
    assert "nothing fails on 2025-02-20 (1 entry" in render_drift(found, (), Page())


def test_what_failed_on_both_days_is_no_drift(dated, asked):
    found = drift(lab_of(dated, asked), dt.date(2025, 3, 10), APRIL)
    assert found.breaks == ()
    assert len(found.both) == 1
    assert "on both days, so no drift: 1 failure" in render_drift(found, (), Page())


def test_the_oldest_version_that_fails_is_named(dated, asked):
    dated.add("2025-03-20", "bolt", "1.1.1", {"bolt/__init__.py": "import base.extra\n"}, ("base",))
    dated.add("2025-03-30", "bolt", "1.1.2", {"bolt/__init__.py": "import base.extra\n"}, ("base",))
    (one,) = drift(lab_of(dated, asked), FEBRUARY, APRIL).breaks
    assert one.culprits[0].after == "1.1.2"
    assert (one.first, one.first_on) == ("1.1", "2025-03-05")


def test_two_breaks_of_which_one_hides_the_other_are_both_named(dated, asked):
    dated.add("2025-03-10", "free", "2.0", {"free/__init__.py": "from base import gone\n"}, ("base",))
    found = drift(lab_of(dated, asked), FEBRUARY, APRIL)
    assert sorted(c.name for one in found.breaks for c in one.culprits) == ["bolt", "free"]
    assert [one.clean for one in found.breaks] == [False, True]


def test_who_is_not_named_by_the_failure_is_found_by_halving(dated, tmp_path):
    dated.add("2025-01-01", "flags", "1.0", {"flags/__init__.py": "NEW = False\n"})
    dated.add("2025-03-01", "flags", "2.0", {"flags/__init__.py": "NEW = True\n"})
    text = "import flags\nif flags.NEW:\n    import base.extra\n"
    dated.add("2025-01-01", "use", "1.0", {"use/__init__.py": text}, ("flags", "base==1.0", "free"))
    asked = tmp_path / "r.txt"
    asked.write_text("use\n")
    (one,) = drift(lab_of(dated, asked), FEBRUARY, APRIL).breaks
    assert [c.name for c in one.culprits] == ["flags"]
    assert one.pins == ("flags==1.0",)


def test_phases_with_their_exact_days(dated, asked):
    dated.add("2025-05-07", "bolt", "1.2", {"bolt/__init__.py": "import base\n"}, ("base",))
    phases = Timeline(lab=lab_of(dated, asked), first=FEBRUARY, last=JUNE).phases()
    told = [(str(p.since), str(p.until), dict(p.versions)["bolt"], bool(p.findings)) for p in phases]
    assert told == [
        ("2025-02-01", "2025-03-04", ("1.0",), False),
        ("2025-03-05", "2025-05-06", ("1.1",), True),
        ("2025-05-07", "2025-06-01", ("1.2",), False),
    ], "the break is in the middle; both ends work"
    screen = render_drift(drift(lab_of(dated, asked), FEBRUARY, JUNE), phases, Page())
    assert "2025-03-05 .. 2025-05-06  1.1   bolt fails (base.extra)" in screen


def test_phases_of_two_breaks_that_come_and_go_apart(dated, asked):
    dated.add("2025-04-01", "base", "3.0")  # watched as soon as it is blamed, and never chosen
    dated.add("2025-05-07", "bolt", "1.2", {"bolt/__init__.py": "import base\n"}, ("base",))
    dated.add("2025-05-03", "free", "2.0", {"free/__init__.py": "from base import gone\n"}, ("base",))
    phases = Timeline(lab=lab_of(dated, asked), first=FEBRUARY, last=JUNE).phases()
    told = [(str(p.since), sorted(f.subjects[0] for f in p.findings)) for p in phases]
    assert told == [
        ("2025-02-01", []),
        ("2025-03-05", ["bolt==1.1"]),
        ("2025-05-03", ["bolt==1.1", "free==2.0"]),
        ("2025-05-07", ["free==2.0"]),
    ]


def test_an_environment_is_compared_as_it_is(dated, tmp_path):
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    for wheel in ("app-1.0", "bolt-1.1", "base-1.0", "free-1.1"):
        install(venv, dated.server.root / f"{wheel}-py3-none-any.whl")
    found = drift(lab_of(dated, venv), FEBRUARY, None)
    assert [m.name for m in found.moved] == ["bolt", "free"]
    (one,) = found.breaks
    assert one.pins == ("bolt==1.0",)
    saved = tmp_path / "venv.json"
    saved.write_text(dump_snapshot(take_snapshot(probe_environment(str(venv)), DiskFiles())))
    shutil.rmtree(venv)
    away = drift(lab_of(dated, saved), FEBRUARY, None)
    assert [one.pins for one in away.breaks] == [("bolt==1.0",)]


def test_a_checkout_is_on_the_path_and_asks_for_itself(dated, tmp_path):
    tree = tmp_path / "tree"
    (tree / "src" / "mine").mkdir(parents=True)
    (tree / "src" / "mine" / "__init__.py").write_text("import bolt\n")
    (tree / "setup.py").write_text(
        "raise SystemExit('never run')\nV = '3.0'\nscripts = []\nscripts.append('mine = mine:main')\n"
        "setup(name=f'my_tree', version=V, package_dir={'': 'src'}, install_requires=['bolt', f'base=={1.0}'],"
        " entry_points={'console_scripts': scripts})\n"
    )
    read = read_tree(str(tree))
    assert (read.name, read.version, read.scripts) == ("my-tree", "3.0", ("mine = mine:main",))
    asked = tmp_path / "r.txt"
    asked.write_text(f"-e {tree}\n")
    (one,) = drift(lab_of(dated, asked), FEBRUARY, APRIL).breaks
    assert one.finding.chain[0] == "mine"


def stack(**more):
    return Stack(
        id="our-stack", path="our-stack.toml", title="ours", explain="x", severity=Severity.NOTE,
        detect=("app==1.0",), pins=("app==1.0", "bolt<1.1"), asks=("app==1.0",), entries=("app",), released="2025-02-01", **more,
    )  # fmt: skip


def test_a_stack_is_resolved_by_what_its_vendor_asks_for(dated):
    book = Rulebook(stacks=(stack(),))
    (one,) = drift(lab_of(dated, "our-stack", rulebook=book), FEBRUARY, APRIL).breaks
    assert one.pins == ("bolt==1.0",)


def test_recheck_proposes_a_rule_that_holds_what_it_says(dated, tmp_path):
    from doctor.rulebook.load import load_bench
    from doctor.rulebook.trial import try_rules

    book = Rulebook(stacks=(stack(),))
    found = recheck(lab_of(dated, "our-stack", rulebook=book), FEBRUARY)
    (proposal,) = found.new
    assert proposal.id == "bolt-1.1-base"
    path = tmp_path / "rules" / "breakages" / f"{proposal.id}.toml"
    path.parent.mkdir(parents=True)
    path.write_text(proposal.text)
    bench = load_bench((str(path),), ())
    assert bench.complaints == ()
    (rule,) = bench.rules
    assert try_rules((rule,), Rulebook(breakages=(rule,)), lambda *_: False) == []
    assert rule.together == ("bolt==1.1", "base==1.0")
    assert {evidence.how for evidence in rule.evidence} == {"read"}
    known = recheck(lab_of(dated, "our-stack", rulebook=Rulebook(stacks=(stack(),), breakages=(rule,))), FEBRUARY)
    assert [identity for _, identity in known.known] == ["bolt-1.1-base"]
    assert known.new == ()


def test_what_was_not_followed_to_its_end_is_not_called_working(dated, tmp_path):
    """A published distribution that seems to lack a part of itself: not believed, so nothing is known behind it."""
    dated.add("2025-01-01", "odd", "1.0", {"odd/__init__.py": "from odd.part import gone\n", "odd/part.py": "x = 1\n"})
    asked = tmp_path / "r.txt"
    asked.write_text("odd\n")
    found = drift(lab_of(dated, asked), FEBRUARY, APRIL)
    assert found.breaks == ()
    screen = render_drift(found, (), Page())
    if found.now.verdict.unknown:
        assert "but 1 of 1 entry could not be followed to the end" in " ".join(screen.split())
    else:
        assert "nothing fails" in screen


def test_verdicts_are_kept_and_serve_without_the_index(dated, asked):
    first = drift(lab_of(dated, asked), FEBRUARY, APRIL)
    dated.server.asked.clear()
    lab = lab_of(dated, asked)
    assert drift(lab, FEBRUARY, APRIL).breaks == first.breaks
    assert lab.judge.looked == 0
    assert [path for path, _ in dated.server.asked if path.endswith(".whl")] == []


def run(dated, *arguments, env=None):
    """The command as users call it, with the test's index in pip's configuration."""
    return subprocess.run(
        [sys.executable, "-m", "doctor", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PIP_INDEX_URL": dated.server.url, "PIP_CONFIG_FILE": os.devnull, **(env or {})},
    )


def test_the_command_says_what_is_wrong_and_what_still_works(dated, asked, tmp_path):
    done = run(dated, "drift", asked, "--worked-on", "2025-02-01", "--today", "2025-04-01", "--format", "json")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["breaks"][0]["uploaded"] == "2025-03-05"
    for wrong, words in (
        (("drift", asked, "--worked-on", "yesterday"), "wants a date such as 2025-11-05"),
        (("drift", asked, "--worked-on", "2999-01-01"), "lies in the future"),
        (("drift", asked, "--worked-on", "2025-02-01", "--today", "2025-01-01"), "lies before"),
        (("drift", "no-such-thing", "--worked-on", "2025-02-01"), "is no stack, environment, requirements file"),
        (("drift", asked, "--worked-on", "2025-02-01", "--python", "three"), "wants a version such as 3.11"),
    ):
        done = run(dated, *wrong)
        assert done.returncode == 2, (wrong, done.stderr)
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    dated.close()
    again = run(dated, "--offline", "drift", asked, "--worked-on", "2025-02-01", "--today", "2025-04-01")
    assert again.returncode == 1, again.stderr
    assert "bolt 1.1, uploaded 2025-03-05, broke it" in again.stdout
    for command in (
        ("drift", asked, "--worked-on", "2025-02-02"),
        ("compat", "bolt", "base"),
        ("stacks", "recheck", "sambanova-metis-client"),
    ):
        done = run(dated, *command, env={"XDG_CACHE_HOME": str(tmp_path / "empty")})
        assert done.returncode == 3, (command, done.stderr)
        assert "cannot be reached" in done.stderr
        assert "acdoctor check" in done.stderr, "what still works"
        assert len(done.stderr.strip().splitlines()) == 1
