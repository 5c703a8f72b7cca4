"""What the gateway knows: accounts, clusters, models and their states; faults are values in here."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from gatewaypeers import Generator, Peer

ROOT = "/resource_server"


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


def jobs_of(cluster: Cluster) -> dict[str, Any]:
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
