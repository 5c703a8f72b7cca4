"""Answers that are kept: they are told again exactly as long as following would tell the same."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from doctor.imports.contracts import follow
from doctor.imports.followed import Followed, Question
from doctor.imports.machine import Surroundings
from doctor.imports.store import Database
from doctor.imports.surroundings import surroundings_of
from doctor.model import Environment, PathEntry
from doctor.probe.files import DiskFiles

SITE = {
    "lib/__init__.py": "from lib.core import run\nVERSION = '1'\n",
    "lib/core.py": "def run(a): pass\n",
    "good/__init__.py": "import lib\nfrom lib import run\n",
    "bad/__init__.py": "import lib\nfrom lib import gone\n",
    "second/__init__.py": "import bad\n",
    "caller/__init__.py": "import lib.core\ndef use():\n    return lib.core.lost(1)\n",
    "optional/__init__.py": "try:\n    import extra\nexcept ImportError:\n    extra = None\nif extra is not None:\n    from extra import part\n",
    "asking/__init__.py": "from importlib.metadata import version\nif version('lib') == '2':\n    import nowhere\n",
    "alone/__init__.py": "X = 1\n",
}
ENTRIES = ("good", "bad", "second", "caller", "optional", "asking", "alone")

Ask = Callable[..., Followed]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A cache of its own."""
    made = Database(str(tmp_path / "cache"))
    yield made
    made.close()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """An environment's directory of packages."""
    for name, text in SITE.items():
        path = tmp_path / "one" / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "one" / "site"


@pytest.fixture
def ask(healthy: Environment, database: Database) -> Ask:
    """Follow entries of a directory of packages with what the cache keeps, and keep it."""
    told = surroundings_of(healthy, DiskFiles(), ())

    def question(site: Path, *entries: str, versions: Mapping[str, str] | None = None, recall: bool = True) -> Followed:
        environment = replace(
            healthy,
            path=str(site.parent),
            search_path=(*healthy.search_path, PathEntry(path=str(site), origin="site")),
        )
        surroundings: Surroundings = replace(told, versions=versions or {"lib": "1"})
        return follow(
            Question(
                environment=environment, files=DiskFiles(), entries=entries, surroundings=surroundings, database=database,
                owner=lambda path: Path(path).relative_to(site).parts[0] if path.startswith(str(site)) else "", recall=recall,
            )
        )  # fmt: skip

    return question


def told(followed: Followed) -> object:
    """All that a finding is made of."""
    return (
        [
            (f.key, f.message, f.chain, f.certain, f.site_path, f.site_line, f.provider_path, f.entries)
            for f in followed.failures
        ],
        [(v.entry, v.outcome, v.reason, [f.key for f in v.failures]) for v in followed.verdicts],
        [(f.key, f.message, f.chain, f.entries) for f in followed.calls],
        sorted(followed.modules),
    )


def followed_now(followed: Followed) -> set[str]:
    """The entries that were not recalled."""
    return set() if followed.machine is None else {n for n in followed.machine.modules if n in ENTRIES}


def test_the_same_again_is_told_and_not_followed(ask: Ask, site: Path) -> None:
    first, second = ask(site, *ENTRIES), ask(site, *ENTRIES)
    assert followed_now(first) == set(ENTRIES)
    assert second.machine is None
    assert told(first) == told(second) == told(ask(site, *ENTRIES, recall=False))
    assert [v.outcome for v in second.verdicts] == ["ok", "fails", "fails", "ok", "ok", "ok", "ok"]
    assert [f.symbol for f in second.calls] == ["lib.core.lost"]


