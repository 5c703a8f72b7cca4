"""Fetching from the places an index names: HTTP(S) with ranges, proxies and certificates, and local files.

urllib3 is used for one reason: connections are kept between the many small ranged reads, and proxies and TLS
behave as they do for pip, which uses it too.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from netrc import NetrcParseError, netrc
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass, url2pathname

import urllib3
from urllib3.exceptions import HTTPError

from doctor.errors import IndexUnavailableError
from doctor.index.settings import IndexSettings, is_local, redacted

OFFLINE = "with --offline only installed files, wheels seen before and --find-links directories are used"
RETRIES = 3
"""How often a request is repeated after a broken connection, a 429 or a 5xx, with growing pauses."""
CONNECTIONS = 8
"""How many connections to one host are kept."""
AGENT = "acdoctor (environment doctor; asks for single projects only)"

_NOT_FOUND = (404, 410)
_OK, _PARTIAL, _UNCHANGED, _BAD_RANGE = 200, 206, 304, 416


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a place answered: HTTP's ``status``, header names in lower case, ``url`` after redirects."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    url: str

    @property
    def found(self) -> bool:
        """There is something."""
        return self.status not in _NOT_FOUND


class Transport:
    """Reads resources and ranges of them; every failure is an ``IndexUnavailableError`` of one sentence."""

    def __init__(self, settings: IndexSettings) -> None:
        """Prepare connections by the settings; nothing is contacted yet."""
        self.settings = settings
        self._pools: dict[tuple[int, str, bool], urllib3.PoolManager] = {}

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """The whole resource; 404 and 410 and 304 are answers, anything else but 200 raises."""
        if is_local(url):
            return _local(url, None)
        answer = self._request(url, dict(headers or {}))
        if answer.status in (_OK, _UNCHANGED, *_NOT_FOUND):
            return answer
        raise IndexUnavailableError(_refused(url, answer.status))

    def get_range(self, url: str, start: int, end: int) -> Answer:
        """Bytes ``start`` to ``end`` (exclusive). Status 200 means that the place gave everything instead."""
        if is_local(url):
            return _local(url, (start, end))
        answer = self._request(url, {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"})
        if answer.status in (_OK, _PARTIAL):
            return answer
        raise IndexUnavailableError(_refused(url, answer.status))

    def _request(self, url: str, headers: dict[str, str]) -> Answer:
        """One request with retries; raises when there is no network or none is allowed."""
        if self.settings.offline:
            raise IndexUnavailableError(f"{_host(url)} is not asked: {OFFLINE}.")
        bare, credentials = self._credentials(url)
        if credentials:
            headers.update(urllib3.make_headers(basic_auth=credentials))
        try:
            response = self._pool(bare).request("GET", bare, headers=headers, redirect=True)
        except (HTTPError, OSError, ValueError) as error:
            advice = "check the network and the proxy, or work with --offline --find-links DIR"
            raise IndexUnavailableError(f"{_host(url)} cannot be reached ({_cause(error)}); {advice}.") from None
        lowered = {k.lower(): v for k, v in response.headers.items()}
        return Answer(status=response.status, body=response.data, headers=lowered, url=_final(bare, response))

    def _credentials(self, url: str) -> tuple[str, str]:
        """The URL without credentials, and ``user:password`` from it or from netrc ('' for none)."""
        parts = urlsplit(url)
        if "@" in parts.netloc:
            user, _, host = parts.netloc.rpartition("@")
            return urlunsplit(parts._replace(netloc=host)), unquote(user)
        for index in self.settings.indexes:
            known = urlsplit(index)
            if known.hostname == parts.hostname and "@" in known.netloc:
                return url, unquote(known.netloc.rpartition("@")[0])
        return url, _from_netrc(parts.hostname or "")

    def _pool(self, url: str) -> urllib3.PoolManager:
        """The connections for a URL: by proxy and by whether its host is trusted without certificate."""
        parts = urlsplit(url)
        proxy = self._proxy(parts.scheme, parts.netloc)
        trusted = bool({parts.hostname, parts.netloc} & set(self.settings.trusted_hosts))
        key = (os.getpid(), proxy, trusted)  # a copy of this process (``fork``) must not talk on our connections
        if key not in self._pools:
            self._pools[key] = self._open(proxy, trusted=trusted)
        return self._pools[key]

    def _open(self, proxy: str, *, trusted: bool) -> urllib3.PoolManager:
        """Connections through a proxy ('' for none), with the configured certificates."""
        limit = urllib3.Timeout(connect=min(self.settings.timeout, 15.0), read=self.settings.timeout)
        retries = urllib3.Retry(
            total=RETRIES,
            backoff_factor=0.5,
            status_forcelist=(429, 500, 502, 503, 504),
            raise_on_status=False,
        )
        context = _tls(self.settings, trusted=trusted)
        if not proxy:
            return urllib3.PoolManager(
                headers={"User-Agent": AGENT}, timeout=limit, retries=retries, ssl_context=context, maxsize=CONNECTIONS
            )
        bare, user = _split_user(proxy)
        return urllib3.ProxyManager(
            bare,
            headers={"User-Agent": AGENT},
            proxy_headers=urllib3.make_headers(proxy_basic_auth=user) if user else None,
            timeout=limit,
            retries=retries,
            ssl_context=context,
            maxsize=CONNECTIONS,
        )

    def _proxy(self, scheme: str, netloc: str) -> str:
        """The proxy for a host: pip's setting, else the usual variables with ``no_proxy`` honoured."""
        host = netloc.rpartition("@")[2]
        if proxy_bypass(host):
            return ""
        proxy = self.settings.proxy or getproxies().get(scheme, "") or getproxies().get("all", "")
        return proxy if not proxy or "//" in proxy else f"http://{proxy}"


