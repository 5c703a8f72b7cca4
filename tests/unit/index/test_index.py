"""The index against a real server, a directory, and its own damaged cache."""

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.tags import sys_tags
from wheelhouse import make_wheel

from doctor.errors import IndexUnavailableError
from doctor.index.index import Index, open_index
from doctor.index.releases import Window, parse_time
from doctor.index.settings import IndexSettings, read_settings, redacted
from doctor.model import Interpreter


def interpreter(version=None):
    return Interpreter(
        executable=sys.executable,
        version=version or platform.python_version(),
        implementation="cpython",
        markers={},
        tags=tuple(str(t) for t in sys_tags()),
        suffixes=(),
        stdlib=(),
        builtins=(),
        stdlib_paths=(),
        prefix="",
        base_prefix="",
        purelib="",
        platlib="",
        scripts="",
        machine="x86_64",
    )


@pytest.fixture
def index(server, tmp_path):
    return Index(IndexSettings(indexes=(server.url,), timeout=5), tmp_path / "cache")


@pytest.mark.parametrize("form", ["json", "html"])
def test_versions_in_order_of_pep440(server, index, form):
    server.form = form
    for version in ("1.10", "1.9", "2.0rc1"):
        make_wheel(server.root, "acme", version)
    assert [r.version for r in index.versions("Acme")] == ["1.9", "1.10", "2.0rc1"]
    assert index.versions("nobody") == ()


def test_candidates_leave_out_what_could_not_be_installed(server, index):
    for version in ("1.0", "1.1", "1.3", "2.0rc1"):
        make_wheel(server.root, "acme", version)
    make_wheel(server.root, "acme", "1.2", tag="cp27-cp27m-win32")
    server.yanked.add("acme-1.1-py3-none-any.whl")
    server.uploads["acme-1.3-py3-none-any.whl"] = "2026-01-01T00:00:00.5Z"
    assert [c.version for c in index.candidates("acme", interpreter())] == ["1.0", "1.3"]
    assert [c.version for c in index.candidates("acme", interpreter(), prereleases=True)] == ["1.0", "1.3", "2.0rc1"]
    old = Window(before=datetime(2025, 6, 1, tzinfo=UTC))
    assert [c.version for c in index.candidates("acme", interpreter(), old)] == ["1.0"]
    assert index.candidates("acme", interpreter("3.7.1")) == ()


def test_unknown_upload_time_is_outside_of_a_window(server, index):
    server.form = "html"
    make_wheel(server.root, "acme", "1.0")
    assert index.candidates("acme", interpreter(), Window(before=datetime(2030, 1, 1, tzinfo=UTC))) == ()


def test_big_wheel_is_read_by_ranges(server, index):
    noise = os.urandom(6_000_000)
    make_wheel(server.root, "big", "1.0", {"big/noise.bin": noise, "big/__init__.py": "y = 2\n"})
    (candidate,) = index.candidates("big", interpreter())
    wheel = index.wheel(candidate.file)
    assert wheel.read("big/__init__.py") == b"y = 2\n"
    assert wheel.metadata()["Name"] == "big"
    reads = [span for path, span in server.asked if path.endswith(".whl")]
    assert reads and all(reads)
    assert len(reads) <= 3
    before = len(server.asked)
    again = Index(index.settings, index.cache.directory)
    assert again.wheel(candidate.file).metadata()["Version"] == "1.0"
    assert len(server.asked) == before


def test_a_large_member_takes_few_requests(server, index):
    noise = os.urandom(6_000_000)
    make_wheel(server.root, "big", "1.0", {"big/noise.bin": noise, "big/__init__.py": "y = 2\n"})
    wheel = index.wheel(index.candidates("big", interpreter())[0].file)
    assert b"".join(wheel.chunks("big/noise.bin")) == wheel.read("big/noise.bin") == noise
    assert len([1 for path, _ in server.asked if path.endswith(".whl")]) <= 10
    before = len(server.asked)
    again = Index(index.settings, index.cache.directory)
    assert again.wheel(wheel.file).read("big/noise.bin") == noise
    assert len(server.asked) == before


def test_server_without_ranges_and_small_wheels(server, index):
    server.ranges = False
    make_wheel(server.root, "big", "1.0", {"big/noise.bin": os.urandom(3_000_000)})
    make_wheel(server.root, "small", "1.0")
    for name in ("big", "small"):
        (candidate,) = index.candidates(name, interpreter())
        assert index.wheel(candidate.file).metadata()["Name"] == name


def test_wrong_hash_is_refused(server, index, tmp_path):
    path = make_wheel(server.root, "acme", "1.0")
    (candidate,) = index.candidates("acme", interpreter())
    make_wheel(server.root, "acme", "1.0", {"acme/__init__.py": "evil = 1\n"})
    with pytest.raises(IndexUnavailableError, match="hash"):
        index.download(candidate.file, tmp_path / "out")
    assert path.exists()
    assert not (tmp_path / "out" / path.name).exists()


def test_damaged_cache_is_rebuilt(server, index):
    make_wheel(server.root, "acme", "1.0")
    index.wheel(index.candidates("acme", interpreter())[0].file).metadata()
    for folder, _, names in os.walk(index.cache.directory):
        for name in names:
            Path(folder, name).write_bytes(b"rubbish")
    fresh = Index(index.settings, index.cache.directory)
    (candidate,) = fresh.candidates("acme", interpreter())
    assert fresh.wheel(candidate.file).metadata()["Name"] == "acme"


