"""Requirements that name a URL (PEP 440 direct references), compared with where the installed one came from."""

from __future__ import annotations

import re

from doctor.checks.needs import Need
from doctor.checks.words import named
from doctor.model import DirectUrl, Distribution, Evidence, Finding, Severity
from doctor.probe.origin import without_credentials

_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def other_origin(need: Need, present: Distribution) -> Finding | None:
    """A note when the requirer names a URL and the installed one is from elsewhere (PEP 610); it may be the same."""
    url = need.requirement.url
    if not url or comes_from(present.direct_url, url):
        return None
    came = present.direct_url.url if present.direct_url else "the package index"
    return Finding(
        rule="requirement-origin",
        severity=Severity.NOTE,
        subjects=(need.requirer.pin, present.pin),
        message=f"{named(need.requirer)} asks for {present.name} from a URL, and it is installed from elsewhere",
        evidence=Evidence.METADATA,
        details=(f"asked for: {without_credentials(url)}", f"installed from: {came}"),
    )


def comes_from(origin: DirectUrl | None, url: str) -> bool:
    """Whether the recorded origin is that URL; a branch or tag cannot be compared with a commit and is believed."""
    if origin is None:
        return False
    wanted, revision = _parts(url)
    if _parts(origin.url)[0] != wanted:
        return False
    return not (origin.commit and _COMMIT.fullmatch(revision)) or origin.commit.startswith(revision)


def _parts(url: str) -> tuple[str, str]:
    """(URL without ``git+``, credentials, fragment and ``.git``; revision after ``@``)."""
    scheme, _, rest = url.partition("#")[0].partition("://")
    text = without_credentials(f"{scheme.rpartition('+')[2]}://{rest}")
    head, at, revision = text.rpartition("@")
    if not at or "/" not in head.partition("://")[2]:
        head, revision = text, ""
    return head.rstrip("/").removesuffix(".git").lower(), revision
