"""Import contracts: what the environment's entries would fail with when imported, told without importing them.

Entries are what ``--entry`` names, else the stack's, else what the distributions offer. A failure is an ``error``
where an entry certainly reaches it. Beyond the entries, public submodules of the distributions that nobody requires
are followed too; there only a strong signal counts: a declared, installed dependency that lacks a module or name.
"""

from __future__ import annotations

import fnmatch
import functools
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from packaging.utils import canonicalize_name

from doctor.checks.call_contracts import call_findings
from doctor.checks.consistency import doubtful, is_published
from doctor.checks.contract_words import Blame, blame, describe
from doctor.checks.examination import Examination
from doctor.errors import UsageError
from doctor.imports.contracts import follow
from doctor.imports.entries import Offer, latent_offers, offers
from doctor.imports.failures import Failure
from doctor.imports.finder import Finder
from doctor.imports.followed import Followed, Question, assumed_roots
from doctor.imports.owners import Owners
from doctor.imports.store import open_database
from doctor.imports.surroundings import surroundings_of
from doctor.model import Depth, FileView, Finding, Severity
from doctor.rulebook.rules import Stack

_MOST_ENTRIES = 5


def check(examination: Examination) -> Iterator[Finding]:
    """Errors (and warnings) of what the entries reach."""
    if examination.depth is Depth.METADATA:
        return
    chosen = chosen_offers(examination)
    followed = follow_offers(examination, chosen)
    yield from findings_of(examination, followed, chosen)


def chosen_offers(examination: Examination) -> tuple[Offer, ...]:
    """Where to start."""
    if examination.entries:
        return tuple(_asked(n, examination) for n in examination.entries)
    if examination.stack is not None and (found := _of_stack(examination.stack, examination)):
        return found
    base = offers(examination.environment, examination.records, examination.files)
    return (*base, *latent_offers(examination.environment, examination.records, [o.module for o in base]))


def _of_stack(stack: Stack, examination: Examination) -> tuple[Offer, ...]:
    """The stack's entries that are installed; which are not, the check of the pins says."""
    finder = Finder(examination.environment, examination.files, assumed_roots(examination.assumed))
    found = [_script(n[7:], examination) if n.startswith("script:") else _module(n) for n in stack.entries]
    return tuple(o for o in found if o is not None and finder.finds(o.module))


def _asked(name: str, examination: Examination) -> Offer:
    """An entry that the user names: a console script, a file, or a module; a script's name alone will do.

    A module comes before a script of the same name: ``python -c "import x"`` and ``x`` mostly fail alike.
    """
    if name.endswith((".py", ".ipynb")):
        path = posixpath.abspath(name)
        if examination.files.facts(path) is None:
            raise UsageError(f"{name}: there is no such file to follow.")
        return Offer(module=path, distribution="", primary=True, kind="program")
    if name.startswith("script:"):
        script = _script(name.removeprefix("script:"), examination)
        if script is None:
            raise UsageError(f"{name}: no installed distribution brings such a console script.")
        return script
    finder = Finder(examination.environment, examination.files, assumed_roots(examination.assumed))
    return _module(name) if finder.finds(name) else _script(name, examination) or _module(name)


def _module(name: str) -> Offer:
    return Offer(module=name, distribution="", primary=True)


def _script(name: str, examination: Examination) -> Offer | None:
    for distribution in examination.environment.distributions:
        for point in distribution.entry_points:
            if point.name == name and point.group in {"console_scripts", "gui_scripts"}:
                return Offer(
                    module=point.module, distribution=distribution.name, primary=True, kind="module", script=name
                )
    return None


def follow_in_vain(examination: Examination, chosen: tuple[Offer, ...]) -> Followed:
    """Follow the offers; the one that may make all others needless comes first, and they are left out if it does."""
    stop = examination.stop
    if stop is None or all(o.module != stop.first for o in chosen):
        return follow_offers(examination, chosen)

    def enough(first: Followed) -> bool:
        stop.unknown = any(verdict.outcome == "unknown" for verdict in first.verdicts)
        stop.stopped = stop.hopeless(list(findings_of(examination, first, chosen)))
        return stop.stopped

    ordered = sorted(chosen, key=lambda o: o.module != stop.first)
    return follow_offers(examination, ordered, enough=enough)


def follow_offers(
    examination: Examination,
    chosen: Sequence[Offer],
    *,
    calls: bool = True,
    enough: Callable[[Followed], bool] | None = None,
    following: Callable[[Question], Followed] = follow,
) -> Followed:
    """Follow the offers' modules in the order given; with ``calls`` also look at what fails only when it is called.

    ``enough`` as in ``Question``.
    """
    environment = examination.environment
    database = open_database()
    try:
        return following(
            Question(
                environment=environment,
                files=examination.files,
                entries=tuple(o.module for o in chosen),
                assumed=examination.assumed,
                surroundings=surroundings_of(environment, examination.files, examination.rulebook.natives),
                database=database,
                recall=not examination.fresh,
                enough=enough,
                owner=_namer(Owners(environment, examination.records)) if calls else None,
            )
        )
    finally:
        if database is not None:
            database.close()


