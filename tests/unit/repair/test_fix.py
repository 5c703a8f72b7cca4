"""From a break to a proven plan, carried out and taken back, on a real venv with wheels of a real server."""

import json
import os
import shutil
import sys
from dataclasses import replace

import pytest
import repairpatient
from wheelhouse import install, make_wheel

from doctor.checks.examine import Options
from doctor.errors import TransactionError
from doctor.index.index import Index
from doctor.index.releases import Window, parse_time
from doctor.index.settings import IndexSettings
from doctor.probe.environment import probe_environment
from doctor.repair.apply import carry_out
from doctor.repair.fix import Wish, propose
from doctor.repair.history import history, last, look, rollback_order
from doctor.repair.policy import Pin
from doctor.repair.search import search
from doctor.repair.transaction import transact
from doctor.system import run

OLD_BASE = {"base/__init__.py": "old = 1\nboth = 1\n"}
NEW_BASE = {"base/__init__.py": "new = 1\nboth = 1\n"}


def user(server, version, name, requires=("base>=1",)):
    return make_wheel(server.root, "user", version, {"user/__init__.py": f"from base import {name}\n"}, requires)


@pytest.fixture
def broken(venv, site, server, monkeypatch):
    """``user 1.0`` wants a name that ``base 2.0`` has no more; ``user 1.1`` does not; ``user 1.2`` is broken, too."""
    monkeypatch.setenv("PATH", os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]))
    install(venv, user(server, "1.0", "old"))
    user(server, "1.1", "new")
    make_wheel(server.root, "base", "1.5", OLD_BASE)
    install(venv, make_wheel(server.root, "base", "2.0", NEW_BASE))
    return venv


def plan_for(venv, index, **wish):
    return propose(str(venv), Options(stack="none"), Wish(**wish), lambda _environment: index, lambda _text: None)


def moves(plan):
    return {c.name: (c.before, c.after) for c in plan.changes}


def test_healthy_environment_gets_an_empty_plan_and_no_question(venv, server, index):
    install(venv, make_wheel(server.root, "base", "2.0", NEW_BASE))
    proposal = plan_for(venv, index)
    assert proposal.plan.empty
    assert proposal.plan.errors_before == 0
    assert server.asked == []


def test_smallest_move_upwards_first(broken, index):
    plan = plan_for(broken, index).plan
    assert moves(plan) == {"user": ("1.0", "1.1")}
    assert plan.proven
    assert (plan.errors_before, plan.errors_after) == (1, 0)
    assert any("user==1.1" in command for command in plan.commands)


def test_keep_moves_the_other_one(broken, index):
    assert moves(plan_for(broken, index, keep=("user",)).plan) == {"base": ("2.0", "1.5")}


def test_nothing_helps_and_it_says_what_would(broken, index):
    plan = plan_for(broken, index, keep=("user", "base")).plan
    assert plan.empty
    assert "while user==1.0, which you keep" in plan.declined[0]
    assert "user would have to go to 1.1" in plan.declined[0]


def test_later_uploads_and_yanked_files_are_no_candidates(broken, index, server):
    server.uploads["user-1.1-py3-none-any.whl"] = "2026-05-05T00:00:00Z"
    plan = plan_for(broken, index, window=Window(before=parse_time("2026-01-01"))).plan
    assert moves(plan) == {"base": ("2.0", "1.5")}
    server.yanked.add("base-1.5-py3-none-any.whl")
    fresh = Index(index.settings, None)
    assert plan_for(broken, fresh, window=Window(before=parse_time("2026-01-01"))).plan.empty


def test_what_a_new_version_needs_comes_along(broken, index, server):
    make_wheel(
        server.root, "user", "1.1", {"user/__init__.py": "from base import new\nimport third\n"}, ("base", "third>=2")
    )
    make_wheel(server.root, "third", "1.0", {"third/__init__.py": ""})
    make_wheel(server.root, "third", "2.1", {"third/__init__.py": ""})
    plan = plan_for(broken, index, keep=("base",)).plan
    assert moves(plan) == {"user": ("1.0", "1.1"), "third": (None, "2.1")}


