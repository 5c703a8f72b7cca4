"""Editable installs: what their finders map is read, and is what the interpreter then finds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from probepatient import make_venv

from doctor.probe.environment import probe_environment


@pytest.fixture
def venv(tmp_path):
    return make_venv(tmp_path / "v")


def editable(venv, module: str, source: str) -> dict[str, str]:
    (venv.site / f"{module}.py").write_text(source)
    venv.pth(f"{module}.pth", f"import {module}; {module}.install()\n")
    return dict(probe_environment(str(venv.path)).editable)


def codes(venv) -> list[str]:
    return [problem.code for problem in probe_environment(str(venv.path)).problems]


@pytest.mark.parametrize("annotation", ["", ": dict[str, str]"])
def test_the_table_of_setuptools(annotation, venv, tmp_path):
    project = tmp_path / "project"
    (project / "pkg").mkdir(parents=True)
    (project / "mod.py").write_text("")
    table = {"pkg": f"{project}/pkg", "mod": f"{project}/mod", "ns.inner": f"{project}/src/inner", "gone": "/gone"}
    found = editable(venv, "__editable___x_finder", f"MAPPING{annotation} = {table!r}\nNAMESPACES = {{'ns': []}}\n")
    assert found == {
        "pkg": f"{project}/pkg",
        "mod": f"{project}/mod.py",
        "ns.inner": f"{project}/src/inner",
        "gone": "/gone",
    }


def test_the_calls_of_editables(venv):
    source = "from editables.redirector import RedirectingFinder as F\nF.install()\n"
    found = editable(venv, "_editable_impl_x", source + "F.map_module('pkg', '/srv/src/pkg/__init__.py')\n")
    assert found == {"pkg": "/srv/src/pkg"}


def test_the_call_of_scikit_build_core(venv):
    known = {"pkg": "/srv/pkg/__init__.py", "pkg.sub": "/srv/pkg/sub.py", "pkg.native": "/build/native.so"}
    found = editable(venv, "_editable_skbc_x", f"def install(*a): pass\n\ninstall({known!r}, {{}}, None, False)\n")
    assert found == {"pkg": "/srv/pkg", "pkg.native": "/build/native.so"}


def test_the_install_plan_of_meson(venv, tmp_path):
    plan = {
        "python": {
            "/srv/pkg/__init__.py": {"destination": "{py_purelib}/pkg/__init__.py"},
            "/srv/pkg/a.py": {"destination": "{py_platlib}/pkg/a.py"},
            "/srv/readme": {"destination": "{datadir}/readme"},
        },
        "targets": {"/build/x.cpython-311.so": {"destination": "{py_platlib}/pkg/_core.cpython-311.so"}},
        "odd": [1],
    }
    (tmp_path / "build" / "meson-info").mkdir(parents=True)
    (tmp_path / "build" / "meson-info" / "intro-install_plan.json").write_text(json.dumps(plan))
    source = f"def init():\n    f = MesonpyMetaFinder('x', {{'pkg'}}, '{tmp_path}/build', ['ninja'], False)\n"
    found = editable(venv, "_x_editable_loader", source)
    assert found == {"pkg": "/srv/pkg", "pkg._core": "/build/x.cpython-311.so"}


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("MAPPING = dict(a='b')\n", "editable-opaque"),
        ("MAPPING = {'a': open('mark', 'w')}\n", "editable-opaque"),
        ("def (", "editable-unreadable"),
        ("\0", "editable-unreadable"),
        ("x = " + "(" * 5000, "editable-unreadable"),
        ("f = MesonpyMetaFinder('x', {'y'}, '/nowhere', [], False)", "editable-unreadable"),
    ],
)
def test_a_finder_that_cannot_be_read_is_a_problem(source, code, venv):
    assert editable(venv, "__editable___x_finder", source) == {}
    assert codes(venv) == [code]


def test_a_finder_that_no_pth_file_loads_has_no_effect(venv):
    (venv.site / "__editable___x_finder.py").write_text("MAPPING = {'a': '/b'}\n")
    assert probe_environment(str(venv.path)).editable == {}


@pytest.mark.network
def test_real_editable_installs_are_seen_as_the_interpreter_sees_them(tmp_path):
    """setuptools with a table, and with a plain path; the real import says where the modules are."""
    venv_path = tmp_path / "v"
    subprocess.run([sys.executable, "-m", "venv", str(venv_path)], check=True, capture_output=True)
    python = venv_path / "bin" / "python"
    for name, package in (("mapped", "src/inside"), ("plain", "src/plainpkg")):
        project = tmp_path / name
        (project / package).mkdir(parents=True)
        (project / package / "__init__.py").write_text("")
        layout = 'package-dir = {"outside" = "src/inside"}\npackages = ["outside"]\n'
        (project / "pyproject.toml").write_text(
            '[build-system]\nrequires = ["setuptools>=77"]\nbuild-backend = "setuptools.build_meta"\n'
            f'[project]\nname = "{name}"\nversion = "1.0"\n'
            + ("[tool.setuptools]\n" + layout if name == "mapped" else "")
        )
        command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-e", str(project)]
        subprocess.run(command, check=True, capture_output=True)
    found = probe_environment(str(venv_path))
    ask = "import outside, plainpkg; print(outside.__file__); print(plainpkg.__file__)"
    done = subprocess.run([str(python), "-c", ask], check=True, capture_output=True, text=True)
    outside, plain = (str(Path(line).parent) for line in done.stdout.splitlines())
    assert found.editable == {"outside": outside}
    assert str(Path(plain).parent) in [entry.path for entry in found.search_path]
    assert {d.name: d.direct_url.editable for d in found.distributions if d.direct_url} == {
        "mapped": True,
        "plain": True,
    }
    assert len({d.name for d in found.distributions}) == len(found.distributions)
    assert found.problems == ()
