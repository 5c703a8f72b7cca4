"""The login as the stores on disk show it: every case has its own advice, and the token is seen nowhere."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from doctor.smoke.services import service_named
from doctor.smoke.token_stores import RESOURCE_SERVER, STORES
from doctor.smoke.tokens import TokenChoice, TokenError, find_login, find_token

METIS = service_named("metis")
NOW = time.time()
SECRET = "AgPlantedTokenOfATest0123456789abcdefghijklmnop"
DAY = 86400.0
SCRIPT, PACKAGE, BASH = STORES


def globus(token=SECRET, *, expires=NOW + 40 * 3600, refresh="r" * 30, version="2.0", server=RESOURCE_SERVER):
    entry = {
        "access_token": token,
        "refresh_token": refresh,
        "expires_at_seconds": expires,
        "scope": "s",
        "resource_server": server,
        "token_type": "Bearer",
        "identity_id": None,
    }
    return json.dumps({"data": {"DEFAULT": {server: entry}}, "format_version": version, "globus-sdk.version": "4.9.1"})


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def put(home, store, text, *, mode=0o600, age=0.0):
    path = home / store.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    os.utime(path, (NOW - age, NOW - age))
    return path


def login(choice=None, service=METIS):
    found = find_login(service, choice or TokenChoice(), NOW)
    assert SECRET not in repr(found), "a token must not be in what can be printed"
    assert found.usable or found.next_steps, "who cannot go on is told what to do"
    return found


def test_nobody_is_logged_in():
    found = login()
    assert (found.state, found.rule) == ("absent", "service-globus-no-token")
    assert "nobody is logged in" in found.sentence
    assert found.details == (f"looked for ~/{SCRIPT.path}", f"looked for ~/{PACKAGE.path}")


@pytest.mark.parametrize("store", STORES, ids=lambda store: store.name)
def test_a_valid_login_of_every_program_is_used(home, store):
    text = (
        globus()
        if store is not BASH
        else json.dumps({"access_token": SECRET, "refresh_token": "r", "expires_at": NOW + 40 * 3600})
    )
    put(home, store, text)
    found = login()
    assert (found.state, found.token) == ("ready", SECRET)
    assert found.sentence == f"the token of {store.title} is valid for 40 hours"
    assert found.details == (f"~/{store.path}",)


def test_the_login_that_lives_longest_is_taken_and_the_other_named(home):
    put(home, SCRIPT, globus("AgOther", expires=NOW - 1))
    put(home, PACKAGE, globus())
    found = login()
    assert found.token == SECRET
    assert any("inference_auth_token.py has its own login: expired" in line for line in found.details)


CASES = {
    "expired, the login can renew it": (
        globus(expires=NOW - 7200),
        0,
        "expired",
        "service-token-expired",
        "2 hours ago; the stored login can renew it",
    ),
    "expired, nothing to renew it": (
        globus(expires=NOW - 7200, refresh=None),
        0,
        "expired",
        "service-globus-eof",
        "nothing is stored that could renew it",
    ),
    "expired, unused for half a year": (
        globus(expires=NOW - 190 * DAY),
        190 * DAY,
        "expired",
        "service-globus-grant",
        "older than six months",
    ),
    "cut": (globus()[:100], 0, "damaged", "", "JSONDecodeError"),
    "another format": (globus(version=None), 0, "format", "service-globus-format", "format_version=None"),
    "a later format": (globus(version="3.0"), 0, "format", "service-globus-format", "format_version=3.0"),
    "a list": ("[1, 2]", 0, "format", "service-globus-format", "another program"),
    "another service": (
        globus(server="transfer.api.globus.org"),
        0,
        "service",
        "service-alcf-tokens",
        "not for this service",
    ),
    "logged out": (
        json.dumps({"data": {"DEFAULT": {}}, "format_version": "2.0"}),
        0,
        "empty",
        "service-globus-no-token",
        "no token",
    ),
    "empty file": ("", 0, "empty", "service-globus-no-token", "no token"),
    "a token with a line end in it": (globus("two\nlines"), 0, "characters", "http-header-newline", "line ends"),
    "hostile values": (
        json.dumps(
            {
                "data": {"DEFAULT": {RESOURCE_SERVER: {"access_token": 5, "expires_at_seconds": "soon"}}},
                "format_version": "2.0",
            }
        ),
        0,
        "empty",
        "service-globus-no-token",
        "no token",
    ),
    "hostile nesting": ("[" * 100000, 0, "damaged", "", "JSONDecodeError"),
    "hostile data": (
        json.dumps({"data": [1], "format_version": "2.0"}),
        0,
        "empty",
        "service-globus-no-token",
        "no token",
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("store", STORES[:2], ids=lambda store: store.name)
def test_a_login_that_does_not_count_is_explained(home, case, store):
    text, age, state, rule, words = CASES[case]
    put(home, store, text, age=age)
    found = login()
    assert (found.state, found.rule, found.token) == (state, rule, "")
    assert words in found.sentence
    assert any(store.login in step or store.renew in step or "copy it again" in step for step in found.next_steps)


def test_every_case_has_its_own_sentence(home):
    sentences = {}
    for case, (text, age, *_) in CASES.items():
        put(home, SCRIPT, text, age=age)
        sentences.setdefault(login().sentence, []).append(case)
    assert sorted(map(sorted, sentences.values())) == sorted(
        sorted(cases)
        for cases in [
            ["expired, the login can renew it"], ["expired, nothing to renew it"], ["expired, unused for half a year"],
            ["cut", "hostile nesting"], ["another format", "a list"], ["a later format"], ["another service"],
            ["empty file", "hostile data", "hostile values", "logged out"], ["a token with a line end in it"],
        ]
    )  # fmt: skip


def test_a_directory_and_a_forbidden_file_are_no_traceback(home):
    (home / SCRIPT.path).mkdir(parents=True)
    assert login().state == "unreadable"


def test_soon_and_open_to_others(home):
    put(home, SCRIPT, globus(expires=NOW + 600))
    assert login().state == "soon"
    put(home, SCRIPT, globus(), mode=0o644)
    found = login()
    assert found.state == "loose"
    assert f"chmod 600 ~/{SCRIPT.path}" in found.next_steps[0]


def test_a_file_with_nothing_but_a_token(tmp_path):
    path = tmp_path / "token.txt"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    assert login(TokenChoice(file=str(path))).token == SECRET
    path.write_text(f"{SECRET} \r\n")
    found = login(TokenChoice(file=str(path)))
    assert (found.state, found.token, found.rule) == ("loose", SECRET, "http-header-newline")
    path.write_text("\x00\xff\n")
    assert login(TokenChoice(file=str(path))).state == "characters"
    assert login(TokenChoice(file=str(tmp_path / "nothing"))).state == "absent"


def test_a_variable(monkeypatch):
    monkeypatch.setenv("MY_TOKEN", SECRET)
    assert login(TokenChoice(variable="MY_TOKEN")).token == SECRET
    monkeypatch.setenv("MY_TOKEN", f"{SECRET}\n\n")
    assert login(TokenChoice(variable="MY_TOKEN")).state == "loose"
    monkeypatch.delenv("MY_TOKEN")
    assert login(TokenChoice(variable="MY_TOKEN")).sentence == "the variable MY_TOKEN is not set"


def test_a_stored_token_goes_to_no_other_host(home):
    put(home, SCRIPT, globus())
    for address in (
        "http://127.0.0.1:9/resource_server/metis/api/v1",
        "https://inference-api.alcf.anl.gov.example.org/resource_server/metis/api/v1",
    ):
        found = login(service=service_named(address))
        assert (found.state, found.token) == ("absent", "")
    plain = login(service=service_named("https://example.org/v1"))
    assert (plain.state, plain.token) == ("unneeded", "")


def test_find_token_raises_a_sentence(home):
    with pytest.raises(TokenError, match=r"No token for Metis .*nobody is logged in"):
        find_token(METIS, TokenChoice(), NOW)
    put(home, SCRIPT, globus())
    assert find_token(METIS, TokenChoice(), NOW) == SECRET
    assert find_token(METIS, TokenChoice(none=True), NOW) == ""


def test_a_client_that_looks_into_another_store_is_named(home):
    put(home, SCRIPT, globus())
    found = find_login(METIS, TokenChoice(), NOW, ("openai", "alcf-ai"))
    assert (found.state, found.rule, found.token) == ("loose", "service-alcf-tokens", SECRET)
    assert "alcf-ai does not see it" in found.sentence
    assert found.next_steps[0].startswith(PACKAGE.login)
    put(home, PACKAGE, globus())
    assert find_login(METIS, TokenChoice(), NOW, ("openai", "alcf-ai")).state == "ready"
    assert find_login(METIS, TokenChoice(), NOW, ("openai",)).state == "ready"


def test_nothing_is_written(home):
    path = put(home, SCRIPT, globus(expires=NOW - 5))
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in Path(home).rglob("*") if p.is_file()}
    login()
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in Path(home).rglob("*") if p.is_file()} == before
    assert path in before
