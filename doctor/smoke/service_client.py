"""The one client of inference services: one request, one ``Exchange``; nothing that a service does raises.

The token goes to the service's own host only (redirects are not followed) and stands in no value that leaves this
module. Pieces of a stream are dated as they arrive and read when all are there, so that reading does not disturb
measuring.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from doctor.errors import UsageError
from doctor.smoke.judging import Judge
from doctor.smoke.service import Exchange, Failure, Question, Reply
from doctor.smoke.service_line import Line, Received, Request, Silence
from doctor.smoke.service_network import AGENT, LOOPBACK, Limits, RouteError, open_pool, route_to, trust
from doctor.smoke.service_stream import Draft, error_in, read_body, read_stream
from doctor.smoke.services import Service

_OK = 200


class ServiceClient:
    """Asks one service; safe to use from many threads at once."""

    def __init__(
        self,
        service: Service,
        token: str = "",
        *,
        judge: Judge,
        limits: Limits | None = None,
        offline: bool = False,
    ) -> None:
        """Prepare; nothing is contacted.

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
        self._route = route_to(service.base)
        self._trust = trust(self._route)
        self._idle = [self._line()]
        self._headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def __repr__(self) -> str:
        """Without the token."""
        return f"ServiceClient({self.service.base!r})"

    def close(self) -> None:
        """Close all connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    def connect(self, count: int, pause: Callable[[], None]) -> None:
        """Have ``count`` connections open, so that no answer's time holds the opening of one.

        ``pause`` is called before each request that opens one. What fails is left to the questions, which tell it.
        """
        standing = [line for line in self._idle if line.open]
        for _ in range(count - len(standing)):
            line = self._line()
            pause()
            with contextlib.suppress(Silence):
                line.exchange(self._request("GET", self._nothing, None, token=not self.service.root))
            if not line.open:
                return
            standing.append(line)
        self._idle[:] = standing

    def ask(self, question: Question, *, model: str, stream: bool) -> Exchange:
        """Send one question and judge what comes back."""
        started = time.time()
        body = json.dumps(request_body(question, model=model, stream=stream)).encode()
        url = f"{self.service.base}/chat/completions"
        try:
            received = self._send(self._request("POST", url, body, stream=stream))
        except Silence as silence:
            failure = self._judge.unreachable(silence.lines)
            return Exchange(started=started, streamed=stream, status=None, seconds=silence.seconds, failure=failure)
        return self._exchange(received, started, streamed=stream)

    def get(self, path: str, *, token: bool = True, base: str = "") -> Reply:
        """What stands at a path below the gateway's root (or below ``base``); without the token when it is public."""
        url = f"{base or self.service.root}{path}"
        try:
            received = self._send(self._request("GET", url, None, token=token))
        except Silence as silence:
            return Reply(status=None, seconds=silence.seconds, failure=self._judge.unreachable(silence.lines))
        body, status = received.body, received.answer.status
        data = _json(body)
        failure = self._failure_of_get(received, body, data)
        return Reply(status=status, seconds=received.seconds, body=self._judge.clean(body), data=data, failure=failure)

    # ---- inside

    def _failure_of_get(self, received: Received, body: str, data: Any) -> Failure | None:
        if received.cut:
            return self._judge.unreachable(received.cut)
        if received.answer.status != _OK:
            return self._judge.refused(received.answer, error_in(data) if isinstance(data, dict) else body)
        if data is None:
            draft = Draft(unreadable=body[:200])
            return self._judge.unfit(received.answer, draft, streamed=False)
        return None

    def _exchange(self, received: Received, started: float, *, streamed: bool) -> Exchange:
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

    @property
    def _nothing(self) -> str:
        """An address that costs the service next to nothing."""
        return f"{self.service.root}/health" if self.service.root else f"{self.service.base}/models"

    def _line(self) -> Line:
        return Line(open_pool(self._route, self.limits, self._trust), self.limits)

    def _request(
        self, method: str, url: str, body: bytes | None, *, token: bool = True, stream: bool = False
    ) -> Request:
        headers = {name: text for name, text in self._headers.items() if token or name != "Authorization"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return Request(method=method, url=url, headers=headers, body=body, stream=stream)

    def _send(self, request: Request) -> Received:
        """By a connection that stands, else by a new one; raises ``Silence`` when no status arrives."""
        try:
            line = self._idle.pop()
        except IndexError:
            line = self._line()
        try:
            return line.exchange(request)
        finally:
            self._idle.append(line)


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
