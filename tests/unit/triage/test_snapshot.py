"""A saved environment examined elsewhere: the same verdict as at home, and no word about what cannot be seen."""

from __future__ import annotations

import json
import shutil
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest
from wheelhouse import make_wheel, server

from doctor.checks.examine import Options, examine_environment
from doctor.index.index import Index
from doctor.index.settings import IndexSettings
from doctor.model import Report, Severity
from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles
from doctor.probe.local_imports import outline
from doctor.probe.snapshot import Snapshot, dump_snapshot, parse_snapshot, take_snapshot
from doctor.rulebook.load import load_rulebook
from doctor.system import run
from doctor.triage.snapshot_check import examine_snapshot, machine_findings
from doctor.triage.snapshot_view import UNKNOWN_SOURCE, outlined

__all__ = ["server"]

TAG = sysconfig.get_platform().replace("-", "_").replace(".", "_")
OPTIONS = Options(stack="none")
PROVIDER = {"provider/__init__.py": "", "provider/old.py": "def kept(): pass\n"}
NEEDS_NEW = {"importer/__init__.py": "from provider.new import thing\n"}
BROKEN = [(("importer==1.0", "provider==1.0"), "provider.new")]


@pytest.fixture
def index(server, tmp_path):
    return Index(IndexSettings(indexes=(server.url,), timeout=5), tmp_path / "cache")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))


@pytest.fixture
def venv(tmp_path):
    path = tmp_path / "home" / "janedoe" / "venv"
    made = run([sys.executable, "-m", "venv", "--without-pip", str(path)], timeout=60)
    assert made.ok, made.stderr
    return path


def site(venv: Path) -> Path:
    return venv / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"


def put(venv: Path, wheel: Path) -> None:
    """Install a wheel as an installer does that got it by name: its files, nothing of where it is from."""
    shutil.unpack_archive(wheel, site(venv), "zip")


def saved(venv: Path) -> Snapshot:
    environment, files = probe_environment(str(venv)), DiskFiles()
    text = dump_snapshot(take_snapshot(environment, files, machine_findings(environment, files)))
    return parse_snapshot(text.encode())


def errors(report: Report) -> list[tuple[tuple[str, ...], str | None]]:
    return [(f.subjects, f.symbol) for f in report.findings if f.severity is Severity.ERROR]


def broken_pair(venv: Path, server) -> None:
    put(venv, make_wheel(server.root, "provider", "1.0", files=PROVIDER))
    put(venv, make_wheel(server.root, "importer", "1.0", files=NEEDS_NEW, requires=("provider",)))


def notes(report: Report) -> list[tuple[str, ...]]:
    return [f.subjects for f in report.findings if f.rule == "snapshot-unseen"]


def at_home(venv: Path) -> Report:
    return examine_environment(probe_environment(str(venv)), DiskFiles(), load_rulebook(), OPTIONS)


def test_a_snapshot_shows_the_break_that_the_environment_shows(venv, server, index):
    broken_pair(venv, server)
    assert errors(at_home(venv)) == BROKEN
    snapshot = saved(venv)
    shutil.rmtree(venv)
    report = examine_snapshot(snapshot, OPTIONS, index)
    assert errors(report) == BROKEN
    assert notes(report) == []
    assert report.crashed == ()


def test_of_a_build_that_no_index_has_nothing_is_said(venv, server, index):
    broken_pair(venv, server)
    snapshot = saved(venv)
    (server.root / "provider-1.0-py3-none-any.whl").unlink()
    report = examine_snapshot(snapshot, OPTIONS, index)
    assert errors(report) == []
    assert notes(report) == [("provider==1.0",)]


def test_a_file_that_was_edited_there_may_hold_anything(venv, server, index):
    broken_pair(venv, server)
    (site(venv) / "importer" / "__init__.py").write_text("from provider.newer_still import thing  # edited\n")
    report = examine_snapshot(saved(venv), OPTIONS, index)
    assert errors(report) == []
    assert any(f.rule != "snapshot-unseen" and "importer" in f.subjects[0] for f in report.findings)


