"""The probe's search path beside the real ``sys.path`` of the same interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from probepatient import REAL, Venv, environment_variables, interpreters, make_venv, real_search_path

from doctor.model import Environment
from doctor.probe.environment import probe_environment

EASY_INSTALL = (
    "import sys; sys.__plen = len(sys.path)\n"
    "./first.egg\n{outside}\n"
    "import sys; new=sys.path[sys.__plen:]; del sys.path[sys.__plen:]; p=getattr(sys,'__egginsert',0); "
    "sys.path[p:p]=new; sys.__egginsert = p+len(new)\n"
)


def paths(environment: Environment) -> list[str]:
    return [entry.path for entry in environment.search_path]


def assorted(venv: Venv, tmp_path) -> None:
    """``.pth`` files of every sort that is met in the wild."""
    for name in ("aa", "bb", "nested", "first.egg", "with space", "hidden", "mark", "tail", "split"):
        (venv.site / name).mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (venv.site / "nested" / "inner.pth").write_text("../bb\n")  # not a site directory: never read
    venv.pth("z.pth", "# a comment\n\nbb\n./aa/\n  aa\nmissing\n")
    venv.pth("a.pth", "nested\nimport os\nwith space   \n../site-packages/aa\n")
    venv.pth("B.pth", f"{outside}\r\naa\r\n")
    venv.pth(".h.pth", "hidden\n")
    venv.pth("bom.pth", b"\xef\xbb\xbfmark\n")
    venv.pth("odd.pth", "tail\x0csplit\naa\0bb\n")
    venv.pth("easy-install.pth", EASY_INSTALL.format(outside=outside))
    venv.pth("loop.pth", f"{venv.path}/round\n")
    (venv.path / "round").symlink_to("round")
    (venv.site / "directory.pth").mkdir()
    venv.pth("not-a-pth.txt", "bb\n")


@pytest.mark.parametrize("python", interpreters())
def test_assorted_pth_files(python, tmp_path):
    venv = make_venv(tmp_path / "v", python)
    assorted(venv, tmp_path)
    environ = environment_variables(tmp_path / "home")
    assert paths(probe_environment(str(venv.path), environ=environ)) == real_search_path(venv.python, environ)


SOME = [p for p in interpreters() if p in (REAL, "/usr/bin/python3") or "3.8" in p or "3.13" in p]


@pytest.mark.parametrize("python", SOME)
@pytest.mark.parametrize(
    ("system", "more"),
    [
        (False, {}),
        (True, {}),
        (True, {"PYTHONNOUSERSITE": "1"}),
        (True, {"PYTHONPATH": "/srv/one:rel::/srv/one/"}),
    ],
)
def test_user_and_system_site(python, system, more, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    venv = make_venv(tmp_path / "v", python, system=system)
    (venv.site / "own").mkdir()
    venv.pth("own.pth", "own\n")
    environ = environment_variables(tmp_path / "home", **more)
    user = tmp_path / "home" / ".local" / "lib" / f"python{venv.version}" / "site-packages"
    (user / "users").mkdir(parents=True)
    (user / "u.pth").write_text("users\n")
    found = probe_environment(str(venv.path), environ=environ)
    assert paths(found) == real_search_path(venv.python, environ, cwd=tmp_path)
    assert (str(user) in paths(found)) == (system and "PYTHONNOUSERSITE" not in more)
    origins = {entry.path: entry.origin for entry in found.search_path}
    assert origins[str(venv.site)] == "site"
    assert origins[str(venv.site / "own")] == "pth"


@pytest.mark.parametrize("python", interpreters())
def test_a_python_by_itself(python, tmp_path):
    environ = environment_variables(tmp_path / "home", PYTHONUSERBASE=str(tmp_path / "base"))
    version = "python{}.{}".format(*probe_environment(python, environ=environ).interpreter.minor)
    (tmp_path / "base" / "lib" / version / "site-packages").mkdir(parents=True)
    found = probe_environment(python, environ=environ)
    assert found.kind in ("system", "conda")
    assert paths(found) == real_search_path(python, environ)
    by_prefix = probe_environment(found.path, environ=environ)
    assert by_prefix.kind == found.kind
    if by_prefix.interpreter.version == found.interpreter.version:
        assert by_prefix.search_path == found.search_path


@pytest.mark.parametrize("python", SOME)
@pytest.mark.parametrize(
    "line",
    [
        "",
        "include-system-site-packages = TRUE",
        "include-system-site-packages = yes",
        " Include-System-Site-Packages=true\ninclude-system-site-packages = false",
        "x\x0binclude-system-site-packages = false",
    ],
)
def test_what_the_configuration_says_of_the_base(python, line, tmp_path):
    venv = make_venv(tmp_path / "v", python)
    config = venv.path / "pyvenv.cfg"
    config.write_text(f"home = {Path(python).parent}\n{line}\n")
    environ = environment_variables(tmp_path / "home")
    assert paths(probe_environment(str(venv.path), environ=environ)) == real_search_path(venv.python, environ)


def test_a_configuration_beside_the_interpreter_comes_first(tmp_path):
    venv = make_venv(tmp_path / "v")
    text = (venv.path / "pyvenv.cfg").read_text()
    (venv.path / "bin" / "pyvenv.cfg").write_text(text.replace("= false", "= true"))
    environ = environment_variables(tmp_path / "home")
    assert paths(probe_environment(str(venv.path), environ=environ)) == real_search_path(venv.python, environ)


def test_a_copied_interpreter_and_lib64(tmp_path):
    venv = make_venv(tmp_path / "v", copies=True)
    environ = environment_variables(tmp_path / "home")
    found = probe_environment(str(venv.path), environ=environ)
    assert paths(found) == real_search_path(venv.python, environ)
    assert found.site_dirs == (str(venv.site),)


def test_without_an_interpreter_files_tell_the_same(tmp_path):
    """All but the finer points of the base's own ``site`` are known from pyvenv.cfg and the directories."""
    venv = make_venv(tmp_path / "v")
    (venv.site / "more").mkdir()
    venv.pth("m.pth", "more\nimport os\n")
    environ = environment_variables(tmp_path / "home")
    healthy = probe_environment(str(venv.path), environ=environ)
    venv.python.unlink()
    venv.python.write_text("#!/nowhere/python\n")
    venv.python.chmod(0o755)
    broken = probe_environment(str(venv.path), environ=environ)
    assert broken.interpreter is None
    assert broken.start_failure
    assert broken.search_path == healthy.search_path
    assert broken.pth_files == healthy.pth_files
    assert broken.python_version.startswith("{}.{}".format(*sys.version_info))


@pytest.mark.parametrize("python", interpreters())
def test_a_pth_file_that_stops_every_start_is_a_problem(python, tmp_path):
    venv = make_venv(tmp_path / "v", python)
    venv.pth("latin.pth", b"caf\xe9\n")
    found = probe_environment(str(venv.path))
    assert [(p.code, p.path) for p in found.problems] == [("pth-undecodable", str(venv.site / "latin.pth"))]
    environ = environment_variables(tmp_path / "home")
    done = subprocess.run([venv.python, "-c", "pass"], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode
    assert "UnicodeDecodeError" in done.stderr


def test_code_lines_are_recorded_as_they_stand(tmp_path):
    venv = make_venv(tmp_path / "v")
    venv.pth("x.pth", "import os; os.environ['X'] = '1'\nimport\tsys\nimportant\n")
    (found,) = probe_environment(str(venv.path)).pth_files
    assert found.code == ("import os; os.environ['X'] = '1'", "import\tsys")
    assert found.adds == (str(venv.site / "important"),)
