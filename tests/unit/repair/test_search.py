"""Which of the versions that might cure is tried, and which is taken."""

import os
import sys

import pytest
from wheelhouse import install, make_wheel

from doctor.checks.examine import Options
from doctor.repair.fix import Wish, propose

RULE = """
schema = 1
id = "user-1.0-base"
kind = "breakage"
status = "active"
severity = "error"
title = "user 1.0 needs base older than 2"
explain = "user 1.0 imports a name that base 2.0 has not."
together = ["user==1.0", "base>=2"]

[[fix]]
install = ["base==1.4"]
safety = "safe"
because = "base 1.5 is said to lose data"

[[evidence]]
on = 2026-11-23
how = "run"
claim = "the import fails"
source = "this test"

[[example]]
installed = ["user==1.0", "base==2.0"]
found = true

[[example]]
installed = ["user==1.0", "base==1.4"]
found = false
"""


@pytest.fixture(autouse=True)
def resolver_on_path(monkeypatch):
    monkeypatch.setenv("PATH", os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]))


def base(server, version, names, requires=()):
    return make_wheel(server.root, "base", version, {"base/__init__.py": f"{names} = 1\n"}, requires)


def user(server, version, name, requires=("base",)):
    return make_wheel(server.root, "user", version, {"user/__init__.py": f"from base import {name}\n"}, requires)


def moves(venv, index, rules=(), **wish):
    options = Options(stack="none", rules=tuple(map(str, rules)))
    plan = propose(str(venv), options, Wish(**wish), lambda _environment: index, lambda _text: None).plan
    assert plan.empty or plan.proven
    return {c.name: (c.before, c.after) for c in plan.changes}


def test_of_a_minor_release_the_version_whose_needs_are_met(venv, server, index):
    """The newest of 1.1 would bring a second change along; the one before it does not."""
    install(venv, user(server, "1.0", "old"))
    install(venv, base(server, "2.0", "new"))
    base(server, "2.1", "new")
    user(server, "1.1.0", "new")
    user(server, "1.1.1", "new", ("base>=2.1",))
    assert moves(venv, index) == {"user": ("1.0", "1.1.0")}


def test_the_nearest_of_a_far_major_release_is_found(venv, server, index):
    """Twenty minor releases between that do not help stand in nobody's way."""
    install(venv, user(server, "1.0", "old"))
    install(venv, base(server, "5.0", "new"))
    for minor in range(20):
        base(server, f"4.{minor}", "new")
    base(server, "3.1", "old")
    base(server, "3.2", "old")
    assert moves(venv, index) == {"base": ("5.0", "3.2")}


@pytest.mark.parametrize(("day", "expected"), [("2025-06-01", "1.3"), ("2024-06-01", "1.1")])
def test_of_equal_cures_one_that_can_have_met_what_it_stands_beside(venv, server, index, day, expected):
    """Versions of 2024 never saw a base 2 of 2025; where base 2 is older than they are, the nearest is taken."""
    install(venv, user(server, "1.0", "old"))
    install(venv, base(server, "2.0", "new"))
    server.uploads["base-2.0-py3-none-any.whl"] = f"{day}T00:00:00Z"
    for version, month in (
        ("1.1", "2024-08"),
        ("1.2", "2024-12"),
        ("1.3", "2025-08"),
        ("1.4", "2025-12"),
        ("2.0", "2026-01"),
    ):
        user(server, version, "new")
        server.uploads[f"user-{version}-py3-none-any.whl"] = f"{month}-01T00:00:00Z"
    assert moves(venv, index) == {"user": ("1.0", expected)}


@pytest.mark.parametrize("quick", [True, False])
def test_the_cure_of_a_rule_is_taken_in_whichever_words_the_break_stands_first(venv, server, index, tmp_path, quick):
    install(venv, user(server, "1.0", "old"))
    for version in ("1.4", "1.5"):
        base(server, version, "old")
    install(venv, base(server, "2.0", "new"))
    user(server, "1.1", "new")
    (tmp_path / "rules/breakages").mkdir(parents=True)
    (tmp_path / "rules/breakages/user-1.0-base.toml").write_text(RULE)
    assert moves(venv, index, [tmp_path / "rules"], quick=quick) == {"base": ("2.0", "1.4")}
    assert moves(venv, index) == {"user": ("1.0", "1.1")}


def test_a_failure_teaches_which_other_versions_fail_alike(venv, server, index):
    """``base 2`` lacks one name, ``base 3`` and ``4`` another one that ``user`` wants as well: 4 need not be followed."""
    install(
        venv,
        make_wheel(
            server.root, "user", "1.0", {"user/__init__.py": "from base import a\nfrom base import b\n"}, ["base>=1"]
        ),
    )
    install(venv, make_wheel(server.root, "base", "2.0", {"base/__init__.py": "b = 1\n"}))
    for version, text in (("2.1", "a = 1\n"), ("2.2", "a = 1\n"), ("2.3", "a = 1\n"), ("2.4", "a = 1\nb = 1\n")):
        make_wheel(server.root, "base", version, {"base/__init__.py": text})
    said = []
    proposal = propose(str(venv), Options(stack="none"), Wish(), lambda _e: index, said.append)
    assert [(c.name, c.after) for c in proposal.plan.changes] == [("base", "2.4")]
    tried = [text.split()[1] for text in said if text.startswith("trying")]
    assert tried == ["base==2.1", "base==2.4"]


def test_of_what_is_missing_the_version_that_changes_nothing_else(venv, server, index):
    install(venv, make_wheel(server.root, "core", "1.0", {"core.py": ""}))
    make_wheel(server.root, "core", "1.1", {"core.py": ""})
    for version, wants in (("2.0.0", "core==1.0"), ("2.0.1", "core==1.1")):
        make_wheel(server.root, "base", version, {"base/__init__.py": "a = 1\n"}, [wants])
    install(venv, user(server, "1.0", "a", ["base"]))
    assert moves(venv, index) == {"base": (None, "2.0.0")}


def test_what_this_python_no_longer_has_is_cured_by_a_release_that_does_not_ask_for_it(venv, server, index):
    install(
        venv,
        make_wheel(
            server.root, "user", "0.4.0", {"user/__init__.py": "import asyncio\n@asyncio.gone\ndef f(): pass\n"}
        ),
    )
    make_wheel(server.root, "user", "0.5.0", {"user/__init__.py": "import asyncio\n@asyncio.gone\ndef f(): pass\n\n"})
    make_wheel(server.root, "user", "0.6.0", {"user/__init__.py": "def f(): pass\n"})
    assert moves(venv, index) == {"user": ("0.4.0", "0.6.0")}
