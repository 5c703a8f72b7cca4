"""What the interpreter tells, and every way in which it may not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import packaging.markers
import packaging.tags
import pytest
from probepatient import REAL, environment_variables, interpreters, make_venv

from doctor.probe.cache import told_by
from doctor.probe.environment import probe_environment
from doctor.probe.interpreter import INSIDE, StartFailure, understood
from doctor.probe.wheel_tags import TagFacts, wheel_tags


def test_facts_are_those_of_packaging(tmp_path):
    """Our own Python is the patient: ``packaging`` says of itself what the probe must say from outside."""
    found = probe_environment(str(make_venv(tmp_path / "v").path)).interpreter
    assert dict(found.markers) == {
        key: value for key, value in packaging.markers.default_environment().items() if key in found.markers
    }
    assert len(found.markers) == 11
    assert found.tags == tuple(dict.fromkeys(str(tag) for tag in packaging.tags.sys_tags()))
    assert found.version == sys.version.split()[0]
    assert found.minor == sys.version_info[:2]
    assert set(found.stdlib) == set(sys.stdlib_module_names)
    assert set(found.builtins) == set(sys.builtin_module_names)
    assert found.prefix == str(tmp_path / "v")
    assert found.base_prefix == sys.base_prefix
    assert found.scripts == str(tmp_path / "v" / "bin")


@pytest.mark.parametrize("python", interpreters())
def test_facts_of_every_version(python, tmp_path):
    venv = make_venv(tmp_path / "v", python)
    found = probe_environment(str(venv.path))
    assert found.start_failure == ""
    told = found.interpreter
    assert told.purelib == told.platlib == str(venv.site)
    assert told.suffixes[0].endswith(".so")
    assert {"json", "asyncio", "ssl", "unittest"} <= set(told.stdlib)
    assert "numpy" not in told.stdlib
    assert "sys" in told.builtins
    nodot = venv.version.replace(".", "")
    assert told.tags[0].startswith(f"cp{nodot}-cp{nodot}")
    assert f"py{nodot}-none-any" in told.tags
    assert told.machine == os.uname().machine
    assert all(os.path.isabs(path) for path in told.stdlib_paths)


def test_the_script_is_plain_and_runs_alone():
    """It must not be able to import anything of ours: it stands alone in the patient's interpreter."""
    done = subprocess.run([REAL, "-I", "-S", "-B", INSIDE, "facts"], capture_output=True, check=True, cwd="/")
    assert done.stderr == b""
    (line,) = done.stdout.split(b"\n")[1:-1]
    assert json.loads(line.removeprefix(b"acdoctor-facts:"))["version_info"][:2] == list(sys.version_info[:2])


