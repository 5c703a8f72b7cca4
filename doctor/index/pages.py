"""Index pages into files: the JSON form (PEP 691/700), the HTML form (PEP 503), single links; no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from doctor.index.releases import ReleaseFile, file_identity, parse_time

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
"""What we ask an index for: JSON first, since only that tells sizes and upload times (PEP 691, 700)."""


def parse_page(body: bytes, base: str, name: str) -> list[ReleaseFile]:
    """The files of one project page, JSON or HTML; raises ``ValueError`` when it is neither.

    ``base`` is the page's own address, to which relative links relate; files of other projects are left out.
    """
    text = body.decode("utf-8", errors="replace").lstrip("\ufeff \r\n\t")
    files = _from_json(text, base) if text.startswith("{") else _from_html(text, base)
    return [file for file, owner in files if owner == name]


def link_file(name: str, link: str, size: int | None = None) -> ReleaseFile | None:
    """A file that is only known by its place; None when it is no distribution of that name."""
    file = _file(urlsplit(link).path.rpartition("/")[2], link, {"size": size})
    return file[0] if file and file[1] == name else None


def _from_json(text: str, base: str) -> Iterable[tuple[ReleaseFile, str]]:
    """Files of the JSON form; entries that make no sense are passed over, as installers do."""
    page = json.loads(text)
    entries = page.get("files") if isinstance(page, dict) else None
    if not isinstance(entries, list):
        raise ValueError("no list of files")  # noqa: TRY004 - the page is wrong, not a type in our code
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("filename"), str) and isinstance(entry.get("url"), str):
            link = entry["url"]
            url = link if link.startswith(("https://", "http://")) else urljoin(base, link)  # a join is dear
            file = _file(entry["filename"], url, entry)
            if file:
                yield file


def _from_html(text: str, base: str) -> Iterable[tuple[ReleaseFile, str]]:
    """Files of the HTML form: anchors with PEP 503, 592 and 658 attributes."""
    if "<" not in text:
        raise ValueError("neither JSON nor HTML")
    anchors = _Anchors(base)
    anchors.feed(text)
    for href, attributes in anchors.found:
        url, fragment = urldefrag(href)
        algorithm, _, digest = fragment.partition("=")
        facts: dict[str, Any] = {
            "hashes": {algorithm: digest} if algorithm in ("sha256", "sha384", "sha512") else {},
            "requires-python": attributes.get("data-requires-python"),
            "yanked": "data-yanked" in attributes,
            "core-metadata": "data-core-metadata" in attributes or "data-dist-info-metadata" in attributes,
        }
        file = _file(unquote(urlsplit(url).path.rpartition("/")[2]), url, facts)
        if file:
            yield file


def _file(filename: str, url: str, facts: Mapping[str, Any]) -> tuple[ReleaseFile, str] | None:
    """One file and its project; None when the name is not that of a wheel or sdist."""
    identity = file_identity(unquote(filename))
    if identity is None:
        return None
    name, version, tags = identity
    size, hashes, requires = facts.get("size"), facts.get("hashes"), facts.get("requires-python")
    metadata = facts.get("core-metadata") or facts.get("data-dist-info-metadata") or facts.get("dist-info-metadata")
    upload = facts.get("upload-time")
    file = ReleaseFile(
        filename=unquote(filename),
        version=version,
        url=url,
        size=size if isinstance(size, int) else None,
        upload_time=parse_time(upload if isinstance(upload, str) else None),
        yanked=facts.get("yanked", False) is not False,
        requires_python=requires if isinstance(requires, str) else None,
        hashes={str(k): str(v) for k, v in hashes.items()} if isinstance(hashes, dict) else {},
        has_metadata=bool(metadata),
        tags=tags,
    )
    return file, name


class _Anchors(HTMLParser):
    """Collects the links of a page, with ``<base>`` honoured."""

    def __init__(self, base: str) -> None:
        super().__init__(convert_charrefs=True)
        self.base = base
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        href = attributes.get("href")
        if tag == "base" and href:
            self.base = urljoin(self.base, href)
        elif tag == "a" and href:
            self.found.append((urljoin(self.base, href), attributes))
