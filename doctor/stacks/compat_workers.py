"""Several verdicts at once, in processes of our own; each reads wheels by itself and shares what is kept on disk."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from doctor.index.index import Index
from doctor.index.settings import IndexSettings
from doctor.rulebook.rules import Rulebook
from doctor.stacks.compat import Work
from doctor.stacks.from_nothing_verdict import Judge, Subject, Verdict
from doctor.stacks.resolution_metadata import MetadataReader

_MOST = 4
_WORTH = 4
"""Cells below which a second process costs more than it saves."""


@dataclass(kw_only=True)
class Workers:
    """Judges works; those with kept verdicts here, the others in as many processes as there are processors."""

    index: Index
    rulebook: Rulebook
    subject: Subject
    processes: int = field(default_factory=lambda: min(_MOST, len(os.sched_getaffinity(0))))

    def __call__(self, works: Sequence[Work]) -> Iterator[Verdict]:
        """Verdicts in the order of the works; raises what ``Judge.verdict`` raises."""
        judge = Judge(self.index, self.rulebook, self.subject, MetadataReader(self.index))
        kept = [judge.kept(work.resolution, (*work.primary, *work.deep)) for work in works]
        missing = [work for work, verdict in zip(works, kept, strict=True) if verdict is None]
        made = self._made(missing, judge)
        for verdict in kept:
            yield verdict if verdict is not None else next(made)

    def _made(self, works: Sequence[Work], judge: Judge) -> Iterator[Verdict]:
        if len(works) < _WORTH or self.processes < 2:  # noqa: PLR2004 - one process is this one
            for work in works:
                yield judge.verdict(work.resolution, (*work.primary, *work.deep))
            return
        setting = (self.index.settings, self.index.cache.directory, self.rulebook, self.subject)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.processes, context, _start, setting) as pool:
            try:
                yield from pool.map(_judged, works)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


_JUDGE: list[Judge] = []


def _start(settings: IndexSettings, directory: Path | None, rulebook: Rulebook, subject: Subject) -> None:
    """In the new process: tools of its own."""
    index = Index(replace(settings), directory)
    _JUDGE[:] = [Judge(index, rulebook, subject, MetadataReader(index))]


def _judged(work: Work) -> Verdict:
    return _JUDGE[0].verdict(work.resolution, (*work.primary, *work.deep))
