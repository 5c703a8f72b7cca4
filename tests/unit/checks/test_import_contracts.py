"""What the check of import contracts finds, as ``acdoctor check`` and ``acdoctor imports`` show it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from doctor.checks.examine import NO_STACK, Options, examine
from doctor.errors import UsageError
from doctor.model import Finding, Severity

ROOT = Path(__file__).resolve().parents[3]


def found(patient, *entries: str, stack: str = NO_STACK) -> list[Finding]:
    """Import contracts that do not hold, the worst first."""
    report = examine(str(patient.path), Options(stack=stack, entries=entries))
    assert not report.crashed
    return [f for f in report.findings if f.rule == "import-contract"]


def provider(patient, **files: str) -> None:
    """A healthy distribution."""
    patient.install("provider==1.0", {"provider/__init__.py": "old = 1\n", **files})


def test_a_healthy_environment_has_no_finding(patient):
    provider(patient)
    patient.install("user==2.0", {"user/__init__.py": "from provider import old\n"}, ["provider"])
    assert found(patient) == []


def test_a_missing_module_names_both_and_the_place(patient):
    provider(patient)
    patient.install("user==2.0", {"user/__init__.py": "import os\nimport provider.new\n"}, ["provider>=1"])
    (finding,) = found(patient)
    assert finding.severity is Severity.ERROR
    assert finding.subjects == ("user==2.0", "provider==1.0")
    assert finding.symbol == "provider.new"
    assert (finding.where.path, finding.where.line) == ("user/__init__.py", 2)
    assert finding.chain == ("user",)
    assert "provider 1.0" in finding.message
    assert not finding.message.endswith(".")


def test_the_chain_leads_from_the_entry_to_the_failing_module(patient):
    provider(patient)
    files = {
        "user/__init__.py": "from . import a\n",
        "user/a.py": "from user.b import x\n",
        "user/b.py": "from provider import x\n",
    }
    patient.install("user==2.0", files, ["provider"])
    (finding,) = found(patient)
    assert finding.chain == ("user", "user.a", "user.b")
    assert finding.symbol == "provider.x"


def test_a_second_break_behind_the_first_is_found_too(patient):
    provider(patient)
    patient.install("other==1.0", {"other/__init__.py": ""})
    source = "import provider.new\nfrom other import lost\nfrom user import inner\n"
    patient.install(
        "user==2.0", {"user/__init__.py": source, "user/inner.py": "import provider.gone\n"}, ["provider", "other"]
    )
    assert {f.symbol for f in found(patient)} == {"provider.new", "other.lost", "provider.gone"}


def test_a_break_behind_one_in_another_distribution_is_found_too(patient):
    provider(patient, **{"provider/sub.py": "import dependency.lost\nname = 1\n"})
    patient.install("dependency==1.0", {"dependency/__init__.py": ""})
    patient.install("user==2.0", {"user/__init__.py": "from provider.sub import name, gone\n"}, ["provider"])
    assert {f.symbol for f in found(patient)} == {"dependency.lost", "provider.sub.gone"}


def test_two_hundred_modules_behind_one_damaged_file_are_one_finding(patient):
    provider(patient, **{"provider/core.py": "def whole():\n    pass\n"})
    patient.write("provider/core.py", "def broken(:\n")
    modules = {f"user/m{n}.py": "from provider.core import thing\nimport provider.core\n" for n in range(200)}
    start = "".join(f"from user import m{n}\n" for n in range(200))
    patient.install("user==2.0", {"user/__init__.py": start, **modules}, ["provider"])
    for number in range(20):
        patient.install(f"plugin-{number}==1.0", {f"plugin_{number}.py": "import user.m7\n"}, ["user"])
    (finding,) = found(patient)
    assert finding.subjects[0] == "provider==1.0"
    assert finding.where.path == "provider/core.py"
    assert any("21 entries" in line for line in finding.details), finding.details
    assert [fix.reinstall for fix in finding.fixes] == [("provider==1.0",)]


def test_source_for_another_python_is_not_called_damaged(patient):
    patient.install("ancient==1.0", {"ancient/__init__.py": "from ancient import old\n", "ancient/old.py": "print 1\n"})
    (finding,) = found(patient)
    assert "is not for this Python" in finding.message
    assert finding.severity is Severity.ERROR
    assert finding.fixes == ()


def test_what_python_itself_lacks_is_laid_to_python(patient):
    source = "import asyncio\n@asyncio.vanished\ndef f():\n    pass\n"
    patient.install("ancient==1.0", {"ancient/__init__.py": source})
    (finding,) = found(patient)
    assert finding.subjects == ("ancient==1.0",)
    assert "does not work with Python 3" in finding.message


def test_a_command_that_this_python_cannot_start_is_an_error(patient):
    points = "[console_scripts]\nancient = ancient.main:run\n"
    files = {"ancient/__init__.py": "", "ancient/main.py": "from types import Vanished\ndef run():\n    pass\n"}
    patient.install("ancient==1.0", files, metadata={"entry_points.txt": points})
    assert [f.severity for f in found(patient)] == [Severity.ERROR]


def test_an_optional_part_of_what_others_ask_for_is_a_note(patient):
    """As matplotlib-inline beside an ipython without matplotlib."""
    patient.install("shell==1.0", {"shell/__init__.py": ""}, ["plots"])
    patient.install("plots==1.0", {"plots/__init__.py": "import nowhere\n"})
    (finding,) = found(patient)
    assert finding.severity is Severity.NOTE


def test_a_module_kept_for_old_programs_is_a_note(patient):
    provider(patient)
    gone = "from warnings import warn\nwarn('user.old has moved to provider.gone')\nfrom provider.gone import *\n"
    patient.install("user==2.0", {"user/__init__.py": "", "user/old.py": gone}, ["provider"])
    (finding,) = found(patient)
    assert finding.severity is Severity.NOTE


def test_what_the_newest_release_dropped_is_asked_for_by_version(patient):
    patient.install("user==2.0", {"user/__init__.py": "import pkg_resources\n"}, ["setuptools"])
    contract = next(f for f in found(patient) if f.symbol == "pkg_resources")
    assert contract.fixes[0].install == ("setuptools<82",)


def test_what_the_installed_release_dropped_is_asked_for_by_version(patient):
    patient.install("setuptools==84.0.0", {"setuptools/__init__.py": ""})
    patient.install("user==2.0", {"user/__init__.py": "import pkg_resources\n"}, ["setuptools"])
    contract = next(f for f in found(patient) if f.symbol == "pkg_resources")
    assert contract.subjects == ("user==2.0", "setuptools==84.0.0")
    assert contract.fixes[0].install == ("setuptools<82",)


def test_guarded_and_unreached_breaks_are_silent(patient):
    provider(patient)
    files = {
        "user/__init__.py": "try:\n    import provider.new\nexcept ImportError:\n    pass\n",
        "user/_unreached.py": "import provider.newest\n",
    }
    patient.install("user==2.0", files, ["provider"])
    assert found(patient) == []


def test_an_undeclared_optional_root_is_no_error_where_nobody_imports_it(patient):
    patient.install(
        "user==2.0", {"user/__init__.py": "", "user/tests/__init__.py": "", "user/tests/t.py": "import nowhere\n"}
    )
    assert found(patient) == []


@pytest.mark.parametrize("name", ["run.py", "run.ipynb"])
def test_a_program_of_the_user_is_followed(patient, tmp_path, name):
    provider(patient)
    program = tmp_path / "work" / name
    program.parent.mkdir()
    lines = ["import helper\n", 'if __name__ == "__main__":\n', "    from provider import lost\n"]
    (program.parent / "helper.py").write_text("value = 1\n")
    if name.endswith(".py"):
        program.write_text("".join(lines))
    else:
        cells = [
            {"cell_type": "markdown", "source": ["# import nothing\n"]},
            {"cell_type": "code", "source": ["%matplotlib inline\n", "!pip install x\n"]},
            {"cell_type": "code", "source": ["%%bash\n", "import nonsense here\n"]},
            {"cell_type": "code", "source": lines},
        ]
        program.write_text(json.dumps({"cells": cells, "nbformat": 4}))
    (finding,) = found(patient, str(program))
    assert finding.severity is Severity.ERROR
    assert finding.symbol == "provider.lost"
    assert "provider==1.0" in finding.subjects


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.py", b"\0\xff"),
        ("run.py", b"x ="),
        ("run.ipynb", b"{}"),
        ("run.ipynb", b"\xff"),
        ("run.ipynb", b"[" * 100_000),
    ],
)
def test_a_damaged_program_is_a_finding(patient, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    (finding,) = found(patient, str(tmp_path / name))
    assert finding.severity is Severity.ERROR


def test_an_empty_program_is_healthy(patient, tmp_path):
    (tmp_path / "run.py").write_bytes(b"")
    assert found(patient, str(tmp_path / "run.py")) == []


def test_entries_that_are_not_there(patient, tmp_path):
    (finding,) = found(patient, "nowhere")
    assert finding.symbol == "nowhere"
    for entry, reason in ((str(tmp_path / "none.py"), "no such file"), ("script:none", "console script")):
        try:
            report = examine(str(patient.path), Options(stack=NO_STACK, entries=(entry,)))
        except UsageError as error:
            assert reason in str(error)
        else:
            assert report.exit_code == 3
            assert reason in report.crashed[0].reason


def test_a_console_script_is_an_entry(patient):
    provider(patient)
    points = {"entry_points.txt": "[console_scripts]\nrun-user = user.cli:main\n"}
    files = {"user/__init__.py": "", "user/cli.py": "import provider.new\ndef main():\n    pass\n"}
    patient.install("user==2.0", files, ["provider"], points)
    for entry in ("script:run-user", "user.cli"):
        (finding,) = found(patient, entry)
        assert finding.symbol == "provider.new"
    assert found(patient, "user") == []


def test_entries_of_a_stack_that_are_not_installed_are_silent(patient):
    patient.install("something==1.0", {"something/__init__.py": ""})
    assert found(patient, stack="cerebras-r2.6.0") == []


def test_only_what_the_stack_starts_is_an_error(patient):
    files = {"cerebras/pytorch/__init__.py": "import nowhere_at_all\n"}
    patient.install("cerebras-pytorch==2.6.0", files)
    patient.install("stray==1.0", {"stray/__init__.py": "import provider.gone\n"})
    symbols = {f.symbol for f in found(patient, stack="cerebras-r2.6.0")}
    assert symbols == {"nowhere_at_all"}


# ------------------------------------------------------------------ acdoctor imports


def imports(*arguments: object, home: Path, limit: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command, with a home of its own."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(home), "COLUMNS": "80", **(limit or {})}
    command = [sys.executable, "-m", "doctor", "imports", *map(str, arguments)]
    return subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def broken(patient):
    """``user`` breaks in ``provider``; ``good`` works."""
    provider(patient)
    patient.install("user==2.0", {"user/__init__.py": "import provider.new\n"}, ["provider"])
    patient.install("good==1.0", {"good.py": "try:\n    import optional_thing\nexcept ImportError:\n    pass\n"})
    return patient.path


def test_imports_as_text(broken, tmp_path):
    done = imports("user", broken, home=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("import user: would fail\n")
    assert "ModuleNotFoundError: No module named 'provider.new'" in done.stdout
    assert "user/__init__.py:1" in done.stdout
    good = imports("good", broken, home=tmp_path)
    assert good.returncode == 0
    assert good.stdout.startswith("import good: would import\n")
    assert "optional_thing at good.py:2" in good.stdout


def test_imports_as_json(broken, tmp_path):
    (tmp_path / "modules.txt").write_text("user\ngood\n")
    done = imports("--modules-from", "modules.txt", "--format", "json", broken, home=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    user, good = json.loads(done.stdout)
    assert good == {"module": "good", "outcome": "ok", "reason": "", "failures": []}
    assert (user["module"], user["outcome"]) == ("user", "fails")
    (failure,) = user["failures"]
    assert failure == {
        "exception": "ModuleNotFoundError",
        "message": "No module named 'provider.new'",
        "symbol": "provider.new",
        "where": {"path": "user/__init__.py", "line": 1},
        "chain": ["user"],
    }
    lines = imports("--modules-from", "modules.txt", "--format", "jsonl", broken, home=tmp_path)
    assert [json.loads(line) for line in lines.stdout.splitlines()] == [user, good]


def test_imports_exit_codes(broken, tmp_path):
    assert imports("good", broken, "--format", "json", home=tmp_path).returncode == 0
    assert imports("nowhere", broken, home=tmp_path).returncode == 1
    for wrong in (
        [],
        ["good", tmp_path / "no-such-environment"],
        ["good", broken, "--format", "xml"],
        ["--modules-from", "no-such-file", broken],
    ):
        done = imports(*wrong, home=tmp_path)
        assert done.returncode in {2, 3}, (wrong, done)
        assert done.stdout == ""
        assert done.stderr
        assert "Traceback" not in done.stderr


def test_a_name_that_is_no_module_gets_an_answer(broken, tmp_path):
    for name in ("a..b", ".", "0", "good.", "../x", "good\x1b[31m", "x" * 3000, "é"):
        done = imports(name, broken, home=tmp_path)
        assert done.returncode in {0, 1, 2}, (name, done)
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stdout + done.stderr


def test_a_package_that_blames_another_in_its_own_words(patient):
    """The exception is raised in the importer's file; the two that do not fit are told all the same."""
    patient.install("numerics==1.26.4", {"numerics/__init__.py": "__version__ = '1.26.4'\n"})
    check_version = (
        "import numerics\nif tuple(int(p) for p in numerics.__version__.split('.')) < (2, 0, 2):\n"
        "    raise ImportError(f'Please upgrade numerics to >= 2.0.2; it is {numerics.__version__}.')\n"
    )
    patient.install("frames==3.0", {"frames/__init__.py": check_version}, ["numerics>=2.0.2"])
    (finding,) = found(patient)
    assert finding.severity is Severity.ERROR
    assert finding.subjects == ("frames==3.0", "numerics==1.26.4")
    assert "Please upgrade numerics" in finding.message


