"""A set made by pip-tools on an index as it stood on a day: a real resolver, a real server."""

from __future__ import annotations

import urllib.request

import pytest
from wheelhouse import make_wheel

from doctor.errors import DoctorError, IndexUnavailableError
from doctor.index.index import Index
from doctor.index.settings import IndexSettings
from doctor.model import Severity
from doctor.rulebook.rules import Archive, Cure, Stack
from doctor.stacks import dated_index
from doctor.stacks.compiling import ResolutionError
from doctor.stacks.dated_index import DatedIndex, Target, View, parse_day
from doctor.stacks.locking import make_lock

PYTHON = dated_index.Target(pythons=((3, 11),))


def stack(**changes):
    given = {
        "id": "s",
        "path": "",
        "title": "",
        "explain": "",
        "severity": Severity.NOTE,
        "pins": (),
        "detect": ("app",),
    }
    return Stack(**{**given, "resolved": "2025-06-01", **changes})


@pytest.fixture
def index(server, tmp_path):
    days = {"app-1.0": "2025-01-01", "lib-1.0": "2025-01-01", "lib-1.1": "2025-05-31", "lib-2.0": "2025-06-02"}
    for name, day in days.items():
        project, _, version = name.partition("-")
        path = make_wheel(server.root, project, version, requires=("lib",) if project == "app" else ())
        server.uploads[path.name] = f"{day}T23:00:00Z"
    return Index(IndexSettings(indexes=(server.url,), timeout=5), tmp_path / "cache")


def test_the_set_is_that_of_the_day_with_the_cures_and_the_indexs_own_hashes(index, server, monkeypatch):
    archive = Archive(name="tool", url="https://example.org/tool.zip", reason="nobody but tests needs it")
    cured = stack(cures=(Cure(pin="lib<1.1", reason="1.1 was never good"),), archives=(archive,))
    as_it_was = make_lock(stack(), "app\n", index)
    assert as_it_was.lock.versions == {"app": "1.0", "lib": "1.1"}
    assert make_lock(stack(), "app\n", index, "2025-06-02").lock.versions["lib"] == "2.0"
    monkeypatch.setattr(dated_index, "LARGE", 1)  # now every wheel is one that is handed out hollow
    made = make_lock(cured, "app\n", index)
    assert made.lock.versions == {"app": "1.0", "lib": "1.0"}
    real = {file.filename: file.sha256 for name in ("app", "lib") for r in index.versions(name) for file in r.files}
    assert all(file.sha256 == real[file.filename] for package in made.lock.packages for file in package.files)
    assert "# cured: lib<1.1: 1.1 was never good" in made.requirements
    assert "archive: tool (https://example.org/tool.zip): NOT in this file" in made.requirements
    assert "127.0.0.1" not in made.requirements
    assert made.lock.facts["resolver"] == "pip-tools"


def test_what_cannot_be_satisfied_is_the_resolvers_own_sentence(index):
    with pytest.raises(ResolutionError, match=r"lib>=2\.0|lib"):
        make_lock(stack(), "app\nlib>=2.0\n", index)


def test_without_an_index_it_is_one_sentence(tmp_path):
    nowhere = Index(IndexSettings(indexes=("http://127.0.0.1:9/simple",), timeout=1), tmp_path / "cache")
    with pytest.raises(IndexUnavailableError, match="cannot be reached"):
        make_lock(stack(), "app\n", nowhere)


def test_a_project_without_wheels_that_fit_is_seen_by_its_source(index, server):
    make_wheel(server.root, "odd", "1.0", tag="cp27-cp27m-win32")
    view = View(target=PYTHON, day=parse_day("2026-01-01"))
    with DatedIndex(index, view) as dated:
        assert dated.page("odd") is None
        assert dated.page("nobody") is None
        with urllib.request.urlopen(f"{dated.url}/lib/") as answer:
            assert answer.headers["Content-Type"] == "application/vnd.pypi.simple.v1+json"
        for path in ("simple/nobody/", "files/lib/none.whl", "else/where/x"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(dated.url.removesuffix("simple") + path)


def test_a_day_is_a_day():
    assert parse_day("2025-11-05").isoformat() == "2025-11-05T00:00:00+00:00"
    with pytest.raises(DoctorError, match="no day"):
        parse_day("yesterday")


def test_tags_are_those_of_login_nodes():
    tags = Target(pythons=((3, 8), (3, 11))).tags
    assert {"cp311-cp311-manylinux_2_28_x86_64", "cp38-cp38-manylinux1_x86_64", "py3-none-any"} <= tags
    assert not [tag for tag in tags if "2_34" in tag or "macosx" in tag or "cp312-cp312" in tag]
