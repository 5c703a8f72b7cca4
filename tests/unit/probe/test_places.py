"""Which paths are recognised as what, and what is said of those that are nothing."""

from __future__ import annotations

import os
import shutil
import sys

import pytest
from probepatient import REAL, environment_variables, make_venv

from doctor.errors import DoctorError, NotAnEnvironmentError, UsageError
from doctor.probe.environment import probe_environment
from doctor.probe.locate import resolve_environment_path


@pytest.fixture
def venv(tmp_path):
    found = make_venv(tmp_path / "project" / ".venv-a")
    found.install("alpha")
    return found


@pytest.mark.parametrize("way", ["", "/", "bin", "bin/python", "pyvenv.cfg", "lib/../bin/", "SITE", ".."])
def test_a_venv_may_be_named_by_its_parts(way, venv):
    path = str(venv.site) if way == "SITE" else f"{venv.path}/{way}"
    found = probe_environment(path)
    assert (found.kind, found.path) == ("venv", str(venv.path))
    assert [d.pin for d in found.distributions] == ["alpha==1.0"]


def test_activate_stands_for_its_venv(venv):
    (venv.path / "bin" / "activate").write_text("")
    assert probe_environment(str(venv.path / "bin" / "activate")).path == str(venv.path)


def test_a_relative_path_and_a_link_to_a_venv(venv, monkeypatch, tmp_path):
    monkeypatch.chdir(venv.path.parent)
    assert probe_environment(venv.path.name).path == str(venv.path)
    (tmp_path / "link").symlink_to(venv.path)
    assert probe_environment(str(tmp_path / "link")).path == str(tmp_path / "link")


def test_several_venvs_are_a_question(venv):
    make_venv(venv.path.parent / "b")
    with pytest.raises(UsageError, match=r"holds 2 environments: \.venv-a, b\. Which one is meant\?") as raised:
        probe_environment(str(venv.path.parent))
    assert raised.value.exit_code == 2


def test_a_project_with_egg_info_of_its_own_is_its_venv(venv):
    (venv.path.parent / "proj.egg-info").mkdir()
    assert probe_environment(str(venv.path.parent)).path == str(venv.path)


def test_a_bare_directory_of_distributions(venv, tmp_path):
    target = tmp_path / "target"
    shutil.copytree(venv.site, target)
    (target / "x.pth").write_text("/srv\nimport os\n")
    found = probe_environment(str(target))
    assert (found.kind, found.path, found.interpreter, found.start_failure) == ("target", str(target), None, "")
    assert [d.pin for d in found.distributions] == ["alpha==1.0"]
    assert [e.path for e in found.search_path] == [str(target)]
    assert found.site_dirs == (str(target),)


def test_conda(tmp_path):
    """The layout of a conda environment around a real interpreter."""
    venv = make_venv(tmp_path / "env")
    (venv.path / "pyvenv.cfg").unlink()
    (venv.path / "conda-meta").mkdir()
    (venv.path / "conda-meta" / "history").write_text("")
    for path in (venv.path, venv.path / "bin", venv.python):
        assert probe_environment(str(path)).kind == "conda"


def test_a_python_of_the_system(tmp_path):
    environ = environment_variables(tmp_path / "home")
    found = probe_environment(REAL, environ=environ)
    assert found.kind in ("system", "conda")
    assert found.path == sys.base_prefix
    assert found.interpreter.prefix == sys.base_prefix


def test_a_script_that_stands_before_a_venv_leads_to_it(venv, tmp_path):
    wrapper = tmp_path / "tools" / "python3"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {venv.python} "$@"\n')
    wrapper.chmod(0o755)
    found = probe_environment(str(wrapper))
    assert (found.kind, found.path) == ("venv", str(venv.path))


def test_a_venv_without_its_configuration_is_examined_still(venv):
    """Its python runs as the one that it was made from; its packages are what the user asks about."""
    (venv.path / "bin" / "activate").write_text("")
    (venv.path / "pyvenv.cfg").unlink()
    found = probe_environment(str(venv.path))
    assert found.kind == "venv"
    assert [d.pin for d in found.distributions] == ["alpha==1.0"]
    assert {p.code for p in found.problems} == {"config-missing", "prefix-mismatch"}


