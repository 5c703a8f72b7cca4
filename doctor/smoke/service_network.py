"""Connections to a service: proxies, certificates and time limits from the environment, and what goes wrong as lines.

The lines are in the words that the libraries use in users' own tracebacks, so the same rules explain both.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import MaxRetryError, ProxyError

from doctor import __version__
from doctor.errors import DoctorError

BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name a file of trusted certificates, in the order in which clients of these services obey them."""
AGENT = f"acdoctor/{__version__}"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Hosts that are this machine: asked even offline, and over http."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds: ``connect`` until a connection stands, ``idle`` between two pieces of a stream, ``total`` for all.

    An answer in one piece may be silent for the whole of ``total``. A stream whose pieces come slowly is given up at
    the first piece after ``total``.
    """

    connect: float = 10.0
    idle: float = 120.0
    total: float = 300.0

    def waiting(self, *, stream: bool) -> urllib3.Timeout:
        """How long one wait on the socket may last."""
        return urllib3.Timeout(connect=self.connect, read=min(self.idle, self.total) if stream else self.total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How a host is reached: through which proxy ('' for none; never with credentials), with which certificates."""

    proxy: str = ""
    proxy_login: str = ""
    bundle: str = ""
    bundle_from: str = ""

    @property
    def socks(self) -> bool:
        """The proxy is a SOCKS one."""
        return self.proxy.startswith("socks")

    def __repr__(self) -> str:
        """Without the login of the proxy."""
        return f"Route(proxy={self.proxy!r}, bundle={self.bundle!r})"


class RouteError(DoctorError):
    """The environment names a proxy or certificates that cannot be used; ``line`` is for the rules."""

    def __init__(self, line: str) -> None:
        """Keep the line."""
        self.line = line
        super().__init__(f"{line}.")


def route_to(url: str) -> Route:
    """What the variables of the environment say about the way to an address.

    ``https_proxy``, ``all_proxy`` and ``no_proxy`` as other programs read them, small letters first; ``BUNDLES``.
    """
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme, "") or proxies.get("all", "")
    if proxy_bypass(parts.netloc):
        proxy = ""
    proxy = proxy if not proxy or "//" in proxy else f"http://{proxy}"
    pieces = urlsplit(proxy)
    login, _, host = pieces.netloc.rpartition("@")
    source = next((name for name in BUNDLES if os.environ.get(name)), "")
    return Route(
        proxy=urlunsplit(pieces._replace(netloc=host)) if proxy else "",
        proxy_login=unquote(login),
        bundle=os.environ.get(source, "") if source else "",
        bundle_from=source,
    )


def open_pool(route: Route, limits: Limits, trusted: ssl.SSLContext) -> urllib3.PoolManager:
    """One connection by a route; nothing is contacted yet. Raises ``RouteError`` when the route cannot be used."""
    settings: dict[str, Any] = {
        "num_pools": 1,
        "maxsize": 1,
        "block": False,
        "retries": False,
        "timeout": limits.waiting(stream=False),
        "ssl_context": trusted,
    }
    if not route.proxy:
        return urllib3.PoolManager(**settings)
    if route.socks:
        if find_spec("socks") is None:
            raise RouteError(
                "Using SOCKS proxy, but the 'socksio' package is not installed (acdoctor itself would need PySocks)"
            )
        from urllib3.contrib.socks import SOCKSProxyManager  # noqa: PLC0415 - warns where PySocks is not installed

        return SOCKSProxyManager(route.proxy, **settings)
    login = urllib3.make_headers(proxy_basic_auth=route.proxy_login) if route.proxy_login else None
    try:
        return urllib3.ProxyManager(route.proxy, proxy_headers=login, **settings)
    except (ValueError, urllib3.exceptions.HTTPError):
        raise RouteError(f"ProxyError: the proxy's address {route.proxy} cannot be used") from None


def wait_at_most(line: socket.socket, seconds: float) -> None:
    """Let the system end a call that waits longer, where it can: Python would ask it first, each time, whether to wait.

    Such a call ends with ``BlockingIOError``. TLS reads by calls of its own, and Windows counts otherwise.
    """
    if isinstance(line, ssl.SSLSocket) or os.name != "posix":
        line.settimeout(seconds)
        return
    limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
    for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        line.setsockopt(socket.SOL_SOCKET, direction, limit)
    line.settimeout(None)


def trust(route: Route) -> ssl.SSLContext:
    """Certificates of the file or directory that the environment names, else of the system; raises ``RouteError``."""
    bundle = route.bundle
    try:
        if bundle and not Path(bundle).exists():
            raise RouteError(f"ssl.create_default_context: {route.bundle_from}={bundle} names no file")
        return ssl.create_default_context(
            cafile=bundle if bundle and not Path(bundle).is_dir() else None,
            capath=bundle if bundle and Path(bundle).is_dir() else None,
        )
    except (OSError, ssl.SSLError) as error:
        raise RouteError(
            f"ssl.create_default_context: {route.bundle_from}={bundle} holds no certificates ({type(error).__name__})"
        ) from None


def complaint_lines(error: BaseException) -> tuple[str, ...]:
    """What went wrong on the way, outermost first, one line for each cause; none holds an address or a header."""
    lines = []
    for cause in _causes(error):
        text = str(cause.args[0]) if isinstance(cause, ProxyError) and cause.args else str(cause)
        text = text.rpartition(": ")[2] if " object at 0x" in text.partition(": ")[0] else text
        lines.append(f"{type(cause).__name__}: {' '.join(text.split())}"[:400])
    return tuple(dict.fromkeys(lines))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it comes from, without the wrapper that only says that no try is left."""
    seen: list[BaseException] = []
    queue: list[object] = [error]
    while queue and len(seen) < 10:  # noqa: PLR2004 - chains are short; a loop must end
        cause = queue.pop(0)
        if not isinstance(cause, BaseException) or cause in seen:
            continue
        seen.append(cause)
        if not isinstance(cause, MaxRetryError):
            yield cause
        queue += [getattr(cause, "reason", None), getattr(cause, "original_error", None), *cause.args, cause.__cause__]
