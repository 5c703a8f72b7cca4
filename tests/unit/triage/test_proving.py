"""Cures that can be proven: both sides asked, the rest of the environment heard, the Python minded."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

import pytest
from pastes import KNOWLEDGE, SITE, ask, trace
from wheelhouse import make_wheel

from doctor.errors import IndexUnavailableError
from doctor.index.index import open_index
from doctor.triage.asking import asked_for, bounded, moved
from doctor.triage.lookup import Use
from doctor.triage.missing import Missing
from doctor.triage.sdists import sdist_text
from doctor.triage.search import Search
from doctor.triage.statements import still_uses
from doctor.triage.wheels import IndexLookup

GONE = Missing(kind="name", module="base.old", symbol="gone")


def use(missing: Missing = GONE, source: str = "from base.old import gone") -> Use:
    return Use(file="app/core.py", source=source, missing=missing)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from base.old import gone\n", True),
        ("import base.old\nx = base.old.gone\n", True),
        ("from base.old import kept\n", False),
        ("try:\n    from base.new import gone\nexcept ImportError:\n    from base.old import gone\n", False),
        ("def f():\n    from base.old import gone\n", True),
        ("class A:\n    x = old.gone\n", True),
        ("from other import gone\n", False),
        ("def broken(:\n", None),
    ],
)
def test_a_file_still_asks_for_it_or_does_without(text: str, expected: bool | None) -> None:
    assert still_uses(text, use()) is expected


def test_what_an_object_lacks_is_looked_for_by_its_line() -> None:
    missing = Missing(kind="attribute", module="Engine", symbol="execute")
    line = use(missing, "return self.engine.execute(sql)  # old")
    assert still_uses("class A:\n    def f(self):\n        return self.engine.execute(sql)\n", line) is True
    assert still_uses("class A:\n    def f(self):\n        return self.connect().execute(sql)\n", line) is False


def test_a_module_is_asked_for_by_any_import_of_it() -> None:
    missing = Missing(kind="module", module="base.old")
    assert still_uses("from base import old\n", use(missing)) is True
    assert still_uses("from base.old.deep import x\n", use(missing)) is True
    assert still_uses("from base import older\n", use(missing)) is False


@pytest.mark.parametrize(
    ("message", "needs"),
    [
        ("Missing optional dependency 'openpyxl'.  Use pip or conda to install openpyxl.", ("openpyxl",)),
        ("requires the SentencePiece library but it was not found in your environment.", ("SentencePiece",)),
        ("run `pip install 'accelerate>=0.26.0'`", ("accelerate>=0.26.0",)),
        ("To support encoding audio data, please install 'soundfile'.", ("soundfile",)),
        ("the package flash_attn seems to be not installed.", ("flash_attn",)),
        ("please install the latest version", ()),
        ("nothing to see", ()),
    ],
)
def test_what_a_message_asks_for(message: str, needs: tuple[str, ...]) -> None:
    assert asked_for(message) == needs


def test_bounds_and_moves_in_messages() -> None:
    found = bounded("Numba needs NumPy 2.0 or less. Got NumPy 2.1.")
    assert found
    assert (found.need, found.have) == ("numpy<=2.0", "numpy==2.1")
    assert bounded("needs more. Got less") is None
    assert moved("`BaseSettings` has been moved to the `pydantic-settings` package.") == ("", "BaseSettings")
    assert moved("jax.tree_map was removed in JAX v0.6.0: use jax.tree.map") == ("jax", "tree_map")
    assert moved("init is no longer a top-level attribute of the pinecone package.") == ("", "init")
    assert moved("the column was dropped") is None
    told = bounded("This grpc is at version 1.70.0. Please upgrade your grpc module to grpcio>=1.78.0 or less.")
    assert told
    assert told.need == "grpcio>=1.78.0"
    assert moved("the file has been moved") is None


def test_a_search_steps_through_release_series() -> None:
    versions = [f"1.{minor}.{patch}" for minor in range(9) for patch in range(9)]
    looked = Search(versions, lambda at: versions[at] < "1.3")
    here = versions.index("1.4.5")
    assert looked.around(here) == ("1.2.8", "")
    assert len(looked.looked()) <= 8


def test_a_search_goes_up_where_the_newest_cannot_tell() -> None:
    versions = [f"1.{minor}.{patch}" for minor in range(6) for patch in range(3)]
    looked = Search(versions, lambda at: None if at == len(versions) - 1 else versions[at] >= "1.2.1")
    assert looked.around(versions.index("1.1.1")) == ("", "1.2.1")


def sdist(files: dict[str, str]) -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return body.getvalue()


def test_a_source_archive_is_read_like_a_wheel() -> None:
    text = sdist_text(sdist({"old-1.0/src/old/__init__.py": "x = 1\n", "old-1.0/setup.py": "boom()\n"}))
    assert text.has_module("old")
    assert text.read("old/__init__.py") == "x = 1\n"
    with pytest.raises(IndexUnavailableError):
        sdist_text(b"no archive")


@pytest.fixture
def lookup(tmp_path) -> IndexLookup:
    """An index of two distributions: base lost a name in 2.0, app does without it from 1.2 on."""
    for version, body in (("1.0", "gone = 1\n"), ("1.9", "gone = 1\n"), ("2.0", "kept = 1\n")):
        make_wheel(tmp_path, "base", version, files={"base/__init__.py": "", "base/old.py": body})
    for version in ("1.0", "1.1"):
        make_wheel(
            tmp_path, "app", version, files={"app/__init__.py": "", "app/core.py": "from base.old import gone\n"}
        )
    make_wheel(tmp_path, "app", "1.2", files={"app/__init__.py": "", "app/core.py": "from base.old import kept\n"})
    make_wheel(tmp_path, "strict", "3.0", requires=("base>=2",))
    make_wheel(tmp_path, "onlynew", "1.0", tag="cp313-cp313-any")
    return IndexLookup(open_index(offline=True, find_links=(str(tmp_path),)))


PASTE = trace(
    "app.py|1|<module>|import app",
    f"{SITE}/app/core.py|1|<module>|from base.old import gone",
    last=f"ImportError: cannot import name 'gone' from 'base.old' ({SITE}/base/old.py)",
)


def fixes(text: str, lookup: IndexLookup) -> tuple[list[tuple[str, ...]], str]:
    (one,) = ask(text, replace(KNOWLEDGE, lookup=lookup)).diagnoses
    return [fix.install for fix in one.finding.fixes], one.sure


def test_both_sides_are_offered(lookup: IndexLookup) -> None:
    assert lookup.mended("app", use(), "1.0", "") == "1.2"
    assert lookup.mended("app", use(), "1.2", "") == ""
    assert fixes(PASTE + "\n\napp==1.0\nbase==2.0\n", lookup) == ([("base==1.9",), ("app>=1.2",)], "certain")


def test_a_cure_that_another_distribution_forbids_stands_last(lookup: IndexLookup) -> None:
    text = PASTE + "\n\napp==1.0\nbase==2.0\nstrict==3.0\n"
    assert fixes(text, lookup) == ([("app>=1.2",), ("base==1.9",)], "certain")
    (one,) = ask(text, replace(KNOWLEDGE, lookup=lookup)).diagnoses
    assert any("strict==3.0 asks for base>=2" in detail for detail in one.finding.details)


def test_a_version_without_a_wheel_for_the_python_is_no_sure_cure(lookup: IndexLookup) -> None:
    assert lookup.installable("onlynew", "1.0", "3.11") is False
    assert lookup.installable("onlynew", "1.0", "3.13") is True
    assert lookup.installable("base", "1.9", "3.11") is True
    assert lookup.installable("base", "1.9", "") is None
    assert lookup.installable("base", "7", "3.11") is False


def test_pythons_own_library_is_not_a_package() -> None:
    paste = trace(
        "x.py|1|<module>|import thing",
        "/v/lib/python3.12/site-packages/thing/util.py|4|<module>|import imp",
        last="ModuleNotFoundError: No module named 'imp'",
    )
    (one,) = ask(paste).diagnoses
    assert one.category == "python_version"
    assert one.finding.subjects == ("thing",)
    assert not one.finding.fixes


def test_a_part_of_ones_own_project_is_not_installed() -> None:
    paste = trace(
        "/home/u/p/run.py|1|<module>|from utils.x import y", last="ModuleNotFoundError: No module named 'utils.x'"
    )
    (one,) = ask(paste).diagnoses
    assert one.category == "user_code"
    assert not one.finding.fixes


def test_source_lines_of_frames_are_not_messages() -> None:
    paste = trace(
        f"{SITE}/app/core.py|1|<module>|from x.errors import ReadTimeoutError, OutOfMemoryError",
        last="ImportError: cannot import name 'thing' from 'x.errors'",
    )
    assert [one.finding.rule for one in ask(paste).diagnoses] == ["missing-name"]
