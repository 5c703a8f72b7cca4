"""Every known failure of the services has its own words, through the client and through the command."""

from __future__ import annotations

import json

import pytest
from errorrows import MODELS, ROWS, Row, arranged
from servicegateway import served

from doctor.cli.main import run
from doctor.smoke.judging import Judge
from doctor.smoke.service import Failure, Question
from doctor.smoke.service_client import ServiceClient
from doctor.smoke.services import service_named

JUDGE = Judge.load()
QUESTION = Question(text="What is 2 + 2?")
# the same matter, met in two ways: the words may be the same
SAME = {
    "no header, until April 2026": "no header",
    "wrong identity domain, until April 2026": "wrong identity domain",
    "unknown model, until May 2026": "unknown model",
    "Metis upstream 500, streaming, older id": "Metis upstream 429, streaming",
    "Metis timeout, streaming": "Metis upstream 429, streaming",
    "Sophia failure in mid-stream, streaming": "Sophia failure, streaming",
}


def failure_of(row: Row, *, known: bool = False) -> tuple[int | None, Failure | None]:
    """What becomes of the row's request, as the first of a connection or as one after others (``known``)."""
    with served(arranged(row)) as gateway:
        client = ServiceClient(service_named(row.base(gateway)), row.token, judge=JUDGE)
        if known:
            assert client.get("/health", token=False).status == 200
        question = Question(text=QUESTION.text, extra=row.extra)
        for _ in range(row.before):
            client.ask(question, model=MODELS[row.cluster], stream=row.stream)
        if row.get:
            reply = client.get(row.get)
            return reply.status, reply.failure
        exchange = client.ask(question, model=row.model or MODELS[row.cluster], stream=row.stream)
        client.close()
        return exchange.status, exchange.failure


@pytest.fixture(scope="module")
def outcomes():
    return {row.name: failure_of(row) for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_has_its_rule_its_category_and_a_cure(row, outcomes):
    status, failure = outcomes[row.name]
    assert failure is not None
    assert (status, failure.rule, failure.category, failure.kind) == (row.status, row.rule, row.category, row.kind)
    assert failure.cures
    assert failure.sentence
    assert "{" not in failure.sentence
    assert not failure.sentence.endswith(".")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_connection_that_stands_changes_nothing(row, outcomes):
    status, failure = failure_of(row, known=True)
    first_status, first = outcomes[row.name]
    assert (status, failure.rule, failure.sentence, failure.kind) == (
        first_status,
        first.rule,
        first.sentence,
        first.kind,
    )
    assert failure.retry == first.retry


def test_every_row_has_its_own_sentence(outcomes):
    sentences = {}
    for name, (_, failure) in outcomes.items():
        if name not in SAME:
            sentences.setdefault(failure.sentence, []).append(name)
    assert [names for names in sentences.values() if len(names) > 1] == []
    assert len(sentences) >= 35


def test_errors_that_come_as_200_are_failures(outcomes):
    hidden = [name for name, (status, failure) in outcomes.items() if status == 200 and failure.kind == "in-200"]
    assert len(hidden) == 6


@pytest.mark.parametrize("row", [row for row in ROWS if not row.get], ids=lambda row: row.name)
def test_the_command_ends_on_a_rung_with_words(row, capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("A_TOKEN", row.token or "none")
    with served(arranged(row)) as gateway:
        given = ["--token-env", "A_TOKEN"] if row.token else ["--no-token"]
        model = ["--model", row.model] if row.model else []
        code = run(["smoke", "gpt-oss", "--service", row.base(gateway), *given, *model, "--format", "json"])
    out, err = capfd.readouterr()
    ladder = json.loads(out)
    assert err == ""
    failed = [rung for rung in ladder["rungs"] if rung["verdict"] == "failed"]
    if not failed:  # what only a body of ours or three requests before bring about
        assert row.name in ("bad fields", "stream breaks", "Sophia cold, next call") or row.extra
        return
    assert code == ladder["exit_code"] == 1
    assert all(rung["next_steps"] for rung in failed)
    assert all(rung["category"] for rung in failed)
    skipped = [rung for rung in ladder["rungs"] if rung["verdict"] == "skipped"]
    assert all(rung["sentence"] for rung in skipped)
