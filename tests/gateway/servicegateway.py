"""The two inference services as their users meet them: routes, login, errors and streams, before any model server.

Written from the facts about the public gateway (what it answered when it was run, see docs of the project), in its own
code: one thread for each connection, nothing but the standard library. Faults are states (a model is cold, an endpoint is
offline, a token has expired) or lie behind it, in the peer; the gateway makes of them what the real one makes.

By hand:  python tests/gateway/servicegateway.py [--backend http://127.0.0.1:8000/v1 --backend-model NAME]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gatewaypeers import Broken, Generator, Peer, Refusal, Relay

ROOT = "/resource_server"
PAGE = b"""
<!doctype html>
<html lang="en">
<head>
  <title>Not Found</title>
</head>
<body>
  <h1>Not Found</h1><p>The requested resource was not found on this server.</p>
</body>
</html>
"""
TOO_LARGE = b"""<html>
<head><title>413 Request Entity Too Large</title></head>
<body>
<center><h1>413 Request Entity Too Large</h1></center>
<hr><center>nginx</center>
</body>
</html>
"""
BATCH, BATCH_SECONDS = 20, 0.5
_ROUTE = re.compile(
    rf"{ROOT}/(?P<cluster>[^/]+)/(?P<framework>[^/]+)/v1/(?P<what>chat/completions|completions|embeddings)"
)
_JOBS = re.compile(rf"{ROOT}/(?P<cluster>[^/]+)/jobs")
_EFFORTS = ("low", "medium", "high")


@dataclass
class Account:
    """Who a token belongs to. ``state``: ``ok``, ``inactive``, ``expired``, ``domain``, ``policy`` or ``outside``."""

    name: str = "A User"
    username: str = "user@anl.gov"
    state: str = "ok"
    groups: frozenset[str] = frozenset()


@dataclass
class Model:
    """One model of a cluster. ``state``: ``live``, ``stopped``, ``cold`` or ``offline``; ``group``: who may use it."""

    peer: Peer
    state: str = "live"
    group: str = ""
    tokens_left: int = 10**12


@dataclass
class Cluster:
    """A cluster: its one framework, its routes and models. ``limit``: seconds before the gateway gives a call up."""

    name: str
    framework: str
    routes: tuple[str, ...]
    models: dict[str, Model]
    limit: float
    maintenance: bool = False


@dataclass
class Gateway:
    """The gateway's state. ``era``: ``today``, or ``2026-03`` with the status codes of then; ``rate``: per user and second."""

    clusters: dict[str, Cluster]
    accounts: dict[str, Account]
    rate: int = 10
    era: str = "today"
    stream_silence: float = 30.0
    largest: int = 10 * 1024 * 1024
    error_id: str = "chatcmpl-api-error"
    requests: list[tuple[str, str]] = field(default_factory=list)
    triggered: set[str] = field(default_factory=set)
    recent: dict[str, deque[float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    port: int = 0

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}{ROOT}"

    def base(self, cluster: str) -> str:
        """The base URL that a client of this cluster is given."""
        return f"{self.root}/{cluster}/{self.clusters[cluster].framework}/v1"

    def throttled(self, user: str) -> bool:
        """More than ``rate`` requests of this user within one second."""
        with self.lock:
            times = self.recent.setdefault(user, deque())
            now = time.monotonic()
            while times and now - times[0] >= 1.0:
                times.popleft()
            if len(times) >= self.rate:
                return True
            times.append(now)
            return False

    def first_trigger(self, slug: str) -> bool:
        """True for the call that starts a cold model, False while it starts."""
        with self.lock:
            first = slug not in self.triggered
            self.triggered.add(slug)
            return first


def two_services(metis: Peer | None = None, sophia: Peer | None = None) -> Gateway:
    """Metis and Sophia as of 2026-11 with one good token, ``good-token``, and one for each state of an account."""
    one, two = metis or Generator(), sophia or Generator()
    clusters = {
        "metis": Cluster(
            "metis",
            "api",
            ("chat/completions",),
            {"gpt-oss-120b": Model(one), "gemma-4-31B-it": Model(one, "stopped")},
            120.0,
        ),
        "sophia": Cluster(
            "sophia",
            "vllm",
            ("chat/completions", "completions", "embeddings"),
            {
                "openai/gpt-oss-120b": Model(two),
                "openai/gpt-oss-20b": Model(two),
                "meta-llama/Llama-3.3-70B-Instruct": Model(two, group="vip"),
            },
            300.0,
        ),
    }
    states = ("inactive", "expired", "domain", "policy", "outside")
    accounts = {"good-token": Account()} | {f"{state}-token": Account(state=state) for state in states}
    return Gateway(clusters, accounts)


class Problem(Exception):  # noqa: N818
    """An answer that is an error: status and body."""

    def __init__(self, status: int, body: Any) -> None:
        self.status, self.body = status, body
        super().__init__()


def error(status: int, code: str, message: str, **info: Any) -> Problem:
    return Problem(status, {"error": {"code": code, "message": message, "info": info}})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    gateway: Gateway

    def log_message(self, *_: object) -> None:
        """Nothing on the screen of a test."""

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > self.gateway.largest:
            self._refuse(length)
            return
        self.body = self.rfile.read(length)
        self._answer(self._post)

    def _refuse(self, length: int) -> None:
        """The front door answers by the length alone; it goes on reading for a while, so that its answer is read."""
        self.gateway.requests.append((self.command, self.path))
        self.close_connection = True
        with contextlib.suppress(OSError):
            self._json(413, TOO_LARGE)
            while length > 0 and (data := self.rfile.read(min(length, 65536))):
                length -= len(data)

    def _answer(self, make: Any) -> None:
        self.gateway.requests.append((self.command, self.path))
        try:
            self._json(200, make())
        except Problem as problem:
            self._json(problem.status, problem.body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _json(self, status: int, body: Any) -> None:
        if body is None:
            return
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header(
            "Content-Type", "text/html; charset=utf-8" if isinstance(body, bytes) else "application/json; charset=utf-8"
        )
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    # ---- routes

    def _get(self) -> Any:
        gateway, path = self.gateway, self.path
        if path == f"{ROOT}/health":
            return {"status": "ok"}
        if path == f"{ROOT}/status":
            return {name: not cluster.maintenance for name, cluster in gateway.clusters.items()}
        jobs = _JOBS.fullmatch(path)
        if path == f"{ROOT}/whoami":
            account = self._login()
            return {
                "id": "00000000-0000-0000-0000-000000000001",
                "name": account.name,
                "username": account.username,
                "user_group_uuids": sorted(account.groups),
                "idp_id": "idp",
                "idp_name": "Argonne National Laboratory",
                "auth_service": "globus",
            }
        if path == f"{ROOT}/list-endpoints":
            account = self._login()
            return {"clusters": {name: self._summary(cluster, account) for name, cluster in gateway.clusters.items()}}
        if jobs:
            self._login()
            return self._jobs(self._cluster(jobs["cluster"]))
        raise Problem(404, PAGE)

    def _summary(self, cluster: Cluster, account: Account) -> dict[str, Any]:
        seen = sorted(
            name for name, model in cluster.models.items() if not model.group or model.group in account.groups
        )
        routes = [f"/v1/{route}" for route in cluster.routes]
        return {
            "base_url": f"{ROOT}/{cluster.name}",
            "frameworks": {cluster.framework: {"models": seen, "endpoints": routes}},
        }

    def _jobs(self, cluster: Cluster) -> dict[str, Any]:
        def entries(*states: str) -> list[dict[str, Any]]:
            names = [name for name, model in cluster.models.items() if model.state in states]
            if cluster.name == "sophia" and names:
                names = [",".join(names)]
            return [{"Models": name, "Framework": cluster.framework, "Cluster": cluster.name} for name in names]

        stopped = (
            entries("stopped", "cold", "offline")
            if not cluster.maintenance
            else entries("live", "stopped", "cold", "offline")
        )
        return {
            "running": [] if cluster.maintenance else entries("live"),
            "queued": [],
            "stopped": stopped,
            "others": [],
            "private_batch_running": [],
            "private_batch_queued": [],
            "cluster_status": {"cluster": cluster.name},
        }

    def _post(self) -> Any:
        route = _ROUTE.fullmatch(self.path)
        if not route:
            raise Problem(404, PAGE)
        account = self._login()
        body = self._fields()
        cluster = self._cluster(route["cluster"])
        if cluster.maintenance:
            raise error(503, "cluster_under_maintenance", f"Cluster {cluster.name} is currently down.")
        if route["framework"] != cluster.framework:
            raise error(
                400, "unsupported_framework", f"framework {route['framework']} not available on cluster {cluster.name}."
            )
        if route["what"] not in cluster.routes:
            raise error(400, "unsupported_endpoint", f"{route['what']!r} not available on cluster {cluster.name!r}")
        slug = re.sub(r"[^a-z0-9-]+", "-", f"{cluster.name}-{cluster.framework}-{body['model']}".lower())
        model = cluster.models.get(body["model"])
        if model is None:
            missing = 400 if self.gateway.era == "2026-03" else 404
            raise error(missing, "endpoint_not_found", f"The requested endpoint {slug!r} does not exist.")
        if model.group and model.group not in account.groups:
            raise error(401, "unauthorized", "Permission denied due to Globus Group restrictions.")
        if model.tokens_left <= 0:
            raise error(
                429, "too_many_requests", "Tokens/minute limit exceeded", global_model_usage=1, user_model_usage=1
            )
        call = self._metis if cluster.name == "metis" else self._sophia
        return call(cluster, model, body, slug)

    def _cluster(self, name: str) -> Cluster:
        cluster = self.gateway.clusters.get(name)
        if cluster is None:
            raise error(404, "cluster_not_found", f"The requested cluster {name!r} does not exist.")
        return cluster

    def _login(self) -> Account:
        """The account of the token, or the error that the real gateway gives."""
        header, old = self.headers.get("Authorization"), self.gateway.era == "2026-03"
        if not header:
            detail = "Error: Missing ('Authorization': 'Bearer <your-access-token>') in request headers."
            raise Problem(400 if old else 401, {"detail": detail})
        kind, _, token = header.partition(" ")
        if not token or " " in token:
            raise error(401, "unauthorized", "Auth only allows header type Authorization: Bearer <token>.")
        if kind != "Bearer":
            raise error(401, "unauthorized", "Authorization type should be Bearer.")
        account = self.gateway.accounts.get(token, Account(state="inactive"))
        again = "please logout from Globus by visiting https://app.globus.org/logout and re-authenticate with the following command: 'python3 inference_auth_token.py authenticate --force'."
        refusals = {
            "inactive": (401, "Token is either not active or invalid"),
            "expired": (401, "Access token expired."),
            "domain": (
                403 if old else 401,
                f"Error: Permission denied. Must authenticate with anl.gov, alcf.anl.gov. Currently authenticated as A User (user@example.org). If you are passing an access token directly to this API, {again}",
            ),
            "policy": (
                403 if old else 401,
                f"Error: Permission denied from internal policies. This is likely due to a high-assurance timeout. {again}",
            ),
            "outside": (403 if old else 401, "Error: User is not a member of an allowed Globus Group."),
        }
        if account.state in refusals:
            status, message = refusals[account.state]
            raise error(status, "unauthorized", message)
        if self.gateway.throttled(token):
            raise Problem(429, {"detail": "Too many requests."})
        return account

    def _fields(self) -> dict[str, Any]:
        """The request's body, when its fields are those of the API."""
        try:
            body = json.loads(self.body)
        except ValueError:
            raise Problem(400, {"detail": "Cannot parse request body"}) from None
        bad = (
            not isinstance(body, dict)
            or not isinstance(body.get("model"), str)
            or ("messages" not in body and "input" not in body and "prompt" not in body)
            or ("messages" in body and not _messages(body["messages"]))
            or body.get("reasoning_effort", "low") not in _EFFORTS
            or not 0 <= float(body.get("temperature") or 0) <= 2
        )
        if bad:
            raise Problem(422, {"detail": "Invalid FIRST control fields."})
        return body

    # ---- Metis

    def _metis(self, cluster: Cluster, model: Model, body: dict[str, Any], slug: str) -> Any:
        del slug
        if model.state != "live":
            raise error(503, "internal_endpoint_error", f"{body['model']!r} is not currently live on Metis.")
        begin = time.time()
        if body.get("stream"):
            return self._sse(_metis_chunks(cluster, model, body, self.gateway.error_id))
        url = "https://metis.internal/v1/chat/completions"
        try:
            answer = model.peer.complete(body, cluster.limit)
        except Refusal as refusal:
            raise error(
                refusal.status,
                "internal_endpoint_error",
                f"Upstream endpoint returned {refusal.status}: {refusal.text.encode()[:256]!r}.",
            ) from None
        except TimeoutError:
            raise error(504, "internal_endpoint_error", f"Timeout calling {url}.", timeout=cluster.limit) from None
        except Broken:
            raise error(
                500,
                "internal_endpoint_error",
                f"HTTP error calling API at {url}: peer closed connection without sending complete message body",
            ) from None
        return _metis_answer(answer, begin)

    # ---- Sophia

    def _sophia(self, cluster: Cluster, model: Model, body: dict[str, Any], slug: str) -> Any:
        if model.state == "offline":
            raise error(503, "internal_endpoint_error", f"Endpoint {slug!r} is offline.")
        if model.state == "cold" and not self.gateway.first_trigger(slug):
            raise error(
                503,
                "internal_endpoint_error",
                f"Error: Endpoint {slug} online but not ready to receive tasks. Please try again later.",
            )
        if body.get("stream"):
            return self._sse(_sophia_chunks(cluster, model, body, self.gateway.stream_silence))
        begin = time.time()
        lost = error(
            408,
            "request_timeout",
            "TimeoutError while attempting to access compute resources. Please try again later.",
            task_id="t",
        )
        try:
            if model.state == "cold":
                time.sleep(cluster.limit)
                raise lost
            answer = model.peer.complete(body, cluster.limit)
        except TimeoutError:
            raise lost from None
        except Refusal as refusal:
            message = f"API request failed with status code: {refusal.status}\nResponse text: {refusal.text}\nResponse headers: {{}}"
            raise error(500, "internal_endpoint_error", message) from None
        except Broken:
            raise error(500, "internal_error", "Internal Server Error") from None
        seconds = max(time.time() - begin, 1e-9)
        total = answer.get("usage", {}).get("total_tokens", 0)
        return {**_vllm(answer, "message"), "response_time": seconds, "throughput_tokens_per_second": total / seconds}

    # ---- streams

    def _sse(self, chunks: Iterator[bytes]) -> None:
        """Send a stream with chunked transfer; a peer that breaks ends it without its last chunk."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        try:
            for data in chunks:
                if data:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                    self.wfile.flush()
        except Broken:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()


def _messages(value: Any) -> bool:
    return (
        isinstance(value, list) and bool(value) and all(isinstance(entry, dict) and "role" in entry for entry in value)
    )


def _event(data: Any) -> bytes:
    return b"data: %s\n\n" % json.dumps(data).encode()


def _renamed(said: dict[str, Any]) -> dict[str, Any]:
    """Reasoning under the name that both services use today."""
    other = {key: value for key, value in said.items() if key != "reasoning_content"}
    return other | ({"reasoning": said["reasoning_content"]} if said.get("reasoning_content") else {})


def _vllm(answer: dict[str, Any], key: str) -> dict[str, Any]:
    choices = [
        {**choice, key: _renamed(choice.get(key) or {}), "logprobs": None} for choice in answer.get("choices", [])
    ]
    return {**answer, "choices": choices}


def _metis_numbers(usage: dict[str, Any], begin: float, first: float | None) -> dict[str, Any]:
    now = time.time()
    made = usage.get("completion_tokens", 0)
    waited = (first or now) - begin
    return {
        **usage,
        "time_to_first_token": waited,
        "total_latency": now - begin,
        "completion_tokens_per_sec": made / max(now - begin, 1e-9),
        "completion_tokens_after_first_per_sec": max(made - 1, 0) / max(now - begin - waited, 1e-9),
        "stop_reason": "stop",
    }


def _metis_answer(answer: dict[str, Any], begin: float) -> dict[str, Any]:
    plain = _vllm(answer, "message")
    made = (answer.get("usage") or {}).get("completion_tokens", 0)
    usage = _metis_numbers(answer.get("usage") or {}, begin, begin + (time.time() - begin) / (made + 1))
    return {**plain, "created": time.time(), "system_fingerprint": "fastcoe", "usage": usage}


def _metis_chunks(cluster: Cluster, model: Model, body: dict[str, Any], error_id: str) -> Iterator[bytes]:
    """Chunks as they come; an error becomes an assistant's text with finish "stop", and status 200 is already out."""
    url, begin = "https://metis.internal/v1/chat/completions", time.time()
    first = None
    try:
        try:
            for chunk in model.peer.stream(body, cluster.limit):
                plain = {**_vllm(chunk, "delta"), "created": time.time(), "system_fingerprint": "fastcoe"}
                if first is None and any(
                    choice["delta"].get(kind) for choice in plain["choices"] for kind in ("content", "reasoning")
                ):
                    first = time.time()
                if plain.get("usage"):
                    plain["usage"] = _metis_numbers(plain["usage"], begin, first)
                yield _event(plain)
        except Refusal as refusal:
            raise ValueError(
                f"Error: Unexpected error calling stream API: Error: Could not send stream API call to {url}: {refusal.text.strip()}"
            ) from None
        except TimeoutError:
            raise ValueError(f"Error: Timeout calling stream API at {url} (timeout: {cluster.limit:g})") from None
    except ValueError as problem:
        yield _event(
            {
                "id": error_id,
                "object": "chat.completion.chunk",
                "created": int(time.time()),
                "model": body["model"],
                "choices": [
                    {
                        "index": 0,
                        "delta": {"role": "assistant", "content": f"\n\n[ERROR] {problem}"},
                        "finish_reason": "stop",
                    }
                ],
            }
        )
    yield b"data: [DONE]\n\n"


def _sophia_chunks(cluster: Cluster, model: Model, body: dict[str, Any], silence: float) -> Iterator[bytes]:
    """Chunks in bundles of 20 or of half a second; an error becomes an object of its own, status 200 is already out."""
    bundle: list[bytes] = []
    sent = time.monotonic()
    try:
        if model.state == "cold":
            time.sleep(silence)
            raise TimeoutError
        for chunk in model.peer.stream(body, min(cluster.limit, silence)):
            bundle.append(_event(_vllm(chunk, "delta")))
            if len(bundle) >= BATCH or time.monotonic() - sent >= BATCH_SECONDS:
                yield b"".join(bundle)
                bundle, sent = [], time.monotonic()
    except TimeoutError:
        message = f"Streaming task timed out: No data received from compute endpoint after {silence:g} seconds. This may indicate network or endpoint issues."
        bundle = [
            _event({"object": "error", "message": message, "type": "StreamingTimeoutError", "param": None, "code": 504})
        ]
    except Refusal as refusal:
        try:
            told = json.loads(refusal.text)
        except ValueError:
            told = None
        known = isinstance(told, dict) and told.get("object") == "error"
        plain = {
            "object": "error",
            "message": "An error occurred during processing",
            "type": "InternalServerError",
            "param": None,
            "code": 500,
        }
        bundle = [_event(told if known else plain)]
    yield b"".join(bundle)
    yield b"data: [DONE]\n\n"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Clients of tests go away as they like."""


@contextlib.contextmanager
def served(gateway: Gateway, port: int = 0) -> Iterator[Gateway]:
    """The gateway at a port of 127.0.0.1, until the end of the block."""
    server = _Server(("127.0.0.1", port), type("Bound", (Handler,), {"gateway": gateway}))
    gateway.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--backend", help="base URL of a real OpenAI-compatible server; without it a deterministic generator"
    )
    parser.add_argument("--backend-model", default="")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rate", type=int, default=10)
    options = parser.parse_args()
    peer: Peer = (
        Relay(options.backend, options.backend_model) if options.backend else Generator(seconds_per_token=0.005)
    )
    gateway = two_services(peer, peer)
    gateway.rate = options.rate
    with served(gateway, options.port):
        print(f"metis   {gateway.base('metis')}\nsophia  {gateway.base('sophia')}\ntoken   good-token", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
