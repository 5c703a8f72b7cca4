"""Metadata of distributions that cannot be read or is not as the standards say (PEP 376, 566, 610, 627)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from doctor.checks.duplicates import duplicates
from doctor.checks.examination import Examination
from doctor.checks.words import named, title
from doctor.model import Distribution, Evidence, Finding, Fix, Problem, Safety, Severity

RULE = "metadata"

_SENTENCES = {
    "metadata-unreadable": (Severity.WARNING, "has metadata that cannot be read: its version and needs are not known"),
    "name-missing": (Severity.WARNING, "has metadata without a name: programs that list packages stumble over it"),
    "version-missing": (Severity.WARNING, "has metadata without a version: programs that ask for it get none"),
    "record-missing": (
        Severity.WARNING,
        "has no list of its files (RECORD): it can be neither upgraded nor removed cleanly",
    ),
    "requires-unreadable": (Severity.WARNING, "declares requirements that cannot be read"),
    "entry-points-unreadable": (Severity.WARNING, "declares entry points that cannot be read: plug-ins are not found"),
    "file-unreadable": (Severity.WARNING, "has metadata files that cannot be opened"),
    "direct-url-unreadable": (
        Severity.NOTE,
        "has a direct_url.json that cannot be read: where it came from is not known",
    ),
    "wheel-unreadable": (Severity.NOTE, "has a WHEEL file that cannot be read: for which platform it is, is not known"),
}


def check(examination: Examination) -> Iterator[Finding]:
    """One finding for each distribution with such a problem, the worst of them as its sentence."""
    twice = {d.metadata_path for group in duplicates(examination) for d in group}
    for distribution in examination.environment.distributions:
        problems = [p for p in distribution.problems if p.code in _SENTENCES]
        if problems:
            whole = distribution.metadata_path not in twice
            yield _finding(distribution, problems, own=examination.environment.kind == "venv", whole=whole)


def _finding(distribution: Distribution, problems: Sequence[Problem], *, own: bool, whole: bool) -> Finding:
    severity, sentence = min((_SENTENCES[p.code] for p in problems), key=lambda each: each[0].rank)
    # a system's packages are kept by the system's own installer, which needs no RECORD
    quiet = not own and all(p.code == "record-missing" for p in problems)
    again = Fix(reinstall=(distribution.pin,), safety=Safety.SAFE, because="writes its metadata again")
    return Finding(
        rule=RULE,
        severity=Severity.NOTE if quiet else severity,
        subjects=(distribution.pin if distribution.version else distribution.name,),
        message=f"{named(distribution)} {sentence}",
        evidence=Evidence.METADATA,
        details=tuple(f"{title(p.path)}: {p.detail or p.code.replace('-', ' ')}" for p in problems),
        fixes=(again,) if distribution.version and whole and not quiet else (),
    )
