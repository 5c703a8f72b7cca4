"""`acdoctor check` as scripts and people meet it: options, streams, exit codes."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

import pytest

KEYS = {"schema", "environment", "stack", "findings", "plan", "receipt", "crashed", "exit_code"}
FINDING = {
    "rule", "severity", "subjects", "message", "details", "symbol", "where", "chain", "evidence", "explains", "fixes",
}  # fmt: skip
FIX = {"install", "reinstall", "remove", "safety", "because", "command"}


@pytest.fixture
def broken(venv, distribute):
    """An environment in which an import certainly fails."""
    distribute("provider", "1.0", files={"provider/__init__.py": "old = 1\n"})
    distribute("user", "2.0", requires=["provider>=1"], files={"user/__init__.py": "import provider.new_module\n"})
    return venv


@pytest.fixture
def warned(venv, distribute):
    """An environment with a declared requirement that nothing imports."""
    distribute("provider", "1.0", files={"provider/__init__.py": ""})
    distribute("user", "2.0", requires=["provider>=2"], files={"user/__init__.py": ""})
    return venv


def _json(acdoctor, *arguments, **how):
    done = acdoctor("check", "--format", "json", *arguments, **how)
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert report["exit_code"] == done.returncode
    return report


def test_an_empty_environment_is_healthy(acdoctor, venv):
    done = acdoctor("check", venv)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("✓ healthy · 0 distributions")


def test_the_contract_of_the_json(acdoctor, broken):
    report = _json(acdoctor, broken)
    assert set(report) == KEYS
    assert report["schema"] == "acdoctor.report/1"
    assert set(report["environment"]) == {"path", "python", "platform", "distributions"}
    assert report["environment"]["path"] == str(broken)
    assert report["environment"]["distributions"] == 2
    assert report["stack"] is None
    assert report["exit_code"] == 1
    for finding in report["findings"]:
        assert set(finding) == FINDING
        assert finding["severity"] in ("error", "warning", "note")
        assert all(0 <= index < len(report["findings"]) for index in finding["explains"])
        for fix in finding["fixes"]:
            assert set(fix) == FIX
    first = report["findings"][0]
    assert first["severity"] == "error"
    assert first["subjects"] == ["user==2.0", "provider==1.0"]
    assert first["symbol"] == "provider.new_module"
    assert first["where"] == {"path": "user/__init__.py", "line": 1}


def test_the_same_patient_gives_the_same_bytes(acdoctor, broken):
    first, second = (acdoctor("check", broken, "--format", "json").stdout for _ in range(2))
    assert first == second


def test_an_error_counts_whatever_is_asked(acdoctor, broken):
    assert _json(acdoctor, broken)["exit_code"] == 1
    assert _json(acdoctor, broken, "--fail-on", "note")["exit_code"] == 1


def test_a_warning_counts_only_when_asked(acdoctor, warned):
    assert {f["severity"] for f in _json(acdoctor, warned)["findings"]} == {"warning"}
    assert _json(acdoctor, warned)["exit_code"] == 0
    assert _json(acdoctor, warned, "--fail-on", "warning")["exit_code"] == 1


def test_the_environment_may_be_found_instead_of_named(acdoctor, broken):
    folder = broken.parent
    for arguments, how in (
        ([], {"cwd": folder}),
        ([], {"cwd": "/", "env": {"VIRTUAL_ENV": str(broken)}}),
        (["venv"], {"cwd": folder}),
        ([broken / "bin" / "python"], {"cwd": "/"}),
    ):
        assert _json(acdoctor, *arguments, **how)["environment"]["path"] == str(broken)


def test_global_options_are_the_same_before_and_after_the_command(acdoctor, warned):
    before = acdoctor("--assume", "torch==2.4.0", "-v", "check", warned, "--format", "json")
    after = acdoctor("check", warned, "--format", "json", "-v", "--assume", "torch==2.4.0")
    assert before.stdout == after.stdout
    assert before.returncode == after.returncode == 0


def test_what_is_assumed_counts_as_installed(acdoctor, venv, distribute):
    distribute("user", requires=["host-package>=3"], files={"user/__init__.py": "import host_package.anything\n"})
    assert _json(acdoctor, venv)["findings"]
    report = _json(acdoctor, venv, "--assume", "Host_Package==3.1")
    assert [f for f in report["findings"] if f["severity"] != "note"] == []
    assert report["environment"]["distributions"] == 1


def test_a_report_can_go_to_a_file(acdoctor, broken, tmp_path):
    for form in ("text", "json"):
        target = tmp_path / f"report.{form}"
        done = acdoctor("check", broken, "--format", form, "-o", target)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
        assert target.read_text() == acdoctor("check", broken, "--format", form, "-o", "-").stdout


def test_quiet_says_only_what_counts(acdoctor, broken):
    done = acdoctor("check", broken, "--quiet")
    assert done.returncode == 1
    assert [line[0] for line in done.stdout.splitlines() if not line.startswith(" ")] == ["✗"]


def test_quiet_and_healthy_says_nothing(acdoctor, venv):
    done = acdoctor("-q", "check", venv)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def _in_a_terminal(acdoctor, *arguments, env=None, stream="stdout") -> str:
    """What a person sees whose terminal is that stream."""
    own, other = pty.openpty()
    environment = {**acdoctor.environment(env), "COLUMNS": "60", "TERM": "xterm-256color"}
    streams = {"stdin": other, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: other}
    process = subprocess.Popen([acdoctor.script, *arguments], env=environment, **streams)
    os.close(other)
    seen = b""
    with suppress(OSError):  # how a terminal ends
        while chunk := os.read(own, 65536):
            seen += chunk
    process.wait(timeout=60)
    os.close(own)
    return seen.decode()


def test_colours_on_a_terminal_and_nowhere_else(acdoctor, broken):
    assert "\x1b[" in _in_a_terminal(acdoctor, "check", broken)
    assert "\x1b" not in _in_a_terminal(acdoctor, "check", broken, "--no-color")
    assert "\x1b" not in _in_a_terminal(acdoctor, "--no-color", "check", broken)
    assert "\x1b" not in _in_a_terminal(acdoctor, "check", broken, env={"NO_COLOR": "1"})
    assert "\x1b" not in acdoctor("check", broken).stdout


def test_the_width_of_the_terminal_is_kept(acdoctor, broken):
    seen = re.sub(r"\x1b\[[0-9;]*m", "", _in_a_terminal(acdoctor, "check", broken))
    lines = [line for line in seen.splitlines() if len(line.split()) > 1 and str(broken.parent) not in line]
    assert max(map(len, lines)) <= 60


def test_progress_is_shown_to_those_who_wait_on_a_terminal(acdoctor, venv):
    def says_what_it_does(*arguments):
        return "examining" in _in_a_terminal(acdoctor, "check", venv, *arguments, stream="stderr")

    for name in (venv / "bin").glob("python*"):
        name.unlink()
    (venv / "bin" / "python").write_text("#!/bin/sh\nsleep 2\nexit 1\n")
    (venv / "bin" / "python").chmod(0o755)
    assert says_what_it_does()
    assert not says_what_it_does("--quiet")
    assert acdoctor("check", venv).stderr == "", "no terminal, no progress"


def test_entries_and_depth_are_handed_on(acdoctor, broken):
    assert _json(acdoctor, broken, "--entry", "provider")["exit_code"] == 0
    assert _json(acdoctor, broken, "--entry", "user")["exit_code"] == 1
    assert _json(acdoctor, broken, "--depth", "metadata")["exit_code"] == 0
    assert _json(acdoctor, broken, "--depth", "full")["exit_code"] == 1


def test_the_next_step_is_for_the_same_patient(acdoctor, broken):
    done = acdoctor("check", broken.name, "--assume", "torch==2.4", "--stack", "none", cwd=broken.parent)
    assert "\nNext: acdoctor fix venv --stack none --assume torch==2.4\n" in done.stdout


@pytest.mark.parametrize("seeds", [[], ["--no-pip"], ["--symlinks"], ["--copies"]])
def test_what_virtualenv_makes_is_healthy(acdoctor, tmp_path, seeds):
    """It records ``__pycache__`` directories that it does not make."""
    make = [sys.executable, "-m", "virtualenv", "--quiet", "--no-download", "--no-periodic-update", *seeds]
    subprocess.run([*make, tmp_path / "made"], check=True)
    report = _json(acdoctor, tmp_path / "made", "--depth", "full")
    assert [f["message"] for f in report["findings"] if f["severity"] != "note"] == []


def test_what_venv_makes_is_healthy(acdoctor, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "made"], check=True)
    report = _json(acdoctor, tmp_path / "made", "--depth", "full")
    assert [f["message"] for f in report["findings"] if f["severity"] != "note"] == []
