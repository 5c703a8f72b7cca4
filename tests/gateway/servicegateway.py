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
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gatewaydoor import PAGE, TOO_LARGE, Problem, error, fields, login
from gatewaypeers import Broken, Generator, Peer, Refusal, Relay
from gatewaystate import ROOT, Account, Cluster, Gateway, Model, jobs_of, two_services
from gatewaystreams import metis_answer, metis_chunks, sophia_chunks, vllm

_ROUTE = re.compile(
    rf"{ROOT}/(?P<cluster>[^/]+)/(?P<framework>[^/]+)/v1/(?P<what>chat/completions|completions|embeddings)"
)
_JOBS = re.compile(rf"{ROOT}/(?P<cluster>[^/]+)/jobs")


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
            account = login(self.gateway, self.headers.get("Authorization"))
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
            account = login(self.gateway, self.headers.get("Authorization"))
            return {"clusters": {name: self._summary(cluster, account) for name, cluster in gateway.clusters.items()}}
        if jobs:
            login(self.gateway, self.headers.get("Authorization"))
            return jobs_of(self._cluster(jobs["cluster"]))
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

    def _post(self) -> Any:
        route = _ROUTE.fullmatch(self.path)
        if not route:
            raise Problem(404, PAGE)
        account = login(self.gateway, self.headers.get("Authorization"))
        body = fields(self.body)
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

    # ---- Metis

    def _metis(self, cluster: Cluster, model: Model, body: dict[str, Any], slug: str) -> Any:
        del slug
        if model.state != "live":
            raise error(503, "internal_endpoint_error", f"{body['model']!r} is not currently live on Metis.")
        begin = time.time()
        if body.get("stream"):
            return self._sse(metis_chunks(cluster, model, body, self.gateway.error_id))
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
        return metis_answer(answer, begin)

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
            return self._sse(sophia_chunks(cluster, model, body, self.gateway.stream_silence))
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
        return {**vllm(answer, "message"), "response_time": seconds, "throughput_tokens_per_second": total / seconds}

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
