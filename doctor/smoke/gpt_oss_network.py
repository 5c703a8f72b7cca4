"""The way to a service, step by step: proxy, name, connection, certificate, each with its own time.

What only says "Connection error." in a client is taken apart here; no request is sent.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from doctor.smoke.service_network import BUNDLES, Route, RouteError, complaint_lines, route_to, trust
from doctor.smoke.services import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How far the way was open. ``lines``: why it ended (empty when it did not); ``times``: seconds by step."""

    route: Route
    lines: tuple[str, ...] = ()
    step: str = ""
    times: dict[str, float] = field(default_factory=dict)
    address: str = ""
    protocol: str = ""


def walk(url: str, timeout: float) -> Way:
    """Resolve, connect and shake hands with the host of an address, or with the proxy before it; never raises."""
    route = route_to(url)
    target = urlsplit(route.proxy or url)
    port = target.port or {"https": 443, "socks5": 1080, "socks5h": 1080, "socks4": 1080}.get(target.scheme, 80)
    host = target.hostname or ""
    times: dict[str, float] = {}
    step = "certificates"
    try:
        context = trust(route)
        step = "proxy" if route.proxy else "name"
        begin = time.perf_counter()
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        times["name"] = time.perf_counter() - begin
        step = "proxy" if route.proxy else "connection"
        begin = time.perf_counter()
        with socket.create_connection((host, port), timeout=timeout) as connection:
            times["connection"] = time.perf_counter() - begin
            step, protocol = "tls", ""
            if target.scheme == "https":
                begin = time.perf_counter()
                with context.wrap_socket(connection, server_hostname=host) as secured:
                    times["tls"], protocol = time.perf_counter() - begin, secured.version() or ""
    except RouteError as error:
        return Way(route=route, lines=(error.line,), step=step, times=times)
    except (OSError, ssl.SSLError, UnicodeError) as error:
        lines = complaint_lines(error)
        if isinstance(error, TimeoutError):
            lines = (f"ConnectTimeout: no connection within {timeout:g} s", *lines)
        if route.proxy:
            lines = (f"ProxyError: Cannot connect to proxy {host}:{port}", *lines)
        return Way(route=route, lines=lines, step=step, times=times)
    return Way(route=route, step="", times=times, address=str(addresses[0][4][0]), protocol=protocol)


def traps(service: Service) -> tuple[tuple[str, str], ...]:
    """What lets other clients die although the way is open: (what, what to do)."""
    found = []
    if service.slash:
        what = "the address ends in a slash: openai clients remove it, curl and others get 404"
        found.append((what, f"write {service.base}"))
    for name in BUNDLES:
        path = os.environ.get(name)
        if path and not os.path.exists(path):  # noqa: PTH110 - any text may stand there
            found.append((f"{name} names {path}, which is not there: clients of Python die of it", f"unset {name}"))
    socks = next((n for n in ("ALL_PROXY", "all_proxy") if os.environ.get(n, "").startswith("socks")), "")
    if socks:
        found.append(
            (
                f"{socks} is a SOCKS proxy: httpx-based clients die when they are made unless socksio is installed",
                f"unset {socks}   or   python -m pip install 'httpx[socks]'",
            )
        )
    plain = os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY")
    if plain and plain.startswith("https://"):
        found.append(
            ("https_proxy begins with https://, which few proxies speak", "it is nearly always http://HOST:PORT")
        )
    return tuple(found)
