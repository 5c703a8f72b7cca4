"""Interpreter, configuration, metadata, leftovers, commands, shebangs, .pth files, shadows."""

from __future__ import annotations

import json
import shutil

import pytest

from doctor.checks import commands, configuration, interpreter, leftovers, metadata, pth, shadows, shebangs
from doctor.model import Problem, Safety, Severity

CONSOLE = {"entry_points.txt": "[console_scripts]\ntool = tool.cli:main\n"}


def test_a_healthy_environment_is_silent(patient):
    path, text = patient.command("tool")
    tags = {"WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n"}
    patient.install(
        "tool==1.0",
        {path: text, "tool.py": "x = 1\n"},
        metadata={**CONSOLE, **tags},
        headers="Requires-Python: >=3.8\n",
    )
    modules = (interpreter, configuration, metadata, leftovers, commands, shebangs, pth, shadows)
    assert [finding for module in modules for finding in patient.check(module.check)] == []


def test_an_interpreter_that_does_not_start_is_one_error_with_the_way_out(patient):
    path, text = patient.command("tool")
    patient.install("tool==1.0", {path: text}, metadata=CONSOLE)
    patient.venv.python.unlink()
    patient.venv.python.symlink_to("/gone/python3.11")
    (found,) = patient.check(interpreter.check)
    assert found.severity is Severity.ERROR
    assert found.subjects == ("<environment>",)
    assert "bin/python" in found.message
    assert found.fixes[0].safety is Safety.MANUAL
    assert str(patient.path) in found.fixes[0].command
    assert patient.check(shebangs.check) == []


@pytest.mark.parametrize("wanted", [">=4", "<3", "==2.7.*"])
def test_requires_python(patient, wanted):
    patient.install("pkg==1.0", headers=f"Requires-Python: {wanted}\n")
    (found,) = patient.check(interpreter.check)
    assert (found.rule, found.severity, found.subjects) == ("requires-python", Severity.ERROR, ("pkg==1.0",))
    assert found.fixes[0].install == ("pkg!=1.0",)


def test_requires_python_that_was_edited_is_cured_by_a_reinstall(patient):
    dist = patient.install("pkg==1.0")
    with (dist / "METADATA").open("a") as stream:
        stream.write("Requires-Python: >=4\n")
    (found,) = patient.check(interpreter.check)
    assert found.fixes[0].reinstall == ("pkg==1.0",)


def test_requires_python_that_is_none_is_a_note(patient):
    patient.install("pkg==1.0", headers="Requires-Python: new ones\n")
    (found,) = patient.check(interpreter.check)
    assert found.severity is Severity.NOTE


@pytest.mark.parametrize(
    ("tags", "severity"),
    [
        ("Tag: cp27-cp27m-win32\n", Severity.WARNING),
        ("Tag: py2.py3-none-any\n", None),
        ("Tag: cp27-none-any\nTag: py3-none-any\n", None),
        ("Tag: py3-none\n", Severity.NOTE),
        ("", None),
    ],
)
def test_wheel_tags(patient, tags, severity):
    patient.install("pkg==1.0", metadata={"WHEEL": f"Wheel-Version: 1.0\n{tags}"})
    assert [found.severity for found in patient.check(interpreter.check)] == ([severity] if severity else [])


def test_a_lost_configuration(patient):
    (patient.path / "bin/activate").write_text(f"VIRTUAL_ENV={patient.path}\n")
    (patient.path / "pyvenv.cfg").unlink()
    found = patient.check(configuration.check)[0]
    assert found.severity is Severity.ERROR
    assert found.symbol == "pyvenv.cfg"
    assert "-m venv --without-pip" in found.fixes[0].command


def test_the_command_that_is_shown_brings_a_lost_environment_back(patient):
    """The manual fix really does what it says."""
    import subprocess

    patient.install("pkg==1.0", {"pkg.py": "x = 1\n"})
    (patient.path / "bin/activate").write_text(f"VIRTUAL_ENV={patient.path}\n")
    real = patient.venv.python.resolve()
    (patient.path / "pyvenv.cfg").unlink()
    patient.venv.python.unlink()
    patient.venv.python.symlink_to("/gone/python")
    (found,) = patient.check(interpreter.check)
    command = found.fixes[0].command
    name = command.split(" && ")[1].split()[0]
    subprocess.run(command.replace(f"&& {name} ", f"&& {real} "), shell=True, check=True)
    subprocess.run([patient.venv.python, "-c", "import pkg"], check=True)
    assert patient.check(interpreter.check) == []


def test_packages_of_another_python_version(patient):
    other = patient.path / "lib/python3.7/site-packages/pkg-1.0.dist-info"
    other.mkdir(parents=True)
    (found,) = patient.check(configuration.check)
    assert found.severity is Severity.ERROR
    assert "1 package for python3.7" in found.message
    patient.install("here==1.0")
    (found,) = patient.check(configuration.check)
    assert found.severity is Severity.WARNING