@pytest.mark.parametrize(
    ("change", "text", "anew"),
    [
        pytest.param("alone/__init__.py", "import nowhere\n", {"alone"}, id="its own source"),
        pytest.param("lib/core.py", "def other(): pass\n", {"good", "bad", "second", "caller"}, id="what it reaches"),
        pytest.param("extra/__init__.py", "", {"optional"}, id="a module that was missing"),
        pytest.param("lib/core/__init__.py", "def run(): pass\n", {"good", "bad", "second", "caller"}, id="another place"),
        pytest.param("unrelated.py", "import nothing\n", set(), id="what nobody asked for"),
        pytest.param("lib/new.py", "1 +\n", set(), id="a neighbour that nobody imports"),
    ],
)  # fmt: skip
def test_what_changed_is_followed_anew(ask: Ask, site: Path, change: str, text: str, anew: set[str]) -> None:
    ask(site, *ENTRIES)
    (site / change).parent.mkdir(exist_ok=True)
    (site / change).write_text(text)
    second = ask(site, *ENTRIES)
    # what is followed anew is loaded with what it imports; nothing else is
    reached = {"second": {"bad"}}
    assert followed_now(second) == anew | {r for e in anew for r in reached.get(e, ())}
    assert told(second) == told(ask(site, *ENTRIES, recall=False))
    third = ask(site, *ENTRIES)
    assert third.machine is None
    assert told(third) == told(second)


def test_a_file_that_is_gone_is_noticed(ask: Ask, site: Path) -> None:
    ask(site, *ENTRIES)
    (site / "lib/core.py").unlink()
    second = ask(site, *ENTRIES)
    assert followed_now(second) == {"good", "bad", "second", "caller"}
    assert {v.entry for v in second.verdicts if v.outcome == "fails"} == {"good", "bad", "second", "caller"}


def test_another_version_is_noticed_by_who_asks_for_it(ask: Ask, site: Path) -> None:
    ask(site, *ENTRIES)
    second = ask(site, *ENTRIES, versions={"lib": "2", "more": "1"})
    assert followed_now(second) == {"asking"}
    assert [v.outcome for v in second.verdicts if v.entry == "asking"] == ["fails"]


def test_a_copy_is_told_the_same_of_its_own_files(ask: Ask, site: Path, tmp_path: Path) -> None:
    ask(site, *ENTRIES)
    other = tmp_path / "an öther place" / "site"
    shutil.copytree(site, other)
    second = ask(other, *ENTRIES)
    assert second.machine is None
    assert told(second) == told(ask(other, *ENTRIES, recall=False))
    assert {f.path for f in second.failures} == {str(other / "bad/__init__.py")}


def test_entries_that_are_new_are_all_that_is_followed(ask: Ask, site: Path) -> None:
    ask(site, "good", "alone")
    second = ask(site, *ENTRIES)
    assert {"good", "alone"}.isdisjoint(followed_now(second))
    assert told(second) == told(ask(site, *ENTRIES, recall=False))
    assert ask(site, *ENTRIES).machine is None


def test_a_failure_is_told_with_the_chain_of_who_asks(ask: Ask, site: Path) -> None:
    """What the first entry met must not be told to who asks for the second one alone."""
    ask(site, "bad", "second")
    alone = ask(site, "second")
    assert [f.chain for f in alone.failures] == [("second", "bad")]
    assert [f.entries for f in alone.failures] == [["second"]]


def test_what_is_kept_and_damaged_is_followed_again(ask: Ask, site: Path, database: Database) -> None:
    first = ask(site, *ENTRIES)
    connection = sqlite3.connect(database.path)
    connection.execute("UPDATE runs SET value = substr(value, 1, length(value) / 2)")
    connection.commit()
    connection.close()
    second = ask(site, *ENTRIES)
    assert second.machine is not None
    assert told(first) == told(second)


def test_only_so_many_are_kept(database: Database) -> None:
    for number in range(60):
        database.keep_run(b"key", f"text {number}")
    runs = database.runs(b"key")
    assert len(runs) == 48
    assert database.run(b"key", runs[0]) == "text 59"


def test_a_program_that_changed_is_followed_anew(ask: Ask, site: Path) -> None:
    program = site.parent / "train.py"
    program.write_text("import lib\n")
    assert [v.outcome for v in ask(site, str(program)).verdicts] == ["ok"]
    assert ask(site, str(program)).machine is None
    program.write_text("import lib.nowhere\n")
    assert [v.outcome for v in ask(site, str(program)).verdicts] == ["fails"]
