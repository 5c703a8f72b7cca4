"""``check --ask-index``: which versions of a distribution have what an import contract lacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from probepatient import Venv, make_venv
from wheelhouse import make_wheel

from doctor.checks.examine import NO_STACK, Options, examine
from doctor.index.index import open_index
from doctor.model import Finding, Report, Safety
from doctor.triage.having import with_versions
from doctor.triage.wheels import IndexLookup

ROOT = Path(__file__).resolve().parents[3]
LIBRARY = {  # ``old`` was lost in 2.0, ``lib.part`` came in 3.0, ``here`` has always been there
    "1.0": {"lib/__init__.py": "here = old = 1\n"},
    "1.5": {"lib/__init__.py": "here = old = 1\n"},
    "2.0": {"lib/__init__.py": "here = 1\n"},
    "2.5": {"lib/__init__.py": "here = 1\n"},
    "3.0": {"lib/__init__.py": "here = 1\n", "lib/part.py": ""},
    "3.1": {"lib/__init__.py": "here = 1\n", "lib/part.py": ""},
}


@pytest.fixture
def venv(tmp_path, monkeypatch) -> Venv:
    """lib 2.0 is installed; three modules need what it has not."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = make_venv(tmp_path / "venv")
    files = {
        "lib/__init__.py": "here = 1\n",
        "app/__init__.py": "",
        "app/old.py": "from lib import old\n",
        "app/part.py": "import lib.part\n",
        "app/never.py": "import lib\nlib.never\n",
        "app/other.py": "import elsewhere\n",
    }
    for name, text in files.items():
        (made.site / name).parent.mkdir(exist_ok=True)
        (made.site / name).write_text(text)
    made.install("lib", "2.0", RECORD="lib/__init__.py,,9\n")
    record = "".join(f"{n},,{len(t)}\n" for n, t in files.items() if n.startswith("app"))
    made.install("app", "1.0", metadata="Requires-Dist: lib", RECORD=record)
    return made


@pytest.fixture
def house(tmp_path) -> Path:
    folder = tmp_path / "house"
    folder.mkdir()
    for version, files in LIBRARY.items():
        make_wheel(folder, "lib", version, files)
    return folder


def look(venv: Venv) -> Report:
    entries = ("app.old", "app.part", "app.never", "app.other")
    return examine(str(venv.path), Options(stack=NO_STACK, entries=entries))


def by_symbol(report: Report) -> dict[str | None, Finding]:
    return {f.symbol: f for f in report.findings if f.rule == "import-contract"}


def test_the_nearest_versions_that_have_it(venv, house, tmp_path):
    report = look(venv)
    lookup = IndexLookup(open_index(offline=True, find_links=[str(house)], cache_directory=tmp_path / "index"))
    told, complaint = with_versions(report, lookup)
    found, before = by_symbol(told), by_symbol(report)
    assert complaint == ""
    assert found["lib.old"].details[0] == "lib has lib.old last in 1.5"
    assert found["lib.part"].details[0] == "lib has lib.part first in 3.0"
    assert [f.install for f in found["lib.part"].fixes] == [("lib==3.0",)]
    assert [f.install for f in found["lib.old"].fixes] == [("lib==1.5",)]
    assert {fix.safety for f in found.values() for fix in f.fixes} == {Safety.UNSAFE}
    assert "lib==3.0" in found["lib.part"].fixes[0].command
    assert found["lib.never"] == before["lib.never"]
    assert found["elsewhere"] == before["elsewhere"]
    assert [f.key for f in told.findings] == [f.key for f in report.findings]


def test_an_index_that_cannot_be_asked(venv, tmp_path):
    report = look(venv)
    lookup = IndexLookup(open_index(offline=True, cache_directory=tmp_path / "index"))
    told, complaint = with_versions(report, lookup)
    assert told == report
    assert complaint == "The package index cannot be asked, so it is not told which versions would do."


def acdoctor(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "doctor", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=120, check=False)


def test_the_command(venv, house):
    question = ("check", str(venv.path), "--stack", "none", "--entry", "app.part", "--format", "json")
    links = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(house)}
    silent, asked = acdoctor(*question, **links), acdoctor(*question, "--ask-index", **links)
    assert "first in" not in silent.stdout
    (finding,) = (f for f in json.loads(asked.stdout)["findings"] if f["rule"] == "import-contract")
    assert finding["details"][0] == "lib has lib.part first in 3.0"
    assert finding["fixes"][0]["install"] == ["lib==3.0"]
    nobody = acdoctor(*question, "--ask-index", PIP_NO_INDEX="1")
    assert nobody.returncode == 1
    assert nobody.stderr == "acdoctor: The package index cannot be asked, so it is not told which versions would do.\n"
