"""The one client of inference services: one request, one ``Exchange``; nothing that a service does raises.

The token goes to the service's own host only (redirects are not followed) and stands in no value that leaves this
module. Pieces of a stream are dated as they arrive and read when all are there, so that reading does not disturb
measuring.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from doctor.errors import UsageError
from doctor.smoke.judging import Answer, Judge
from doctor.smoke.service import Exchange, Failure, Question, Reply
from doctor.smoke.service_network import AGENT, LOOPBACK, Limits, RouteError, complaint_lines, open_pool, route_to
from doctor.smoke.service_stream import Draft, error_in, read_body, read_stream
from doctor.smoke.services import Service

_LARGEST = 64 * 1024 * 1024
_PIECE = 65536
_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Received:
    """The bytes of an answer with the seconds at which they came; ``cut``: why it ended early ('' when it did not)."""

    answer: Answer
    pieces: list[tuple[float, bytes]]
    headers_at: float
    seconds: float
    cut: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        return b"".join(piece for _, piece in self.pieces).decode("utf-8", "replace")


class _Silence(Exception):  # noqa: N818 - no answer came: not an error of ours
    """The causes, one line each."""

    def __init__(self, lines: tuple[str, ...], seconds: float) -> None:
        self.lines, self.seconds = lines, seconds
        super().__init__()


class ServiceClient:
    """Asks one service; safe to use from many threads at once."""

    def __init__(  # noqa: PLR0913 - keyword only
        self,
        service: Service,
        token: str = "",
        *,
        judge: Judge,
        limits: Limits | None = None,
        connections: int = 1,
        offline: bool = False,
    ) -> None:
        """Prepare; nothing is contacted. ``connections`` is how many threads will ask at once.

        Raises ``UsageError`` when the token would travel unencrypted, or with ``offline``; ``RouteError`` when the
        environment names a proxy or certificates that cannot be used.
        """
        parts = urlsplit(service.base)
        if offline and parts.hostname not in LOOPBACK:
            raise UsageError(f"{service.host} is not asked: --offline forbids it.")
        if token and parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise UsageError(f"The token is not sent to {service.host} over http: anybody on the way could read it.")
        self.service, self.limits = service, limits or Limits()
        self._judge = judge.keeping(token, token.strip())
        self._pool = open_pool(route_to(service.base), self.limits, connections)
        self._headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def __repr__(self) -> str:
        """Without the token."""
        return f"ServiceClient({self.service.base!r})"

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()

    def ask(self, question: Question, *, model: str, stream: bool) -> Exchange:
        """Send one question and judge what comes back."""
        started = time.time()
        body = json.dumps(request_body(question, model=model, stream=stream)).encode()
        url = f"{self.service.base}/chat/completions"
        try:
            received = self._send("POST", url, body, stream=stream)
        except _Silence as silence:
            failure = self._judge.unreachable(silence.lines)
            return Exchange(started=started, streamed=stream, status=None, seconds=silence.seconds, failure=failure)
        return self._exchange(received, started, streamed=stream)

    def get(self, path: str, *, token: bool = True, base: str = "") -> Reply:
        """What stands at a path below the gateway's root (or below ``base``); without the token when it is public."""
        url = f"{base or self.service.root}{path}"
        try:
            received = self._send("GET", url, None, token=token)
        except _Silence as silence:
            return Reply(status=None, seconds=silence.seconds, failure=self._judge.unreachable(silence.lines))
        body, status = received.body, received.answer.status
        data = _json(body)
        failure = self._failure_of_get(received, body, data)
        return Reply(status=status, seconds=received.seconds, body=self._judge.clean(body), data=data, failure=failure)

    # ---- inside

    def _failure_of_get(self, received: _Received, body: str, data: Any) -> Failure | None:
        if received.cut:
            return self._judge.unreachable(received.cut)
        if received.answer.status != _OK:
            return self._judge.refused(received.answer, error_in(data) if isinstance(data, dict) else body)
        if data is None:
            draft = Draft(unreadable=body[:200])
            return self._judge.unfit(received.answer, draft, streamed=False)
        return None

    def _exchange(self, received: _Received, started: float, *, streamed: bool) -> Exchange:
        """The value of what was received."""
        answer, failure = received.answer, None
        draft = Draft()
        if answer.status != _OK:
            body = received.body
            data = _json(body)
            failure = self._judge.refused(answer, error_in(data) if isinstance(data, dict) else body)
        else:
            as_stream = "event-stream" in answer.content_type or received.body.startswith("data:")
            draft = read_stream(received.pieces) if as_stream else read_body(received.body)
            failure = self._judge.unfit(answer, draft, streamed=as_stream)
            if received.cut and (failure is None or failure.kind != "in-200"):
                failure = self._judge.unreachable(received.cut)
        return Exchange(
            started=started,
            streamed=streamed,
            status=answer.status,
            seconds=received.seconds,
            headers_at=received.headers_at,
            first_token_at=draft.first_token_at,
            first_answer_at=draft.first_answer_at,
            arrivals=tuple(draft.arrivals),
            text="".join(draft.text),
            reasoning="".join(draft.reasoning),
            finish=draft.finish,
            usage=draft.usage,
            server=draft.server,
            model=draft.model,
            fingerprint=draft.fingerprint,
            answer_id=draft.answer_id,
            failure=failure,
        )

    def _send(
        self, method: str, url: str, body: bytes | None, *, token: bool = True, stream: bool = False
    ) -> _Received:
        """Send, and read all that comes within the limits; raises ``_Silence`` when no status arrives."""
        headers: Mapping[str, str] = self._headers
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
        if not token:
            headers = {name: text for name, text in headers.items() if name != "Authorization"}
        begin = time.perf_counter()
        try:
            response = self._pool.request(
                method,
                url,
                body=body,
                headers=headers,
                timeout=self.limits.waiting(stream=stream),
                preload_content=False,
                redirect=False,
            )
        except (HTTPError, OSError, ValueError) as error:
            raise _Silence(complaint_lines(error), time.perf_counter() - begin) from None
        headers_at = time.perf_counter() - begin
        answer = Answer(
            method=method,
            url=url,
            status=response.status,
            content_type=response.headers.get("content-type", "").lower(),
            retry_after=response.headers.get("retry-after", ""),
        )
        pieces, cut = self._read(response, begin)
        seconds = pieces[-1][0] if pieces and not cut else time.perf_counter() - begin
        return _Received(answer=answer, pieces=pieces, headers_at=headers_at, seconds=max(seconds, headers_at), cut=cut)

    def _read(
        self, response: urllib3.BaseHTTPResponse, begin: float
    ) -> tuple[list[tuple[float, bytes]], tuple[str, ...]]:
        """Every piece with the time of its arrival; and why the reading ended early, in lines."""
        pieces: list[tuple[float, bytes]] = []
        size, deadline = 0, begin + self.limits.total
        try:
            while piece := response.read1(_PIECE):
                now = time.perf_counter()
                pieces.append((now - begin, piece))
                size += len(piece)
                if size > _LARGEST:
                    response.close()
                    return pieces, (f"Connection broken: the answer is larger than {_LARGEST} bytes",)
                if now > deadline:
                    response.close()
                    return pieces, (f"ReadTimeoutError: Read timed out after {self.limits.total:g} s in all",)
        except (HTTPError, OSError, ValueError) as error:
            response.close()
            return pieces, complaint_lines(error)
        response.release_conn()
        return pieces, ()


def request_body(question: Question, *, model: str, stream: bool) -> dict[str, Any]:
    """The JSON of a chat completion; what is None or '' is left out."""
    messages = [{"role": "system", "content": question.system}] if question.system else []
    messages.append({"role": "user", "content": question.text})
    optional = {
        "temperature": question.temperature,
        "seed": question.seed,
        "reasoning_effort": question.effort or None,
        "stream_options": {"include_usage": True} if stream else None,
    }
    return {
        "model": model,
        "messages": messages,
        "max_tokens": question.max_tokens,
        "stream": stream,
        **{name: value for name, value in optional.items() if value is not None},
        **question.extra,
    }


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


__all__ = ["Limits", "RouteError", "ServiceClient", "request_body"]
