"""Every way in which the two services are known to fail, as a state of the gateway and a request: one row for each.

Read by the tests of the client and of ``smoke gpt-oss``, and by tests/real, which shows what other programs make of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gatewaypeers import Generator
from servicegateway import ROOT, Gateway, two_services

MODELS = {"metis": "gpt-oss-120b", "sophia": "openai/gpt-oss-120b"}
SOON = 0.3
"""Seconds that stand for the gateway's 30, 120 and 300."""


@dataclass(frozen=True)
class Row:
    """``status``: what HTTP says; ``rule``, ``category``, ``kind``: what the doctor has to say."""

    name: str
    cluster: str
    status: int
    rule: str
    category: str
    kind: str = "http"
    stream: bool = False
    token: str = "good-token"
    model: str = ""
    path: str = ""
    get: str = ""
    before: int = 0
    extra: dict[str, Any] = field(default_factory=dict)
    arrange: Callable[[Gateway], None] = lambda gateway: None

    def base(self, gateway: Gateway) -> str:
        """The base URL that the user of this row gives."""
        return f"http://127.0.0.1:{gateway.port}{ROOT}{self.path}" if self.path else gateway.base(self.cluster)


def arranged(row: Row) -> Gateway:
    """A gateway in the state of the row."""
    gateway = two_services(Generator(), Generator())
    gateway.stream_silence = SOON
    for cluster in gateway.clusters.values():
        cluster.limit = SOON
    row.arrange(gateway)
    return gateway


def _faults(cluster: str, **values: Any) -> Callable[[Gateway], None]:
    def arrange(gateway: Gateway) -> None:
        for model in gateway.clusters[cluster].models.values():
            for name, value in values.items():
                setattr(model.peer.faults, name, value)

    return arrange


def _state(cluster: str, state: str) -> Callable[[Gateway], None]:
    return lambda gateway: setattr(gateway.clusters[cluster].models[MODELS[cluster]], "state", state)


def _set(**values: Any) -> Callable[[Gateway], None]:
    def arrange(gateway: Gateway) -> None:
        for name, value in values.items():
            setattr(gateway, name, value)

    return arrange


def _cluster(cluster: str, **values: Any) -> Callable[[Gateway], None]:
    def arrange(gateway: Gateway) -> None:
        for name, value in values.items():
            setattr(gateway.clusters[cluster], name, value)

    return arrange


def _busy_metis_of_old(gateway: Gateway) -> None:
    gateway.error_id = "chatcmpl-metis-error"
    _faults("metis", status=500, text="no capacity")(gateway)


def _no_tokens_left(gateway: Gateway) -> None:
    gateway.clusters["sophia"].models[MODELS["sophia"]].tokens_left = 0