def test_every_problem_of_the_probe_becomes_a_finding(patient):
    problems = tuple(
        Problem(code=code, path=f"{patient.path}/x") for code in ("pythonhome-set", "prefix-mismatch", "brand-new")
    )
    found = patient.check(configuration.check, problems=problems)
    assert [f.severity for f in found] == [Severity.WARNING, Severity.ERROR, Severity.NOTE]
    assert found[2].message == "brand new"


def test_metadata_that_cannot_be_read(patient):
    dist = patient.install("pkg==1.0")
    (dist / "METADATA").write_bytes(b"\0\1\2" * 100)
    (dist / "RECORD").unlink()
    (found,) = patient.check(metadata.check)
    assert found.severity is Severity.WARNING
    assert "metadata that cannot be read" in found.message
    assert len(found.details) == 2
    assert found.fixes[0].reinstall == ("pkg==1.0",)


def test_a_missing_record_is_the_system_installers_affair(patient):
    dist = patient.install("pkg==1.0")
    (dist / "RECORD").unlink()
    (found,) = patient.check(metadata.check)
    assert (found.severity, found.fixes[0].reinstall) == (Severity.WARNING, ("pkg==1.0",))
    (found,) = patient.check(metadata.check, kind="system")
    assert (found.severity, found.fixes) == (Severity.NOTE, ())


def test_leftovers_are_grouped_and_can_be_removed(patient):
    patient.install("numpy==1.26.4", {"numpy/__init__.py": ""})
    for name in ("~umpy", "~umpy-1.26.3.dist-info"):
        (patient.site / name).mkdir()
    (patient.site / "half-1.0.dist-info").mkdir()
    (patient.site / "ghost/__pycache__").mkdir(parents=True)
    found = {f.symbol: f for f in patient.check(leftovers.check)}
    assert found["numpy"].subjects == ("numpy==1.26.4",)
    assert found["numpy"].message == "an interrupted upgrade left 2 directories of numpy behind"
    assert found["numpy"].fixes[0].remove == (str(patient.site / "~umpy"), str(patient.site / "~umpy-1.26.3.dist-info"))
    assert found["half"].severity is Severity.WARNING
    assert found["ghost"].severity is Severity.NOTE


def test_commands_that_are_gone(patient):
    first, second = patient.command("tool"), patient.command("extra")
    patient.install("tool==1.0", dict([first, second]), metadata=CONSOLE)
    (patient.path / "bin/tool").unlink()
    (found,) = patient.check(commands.check)
    assert found.severity is Severity.ERROR
    assert found.message == "the command tool of tool 1.0 is gone from bin"
    assert found.symbol == "bin/tool"
    (patient.path / "bin/extra").unlink()
    (found,) = patient.check(commands.check)
    assert found.message == "the commands extra and tool of tool 1.0 are gone from bin"


@pytest.mark.parametrize(
    "head",
    [
        "#!/gone/bin/python3\n",
        "#! /gone/bin/python3 -E\n",
        "#!/bin/sh\n'''exec' \"/gone/bin/python3\" \"$0\" \"$@\"\n' '''\n",
        "#!/bin/sh\n'''exec' /gone/bin/python3 \"$0\" \"$@\"\n' '''\n",
    ],
)
def test_a_shebang_that_leads_nowhere(patient, head):
    patient.install("tool==1.0", {"../../../bin/tool": f"{head}print(1)\n"}, metadata=CONSOLE)
    (found,) = patient.check(shebangs.check)
    assert found.severity is Severity.ERROR
    assert found.subjects == ("tool==1.0",)
    assert "/gone/bin/python3" in found.details[0]
    assert found.fixes[0].reinstall == ("tool==1.0",)


def test_other_first_lines_are_nobodys_trouble(patient):
    scripts = {
        "a": "#!/usr/bin/env python3\n",
        "b": "#!/bin/sh\nexec true\n",
        "c": "#!/usr/bin/perl\n",
        "d": b"\x7fELF",
        "e": "",
    }
    patient.install("tool==1.0", {f"../../../bin/{name}": text for name, text in scripts.items()})
    assert patient.check(shebangs.check) == []


def test_a_moved_environment_is_one_finding_that_can_be_cured(patient):
    old = patient.path.parent / "old"
    for name in ("one", "two"):
        path, text = patient.command(name, old / "bin/python")
        patient.install(
            f"{name}==1.0", {path: text}, metadata={"entry_points.txt": f"[console_scripts]\n{name} = a:b\n"}
        )
    (patient.path / "bin/activate").write_text(f"VIRTUAL_ENV='{old}'\nexport VIRTUAL_ENV\n")
    (found,) = patient.check(shebangs.check)
    assert found.severity is Severity.ERROR
    assert found.subjects == ("<environment>",)
    assert found.message == f"this environment was moved or copied from {old}: 2 commands cannot start"
    assert found.fixes[0].reinstall == ("one==1.0", "two==1.0")