def test_page_is_believed_and_then_asked_again(server, index):
    make_wheel(server.root, "acme", "1.0")
    index.versions("acme")
    assert len(server.asked) == 1
    again = Index(index.settings, index.cache.directory)
    assert again.versions("acme")
    assert len(server.asked) == 1
    page = again.cache.path("pages", f"{server.url}/acme/")
    os.utime(page, (1, 1))
    assert Index(index.settings, index.cache.directory).versions("acme")[0].files[0].size
    assert len(server.asked) == 2


def test_busy_server_is_asked_again(server, index):
    make_wheel(server.root, "acme", "1.0")
    server.fail = 1
    assert index.versions("acme")


def test_offline_uses_what_is_here(server, index, tmp_path):
    make_wheel(server.root, "acme", "1.0")
    index.versions("acme")
    local = tmp_path / "links"
    local.mkdir()
    make_wheel(local, "here", "3.0")
    offline = Index(index.settings.with_offline([str(local)]), index.cache.directory)
    (candidate,) = offline.candidates("here", interpreter())
    assert offline.wheel(candidate.file).metadata()["Version"] == "3.0"
    assert offline.candidates("acme", interpreter()) == ()
    with pytest.raises(IndexUnavailableError, match="--offline"):
        offline.transport.get(server.url + "/acme/")


def test_unreachable_index_is_one_sentence(tmp_path):
    index = Index(IndexSettings(indexes=("http://user:secret@127.0.0.1:9/simple",), timeout=0.2), tmp_path)
    with pytest.raises(IndexUnavailableError) as caught:
        index.versions("acme")
    assert "secret" not in str(caught.value)
    assert "cannot be reached" in str(caught.value)


def test_credentials_are_sent_and_never_kept_or_shown(server, tmp_path):
    make_wheel(server.root, "acme", "1.0")
    server.password = "user:p@ss"
    url = server.url.replace("http://", "http://user:p%40ss@")
    index = Index(IndexSettings(indexes=(url,), timeout=5), tmp_path / "cache")
    (candidate,) = index.candidates("acme", interpreter())
    assert index.wheel(candidate.file).metadata()["Name"] == "acme"
    assert "p%40ss" not in repr(index.settings) + repr(candidate)
    for folder, _, names in os.walk(tmp_path / "cache"):
        for name in names:
            assert b"p%40ss" not in Path(folder, name).read_bytes()
    server.password = "other:word"
    with pytest.raises(IndexUnavailableError, match="credentials"):
        Index(index.settings, tmp_path / "cache2").versions("acme")


def test_file_index_and_find_links(tmp_path):
    project = tmp_path / "simple" / "acme"
    project.mkdir(parents=True)
    path = make_wheel(tmp_path, "acme", "1.5")
    (project / "index.html").write_text(f'<a href="../../{path.name}">{path.name}</a>')
    index = Index(IndexSettings(indexes=((tmp_path / "simple").as_uri(),), find_links=(str(tmp_path),)))
    assert [r.version for r in index.versions("acme")] == ["1.5"]
    assert index.wheel(index.versions("acme")[0].files[0]).metadata()["Version"] == "1.5"
    missing = Index(IndexSettings(indexes=(), find_links=(str(tmp_path / "gone"),)))
    with pytest.raises(IndexUnavailableError, match="find-links"):
        missing.versions("acme")


def test_settings_as_pip_reads_them(tmp_path):
    (tmp_path / "home" / ".config" / "pip").mkdir(parents=True)
    (tmp_path / "home" / ".config" / "pip" / "pip.conf").write_text(
        "[global]\nindex-url = https://one/simple/\nextra_index_url = https://two/simple\n    https://three/simple\ntimeout = 7\n"
    )
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "pip.conf").write_text("[install]\nno-index = yes\n[broken\n")
    environ = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_DIRS": str(tmp_path)}
    settings = read_settings(str(tmp_path / "venv"), environ)
    assert settings.indexes == ("https://one/simple", "https://two/simple", "https://three/simple")
    assert settings.timeout == 7
    (tmp_path / "venv" / "pip.conf").write_text("[install]\nno-index = yes\n")
    assert read_settings(str(tmp_path / "venv"), environ).indexes == ()
    environ |= {"PIP_INDEX_URL": "https://env/simple", "PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "/a /b"}
    settings = read_settings(str(tmp_path / "venv"), environ)
    assert settings.indexes[0] == "https://env/simple"
    assert settings.find_links == ("/a", "/b")
    assert read_settings(None, {"PIP_CONFIG_FILE": os.devnull, "HOME": str(tmp_path / "home")}).timeout == 15


def test_redacted():
    assert redacted("https://me:pw@host/simple") == "https://***@host/simple"
    assert redacted("https://host/simple") == "https://host/simple"


def test_parse_time():
    assert parse_time("2026-02-19T05:00:56.027585Z") == datetime(2026, 2, 19, 5, 0, 56, 27585, tzinfo=UTC)
    assert parse_time("2026-02-19") == datetime(2026, 2, 19, tzinfo=UTC)
    assert parse_time("soon") is None


@pytest.mark.network
def test_the_configured_index_answers(tmp_path):
    index = open_index(cache_directory=tmp_path)
    found = index.candidates("sampleproject", interpreter())
    assert found
    assert index.metadata(found[-1].file)["Name"].lower() == "sampleproject"