def test_a_venv_made_over_another_one(venv):
    """``python3.11 -m venv v`` over a ``v`` of another version leaves the old packages behind, unseen."""
    old = venv.path / "lib" / "python2.9" / "site-packages"
    old.mkdir(parents=True)
    assert probe_environment(str(venv.path)).problems == ()
    (old / "lost.py").write_text("")
    (problem,) = probe_environment(str(venv.path)).problems
    assert (problem.code, problem.path, problem.detail) == (
        "other-python-directory",
        str(old.parent),
        "python2.9",
    )


def test_a_venv_without_site_packages(venv):
    shutil.rmtree(venv.site)
    assert [p.code for p in probe_environment(str(venv.path)).problems] == ["site-packages-missing"]
    venv.site.symlink_to("site-packages")
    (problem,) = probe_environment(str(venv.path)).problems
    assert (problem.code, problem.detail) == ("directory-unreadable", "is a link that leads to itself")


@pytest.mark.parametrize(
    "config", [b"", b"\xff\x00\xfe", b"home", b"=\n==\nhome = \n", b"home = relative\n", b"a=b" * 99999]
)
def test_a_damaged_configuration(config, venv):
    (venv.path / "pyvenv.cfg").write_bytes(config)
    found = probe_environment(str(venv.path))
    assert found.kind == "venv"
    assert found.distributions[0].pin == "alpha==1.0"  # those of the base follow where nothing forbids them


@pytest.mark.parametrize("kind", ["fifo", "directory", "loop"])
def test_a_configuration_that_is_no_file(kind, venv):
    config = venv.path / "pyvenv.cfg"
    config.unlink()
    if kind == "fifo":
        os.mkfifo(config)
        venv.python.unlink()  # CPython itself would wait for ever at this file
    elif kind == "directory":
        config.mkdir()
    else:
        config.symlink_to("pyvenv.cfg")
    found = probe_environment(str(venv.path), timeout=2.0)
    assert "config-unreadable" in [p.code for p in found.problems]
    assert [d.pin for d in found.distributions] == ["alpha==1.0"]


def _nothing(tmp_path):
    return tmp_path / "nothing"


def _empty(tmp_path):
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def _file(tmp_path):
    (tmp_path / "file").write_text("x")
    return tmp_path / "file"


def _below_a_file(tmp_path):
    return _file(tmp_path) / "venv"


def _full(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "readme").write_text("")
    return tmp_path / "full"


def _dangling(tmp_path):
    (tmp_path / "dangling").symlink_to("nowhere")
    return tmp_path / "dangling"


