"""All checks over one patient: an explicit list, each guarded, the findings folded and sorted once."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator

from doctor.checks import (
    breakages,
    configuration,
    duplicates,
    interpreter,
    leftovers,
    metadata,
    requirements,
    stack_pins,
)
from doctor.checks.examination import Check, Examination
from doctor.checks.fold import fold
from doctor.errors import UsageError
from doctor.model import Crash, Depth, Finding, Tally

BY_METADATA: tuple[tuple[str, Check], ...] = (
    ("configuration", configuration.check),
    ("interpreter", interpreter.check),
    ("requirements", requirements.check),
    ("duplicates", duplicates.check),
    ("metadata", metadata.check),
    ("leftovers", leftovers.check),
    ("breakages", breakages.check),
    ("stack pins", stack_pins.check),
)
"""Need no more than the probe has read."""


def run_checks(examination: Examination) -> tuple[tuple[Finding, ...], tuple[Crash, ...], Tally]:
    """(findings, crashes, what was looked at). Findings are folded and in ``Finding.sort_key`` order.

    A check that raises gives a ``Crash`` that says where; what it had found until then counts.
    """
    started = time.monotonic()
    shallow = examination.depth is Depth.METADATA
    imports = _Imports()
    checks = BY_METADATA if shallow else (*BY_METADATA, *_by_files(), ("import contracts", imports.check))
    found: list[Finding] = []
    crashes: list[Crash] = []
    for name, check in checks:
        if check == imports.check and examination.stop is not None and examination.stop.hopeless(found):
            examination.stop.stopped = True
            break
        try:
            found.extend(check(examination))
        except UsageError:
            raise  # the question is wrong (an entry that does not exist): no fault of the check
        except Exception as error:  # noqa: BLE001 - whatever a hostile patient brings about, the others go on
            crashes.append(Crash(check=name, reason=_reason(error)))
    tally = Tally(
        distributions=sum(d.kind != "assumed" for d in examination.environment.distributions),
        entries=imports.entries,
        modules=imports.modules,
        seconds=time.monotonic() - started,
    )
    return tuple(sorted(fold(found), key=Finding.sort_key)), tuple(crashes), tally


def _by_files() -> tuple[tuple[str, Check], ...]:
    """Those that read the patient's files; imported here, for they cost as much as a whole check of the metadata."""
    from doctor.checks import commands, files, native, native_abi, ownership, pth, shadows, shebangs  # noqa: PLC0415

    return (
        ("files", files.check),
        ("compiled code", native.check),
        ("binary interfaces", native_abi.check),
        ("ownership", ownership.check),
        ("commands", commands.check),
        ("shebangs", shebangs.check),
        ("pth files", pth.check),
        ("shadows", shadows.check),
    )


class _Imports:
    """The import contracts, with how much of the patient they went through."""

    def __init__(self) -> None:
        self.entries = self.modules = 0

    def check(self, examination: Examination) -> Iterator[Finding]:
        """As ``import_contracts.check``."""
        from doctor.checks import import_contracts  # noqa: PLC0415 - as in ``_by_files``

        chosen = import_contracts.chosen_offers(examination)
        followed = import_contracts.follow_in_vain(examination, chosen)
        self.entries, self.modules = len(chosen), len(followed.modules)
        yield from import_contracts.findings_of(examination, followed, chosen)


def _reason(error: Exception) -> str:
    """One line: what was raised, and where in the doctor."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if text else ''}{text}{place}"