def test_a_package_that_asks_for_what_is_not_there(patient):
    text = (
        "try:\n    import extra_part\nexcept ImportError:\n    extra_part = None\n"
        "if extra_part is None:\n    raise ImportError('frames needs extra-part to be installed')\n"
    )
    patient.install("frames==3.0", {"frames/__init__.py": text}, ['extra-part>=2; extra == "all"'])
    (finding,) = found(patient)
    assert finding.severity is Severity.ERROR
    assert finding.subjects == ("frames==3.0", "extra-part")
    assert finding.fixes[0].install == ("extra-part",)


def test_what_a_program_loads_when_it_starts_is_an_entry(patient):
    """Every run of pytest imports the modules of its plugins."""
    provider(patient)
    points = {"entry_points.txt": "[pytest11]\nuser = user._plugin\n"}
    files = {"user/__init__.py": "", "user/_plugin.py": "from provider import gone\n"}
    patient.install("user==2.0", files, ["provider"], points)
    assert found(patient) == []
    patient.install("pytest==9.0", {"pytest/__init__.py": ""})
    (finding,) = found(patient)
    assert finding.severity is Severity.ERROR
    assert finding.chain[0] == "user._plugin"


def program(patient, main: str, requires: tuple[str, ...] = ()) -> None:
    """A distribution with a command of its own name that starts in a function."""
    points = {"entry_points.txt": "[console_scripts]\nuser = user.__main__:main\n"}
    files = {"user/__init__.py": "", "user/__main__.py": main, "user/_work.py": "import gone_away\ndef run(): pass\n"}
    patient.install("user==2.0", files, requires, points)


