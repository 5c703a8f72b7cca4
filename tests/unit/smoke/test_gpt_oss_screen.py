"""The ladder as a person and as a script see it."""

from __future__ import annotations

import json

import pytest
from errorrows import MODELS
from gatewaypeers import Faults, Generator
from servicegateway import served, two_services

from doctor.cli.main import run
from doctor.render.ladder import ladder_document, render_ladder, render_rung
from doctor.render.page import Page
from doctor.smoke.ladder import Ladder, Rung, Verdict


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("A_TOKEN", "good-token")
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def smoke(capfd, address, *more):
    code = run(["smoke", "gpt-oss", "--service", address, "--token-env", "A_TOKEN", *more])
    out, err = capfd.readouterr()
    assert err == ""
    return code, out


@pytest.mark.parametrize("cluster", MODELS)
def test_all_is_well(capfd, cluster):
    with served(two_services()) as gateway:
        code, out = smoke(capfd, gateway.base(cluster))
    assert code == 0
    assert all(len(line) <= 80 for line in out.splitlines())
    assert len(out.splitlines()) <= 40
    for sign in (
        "✓ token",
        "✓ network",
        "✓ health",
        "✓ login",
        "✓ model name",
        "✓ model runs",
        "✓ answer",
        "✓ streamed answer",
    ):
        assert sign in out
    assert out.endswith("✓ gpt-oss works: 8 rungs climbed\n")
    assert ("not comparable" in out) == (cluster == "sophia")


def test_a_wrong_name_is_the_rung_on_which_it_ends(capfd):
    with served(two_services()) as gateway:
        code, out = smoke(capfd, gateway.base("metis"), "--model", "gpt-oss-120b-131072")
        asked = [path for method, path in gateway.requests if method == "POST"]
    assert code == 1
    assert "was renamed" in out
    assert "next  --model gpt-oss-120b\n" in out
    assert out.endswith("✗ gpt-oss does not work: model name failed\n")
    assert asked == []


def test_an_empty_answer_from_a_small_budget_is_explained(capfd):
    with served(two_services()) as gateway:
        code, out = smoke(capfd, gateway.base("metis"), "--max-tokens", "3", "--format", "json")
    ladder = json.loads(out)
    answer = next(rung for rung in ladder["rungs"] if rung["name"] == "answer")
    assert (code, answer["verdict"], answer["category"]) == (0, "warned", "answer")
    assert "token budget" in answer["sentence"]
    assert answer["measured"]["answered"] is False


def test_a_model_that_is_not_running_is_a_remark_and_the_question_decides(capfd):
    gateway = two_services()
    gateway.clusters["metis"].models["gpt-oss-120b"].state = "stopped"
    with served(gateway):
        code, out = smoke(capfd, gateway.base("metis"))
    assert code == 1
    assert "! model runs" in out
    assert "✗ answer" in out


def test_a_plain_server_without_a_gateway(capfd):
    """``/models`` is empty at transformers serve; a name is asked for, and taken unseen."""
    with served(two_services()) as gateway:
        address = gateway.base("metis").replace("/resource_server/", "/resource_server//")  # no gateway to the eye
        code, out = smoke(capfd, address, "--format", "json")
    rungs = {rung["name"]: rung for rung in json.loads(out)["rungs"]}
    assert (code, rungs["health"]["verdict"], rungs["whoami"]["verdict"]) == (1, "skipped", "skipped")
    assert (rungs["model"]["verdict"], rungs["model"]["next_steps"]) == ("failed", ["--model NAME"])


def test_a_file_that_hides_a_module_is_told(capfd, place):
    (place / "openai.py").write_text("")
    (place / "token.py").write_text("")
    (place / "analysis.py").write_text("")
    with served(two_services()) as gateway:
        code, out = smoke(capfd, gateway.base("metis"))
    assert code == 0
    assert "openai.py, token.py in this directory would be imported" in out


def test_the_outcome_goes_to_a_file(capfd, place):
    with served(two_services()) as gateway:
        code, out = smoke(capfd, gateway.base("metis"), "--format", "json", "-o", str(place / "out.json"))
    assert (code, out) == (0, "")
    document = json.loads((place / "out.json").read_text())
    assert (document["schema"], document["exit_code"]) == ("acdoctor.ladder/1", 0)
    assert [rung["name"] for rung in document["rungs"]] == [
        "packages",
        "token",
        "network",
        "health",
        "whoami",
        "model",
        "running",
        "answer",
        "stream",
    ]


def test_quiet_says_only_what_is_wrong(capfd):
    with served(two_services()) as gateway:
        assert smoke(capfd, gateway.base("metis"), "-q") == (0, "✓ gpt-oss works: 8 rungs climbed\n")


def test_hostile_texts_of_a_service_act_on_no_terminal(capfd):
    peer = Generator(faults=Faults(status=500, text="\x1b]0;owned\x07\u202e\n\nevil"))
    with served(two_services(peer, peer)) as gateway:
        for cluster in MODELS:
            _, out = smoke(capfd, gateway.base(cluster))
            assert all(character.isprintable() or character == "\n" for character in out)


def test_two_ways_to_a_token_are_a_usage_error(capfd):
    assert run(["smoke", "gpt-oss", "--service", "http://127.0.0.1:9/v1", "--token-env", "A", "--no-token"]) == 2
    assert run(["smoke", "nothing"]) == 2
    assert run(["smoke", "gpt-oss", "/no/such/venv", "--service", "http://127.0.0.1:9/v1"]) in (2, 3)
    capfd.readouterr()


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("color", [False, True])
def test_every_verdict_fits_every_page(width, color):
    rungs = tuple(
        Rung(
            name=v.value,
            title=v.value,
            verdict=v,
            sentence="a word " * 20,
            details=("detail " * 20,),
            next_steps=("do this", "or that"),
            seconds=1.5,
        )
        for v in Verdict
    )
    for chosen in (rungs, rungs[:2], rungs[3:], ()):
        ladder = Ladder(name="x", subject="y", rungs=chosen)
        text = render_ladder(ladder, Page(width=width, color=color, verbose=True))
        assert text.endswith("\n")
        if not color:
            assert all(len(line) <= width for line in text.splitlines())
        assert ladder_document(ladder)["exit_code"] == ladder.exit_code
    assert [Ladder(name="x", subject="y", rungs=chosen).exit_code for chosen in (rungs, rungs[:2], rungs[3:], ())] == [
        1,
        0,
        3,
        3,
    ]
    assert render_rung(rungs[0], Page(quiet=True)) == ""
