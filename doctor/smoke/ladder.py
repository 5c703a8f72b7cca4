"""A ladder: what a smoke run tries one after the other, and how each try ended.

Values only; the runs that climb a ladder stand in their own modules, what a person reads in ``doctor.render``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """How a try ended.

    ``passed``; ``warned``: it works, but a person should know something; ``failed``; ``undecided``: asked for, but it
    could not be tried to its end (something is missing here, a limit of time or memory ended it); ``skipped``: not
    tried, because nobody asked for it or an earlier rung failed.
    """

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    UNDECIDED = "undecided"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One try.

    ``name`` is a stable word (``token``, ``whoami``, ``train`` ...); ``title`` says it to a person; ``sentence`` is
    what came out, without a final stop; ``details`` are further lines, the most important first; ``next_steps``
    what to do now (commands or sentences; every failed and skipped rung has one). ``category`` groups failures
    (``auth``, ``network``, ``service``, ``data`` ...), ``rule`` is the id of the rule that gave the words ('' when
    none). ``seconds`` is wall time; ``measured`` holds numbers and words for scripts (JSON values only).
    """

    name: str
    title: str
    verdict: Verdict
    sentence: str
    details: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    category: str = ""
    rule: str = ""
    seconds: float = 0.0
    measured: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """All rungs of one run, in the order tried. ``subject``: what was tried (a service, an environment)."""

    name: str
    subject: str
    rungs: tuple[Rung, ...]
    run_directory: str = ""

    @property
    def failed(self) -> tuple[Rung, ...]:
        """The rungs that failed, the first is the one to look at."""
        return tuple(rung for rung in self.rungs if rung.verdict is Verdict.FAILED)

    @property
    def exit_code(self) -> int:
        """0 nothing failed and something passed; 1 a rung failed; 3 what was asked for could not be tried."""
        if self.failed:
            return 1
        if any(rung.verdict is Verdict.UNDECIDED for rung in self.rungs):
            return 3
        tried = any(rung.verdict in (Verdict.PASSED, Verdict.WARNED) for rung in self.rungs)
        return 0 if tried else 3
