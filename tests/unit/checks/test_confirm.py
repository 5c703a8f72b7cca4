"""``--confirm``: what is foretold is tried in a real interpreter, and the patient is as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from doctor.checks.confirm import Limits, confirmed, run_entry
from doctor.checks.examine import NO_STACK, Options, examine
from doctor.model import Evidence, Finding, Location, Report, Severity

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def broken(patient):
    """An application whose two modules lack two things of a library, one behind the other."""
    patient.install(
        "app==1.0",
        {"app/__init__.py": "", "app/first.py": "from lib import gone\n", "app/second.py": "import lib\nlib.Missing\n"},
        requires=["lib"],
    )
    patient.install("lib==1.0", {"lib/__init__.py": "here = 1\n"})
    return patient


def look(patient, *entries: str) -> Report:
    return examine(str(patient.path), Options(stack=NO_STACK, entries=entries))


def contracts(report: Report) -> list[Finding]:
    return [f for f in report.findings if f.rule == "import-contract"]


def foretold(symbol: str, entry: str, place: str = "app/__init__.py:1", words: str = "") -> Finding:
    path, _, line = place.partition(":")
    return Finding(
        rule="import-contract", severity=Severity.ERROR, subjects=("app==1.0", "lib==1.0"), message=f"app needs {symbol}",
        evidence=Evidence.STATIC, symbol=symbol, where=Location(path=path, line=int(line)), entries=(entry,),
        details=(words,) if words else (),
    )  # fmt: skip


def with_findings(patient, *findings: Finding) -> Report:
    report = look(patient, "os")
    return Report(environment=report.environment, stack=None, findings=findings)


def test_what_fails_is_confirmed(broken):
    report = look(broken, "app.first", "app.second")
    assert [f.evidence for f in contracts(report)] == [Evidence.STATIC] * 2
    tried, complaint = confirmed(report)
    assert complaint == ""
    assert [f.evidence for f in contracts(tried)] == [Evidence.RAN] * 2
    assert [f.severity for f in contracts(tried)] == [Severity.ERROR] * 2
    by_symbol = {f.symbol: f.details for f in contracts(tried)}
    assert by_symbol["lib.Missing"][:2] == (
        "AttributeError: module 'lib' has no attribute 'Missing'",
        "confirmed: importing app.second in this environment raised it",
    )
    assert "confirmed: importing app.first in this environment raised " in by_symbol["lib.gone"][1]
    assert tried.exit_code == 1


def test_what_works_is_withdrawn_with_the_reason(broken):
    wrong = foretold("lib.other", "lib")
    right = foretold("lib.gone", "app.first", "app/first.py:1")
    folded = foretold("lib.gone", "app.first", "app/first.py:1", "ImportError: cannot import name 'gone' from 'lib'")
    wrong = Finding(**{**{f: getattr(wrong, f) for f in wrong.__slots__}, "explains": (folded.key,)})
    tried, _ = confirmed(with_findings(broken, wrong, right))
    real, note = tried.findings
    assert (real.severity, real.evidence) == (Severity.ERROR, Evidence.RAN)
    assert (note.severity, note.evidence, note.fixes, note.explains) == (Severity.NOTE, Evidence.RAN, (), ())
    assert note.message == "withdrawn, for importing lib works here: app needs lib.other"
    only, _ = confirmed(with_findings(broken, wrong))
    assert only.exit_code == 0


def test_another_failure_confirms_nothing(broken):
    hidden = foretold("lib.behind", "app.first", "app/first.py:7")
    (finding,) = confirmed(with_findings(broken, hidden))[0].findings
    assert (finding.severity, finding.evidence) == (Severity.ERROR, Evidence.STATIC)
    assert finding.details[-1].startswith(
        "not confirmed: importing app.first fails before that, with ImportError: cannot"
    )


def test_who_explains_what_is_kept(broken):
    second = foretold("lib.gone", "app.first", "app/first.py:1")
    first = foretold("lib.other", "app.first", "app/first.py:1", "ImportError: cannot import name 'gone' from 'lib'")
    withdrawn = foretold("lib.x", "lib")
    first = Finding(**{**{f: getattr(first, f) for f in first.__slots__}, "explains": (second.key, withdrawn.key)})
    report, _ = confirmed(with_findings(broken, first, second, withdrawn))
    keys = {f.key for f in report.findings}
    (root,) = (f for f in report.findings if f.explains)
    assert set(root.explains) <= keys
    assert len(root.explains) == 2


@pytest.mark.parametrize(
    ("body", "limits", "reason"),
    [
        ("import time\ntime.sleep(60)\n", Limits(seconds=1.5), "there was no answer within 1.5 s"),
        ("while True: pass\n", Limits(seconds=2), "there was no answer within 2 s"),
        ("x = bytearray(600 * 2**20)\n", Limits(memory=300 * 2**20), "it wanted more than 0.29"),
        ("import os\nos._exit(3)\n", Limits(), "the interpreter ended with code 3 before it was done"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", Limits(), "the interpreter was ended by SIGSEGV"),
        ("while True: print('x' * 100000)\n", Limits(), "it printed more than"),
    ],
    ids=["sleeps", "spins", "memory", "exits", "crashes", "prints"],
)
def test_imports_have_bounds(patient, body, limits, reason):
    patient.install("app==1.0", {"app.py": body})
    report = with_findings(patient, foretold("lib.x", "app"))
    (finding,) = confirmed(report, limits)[0].findings
    assert (finding.severity, finding.evidence) == (Severity.ERROR, Evidence.STATIC)
    assert finding.details[-1].startswith(f"not confirmed: importing app was tried, but {reason}")


def test_all_of_them_have_a_bound(broken):
    report = look(broken, "app.first", "app.second")
    tried, _ = confirmed(report, Limits(all_seconds=-1))
    assert [f.evidence for f in contracts(tried)] == [Evidence.STATIC] * 2
    assert "the time for all of them was over" in contracts(tried)[0].details[-1]


def test_nothing_of_the_user_is_seen_and_nothing_is_left(patient, monkeypatch, tmp_path):
    told = tmp_path / "told.json"
    spy = (
        "import json, os, sys\n"
        "import helper\n"
        "open(os.path.expanduser('~/trace'), 'w').write('x')\n"
        "open('trace', 'w').write('x')\n"
        f"json.dump(dict(os.environ, cwd=os.getcwd()), open({str(told)!r}, 'w'))\n"
    )
    patient.install("app==1.0", {"app.py": spy, "helper.py": ""})
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    for name in ("HF_TOKEN", "https_proxy", "HTTPS_PROXY", "AWS_SECRET_ACCESS_KEY", "PYTHONSTARTUP", "SSH_AUTH_SOCK"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("HOME", str(home))
    environment = look(patient, "os").environment
    before = sorted(str(p) for p in patient.path.rglob("*"))
    assert run_entry("app", environment, Limits()).failures == ()
    seen = json.loads(told.read_text())
    assert "secret" not in seen.values()
    assert seen["HOME"] != str(home)
    assert not Path(seen["HOME"]).exists()
    assert not Path(seen["cwd"]).exists()
    assert sorted(str(p) for p in patient.path.rglob("*")) == before  # no byte code
    assert not (home / "trace").exists()


def test_the_search_path_is_the_one_that_was_examined(patient, monkeypatch, tmp_path):
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "lib.py").write_text("here = 1\n")
    patient.install("app==1.0", {"app.py": "import lib\nlib.here\n"})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "extra")
    assert run_entry("app", look(patient, "app").environment, Limits()).failures == ()


@pytest.mark.parametrize("notebook", [False, True])
def test_of_a_program_only_imports_are_run(broken, tmp_path, notebook):
    text = (
        f"from pathlib import Path\nPath({str(tmp_path / 'was-run')!r}).write_text('')\n"
        "try:\n    import nothing_like_it\nexcept ImportError:\n    pass\nimport lib\nimport app.first\nlib.Missing\n"
        "def f():\n    import app.second\n"
    )
    program = tmp_path / ("work.ipynb" if notebook else "work.py")
    cells = {"cells": [{"cell_type": "code", "source": text.splitlines(keepends=True)}]}
    program.write_text(json.dumps(cells) if notebook else text)
    tried, _ = confirmed(look(broken, str(program)))
    found = {f.symbol: f for f in contracts(tried)}
    assert not (tmp_path / "was-run").exists()
    assert found["lib.gone"].evidence is Evidence.RAN
    assert found["lib.Missing"].evidence is Evidence.STATIC
    assert found["lib.Missing"].details[-1] == f"not run: of {program.name} only the import statements are run"


def test_an_import_of_the_program_that_works_is_withdrawn(broken, tmp_path):
    program = tmp_path / "work.py"
    program.write_text("import lib\nfrom lib import here\n")
    wrong = foretold("lib.here", str(program), f"{program}:2")
    (finding,) = confirmed(with_findings(broken, wrong))[0].findings
    assert finding.message.startswith("withdrawn, for importing work.py works here")


def test_without_an_interpreter(broken):
    report = look(broken, "app.first")
    broken.venv.python.unlink()
    gone = look(broken, "app.first")
    tried, complaint = confirmed(gone)
    assert tried == gone
    assert complaint.startswith("No import was run: its interpreter does not start (")
    assert contracts(report)


def acdoctor(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "doctor", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=120, check=False)


def test_the_command(broken):
    question = ("check", str(broken.path), "--stack", "none", "--entry", "app.first")
    plain, ran = acdoctor(*question), acdoctor(*question, "--confirm")
    assert "confirmed" not in plain.stdout
    assert "confirmed: importing app.first in this environment raised" in ran.stdout
    assert (plain.returncode, ran.returncode, ran.stderr) == (1, 1, "")
    kept = json.loads(acdoctor(*question, "--format", "json").stdout)
    assert {f["evidence"] for f in kept["findings"] if f["rule"] == "import-contract"} == {"static"}
    saved = acdoctor("check", "--snapshot", "nothing.json", "--confirm")
    assert (saved.returncode, saved.stdout) == (2, "")
    assert saved.stderr.count("\n") == 1
