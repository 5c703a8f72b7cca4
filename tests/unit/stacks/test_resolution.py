"""Resolving as of a day against a real server: pip's choices, nothing built, nothing run."""

import datetime as dt

import pytest
from datedindex import DatedIndex

from doctor.errors import IndexUnavailableError, UsageError
from doctor.stacks.from_nothing_interpreter import interpreter_for
from doctor.stacks.resolution import UnresolvableError, Wanted, resolve
from doctor.stacks.resolution_kept import KeptResolutions
from doctor.stacks.resolution_metadata import MetadataReader

TODAY = dt.date(2026, 1, 1)


@pytest.fixture
def dated(tmp_path):
    index = DatedIndex(tmp_path)
    yield index
    index.close()


@pytest.fixture(scope="module")
def interpreter():
    return interpreter_for("")[0]


@pytest.fixture
def choose(dated, interpreter):
    def choose(*texts, day=None, **more):
        wanted = Wanted(
            requirements=texts, interpreter=interpreter, day=dt.date.fromisoformat(day) if day else None, **more
        )
        return resolve(wanted, dated.index())

    return choose


def test_the_newest_of_that_day_and_its_needs(dated, choose):
    dated.add("2025-01-01", "app", "1.0", requires=("lib>=1",))
    dated.add("2025-01-01", "lib", "1.0")
    dated.add("2025-03-01", "lib", "1.1")
    assert choose("app", day="2025-02-28").versions == {"app": "1.0", "lib": "1.0"}
    assert choose("app", day="2025-03-01").versions == {"app": "1.0", "lib": "1.1"}, "the whole day counts"
    assert choose("app").get("lib").uploaded == "2025-03-01"


def test_goes_back_to_what_all_accept(dated, choose):
    dated.add("2025-01-01", "app", "2.0", requires=("lib>=1", "other"))
    dated.add("2025-01-01", "other", "1.0", requires=("lib<2",))
    for version in ("1.0", "1.5", "2.0"):
        dated.add("2025-01-01", "lib", version)
    assert choose("app").versions["lib"] == "1.5"
    assert choose("app", constraints=("lib<1.5",)).versions["lib"] == "1.0"


def test_extras_and_markers(dated, choose):
    dated.add("2025-01-01", "app", "1.0", requires=("a ; extra == 'fast'", "b ; sys_platform == 'never'", "c"))
    for name in "abc":
        dated.add("2025-01-01", name, "1.0")
    assert set(choose("app").versions) == {"app", "c"}
    assert set(choose("app[fast]").versions) == {"app", "a", "c"}
    assert set(choose("app; python_version < '3'").versions) == set()


def test_prereleases_and_withdrawn_ones_only_when_asked_for(dated, choose):
    for version in ("1.0", "1.1", "2.0rc1"):
        dated.add("2025-01-01", "lib", version)
    dated.server.yanked.add("lib-1.1-py3-none-any.whl")
    assert choose("lib").versions == {"lib": "1.0"}
    assert choose("lib==1.1").versions == {"lib": "1.1"}
    assert choose("lib>=2.0rc1").versions == {"lib": "2.0rc1"}


def test_what_metadata_forbids_this_python_is_passed_over(dated, choose):
    dated.add("2025-01-01", "lib", "1.0")
    dated.add("2025-01-01", "lib", "2.0", extra="Requires-Python: >=99\n")
    assert choose("lib").versions == {"lib": "1.0"}


def test_source_archives_are_read_and_not_run(dated, choose, interpreter, tmp_path):
    trap = tmp_path / "ran"
    dated.add_source(
        "2025-01-01",
        "old",
        "1.0",
        {"setup.py": f"open({str(trap)!r}, 'w')\n", "old/__init__.py": "import lib\n", "old/tests/x.py": "1"},
        requires_txt="lib>=1\n\n[more]\nother\n\n[:python_version < '3']\nnever\n",
    )
    dated.add("2025-01-01", "lib", "1.0")
    dated.add("2025-01-01", "other", "1.0")
    assert set(choose("old").versions) == {"old", "lib"}
    assert set(choose("old[more]").versions) == {"old", "lib", "other"}
    assert not trap.exists()
    wheel = MetadataReader(dated.index()).wheel(choose("old").get("old").file)
    assert wheel.read("old/__init__.py") == b"import lib\n"