def test_a_file_that_is_missing_there_is_missing_here(venv, server, index):
    broken_pair(venv, server)
    (site(venv) / "provider" / "old.py").unlink()
    report = examine_snapshot(saved(venv), OPTIONS, index)
    assert any("provider==1.0" in f.subjects and "old.py" in str(f) for f in report.findings)


def test_imports_are_followed_through_local_code(venv, server, index, tmp_path):
    """What an editable install points to stays where it is; its imports are known."""
    broken_pair(venv, server)
    local = tmp_path / "home" / "janedoe" / "project"
    (local / "mine").mkdir(parents=True)
    (local / "mine" / "__init__.py").write_text("SECRET = 'hunter2hunter2'\nfrom . import deep\n")
    (local / "mine" / "deep.py").write_text(
        "import os\ntry:\n    import not_here\nexcept ImportError:\n    pass\nimport provider.gone\n"
    )
    (site(venv) / "__editable__.mine.pth").write_text(f"{local}\n")
    snapshot = saved(venv)
    text = dump_snapshot(snapshot)
    assert "hunter2" not in text
    assert "janedoe" not in text
    report = examine_snapshot(snapshot, replace(OPTIONS, entries=("mine",)), index)
    found = [f for f in report.findings if f.symbol == "provider.gone"]
    assert [f.where.line for f in found if f.where] == [6]
    assert found[0].chain == ("mine", "mine.deep")


def test_a_known_breakage_is_named_without_the_index(venv, server, tmp_path):
    put(venv, make_wheel(server.root, "peft", "0.18.0"))
    put(venv, make_wheel(server.root, "transformers", "4.45.2"))
    index = Index(IndexSettings(indexes=(server.url,), timeout=5).with_offline(), tmp_path / "cache")
    report = examine_snapshot(saved(venv), OPTIONS, index)
    (found,) = [f for f in report.findings if f.severity is Severity.ERROR]
    assert set(found.subjects) == {"peft==0.18.0", "transformers==4.45.2"}
    assert found.fixes[0].command


def test_large_wheels_are_not_read_whole_for_their_compiled_code(venv, server, index):
    """Compiled code is judged on the machine; elsewhere it is not fetched."""
    native = {"fast/__init__.py": "import fast.core\n", "fast/core.so": bytes(range(256)) * 80_000}
    wheel = make_wheel(server.root, "fast", "1.0", files=native, tag=f"py3-none-{TAG}")
    big = wheel.stat().st_size
    put(venv, wheel)
    report = examine_snapshot(saved(venv), OPTIONS, index)
    assert notes(report) == []
    assert errors(report) != []  # it is no ELF file: the machine said so when the snapshot was made
    assert big > 0


@pytest.mark.parametrize("tail", ["x = 1\n", "import other\n", "def f():\n    import sys; sys.path.append('x')\n"])
def test_an_outline_has_imports_only(tail):
    text = outline(b"from __future__ import annotations\nimport a.b\nfrom .c import d as e\n" + tail.encode())
    source = outlined(text).decode()
    assert source.splitlines()[1:3] == ["import a.b", "from .c import d as e"]
    assert "x = 1" not in text


@pytest.mark.parametrize("text", ["?", "1 import", "x import a", "1 import a; boom(", "-3 import a"])
def test_what_is_no_outline_stands_for_anything(text):
    assert outlined(text) == UNKNOWN_SOURCE


def test_a_path_that_the_code_changes_is_not_trusted(venv, server, index, tmp_path):
    local = tmp_path / "project"
    local.mkdir()
    (local / "tool.py").write_text("import sys\nsys.path.insert(0, 'lib')\nimport found_there\n")
    (site(venv) / "tool.pth").write_text(f"{local}\n")
    report = examine_snapshot(saved(venv), replace(OPTIONS, entries=("tool",)), index)
    assert errors(report) == []


def test_the_file_is_plain_json(venv, server):
    broken_pair(venv, server)
    environment, files = probe_environment(str(venv)), DiskFiles()
    value = json.loads(dump_snapshot(take_snapshot(environment, files)))
    (facts,) = [v for k, v in value["files"].items() if "provider" in k]
    assert facts["roots"] == ["provider"]