def test_what_a_command_imports_when_it_starts(patient):
    program(
        patient,
        "import sys\ndef main():\n    if 'x' in sys.argv:\n        print(1)\n    from user._work import run\n    run()\n",
    )
    (finding,) = found(patient)
    assert finding.severity is Severity.ERROR
    assert finding.symbol == "gone_away"
    assert finding.chain == ("user._work",)


@pytest.mark.parametrize(
    "main",
    [
        pytest.param("def main(args=None):\n    if not args:\n        return 1\n    from user._work import run\n", id="may return"),
        pytest.param("def main():\n    try:\n        from user._work import run\n    except ImportError:\n        pass\n", id="guard"),
        pytest.param("def main():\n    options = parser.parse_args()\n    import user._work\n", id="behind the options"),
        pytest.param("@wrap\ndef main():\n    import user._work\n", id="decorated"),
        pytest.param("main = 1\n", id="no function"),
        pytest.param("def other():\n    import user._work\n", id="another function"),
    ],
)  # fmt: skip
def test_what_a_command_may_import_later_is_no_start(patient, main):
    program(patient, "parser = wrap = print\n" + main)
    assert found(patient) == []


def test_a_command_whose_extra_is_not_installed_is_a_note(patient):
    program(patient, "def main():\n    import user._work\n", ['gone-away; extra == "cli"'])
    (finding,) = found(patient)
    assert finding.severity is Severity.NOTE