def test_a_version_that_others_forbid_is_not_taken(broken, index, server):
    install(broken, make_wheel(server.root, "third", "1.0", {"third/__init__.py": "import base\n"}, ("user<1.1",)))
    assert moves(plan_for(broken, index).plan) == {"base": ("2.0", "1.5")}


def test_missing_distribution_is_installed(venv, server, index):
    install(venv, user(server, "1.0", "both"))
    make_wheel(server.root, "base", "1.5", OLD_BASE)
    make_wheel(server.root, "base", "0.5", OLD_BASE)
    plan = plan_for(venv, index).plan
    assert moves(plan) == {"base": (None, "1.5")}


def test_damaged_files_are_put_back_and_taken_back(venv, site, server, index):
    install(
        venv,
        make_wheel(
            server.root, "base", "2.0", {"base/__init__.py": "from base.sub import x\n", "base/sub.py": "x = 1\n"}
        ),
    )
    (site / "base/sub.py").unlink()
    before = repairpatient.state(venv)
    proposal = plan_for(venv, index)
    assert proposal.plan.reinstall == ("base==2.0",)
    receipt, after = carry_out(proposal, Wish())
    assert receipt.outcome == "committed"
    assert after.exit_code == 0
    assert (site / "base/sub.py").read_text() == "x = 1\n"
    assert run([str(venv / "bin/python"), "-B", "-c", "import base"], timeout=30).ok
    back = transact(rollback_order(proposal.environment, last(str(venv))), lambda: "", lambda: "")
    assert back.outcome == "committed"
    assert repairpatient.state(venv) == before


def test_foreign_change_between_plan_and_apply_is_refused(broken, index, server):
    proposal = plan_for(broken, index)
    install(broken, make_wheel(server.root, "third", "1.0", {"third/__init__.py": ""}))
    before = repairpatient.state(broken)
    with pytest.raises(TransactionError, match=r"third-1\.0\.dist-info"):
        carry_out(proposal, Wish())
    assert repairpatient.state(broken) == before


def test_an_edited_file_is_a_foreign_change(broken, site, index):
    proposal = plan_for(broken, index)
    (site / "base/__init__.py").write_text("new = 1\nboth = 1\nmine = 1\n")
    before = repairpatient.state(broken)
    with pytest.raises(TransactionError, match=r"__init__\.py"):
        carry_out(proposal, Wish())
    assert repairpatient.state(broken) == before


def test_result_that_is_not_as_proven_is_undone(broken, site, index, monkeypatch):
    proposal = plan_for(broken, index)
    (site / "base/__init__.py").write_text("raise RuntimeError('no')\n")
    monkeypatch.setattr("doctor.repair.apply.changed_since", lambda _seen: "")  # it came after this last look
    before = repairpatient.state(broken)
    receipt, report = carry_out(proposal, Wish())
    assert receipt.outcome == "restored"
    assert "not as proven" in receipt.reason
    assert report.exit_code == 1
    assert repairpatient.state(broken) == before


def test_what_a_further_proof_says_is_undone(broken, index):
    proposal = plan_for(broken, index)
    before = repairpatient.state(broken)
    seen = []

    def proof(path):
        seen.append((path, (broken / "bin/python").exists(), proposal.environment.distribution("user").version))
        return "the first step did not end"

    receipt, report = carry_out(proposal, Wish(), proof=proof)
    assert seen == [(str(broken), True, "1.0")]
    assert (receipt.outcome, receipt.reason) == ("restored", "the first step did not end")
    assert report.exit_code == 1
    assert repairpatient.state(broken) == before
    receipt, report = carry_out(proposal, Wish(), proof=lambda _path: None)
    assert receipt.outcome == "committed"
    assert report.exit_code == 0


