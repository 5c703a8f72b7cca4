"""The demo: real packages from the index, and what it says without one."""

from __future__ import annotations

import re
import signal
import subprocess
import time

import pytest

NOWHERE = {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PATH": "/usr/bin:/bin"}


def _without_index(acdoctor) -> dict[str, str]:
    """An environment in which every index is a closed door."""
    kept = {k: v for k, v in acdoctor.environment().items() if not k.startswith(("PIP_", "UV_"))}
    return {**kept, **NOWHERE}


@pytest.mark.network
def test_the_demo_shows_the_break_cures_it_and_cleans_up(acdoctor, tmp_path):
    started = time.monotonic()
    done = acdoctor("demo", env={"TMPDIR": str(tmp_path)})
    seconds = time.monotonic() - started
    assert (done.returncode, done.stderr) == (0, "")
    metadata, broken, cure, cured = re.split(r"\n== .*\n", done.stdout)[1:]
    assert "requires torch, which is not installed" in metadata
    assert "finds nothing wrong" in metadata
    assert "transformers.modeling_layers" in broken
    assert "peft/tuners/lora/model.py:26" in broken
    assert re.search(r"^1 error \(curable", broken, re.MULTILINE)
    assert re.search(r"pip install --no-deps peft==0\.1(7\.1|8\.1)", done.stdout)
    assert cure.strip() == ""
    assert "healthy" in cured
    assert list(tmp_path.iterdir()) == []
    assert seconds < 60


def test_without_a_network_it_is_one_sentence(acdoctor, tmp_path):
    environment = {**_without_index(acdoctor), "TMPDIR": str(tmp_path)}
    done = subprocess.run([acdoctor.script, "demo"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "package index" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_offline_it_does_not_even_try(acdoctor):
    for arguments in (["demo", "--offline"], ["--offline", "demo"]):
        done = acdoctor(*arguments)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.count("\n") == 1
        assert "--offline" in done.stderr


def test_an_interrupt_leaves_nothing_behind(acdoctor, tmp_path):
    process = subprocess.Popen(
        [acdoctor.script, "demo"],
        env={**_without_index(acdoctor), "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    for _ in range(600):
        if list(tmp_path.glob("acdoctor-demo-*/venv")):
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"acdoctor: interrupted\n")
    assert list(tmp_path.iterdir()) == []
