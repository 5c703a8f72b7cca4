"""direct_url.json (PEP 610): where a distribution came from, without anybody's password."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from doctor.model import DirectUrl


def parse_direct_url(data: bytes) -> DirectUrl:
    """The origin; raises ``ValueError`` for what is no direct_url.json."""
    try:
        document = json.loads(data)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    if not isinstance(document, dict) or not isinstance(document.get("url"), str):
        raise ValueError("has no url")  # noqa: TRY004 - one exception for all that the file can get wrong
    version_control = _table(document, "vcs_info")
    return DirectUrl(
        url=without_credentials(document["url"]),
        editable=_table(document, "dir_info").get("editable") is True,
        vcs=_word(version_control, "vcs"),
        commit=_word(version_control, "commit_id"),
    )


def without_credentials(url: str) -> str:
    """The URL without user, password and query (where tokens travel); ``git@`` alone is no secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.rpartition("@")[2].partition("?")[0]
    user, at, host = parts.netloc.rpartition("@")
    keep = "git@" if at and user == "git" else ""
    return urlunsplit((parts.scheme, keep + host, parts.path, "", parts.fragment))


def _table(document: dict[str, Any], key: str) -> dict[str, Any]:
    """A sub-table, empty when it is missing or something else."""
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _word(table: dict[str, Any], key: str) -> str:
    """A text value, '' when it is missing or something else."""
    value = table.get(key)
    return value if isinstance(value, str) else ""