def test_an_unattended_repair_makes_the_same_plan(venv, site, server, index):
    """What rules and metadata find has known cures: one examination proves them, or everything is examined first."""
    install(venv, user(server, "1.0", "both"))
    make_wheel(server.root, "base", "1.5", OLD_BASE)
    install(venv, make_wheel(server.root, "third", "1.0", {"third/__init__.py": "from user import both\n"}, ("user",)))
    quick, full = plan_for(venv, index, quick=True).plan, plan_for(venv, index).plan
    assert moves(quick) == moves(full) == {"base": (None, "1.5")}
    (site / "third/__init__.py").write_text("syntax error\n")
    assert plan_for(venv, index, quick=True).plan == plan_for(venv, index).plan


def test_history_knows_what_others_installed(broken, index, server):
    carry_out(plan_for(broken, index), Wish(command="acdoctor fix --apply"))
    install(broken, make_wheel(server.root, "third", "1.0", {"third/__init__.py": ""}))
    proposal = plan_for(broken, index)
    look(str(broken), proposal.environment)
    kinds = [(e.kind, [c.name for c in e.changes]) for e in history(str(broken))]
    assert ("fix", ["user"]) in kinds
    assert ("foreign", ["third"]) in kinds


def test_own_work_is_no_work_of_others(broken, index, server):
    """Also when the doctor was killed between his work and his look at it."""
    carry_out(plan_for(broken, index), Wish())
    environment = probe_environment(str(broken))
    order = rollback_order(environment, last(str(broken)))
    assert transact(order, lambda: "", lambda: "").outcome == "committed"
    assert look(str(broken), probe_environment(str(broken))) == ()
    carry_out(plan_for(broken, index), Wish())
    assert [e.kind for e in history(str(broken))] == ["fix", "rollback", "fix"]
    install(broken, user(server, "1.0", "old"))
    look(str(broken), probe_environment(str(broken)))
    latest = history(str(broken))[-1]
    assert (latest.kind, moves(latest)) == ("foreign", {"user": ("1.1", "1.0")})


def test_policy_of_a_stack(broken, index):
    from doctor.repair.policy import Policy

    policy = Policy(pins=(Pin(requirement="base==2.0", who="the stack pins"),))
    assert policy.forbids("base", "1.5") == "base==2.0, which the stack pins"
    assert policy.forbids("base", "2.0") == ""
    assert policy.forbids("base", None)


def acdoctor(*arguments, **environ):
    values = {**os.environ, "PYTHONPATH": os.getcwd(), "PIP_CONFIG_FILE": os.devnull, "NO_COLOR": "1", **environ}
    values.pop("PIP_FIND_LINKS", None)
    return run([sys.executable, "-m", "doctor", *map(str, arguments)], timeout=120, env=values)


def test_the_command(broken, server, tmp_path):
    environ = {"PIP_INDEX_URL": server.url, "PIP_EXTRA_INDEX_URL": ""}
    shown = acdoctor("fix", broken, **environ)
    assert shown.code == 1, shown.stderr
    assert "user  1.0 → 1.1" in shown.stdout.decode()
    assert "Nothing was changed" in shown.stdout.decode()
    asked = acdoctor("fix", broken, "--apply", **environ)
    assert asked.code == 2
    assert b"--yes" in asked.stderr
    done = acdoctor("fix", broken, "--apply", "--yes", "--format", "json", **environ)
    report = json.loads(done.stdout)
    assert done.code == 0, done.stderr
    assert report["receipt"]["outcome"] == "committed"
    assert report["plan"]["changes"][0]["after"] == "1.1"
    assert acdoctor("fix", broken, "--apply", "--yes", "--quiet", **environ).stdout == b""
    listed = acdoctor("history", broken)
    assert report["receipt"]["id"] in listed.stdout.decode()
    back = acdoctor("rollback", broken, report["receipt"]["id"][:15])
    assert back.code == 0, back.stderr
    assert acdoctor("check", broken).code == 1
    assert acdoctor("undo", broken).code == 0
    assert acdoctor("check", broken).code == 0
    assert acdoctor("history", broken, "--prune", "--keep", "0").code == 0
    assert acdoctor("undo", broken).code == 3


def test_the_command_without_an_index(broken):
    environ = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_EXTRA_INDEX_URL": "", "PIP_TIMEOUT": "1"}
    ended = acdoctor("fix", broken, **environ)
    assert ended.code == 3
    assert b"cannot be reached" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_offline_with_a_directory(broken, server):
    ended = acdoctor("fix", broken, "--offline", "--find-links", server.root, "--apply", "--yes")
    assert ended.code == 0, ended.stderr
    assert not server.asked