def _namer(owners: Owners) -> Callable[[str], str]:
    def name(path: str) -> str:
        distribution = owners.of_file(path)
        return distribution.name if distribution is not None else ""

    return functools.cache(name)


def findings_of(examination: Examination, followed: Followed, chosen: tuple[Offer, ...]) -> Iterator[Finding]:
    """One finding for each failure; those that one cure will end are folded under the first."""
    owners = Owners(examination.environment, examination.records)
    by_module = {o.module: o for o in chosen}
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for failure in followed.failures:
        met = tuple(by_module[e] for e in failure.entries if e in by_module)
        blamed = blame(failure, owners, examination.environment)
        if failure.root.kind == "syntax" and blamed.importer is not None:
            recorded = examination.records.get(blamed.importer.metadata_path, ())
            blamed = replace(blamed, intact=is_published(failure.root.path, recorded, examination.files))
        severity = _severity(blamed, met, examination.files)
        if doubtful(blamed, examination.records, examination.files):
            continue
        if severity is None or (examination.stack is not None and _accepted(failure, examination.stack)):
            continue
        finding = replace(
            describe(failure, blamed, met, severity), entries=tuple(o.module for o in met[:_MOST_ENTRIES])
        )
        groups.setdefault(_root_of(blamed, finding), []).append(finding)
    for group in groups.values():
        group.sort(key=lambda f: (f.severity.rank, not any("==" in r for fix in f.fixes for r in fix.install)))
        yield replace(group[0], explains=tuple(f.key for f in group[1:]))
        yield from group[1:]
    for called in call_findings(followed, owners, examination.environment):
        if examination.stack is None or not _accepted_call(called, examination.stack):
            yield called


def _root_of(blamed: Blame, finding: Finding) -> tuple[str, ...]:
    """What failures have in common when one cure will do: the module that lacks things, else the two distributions."""
    if blamed.provider is not None and blamed.unmet:
        return (blamed.importer.name if blamed.importer else "", blamed.provider.name)
    if blamed.provider is not None and not blamed.internal and blamed.failure.root.kind in {"name", "attribute"}:
        return (blamed.provider.name, blamed.failure.root.provider)
    if blamed.provider is None and blamed.failure.root.kind in {"module", "metadata"} and not blamed.standard:
        return ("", blamed.provider_name)  # one thing is missing, however many ask for it
    return tuple(s.partition("==")[0] for s in finding.subjects)


def _severity(blamed: Blame, met: tuple[Offer, ...], files: FileView) -> Severity | None:
    """How certain it is that this failure is one that users meet; None: not worth a word."""
    if blamed.failure.kind == "exit":
        return None
    # a command that was published without the module it starts is nobody's business
    empty = blamed.importer is None and blamed.provider is not None and all(o.kind == "script" for o in met)
    strong = not empty and bool(blamed.provider_installed or blamed.declared or blamed.internal or blamed.standard)
    if any(o.primary and o.kind in {"module", "program"} and (o.wanted or strong) for o in met):
        return Severity.ERROR
    if any(o.kind in {"module", "script"} for o in met):
        return Severity.ERROR if strong or _ends_a_program(blamed, met) else Severity.NOTE
    if blamed.internal:
        return Severity.ERROR  # its files are not as published (``doubtful`` lets nothing else pass)
    if not blamed.declared or blamed.failure.root.kind not in {"module", "name", "attribute", "argument", "raised"}:
        return None
    own = {o.distribution for o in met}
    met_by_own = blamed.importer is not None and blamed.importer.name in own
    return Severity.NOTE if _is_farewell(blamed, files) else Severity.ERROR if met_by_own else Severity.WARNING


def _ends_a_program(blamed: Blame, met: tuple[Offer, ...]) -> bool:
    """A command of its distribution's name, asked for by somebody, cannot start, and no extra brings what it lacks."""
    named = any(o.kind == "script" and o.wanted and canonicalize_name(o.script) == o.distribution for o in met)
    importer = blamed.importer
    if not named or importer is None or blamed.failure.root.kind != "module":
        return False
    mentioned = {canonicalize_name(re.split(r"[^\w.-]", text.strip(), maxsplit=1)[0]) for text in importer.requires}
    return blamed.provider_name not in mentioned


_FAREWELL = re.compile(rb"deprecat|(?:has |was |been )moved|moved to|obsolete|renamed to", re.IGNORECASE)


def _is_farewell(blamed: Blame, files: FileView) -> bool:
    """The failing module is kept for old programs only, and says so at its beginning."""
    try:
        return _FAREWELL.search(files.read(blamed.failure.root.path, 1500)) is not None
    except OSError:
        return False


def _accepted(failure: Failure, stack: Stack) -> bool:
    return _accepts(stack, failure.root.module, failure.root.symbol)


def _accepted_call(called: Finding, stack: Stack) -> bool:
    return bool(called.chain) and _accepts(stack, called.chain[-1], called.symbol or "")


def _accepts(stack: Stack, module: str, symbol: str) -> bool:
    """The stack's rule calls this failure the vendor's own."""
    return any(
        fnmatch.fnmatchcase(module, a.module) and (not a.symbol or fnmatch.fnmatchcase(symbol, a.symbol))
        for a in stack.accepts
    )
