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
    return next("\n".join(b.strip().splitlines()[1:]) for b in blocks if b.strip().startswith(f"# {title}"))


@pytest.fixture
def shell(tmp_path, server):
    """A shell with ``acdoctor`` on PATH, and with the test's index in pip's variables."""
    tools = tmp_path / "tools"
    tools.mkdir()
    command = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m doctor "$@"\n'
    (tools / "acdoctor").write_text(command)
    (tools / "acdoctor").chmod(0o755)
    (tools / "pip").write_text("#!/bin/sh\nexit 0\n")
    (tools / "pip").chmod(0o755)
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


def test_every_snippet_is_a_shell_script(tmp_path):
    for title in ("bash", "batch job: stop", "batch job on a node"):
        checked = run(["bash", "-n"], timeout=10, stdin=snippet(title).encode())
        assert checked.ok, checked.stderr