ROWS = (
    Row("no header", "metis", 401, "service-no-header", "auth", token=""),
    Row(
        "no header, until April 2026", "metis", 400, "service-no-header", "auth", token="", arrange=_set(era="2026-03")
    ),
    Row("invalid token", "metis", 401, "service-token-invalid", "auth", token="inactive-token"),
    Row("expired token", "metis", 401, "service-token-expired", "auth", token="expired-token"),
    Row("wrong identity domain", "sophia", 401, "service-domain", "auth", token="domain-token"),
    Row(
        "wrong identity domain, until April 2026",
        "sophia",
        403,
        "service-domain",
        "auth",
        token="domain-token",
        arrange=_set(era="2026-03"),
    ),
    Row("policy timeout", "sophia", 401, "service-policy", "auth", token="policy-token"),
    Row("not in an allowed group", "sophia", 401, "service-allowed-group", "auth", token="outside-token"),
    Row("model of a group", "sophia", 401, "service-group", "auth", model="meta-llama/Llama-3.3-70B-Instruct"),
    Row("unknown model", "metis", 404, "service-endpoint", "service", model="gpt-7"),
    Row(
        "unknown model, until May 2026",
        "metis",
        400,
        "service-endpoint",
        "service",
        model="gpt-7",
        arrange=_set(era="2026-03"),
    ),
    Row("renamed model", "metis", 404, "service-endpoint", "service", model="gpt-oss-120b-131072"),
    Row("other cluster's model", "sophia", 404, "service-endpoint", "service", model="gpt-oss-120b"),
    Row("wrong framework", "metis", 400, "service-framework", "service", path="/metis/vllm/v1"),
    Row("wrong route", "metis", 400, "service-route", "service", arrange=_cluster("metis", routes=("completions",))),
    Row("unknown cluster", "metis", 404, "service-cluster", "service", path="/polaris/vllm/v1"),
    Row("missing /v1", "metis", 404, "service-url-v1", "service", path="/metis/api"),
    Row("missing framework", "sophia", 404, "service-url-framework", "service", path="/sophia/v1"),
    Row("double slash", "metis", 404, "service-url-double-slash", "service", path="/metis/api//v1"),
    Row("trailing slash", "metis", 404, "service-url-slash", "service", get="/list-endpoints/"),
    Row("the route as base", "metis", 404, "service-url-endpoint", "service", path="/metis/api/v1/chat/completions"),
    Row("{base}/models", "metis", 404, "service-url-models", "service", get="/metis/api/v1/models"),
    Row("Metis model not live", "metis", 503, "service-not-live", "service", arrange=_state("metis", "stopped")),
    Row(
        "Metis upstream 429",
        "metis",
        429,
        "service-upstream-busy",
        "rate_limit",
        arrange=_faults("metis", status=429, text="busy"),
    ),
    Row(
        "Metis upstream 500",
        "metis",
        500,
        "service-upstream",
        "service",
        arrange=_faults("metis", status=500, text="oops"),
    ),
    Row(
        "Metis upstream lost",
        "metis",
        500,
        "service-upstream-lost",
        "service",
        arrange=_faults("metis", broken_after=0),
    ),
    Row("Metis timeout", "metis", 504, "service-timeout", "service", arrange=_faults("metis", delay=9.0)),
    Row(
        "Metis upstream 429, streaming",
        "metis",
        200,
        "service-stream-error",
        "service",
        "in-200",
        stream=True,
        arrange=_faults("metis", status=429, text="busy"),
    ),
    Row(
        "Metis upstream 500, streaming, older id",
        "metis",
        200,
        "service-stream-error",
        "service",
        "in-200",
        stream=True,
        arrange=_busy_metis_of_old,
    ),
    Row(
        "Metis timeout, streaming",
        "metis",
        200,
        "service-stream-error",
        "service",
        "in-200",
        stream=True,
        arrange=_faults("metis", delay=9.0),
    ),
    Row("Sophia endpoint offline", "sophia", 503, "service-offline", "service", arrange=_state("sophia", "offline")),
    Row("Sophia cold, first call", "sophia", 408, "service-cold", "wait", arrange=_state("sophia", "cold")),
    Row(
        "Sophia cold, next call", "sophia", 503, "service-not-ready", "wait", before=1, arrange=_state("sophia", "cold")
    ),
    Row(
        "Sophia cold, streaming",
        "sophia",
        200,
        "service-stream-silent",
        "wait",
        "in-200",
        stream=True,
        arrange=_state("sophia", "cold"),
    ),
    Row(
        "Sophia backend 422",
        "sophia",
        500,
        "service-backend",
        "service",
        arrange=_faults("sophia", status=422, text="bad field"),
    ),
    Row(
        "Sophia backend 400",
        "sophia",
        500,
        "service-backend",
        "service",
        arrange=_faults("sophia", status=400, text="too long"),
    ),
    Row(
        "Sophia failure, streaming",
        "sophia",
        200,
        "service-stream-object",
        "service",
        "in-200",
        stream=True,
        arrange=_faults("sophia", status=500, text="CUDA out of memory"),
    ),
    Row(
        "Sophia failure in mid-stream, streaming",
        "sophia",
        200,
        "service-stream-object",
        "service",
        "in-200",
        stream=True,
        arrange=_faults("sophia", reasoning_tokens=40, refused_after=25),
    ),
    Row("bad fields", "metis", 422, "service-fields", "service", extra={"reasoning_effort": "maximal"}),
    Row("payload above 10 MB", "sophia", 413, "http-413", "service", extra={"user": "x" * (10 * 1024 * 1024)}),
    Row("rate of a user", "metis", 429, "service-rate", "rate_limit", arrange=_set(rate=0)),
    Row("tokens per minute", "sophia", 429, "service-token-rate", "rate_limit", arrange=_no_tokens_left),
    Row("maintenance", "sophia", 503, "service-maintenance", "wait", arrange=_cluster("sophia", maintenance=True)),
    Row(
        "stream breaks",
        "metis",
        200,
        "network-reset",
        "network",
        "network",
        stream=True,
        arrange=_faults("metis", broken_after=3),
    ),
    Row("no choices", "metis", 200, "answer-choices", "answer", "answer", arrange=_faults("metis", no_choices=True)),
    Row(
        "filtered", "metis", 200, "answer-finish", "answer", "answer", arrange=_faults("metis", finish="content_filter")
    ),
    Row(
        "no token made",
        "metis",
        200,
        "answer-tokens",
        "answer",
        "answer",
        arrange=_faults("metis", silent=True, reasoning_tokens=0),
    ),
    Row(
        "nothing said",
        "metis",
        200,
        "answer-silent",
        "answer",
        "answer",
        arrange=_faults("metis", blank=True, reasoning_tokens=0),
    ),
)
