"""Whole comparisons against the gateway of tests/gateway: measured, resumed, interrupted, and with everything that fails."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gatewaypeers import Generator
from servicegateway import served, two_services

ROOT = Path(__file__).parents[3]
TOKEN = "good-token"


@pytest.fixture
def place(tmp_path):
    rows = [{"question": f"What is {i} + {i}?", "answer": str(2 * i)} for i in range(60)]
    (tmp_path / "sums.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return tmp_path


@pytest.fixture
def gateway():
    made = two_services(Generator(0.01, 0.001), Generator(0.1, 0.001))
    made.rate = 1000
    with served(made):
        yield made


def command(gateway, place, *more, services=None):
    named = services or [gateway.base("metis"), gateway.base("sophia")]
    fixed = ["--dataset", "sums.jsonl", "--services", ",".join(named), "--token-env", "A_TOKEN", "--run-dir", "run"]
    small = ["--n", "4", "--concurrency", "1,2", "--plain", "1", "--warm-up", "1", "--rate", "1000", "--retries", "1"]
    return [sys.executable, "-m", "doctor", "compare", "gpt-oss", *fixed, *small, *more]


def environment(token=TOKEN):
    return {**os.environ, "A_TOKEN": token, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


def compare(gateway, place, *more, token=TOKEN, services=None):
    done = subprocess.run(
        command(gateway, place, *more, services=services),
        cwd=place,
        env=environment(token),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Traceback" not in done.stderr + done.stdout
    return done


def records(place):
    lines = [json.loads(line) for line in (place / "run" / "requests.jsonl").read_text().splitlines()]
    return [line for line in lines if line.get("kind_of_line") == "request"]


def test_a_comparison_from_the_data_set_to_the_page(gateway, place):
    done = compare(gateway, place, "--n", "10")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "prompt from column 'question' (guessed by its name)" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    document = json.loads((place / "run" / "report.json").read_text())
    assert document["complete"] is True
    assert document["requests"] == {"done": 42, "planned": 42}
    assert [(c["service"], c["level"], c["asked"], c["valid"]) for c in document["cells"]] == [
        ("metis", 1, 10, 10),
        ("sophia", 1, 10, 10),
        ("metis", 2, 10, 10),
        ("sophia", 2, 10, 10),
    ]
    services = {s["name"]: s for s in document["services"]}
    assert services["metis"]["right"]["value"] == services["sophia"]["right"]["value"] == 1.0
    own = {(s["name"], n["name"]) for s in document["services"] for n in s["own_numbers"]}
    assert {("metis", "total_latency"), ("metis", "time_to_first_token"), ("sophia", "response_time")} <= own
    latency = next(c for c in document["comparisons"] if c["measure"] == "latency" and c["level"] is None)
    assert latency["claimed"] is True
    assert latency["ratio"] > 1.2
    assert "is not compared" not in document["incomparable"].get("metis", "")
    assert "bundles" in document["incomparable"]["sophia"]
    assert not [c for c in document["comparisons"] if c["measure"].startswith("ttf")]
    weights = {(r["topic"], r["weight"]) for r in document["remarks"]}
    assert {("latency", "shown"), ("batching", "open"), ("network", "shown"), ("other users", "open")} <= weights


def test_what_was_sent_is_the_same_for_both(gateway, place):
    assert compare(gateway, place, "--seed", "7", "--effort", "medium", "--temperature", "0.5").returncode == 0
    metis, sophia = (cluster.models[name].peer.asked for cluster, name in (
        (gateway.clusters["metis"], "gpt-oss-120b"), (gateway.clusters["sophia"], "openai/gpt-oss-120b")))  # fmt: skip
    assert len(metis) == len(sophia) == 1 + 1 + 8
    without_model = [
        sorted(json.dumps({**body, "model": ""}, sort_keys=True) for body in asked) for asked in (metis, sophia)
    ]
    assert without_model[0] == without_model[1]
    assert {(b["seed"], b["temperature"], b["reasoning_effort"], b["max_tokens"]) for b in metis} == {
        (7, 0.5, "medium", 512)
    }
    assert len({b["messages"][0]["content"] for b in metis}) == 10, "no prompt twice while the data set has enough"


def test_the_same_command_asks_nothing_again(gateway, place):
    first = compare(gateway, place)
    count = len(gateway.requests)
    again = compare(gateway, place)
    assert again.returncode == 0
    chats = [r for r in gateway.requests[count:] if "chat" in r[1]]
    assert chats == []
    assert again.stdout == first.stdout


def test_another_plan_is_refused_and_fresh_begins_anew(gateway, place):
    assert compare(gateway, place).returncode == 0
    other = compare(gateway, place, "--seed", "2")
    assert other.returncode == 2
    assert "holds another comparison (prompts, seed differ)" in other.stderr
    assert compare(gateway, place, "--seed", "2", "--fresh").returncode == 0
    assert (place / "run" / "requests.1.jsonl").exists()


def test_interrupted_by_ctrl_c_it_goes_on(gateway, place):
    for model in gateway.clusters["sophia"].models.values():
        model.peer.seconds_per_token = 0.05
    process = subprocess.Popen(command(gateway, place), cwd=place, env=environment(), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.05)
        if (place / "run" / "requests.jsonl").exists() and len(
            [r for r in records(place) if r["phase"] == "measure"]
        ) >= 5:
            break
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert re.search(r"interrupted: \d+ of 18 requests are kept in run; the same command goes on", said)
    before = [r for r in records(place) if r["phase"] == "measure"]
    assert 5 <= len(before) < 16
    for model in gateway.clusters["sophia"].models.values():
        model.peer.seconds_per_token = 0.003
    done = compare(gateway, place)
    assert done.returncode == 0, done.stderr
    after = [r for r in records(place) if r["phase"] == "measure"]
    assert after[: len(before)] == before
    assert len({(r["service"], r["row"], r["level"]) for r in after}) == len(after) == 16
    assert "was interrupted and went on later" in " ".join(done.stdout.split())


def test_a_kill_in_the_middle_of_a_line_loses_that_line_only(gateway, place):
    assert compare(gateway, place).returncode == 0
    path = place / "run" / "requests.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    assert compare(gateway, place).returncode == 0
    assert len(records(place)) >= len(whole.splitlines()) - 1
    path.write_bytes(whole.replace(b'"phase":"measure"', b'"phase":"nonsense"', 1))
    broken = compare(gateway, place)
    assert broken.returncode == 2
    assert "is no record of a comparison" in broken.stderr


@pytest.mark.parametrize("cluster", ["metis", "sophia"])
def test_an_error_inside_an_answer_of_status_200_counts_as_an_error(gateway, place, cluster):
    """Widely used load generators count both as answers."""
    peer = gateway.clusters[cluster].models["gpt-oss-120b" if cluster == "metis" else "openai/gpt-oss-120b"].peer
    whole = peer.stream

    def failing(body, limit):
        if int(re.search(r"\d+", body["messages"][-1]["content"])[0]) % 2:
            peer.faults.status, peer.faults.text = 500, "no capacity"
        try:
            yield from whole(body, limit)
        finally:
            peer.faults.status = 0

    peer.stream = failing
    done = compare(gateway, place, "--concurrency", "1", "--n", "12", "--retries", "0")
    assert done.returncode == 0, done.stderr
    (cell,) = [c for c in json.loads((place / "run" / "report.json").read_text())["cells"] if c["service"] == cluster]
    odd = sum(int(re.search(r"\d+", q)[0]) % 2 for q in asked(place, cluster))
    assert cell["asked"] - cell["valid"] == odd > 0
    assert {error["kind"] for error in cell["errors"]} == {"in-200"}
    assert "an error inside an answer of status 200" in done.stdout.replace("\n  ", " ")


def asked(place, service):
    questions = [json.loads(line)["question"] for line in (place / "sums.jsonl").read_text().splitlines()]
    return [questions[r["row"]] for r in records(place) if r["phase"] == "measure" and r["service"] == service]


def test_a_token_that_runs_out_stops_the_run_and_the_rest_is_asked_later(gateway, place):
    account, peer = gateway.accounts[TOKEN], gateway.clusters["sophia"].models["openai/gpt-oss-120b"].peer
    whole = peer.stream

    def last_one(body, limit):
        yield from whole(body, limit)
        if len(peer.asked) == 5:
            account.state = "expired"

    peer.stream = last_one
    done = compare(gateway, place)
    assert done.returncode == 1
    assert "stopped answering" in done.stderr
    assert "the same command goes on" in done.stderr
    assert json.loads((place / "run" / "report.json").read_text())["complete"] is False
    assert "the run is not complete" in " ".join(done.stdout.split())
    account.state = "ok"
    done = compare(gateway, place)
    assert done.returncode == 0, done.stderr
    document = json.loads((place / "run" / "report.json").read_text())
    assert document["complete"] is True
    assert all(cell["asked"] == cell["valid"] == 4 for cell in document["cells"])


def test_a_token_that_does_not_count_stops_before_anything_is_measured(gateway, place):
    done = compare(gateway, place, token="expired-token")
    assert done.returncode == 3
    assert "expired" in done.stderr
    assert not (place / "run").exists()


def test_failed_requests_are_repeated_within_bounds(gateway, place):
    peer = gateway.clusters["metis"].models["gpt-oss-120b"].peer
    whole, failed = peer.stream, []

    def once(body, limit):
        question = body["messages"][-1]["content"]
        if question not in failed:
            failed.append(question)
            peer.faults.status, peer.faults.text = 503, "busy"
        try:
            yield from whole(body, limit)
        finally:
            peer.faults.status = 0

    peer.stream = once
    done = compare(gateway, place, "--concurrency", "1", "--n", "3", "--plain", "0")
    assert done.returncode == 0, done.stderr
    (cell,) = [c for c in json.loads((place / "run" / "report.json").read_text())["cells"] if c["service"] == "metis"]
    assert (cell["asked"], cell["valid"] + cell["retried"]) in {(3, 6), (3, 3), (3, 0)}
    attempts = [r["attempt"] for r in records(place) if r["service"] == "metis" and r["phase"] == "measure"]
    assert max(attempts) <= 2


def test_a_service_is_asked_no_faster_than_it_allows(place):
    made = two_services(Generator(), Generator())
    with served(made):
        done = compare(made, place, "--n", "8", "--concurrency", "8", "--plain", "0")
    assert done.returncode == 0, done.stderr
    assert {r["status"] for r in records(place)} == {200}
    sent = sorted(r["started"] for r in records(place) if r["phase"] in ("measure", "warm-up", "network"))
    assert all(late - early >= 1.0 for early, late in zip(sent, sent[10:], strict=False))


def test_a_cold_model_is_waited_for_and_told(place):
    made = two_services(Generator(0.002, 0.001), Generator(0.002, 0.001))
    made.rate, model = 1000, None
    model = made.clusters["sophia"].models["openai/gpt-oss-120b"]
    model.state = "cold"
    for cluster in made.clusters.values():
        cluster.limit = 0.2
    with served(made):
        impatient = compare(made, place, "--patience", "1", "--n", "2", "--concurrency", "1")
        assert impatient.returncode == 1
        assert "cannot be measured" in impatient.stderr


def test_one_service_against_itself_shows_no_difference(gateway, place):
    base = gateway.base("metis")
    done = compare(gateway, place, "--n", "12", "--concurrency", "2", services=[base, base])
    assert done.returncode == 0, done.stderr
    document = json.loads((place / "run" / "report.json").read_text())
    assert [s["name"] for s in document["services"]] == ["metis#1", "metis#2"]
    assert "metis#2" in done.stdout


def test_the_token_is_seen_nowhere(gateway, place):
    secret = "s3cret-t0ken-of-a-user"
    gateway.accounts[secret] = gateway.accounts[TOKEN]
    done = compare(gateway, place, "--format", "json", token=secret)
    assert done.returncode == 0, done.stderr
    written = b"".join(path.read_bytes() for path in place.rglob("*") if path.is_file())
    assert secret not in done.stdout + done.stderr
    assert secret.encode() not in written
    json.loads(done.stdout)


def test_one_token_is_not_shown_to_two_hosts(gateway, place):
    done = compare(gateway, place, services=[gateway.base("metis"), "http://127.0.0.1:9/v1"])
    assert done.returncode == 2
    assert "One token would be sent to" in done.stderr
    mine = f"{gateway.base('metis')}=A_TOKEN"
    away = [
        "--services",
        f"{gateway.base('metis')},http://127.0.0.1:9/v1",
        "--token-env",
        mine,
        "--model",
        "gpt-oss-120b",
    ]
    line = [sys.executable, "-m", "doctor", "compare", "gpt-oss", "--dataset", "sums.jsonl", *away]
    done = subprocess.run(line, cwd=place, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "127.0.0.1:9 cannot be measured" in done.stderr


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--concurrency", "0"], "--concurrency wants numbers"),
        (["--concurrency", "a"], "--concurrency wants numbers"),
        (["--services", ","], "--services wants"),
        (["--services", "nowhere"], "nowhere"),
        (["--model", "x=y"], "x is none of the services"),
        (["--model", "no-such-model"], "no model no-such-model"),
        (["--no-token"], "give one of them"),
        (["--dataset", "none.jsonl"], "there is no file none.jsonl"),
        (["--column", "c"], "no column 'c'"),
        (["--run-dir", "sums.jsonl"], "cannot be written"),
    ],
)
def test_a_wrong_question_is_one_sentence(gateway, place, more, words):
    done = compare(gateway, place, *more)
    assert done.returncode in (2, 3)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_page_stands_alone_and_is_well_formed(gateway, place):
    import xml.etree.ElementTree as ET

    (place / "x<b>&'\"").mkdir()
    done = compare(gateway, place, "--format", "html", "-o", "page.html")
    assert done.returncode == 0, done.stderr
    page = (place / "page.html").read_text()
    assert page == (place / "run" / "report.html").read_text()
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) == 5
    for drawing in drawings:
        assert ET.fromstring(drawing).get("role") == "img"
    assert not re.search(r"<script|<link|<img|src=|url\(|@import", page)
    assert "Content-Security-Policy" in page


def test_the_export_asks_no_service(place):
    made = two_services()
    with served(made):
        done = compare(made, place, "--export", "out", token="")
        assert done.returncode == 0, done.stderr
        assert made.requests == []
    assert len((place / "out" / "guidellm.jsonl").read_text().splitlines()) == 9


def test_a_token_that_runs_out_with_many_under_way_leaves_nothing_behind(gateway, place):
    account, peer = gateway.accounts[TOKEN], gateway.clusters["sophia"].models["openai/gpt-oss-120b"].peer
    whole = peer.stream

    def last_ones(body, limit):
        yield from whole(body, limit)
        if len(peer.asked) > 5:
            account.state = "expired"

    peer.stream = last_ones
    assert compare(gateway, place, "--concurrency", "4", "--n", "10").returncode == 1
    document = json.loads((place / "run" / "report.json").read_text())
    assert all(not cell["errors"] for cell in document["cells"])
    account.state = "ok"
    peer.stream = whole
    assert compare(gateway, place, "--concurrency", "4", "--n", "10").returncode == 0
    document = json.loads((place / "run" / "report.json").read_text())
    assert [(cell["asked"], cell["valid"]) for cell in document["cells"]] == [(10, 10), (10, 10)]