def _final(url: str, response: urllib3.BaseHTTPResponse) -> str:
    """Where redirects led, to which the links of a page relate."""
    history = response.retries.history if response.retries else ()
    for step in history:
        if step.redirect_location:
            url = urljoin(url, step.redirect_location)
    return url


def local_path(url: str) -> Path:
    """The path of a ``file:`` URL or of a plain path."""
    return Path(url2pathname(urlsplit(url).path)) if url.startswith("file:") else Path(url).expanduser()


def _local(url: str, span: tuple[int, int] | None) -> Answer:
    """A local file as an answer; a directory answers with its ``index.html``, as for pip."""
    path = local_path(url)
    if path.is_dir():
        path = path / "index.html"
    try:
        with path.open("rb") as file:
            if span is None:
                return Answer(status=_OK, body=file.read(), headers={}, url=url)
            file.seek(span[0])
            return Answer(status=_PARTIAL, body=file.read(span[1] - span[0]), headers={}, url=url)
    except FileNotFoundError:
        return Answer(status=404, body=b"", headers={}, url=url)
    except OSError as error:
        raise IndexUnavailableError(f"{path} cannot be read: {error.strerror or error}.") from None


def _tls(settings: IndexSettings, *, trusted: bool) -> ssl.SSLContext:
    """Verification by the configured bundle, the usual variables, else the system's certificates."""
    bundle = settings.cert or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    try:
        context = ssl.create_default_context(
            cafile=bundle if bundle and Path(bundle).is_file() else None,
            capath=bundle if bundle and Path(bundle).is_dir() else None,
        )
        if settings.client_cert:
            context.load_cert_chain(settings.client_cert)
    except (OSError, ssl.SSLError) as error:
        raise IndexUnavailableError(f"the certificate {settings.client_cert or bundle} is unusable: {error}.") from None
    if trusted:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _from_netrc(host: str) -> str:
    """``user:password`` for the host from the user's netrc; '' when there is none that can be read."""
    try:
        found = netrc(os.environ.get("NETRC")).authenticators(host)
    except (OSError, NetrcParseError, RuntimeError):
        return ""
    return f"{found[0]}:{found[2]}" if found else ""


def _split_user(proxy: str) -> tuple[str, str]:
    """A proxy's address without credentials, and these."""
    parts = urlsplit(proxy)
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=host)), unquote(user)


def _host(url: str) -> str:
    """How a place is named in sentences."""
    return urlsplit(redacted(url)).netloc or redacted(url)


def _cause(error: BaseException) -> str:
    """The innermost reason in a few words; never the URL, which may hold a token."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return _cause(reason)
    if isinstance(error, ssl.SSLError):
        return "its certificate is not accepted"
    return type(error).__name__.removesuffix("Error")


def _refused(url: str, status: int) -> str:
    """The sentence for an HTTP status that is no answer."""
    if status in (401, 403):
        return f"{_host(url)} refuses access (HTTP {status}); check the credentials in pip's configuration."
    return f"{_host(url)} answered HTTP {status}; try again later, or work with --offline --find-links DIR."