def test_a_script_of_another_living_environment_is_a_warning(patient, another):
    other = another("other")
    path, text = patient.command("tool", other.venv.python)
    patient.install("tool==1.0", {path: text}, metadata=CONSOLE)
    (found,) = patient.check(shebangs.check)
    assert found.severity is Severity.WARNING
    assert found.subjects == ("tool==1.0",)


def test_the_environment_by_another_path_is_itself(patient):
    link = patient.path.parent / "link"
    link.symlink_to(patient.path)
    path, text = patient.command("tool", link / "bin/python")
    patient.install("tool==1.0", {path: text}, metadata=CONSOLE)
    assert patient.check(shebangs.check) == []


def test_a_pth_line_that_imports_what_is_gone(patient):
    patient.write("hook.pth", "import os; enabled = 1; enabled and __import__('_no_such_hook').start()\n")
    (found,) = patient.check(pth.check)
    assert found.severity is Severity.WARNING
    assert found.message == "every start of Python prints an error: hook.pth imports _no_such_hook, which is gone"
    assert found.fixes[0].remove == (str(patient.site / "hook.pth"),)
    patient.write("_no_such_hook.py", "")
    assert patient.check(pth.check) == []


def test_who_left_a_pth_file_behind_is_known_from_the_table_of_import_names(patient):
    patient.write("distutils-precedence.pth", "import os; __import__('_distutils_hack').add_shim();\n")
    (found,) = patient.check(pth.check)
    assert found.subjects == ("setuptools",)


def test_an_owner_of_a_broken_pth_line_is_reinstalled(patient):
    patient.install("tool==1.0", {"tool-hook.pth": "import _tool_hook\n", "_tool_hook.py": ""})
    (patient.site / "_tool_hook.py").unlink()
    (found,) = patient.check(pth.check)
    assert found.subjects == ("tool==1.0",)
    assert found.fixes[0].reinstall == ("tool==1.0",)


def test_an_editable_install_without_its_source(patient):
    source = patient.path.parent / "source"
    source.mkdir()
    patient.install("app==1.0", {"__editable__.app-1.0.pth": f"{source}\n"})
    assert patient.check(pth.check) == []
    source.rmdir()
    (found,) = patient.check(pth.check)
    assert (found.rule, found.severity, found.subjects) == ("editable", Severity.ERROR, ("app==1.0",))
    assert found.fixes[0].remove == ("app",)


def test_an_editable_finder_without_its_source(patient):
    source = patient.path.parent / "source"
    (source / "app").mkdir(parents=True)
    (source / "app/__init__.py").write_text("")
    finder = f"MAPPING: dict[str, str] = {{'app': '{source}/app'}}\nNAMESPACES = {{}}\n"
    origin = json.dumps({"url": source.as_uri(), "dir_info": {"editable": True}})
    patient.install(
        "app==1.0",
        {"__editable__.app-1.0.pth": "import __editable___app_1_0_finder\n", "__editable___app_1_0_finder.py": finder},
        metadata={"direct_url.json": origin},
    )
    assert patient.check(pth.check) == []
    shutil.rmtree(source)
    (found,) = patient.check(pth.check)
    assert (found.rule, found.severity) == ("editable", Severity.ERROR)


def test_a_path_of_nobody_that_does_not_exist_is_a_note(patient):
    patient.write("mine.pth", "/no/such/folder\n")
    (found,) = patient.check(pth.check)
    assert found.severity is Severity.NOTE


def test_a_module_that_hides_one_of_the_standard_library(patient):
    patient.write("old/calendar.py", "EVENTS = []\n")
    patient.write("front.pth", f"import sys; sys.path.insert(0, r'{patient.site}/old')\n")
    (found,) = patient.check(shadows.check)
    assert found.severity is Severity.ERROR
    assert found.subjects == ("<environment>",)
    assert "old/calendar.py hides the standard library's calendar and lacks calendar." in found.message
    assert "front.pth" in found.message
    assert found.fixes[0].remove == (str(patient.site / "front.pth"),)


@pytest.mark.parametrize(
    "line",
    [
        "import sys; sys.path.append(r'{0}/old')",
        "import sys; sys.path.insert(0, 'relative')",
        "import os; os.path.join('a')",
    ],
)
def test_what_comes_behind_the_standard_library_hides_nothing_of_it(patient, line):
    patient.write("old/calendar.py", "")
    patient.write("front.pth", line.format(patient.site) + "\n")
    assert patient.check(shadows.check) == []


def test_pythonpath_that_hides_packages_of_the_environment(patient, monkeypatch, tmp_path):
    patient.install("numpy==2.0", {"numpy/__init__.py": "", "alone.py": ""})
    folder = tmp_path / "elsewhere"
    (folder / "numpy").mkdir(parents=True)
    (folder / "numpy/__init__.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    (found,) = patient.check(shadows.check)
    assert found.severity is Severity.WARNING
    assert found.message == f"PYTHONPATH puts {folder} first, which hides numpy of here"
    assert found.fixes[0].command == "unset PYTHONPATH"
