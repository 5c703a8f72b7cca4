"""Later requests of a connection, which are written and read without urllib3: whatever the other side does."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import socket
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servicegateway import served, two_services

from doctor.smoke.judging import Judge
from doctor.smoke.service import Question
from doctor.smoke.service_chunks import Body, Chunks, Head, read_head
from doctor.smoke.service_client import ServiceClient
from doctor.smoke.service_line import Request, head_of
from doctor.smoke.service_network import Limits
from doctor.smoke.services import service_named

JUDGE = Judge.load()
QUICK = settings(deadline=None, database=None, max_examples=150)
FIRST = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
GOOD = b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
EVENT = b'data: {"id":"x","choices":[{"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
LAST = b'data: {"id":"x","choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data, extension=b""):
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


WHOLE = STREAM + chunk(EVENT) + chunk(LAST) + b"0\r\n\r\n"


class Server:
    """Answers the first request of every connection well, the next ones with the given bytes, then closes or stays."""

    def __init__(self, *pieces, stay=False):
        self.pieces, self.stay = pieces, stay
        self.connections, self.heads = 0, []
        self.done = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/v1"
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                self.threads.append(threading.Thread(target=self.talk, args=(connection,), daemon=True))
                self.threads[-1].start()

    def talk(self, connection):
        with connection, contextlib.suppress(OSError):
            self.read(connection)
            connection.sendall(FIRST)
            while self.read(connection):
                for piece in self.pieces:
                    connection.sendall(piece)
                    time.sleep(0.01)
                if not self.stay:
                    return

    def read(self, connection):
        got = b""
        while b"\r\n\r\n" not in got:
            piece = connection.recv(65536)
            if not piece:
                return False
            got += piece
        head, _, body = got.partition(b"\r\n\r\n")
        self.heads.append(head)
        found = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        missing = int(found[0].split(b":")[1]) - len(body) if found else 0
        while missing > 0:
            missing -= len(connection.recv(missing))
        return True

    def close(self):
        self.done.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(5)


def asked(*pieces, stay=False, times=1, stream=True, idle=5.0):
    """The exchanges of that many questions after a first, good request; and how many connections there were."""
    with contextlib.closing(Server(*pieces, stay=stay)) as server:
        limits = Limits(connect=5.0, idle=idle, total=20.0)
        client = ServiceClient(service_named(server.url), "a-token", judge=JUDGE, limits=limits)
        with contextlib.closing(client):
            assert client.get("/models", base=server.url).status == 200
            exchanges = [client.ask(Question(text="?"), model="m", stream=stream) for _ in range(times)]
    assert server.heads[-1].count(b"Authorization: Bearer a-token") == 1
    return exchanges, server.connections


@pytest.mark.parametrize(
    "sent",
    [
        (WHOLE,),
        [WHOLE[i : i + 1] for i in range(len(WHOLE))],
        (b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE,),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", WHOLE),
        (STREAM, chunk(EVENT, b";a=b"), chunk(LAST), b"0;x\r\nTrailer: yes\r\n\r\n"),
        (STREAM, chunk(EVENT + LAST), b"000\r\n\r", b"\n"),
    ],
    ids=["at once", "byte by byte", "continue", "hints", "extensions and trailers", "cut in its end"],
)
def test_a_stream_is_read_to_its_end_and_the_connection_used_again(sent):
    exchanges, connections = asked(*sent, stay=True, times=2)
    assert [(e.text, e.finish, e.failure) for e in exchanges] == [("hi", "stop", None)] * 2
    assert connections == 1


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
        b"HTTP/1.0 200 OK\nContent-Type: application/json\nContent-Length: %d\nConnection: close\n\n",
        b"HTTP/1.1 200\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n",
    ],
    ids=["length", "old", "to the end"],
)
def test_an_answer_in_one_piece(head):
    (exchange,), _ = asked(head % len(GOOD) if b"%d" in head else head, GOOD[:9], GOOD[9:], stream=False)
    assert exchange.answered


def test_a_compressed_answer_is_read():
    data = gzip.compress(GOOD)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    (exchange,), _ = asked(head % len(data), data[:20], data[20:], stream=False)
    assert exchange.answered
    (exchange,), _ = asked(head % 7, b"no gzip", stream=False)
    assert exchange.failure.kind == "network"


@pytest.mark.parametrize(
    ("sent", "rule", "text"),
    [
        ((), "network-reset", ""),
        ((b"HTTP/1.1 200",), "network-reset", ""),
        ((b"no http at all\r\n\r\n",), "network-reset", ""),
        ((b"HTTP/1.1 OK\r\n\r\n",), "network-reset", ""),
        ((b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20000,), "network-reset", ""),
        ((STREAM, chunk(EVENT)), "network-reset", "hi"),
        ((STREAM, chunk(EVENT), b"50\r\ndata:"), "network-reset", "hi"),
        ((STREAM, chunk(EVENT), b"x y\r\n\r\n"), "network-reset", "hi"),
        ((STREAM, b"2\r\nabc\r\n\r\n"), "network-reset", ""),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",), "network-reset", ""),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), "", ""),
        ((b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",), "answer-redirect", ""),
        ((b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",), "http-5xx", ""),
    ],
)
def test_what_is_no_answer(sent, rule, text):
    (exchange,), _ = asked(*sent)
    assert (exchange.failure.rule, exchange.text) == (rule, text)
    assert exchange.failure.cures


@pytest.mark.parametrize("sent", [(), (STREAM, chunk(EVENT))])
def test_silence_is_a_time_out(sent):
    (exchange,), _ = asked(*sent, stay=True, idle=0.3)
    assert exchange.failure.rule == "network-timeout"
    assert 0.25 < exchange.seconds < 5
    assert exchange.text == ("hi" if sent else "")


def test_more_than_was_said_ends_the_connection():
    exchanges, connections = asked(WHOLE + b"HTTP/1.1 200 OK\r\n\r\n", stay=True, times=2)
    assert [e.ok for e in exchanges] == [True, False]  # the second meets the good first answer of a new connection
    assert connections == 2


def test_connections_are_opened_before_they_are_needed():
    with served(two_services()) as gateway:
        client = ServiceClient(service_named(gateway.base("metis")), "good-token", judge=JUDGE)
        pauses = []
        for wanted in (3, 5, 5):
            client.connect(wanted, lambda: pauses.append(1))
        assert len(pauses) == 5
        assert gateway.requests == [("GET", "/resource_server/health")] * 5
        assert client.ask(Question(text="What is 2 + 2?"), model="gpt-oss-120b", stream=True).text == "4"
        client.close()


def test_a_token_that_cannot_be_a_header_is_refused_on_any_connection():
    with served(two_services()) as gateway:
        for token in ("good-token\nX: y", "good-töken"):
            client = ServiceClient(service_named(gateway.base("metis")), token, judge=JUDGE)
            assert client.get("/health", token=False).status == 200
            exchange = client.ask(Question(text="?"), model="gpt-oss-120b", stream=True)
            assert exchange.status in (None, 401)
            assert not exchange.ok
            client.close()
    bad = Request(method="GET", url="http://h/v1", headers={"A": "b\r\nX: y"})
    assert head_of(bad) is None


@QUICK
@given(st.lists(st.binary(min_size=1, max_size=12), max_size=8), st.lists(st.integers(0, 200), max_size=12))
def test_chunks_mean_the_same_however_they_are_cut(datas, places):
    raw = b"".join(chunk(data) for data in datas) + b"0\r\n\r\n"
    edges = [0, *sorted(min(place, len(raw)) for place in places), len(raw)]
    pieces = [(float(n), raw[a:b]) for n, (a, b) in enumerate(itertools.pairwise(edges)) if b > a]
    body = Body(Head(status=200, fields={"transfer-encoding": "chunked"}))
    for number, (now, data) in enumerate(pieces):
        assert not body.whole, number
        body.pending.append((now, data))
        if data.endswith(body.ending) or len(data) < len(body.ending):
            body.unpack()
    assert (body.whole, body.reusable, body.problem) == (True, True, ())
    assert b"".join(data for _, data in body.pieces) == b"".join(datas)
    assert [now for now, _ in body.pieces] == sorted(now for now, _ in body.pieces)


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes_are_chunks_or_none(data):
    assert len(Chunks().feed(data)) <= len(data)
    found = read_head(b"HTTP/1.1 200 OK\r\n" + data)
    assert found is None or found[0].status == 200
