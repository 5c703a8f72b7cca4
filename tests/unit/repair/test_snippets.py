"""The lines that docs/repair.md gives for setup scripts do what they say, on a broken and on a cured environment."""

import os
import re
import shlex
import sys
from pathlib import Path

import pytest
from wheelhouse import install, make_wheel

from doctor.system import run

DOCS = Path(__file__).parents[3] / "docs" / "repair.md"


def snippet(title):
    """The indented lines under a comment of the section on setup scripts."""
    section = DOCS.read_text(encoding="utf-8").partition("## In setup scripts")[2].partition("\n## ")[0]
    blocks = re.split(r"\n(?=    # )", section)
    block = next(b.strip("\n").splitlines()[1:] for b in blocks if b.strip().startswith(f"# {title}"))
    return "\n".join(line[4:] for line in block if line.startswith("    "))


@pytest.fixture
def shell(tmp_path, server):
    """A shell with ``acdoctor`` on PATH, and with the test's index in pip's variables."""
    tools = tmp_path / "tools"
    tools.mkdir()
    command = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m doctor "$@"\n'
    (tools / "acdoctor").write_text(command)
    (tools / "acdoctor").chmod(0o755)
    # pip stands for an installation that ends well and leaves an environment that is broken (BROKEN)
    into = 'cp -R "$BROKEN"/lib/python3*/site-packages/. "$VIRTUAL_ENV"/lib/python3*/site-packages/'
    (tools / "pip").write_text(f'#!/bin/sh\n[ -z "${{BROKEN:-}}" ] || {into}\n')
    (tools / "python3.11").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@" --without-pip\n')
    for name in ("pip", "python3.11"):
        (tools / name).chmod(0o755)
    environ = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": str(DOCS.parents[1]),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": server.url,
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "HOME": str(tmp_path),
    }

    def ask(script, **more):
        return run(["bash", "-c", f"set -u\n{script}\necho went on"], timeout=120, env={**environ, **more})

    return ask


@pytest.fixture
def broken(venv, server):
    """``user`` needs ``base``, which is not there; the index has it."""
    install(venv, make_wheel(server.root, "user", "1.0", {"user/__init__.py": "import base\n"}, ("base",)))
    make_wheel(server.root, "base", "1.0", {"base/__init__.py": ""})
    return venv


def test_batch_job(broken, shell, server):
    script = snippet("batch job: stop")
    first = shell(script, VENV=str(broken))
    assert b"went on" in first.stdout, first.stderr
    assert b"base" in first.stdout
    asked = len(server.asked)
    again = shell(script, VENV=str(broken))
    assert again.stdout == b"went on\n", "a healthy environment: not a word in the log"
    assert len(server.asked) == asked, "and the index is not asked"


def test_batch_job_ends_when_nothing_cures(broken, shell, server):
    for wheel in server.root.glob("base-*.whl"):
        wheel.unlink()
    ended = shell(snippet("batch job: stop"), VENV=str(broken))
    assert ended.code == 1
    assert b"went on" not in ended.stdout


def test_without_a_network(broken, shell, server):
    # HOME is where the server has its wheels: $HOME/wheels
    ended = shell(snippet("batch job on a node"), VENV=str(broken), PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert b"went on" in ended.stdout, ended.stderr
    assert not server.asked


def test_after_making_an_environment(broken, shell):
    last = snippet("bash").splitlines()[-1]
    ended = shell(last, VIRTUAL_ENV=str(broken))
    assert b"went on" in ended.stdout, ended.stderr
    assert run([str(broken / "bin/python"), "-B", "-c", "import user"], timeout=30).ok


def test_bash_from_the_first_line_to_the_last(broken, shell, tmp_path):
    ended = shell(f"cd {shlex.quote(str(tmp_path))}\n{snippet('bash')}", BROKEN=str(broken))
    assert b"went on" in ended.stdout, ended.stderr
    assert run([str(tmp_path / "venv_cerebras_pt/bin/python"), "-B", "-c", "import user"], timeout=30).ok
    assert not run([str(broken / "bin/python"), "-B", "-c", "import user"], timeout=30).ok


@pytest.mark.parametrize("curable", [True, False])
def test_containerfile(broken, shell, server, curable):
    """What a container engine gives to ``sh -c``; a layer is not kept when it ends with an error."""
    if not curable:
        for wheel in server.root.glob("base-*.whl"):
            wheel.unlink()
    lines = snippet("Containerfile")
    assert lines.startswith("RUN ")
    script = lines.removeprefix("RUN ").replace("/opt/venv", '"$PATIENT"')
    ended = shell(f"{script} || exit 9", PATIENT=str(broken))
    assert ended.code == (0 if curable else 9), ended.stderr
    assert run([str(broken / "bin/python"), "-B", "-c", "import user"], timeout=30).ok is curable


def test_every_snippet_is_a_shell_script(tmp_path):
    for title in ("bash", "batch job: stop", "batch job on a node"):
        checked = run(["bash", "-n"], timeout=10, stdin=snippet(title).encode())
        assert checked.ok, checked.stderr
