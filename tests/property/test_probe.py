"""Whatever the files of a patient hold: a value comes out, never an exception, and never more than was read."""

from __future__ import annotations

import copy
import csv
import email
import functools
import io
import os
import sys
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from doctor.model import Distribution, Environment
from doctor.probe.config import config_base, config_version, read_config, system_site
from doctor.probe.distributions import read_distribution
from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles
from doctor.probe.interpreter import StartFailure, ask, understood
from doctor.probe.metadata import parse_headers
from doctor.probe.records import recorded_files
from doctor.probe.stdlib_names import is_standard

WILD = os.environ.get("ACDOCTOR_FUZZ", "")  # a number: that many examples of each, never the same twice
QUICK = settings(max_examples=int(WILD or 100), deadline=None, derandomize=not WILD, database=None)
FEW = settings(QUICK, max_examples=int(WILD or 60))

FRAGMENTS = (
    b"Name: ", b"name:alpha", b"Version: ", b"Requires-Dist: ", b"Requires-Python: ", b"Tag: ", b"\n", b"\r\n", b"\r",
    b"\n\n", b" ", b"\t", b":", b";", b",", b'"', b"=", b"[", b"]", b"#", b"..", b"/", b"./", b"\0", b"\xff", b"\xef\xbb\xbf",
    b"\xc3\xa9", b"\x1b[2J", b"\xe2\x80\xa8", b"\x0c", b"\x1c", b"1.0", b"9" * 30, b"sha256=", b"import ", b"import os;",
    b"home = ", b"version = ", b"version_info=3.11.4.final.0", b"include-system-site-packages", b"true", b"/usr/bin",
    b"MAPPING = {'a': 'b'}", b"{", b"}", b"(", b"install(", b"(" * 300, b"-" * 2000, b"[" * 3000, b'{"url": "', b"\\u0000",
)  # fmt: skip
BYTES = st.one_of(
    st.binary(max_size=200),
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=6)), max_size=25).map(b"".join),
)
NAMES = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), max_size=20).filter(
    lambda name: len(name.encode()) < 80
)


def _texts_only(found: Distribution) -> None:
    """Every field has the type that the model says."""
    assert isinstance(found.name, str)
    assert isinstance(found.version, str)
    assert all(isinstance(text, str) for text in (*found.requires, *found.wheel_tags, *found.extras, *found.top_level))
    assert all(
        isinstance(part, str) for p in found.entry_points for part in (p.group, p.name, p.value, p.module, p.attr)
    )
    assert all(problem.code and problem.path for problem in found.problems)
    assert isinstance(found.pin, str)


@QUICK
@given(text=st.text(st.sampled_from("Name: x-Version\n\r\t .1éÿ#|"), max_size=60))
@example(text="Name: a\n b\n\tc\nName: d\n\nName: e")
@example(text="Name : a\nVersion:1")
def test_headers_are_those_of_the_email_parser(text):
    ours = parse_headers(text)
    theirs = email.message_from_string(text)
    for key in ("name", "version", "x", "x-version"):
        expected = [str(value).strip() for value in theirs.get_all(key, [])]
        assert [v.split() for v in ours.get(key, ())] == [v.split() for v in expected]


@QUICK
@given(
    metadata=BYTES,
    wheel=BYTES,
    points=BYTES,
    url=BYTES,
    requires=BYTES,
    kind=st.sampled_from(["dist-info", "egg-info"]),
)
def test_a_distribution_of_anything(metadata, wheel, points, url, requires, kind):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"some-1.0.{kind}"
        path.mkdir()
        (path / ("METADATA" if kind == "dist-info" else "PKG-INFO")).write_bytes(metadata)
        for name, body in (
            ("WHEEL", wheel),
            ("entry_points.txt", points),
            ("direct_url.json", url),
            ("requires.txt", requires),
            ("top_level.txt", requires),
            ("INSTALLER", wheel),
        ):
            (path / name).write_bytes(body)
        found = read_distribution(DiskFiles(), folder, str(path), kind)
        assert found is not None
        _texts_only(found)
        assert found.name


@QUICK
@given(record=BYTES, file=st.sampled_from(["RECORD", "installed-files.txt", "SOURCES.txt"]))
def test_a_record_of_anything(record, file):
    with tempfile.TemporaryDirectory() as folder:
        kind = "dist-info" if file == "RECORD" else "egg-info"
        path = Path(folder) / f"some-1.0.{kind}"
        path.mkdir()
        (path / file).write_bytes(record)
        distribution = Distribution(
            name="some", display_name="some", version="1.0", location=folder, metadata_path=str(path), kind=kind
        )
        for recorded in recorded_files(distribution, DiskFiles()):
            assert recorded.path.startswith("/")
            assert os.path.normpath(recorded.path) == recorded.path
            assert recorded.size is None or recorded.size >= 0