def test_of_what_is_missing_the_version_that_takes_least_is_taken(venv, server, index):
    install(venv, user(server, "1.0", "both", ("base",)))
    install(venv, make_wheel(server.root, "third", "1.0", {"third/__init__.py": ""}))
    make_wheel(server.root, "third", "2.0", {"third/__init__.py": ""})
    make_wheel(server.root, "base", "1.4", OLD_BASE, ("third==1.0",))
    make_wheel(server.root, "base", "1.5", OLD_BASE, ("third==2.0",))
    assert moves(plan_for(venv, index).plan) == {"base": (None, "1.4")}


def dead_end(server):
    """``user 1.1`` wants ``third``; its nearest version wants what nobody has, the next one does not."""
    make_wheel(server.root, "user", "1.1", {"user/__init__.py": "import third\n"}, ("base", "third>=2,<4"))
    make_wheel(server.root, "third", "3.0", {"third/__init__.py": ""}, ("fourth>=9",))
    make_wheel(server.root, "third", "2.0", {"third/__init__.py": ""})
    make_wheel(server.root, "fourth", "1.0", {"fourth/__init__.py": ""})


@pytest.mark.parametrize("resolver", ["uv", "pip", ""])
def test_a_resolver_finds_a_way_around_a_dead_end(broken, server, tmp_path, monkeypatch, resolver):
    dead_end(server)
    if resolver == "uv" and not shutil.which("uv"):
        pytest.skip("uv is not on PATH here")
    if resolver == "pip":
        assert run([str(broken / "bin/python"), "-m", "ensurepip"], timeout=120).ok
    if resolver != "uv":
        monkeypatch.setenv("PATH", "/nowhere")
    links = Index(IndexSettings(indexes=(), find_links=(str(server.root),), offline=True), tmp_path / "cache")
    plan = plan_for(broken, links, keep=("base",)).plan
    assert moves(plan) == ({"user": ("1.0", "1.1"), "third": (None, "2.0")} if resolver else {})


def test_versions_of_the_known_good_set_are_tried_before_guesses(broken, index):
    proposal = plan_for(broken, index)
    scene = replace(proposal.scene, locked={"base": "1.5", "user": "1.0"})
    assert {c.candidate.pin for c in search(scene).target.chosen} == {"base==1.5"}


def test_a_search_ends_in_time_and_says_what_was_tried(broken, index):
    plan = plan_for(broken, index, patience=0.0, keep=("base",)).plan
    assert plan.empty
    assert "was not looked into, as" in plan.declined[0]
    assert "a longer search: --patience" in plan.declined[0]


def test_a_rule_that_says_nothing_here_is_named(broken, index):
    plan = plan_for(broken, index, only=("nonsense",)).plan
    assert plan.declined == ("no finding is of the rule nonsense; found here: import-contract",)


def test_the_commands_by_hand_take_the_same_places(broken, server, tmp_path):
    own = Index(IndexSettings(indexes=(), find_links=(str(server.root),), offline=True), tmp_path / "c")
    plan = plan_for(broken, own).plan
    assert [
        (f" install --no-index --find-links {server.root} " in c, c.endswith(" user==1.1")) for c in plan.commands
    ] == [(True, True)]


def test_what_was_taken_back_is_not_taken_back_again(broken, index):
    receipt, _ = carry_out(plan_for(broken, index), Wish())
    environment = probe_environment(str(broken))
    event = last(environment.path)
    assert transact(rollback_order(environment, event), lambda: "", lambda: "").outcome == "committed"
    first, second = history(environment.path)
    assert (first.id, first.undone, second.undone) == (receipt.id, True, False)
    with pytest.raises(TransactionError, match="taken back already"):
        rollback_order(environment, first)
    transact(rollback_order(environment, second), lambda: "", lambda: "")
    assert [e.undone for e in history(environment.path)] == [False, True, False]
