"""Calls that cannot work: importing is fine, and the first use fails. Warnings, for a call may never come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from doctor.checks.contract_words import Blame, blame, describe
from doctor.checks.needs import find_needs
from doctor.imports.failures import Failure
from doctor.imports.followed import Followed
from doctor.imports.owners import Owners
from doctor.model import Environment, Finding, Severity

_MOST_OF_A_PAIR = 5


def call_findings(followed: Followed, owners: Owners, environment: Environment) -> Iterator[Finding]:
    """One finding for each pair of distributions, with further places of the same pair folded under it.

    A pair whose import already fails says nothing new; a provider that the importer does not ask for, nor anything
    that it asks for, is a note.
    """
    failing = {_pair(blame(f, owners, environment)) for f in followed.failures}
    pairs: dict[tuple[str, str], list[Blame]] = {}
    brought = _brought(environment) if followed.calls else {}
    for failure in followed.calls:
        blamed = blame(failure, owners, environment)
        if _pair(blamed) not in failing and blamed.importer is not None and blamed.provider is not None:
            pairs.setdefault(_pair(blamed), []).append(blamed)
    for group in pairs.values():
        importer, provider = _pair(group[0])
        wanted = bool(group[0].declared) or provider in _all_below(importer, brought)
        found = [_finding(b.failure, b, wanted=wanted) for b in group[:_MOST_OF_A_PAIR]]
        more = len(group) - len(found)
        details = (*found[0].details, f"and {more} more places like this") if more else found[0].details
        yield replace(found[0], details=details, explains=tuple(f.key for f in found[1:]))
        yield from found[1:]


def _pair(blamed: Blame) -> tuple[str, str]:
    return (blamed.importer.name if blamed.importer else blamed.path, blamed.provider_name)


def _brought(environment: Environment) -> dict[str, set[str]]:
    """What each distribution requires, by names."""
    brought: dict[str, set[str]] = {}
    for need in find_needs(environment).found:
        brought.setdefault(need.requirer.name, set()).add(need.name)
    return brought


def _all_below(name: str, brought: Mapping[str, set[str]]) -> set[str]:
    """What comes with a distribution: what it requires, and what that requires."""
    found, todo = {name}, [name]
    while todo:
        new = brought.get(todo.pop(), set()) - found
        found |= new
        todo.extend(new)
    return found


def _finding(failure: Failure, blamed: Blame, *, wanted: bool) -> Finding:
    finding = describe(failure, blamed, (), Severity.WARNING if wanted and not failure.weak else Severity.NOTE)
    when = "importing works; it fails when the code at that line is called"
    return replace(finding, message=f"{finding.message} (when it is called)", details=(when, *finding.details))
