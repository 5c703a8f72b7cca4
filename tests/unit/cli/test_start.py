"""The first milliseconds of every call, and the two ways to the same help."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import click
import pytest

from doctor import __version__
from doctor.cli.commands import COMMANDS, GLOBAL_OPTIONS, top_help
from doctor.cli.group import make_group
from doctor.cli.main import run


@pytest.mark.parametrize("arguments", [["--version"], ["-V"]])
def test_version_is_what_click_prints(arguments, acdoctor, capfd):
    plain = acdoctor(*arguments)
    assert (plain.returncode, plain.stdout, plain.stderr) == (0, f"acdoctor {__version__}\n", "")
    make_group().main(arguments, prog_name="acdoctor", standalone_mode=False)
    assert capfd.readouterr().out == plain.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["-h"]])
@pytest.mark.parametrize("columns", ["80", "200", "60", "0", "x"])
def test_help_is_what_click_prints(arguments, columns, acdoctor, capfd, monkeypatch):
    plain = acdoctor(*arguments, env={"COLUMNS": columns})
    monkeypatch.setenv("COLUMNS", columns)
    make_group().main(arguments, prog_name="acdoctor", standalone_mode=False)
    assert capfd.readouterr().out == plain.stdout
    assert (plain.returncode, plain.stderr) == (0, "")


def test_every_line_of_the_help_fits():
    assert max(map(len, top_help().splitlines())) <= 78


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_next_to_nothing(option):
    code = (
        "import sys; before = set(sys.modules)\n"
        "from doctor.cli.main import run\n"
        f"assert run([{option!r}]) == 0\n"
        "print(sorted(set(sys.modules) - before), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stderr.strip("[]\n").replace("'", "").split(", "))
    own = {"doctor", "doctor.cli", "doctor.cli.commands", "doctor.cli.main", "doctor.cli.terminal"}
    assert imported <= {"__future__", "gc", *own}


def test_a_command_brings_in_no_importlib_metadata_and_no_rich(acdoctor):
    code = "import sys; from doctor.cli.main import run; run(['check', '--help']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = done.stdout.rpartition("[")[2]
    assert "'click'" in modules
    assert "'importlib.metadata'" not in modules
    assert "'rich" not in modules


@pytest.mark.parametrize("name", COMMANDS)
def test_every_line_of_the_table_leads_to_a_command(name, acdoctor):
    module, _, attribute = COMMANDS[name][0].partition(":")
    assert isinstance(getattr(import_module(module), attribute), click.Command)
    done = acdoctor(name, "--help")
    assert done.returncode == 0
    for flags, _, _ in GLOBAL_OPTIONS:
        assert flags[-1] in done.stdout, "global options are accepted after the command's name too"


def test_unknown_commands_and_options_are_usage_errors(acdoctor):
    for arguments in (["chek"], ["check", "--dept", "full"], ["check", "--depth", "deep"], ["check", "a", "b"], []):
        done = acdoctor(*arguments)
        assert done.returncode == 2, arguments
        assert done.stdout == ""
        assert "Traceback" not in done.stderr


def test_python_m_doctor_is_the_same_command(acdoctor):
    python = acdoctor.script.parent / "python"
    done = subprocess.run([python, "-m", "doctor", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"acdoctor {__version__}\n"


def test_an_unexpected_failure_is_one_sentence_and_with_v_a_traceback(monkeypatch, capsys):
    def fail(arguments):
        raise RuntimeError("evil\x1b[2J\nname")

    monkeypatch.setattr("doctor.cli.group.invoke", fail)
    assert run(["check"]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == ("acdoctor itself failed: RuntimeError: evil\\x1b[2J\\nname (please report; details with -v)\n")
    assert run(["check", "-v"]) == 3
    said = capsys.readouterr()
    assert "Traceback (most recent call last)" in said.err
    assert said.err.endswith("acdoctor itself failed: RuntimeError: evil\\x1b[2J\\nname (please report)\n")
