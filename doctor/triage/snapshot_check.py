"""The checks run on a snapshot, and what of it cannot be known elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from doctor.checks import native, native_abi
from doctor.checks.breakages import finding_of
from doctor.checks.examination import Examination
from doctor.checks.examine import Options, Records, command_for, examine_environment
from doctor.index.index import Index
from doctor.model import Depth, Distribution, Environment, Evidence, FileView, Finding, Report, Severity
from doctor.probe.snapshot import Snapshot
from doctor.rulebook.load import load_rulebook
from doctor.rulebook.match import holds
from doctor.rulebook.requirements import requirement
from doctor.rulebook.rules import Rulebook
from doctor.triage.snapshot_files import Progress, Unseen, open_files

_NAMED = 8


def machine_findings(environment: Environment, files: FileView, rules: tuple[str, ...] = ()) -> tuple[Finding, ...]:
    """What only the machine itself can tell: whether its libraries fit the compiled code that is installed there."""
    examination = Examination(
        environment=environment,
        files=files,
        rulebook=load_rulebook(rules, ("native",)),
        records=Records(environment, files),
    )
    return tuple(sorted((*native.check(examination), *native_abi.check(examination)), key=Finding.sort_key))


def examine_snapshot(snapshot: Snapshot, options: Options, index: Index, progress: Progress | None = None) -> Report:
    """Run all checks on a snapshot; what could not be seen is a note of its own.

    A distribution whose files cannot be had counts as present, with whatever may be in it. Of local code the snapshot
    has outlines, and imports are followed through these.
    Raises what ``examine`` raises.
    """
    files, unseen = open_files(snapshot, index, progress)
    rulebook = load_rulebook(options.rules)
    report = examine_environment(snapshot.environment, files, rulebook, options)
    here = {(finding.rule, finding.subjects) for finding in report.findings}
    seen_there = (finding for finding in snapshot.machine if (finding.rule, finding.subjects) not in here)
    machine = [native.if_brought(finding, snapshot.environment, options.assumed) for finding in seen_there]
    known = _known_breakages(report, rulebook, unseen) if options.depth is not Depth.METADATA else ()
    findings = tuple(sorted((*report.findings, *machine, *known, *_notes(unseen)), key=Finding.sort_key))
    return replace(report, findings=findings)


def _known_breakages(report: Report, rulebook: Rulebook, unseen: Iterable[Unseen]) -> Iterable[Finding]:
    """Breakages that import contracts would have found, had they seen the files: then the versions alone tell."""
    hidden = {one.distribution.name for one in unseen}
    stack = rulebook.stack(report.stack) if report.stack else None
    for breakage in rulebook.breakages:
        names = {requirement(text).name for text in breakage.together}
        environment = report.environment
        if environment and breakage.contract and names & hidden and holds(breakage, environment):
            found = finding_of(breakage, environment, stack)
            if not any(set(found.subjects) <= set(finding.subjects) for finding in report.findings):
                yield replace(
                    found, fixes=tuple(replace(fix, command=command_for(fix, environment)) for fix in found.fixes)
                )


def _notes(unseen: Iterable[Unseen]) -> Iterable[Finding]:
    """One note for each reason."""
    by_reason: dict[str, list[Distribution]] = {}
    for one in unseen:
        by_reason.setdefault(one.reason, []).append(one.distribution)
    for reason, distributions in sorted(by_reason.items()):
        more = len(distributions) - _NAMED
        names = ", ".join(d.pin for d in distributions[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        count = "one distribution" if len(distributions) == 1 else f"{len(distributions)} distributions"
        yield Finding(
            rule="snapshot-unseen",
            severity=Severity.NOTE,
            subjects=tuple(d.pin for d in distributions),
            message=f"the files of {count} could not be seen: {reason}",
            details=(names, "they count as present, and nothing is said about what is in them"),
            evidence=Evidence.METADATA,
        )
