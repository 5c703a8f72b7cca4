"""Several sets of metadata for one distribution in one site directory: what an interrupted upgrade leaves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from doctor.checks.examination import Examination
from doctor.checks.words import count, shown
from doctor.model import Depth, Distribution, Evidence, Finding, Fix, Severity

RULE = "duplicate"


def check(examination: Examination) -> Iterator[Finding]:
    """One finding for each distribution that a site directory has more than once."""
    for distributions in duplicates(examination):
        kept, *others = ranked(distributions, examination)
        places = [shown(d.metadata_path, examination.environment) for d in others]
        known = examination.depth is not Depth.METADATA and whole(kept, examination) > whole(others[0], examination)
        told = f"the files on the disk are those of {kept.version}" if known else "which files are there is not certain"
        yield Finding(
            rule=RULE,
            severity=Severity.WARNING,
            subjects=(kept.pin, *(d.pin for d in others)),
            message=f"{kept.name} is installed {len(distributions)} times over: {_versions(distributions)}; {told}",
            evidence=Evidence.METADATA,
            details=(
                f"{count(len(others), 'set')} of metadata too many: {', '.join(places)}",
                "Programs that ask for its version may be told either; an upgrade was probably interrupted.",
            ),
            fixes=(
                Fix(
                    remove=tuple(d.metadata_path for d in others),
                    reinstall=(kept.pin,),
                    because=f"leaves one whole {kept.name} {kept.version}",
                ),
            ),
        )


def duplicates(examination: Examination) -> Iterator[Sequence[Distribution]]:
    """Distributions of one name in one directory, where there are several; an editable one's egg-info is none."""
    groups: dict[tuple[str, str], list[Distribution]] = {}
    for distribution in examination.environment.distributions:
        if distribution.kind in {"dist-info", "egg-info"}:
            groups.setdefault((distribution.location, distribution.name), []).append(distribution)
    return (group for group in groups.values() if len(group) > 1 and not _packaged(group))


def _packaged(group: Sequence[Distribution]) -> bool:
    """Linux distributions put an egg-info beside the dist-info of the same release; that is no interrupted upgrade."""
    return len({d.version for d in group}) == 1 and {d.kind for d in group} == {"dist-info", "egg-info"}


def stale_metadata(examination: Examination) -> frozenset[str]:
    """Metadata directories that do not describe what lies on the disk, because another of the same name does."""
    stale = (d.metadata_path for group in duplicates(examination) for d in ranked(group, examination)[1:])
    return frozenset(stale)


def ranked(distributions: Sequence[Distribution], examination: Examination) -> list[Distribution]:
    """The one whose files are on the disk first; before files are read, the one that imports come across first."""
    if examination.depth is Depth.METADATA:
        return list(distributions)
    return sorted(distributions, key=lambda d: -whole(d, examination))


def whole(distribution: Distribution, examination: Examination) -> float:
    """How much of what RECORD lists lies there with the recorded size, from 0 to 1."""
    records = [r for r in examination.records.get(distribution.metadata_path, ()) if not r.path.endswith(".pyc")]
    sizes = ((record.size, examination.files.facts(record.path)) for record in records)
    good = sum(facts is not None and size in {None, facts.size} for size, facts in sizes)
    return good / len(records) if records else 0.0


def _versions(distributions: Sequence[Distribution]) -> str:
    return " and ".join(d.version for d in distributions)