ROWS = st.lists(
    st.tuples(
        st.text(st.sampled_from('abé .,"/_-\n'), min_size=1, max_size=12).filter(lambda p: p.strip() == p),
        st.sampled_from(["", "sha256=abc_-", "md5=1"]),
        st.one_of(st.none(), st.integers(0, 10**12)),
    ),
    max_size=8,
)


@QUICK
@given(rows=ROWS, end=st.sampled_from(["\n", "\r\n"]))
def test_what_an_installer_writes_is_read_back(rows, end):
    text = io.StringIO()
    csv.writer(text, lineterminator=end).writerows((p, h, "" if n is None else n) for p, h, n in rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some-1.0.dist-info"
        path.mkdir()
        (path / "RECORD").write_bytes(text.getvalue().encode())
        distribution = Distribution(
            name="some", display_name="some", version="1.0", location=folder, metadata_path=str(path)
        )
        found = recorded_files(distribution, DiskFiles())
    expected = [(os.path.normpath(os.path.join(folder, p)), h, n) for p, h, n in rows]
    assert [(r.path, r.hash, r.size) for r in found] == expected


@QUICK
@given(config=BYTES)
def test_a_configuration_of_anything(config):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pyvenv.cfg"
        path.write_bytes(config)
        found = read_config(DiskFiles(), str(path))
    assert all(isinstance(part, str) and part == part.strip() for pair in found.items() for part in pair)
    assert isinstance(system_site(found), bool)
    assert config_version(found) == "" or config_version(found)[0].isdigit()
    assert config_base(found) == "" or config_base(found).startswith("/")


@FEW
@given(config=BYTES, pth=BYTES, finder=BYTES, link=BYTES, name=NAMES, metadata=BYTES)
def test_an_environment_of_anything(config, pth, finder, link, name, metadata):
    """The whole probe of a venv without an interpreter, all of whose files are made up."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "lib" / "python3.11" / "site-packages"
        site.mkdir(parents=True)
        (Path(folder) / "pyvenv.cfg").write_bytes(b"include-system-site-packages = false\n" + config)
        (site / "a.pth").write_bytes(pth)
        (site / "e.pth").write_text("import __editable___x_finder; x.install()\n")
        (site / "__editable___x_finder.py").write_bytes(finder)
        (site / "l.egg-link").write_bytes(link)
        (site / f"{name}-1.dist-info").mkdir()
        (site / f"{name}-1.dist-info" / "METADATA").write_bytes(metadata)
        (site / f"~{name}").mkdir()
        found = probe_environment(folder, environ={})
    assert isinstance(found, Environment)
    assert found.interpreter is None
    assert found.site_dirs[0] == str(site)
    for distribution in found.distributions:
        _texts_only(distribution)
    assert all(entry.path.startswith("/") for entry in found.search_path)
    assert all(isinstance(part, str) for pair in found.editable.items() for part in pair)


@QUICK
@given(name=st.text(max_size=30))
@example(name="os.path")
@example(name="os; import this")
def test_only_names_of_modules_reach_the_interpreter(name):
    if is_standard(name, _interpreter()):
        assert all(part.isidentifier() for part in name.split("."))


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 10**20), st.floats(), st.text(max_size=5), st.just("9" * 5000)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    [(key,) for key in ("version_info", "markers", "paths", "site", "libc", "suffixes", "pointer_bits", "mac_version")]
    + [("version_info", 1), ("markers", "python_full_version"), ("markers", "implementation_name")]
    + [("paths", "platform"), ("suffixes", 0), ("site", "own"), ("stdlib",), ("depends_on",), ("abiflags",)]
)


@QUICK
@given(changes=st.lists(st.tuples(FIELDS, VALUES), max_size=3), drop=st.lists(FIELDS, max_size=1))
def test_an_interpreter_that_tells_anything(changes, drop):
    document = copy.deepcopy(_facts())
    for where, value in changes:
        _change(document, where, value)
    for where in drop:
        _change(document, where, None, drop=True)
    try:
        told = understood(document)
    except StartFailure as failure:
        assert "\n" not in str(failure)
        return
    assert told.interpreter.minor >= (3, 8)
    assert len(told.interpreter.tags) < 50_000


def _change(document, where, value, *, drop=False):
    """Put a value into a place of a document, or take that place away, if it is still there."""
    for key in where[:-1]:
        document = document.get(key) if isinstance(document, dict) else None
    if isinstance(document, list) and isinstance(where[-1], int):
        document[: where[-1] + 1] = [value]
    elif isinstance(document, dict) and drop:
        document.pop(where[-1], None)
    elif isinstance(document, dict):
        document[where[-1]] = value


@functools.cache
def _facts():
    return ask(sys.executable, os.environ, 60.0)


@functools.cache
def _interpreter():
    return probe_environment(sys.executable).interpreter
