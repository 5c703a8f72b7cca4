"""The openai SDK, installed from the index into an environment of its own, sees what our client sees."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from errorrows import MODELS, ROWS, arranged
from gatewaypeers import Generator
from servicegateway import served, two_services

from doctor.cli.main import run
from doctor.smoke.gpt_oss_packages import examine_clients
from doctor.smoke.judging import Judge
from doctor.smoke.service import Question
from doctor.smoke.service_client import ServiceClient
from doctor.smoke.services import service_named

pytestmark = pytest.mark.network
CLIENT = Path(__file__).parents[2] / "gateway" / "sdkclient.py"
JUDGE = Judge.load()
QUESTIONS = ("What is 2 + 2?", "Say something about wafers.", "Zwölf Boxkämpfer: 3 + 9?", "x" * 5000)


@pytest.fixture(scope="module")
def sdk(tmp_path_factory):
    """Asks the SDK many things in one process."""
    venv = tmp_path_factory.mktemp("sdk") / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True, capture_output=True)
    subprocess.run(
        [venv / "bin" / "python", "-m", "pip", "install", "-q", "openai==3.54.0"], check=True, capture_output=True
    )

    def ask(wishes):
        done = subprocess.run(
            [venv / "bin" / "python", CLIENT], input=json.dumps(wishes), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    ask.venv = venv
    return ask


def ours(wish):
    client = ServiceClient(service_named(wish["base"]), wish["token"], judge=JUDGE)
    question = Question(text=wish["question"], max_tokens=wish["max_tokens"])
    exchange = client.ask(question, model=wish["model"], stream=wish["stream"])
    client.close()
    return exchange


def test_text_reasoning_and_tokens_agree(sdk):
    with served(two_services(Generator(), Generator(answer_tokens=50))) as gateway:
        gateway.rate = 1000
        wishes = [
            {
                "base": gateway.base(cluster),
                "token": "good-token",
                "model": model,
                "question": question,
                "stream": stream,
                "max_tokens": most,
            }
            for cluster, model in MODELS.items()
            for question in QUESTIONS
            for stream in (False, True)
            for most in (512, 6, 2)
        ]
        for wish, theirs in zip(wishes, sdk(wishes), strict=True):
            exchange = ours(wish)
            mine = [
                exchange.text,
                exchange.reasoning,
                exchange.finish,
                [exchange.usage.prompt, exchange.usage.completion],
            ]
            assert mine == [theirs["text"], theirs["reasoning"], theirs["finish"], theirs["usage"]], wish
            assert theirs["error"] == ""
            assert exchange.ok


def test_errors_with_status_200_pass_the_sdk_as_answers_and_not_us(sdk):
    hidden = [row for row in ROWS if row.kind == "in-200"]
    assert len(hidden) == 6
    for row in hidden:
        with served(arranged(row)) as gateway:
            wish = {
                "base": gateway.base(row.cluster),
                "token": "good-token",
                "model": MODELS[row.cluster],
                "question": "?",
                "stream": True,
                "max_tokens": 64,
            }
            (theirs,) = sdk([wish])
        with served(arranged(row)) as gateway:  # a fresh one: a cold model is cold only once
            failure = ours(wish | {"base": gateway.base(row.cluster)}).failure
        assert failure is not None
        assert failure.kind == "in-200"
        if row.cluster == "metis":
            assert (theirs["error"], theirs["finish"]) == ("", "stop")
            assert "[ERROR]" in theirs["text"]
        else:
            assert (theirs["error"], theirs["text"], theirs["finish"]) == ("", "", "")
            assert theirs["odd_chunks"] == 1


def test_errors_with_a_status_are_errors_to_both(sdk):
    rows = [
        row for row in ROWS if row.kind == "http" and not row.get and not row.before and row.token and not row.stream
    ]
    quick = [row for row in rows if "timeout" not in row.name and "cold" not in row.name and not row.extra]
    for row in quick[::5]:
        with served(arranged(row)) as gateway:
            wish = {
                "base": row.base(gateway),
                "token": row.token,
                "model": row.model or MODELS[row.cluster],
                "question": "?",
                "stream": False,
                "max_tokens": 64,
            }
            (theirs,) = sdk([wish])
        assert theirs["error"].endswith(str(row.status)), row.name


def test_the_packages_of_an_environment_are_checked(sdk, capfd):
    """Last: it breaks the environment."""
    whole = examine_clients(str(sdk.venv))
    assert (whole.present, whole.findings, whole.crashed) == (("openai==3.54.0",), (), ())
    pip = [sdk.venv / "bin" / "python", "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "typing_extensions==4.5.0"], check=True, capture_output=True)
    imported = subprocess.run(
        [sdk.venv / "bin" / "python", "-c", "import openai"], capture_output=True, text=True, check=False
    )
    assert "cannot import name 'List'" in imported.stderr, "the truth"
    broken = examine_clients(str(sdk.venv))
    assert "openai 3.54.0 does not work with typing-extensions 4.5.0" in broken.errors[0].message
    assert run(["smoke", "gpt-oss", str(sdk.venv), "--service", "http://127.0.0.1:9/v1", "--format", "json"]) == 1
    packages = json.loads(capfd.readouterr().out)["rungs"][0]
    assert (packages["verdict"], packages["category"]) == ("failed", "packages")
    assert packages["next_steps"]
