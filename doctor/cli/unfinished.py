"""What a report must say when a repair of the environment was interrupted, or is under way this moment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from doctor.model import Evidence, Finding, Report, Severity


def with_unfinished(report: Report) -> Report:
    """The report, with a note about a half-done repair; nothing is undone or finished here."""
    environment = report.environment
    if environment is None or not (Path(environment.path) / ".acdoctor" / "journal.json").exists():
        return report
    from doctor.repair.transaction import under_way  # noqa: PLC0415 - for the few that have a journal

    doing = under_way(environment.path)
    if not doing:
        return report
    busy = doing == "now"
    finding = Finding(
        rule="interrupted-repair",
        severity=Severity.NOTE,
        subjects=("<environment>",),
        message=(
            "another acdoctor is changing this environment now"
            if busy
            else "a repair was interrupted here: old and new files may be mixed"
        ),
        evidence=Evidence.FILE,
        details=(
            "check again when it has finished" if busy else "undone by the next: acdoctor fix (or history, rollback)",
        ),
    )
    return replace(report, findings=tuple(sorted((*report.findings, finding), key=Finding.sort_key)))
