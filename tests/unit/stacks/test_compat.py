"""Tables of versions against versions, on an index with upload times."""

import datetime as dt
import json
import xml.etree.ElementTree as ET

import pytest
from datedindex import DatedIndex

from doctor.errors import UsageError
from doctor.render.compat import Grid, render_compat, render_compat_json, render_compat_svg
from doctor.render.page import Page
from doctor.rulebook.rules import Rulebook
from doctor.stacks.compat import Comparison, Question, _thinned
from doctor.stacks.compat_rule import refine, together
from doctor.stacks.compat_workers import Workers
from doctor.stacks.from_nothing_interpreter import interpreter_for
from doctor.stacks.from_nothing_verdict import Subject
from doctor.stacks.resolution_kept import KeptResolutions
from doctor.stacks.resolution_metadata import MetadataReader

TODAY = dt.date(2026, 1, 1)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))


@pytest.fixture
def dated(tmp_path):
    """bolt 1.1 and 1.2 import a module that base has since 2.0; 1.3 only in a part of its own; third breaks 1.4."""
    index = DatedIndex(tmp_path / "index")
    for version in ("1.0", "1.5", "2.0", "2.1"):
        files = {"base/__init__.py": "x = 1\n"} | ({"base/extra.py": ""} if version >= "2.0" else {})
        index.add("2025-01-01", "base", version, files)
    texts = {
        "1.0": {"bolt/__init__.py": "import base\n"},
        "1.1": {"bolt/__init__.py": "import base.extra\n"},
        "1.2": {"bolt/__init__.py": "from base import extra\n"},
        "1.3": {
            "bolt/__init__.py": "import base\n",
            "bolt/deep.py": "import base.extra\n",
            "bolt/tests/t.py": "import base.gone\n",
        },
        "1.4": {"bolt/__init__.py": "import third\nimport base\n"},
        "1.5": {"bolt/__init__.py": "import base\n"},
    }
    for number, (version, files) in enumerate(texts.items(), 1):
        needs = ("base", *(("third",) if version == "1.4" else ()), *(("base>=2",) if version == "1.5" else ()))
        index.add(f"2025-0{number}-10", "bolt", version, files, needs)
    index.add("2025-01-01", "third", "1.0", {"third/__init__.py": "import other.gone\n"}, ("other",))
    index.add("2025-01-01", "other", "1.0")
    yield index
    index.close()


@pytest.fixture
def table(dated):
    def table(left="bolt", right="base", processes=1, **more):
        interpreter = interpreter_for("")[0]
        index = dated.index()
        return Comparison(
            question=Question(left=left, right=right, interpreter=interpreter, **more),
            index=index,
            resolutions=KeptResolutions(index, MetadataReader(index), TODAY),
            judge=Workers(
                index=index, rulebook=Rulebook(), subject=Subject(interpreter=interpreter), processes=processes
            ),
        )

    return table


def filled(table):
    lefts, rights = table.axes()
    table.fill((a, b) for a in lefts for b in rights)
    return lefts, rights


def grid_of(table, lefts, rights):
    return Grid(
        left=table.left, right=table.right, python="3.11", lefts=lefts, rights=rights, cells=table.cells,
        together=together(table), made_on="2026-01-01",
    )  # fmt: skip


def test_every_fate_and_the_ranges_that_follow(table):
    made = table()
    lefts, rights = filled(made)
    fates = {left: "".join(made.cells[left, right].fate.value[0] for right in rights) for left in lefts}
    assert fates == {"1.0": "wwww", "1.1": "bbww", "1.2": "bbww", "1.3": "ppww", "1.4": "uuuu", "1.5": "rrww"}
    assert [(one.left, one.right) for one in together(made)] == [("bolt>=1.1,<1.4", "base>=1.0,<2.0")]
    (one,) = together(made)
    assert one.open_ends == ("base before 1.0",)
    assert "other" in made.cells["1.4", "1.0"].reason
    assert made.cells["1.3", "1.5"].entry == "bolt.deep"


def test_rendered_for_people_scripts_and_eyes(table):
    made = table(left="bolt<1.4")
    lefts, rights = filled(made)
    grid = grid_of(made, lefts, rights)
    screen = render_compat(grid, Page())
    assert "  1.1 ✗ ✗ ✓ ✓" in screen
    assert "together = ['bolt>=1.1,<=1.3', 'base>=1.0,<2.0']" in screen
    assert render_compat(grid, Page(unicode=False)).isascii()
    value = json.loads(render_compat_json(grid))
    assert value["schema"] == "acdoctor.compat/1"
    assert {"left": "1.1", "right": "1.0"}.items() <= value["cells"][4].items()
    picture = ET.fromstring(render_compat_svg(grid))
    assert len([e for e in picture.iter() if e.tag.endswith("rect")]) == 1 + 16 + 5


