"""Which versions of a distribution have what an import contract lacks: asked of the index, for those who want it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from doctor.checks.examine import command_for
from doctor.model import Environment, Finding, Fix, Report, Safety, Severity
from doctor.triage.lookup import Lookup, Offer
from doctor.triage.missing import Missing, read_missing

_RULE = "import-contract"
_KINDS = ("module", "name", "attribute")


def with_versions(report: Report, lookup: Lookup) -> tuple[Report, str]:
    """The report with, for each contract, the versions that have what is missing; one sentence if nobody could say.

    Only installed providers are asked about, errors before warnings; where the index does not tell (compiled code, no
    wheel, no time left) a finding stays as it is.
    """
    environment = report.environment
    asked = {finding.key: question for finding in report.findings if (question := _question(finding, environment))}
    if not asked or environment is None:
        return report, ""
    answers: dict[str, Offer] = {}
    for key, (provider, version, missing) in asked.items():  # findings are sorted: errors come first
        offer = lookup.offer(provider, missing, version, environment.python_version)
        if offer is not None:
            answers[key] = offer
    if not answers and not any(lookup.known(provider) for provider, _version, _missing in asked.values()):
        return report, "The package index cannot be asked, so it is not told which versions would do."
    findings = list(report.findings)
    for at, finding in enumerate(findings):
        if finding.key in answers:
            findings[at] = _told(finding, answers[finding.key], asked[finding.key][2], environment)
    return replace(report, findings=tuple(findings)), ""


def _question(finding: Finding, environment: Environment | None) -> tuple[str, str, Missing] | None:
    """(provider, its version, what it lacks) of a contract that another version might keep."""
    if environment is None or finding.rule != _RULE or finding.severity is Severity.NOTE or len(finding.subjects) < 2:  # noqa: PLR2004
        return None
    name, _, version = finding.subjects[1].partition("==")
    if not version or environment.distribution(name) is None:
        return None
    for message in _messages(finding):
        missing = read_missing(message)
        if missing is not None and missing.kind in _KINDS and missing.module:
            return name, version, missing
    return None


def _messages(finding: Finding) -> Iterator[str]:
    """What Python says, out of ``ImportError: cannot import name ...``."""
    for detail in finding.details:
        found = re.match(r"[A-Za-z][\w.]*(?:Error|Exception): (.+)", detail, re.DOTALL)
        if found:
            yield found[1]


def _told(finding: Finding, offer: Offer, missing: Missing, environment: Environment) -> Finding:
    """The finding with the sentence, and the nearest versions as ways to cure it that nobody has proven."""
    ends = (("first in", offer.above), ("last in", offer.below))
    said = [f"{which} {version}" for which, version in ends if version]
    sentence = f"{offer.provider} has {missing.dotted} {', before that '.join(said)}"
    known = {pin for fix in finding.fixes for pin in fix.install}
    fixes = [
        Fix(install=(pin,), safety=Safety.UNSAFE, because=f"the {which} release that has it")
        for pin, which in ((f"{offer.provider}=={offer.above}", "first"), (f"{offer.provider}=={offer.below}", "last"))
        if not pin.endswith("==") and pin not in known
    ]
    fixes = [replace(fix, command=command_for(fix, environment)) for fix in fixes]
    return replace(finding, details=(sentence, *finding.details), fixes=(*finding.fixes, *fixes))