def test_an_assumed_distribution_brings_its_module_by_another_name(patient):
    """``--assume absl-py==2.1.0``: the host will bring ``absl``."""
    patient.install("user==2.0", {"user/__init__.py": "from absl import flags\n"}, ["absl-py"])
    report = examine(str(patient.path), Options(stack=NO_STACK, assumed={"absl-py": "2.1.0"}))
    assert [f for f in report.findings if f.rule == "import-contract"] == []


def test_a_version_that_is_not_asked_for_is_one_break_with_one_cure(patient):
    """Whatever the wrong version lacks, a right one has: it is one finding, and its cure is what was declared."""
    provider(patient, **{"provider/sub.py": ""})
    files = {
        "user/__init__.py": "from provider import gone_a\nfrom provider.sub import gone_b\nimport provider.gone_c\n"
    }
    patient.install("user==2.0", files, ["provider<1"])
    report = examine(str(patient.path), Options(stack=NO_STACK))
    folded = {key for f in report.findings for key in f.explains}
    (told,) = [f for f in report.findings if f.key not in folded]
    assert (told.rule, told.severity) == ("import-contract", Severity.ERROR)
    assert [fix.install for fix in told.fixes] == [("provider<1",)]
    assert len(folded) == 3  # two more breaks, and the requirement itself