def test_asked_the_other_way_round_the_importing_side_is_found(table):
    made = table(left="base", right="bolt<1.2")
    filled(made)
    assert made.cells["1.0", "1.1"].fate.value == "breaks"
    assert made.cells["2.0", "1.1"].fate.value == "works"


def test_exact_looks_between_the_versions_shown(table):
    made = table(left="bolt==1.1", right="base!=1.5", size=60)
    made.question = made.question.__class__(**{**fields(made.question), "right": "base"})
    lefts, rights = ("1.1",), ("1.0", "2.1")
    made.axes()
    made.fill([("1.1", "1.0"), ("1.1", "2.1")])
    _, rights = refine(made, lefts, rights)
    assert set(rights) >= {"1.0", "1.5", "2.0", "2.1"} - {"1.5"}
    (one,) = together(made)
    assert one.right in ("base>=1.0,<2.0", "base>=1.0,<=1.5")


def fields(value):
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def test_several_processes_say_the_same(table, dated):
    alone, many = table(left="bolt<1.3"), table(left="bolt<1.3", processes=2)
    many.index.cache.directory = dated.folder / "another"
    filled(alone)
    filled(many)
    assert many.cells == alone.cells
    dated.server.asked.clear()
    again = table(left="bolt<1.3")
    filled(again)
    assert again.cells == alone.cells
    assert not [path for path, _ in dated.server.asked if "third" in path]


def test_wrong_questions_are_said(table):
    with pytest.raises(UsageError, match="no wheel of nothing-such"):
        table(left="nothing-such").axes()
    with pytest.raises(UsageError, match="no distribution with versions"):
        table(left="a b c").axes()


def test_thinned_takes_the_newest_of_each_series_first():
    versions = ["1.0.0", "1.0.1", "1.1.0", "1.1.1", "1.2.0", "2.0.0"]
    assert _thinned(versions, 3) == ["1.1.1", "1.2.0", "2.0.0"]
    assert _thinned(versions, 5) == ["1.0.1", "1.1.0", "1.1.1", "1.2.0", "2.0.0"]
    assert _thinned(versions, 9) == versions


@pytest.fixture
def framework(dated):
    """Four versions of user on three of base, all on a framework of 25 modules; what user 3 needs is in base 2.0."""
    parts = {f"frame/part{n}.py": f"from frame.part{n + 1} import x\n" for n in range(24)} | {
        "frame/part24.py": "x = 1\n"
    }
    dated.add("2025-01-01", "frame", "1.0", {"frame/__init__.py": "from frame.part0 import x\n"} | parts)
    dated.add("2025-06-01", "frame", "1.1", {"frame/__init__.py": "from frame.part0 import x\nnew = 1\n"} | parts)
    middle = {"middle/__init__.py": "import frame\nclass Base: pass\n", "middle/core.py": "from middle import Base\n"}
    for day, version in (("2025-01-02", "1.0"), ("2025-03-02", "2.0"), ("2025-07-02", "2.1")):
        more = {"middle/late.py": "import base\n"} if version >= "2.0" else {}
        dated.add(day, "middle", version, middle | more, ("frame", "base"))
    texts = ("import frame\nimport middle.core\n", "import middle.core\n", "import middle.late\n", "import frame\n")
    for number, text in enumerate(texts, 1):
        dated.add(f"2025-0{number}-20", "user", f"{number}.0", {"user/__init__.py": text}, ("middle", "frame"))
    return dated


def test_what_cells_have_in_common_is_followed_once_and_told_as_if_it_was_not(table, framework):
    from doctor.stacks.from_nothing_verdict import Judge
    from doctor.stacks.herd import Herd

    made = table(left="user", right="middle")
    lefts, rights = made.axes()
    works = [made._work(a, b) for a in lefts for b in rights]
    judge = Judge(made.index, Rulebook(), made.judge.subject, MetadataReader(made.index))
    asked = [(work.resolution, (*work.primary, *work.deep)) for work in works]
    herd = Herd(judge, works[0].names)
    together_ = herd.verdicts(asked)
    assert herd.ahead is not None
    assert "frame" in herd.ahead.below
    assert judge.looked <= 2  # all others began with what was followed before
    made.index.cache.directory = framework.folder / "another"
    alone = [judge.verdict(*question) for question in asked]
    for one, other in zip(together_, alone, strict=True):
        assert (one.findings, one.followed, one.unknown) == (other.findings, other.followed, other.unknown)
    assert [bool(v.findings) for v in alone] == [False] * 6 + [True, False, False] + [False] * 3
