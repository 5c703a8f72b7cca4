"""What a user installs: everything it needs, nothing else."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions

import pytest
from installed import ROOT, build_wheel, install

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def _tracked(folder: str) -> set[str]:
    """Files below a folder that belong to the project: what git would commit, committed or not."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in done.stdout.splitlines() if (ROOT / name).exists()}


@pytest.mark.parametrize("folder", ["rules", "lockfiles"])
def test_rules_and_lockfiles_are_inside_the_wheel(wheel, folder):
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if name.startswith(f"doctor/_data/{folder}/")}
    wanted = {f"doctor/_data/{name}" for name in _tracked(folder)}
    assert inside == wanted
    assert len(inside) == len(wanted) >= 1


def test_the_wheel_holds_the_package_and_its_data_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    stray = [n for n in names if not n.startswith(("doctor/", "acdoctor-"))]
    assert stray == []
    assert not [n for n in names if "__pycache__" in n or n.endswith(".pyc") or "/tests/" in n]
    modules = {n for n in names if n.startswith("doctor/") and not n.startswith("doctor/_data/")}
    assert modules == _tracked("doctor")
    assert any(n.endswith("/licenses/LICENSE") for n in names)


def test_the_installed_command_reads_the_rules_of_the_wheel(wheel, tmp_path):
    acdoctor = install(tmp_path, wheel)
    done = acdoctor("rules", "list", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for rule in _tracked("rules/breakages") | _tracked("rules/stacks"):
        if rule.endswith(".toml"):
            assert rule.rpartition("/")[2].removesuffix(".toml") in done.stdout


def test_dependencies_have_lower_bounds_only():
    extras = [line for group in PROJECT["optional-dependencies"].values() for line in group]
    for line in PROJECT["dependencies"] + extras:
        assert re.fullmatch(r"[a-z0-9-]+>=[0-9.]+", line), line


def _imported(folder: str) -> set[str]:
    """Top-level names that the modules below a folder import, wherever in the file."""
    names = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
            elif isinstance(node, ast.List):  # a module that is run: [sys.executable, "-m", "virtualenv"]
                words = [item.value for item in node.elts if isinstance(item, ast.Constant)]
                names.update(str(b) for a, b in itertools.pairwise(words) if a == "-m")
    return names


def test_each_dependency_is_used_and_each_use_is_declared():
    offered = packages_distributions()
    used = {
        distribution.lower().replace("_", "-")
        for name in _imported("doctor") - set(sys.stdlib_module_names)
        for distribution in offered.get(name, [name])
    } - {"acdoctor", "doctor", "pip"}
    declared = {re.split(r"[><=!~ ]", line)[0] for line in PROJECT["dependencies"]}
    assert used == declared


def test_the_version_is_said_once_more_only():
    from doctor import __version__

    assert PROJECT["version"] == __version__
