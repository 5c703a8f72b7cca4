"""What interrupted installers left behind."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from doctor.checks.examination import Examination
from doctor.checks.words import ENVIRONMENT, count, some, title
from doctor.model import Evidence, Finding, Fix, Leftover, Safety, Severity

RULE = "leftover"


def check(examination: Examination) -> Iterator[Finding]:
    """One finding for each kind of leftover of one distribution."""
    environment = examination.environment
    ordered = sorted(environment.leftovers, key=lambda left: (left.kind, left.of, left.path))
    for (kind, of), group in groupby(ordered, key=lambda left: (left.kind, left.of)):
        left = list(group)
        installed = environment.distribution(of.lower().replace("_", "-")) if of else None
        severity, message, detail = _words(kind, of, left)
        yield Finding(
            rule=RULE,
            severity=severity,
            subjects=(installed.pin if installed else ENVIRONMENT,),
            message=message,
            evidence=Evidence.FILE,
            details=(some([title(each.path) for each in left], 5), detail),
            symbol=of.lower().replace("_", "-") or None,
            fixes=(Fix(remove=tuple(each.path for each in left), safety=Safety.SAFE, because="nothing uses it"),),
        )


def _words(kind: str, of: str, left: list[Leftover]) -> tuple[Severity, str, str]:
    """Severity, sentence and what it means."""
    whose = f" of {of}" if of else ""
    number = count(len(left), "directory", "directories")
    if kind == "interrupted-uninstall":
        return (
            Severity.WARNING,
            f"an interrupted upgrade left {number}{whose} behind",
            "pip warns about it at every command.",
        )
    if kind == "metadata-missing":
        return (
            Severity.WARNING,
            f"{number} of metadata{whose} without METADATA is left over",
            "Programs that list packages may stumble over it; the package itself may be incomplete.",
        )
    if kind == "cache-only":
        return (
            Severity.NOTE,
            f"{number} with nothing but byte code is left{whose}",
            "It can still be imported, as an empty package, and so hides that the real one is gone.",
        )
    return Severity.NOTE, f"{number}{whose} are left over", kind
