"""Static import contracts: follow entries through an environment's files and tell what would fail, and why."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from doctor.imports import versions
from doctor.imports.deferred import Look, failing_calls
from doctor.imports.failures import Failure, Raised
from doctor.imports.finder import Finder, Spec
from doctor.imports.loading import override
from doctor.imports.machine import Frame, Machine, Surroundings
from doctor.imports.store import Database, SummaryStore
from doctor.imports.values import Bounded, Module
from doctor.model import Environment, FileView

for _tail, _change in versions.OVERRIDES.items():
    override(_tail, _change)

_STACK = 512 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Question:
    """What to follow and with what knowledge. ``entries`` are module names.

    With ``owner`` (the distribution of a path by name, '' for none) functions of the loaded modules are looked at, too.
    """

    environment: Environment
    files: FileView
    entries: tuple[str, ...]
    assumed: Mapping[str, str] = field(default_factory=dict)
    surroundings: Surroundings | None = None
    database: Database | None = None
    progress: Callable[[int, int], None] | None = None
    owner: Callable[[str], str] | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What importing one entry would do: ``fails`` by ``failures``, or not; ``unknown`` when it could not be followed."""

    entry: str
    outcome: str
    failures: tuple[Failure, ...] = ()
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Followed:
    """The answer: certain failures (roots), possible ones, per-entry verdicts, and what was looked at."""

    failures: tuple[Failure, ...]
    possible: tuple[Failure, ...]
    guarded: tuple[Failure, ...]
    verdicts: tuple[Verdict, ...]
    modules: tuple[str, ...]
    unreadable: Mapping[str, str]
    consulted: tuple[str, ...] = ()
    calls: tuple[Failure, ...] = ()
    machine: Machine | None = None


def assumed_roots(assumed: Mapping[str, str]) -> frozenset[str]:
    """Import names that a distribution of that name may bring."""
    return frozenset(n for name in assumed for n in {name, name.replace("-", "_"), name.replace("-", ".")})


def follow(question: Question) -> Followed:
    """Follow all entries in one abstract interpreter, in a thread whose stack is deep enough for nested imports."""
    result: list[Followed] = []
    trouble: list[BaseException] = []

    def work() -> None:
        try:
            result.append(_follow(question))
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            trouble.append(error)

    limit, size = sys.getrecursionlimit(), threading.stack_size(_STACK)
    enabled = gc.isenabled()
    gc.disable()  # millions of small tuples and no cycles among them
    sys.setrecursionlimit(60_000)
    try:
        thread = threading.Thread(target=work, name="import contracts")
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(size)
        if enabled:
            gc.enable()
    if trouble:
        raise trouble[0]
    return result[0]


def _follow(question: Question) -> Followed:
    environment = question.environment
    finder = Finder(environment, question.files, assumed_roots(question.assumed))
    store = SummaryStore(question.files, question.database)
    surroundings = question.surroundings or Surroundings(
        versions={d.name: d.version for d in environment.distributions}
    )
    machine = Machine(finder, store, surroundings)
    verdicts = []
    for number, entry in enumerate(question.entries):
        if question.progress:
            question.progress(number, len(question.entries))
        verdicts.append(follow_entry(machine, entry))
    failures, possible = tuple(machine.failures.values()), dict(machine.possible)
    modules = tuple(n for n, m in machine.modules.items() if isinstance(m, Module) and m.spec.kind == "source")
    calls = failing_calls(Look(machine=machine, owner=question.owner)) if question.owner is not None else ()
    if question.database:
        question.database.flush()
    return Followed(
        failures=failures,
        calls=calls,
        possible=tuple(f for k, f in possible.items() if k not in machine.failures),
        guarded=tuple(machine.guarded.values()),
        verdicts=tuple(verdicts),
        modules=modules,
        unreadable=dict(machine.unreadable),
        consulted=tuple(finder.consulted),
        machine=machine,
    )


def follow_entry(machine: Machine, entry: str) -> Verdict:
    """Import one module as a program would that does nothing else, or run a program (an entry that is a file)."""
    start = Module("<entry>", Spec(name="<entry>", kind="source"))
    frame = Frame(start, start.names, "module")
    machine.reset(entry)
    before = {k for k, f in machine.failures.items() if entry in f.entries}
    try:
        if entry.endswith((".py", ".ipynb")):
            machine.run_program(entry, frame)
        else:
            machine.import_name(entry, frame, 0)
    except Raised as raised:
        if not raised.recorded:
            return Verdict(entry=entry, outcome="unknown", failures=(raised.failure,), reason="undecided")
    except (Bounded, RecursionError):
        return Verdict(entry=entry, outcome="unknown", reason="too much to follow")
    failures = tuple(f for k, f in machine.failures.items() if entry in f.entries and k not in before)
    return Verdict(entry=entry, outcome="fails" if failures else "ok", failures=failures)


def failures_of(verdicts: Iterable[Verdict]) -> tuple[Failure, ...]:
    """All failures of some verdicts, each once."""
    return tuple({f.key: f for v in verdicts for f in v.failures}.values())
