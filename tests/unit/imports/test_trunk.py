"""Following that goes on in another environment: only where all would have been told the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from doctor.imports.contracts import follow
from doctor.imports.followed import Question
from doctor.imports.surroundings import surroundings_of
from doctor.imports.trunk import Trunk
from doctor.model import Environment, PathEntry
from doctor.planned.after import OverlayFiles
from doctor.planned.layout import Made
from doctor.probe.files import DiskFiles

PLACE = "/planned"
SITE = {
    "frame/__init__.py": "import frame.core\ntry:\n    import extra\nexcept ImportError:\n    extra = None\n",
    "frame/core.py": "from importlib.metadata import version\nOLD = version('lib') < '2'\ndef run(a): pass\n",
    "lib/__init__.py": "from frame.core import run\n",
    "user/__init__.py": "import frame\nfrom frame.core import run, OLD\nimport lib.new\n",
}


def question(healthy: Environment, files: Mapping[str, str], version: str = "1") -> Question:
    """An environment that is nowhere, with these files."""
    environment = replace(
        healthy, path=PLACE, search_path=(*healthy.search_path, PathEntry(path=f"{PLACE}/site", origin="site"))
    )
    view = OverlayFiles(DiskFiles(), (), {f"{PLACE}/site/{name}": Made(text.encode()) for name, text in files.items()})
    told = replace(surroundings_of(environment, view, ()), versions={"lib": version})
    return Question(environment=environment, files=view, entries=("user",), surroundings=told)


@pytest.mark.parametrize(
    ("change", "version", "goes_on"),
    [
        pytest.param({}, "1", True, id="the same"),
        pytest.param({"lib/new.py": ""}, "1", True, id="what was not asked about"),
        pytest.param({"lib/__init__.py": "import nowhere\n"}, "1", True, id="the source of what was not followed"),
        pytest.param({"frame/core.py": "def run(a, b): pass\n"}, "1", False, id="a source"),
        pytest.param({"frame/core/__init__.py": ""}, "1", False, id="another place"),
        pytest.param({"extra.py": ""}, "1", False, id="a module that was missing"),
        pytest.param({}, "2", False, id="a version"),
    ],
)
def test_it_goes_on_where_all_is_the_same(
    healthy: Environment, change: Mapping[str, str], version: str, goes_on: bool
) -> None:
    there = question(healthy, {**SITE, **change}, version)
    trunk = Trunk(question(healthy, SITE))
    assert [verdict.outcome for verdict in trunk.follow(("frame",))] == ["ok"]
    before = set(trunk.loaded())
    assert before >= {"frame", "frame.core"}
    assert trunk.moved(there) is goes_on
    if not goes_on:
        return
    outcomes = trunk.follow(there.entries)
    told, alone = trunk.told(outcomes), follow(there)
    assert before <= trunk.reached(there.entries)
    assert [(f.key, f.message, f.chain) for f in told.failures] == [(f.key, f.message, f.chain) for f in alone.failures]
    assert [(v.entry, v.outcome) for v in told.verdicts] == [(v.entry, v.outcome) for v in alone.verdicts]
    assert set(told.modules) == set(alone.modules)


def test_what_the_entries_do_not_reach_is_told(healthy: Environment) -> None:
    trunk = Trunk(question(healthy, {**SITE, "user/__init__.py": "import lib\n", "alone.py": ""}))
    trunk.follow(("frame", "alone"))
    trunk.follow(("user",))
    assert "alone" not in trunk.reached(("user",))
    assert {"frame.core", "lib"} <= trunk.reached(("user",))
