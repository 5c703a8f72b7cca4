"""Several verdicts at once, in processes of our own; each reads wheels by itself and shares what is kept on disk."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

from doctor.index.index import Index
from doctor.index.settings import IndexSettings
from doctor.rulebook.rules import Rulebook
from doctor.stacks.from_nothing_verdict import Judge, Subject, Verdict
from doctor.stacks.resolution import Resolution
from doctor.stacks.resolution_metadata import MetadataReader

_MOST = 4
"""Processes at most: each may need 400 MB."""

Asked = tuple[Resolution, tuple[str, ...]]
"""What is judged, and by which entries (without any by those of the subject)."""


def processors() -> int:
    """How many processes are worth starting on this machine."""
    return min(_MOST, len(os.sched_getaffinity(0)))


def at_once(judge: Judge, asked: Sequence[Asked], processes: int, worth: int = 2) -> Iterator[Verdict]:
    """Verdicts in the order asked; kept ones first, below ``worth`` others no process is started.

    Raises what ``Judge.verdict`` raises.
    """
    kept = [judge.kept(*question) for question in asked]
    missing = [question for question, verdict in zip(asked, kept, strict=True) if verdict is None]
    made = _made(judge, missing, processes if len(missing) >= worth else 1)
    for verdict in kept:
        yield verdict if verdict is not None else next(made)


def look_ahead(judge: Judge, asked: Sequence[Asked]) -> None:
    """Judge what will be asked for soon, all of it at the same time; without several processors nothing is done."""
    count = processors()
    if count > 1 and judge.index.cache.directory is not None:
        different = {(resolution.key, entries): (resolution, entries) for resolution, entries in asked}
        missing = [question for question in different.values() if judge.kept(*question) is None]
        if len(missing) > 1:
            list(_made(judge, missing, count))


def _made(judge: Judge, asked: Sequence[Asked], processes: int) -> Iterator[Verdict]:
    if processes < 2:  # noqa: PLR2004 - one process is this one
        for question in asked:
            yield judge.verdict(*question)
        return
    setting = (judge.index.settings, judge.index.cache.directory, judge.rulebook, judge.subject)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(asked)), context, _start, setting) as pool:
        try:
            yield from pool.map(_judged, asked)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_JUDGE: list[Judge] = []


def _start(settings: IndexSettings, directory: Path | None, rulebook: Rulebook, subject: Subject) -> None:
    """In the new process: tools of its own."""
    index = Index(replace(settings), directory)
    _JUDGE[:] = [Judge(index, rulebook, subject, MetadataReader(index))]


def _judged(question: Asked) -> Verdict:
    return _JUDGE[0].verdict(*question)
