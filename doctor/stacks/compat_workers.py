"""The cells of a table judged in as many processes as there are processors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from doctor.index.index import Index
from doctor.rulebook.rules import Rulebook
from doctor.stacks.compat import Work
from doctor.stacks.from_nothing_verdict import Judge, Subject, Verdict
from doctor.stacks.resolution_metadata import MetadataReader
from doctor.stacks.verdict_workers import at_once, processors

_WORTH = 4
"""Cells below which a second process costs more than it saves."""


@dataclass(kw_only=True)
class Workers:
    """Judges works; those with kept verdicts here, the others in as many processes as there are processors."""

    index: Index
    rulebook: Rulebook
    subject: Subject
    processes: int = field(default_factory=processors)

    def __call__(self, works: Sequence[Work]) -> Iterator[Verdict]:
        """Verdicts in the order of the works; raises what ``Judge.verdict`` raises."""
        judge = Judge(self.index, self.rulebook, self.subject, MetadataReader(self.index))
        asked = [(work.resolution, (*work.primary, *work.deep)) for work in works]
        return at_once(judge, asked, self.processes, _WORTH)
