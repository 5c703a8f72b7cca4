"""Nothing of the patient runs while it is probed: whatever ran would leave a mark."""

from __future__ import annotations

import subprocess

import pytest
from probepatient import environment_variables, interpreters, make_venv

from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles
from doctor.probe.records import recorded_files
from doctor.probe.stdlib_names import examine_stdlib

MARK = "open({directory!r} + '/' + {name!r}, 'w').close()\n"


class Canary:
    """A venv in which every file that Python could be made to run leaves a mark."""

    def __init__(self, tmp_path, python: str) -> None:
        self.marks = tmp_path / "marks"
        self.marks.mkdir()
        self.home = tmp_path / "home"
        self.venv = make_venv(tmp_path / "v", python, system=True)
        self.environ = environment_variables(self.home)
        self.user = self.home / ".local" / "lib" / f"python{self.venv.version}" / "site-packages"
        self.user.mkdir(parents=True)
        self.fill()

    def code(self, name: str) -> str:
        return MARK.format(directory=str(self.marks), name=name)

    def fill(self) -> None:
        for directory, where in ((self.venv.site, "site"), (self.user, "user")):
            for module in ("sitecustomize", "usercustomize", "json", "os", "sysconfig", "platform", "site"):
                (directory / f"{module}.py").write_text(self.code(f"{where}-{module}"))
            (directory / "run.pth").write_text(f"import sys; {self.code(f'{where}-pth')}")
        editable = self.venv.site / "__editable___thing_finder.py"
        editable.write_text(self.code("finder") + "MAPPING = {'thing': '/srv/thing'}\ndef install(): pass\n")
        self.venv.pth("thing.pth", "import __editable___thing_finder; __editable___thing_finder.install()\n")
        for name in ("alpha", "beta"):
            package = self.venv.site / name
            package.mkdir()
            (package / "__init__.py").write_text(self.code(name))
            (package / "__main__.py").write_text(self.code(f"{name}-main"))
            points = f"[console_scripts]\n{name} = {name}:main\n"
            self.venv.install(name, entry_points__txt=points, top_level__txt=name, RECORD=f"{name}/__init__.py,,\n")
            script = self.venv.path / "bin" / name
            script.write_text(f"#!{self.venv.python}\nimport {name}\n")
            script.chmod(0o755)
        (self.venv.path / "bin" / "activate").write_text(f"touch {self.marks}/activate\n")
        (self.venv.path / "lib" / f"python{self.venv.version}" / "os.py.pth").write_text("import alpha\n")

    def found(self) -> set[str]:
        return {path.name for path in self.marks.iterdir()}


@pytest.mark.parametrize("python", interpreters())
def test_probing_leaves_no_mark_and_an_ordinary_start_does(python, tmp_path):
    canary = Canary(tmp_path, python)
    before = sorted(canary.venv.path.rglob("*"))
    environment = probe_environment(str(canary.venv.path), environ=canary.environ)
    assert environment.interpreter is not None, environment.start_failure
    assert {d.name for d in environment.distributions} >= {"alpha", "beta"}
    assert environment.editable == {"thing": "/srv/thing"}
    assert any(entry.origin == "user-site" for entry in environment.search_path)
    files = DiskFiles()
    for distribution in environment.distributions:
        recorded_files(distribution, files)
    names = examine_stdlib(environment.interpreter, ["json", "os", "site", "sysconfig", "alpha"]).names
    assert set(names) == {"json", "os", "site", "sysconfig"}
    assert canary.found() == set()
    assert sorted(canary.venv.path.rglob("*")) == before

    subprocess.run(
        [str(canary.venv.python), "-c", "import alpha, beta"], env=canary.environ, check=True, capture_output=True
    )
    assert canary.found() >= {"site-pth", "user-pth", "finder", "alpha", "beta", "site-usercustomize"}


def test_the_canary_in_each_place_that_names_an_environment(tmp_path):
    """However the environment is named, and also when its interpreter is asked a second time."""
    canary = Canary(tmp_path, interpreters()[0])
    ways = ["", "bin", "bin/python", "pyvenv.cfg", f"lib/python{canary.venv.version}/site-packages"]
    seen = {probe_environment(str(canary.venv.path / way), environ=canary.environ).path for way in ways}
    assert seen == {str(canary.venv.path)}
    assert canary.found() == set()
