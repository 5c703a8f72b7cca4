"""The frame of an environment: pyvenv.cfg and the links to its Python, made again, kept only when it then starts."""

import pytest
import repairpatient
from wheelhouse import install, make_wheel

from doctor.checks.examine import Options
from doctor.model import Depth, Severity
from doctor.probe.environment import probe_environment
from doctor.repair.apply import carry_out
from doctor.repair.fix import Wish, propose
from doctor.repair.history import last, rollback_order
from doctor.repair.transaction import transact
from doctor.system import run


def no_index(_environment):
    raise AssertionError("the frame needs no index")


def plan_for(venv, depth=Depth.STANDARD):
    return propose(str(venv), Options(stack="none", depth=depth), Wish(), no_index, lambda _text: None)


def lose_the_configuration(venv):
    (venv / "pyvenv.cfg").unlink()


def lose_the_python(venv):
    (venv / "bin/python").unlink()
    (venv / "bin/python").symlink_to("/nowhere/bin/python3")


@pytest.mark.parametrize("damage", [lose_the_configuration, lose_the_python])
def test_the_frame_is_made_again_and_taken_back(venv, server, damage):
    install(venv, make_wheel(server.root, "base", "1.0", {"base/__init__.py": "x = 1\n"}))
    damage(venv)
    before = repairpatient.state(venv)
    proposal = plan_for(venv)
    assert proposal.plan.rewrite
    assert repairpatient.state(venv) == before
    receipt, report = carry_out(proposal, Wish())
    assert receipt.outcome == "committed", receipt.reason
    assert report.exit_code == 0
    seen = run([str(venv / "bin/python"), "-B", "-c", "import base, sys; print(sys.prefix)"], timeout=30)
    assert seen.stdout.decode().strip() == str(venv)
    assert plan_for(venv).plan.empty
    back = transact(rollback_order(probe_environment(str(venv)), last(str(venv))), lambda: "", lambda: "")
    assert back.outcome == "committed"
    assert repairpatient.state(venv) == before


def test_without_its_python_there_is_no_plan(venv, server):
    """By metadata only, which is quick: without an interpreter the imports of all versions' libraries would be followed."""
    install(venv, make_wheel(server.root, "base", "1.0", {"base/__init__.py": "x = 1\n"}))
    site = next(venv.glob("lib/python3*"))
    site.rename(site.with_name("python3.99"))
    (venv / "pyvenv.cfg").write_text("home = /nowhere/bin\nversion = 3.99.1\n")
    lose_the_python(venv)
    for link in venv.glob("bin/python3*"):
        link.unlink()
    before = repairpatient.state(venv)
    proposal = plan_for(venv, Depth.METADATA)
    assert [f.severity for f in proposal.report.findings][:1] == [Severity.ERROR]
    assert proposal.plan.empty
    assert "make the environment again" in proposal.plan.declined[0]
    assert repairpatient.state(venv) == before


def test_an_environment_that_does_not_start_afterwards_is_as_it_was(venv):
    lose_the_python(venv)
    proposal = plan_for(venv)
    before = repairpatient.state(venv)
    receipt, _report = carry_out(proposal, Wish(), proof=lambda _path: "the smoke run failed")
    assert (receipt.outcome, receipt.reason) == ("restored", "the smoke run failed")
    assert repairpatient.state(venv) == before
