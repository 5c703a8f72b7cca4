"""Static import contracts: follow entries through an environment's files and tell what would fail, and why."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from doctor.imports import versions
from doctor.imports.deferred import Look, failing_calls
from doctor.imports.failures import Failure, Raised
from doctor.imports.finder import Spec
from doctor.imports.followed import Followed, Question, Verdict, assumed_roots
from doctor.imports.journal import Journal, NotedAbsence, NotedFiles, NotedFinder, NotedStore, noted, noted_surroundings
from doctor.imports.loading import override
from doctor.imports.machine import Frame, Machine
from doctor.imports.recall import Part, entry_name, keep, merged, recalled
from doctor.imports.values import Bounded, Module

for _tail, _change in versions.OVERRIDES.items():
    override(_tail, _change)

_STACK = 512 * 1024 * 1024
_T = TypeVar("_T")


def follow(question: Question) -> Followed:
    """Follow the entries that no earlier answer stands for, and tell all of them. An empty list of entries is allowed."""
    parts = recalled(question) if question.recall else []
    known = {verdict.entry for part in parts for verdict in part.verdicts}
    rest = tuple(entry for entry in question.entries if entry not in known)
    if parts and not rest:
        return merged(question, parts)
    if question.enough and known.issuperset(question.entries[:1]):
        answer = merged(replace(question, entries=tuple(e for e in question.entries if e in known)), parts)
        if question.enough(answer):
            return answer
        question = replace(question, enough=None)
    followed, part = deeply(lambda: _follow(replace(question, entries=rest)))
    if not parts:
        return followed
    told = {verdict.entry for verdict in part.verdicts} | known
    return replace(
        merged(replace(question, entries=tuple(e for e in question.entries if e in told)), [*parts, part]),
        possible=followed.possible, guarded=followed.guarded, unreadable=followed.unreadable, machine=followed.machine,
    )  # fmt: skip


def deeply(errand: Callable[[], _T]) -> _T:
    """Run an errand in a thread whose stack is deep enough for nested imports; raises what that raises."""
    result: list[_T] = []
    trouble: list[BaseException] = []

    def work() -> None:
        try:
            result.append(errand())
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


def _follow(question: Question) -> tuple[Followed, Part]:
    journal = Journal()
    machine = noted_machine(question, journal)
    verdicts = []
    for number, entry in enumerate(question.entries):
        if question.progress:
            question.progress(number, len(question.entries))
        verdicts.append(follow_entry(machine, entry))
        if number == 0 and question.enough and question.enough(_first_answer(question, verdicts[0], machine)):
            question = replace(
                question, entries=(entry,), owner=None, recall=False
            )  # no more is asked, nothing is kept
            break
    return answer_of(question, machine, journal, verdicts)


def answer_of(question: Question, machine: Machine, journal: Journal, verdicts: list[Verdict]) -> tuple[Followed, Part]:
    """What a machine that has followed some entries says of them; it is kept when the question wants that."""
    failures = tuple(machine.failures.values())
    loaded = ((n, m) for n, m in machine.modules.items() if isinstance(m, Module) and m.spec.kind == "source")
    modules = tuple(n for n, m in loaded if m.spec.path)
    calls: dict[str, tuple[Failure, ...]] = {}
    if question.owner is not None:
        owner = noted(question.owner, "owner", journal)
        calls = failing_calls(Look(machine=machine, owner=owner, begin=lambda name: setattr(journal, "about", name)))
    part = Part(verdicts=tuple(verdicts), failures=failures, calls=calls, modules=modules)
    if question.recall:
        keep(question, part, journal)
    if question.database:
        question.database.flush()
    possible = tuple(f for k, f in machine.possible.items() if k not in machine.failures)
    return replace(
        merged(question, [part]),
        possible=possible, guarded=tuple(machine.guarded.values()), unreadable=dict(machine.unreadable), machine=machine,
    ), part  # fmt: skip


def _first_answer(question: Question, verdict: Verdict, machine: Machine) -> Followed:
    """What is known when the first entry is followed."""
    part = Part(verdicts=(verdict,), failures=tuple(machine.failures.values()), calls={}, modules=())
    return merged(replace(question, entries=question.entries[:1]), [part])


def noted_machine(question: Question, journal: Journal) -> Machine:
    """An abstract interpreter that notes what it asks of the environment."""
    finder = NotedFinder(question.environment, question.files, assumed_roots(question.assumed)).noted(journal)
    store = NotedStore(question.files, question.database).noted(journal)
    machine = Machine(finder, store, noted_surroundings(question.known, journal))
    machine.files, machine.absence = NotedFiles(question.files, journal), NotedAbsence(finder, journal)
    machine.meet = journal.meet
    journal.asking = lambda: machine.stack[-1].name if machine.stack else entry_name(machine.entry)
    return machine


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
