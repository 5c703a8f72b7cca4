"""A connection to a service, and one request after the other over it: HTTP/1.1 with as little work as measuring allows.

urllib3 opens a connection (proxies, tunnels, certificates) and carries its first request. The next ones are written and
read here, because a general client's work for every piece of a stream is several times that of the socket below it, and
whatever a measuring program does it takes from what it measures. What arrives is dated first and taken apart when all
is there.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import BadStatusLine, HTTPException
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from doctor.smoke.judging import Answer
from doctor.smoke.service_chunks import Body, Head, read_head
from doctor.smoke.service_network import Limits, complaint_lines, wait_at_most

LARGEST = 64 * 1024 * 1024
_PIECE = 16384  # more than TLS sends at once; a new buffer for each piece must be cheap
_CAUSES = (HTTPError, HTTPException, OSError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent. ``stream``: pieces are awaited, so a long silence between two of them ends it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None
    stream: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The bytes of an answer with the seconds at which they came; ``cut``: why it ended early (() when it did not)."""

    answer: Answer
    pieces: list[tuple[float, bytes]]
    headers_at: float
    seconds: float
    cut: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        """All of it, as text."""
        return b"".join(piece for _, piece in self.pieces).decode("utf-8", "replace")


class Silence(Exception):  # noqa: N818 - no answer came: not an error of ours
    """No status arrived; the causes, one line each."""

    def __init__(self, lines: tuple[str, ...], seconds: float) -> None:
        """Keep both."""
        self.lines, self.seconds = lines, seconds
        super().__init__()


class Line:
    """At most one connection, for one request at a time; it is opened when a request finds none."""

    def __init__(self, manager: urllib3.PoolManager, limits: Limits) -> None:
        """``manager`` is this line's own."""
        self._manager, self._limits = manager, limits
        self._socket: socket.socket | None = None
        self._connection: object = None
        self._origin = ("", "")
        self._waits = 0.0  # seconds that a call on the socket waits now; 0: as urllib3 left it

    @property
    def open(self) -> bool:
        """A connection stands and nothing waits in it, as far as can be seen without asking."""
        return self._socket is not None and bool(getattr(self._connection, "is_connected", False))

    def close(self) -> None:
        """End the connection."""
        self._socket = None
        self._manager.clear()

    def exchange(self, request: Request) -> Received:
        """Send, and read all that comes within the limits; raises ``Silence`` when no status arrives."""
        known = self.open and self._origin == _origin(request.url)
        head = head_of(request) if known else None
        if head is None:
            return self._first(request)
        return self._next(head + (request.body or b""), request)

    # ---- the first request of a connection

    def _first(self, request: Request) -> Received:
        self._socket = None
        begin = time.perf_counter()
        try:
            response = self._manager.request(
                request.method,
                request.url,
                body=request.body,
                headers=request.headers,
                timeout=self._limits.waiting(stream=request.stream),
                preload_content=False,
                redirect=False,
            )
        except _CAUSES as error:
            raise Silence(complaint_lines(error), time.perf_counter() - begin) from None
        headers_at = time.perf_counter() - begin
        connection = response.connection
        pieces, cut = self._read_response(response, begin)
        if not cut:
            self._keep(connection, request.url)
        head = Head(status=response.status, fields={name.lower(): text for name, text in response.headers.items()})
        return _received(request, head, pieces, (headers_at, time.perf_counter() - begin, cut))

    def _keep(self, connection: object, url: str) -> None:
        """Use this connection for the next request, if the other side leaves it open.

        A proxy without a tunnel wants whole addresses, and TLS inside TLS is no plain socket: urllib3 keeps these.
        """
        plain = getattr(connection, "sock", None)
        through = getattr(connection, "proxy", None) is not None and not url.startswith("https:")
        if isinstance(plain, socket.socket) and not through:
            self._socket, self._connection, self._origin, self._waits = plain, connection, _origin(url), 0.0

    def _read_response(
        self, response: urllib3.BaseHTTPResponse, begin: float
    ) -> tuple[list[tuple[float, bytes]], tuple[str, ...]]:
        """Every piece with the time of its arrival; and why the reading ended early, in lines."""
        pieces: list[tuple[float, bytes]] = []
        size = 0
        try:
            while piece := response.read1(_PIECE):
                now = time.perf_counter() - begin
                pieces.append((now, piece))
                size += len(piece)
                if too_much := self._beyond(size, now):
                    response.close()
                    return pieces, (too_much,)
        except _CAUSES as error:
            response.close()
            return pieces, complaint_lines(error)
        response.release_conn()
        return pieces, ()

    def _beyond(self, size: int, now: float) -> str:
        """Which limit is passed, '' for none."""
        if size > LARGEST:
            return f"Connection broken: the answer is larger than {LARGEST} bytes"
        if now > self._limits.total:
            return f"ReadTimeoutError: Read timed out after {self._limits.total:g} s in all"
        return ""

    # ---- all later ones

    def _next(self, sent: bytes, request: Request) -> Received:
        line, self._socket = self._socket, None  # not ours again before all of the answer was read
        assert line is not None  # noqa: S101 - ``open`` said so
        begin = time.perf_counter()
        waiting = min(self._limits.idle, self._limits.total) if request.stream else self._limits.total
        if self._waits != waiting:
            wait_at_most(line, waiting)
            self._waits = waiting
        try:
            with contextlib.suppress(BrokenPipeError):  # what was said before the other side closed may still be read
                line.sendall(sent)
            head, rest = self._head(line, begin)
        except _CAUSES as error:
            self._connection = _closed(self._connection)
            raise Silence(_lines(error, waiting), time.perf_counter() - begin) from None
        except BaseException:  # interrupted: half an answer is still on the line
            self._connection = _closed(self._connection)
            raise
        headers_at = time.perf_counter() - begin
        body = Body(head)
        body.start(headers_at, rest)
        cut = self._rest(line, body, begin, waiting)
        ended = time.perf_counter() - begin
        body.end()
        cut = cut or body.problem
        if cut or not body.reusable:
            self._connection = _closed(self._connection)
        else:
            self._socket = line
        return _received(request, head, body.pieces, (headers_at, ended, cut))

    def _head(self, line: socket.socket, begin: float) -> tuple[Head, bytes]:
        """Status and header fields, and what came with them; interim answers (1xx) are passed over."""
        data = b""
        while True:
            found = read_head(data)
            if found is None:
                piece = line.recv(_PIECE)
                if not piece:
                    raise BadStatusLine("Connection aborted: Remote end closed connection without response")
                data += piece
                if time.perf_counter() - begin > self._limits.total:
                    raise TimeoutError
            elif 100 <= found[0].status < 200:  # noqa: PLR2004 - RFC 9110, section 15.2
                data = found[1]
            else:
                return found

    def _rest(self, line: socket.socket, body: Body, begin: float, waiting: float) -> tuple[str, ...]:
        """Read until the body is whole; why it ended early, in lines."""
        clock, receive, keep = time.perf_counter, line.recv, body.pending.append
        last, enough, ending = self._limits.total, body.enough, body.ending
        size = sum(len(data) for _, data in body.pending)
        try:
            while not body.whole:
                data = receive(_PIECE)
                now = clock() - begin
                if not data:
                    break
                keep((now, data))
                size += len(data)
                if size >= enough and (data.endswith(ending) or len(data) < len(ending)):
                    body.unpack()
                if (size > LARGEST or now > last) and not body.whole:
                    return (self._beyond(size, now),)
        except _CAUSES as error:
            return _lines(error, waiting)
        except BaseException:
            self._connection = _closed(self._connection)
            raise
        return ()


