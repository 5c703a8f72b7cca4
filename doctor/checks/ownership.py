"""Files that two distributions both say they own: the later installation overwrote those of the earlier one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from doctor.checks.duplicates import stale_metadata
from doctor.checks.examination import Examination
from doctor.checks.files import relative
from doctor.checks.importance import Part, part_of
from doctor.checks.words import count, named, some
from doctor.model import Distribution, Evidence, FileView, Finding, Fix, Location, RecordedFile, Severity

RULE = "shared-files"
_NAMESPACE_BYTES = 4096


@dataclass(slots=True)
class _Shared:
    """What two distributions both own with different content; ``held`` counts whose content is on the disk."""

    first: Distribution
    second: Distribution
    paths: list[str] = field(default_factory=list)
    held: list[int] = field(default_factory=lambda: [0, 0])


def check(examination: Examination) -> Iterator[Finding]:
    """One finding for each two distributions whose files lie over each other."""
    for shared in _overlaps(examination).values():
        shared.paths.sort(key=lambda path: (not path.endswith(".py"), path.count("/"), path))
        yield _finding(shared)


def _overlaps(examination: Examination) -> dict[tuple[str, str], _Shared]:
    """Pairs of distributions with what matters that both recorded, and recorded differently."""
    stale = stale_metadata(examination)
    owners: dict[str, tuple[Distribution, RecordedFile]] = {}
    found: dict[tuple[str, str], _Shared] = {}
    for distribution in examination.environment.distributions:
        if distribution.metadata_path in stale:
            continue
        for record in examination.records.get(distribution.metadata_path, ()):
            other = owners.setdefault(record.path, (distribution, record))
            if other[0] is distribution or _alike(other[1], record):
                continue
            path = relative(record.path, distribution)
            if part_of(path) is not Part.MODULE or _is_namespace(record.path, examination.files):
                continue
            key = (other[0].metadata_path, distribution.metadata_path)
            shared = found.setdefault(key, _Shared(other[0], distribution))
            shared.paths.append(path)
            facts = examination.files.facts(record.path)
            for side, each in enumerate((other[1], record)):
                shared.held[side] += facts is not None and facts.size == each.size
    return found


def _alike(one: RecordedFile, other: RecordedFile) -> bool:
    """The same content by the lists, or nothing that tells them apart."""
    if one.hash and other.hash:
        return one.hash == other.hash
    return one.size is None or other.size is None or one.size == other.size


def _is_namespace(path: str, files: FileView) -> bool:
    """An ``__init__.py`` that only makes a namespace (pkgutil, pkg_resources): each distribution has its own."""
    if not path.endswith("/__init__.py"):
        return False
    try:
        text = files.read(path, _NAMESPACE_BYTES)
    except OSError:
        return False
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(b"#")]
    return not lines or b"extend_path" in text or b"declare_namespace" in text


def _finding(shared: _Shared) -> Finding:
    """First the one whose files are gone under those of the other."""
    won = int(shared.held[1] > shared.held[0])
    winner, loser = (shared.first, shared.second)[won], (shared.first, shared.second)[1 - won]
    known = shared.held[0] != shared.held[1]
    told = f"those of {winner.name} are on the disk" if known else "the files on the disk are a mixture"
    return Finding(
        rule=RULE,
        severity=Severity.WARNING,
        subjects=(loser.pin, winner.pin),
        message=f"{named(loser)} and {named(winner)} both own {_what(shared.paths)}; {told}",
        evidence=Evidence.FILE,
        details=(
            f"{count(len(shared.paths), 'module')} of both: {some(shared.paths, 4)}",
            "Only one can be whole; removing one takes files of the other along, so reinstall the one you keep.",
        ),
        where=Location(path=shared.paths[0]),
        fixes=(
            Fix(remove=(winner.name,), reinstall=(loser.pin,), because=f"keeps {loser.name}"),
            Fix(remove=(loser.name,), reinstall=(winner.pin,), because=f"keeps {winner.name}"),
        ),
        covers=tuple(shared.paths),
    )


def _what(paths: Sequence[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {count(len(paths) - 1, 'more file')}"