def test_of_several_copies_the_one_for_the_python_is_installed(dated, choose):
    """As multiprocess does: a folder for each Python, of which setup.py takes one; the newest that is not too new."""
    copies = {f"py{v}/old/__init__.py": f"made_for = '{v}'\n" for v in ("2.7", "3.6", "3.8", "3.20")}
    dated.add_source("2025-01-01", "old", "1.0", copies)
    reader, file = MetadataReader(dated.index()), choose("old").get("old").file
    for minor, made_for in (((3, 8), b"3.8"), ((3, 7), b"3.6"), ((3, 11), b"3.8"), ((2, 7), b"2.7")):
        assert made_for in reader.wheel(file, minor).read("old/__init__.py")


def test_contradictions_are_said_in_one_sentence(dated, choose):
    dated.add("2025-01-01", "app", "1.0", requires=("lib>=2",))
    dated.add("2025-01-01", "lib", "1.0")
    with pytest.raises(UnresolvableError, match=r"on 2025-06-01: app==1.0 asks for lib>=2"):
        choose("app", day="2025-06-01")
    with pytest.raises(UnresolvableError, match="you ask for nothing-like-it"):
        choose("nothing-like-it")
    with pytest.raises(UsageError, match="no requirement"):
        choose("not a requirement at all")


def test_archives_by_url_are_left_out_unless_a_pin_stands_for_them(dated, choose):
    dated.add("2025-01-01", "lib", "1.0")
    dated.add("2025-01-01", "lib", "1.1")
    url = "lib @ https://example.invalid/lib.zip"
    assert choose(url).versions == {}
    ((text, reason),) = choose(url).left_out
    assert text.startswith("lib @") and "no package index" in reason
    stood_for = choose(url, constraints=("lib==1.0",))
    assert stood_for.versions == {"lib": "1.0"}


def test_what_is_present_is_neither_looked_for_nor_picked(dated, choose):
    dated.add("2025-01-01", "app", "1.0", requires=("torch>=2",))
    assert choose("app", present={"torch": "2.4.0"}).versions == {"app": "1.0"}
    with pytest.raises(UnresolvableError):
        choose("app", present={"torch": "1.0"})


def test_kept_without_network_and_without_credentials(dated, interpreter, tmp_path):
    dated.add("2025-01-01", "lib", "1.0")
    wanted = Wanted(requirements=("lib",), interpreter=interpreter, day=dt.date(2025, 6, 1))
    index = dated.index()
    made = KeptResolutions(index, MetadataReader(index), TODAY).resolved(wanted)
    dated.server.asked.clear()
    again = dated.index()
    assert KeptResolutions(again, MetadataReader(again), TODAY).resolved(wanted) == made.__class__(
        picked=tuple(
            p.__class__(name=p.name, version=p.version, file=again_file(p), requires=p.requires) for p in made.picked
        )
    )
    assert dated.server.asked == []


def again_file(picked):
    from dataclasses import replace

    return replace(picked.file, tags=frozenset())


def test_no_network_is_said(dated, interpreter):
    dated.add("2025-01-01", "lib", "1.0")
    index = dated.index()
    dated.close()
    wanted = Wanted(requirements=("lib",), interpreter=interpreter)
    with pytest.raises(IndexUnavailableError, match="cannot be reached"):
        resolve(wanted, index)
    with pytest.raises(IndexUnavailableError, match="--offline"):
        resolve(wanted, dated.index("other", offline=True))


@pytest.mark.parametrize("python", ["==3.8.*", "==3.11.*", "==3.14.*"])
def test_an_interpreter_of_that_version_is_found_or_made_up(python):
    found, note = interpreter_for(python)
    minor = python.split(".")[1]
    assert found.markers["python_version"] == f"3.{minor}"
    assert f"cp3{minor}" in found.tags[0]
    assert bool(note) is (not found.executable)
