"""What the rulebook knows about a break that the import contracts found by themselves: its cures and its words.

The contract is the finding, for it knows which entry is hit; a rule with ``contract`` adds what nobody can read from
source: the versions that were run and hold, and why it came about.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from packaging.utils import canonicalize_name

from doctor.checks.breakages import explanation, fixes_of
from doctor.checks.examination import Examination
from doctor.checks.fold import CONTRACT, names
from doctor.model import Finding
from doctor.rulebook.match import holds
from doctor.rulebook.requirements import requirement
from doctor.rulebook.rules import Archive, Breakage


def with_known_cures(findings: Iterable[Finding], examination: Examination) -> tuple[Finding, ...]:
    """The same findings; those of import contracts that a rule describes have its fixes first, and its words."""
    environment = examination.environment
    rules = [rule for rule in examination.rulebook.breakages if rule.contract and holds(rule, environment)]
    archives = examination.stack.archives if examination.stack is not None else ()
    known = (_known(finding, rules, examination) for finding in findings)
    return tuple(_from_archive(finding, archives) for finding in known)


def _known(finding: Finding, rules: Iterable[Breakage], examination: Examination) -> Finding:
    for rule in rules:
        if finding.rule == CONTRACT and _describes(rule, finding):
            fixes = fixes_of(rule, examination.environment, examination.stack)
            others = tuple(fix for fix in finding.fixes if fix.install not in {known.install for known in fixes})
            finding = replace(
                finding, fixes=(*fixes, *others), details=(*finding.details, *explanation(rule), f"Known as {rule.id}.")
            )
    return finding


def _from_archive(finding: Finding, archives: Iterable[Archive]) -> Finding:
    """What the stack takes from an archive is not asked of the index, which may have something else of that name."""
    for archive in archives:
        wanted = (str(canonicalize_name(archive.name)),)
        if not archive.instead and any(fix.install == wanted for fix in finding.fixes):
            fixes = tuple(fix for fix in finding.fixes if fix.install != wanted)
            return replace(finding, fixes=fixes, details=(*finding.details, f"the stack has it from {archive.url}"))
    return finding


def _describes(rule: Breakage, finding: Finding) -> bool:
    """The same distributions, and the same symbol or the same place."""
    if not {requirement(text).name for text in rule.together[:2]} <= set(names(finding)):
        return False
    place = finding.where.path if finding.where else ""
    return finding.symbol == rule.symbol or (bool(place) and rule.where.partition(":")[0] == place)
