"""The cells of a table judged in as many processes as there are processors."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from doctor.index.index import Index
from doctor.index.settings import IndexSettings
from doctor.rulebook.rules import Rulebook
from doctor.stacks import copies
from doctor.stacks.compat import Work
from doctor.stacks.from_nothing_verdict import Judge, Subject, Verdict
from doctor.stacks.herd import Ahead, Asked, Herd, flocks
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
        missing = [n for n, question in enumerate(asked) if judge.kept(*question) is None]
        if len(missing) >= _WORTH and copies.possible() and self.index.cache.directory is not None:
            self._together([(asked[n], works[n].names) for n in missing])
        return at_once(judge, asked, self.processes, _WORTH)

    def _together(self, asked: Sequence[tuple[Asked, tuple[str, str]]]) -> None:
        """Judge what has much in common; the verdicts are kept in the cache."""
        parts = flocks(asked, self.processes)
        setting = (self.index.settings, self.index.cache.directory, self.rulebook, self.subject)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(self.processes, len(parts)), context, _start, setting) as pool:
            try:
                questions = [([asked[n][0] for n in part], asked[part[0]][1]) for part in parts]
                list(pool.map(_judged, questions))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


_JUDGE: list[Judge] = []
_AHEAD: dict[tuple[str, str], Ahead] = {}


def _start(settings: IndexSettings, directory: Path | None, rulebook: Rulebook, subject: Subject) -> None:
    """In the new process: tools of its own."""
    copies.end_with_parent()
    index = Index(settings, directory)
    _JUDGE[:] = [Judge(index, rulebook, subject, MetadataReader(index))]


def _judged(question: tuple[list[Asked], tuple[str, str]]) -> int:
    asked, names = question
    herd = Herd(_JUDGE[0], names, _AHEAD.get(names))
    told = herd.verdicts(asked)
    if herd.ahead is not None:
        _AHEAD[names] = herd.ahead
    return len(told)
