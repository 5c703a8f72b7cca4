"""Import contracts: what the environment's entries would fail with when imported, told without importing them.

Entries are what ``--entry`` names, else the stack's, else what the distributions offer. A failure is an ``error``
where an entry certainly reaches it. Beyond the entries, public submodules of the distributions that nobody requires
are followed too; there only a strong signal counts: a declared, installed dependency that lacks a module or name.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass, replace

from doctor.checks.contract_words import Blame, blame, describe
from doctor.checks.examination import Examination
from doctor.imports.contracts import Followed, Question, follow
from doctor.imports.entries import Offer, latent_offers, offers
from doctor.imports.machine import Failure
from doctor.imports.owners import Owners
from doctor.imports.store import open_database
from doctor.imports.surroundings import surroundings_of
from doctor.model import Depth, Finding, Severity
from doctor.rulebook.rules import Stack


@dataclass(frozen=True, kw_only=True)
class _Reached:
    """A failure with the offers whose import meets it."""

    failure: Failure
    offers: tuple[Offer, ...]


def check(examination: Examination) -> Iterator[Finding]:
    """Errors (and warnings) of what the entries reach."""
    if examination.depth is Depth.METADATA:
        return
    chosen = chosen_offers(examination)
    followed = follow_offers(examination, chosen)
    yield from findings_of(examination, followed, chosen)


def chosen_offers(examination: Examination) -> tuple[Offer, ...]:
    """Where to start."""
    stack = examination.stack
    named = examination.entries or (stack.entries if stack is not None else ())
    if named:
        return tuple(_named_offer(n, examination) for n in named)
    base = offers(examination.environment, examination.records, examination.files)
    return (*base, *latent_offers(examination.environment, examination.records, [o.module for o in base]))


def _named_offer(name: str, examination: Examination) -> Offer:
    if name.startswith("script:"):
        for distribution in examination.environment.distributions:
            for point in distribution.entry_points:
                if point.name == name[7:] and point.group in {"console_scripts", "gui_scripts"}:
                    return Offer(module=point.module, distribution=distribution.name, primary=True, kind="script", script=point.name)
    return Offer(module=name, distribution="", primary=True)


def follow_offers(examination: Examination, chosen: tuple[Offer, ...]) -> Followed:
    """Follow the offers' modules in the order given."""
    environment = examination.environment
    database = open_database()
    try:
        return follow(
            Question(
                environment=environment,
                files=examination.files,
                entries=tuple(o.module for o in chosen),
                assumed=examination.assumed,
                surroundings=surroundings_of(environment, examination.files, examination.rulebook.natives),
                database=database,
            )
        )
    finally:
        if database is not None:
            database.close()


def findings_of(examination: Examination, followed: Followed, chosen: tuple[Offer, ...]) -> Iterator[Finding]:
    """One finding for each failure; those with the same pair of distributions are folded under the first."""
    owners = Owners(examination.environment, examination.records)
    by_module = {o.module: o for o in chosen}
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for failure in followed.failures:
        met = tuple(by_module[e] for e in failure.entries if e in by_module)
        blamed = blame(failure, owners, examination.environment)
        severity = _severity(blamed, met)
        if severity is None or (examination.stack is not None and _accepted(failure, examination.stack)):
            continue
        finding = describe(failure, blamed, met, severity)
        groups.setdefault(tuple(s.partition("==")[0] for s in finding.subjects), []).append(finding)
    for group in groups.values():
        group.sort(key=lambda f: f.severity.rank)
        yield replace(group[0], explains=tuple(f.key for f in group[1:]))
        yield from group[1:]


def _severity(blamed: Blame, met: tuple[Offer, ...]) -> Severity | None:
    """How certain it is that this failure is one that users meet; None: not worth a word."""
    if blamed.failure.kind == "exit":
        return None
    strong = blamed.provider_installed or blamed.declared or blamed.internal
    if any(o.primary and o.kind == "module" for o in met):
        return Severity.ERROR
    if any(o.kind in {"module", "script"} for o in met):
        return Severity.ERROR if strong else Severity.NOTE
    if blamed.declared and blamed.failure.root.kind in {"module", "name", "attribute", "argument", "raised"}:
        return Severity.ERROR
    return None


def _accepted(failure: Failure, stack: Stack) -> bool:
    root = failure.root
    return any(
        fnmatch.fnmatchcase(root.module, a.module) and (not a.symbol or fnmatch.fnmatchcase(root.symbol, a.symbol))
        for a in stack.accepts
    )
