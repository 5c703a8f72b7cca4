"""Names of the patient's standard library, asked of its own interpreter."""

from __future__ import annotations

import importlib
import subprocess

import pytest
from probepatient import REAL, interpreters, make_venv

from doctor.probe import stdlib_names as room
from doctor.probe.environment import probe_environment
from doctor.probe.stdlib_names import examine_stdlib, is_standard, stdlib_names


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return probe_environment(str(make_venv(tmp_path_factory.mktemp("own") / "v").path)).interpreter


def test_names_are_those_of_a_fresh_import(ours):
    found = stdlib_names(ours, ["json", "collections.abc", "math", "os.path", "importlib"])
    for module in ("json", "math"):
        ask = f"import {module}; print(*dir({module}))"
        done = subprocess.run([REAL, "-I", "-S", "-c", ask], capture_output=True, text=True, check=True)
        assert found[module] == frozenset(done.stdout.split())
    assert {"Mapping", "Sequence"} <= found["collections.abc"]
    assert "join" in found["os.path"]


def test_one_import_does_not_show_in_another(ours):
    together = stdlib_names(ours, ["xml", "xml.dom", "xml.dom.minidom", "importlib", "importlib.util", "concurrent"])
    assert "dom" not in together["xml"]
    assert "minidom" not in together["xml.dom"]
    assert "util" not in together["importlib"]


def test_failures_have_reasons(ours):
    found = examine_stdlib(ours, ["winreg", "json.nothing", "math"])
    assert found.names["winreg"] is None
    assert "No module named 'winreg'" in found.reasons["winreg"]
    assert found.names["json.nothing"] is None
    assert set(found.reasons) == {"winreg", "json.nothing"}


@pytest.mark.parametrize(
    "name",
    ["numpy", "this", "antigravity", "test.support", "idlelib.run", "unittest.__main__", "", "json;x", "-c", "a b"],
)
def test_nothing_else_is_imported(name, ours):
    assert not is_standard(name, ours)
    assert stdlib_names(ours, [name]) == {}


def test_answers_are_kept(ours, monkeypatch):
    first = stdlib_names(ours, ["string"])
    monkeypatch.setattr(room, "_ask", lambda *_: pytest.fail("asked again"))
    assert stdlib_names(ours, ["string"]) == first
    assert first["string"] == frozenset(dir(importlib.import_module("string")))


def test_all_venvs_of_one_python_share_the_answers(ours, tmp_path, monkeypatch):
    stdlib_names(ours, ["textwrap"])
    other = probe_environment(str(make_venv(tmp_path / "other").path)).interpreter
    monkeypatch.setattr(room, "_ask", lambda *_: pytest.fail("asked again"))
    assert "dedent" in stdlib_names(other, ["textwrap"])["textwrap"]


def test_an_interpreter_that_does_not_answer(tmp_path):
    venv = make_venv(tmp_path / "v")
    interpreter = probe_environment(str(venv.path)).interpreter
    venv.python.unlink()
    assert stdlib_names(interpreter, ["calendar"]) == {}


@pytest.mark.parametrize("python", interpreters())
def test_every_version(python, tmp_path):
    interpreter = probe_environment(str(make_venv(tmp_path / "v", python).path)).interpreter
    found = stdlib_names(interpreter, ["asyncio", "typing"])
    assert ("Self" in found["typing"]) == (interpreter.minor >= (3, 11))
    assert "coroutine" not in found["asyncio"] or interpreter.minor < (3, 11)