def head_of(request: Request) -> bytes | None:
    """The request line and fields as they are sent; None when they cannot be sent as they are (urllib3 says why)."""
    parts = urlsplit(request.url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    length = () if request.body is None else (("Content-Length", str(len(request.body))),)
    fields = (("Host", parts.netloc), *request.headers.items(), *length)
    lines = [f"{request.method} {target} HTTP/1.1", *(f"{name}: {text}" for name, text in fields)]
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or not text.isascii():
        return None
    return f"{text}\r\n\r\n".encode("ascii")


def _received(
    request: Request,
    head: Head,
    pieces: list[tuple[float, bytes]],
    times: tuple[float, float, tuple[str, ...]],
) -> Received:
    headers_at, ended, cut = times
    answer = Answer(
        method=request.method,
        url=request.url,
        status=head.status,
        content_type=head.fields.get("content-type", "").lower(),
        retry_after=head.fields.get("retry-after", ""),
    )
    seconds = pieces[-1][0] if pieces and not cut else ended
    return Received(answer=answer, pieces=pieces, headers_at=headers_at, seconds=max(seconds, headers_at), cut=cut)


def _lines(error: BaseException, waiting: float) -> tuple[str, ...]:
    """What went wrong, in the words that urllib3 has for it."""
    if isinstance(error, BlockingIOError) or (isinstance(error, TimeoutError) and not error.errno):
        return (f"ReadTimeoutError: Read timed out. (read timeout={waiting:g})",)
    return complaint_lines(error)


def _origin(url: str) -> tuple[str, str]:
    """Where a connection for this address leads (RFC 6454)."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _closed(connection: object) -> object:
    close = getattr(connection, "close", None)
    if close is not None:
        close()
    return None
