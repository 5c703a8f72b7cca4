"""The commands about stacks, as users call them; with the package index where it says so."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from wheelhouse import make_wheel

from doctor.cli.main import run


@pytest.fixture
def acdoctor(capsys, monkeypatch, tmp_path):
    """Call a command line in this process: exit code, what it printed, what it complained."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments):
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_all_stacks_are_listed_in_the_order_of_their_releases(acdoctor):
    code, out, err = acdoctor("stacks", "list")
    assert (code, err) == (0, "")
    ids = [line.split()[0] for line in out.splitlines() if not line.startswith(" ")][1:]
    releases = [name for name in ids if name.startswith("cerebras-r2") and "with" not in name]
    assert releases[0] == "cerebras-r2.3.0"
    assert releases[-2:] == ["cerebras-r2.9.0", "cerebras-r2.10.0"]
    assert "sophia-vllm-client" in out


def test_one_stack_says_how_it_is_made(acdoctor):
    code, out, _ = acdoctor("stacks", "show", "cerebras-r2.6.0")
    assert code == 0
    assert "acdoctor create cerebras-r2.6.0 DIR --checkout CHECKOUT" in out
    assert "not hashed: bigcode_eval" in out
    assert "peft==0.17.1" in out
    code, out, _ = acdoctor("stacks", "show", "sophia-vllm-client", "--pins")
    assert {line.partition("==")[0] for line in out.splitlines()} > {"openai", "globus-sdk"}


def test_constraints_are_what_pip_takes(acdoctor, tmp_path):
    code, out, _ = acdoctor("constraints", "cerebras-r2.6.0")
    assert code == 0
    assert "peft==0.17.1\n" in out
    assert "psutil==7.1.3\n" in out
    assert "--hash" not in out
    target = tmp_path / "c.txt"
    assert acdoctor("constraints", "cerebras-r2.6.0", "-o", target)[0] == 0
    assert target.read_text() == out
    (tmp_path / "wheels").mkdir()
    for version in ("0.17.1", "0.18.0"):
        make_wheel(tmp_path / "wheels", "peft", version)
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--no-deps",
        "--no-index",
        "--ignore-installed",
        "--quiet",
    ]
    report = ["--report", "-", "--find-links", str(tmp_path / "wheels"), "-c", str(target), "peft>=0.2.0"]
    done = subprocess.run([*command, *report], capture_output=True, text=True, check=True)
    assert [each["metadata"]["version"] for each in json.loads(done.stdout)["install"]] == ["0.17.1"]


@pytest.mark.parametrize(
    "line",
    [
        "stacks show nothing",
        "constraints nothing",
        "create nothing DIR",
        "lock nothing",
        "create sambanova-sdk D --without x",
    ],
)
def test_a_wrong_question_is_exit_2_and_one_sentence(acdoctor, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = acdoctor(*line.split())
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert list(tmp_path.glob("D*")) == []


def test_a_dry_run_shows_sizes_and_changes_nothing(acdoctor, tmp_path):
    code, out, err = acdoctor("create", "cerebras-r2.6.0", tmp_path / "v", "--without-cuda", "--dry-run", "--offline")
    assert (code, err) == (0, "")
    assert "797.3 MB  torch 2.4.0" in out
    assert "left out  nvidia-cublas-cu12==12.1.3.1" in out
    assert "Nothing was changed." in out
    assert not (tmp_path / "v").exists()


def test_offline_every_command_that_needs_the_index_says_so(acdoctor, tmp_path):
    for line in (("create", "sambanova-sdk", tmp_path / "v"), ("lock", "sambanova-sdk")):
        code, out, err = acdoctor("--offline", "--quiet", *line)
        assert (code, out) == (3, ""), err
        assert err.count("\n") == 1
        assert "--find-links" in err or "--offline" in err


def test_a_healthy_environment_is_adopted_and_made_again(acdoctor, server, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", server.url)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CERT", "")
    make_wheel(server.root, "top-tool", "1.2", {"top_tool/__init__.py": "import base_lib\n"}, requires=("base-lib",))
    make_wheel(server.root, "base-lib", "0.3")
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "virtualenv", "-q", "--no-download", venv], check=True)
    pip = [venv / "bin" / "python", "-m", "pip", "install", "-q", "--index-url", server.url]
    subprocess.run([*pip, "top-tool"], check=True)
    own = tmp_path / "own"
    assert acdoctor("adopt", venv, "--id", "cerebras-r2.6.0", "-o", own)[0] == 2
    code, out, err = acdoctor("adopt", venv, "--id", "ours-1", "-o", own)
    assert (code, err) == (0, "")
    assert "2 distributions" in out
    assert "pip==" in out, "what the index does not have is named"
    assert acdoctor("adopt", venv, "--id", "ours-1", "-o", own)[0] == 2
    assert acdoctor("rules", "test", own)[0] == 0
    code, out, _ = acdoctor("--rules", own, "check", venv)
    assert (code, "healthy" in out) == (0, True)
    code, out, _ = acdoctor("--rules", own, "create", "ours-1", tmp_path / "again")
    assert code == 0, out
    imported = subprocess.run([tmp_path / "again" / "bin" / "python", "-c", "import top_tool"], check=False)
    assert imported.returncode == 0
    subprocess.run([venv / "bin" / "python", "-m", "pip", "uninstall", "-q", "-y", "base-lib"], check=True)
    code, _, err = acdoctor("adopt", venv, "--id", "ours-2", "-o", own)
    assert code == 1
    assert "acdoctor fix" in err


@pytest.mark.network
@pytest.mark.parametrize("stack", ["sambanova-sdk", "sambanova-metis-client"])
def test_the_imports_of_a_clients_set_find_no_error(acdoctor, stack):
    code, out, err = acdoctor("lock", stack, "--prove")
    assert (code, err) == (0, "")
    assert f"{stack}: 0 errors in " in out


@pytest.mark.network
def test_an_environment_of_the_client_works(acdoctor, tmp_path):
    code, out, _ = acdoctor("create", "sambanova-metis-client", tmp_path / "v")
    assert code == 0, out
    assert "healthy" in out
    program = (
        "import openai, globus_sdk, globus_sdk.login_flows\n"
        "client = openai.OpenAI(api_key='x', base_url='http://127.0.0.1:9/v1', max_retries=0)\n"
        "try: client.chat.completions.create(model='m', messages=[])\n"
        "except openai.APIConnectionError: print('asked')\n"
    )
    done = subprocess.run(
        [tmp_path / "v" / "bin" / "python", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout == "asked\n", done.stderr
