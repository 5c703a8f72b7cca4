"""A real empty environment (copied per test) and the package index server."""

import shutil
import sys
import sysconfig

import pytest
from wheelhouse import server

from doctor.index.index import Index
from doctor.index.settings import IndexSettings
from doctor.system import run

__all__ = ["server"]


@pytest.fixture(scope="session")
def empty_venv(tmp_path_factory):
    """A venv without pip, made once."""
    path = tmp_path_factory.mktemp("venvs") / "empty"
    made = run([sys.executable, "-m", "venv", "--without-pip", str(path)], timeout=60)
    assert made.ok, made.stderr
    return path


@pytest.fixture
def venv(tmp_path, empty_venv):
    """A venv of one's own, with a name that needs care."""
    path = tmp_path / "my ünï venv"
    shutil.copytree(empty_venv, path, symlinks=True)
    return path


@pytest.fixture
def site(venv):
    minor = sysconfig.get_python_version()
    return venv / "lib" / f"python{minor}" / "site-packages"


@pytest.fixture
def index(server, tmp_path):
    return Index(IndexSettings(indexes=(server.url,), timeout=5), tmp_path / "cache")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test reads or fills the cache of the user who runs it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
