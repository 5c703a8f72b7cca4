"""What a client only calls "Connection error.", told apart: names, refusals, proxies, certificates, silence."""

from __future__ import annotations

import contextlib
import gzip
import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from servicegateway import PAGE, served, two_services

from doctor.cli.main import run
from doctor.errors import UsageError
from doctor.smoke.judging import Judge
from doctor.smoke.service import Question
from doctor.smoke.service_client import ServiceClient
from doctor.smoke.service_network import Limits, RouteError, route_to
from doctor.smoke.services import service_named

JUDGE = Judge.load()
VARIABLES = (
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "ssl_cert_file",
    "requests_ca_bundle",
    "curl_ca_bundle",
)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def ask(address, *, stream=False, limits=None, token=""):
    client = ServiceClient(
        service_named(address), token, judge=JUDGE, limits=limits or Limits(connect=20.0, idle=20.0, total=40.0)
    )
    with contextlib.closing(client):
        return client.ask(Question(text="?"), model="m", stream=stream)


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def answering(*pieces, pause=0.0, stay=False, tls=None):
    """A server that reads a request and sends these bytes, whatever was asked."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with contextlib.suppress(OSError, ssl.SSLError):
                    if tls:
                        connection = tls.wrap_socket(connection, server_side=True)
                    _read_request(connection)
                    for piece in pieces:
                        connection.sendall(piece)
                        time.sleep(pause)
                    if stay:
                        done.wait(10)
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        done.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(12)


def _read_request(connection):
    """All of it: a socket closed with unread bytes resets the connection."""
    got = b""
    while b"\r\n\r\n" not in got:
        piece = connection.recv(65536)
        if not piece:
            return
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
    )
    while len(body) < length:
        body += connection.recv(65536)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
CHUNK = b'data: {"id":"x","choices":[{"delta":{"content":"hi"},"finish_reason":null}]}\n\n'


def test_no_such_name():
    failure = ask("http://no-such-host.invalid/v1").failure
    assert (failure.rule, failure.category, failure.retry) == ("network-dns", "network", False)


def test_nothing_listens():
    failure = ask(f"http://127.0.0.1:{closed_port()}/v1").failure
    assert (failure.rule, failure.kind) == ("network-refused", "network")


def test_silence_before_the_answer():
    with answering(stay=True) as port:
        exchange = ask(f"http://127.0.0.1:{port}/v1", limits=Limits(connect=20.0, idle=0.3, total=0.5))
    assert exchange.failure.rule == "network-timeout"
    assert 0.4 < exchange.seconds < 20
    assert exchange.status is None


def test_silence_in_the_middle_of_a_stream():
    with answering(HEAD, CHUNK, stay=True) as port:
        exchange = ask(f"http://127.0.0.1:{port}/v1", stream=True, limits=Limits(connect=20.0, idle=2.0, total=30.0))
    assert exchange.failure.rule == "network-timeout"
    assert exchange.text == "hi"


def test_a_stream_that_drips_for_ever_is_given_up():
    with answering(HEAD, *[CHUNK] * 100, pause=0.05) as port:
        exchange = ask(f"http://127.0.0.1:{port}/v1", stream=True, limits=Limits(connect=20.0, idle=20.0, total=0.5))
    assert exchange.failure.rule == "network-timeout"
    assert 0.5 <= exchange.seconds < 20


@pytest.mark.parametrize(
    ("sent", "rule"),
    [
        ((), "network-reset"),
        ((b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",), "network-reset"),
        ((HEAD, CHUNK), "answer-cut"),
        ((HEAD,), "answer-empty"),
        ((HEAD, b"data: {]\n\n"), "answer-unreadable"),
        ((b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n", PAGE), "answer-page"),
        ((b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",), "answer-redirect"),
        ((b"HTTP/1.1 418 I'm a teapot\r\nContent-Length: 0\r\n\r\n",), ""),
        ((b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n",), "http-413"),
        ((b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",), "http-5xx"),
        (
            (
                b'HTTP/1.1 422 Unprocessable Entity\r\nContent-Length: 61\r\n\r\n{"detail":[{"loc":["body","foo"],"msg":"extra not permitted"}]}'[
                    :-2
                ],
            ),
            "http-422",
        ),
        ((b"no http at all\r\n\r\n",), "network-reset"),
        ((b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nnull",), "answer-unreadable"),
        (
            (b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"choices":[5]}',),
            "answer-choices",
        ),
    ],
)
def test_answers_that_are_none(sent, rule):
    with answering(*sent) as port:
        failure = ask(f"http://127.0.0.1:{port}/v1").failure
    assert failure.rule == rule
    assert failure.sentence
    assert failure.cures


def test_a_compressed_answer_is_read():
    body = gzip.compress(b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}')
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
    with answering(head, body) as port:
        assert ask(f"http://127.0.0.1:{port}/v1").answered
    with answering(head, b"no gzip") as port:
        assert ask(f"http://127.0.0.1:{port}/v1").failure.kind == "network"


def test_interrupting_ends_at_once_and_leaves_nothing(tmp_path):
    with answering(stay=True) as port:
        line = [
            sys.executable,
            "-m",
            "doctor",
            "smoke",
            "gpt-oss",
            "--service",
            f"http://127.0.0.1:{port}/v1",
            "--model",
            "m",
        ]
        process = subprocess.Popen(
            line,
            cwd=Path(__file__).parents[3],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        for wanted in ("network", ""):
            for text in process.stdout:
                if wanted in text:
                    break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "acdoctor: interrupted\n")
    assert "Traceback" not in out


def test_a_proxy_that_is_not_there(monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://user:secret-word@127.0.0.1:{closed_port()}")
    failure = ask("http://service.example.org/v1").failure
    assert (failure.rule, failure.category) == ("proxy-refused", "proxy")
    assert "secret-word" not in repr(failure)
    assert "secret-word" not in repr(route_to("http://service.example.org/v1"))


def test_a_proxy_that_refuses(monkeypatch):
    with answering(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as port:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{port}")
        failure = ask("https://service.example.org/v1").failure
    assert (failure.rule, failure.category) == ("proxy-refused", "proxy")


def test_a_proxy_is_used_and_no_proxy_obeyed(monkeypatch):
    with served(two_services()) as gateway:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
        monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
        assert ServiceClient(service_named(gateway.base("metis")), judge=JUDGE).get("/health").status == 200
        monkeypatch.setenv("no_proxy", "")
        assert (
            ServiceClient(service_named(gateway.base("metis")), judge=JUDGE).get("/health").failure.category == "proxy"
        )


def test_a_socks_proxy(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    if find_spec("socks"):
        pytest.skip("PySocks is installed here")
    with pytest.raises(RouteError, match="SOCKS"):
        ask("http://service.example.org/v1")


def test_certificates_that_are_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(RouteError, match=r"SSL_CERT_FILE=.*none.pem names no file"):
        ask("https://127.0.0.1:9/v1")
    (tmp_path / "none.pem").write_text("no certificates\n")
    with pytest.raises(RouteError, match="holds no certificates"):
        ask("https://127.0.0.1:9/v1")


@pytest.fixture(scope="module")
def own_certificate(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate of this test")
    folder = tmp_path_factory.mktemp("tls")
    line = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
    ]
    subprocess.run([*line, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    return folder


def test_a_certificate_that_nobody_trusts_and_then_somebody_does(own_certificate, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own_certificate / "cert.pem", own_certificate / "key.pem")
    ok = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
    with answering(ok, tls=context) as port:
        failure = ask(f"https://127.0.0.1:{port}/v1").failure
        assert (failure.rule, failure.category) == ("ssl-verify", "ssl")
        monkeypatch.setenv("SSL_CERT_FILE", str(own_certificate / "cert.pem"))
        assert ask(f"https://127.0.0.1:{port}/v1").answered


def test_tls_to_a_server_that_has_none():
    with served(two_services()) as gateway:
        failure = ask(gateway.base("metis").replace("http:", "https:")).failure
    assert failure.category == "ssl"


def rungs(capfd, *arguments):
    code = run(["smoke", "gpt-oss", "--format", "json", *arguments])
    out, err = capfd.readouterr()
    assert err == ""
    return code, {rung["name"]: rung for rung in json.loads(out)["rungs"]}


@pytest.mark.parametrize(
    ("variables", "address", "rule"),
    [
        ({}, "https://no-such-host.invalid/v1", "network-dns"),
        ({}, "http://127.0.0.1:{closed}/v1", "network-refused"),
        ({"https_proxy": "http://127.0.0.1:{closed}"}, "https://service.example.org/v1", "proxy-refused"),
        ({"SSL_CERT_FILE": "/no/such.pem"}, "https://127.0.0.1:{closed}/v1", "ssl-bundle"),
        ({"ALL_PROXY": "socks5://no-such-host.invalid:1"}, "https://service.example.org/v1", "proxy-refused"),
    ],
)
def test_the_network_rung_says_why(capfd, monkeypatch, variables, address, rule):
    port = str(closed_port())
    for name, text in variables.items():
        monkeypatch.setenv(name, text.replace("{closed}", port))
    code, found = rungs(capfd, "--service", address.replace("{closed}", port))
    assert code == 1
    assert (found["network"]["verdict"], found["network"]["rule"]) == ("failed", rule)
    assert found["network"]["next_steps"]
    assert found["answer"]["verdict"] == "skipped"


def test_what_kills_clients_only_is_a_warning(capfd, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "")
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with served(two_services()) as gateway:
        code, found = rungs(capfd, "--service", gateway.base("metis"), "--no-token")
    assert code == 1
    assert found["network"]["verdict"] == "warned"
    assert "socksio" in found["network"]["details"][0]


def test_a_token_is_not_sent_over_http_to_another_machine():
    with pytest.raises(UsageError, match="over http"):
        ServiceClient(service_named("http://service.example.org/v1"), "abc", judge=JUDGE)


def test_a_token_that_would_travel_in_the_open_fails_on_its_rung(capfd, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "good-token")
    with answering(stay=True) as port:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        code, found = rungs(capfd, "--service", "http://service.example.org/v1", "--token-env", "A_TOKEN")
    assert code == 1
    assert "over http" in found["network"]["sentence"]
    assert found["network"]["next_steps"] == ["write https://service.example.org"]


def test_offline_asks_only_this_machine(capfd):
    assert run(["--offline", "smoke", "gpt-oss", "--service", "metis"]) == 2
    assert "--offline" in capfd.readouterr().err
    with served(two_services()) as gateway:
        code, found = rungs(capfd, "--offline", "--service", gateway.base("metis"), "--no-token")
    assert (code, found["health"]["verdict"]) == (1, "passed")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ftp://x/v1",
        "http://",
        "http://a b/v1",
        "http://u:p@host/v1",
        "http://h/v1?x=1",
        "metis2",
        "http://h:99999/v1",
        "http://[::1/v1",
    ],
)
def test_an_address_that_is_none_is_a_usage_error(capfd, address):
    assert run(["smoke", "gpt-oss", "--service", address]) == 2
    assert capfd.readouterr().err.startswith("acdoctor: ")
