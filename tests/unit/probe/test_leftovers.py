"""What interrupted installers leave, and what only looks like it."""

from __future__ import annotations

import pytest
from probepatient import make_venv

from doctor.probe.environment import probe_environment


@pytest.fixture
def venv(tmp_path):
    return make_venv(tmp_path / "v")


def leftovers(venv) -> list[tuple[str, str, str]]:
    found = probe_environment(str(venv.path)).leftovers
    return [(leftover.path.rpartition("/")[2], leftover.kind, leftover.of) for leftover in found]


def test_an_interrupted_uninstall(venv):
    venv.install("numpy", "1.26.0")
    for name in ("~umpy", "~umpy-1.26.0.dist-info", "~~nknown"):
        (venv.site / name).mkdir()
    assert leftovers(venv) == [
        ("~umpy", "interrupted-uninstall", "numpy"),
        ("~umpy-1.26.0.dist-info", "interrupted-uninstall", "numpy"),
        ("~~nknown", "interrupted-uninstall", ""),
    ]


def test_metadata_that_is_gone(venv):
    (venv.site / "alpha-1.0.dist-info").mkdir()
    (venv.site / "alpha-1.0.dist-info" / "RECORD").write_text("")
    (venv.site / "beta-2.0.egg-info").mkdir()
    assert leftovers(venv) == [
        ("alpha-1.0.dist-info", "metadata-missing", "alpha"),
        ("beta-2.0.egg-info", "metadata-missing", "beta"),
    ]
    assert probe_environment(str(venv.path)).distributions == ()


def test_directories_in_which_only_byte_code_is_left(venv):
    cache = venv.site / "gone" / "sub" / "__pycache__"
    cache.mkdir(parents=True)
    (cache / "x.cpython-311.pyc").write_bytes(b"")
    (venv.site / "empty").mkdir()
    assert leftovers(venv) == [("empty", "cache-only", "empty"), ("gone", "cache-only", "gone")]


def test_what_is_in_use(venv, tmp_path):
    namespace = venv.site / "google" / "cloud" / "thing"
    namespace.mkdir(parents=True)
    (namespace / "__init__.py").write_text("")
    (venv.site / "data").mkdir()
    (venv.site / "data" / "model.bin").write_text("")
    (venv.site / "sourceless").mkdir()
    (venv.site / "sourceless" / "__init__.pyc").write_bytes(b"")
    (venv.site / "__pycache__").mkdir()
    (venv.site / "no-module").mkdir()
    (venv.site / "linked").symlink_to(tmp_path)
    (venv.site / "round").symlink_to("round")
    (venv.site / "stray" / "__pycache__").mkdir(parents=True)
    (venv.site / "stray" / "__pycache__" / "notes.txt").write_text("")
    assert leftovers(venv) == []
