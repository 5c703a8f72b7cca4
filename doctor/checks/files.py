"""RECORD (PEP 376/627) against the disk: files that are gone, emptied or changed since the installation.

Missing or emptied files that a program needs are an ``error``, and so is a module that was cut off or overwritten
so that it is no Python any more; a file that was only changed is a ``warning`` (somebody may have edited it on
purpose; whether it still works is for the import contracts to say); tests, documentation, headers and stubs that
somebody removed are a ``note``. One finding for each distribution says how many, with examples.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from posixpath import basename

from doctor.checks.broken_source import broken_modules
from doctor.checks.duplicates import stale_metadata
from doctor.checks.examination import Examination
from doctor.checks.importance import Part, part_of
from doctor.checks.words import count, named, some
from doctor.model import (
    Depth,
    Distribution,
    Environment,
    Evidence,
    FileView,
    Finding,
    Fix,
    Location,
    RecordedFile,
    Safety,
    Severity,
)

RULE = "files"
_EXAMPLES = 5
_HASHES = frozenset({"sha256", "sha384", "sha512"})


@dataclass(slots=True)
class _Damage:
    """What is not as recorded, by path relative to the site directory."""

    missing: list[str] = field(default_factory=list)
    emptied: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    spare: list[str] = field(default_factory=list)


def check(examination: Examination) -> Iterator[Finding]:
    """One finding for each distribution whose files are not as its RECORD says."""
    stale = stale_metadata(examination)
    for distribution in examination.environment.distributions:
        if distribution.has_record and distribution.metadata_path not in stale:
            records = examination.records.get(distribution.metadata_path, ())
            damage = _compare(distribution, records, examination)
            if damage.missing or damage.emptied or damage.changed:
                needed = _needed(distribution, records)
                _tell_broken(damage, needed, distribution, examination)
                yield _as_packaged(_damaged(distribution, damage, len(needed)), examination.environment)
            elif damage.spare:
                yield _stripped(distribution, damage.spare)


def _compare(distribution: Distribution, records: Sequence[RecordedFile], examination: Examination) -> _Damage:
    """Look at every recorded file that an installer does not rewrite itself."""
    damage, files, hashed = _Damage(), examination.files, examination.depth is Depth.FULL
    scripts = f"{examination.environment.scripts_dir}/"
    for record in records:
        path = record.path
        if path.endswith(".pyc") or path.startswith(scripts):
            continue
        facts = files.facts(path)
        same_size = facts is not None and record.size in {None, facts.size}
        if same_size and not (hashed and record.hash and not matches(record, files)):
            continue
        _sort_in(damage, relative(path, distribution), record, distribution, facts.size if facts else None)
    return damage


def _sort_in(damage: _Damage, path: str, record: RecordedFile, distribution: Distribution, size: int | None) -> None:
    """Put one file that is not as recorded where it belongs."""
    part = part_of(path, metadata=basename(distribution.metadata_path))
    if part is Part.OWN:
        return
    if part is Part.SPARE:
        damage.spare.append(path)
    elif size is None:
        damage.missing.append(path)
    elif size == 0 and record.size:
        damage.emptied.append(path)
    else:
        damage.changed.append(path)


def matches(record: RecordedFile, files: FileView) -> bool:
    """Whether the file has the recorded hash; one of an unknown kind, or that cannot be read, is not judged."""
    kind, _, wanted = record.hash.partition("=")
    if kind not in _HASHES:
        return True
    try:
        expected = base64.urlsafe_b64decode(wanted + "=" * (-len(wanted) % 4))
        return hashlib.new(kind, files.read(record.path)).digest() == expected
    except (OSError, binascii.Error):
        return True


def relative(path: str, distribution: Distribution) -> str:
    """A recorded path as RECORD has it: below the site directory, or with ``../`` above it."""
    prefix = f"{distribution.location}/"
    if path.startswith(prefix):
        return path[len(prefix) :]
    base, ups = distribution.location, 0
    while base and not path.startswith(f"{base}/"):
        base, ups = base.rpartition("/")[0], ups + 1
    return "../" * ups + path[len(base) + 1 :]


def _damaged(distribution: Distribution, damage: _Damage, needed: int) -> Finding:
    """Some of the ``needed`` files are not as they were installed."""
    lost = [*damage.missing, *damage.emptied, *damage.broken]
    touched = [*_modules_first(lost), *damage.changed]
    return Finding(
        rule=RULE,
        severity=Severity.ERROR if lost else Severity.WARNING,
        subjects=(distribution.pin,),
        message=_headline(distribution, damage, needed),
        evidence=Evidence.FILE,
        details=tuple(_lists(damage)),
        where=Location(path=touched[0]),
        fixes=(reinstall(distribution, count(len(touched), "file")),),
        covers=tuple(touched),
    )


def _as_packaged(finding: Finding, environment: Environment) -> Finding:
    """A Linux distribution strips, splits and patches what it packages, and leaves RECORD as it was."""
    if environment.kind != "system":
        return finding
    severity = Severity.WARNING if finding.severity is Severity.ERROR else Severity.NOTE
    return replace(finding, severity=severity, details=(*finding.details, "The system's packages often differ so."))


def _headline(distribution: Distribution, damage: _Damage, needed: int) -> str:
    """The sentence: everything gone, something gone, or only changed."""
    name, gone = named(distribution), len(damage.missing)
    if gone == needed > 1:
        return f"{name} is gone from the disk: of its {needed:,} files only the metadata is left"
    if gone:
        first = _modules_first(damage.missing)[0]
        what = f"{first} is missing" if gone == 1 else f"{count(gone, 'file')} are missing, such as {first}"
        return f"{name} is damaged: {what}"
    if damage.emptied:
        what = f"{damage.emptied[0]} is empty" if len(damage.emptied) == 1 else f"{len(damage.emptied)} files are empty"
        return f"{name} is damaged: {what}"
    if damage.broken:
        what = damage.broken[0] if len(damage.broken) == 1 else f"{damage.broken[0]} and {len(damage.broken) - 1} more"
        return f"{name} is damaged: {what} {'is' if len(damage.broken) == 1 else 'are'} no valid Python any more"
    if len(damage.changed) == 1:
        return f"{name} was changed since its installation: {damage.changed[0]}"
    return f"{name} was changed since its installation: {count(len(damage.changed), 'file')}"


def _needed(distribution: Distribution, records: Sequence[RecordedFile]) -> list[str]:
    """Those of the recorded files that a program may need."""
    metadata = basename(distribution.metadata_path)
    paths = (relative(record.path, distribution) for record in records)
    return [path for path in paths if part_of(path, metadata=metadata) in {Part.MODULE, Part.DATA}]


def _tell_broken(damage: _Damage, needed: Sequence[str], distribution: Distribution, examination: Examination) -> None:
    """Of the changed files, take those apart that are certainly broken."""
    damage.broken = list(broken_modules(damage.changed, needed, distribution.location, examination.files))
    damage.changed = [path for path in damage.changed if path not in damage.broken]


def _lists(damage: _Damage) -> Iterator[str]:
    """One line for each kind of damage, with examples."""
    kinds = (
        ("missing", damage.missing),
        ("empty", damage.emptied),
        ("no valid Python", damage.broken),
        ("changed", damage.changed),
    )
    for label, paths in kinds:
        if paths:
            yield f"{label}: {some(_modules_first(paths), _EXAMPLES)}"
    if damage.spare:
        yield f"also {count(len(damage.spare), 'file')} that no program needs (tests, documentation)"


def _modules_first(paths: Sequence[str]) -> list[str]:
    """Modules before data, packages before what is in them."""
    return sorted(paths, key=lambda path: (not path.endswith((".py", ".so")), path.count("/"), path))


def _stripped(distribution: Distribution, spare: Sequence[str]) -> Finding:
    """Only what no program needs is not as it was."""
    return Finding(
        rule=RULE,
        severity=Severity.NOTE,
        subjects=(distribution.pin,),
        message=f"{named(distribution)}: {count(len(spare), 'file')} that no program needs differ from RECORD",
        evidence=Evidence.FILE,
        details=(f"tests, documentation, headers or stubs: {some(spare, _EXAMPLES)}",),
        covers=tuple(spare),
    )


def reinstall(distribution: Distribution, what: str) -> Fix:
    """The same release again: puts its files back and changes nothing else; from its own URL where it had one."""
    origin = distribution.direct_url
    if origin is None:
        return Fix(reinstall=(distribution.pin,), safety=Safety.SAFE, because=f"puts {what} back as released")
    source = f"{origin.vcs}+{origin.url}@{origin.commit}" if origin.vcs else origin.url
    return Fix(reinstall=(f"{distribution.name} @ {source}",), because=f"puts {what} back from where it came from")
