"""A planted token is searched for in everything that comes out: screens, JSON, files, messages of services, values."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from servicegateway import Account, served, two_services

from doctor.smoke.judging import Judge
from doctor.smoke.service import Question
from doctor.smoke.service_client import ServiceClient
from doctor.smoke.services import service_named

SECRET = "plantedTOKENplanted-0123"
"""Shaped like no issuer's token: only because it is known can it be taken out."""


class Echo(BaseHTTPRequestHandler):
    """A service that answers with what it was sent, as badly written ones do."""

    status = 401

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self) -> None:
        body = json.dumps(
            {
                "error": {
                    "code": "x",
                    "message": f"bad header {self.headers['Authorization']} for {self.headers['Host']}",
                }
            }
        ).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def echo():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("status", [200, 401, 500])
def test_what_a_service_repeats_is_cleaned(echo, status, monkeypatch):
    monkeypatch.setattr(Echo, "status", status)
    service = service_named(f"{echo}/resource_server/metis/api/v1")
    client = ServiceClient(service, SECRET, judge=Judge.load())
    exchange = client.ask(Question(text="?"), model="m", stream=False)
    reply = client.get("/whoami")
    assert exchange.failure is not None
    assert "bad header" in exchange.failure.said
    assert SECRET not in repr((exchange, reply.failure, reply.body, client))


def command(arguments, folder, secret_place):
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "A_TOKEN": SECRET, "PYTHONDONTWRITEBYTECODE": "1"}
    line = [sys.executable, "-m", "doctor", "smoke", "gpt-oss", *arguments, *secret_place]
    return subprocess.run(
        line, cwd=Path(__file__).parents[3], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("state", ["ok", "expired"])
@pytest.mark.parametrize("place", ["variable", "file"])
def test_nothing_that_the_command_prints_or_writes_has_the_token(tmp_path, place, state, echo):
    file = tmp_path / "token.txt"
    file.write_text(SECRET)
    where = ["--token-env", "A_TOKEN"] if place == "variable" else ["--token-file", str(file)]
    gateway = two_services()
    gateway.accounts[SECRET] = Account(state=state)
    gateway.rate = 1000  # six runs may fall into one second
    with served(gateway):
        report = tmp_path / "out" / "report.json"
        report.parent.mkdir()
        for address in (gateway.base("metis"), f"{echo}/resource_server/metis/api/v1"):
            for more in (["-v"], ["--format", "json"], ["--format", "json", "-o", str(report)]):
                done = command(["--service", address, *more], tmp_path, where)
                assert done.returncode == (0 if state == "ok" and address.startswith(gateway.root) else 1), done
                assert SECRET not in done.stdout + done.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path != file]
    assert report in written
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []


def test_the_token_does_not_follow_a_redirect(echo, monkeypatch):
    seen = []

    class Elsewhere(Echo):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            super().do_GET()

    other = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()

    def redirect(handler: Echo) -> None:
        handler.send_response(307)
        handler.send_header("Location", f"http://127.0.0.1:{other.server_address[1]}/")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    monkeypatch.setattr(Echo, "do_GET", redirect)
    client = ServiceClient(service_named(f"{echo}/v1"), SECRET, judge=Judge.load())
    exchange = client.ask(Question(text="?"), model="m", stream=False)
    other.shutdown()
    other.server_close()
    thread.join()
    assert exchange.failure is not None
    assert exchange.failure.rule == "answer-redirect"
    assert seen == []


def test_a_token_that_no_header_can_carry_is_not_quoted(echo):
    client = ServiceClient(service_named(f"{echo}/v1"), f"{SECRET}\n", judge=Judge.load())
    failure = client.ask(Question(text="?"), model="m", stream=False).failure
    assert failure is not None
    assert failure.rule == "http-header-newline"
    assert SECRET not in repr(failure)
