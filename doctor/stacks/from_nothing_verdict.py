"""What importing the entries would do in an environment that nobody has made; kept by all that it depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from doctor.checks import breakages, import_contracts
from doctor.checks.examination import Examination
from doctor.checks.examine import Records
from doctor.checks.fold import fold
from doctor.checks.known_cures import with_known_cures
from doctor.imports.contracts import follow
from doctor.imports.entries import Offer, offers
from doctor.imports.followed import Followed, Question
from doctor.imports.followed import Verdict as Outcome
from doctor.index.index import Index
from doctor.model import Evidence, Finding, Fix, Interpreter, Safety, Severity
from doctor.probe.codec import build, compact
from doctor.rulebook.rules import Rulebook, Stack
from doctor.stacks.from_nothing import planned_environment
from doctor.stacks.from_nothing_tree import LocalTree
from doctor.stacks.resolution import Resolution
from doctor.stacks.resolution_metadata import MetadataReader

_KIND = "verdicts"
_DOCTOR = Path(__file__).parent.parent
_ENGINE = ("imports/*.py", "checks/*.py", "planned/*.py", "stacks/from_nothing*.py", "stacks/resolution_source.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is judged besides the resolution.

    ``entries`` are modules and ``script:NAME``; without any the stack's count, and without a stack what the
    distributions of ``requested`` offer. ``assumed`` counts as present, its names unknown.
    """

    interpreter: Interpreter
    stack: Stack | None = None
    entries: tuple[str, ...] = ()
    requested: tuple[str, ...] = ()
    trees: tuple[LocalTree, ...] = ()
    assumed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Errors that the entries meet, the entries that were followed, and how many modules that took.

    ``unknown`` are entries that could not be followed to their end.
    """

    findings: tuple[Finding, ...]
    followed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    modules: int = 0

    @property
    def works(self) -> bool:
        """Nothing that certainly fails."""
        return not self.findings


class Judge:
    """Judges resolutions, each once."""

    def __init__(self, index: Index, rulebook: Rulebook, subject: Subject, reader: MetadataReader) -> None:
        """Wheels are read by ``reader``; answers are kept in the index's cache."""
        self.index, self.rulebook, self.subject, self.reader = index, rulebook, subject, reader
        self.looked = 0

    def verdict(self, resolution: Resolution, entries: tuple[str, ...] = ()) -> Verdict:
        """What the entries (of the subject, or only these) meet.

        Raises:
            IndexUnavailableError: a wheel cannot be read.
        """
        known = self.kept(resolution, entries)
        if known is not None:
            return known
        self.looked += 1
        found = self.judged(self.examination(resolution, entries))
        self.keep(resolution, entries, found)
        return found

    def keep(self, resolution: Resolution, entries: tuple[str, ...], found: Verdict) -> None:
        """Keep a verdict for the next time."""
        self.index.cache.write(_KIND, self._key(resolution, entries), _encoded(found))

    def kept(self, resolution: Resolution, entries: tuple[str, ...] = ()) -> Verdict | None:
        """The verdict when it was given before."""
        kept = self.index.cache.read(_KIND, self._key(resolution, entries))
        return _decoded(kept[0]) if kept is not None else None

    def examination(self, resolution: Resolution, entries: tuple[str, ...] = ()) -> Examination:
        """What would be installed, and what is asked of it; raises ``IndexUnavailableError``."""
        subject = self.subject
        planned = planned_environment(resolution, subject.interpreter, self.reader, subject.trees, subject.assumed)
        environment = planned.environment.with_assumed(planned.assumed)
        return Examination(
            environment=environment,
            files=planned.files,
            rulebook=self.rulebook,
            stack=subject.stack,
            assumed=planned.assumed,
            entries=entries or subject.entries,
            records=Records(environment, planned.files),
        )

    def judged(self, examination: Examination, following: Callable[[Question], Followed] = follow) -> Verdict:
        """The verdict, where ``following`` follows the imports."""
        chosen = self._chosen(examination)
        followed = import_contracts.follow_offers(examination, chosen, calls=False, following=following)
        failing = import_contracts.findings_of(examination, followed, chosen) if followed.failures else ()
        found = [*breakages.check(examination), *failing]
        errors = [f for f in with_known_cures(fold(found), examination) if f.severity is Severity.ERROR]
        folded = {key for finding in errors for key in finding.explains}
        return Verdict(
            findings=tuple(sorted((f for f in errors if f.key not in folded), key=Finding.sort_key)),
            followed=tuple(_shown(offer) for offer in chosen),
            unknown=tuple(v.entry for v in followed.verdicts if _undecided(v, found)),
            modules=len(followed.modules),
        )

    def _chosen(self, examination: Examination) -> tuple[Offer, ...]:
        subject = self.subject
        if examination.entries or (subject.stack is not None and subject.stack.entries):
            return import_contracts.chosen_offers(examination)
        wanted = frozenset(subject.requested)
        found = offers(examination.environment, examination.records, examination.files)
        return tuple(o for o in found if o.primary and (not wanted or o.distribution in wanted))

    def _key(self, resolution: Resolution, entries: tuple[str, ...]) -> str:
        subject = self.subject
        parts = (
            engine_digest(),
            hashlib.sha256(repr((self.rulebook.natives, self.rulebook.breakages, subject.stack)).encode()).hexdigest(),
            subject.interpreter,
            entries or subject.entries,
            subject.requested if not entries else (),
            sorted(subject.assumed.items()),
            [_stamp(tree) for tree in subject.trees],
            resolution.key,
            resolution.left_out,
        )
        return repr(parts)


@lru_cache(maxsize=1)
def engine_digest() -> str:
    """What a verdict depends on in the doctor itself: the text of its own modules that judge."""
    digest = hashlib.sha256()
    for pattern in _ENGINE:
        for path in sorted(_DOCTOR.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _undecided(verdict: Outcome, found: Sequence[Finding]) -> bool:
    """It was not followed to its end, or it ended at a failure that is not believed and therefore not told."""
    if verdict.outcome != "fails":
        return verdict.outcome == "unknown"
    told = {finding.symbol for finding in found}
    return not any((f.root.module if f.root.kind == "raised" else f.root.symbol) in told for f in verdict.failures)


def _stamp(tree: LocalTree) -> tuple[object, ...]:
    """A checkout as it is now: its Python files by size and time."""
    files = sorted(Path(tree.path).rglob("*.py"))
    facts = ((str(path), (status := path.stat()).st_size, status.st_mtime_ns) for path in files)
    return tree.folder, tree.name, tree.version, hashlib.sha256(repr(list(facts)).encode()).hexdigest()


def _shown(offer: Offer) -> str:
    return f"script:{offer.script}" if offer.script else offer.module


def _encoded(verdict: Verdict) -> bytes:
    return json.dumps(compact(asdict(verdict))).encode()


def _decoded(body: bytes) -> Verdict | None:
    """A kept verdict; None for an entry that is damaged or of another form."""
    try:
        verdict: Verdict = build(Verdict, json.loads(body), "verdict")
        return replace(verdict, findings=tuple(_finding(finding) for finding in verdict.findings))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _finding(finding: Finding) -> Finding:
    """The words of enumerations are texts in JSON."""
    fixes: list[Any] = [replace(fix, safety=Safety(fix.safety)) for fix in finding.fixes if isinstance(fix, Fix)]
    return replace(
        finding, severity=Severity(finding.severity), evidence=Evidence(finding.evidence), fixes=tuple(fixes)
    )
