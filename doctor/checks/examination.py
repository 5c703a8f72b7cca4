"""What every check is given, and the two kinds of thing it may yield."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from doctor.model import Depth, Environment, FileView, Finding, RecordedFile
from doctor.rulebook.rules import Rulebook, Stack


@dataclass(kw_only=True)
class Stop:
    """For who examines one planned environment after the other: when the rest of an examination is in vain.

    ``hopeless`` is asked of what was found, before imports are followed and again after the entry ``first``, which is
    followed before all others. ``stopped``: it said so, and what was found is not all. ``unknown``: that entry could
    not be followed to its end.
    """

    hopeless: Callable[[Sequence[Finding]], bool]
    first: str = ""
    stopped: bool = False
    unknown: bool = False


@dataclass(frozen=True, kw_only=True)
class Examination:
    """One patient and all that is known about it.

    ``environment`` already holds the assumed distributions (kind ``assumed``). ``records`` gives a
    distribution's recorded files by metadata path, read once and shared by the checks. ``entries`` are asked for
    by ``--entry``; empty means the stack's entries, or else what the distributions offer. With ``fresh`` nothing that
    is kept of earlier examinations stands for following the entries.
    """

    environment: Environment
    files: FileView
    rulebook: Rulebook
    stack: Stack | None = None
    depth: Depth = Depth.STANDARD
    assumed: Mapping[str, str] = field(default_factory=dict)
    entries: tuple[str, ...] = ()
    records: Mapping[str, tuple[RecordedFile, ...]] = field(default_factory=dict)
    fresh: bool = False
    stop: Stop | None = None


Check = Callable[[Examination], Iterator[Finding]]