def _loop(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    return tmp_path / "loop"


def _fifo(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def _device(tmp_path):
    return "/dev/null"


def _null(tmp_path):
    return "a\0b"


def _long(tmp_path):
    return tmp_path / ("x" * 5000)


NOTHING = {
    _nothing: "does not exist",
    _empty: "is an empty directory",
    _file: "is a file, not a Python environment",
    _below_a_file: "a part of the path is a file",
    _full: "holds no Python environment",
    _dangling: "is a link that leads nowhere",
    _loop: "is a link that leads nowhere",
    _fifo: "is a file, not a Python environment",
    _device: "is a file, not a Python environment",
    _null: "is no possible path",
    _long: "does not exist",
}


@pytest.mark.parametrize("make", NOTHING)
def test_what_is_no_environment_is_said_in_one_sentence(make, tmp_path):
    with pytest.raises(NotAnEnvironmentError) as raised:
        probe_environment(str(make(tmp_path)))
    assert NOTHING[make] in str(raised.value)
    assert raised.value.exit_code == 3
    assert raised.value.advice


def test_a_file_that_is_no_interpreter_is_never_started(tmp_path):
    script = tmp_path / "setup.sh"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/mark\n")
    script.chmod(0o755)
    with pytest.raises(NotAnEnvironmentError):
        probe_environment(str(script))
    assert not (tmp_path / "mark").exists()


@pytest.fixture
def locked(venv):
    """Takes the permissions of parts of the venv away for the time of a test; root is not bound by them."""
    if os.geteuid() == 0:
        pytest.skip("permissions do not bind root")
    modes = {}

    def lock(path):
        path = path.resolve()
        modes[path] = path.stat().st_mode
        path.chmod(0)
        return str(venv.path)

    yield lock
    for path, mode in reversed(modes.items()):
        path.chmod(mode)


def test_no_permission_for_the_venv(venv, locked):
    locked(venv.path)
    for way in ("", "bin", "bin/python"):
        with pytest.raises(NotAnEnvironmentError, match="permission denied"):
            probe_environment(str(venv.path / way))


@pytest.mark.parametrize("part", ["SITE", "SITE/..", "lib"])
def test_no_permission_for_a_directory_of_packages(part, venv, locked):
    found = probe_environment(locked(venv.path / part.replace("SITE", str(venv.site))))
    assert [(p.code, p.detail) for p in found.problems] == [("directory-unreadable", "permission denied")]


def test_no_permission_for_single_parts(venv, locked):
    beta = venv.install("beta")
    found = probe_environment(locked(beta)).distribution("beta")
    assert [(p.code, p.detail) for p in found.problems] == [("metadata-unreadable", "permission denied")]
    assert "config-unreadable" in [p.code for p in probe_environment(locked(venv.path / "pyvenv.cfg")).problems]
    assert "permission denied" in probe_environment(locked(venv.path / "bin")).start_failure


OWN = sys.prefix


def _located(cwd, **environ):
    return resolve_environment_path(None, environ, str(cwd))


def test_what_is_named_is_taken(tmp_path):
    assert resolve_environment_path("v", {"VIRTUAL_ENV": "/x"}, "/srv") == "/srv/v"
    assert resolve_environment_path("../v/", {}, "/srv/a") == "/srv/v"
    assert resolve_environment_path(OWN, {}, "/srv") == OWN


def test_the_order_of_guesses(tmp_path):
    (tmp_path / "active").mkdir()
    make_venv(tmp_path / "venv_cerebras_pt")
    assert _located(tmp_path) == f"{tmp_path}/venv_cerebras_pt"
    make_venv(tmp_path / ".venv")
    assert _located(tmp_path) == f"{tmp_path}/.venv"
    assert _located(tmp_path, VIRTUAL_ENV=f"{tmp_path}/active") == f"{tmp_path}/active"


def test_venv_that_is_none_does_not_count(tmp_path):
    (tmp_path / "venv_notes").mkdir()
    (tmp_path / "venv.txt").write_text("")
    make_venv(tmp_path / "venv1")
    assert _located(tmp_path) == f"{tmp_path}/venv1"


@pytest.mark.parametrize(
    ("names", "environ", "sentence"),
    [
        ((), {}, "No environment is active and {cwd} has no .venv or venv*. Name the environment to examine"),
        ((), {"CONDA_PREFIX": "/opt/c"}, "The active conda environment is /opt/c."),
        (("venv1", "venv2"), {}, "Which environment is meant: venv1, venv2?"),
        ((), {"VIRTUAL_ENV": "/nowhere/v"}, "$VIRTUAL_ENV names /nowhere/v, which is no directory."),
        ((), {"VIRTUAL_ENV": OWN}, "$VIRTUAL_ENV is the environment of acdoctor itself"),
    ],
)
def test_what_cannot_be_guessed_is_a_question(names, environ, sentence, tmp_path):
    for name in names:
        make_venv(tmp_path / name)
    with pytest.raises(UsageError) as raised:
        _located(tmp_path, **environ)
    assert sentence.format(cwd=tmp_path) in str(raised.value)
    assert "acdoctor check VENV" in str(raised.value)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize("name", [".venv", "venv"])
def test_never_its_own_environment_by_accident(name, tmp_path):
    (tmp_path / name).symlink_to(OWN)
    with pytest.raises(UsageError, match="the environment of acdoctor itself"):
        _located(tmp_path)


def test_an_empty_name_and_a_directory_that_is_gone():
    with pytest.raises(UsageError):
        resolve_environment_path("", {}, "/srv")
    with pytest.raises(DoctorError):
        resolve_environment_path(None, {}, "/nowhere")
