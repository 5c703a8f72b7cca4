"""The inference services that the doctor knows, as a table, and what an address given by a user means.

What stands here was read in the public gateway's source and documentation (2026-11); names of models drift, so the
ladder asks the service itself and this table only helps to explain what it says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from doctor.errors import UsageError

ALCF_ROOT = "https://inference-api.alcf.anl.gov/resource_server"
"""Where the gateway of both clusters answers."""
_GATEWAY = re.compile(
    r"(?P<root>https?://[^/\s]+(?:/[^/\s]+)*?/resource_server)/(?P<cluster>[a-z0-9_-]+)(?P<rest>/.*)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service.

    ``root`` is the gateway's address, below which ``/health``, ``/whoami``, ``/list-endpoints`` and ``/CLUSTER/jobs``
    lie ('' for a plain OpenAI-compatible server); ``base`` is the address that an OpenAI client is given, without a
    slash at its end (``slash``: the user wrote one; openai clients remove it, others do not). ``models`` are names of
    gpt-oss there, the usual one first; ``renamed`` maps names of old to names of today. ``context`` is in tokens,
    ``rate_per_second`` what one user may send (None: no known limit), ``upstream_timeout`` seconds after which the
    gateway gives a non-streaming request up. ``stream_batched``: the stream is sent on in bundles, so the times of its
    pieces say nothing about the model.
    """

    name: str
    title: str
    base: str
    root: str = ""
    cluster: str = ""
    models: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    context: int | None = None
    rate_per_second: float | None = None
    upstream_timeout: float | None = None
    stream_batched: bool = False
    slash: bool = False

    @property
    def host(self) -> str:
        """Host and port, as sentences name the service."""
        return urlsplit(self.base).netloc.rpartition("@")[2]


SERVICES: Mapping[str, Service] = {
    "metis": Service(
        name="metis",
        title="Metis (SambaNova)",
        base=f"{ALCF_ROOT}/metis/api/v1",
        root=ALCF_ROOT,
        cluster="metis",
        models=("gpt-oss-120b",),
        renamed={"gpt-oss-131K": "gpt-oss-120b", "gpt-oss-120b-131072": "gpt-oss-120b"},
        context=131072,
        rate_per_second=10.0,
        upstream_timeout=120.0,
    ),
    "sophia": Service(
        name="sophia",
        title="Sophia (vLLM)",
        base=f"{ALCF_ROOT}/sophia/vllm/v1",
        root=ALCF_ROOT,
        cluster="sophia",
        models=("openai/gpt-oss-120b", "openai/gpt-oss-20b"),
        context=65536,
        rate_per_second=10.0,
        upstream_timeout=300.0,
        stream_batched=True,
    ),
}


def service_named(text: str) -> Service:
    """The service of that name, or the one at that address (the base URL an OpenAI client is given).

    An address below a ``/resource_server`` is a gateway's: the cluster's entry of the table with that address, so that
    the gateway's own routes are asked too. The address is kept as it is written, but for a slash at its end.
    Raises ``UsageError`` for anything else.
    """
    known = SERVICES.get(text.strip().lower())
    if known:
        return known
    written = text.strip()
    host, address = _split(written), written.rstrip("/")
    slash = address != written
    found = _GATEWAY.fullmatch(address)
    if not found:
        return Service(name=host, title=host, base=address, slash=slash)
    cluster = found["cluster"]
    table = SERVICES.get(cluster, Service(name=cluster, title=host, base=address, cluster=cluster))
    return replace(table, base=address, root=found["root"], slash=slash)


def _split(text: str) -> str:
    """Host and port of an address; raises ``UsageError``."""
    complaint = f"--service wants {', '.join(SERVICES)} or an address such as https://HOST/v1, not {text!r}."
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError:
        raise UsageError(complaint) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\x00-\x1f]", text):
        raise UsageError(complaint)
    if "@" in parts.netloc:
        raise UsageError("--service takes no credentials in the address; give them with --token-file or --token-env.")
    if parts.query or parts.fragment:
        raise UsageError("--service takes an address without ? and #.")
    return parts.netloc