BROKEN = {
    "hangs": ("#!/bin/sh\nsleep 60\n", "no answer within"),
    "hangs in a child": ("#!/bin/sh\nsleep 60 &\nwait\n", "no answer within"),
    "floods": ("#!/bin/sh\nexec yes 0123456789abcdef\n", "it printed more than"),
    "is silent": ("#!/bin/sh\nexit 0\n", "does not answer as a Python interpreter does"),
    "prints garbage": ("#!/bin/sh\necho acdoctor-facts:{\n", "does not answer as a Python interpreter does"),
    "prints a list": ("#!/bin/sh\necho 'acdoctor-facts:[]'\n", "does not answer as a Python interpreter does"),
    "tells nonsense": ('#!/bin/sh\necho \'acdoctor-facts:{"version_info": "x"}\'\n', "facts of an unknown form"),
    "fails": ("#!/bin/sh\necho 'cannot open shared object' >&2\nexit 127\n", "code 127: cannot open shared object"),
    "crashes": ("#!/bin/sh\nkill -SEGV $$\n", "was ended by signal 11"),
    "has no interpreter": ("#!/nowhere/python\n", "does not start"),
    "is of another machine": (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00" + bytes(44), "does not start"),
    "is empty": ("", "does not start"),
    "is binary": (bytes(range(256)), "does not start"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_an_interpreter_that_does_not_start_is_a_fact(how, tmp_path):
    body, sentence = BROKEN[how]
    venv = make_venv(tmp_path / "v")
    venv.install("alpha", "2.0")
    venv.python.unlink()
    venv.python.write_bytes(body if isinstance(body, bytes) else body.encode())
    venv.python.chmod(0o755)
    started = time.monotonic()
    found = probe_environment(str(venv.path), timeout=1.0)
    assert time.monotonic() - started < 20
    assert found.interpreter is None
    assert sentence in found.start_failure
    assert "\n" not in found.start_failure
    assert not found.start_failure.endswith(".")
    assert [d.pin for d in found.distributions] == ["alpha==2.0"]
    assert found.site_dirs == (str(venv.site),)
    assert found.scripts_dir == str(venv.path / "bin")
    assert found.python_version.startswith(venv.version)


@pytest.mark.parametrize("target", ["/nowhere/python3.9", "python"])
def test_a_dangling_link_is_named(target, tmp_path):
    venv = make_venv(tmp_path / "v")
    venv.python.unlink()
    venv.python.symlink_to(target)
    found = probe_environment(str(venv.path))
    assert found.interpreter is None
    assert "is a link to" in found.start_failure
    assert "does not exist" in found.start_failure


def test_no_python_and_no_bin(tmp_path):
    venv = make_venv(tmp_path / "v")
    venv.python.unlink()
    assert probe_environment(str(venv.path)).start_failure == f"there is no python in {venv.path}/bin"
    (venv.path / "bin").rmdir()
    assert probe_environment(str(venv.path)).start_failure == f"there is no python in {venv.path}/bin"


def test_not_executable(tmp_path):
    venv = make_venv(tmp_path / "v", copies=True)
    venv.python.chmod(0o644)
    assert "does not start (permission denied)" in probe_environment(str(venv.path)).start_failure


def test_another_interpreter_of_the_same_environment_stands_in(tmp_path):
    venv = make_venv(tmp_path / "v")
    venv.python.rename(venv.path / "bin" / "python3")
    venv.python.symlink_to("/nowhere/python")
    found = probe_environment(str(venv.path))
    assert found.interpreter.executable == str(venv.path / "bin" / "python3")
    assert [(p.code, p.path) for p in found.problems] == [("executable-broken", str(venv.python))]


def test_python_that_is_too_old(tmp_path):
    document = {"version_info": [3, 7, 1]}
    with pytest.raises(StartFailure, match=r"it is Python 3\.7\.1; 3\.8 or newer"):
        understood(document)


def test_python_on_which_the_script_does_not_even_compile(tmp_path):
    venv = make_venv(tmp_path / "v")
    (venv.path / "lib" / f"python{venv.version}").rename(venv.path / "lib" / "python3.6")
    (venv.path / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.6.15\n")
    venv.python.unlink()
    venv.python.write_text("#!/bin/sh\necho 'SyntaxError: annotations' >&2\nexit 1\n")
    venv.python.chmod(0o755)
    found = probe_environment(str(venv.path))
    assert found.start_failure == "it is Python 3.6; 3.8 or newer can be examined"


def _cached(environ) -> list:
    directory = os.path.join(os.environ["XDG_CACHE_HOME"], "acdoctor", "interpreters")
    return sorted(os.path.join(directory, name) for name in os.listdir(directory)) if os.path.isdir(directory) else []


@pytest.fixture
def patient(tmp_path, monkeypatch):
    """A venv with an interpreter file of its own, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return make_venv(tmp_path / "v", copies=True)


def _ask(venv):
    return told_by(str(venv.python), str(venv.path / "pyvenv.cfg"), os.environ, 20.0)


def _mark_entry() -> None:
    """Make the kept answer recognisable, so that a fresh one can be told from it."""
    (path,) = _cached(os.environ)
    with open(path) as stream:
        entry = json.load(stream)
    entry["told"]["libc"] = "glibc 2.99"
    with open(path, "w") as stream:
        json.dump(entry, stream)


def test_an_answer_is_kept_and_used(patient):
    first = _ask(patient)
    _mark_entry()
    second = _ask(patient)
    assert second.interpreter.libc == "glibc 2.99"
    assert second.site == first.site


def _touch_python(venv):
    os.utime(venv.python, ns=(1, 1))


def _touch_config(venv):
    (venv.path / "pyvenv.cfg").write_text((venv.path / "pyvenv.cfg").read_text() + "x = y\n")


def _other_home(venv):
    os.environ["PYTHONUSERBASE"] = str(venv.path)


def _take_permission(venv):
    venv.python.chmod(0o644)


def _corrupt(venv):
    (path,) = _cached(os.environ)
    with open(path, "w") as stream:
        stream.write('{"witnesses": [[]], "told": 3')


def _wrong_form(venv):
    (path,) = _cached(os.environ)
    with open(path) as stream:
        entry = json.load(stream)
    with open(path, "w") as stream:
        entry["told"] = {"version_info": []}
        json.dump(entry, stream)


def _library_gone(venv):
    (path,) = _cached(os.environ)
    with open(path) as stream:
        entry = json.load(stream)
    assert any(witness[0].endswith("os.py") for witness in entry["witnesses"])
    entry["witnesses"][0][1] += 1
    with open(path, "w") as stream:
        json.dump(entry, stream)


def _other_key(venv):
    (path,) = _cached(os.environ)
    with open(path) as stream:
        entry = json.load(stream)
    entry["key"][1] = "/another/python"
    with open(path, "w") as stream:
        json.dump(entry, stream)


CHANGES = [
    _touch_python,
    _touch_config,
    _other_home,
    _take_permission,
    _corrupt,
    _wrong_form,
    _library_gone,
    _other_key,
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_kept_answer_is_forgotten_when_anything_changed(change, patient, monkeypatch):
    monkeypatch.setenv("PYTHONUSERBASE", "")
    _ask(patient)
    _mark_entry()
    change(patient)
    if change is _take_permission:
        with pytest.raises(StartFailure):
            _ask(patient)
    else:
        assert _ask(patient).interpreter.libc != "glibc 2.99"


def test_a_script_in_place_of_python_is_asked_each_time(patient):
    patient.python.unlink()
    patient.python.write_text(f'#!/bin/sh\nexec {REAL} "$@"\n')
    patient.python.chmod(0o755)
    assert _ask(patient).interpreter.executable == REAL
    assert _cached(os.environ) == []


@pytest.mark.parametrize("cache", ["/proc/nowhere", "/dev/null"])
def test_without_a_place_for_the_cache(cache, patient, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", cache)
    assert _ask(patient).interpreter.version == sys.version.split()[0]


def test_failures_are_not_kept(patient):
    patient.python.chmod(0o644)
    with pytest.raises(StartFailure):
        _ask(patient)
    patient.python.chmod(0o755)
    assert _ask(patient).interpreter.version == sys.version.split()[0]


def _facts(**changes) -> TagFacts:
    given = {
        "implementation": "cpython",
        "version": (3, 11),
        "abiflags": "",
        "suffixes": [".cpython-311-x86_64-linux-gnu.so"],
        "platform": "linux-x86_64",
        "libc": "glibc 2.36",
        "pointer_bits": 64,
    }
    return TagFacts(**{**given, **changes})


@pytest.mark.parametrize(
    ("changes", "first", "has", "lacks"),
    [
        ({"libc": "glibc 2.17"}, "cp311-cp311-linux_x86_64", "manylinux2014_x86_64", "manylinux_2_18_x86_64"),
        ({"libc": "musl 1.2"}, "cp311-cp311-linux_x86_64", "musllinux_1_1_x86_64", "manylinux2014_x86_64"),
        ({"libc": "musl"}, "cp311-cp311-linux_x86_64", "linux_x86_64", "musllinux_1_1_x86_64"),
        ({"pointer_bits": 32}, "cp311-cp311-linux_i686", "manylinux1_i686", "linux_x86_64"),
        ({"platform": "linux-aarch64"}, "cp311-cp311-linux_aarch64", "manylinux_2_17_aarch64", "manylinux1_aarch64"),
        ({"platform": "linux-aarch64", "pointer_bits": 32}, "cp311-cp311-linux_armv8l", "manylinux2014_armv7l", "x86"),
        ({"version": (3, 13), "abiflags": "t"}, "cp313-cp313t-linux_x86_64", "manylinux2014_x86_64", "-abi3-"),
        ({"abiflags": "d"}, "cp311-cp311d-linux_x86_64", "cp311-cp311-linux_x86_64", "cp311-cp311t"),
        (
            {"platform": "macosx-11.0-arm64", "mac_version": "14.1", "libc": ""},
            "cp311-cp311-macosx_14_0_arm64",
            "macosx_11_0_arm64",
            "x86_64",
        ),
        (
            {"implementation": "pypy", "version": (3, 10), "suffixes": [".pypy310-pp73-x86_64-linux-gnu.so"]},
            "pp310-pypy310_pp73-linux_x86_64",
            "pp3-none-any",
            "cp310",
        ),
    ],
)
def test_tags_follow_the_facts(changes, first, has, lacks):
    tags = wheel_tags(_facts(**changes))
    assert tags[0] == first
    assert any(has in tag for tag in tags)
    assert not any(lacks in tag for tag in tags)
    assert len(set(tags)) == len(tags)


def test_variables_that_steer_python_do_not_reach_it(tmp_path):
    venv = make_venv(tmp_path / "v")
    environ = environment_variables(tmp_path / "home", PYTHONHOME="/nowhere", PYTHONSTARTUP="/nowhere", PYTHONPATH="")
    found = probe_environment(str(venv.path), environ=environ)
    assert found.interpreter is not None
    assert [(p.code, p.path) for p in found.problems] == [("pythonhome-set", "/nowhere")]
