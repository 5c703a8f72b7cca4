"""The README tells the truth: its commands are the ones that are tested, and each is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from golden_reports import REPORTS
from installed import ROOT, build_wheel, install

from doctor.cli.commands import COMMANDS
from doctor.render.page import Page
from doctor.render.text import render_text

README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELL = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines() if line]
COMMAND_LINES = [line for line in SHELL if line.startswith("acdoctor ")]
NOTHING_TO_TAKE_BACK = ("acdoctor rollback", "acdoctor undo")
"""Run for real, after repairs, in tests/unit/repair; here there was no repair, and they have to say so."""
DEMO, TESTS = (line for line in SHELL if line.startswith("python3.11 "))


def test_ci_runs_the_test_command_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text()
    commands = [line for line in script.splitlines() if line and not line.startswith("#")]
    assert commands == ["set -euo pipefail", 'cd "$(dirname "${BASH_SOURCE[0]}")/.."', TESTS]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_two_commands_need_nothing_but_python_with_venv_and_pip():
    for line in (DEMO, TESTS):
        programs = [part.split()[0] for part in line.split(" && ")]
        assert programs[0] == "python3.11"
        assert all(program.startswith(".venv") for program in programs[1:])
    assert DEMO.endswith("/bin/acdoctor demo"), "tests/unit/cli/test_demo.py runs the demo"
    assert TESTS.endswith("/bin/python tests/run.py")


def test_every_line_of_the_readme_in_a_shell_block_is_tested():
    assert set(SHELL) == {*COMMAND_LINES, DEMO, TESTS}
    assert {line.split()[1] for line in COMMAND_LINES} | {"demo"} >= set(COMMANDS), "each command has an example"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a reader of the README stands: an environment here, one elsewhere, extra rules."""
    base = tmp_path_factory.mktemp("readme")
    acdoctor = install(base, build_wheel(base / "wheel"))
    here = base / "project"
    for path in (here / ".venv", here / "path" / "to" / "venv"):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", path], check=True)
        (site,) = path.glob("lib/python*/site-packages")
        (site / "peft").mkdir()
        (site / "peft" / "__init__.py").write_text("")
        (site / "peft-0.17.1.dist-info").mkdir()
        (site / "peft-0.17.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: peft\nVersion: 0.17.1\n")
        record = "peft/__init__.py,,0\npeft-0.17.1.dist-info/METADATA,,\npeft-0.17.1.dist-info/RECORD,,\n"
        (site / "peft-0.17.1.dist-info" / "RECORD").write_text(record)
    (here / "run.log").write_text("Progress will be logged every 50 steps.\nTraining completed successfully!\n")
    saved = acdoctor("snapshot", here / ".venv", "-o", here / "venv.json")
    assert saved.returncode == 0, saved.stderr
    rules = here / "my-rules" / "breakages"
    rules.mkdir(parents=True)
    source = (ROOT / "rules" / "breakages" / "peft-0.18.0-transformers.toml").read_text()
    mine = source.replace("peft-0.18.0-transformers", "mine")
    (rules / "mine.toml").write_text(mine)
    return here, acdoctor


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_every_command_of_the_readme_runs(folder, line):
    here, acdoctor = folder
    environment = acdoctor.environment({"PATH": f"{acdoctor.script.parent}:/usr/bin:/bin"})
    done = subprocess.run(["sh", "-ec", line], cwd=here, env=environment, capture_output=True, text=True, check=False)
    if line.startswith(NOTHING_TO_TAKE_BACK):
        assert (done.returncode, done.stdout) == (3, "")
        assert "has changed nothing" in done.stderr
        return
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert done.stderr == ""
    assert done.stdout or " -o " in line


def test_the_screen_of_the_readme_is_one_that_the_program_makes():
    (screen,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    assert screen == render_text(REPORTS["one-break"], Page(home="/home/ann", next_step="acdoctor fix"))


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        path = ROOT / target
        assert path.exists(), target
