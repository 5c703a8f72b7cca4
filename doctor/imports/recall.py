"""What following entries has told before, for as long as following would tell the same again.

An answer is kept with every question that the importer asked of the environment on the way (``journal``), by module.
It is believed again, in this environment or in another one of the same interpreter, when all modules that its entry
reaches would be told the same. So a new package costs following what it brings, and a second environment with the
same packages nearly nothing. Paths below the environment are kept relative to it.

What is not noted is what entries do to each other in one process (``sys.path``, a changed attribute of a shared module):
an answer stands for its entry in the company that it was followed in.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from doctor.imports.failures import Failure
from doctor.imports.finder import Finder
from doctor.imports.followed import Followed, Question, Verdict, assumed_roots
from doctor.imports.journal import Journal, World
from doctor.probe.own_code import own_code

_FORMAT = 1
_HERE = "\0"
_FIELDS = tuple(f.name for f in fields(Failure) if f.name != "entries")
_MOST_TEXT = 40_000_000


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one machine found, for some entries: failures by entry, calls and sources by module."""

    verdicts: tuple[Verdict, ...]
    failures: tuple[Failure, ...]
    calls: Mapping[str, tuple[Failure, ...]]
    modules: tuple[str, ...]


def entry_name(entry: str) -> str:
    """What an entry's own questions are noted under."""
    return f"entry {entry}"


def recalled(question: Question) -> list[Part]:
    """What is kept and would come out the same, newest first; each entry in one part at most."""
    database, key = question.database, _key(question)
    if database is None or not key:
        return []
    parts, wanted = [], dict.fromkeys(question.entries)
    world: World | None = None
    for run in database.runs(key):
        if not wanted:
            break
        try:
            kept = json.loads(database.run(key, run).replace(_json(_HERE), _json(question.environment.path)))
            mine = [e for e in wanted if e in kept["entries"]]
            if not mine:
                continue
            world = world or _world(question)
            part = _Kept(kept, world).part(mine)
        except (ValueError, LookupError, TypeError, AttributeError):
            continue
        if part.verdicts:
            database.used(key, run)
            parts.append(part)
            for verdict in part.verdicts:
                del wanted[verdict.entry]
    return parts


def keep(question: Question, part: Part, journal: Journal) -> None:
    """Keep what a machine found, with what it asked; never raises for what cannot be kept."""
    database, key = question.database, _key(question)
    if database is None or not key:
        return
    numbers: dict[str, int] = {}
    for name in (*journal.answers, *(n for met in journal.met.values() for n in met), *journal.met):
        numbers.setdefault(name, len(numbers))
    failures = list(part.failures)
    document = {
        "entries": {v.entry: [v.outcome, v.reason, [failures.index(f) for f in v.failures]] for v in part.verdicts},
        "failures": [_row(f) for f in failures],
        "first": [f.entries[0] for f in failures],
        "calls": {m: [_row(f) for f in found] for m, found in part.calls.items()},
        "sources": [numbers[m] for m in part.modules if m in numbers],
        "modules": [
            [name, [[*q, a] for q, a in journal.answers.get(name, {}).items()], [numbers[m] for m in journal.met.get(name, ())]]
            for name in numbers
        ],
    }  # fmt: skip
    try:
        text = json.dumps(document, ensure_ascii=True, separators=(",", ":"))
    except (TypeError, ValueError):
        return
    here = _json(question.environment.path)
    if len(text) < _MOST_TEXT and _json(_HERE) not in text:
        database.keep_run(key, re.sub(re.escape(here) + r'(?=[/"])', lambda _m: _json(_HERE), text))


def merged(question: Question, parts: Iterable[Part]) -> Followed:
    """One answer from several parts, in the order of the entries."""
    verdicts: dict[str, Verdict] = {}
    failures: dict[Any, Failure] = {}
    calls: dict[tuple[str, str], Failure] = {}
    modules: dict[str, None] = {}
    for part in parts:
        for verdict in part.verdicts:
            verdicts[verdict.entry] = verdict
        for failure in part.failures:
            known = failures.setdefault(failure.root.key, failure)
            known.entries.extend(e for e in failure.entries if e not in known.entries)
        for each in part.calls.values():
            for failure in each:
                calls.setdefault((failure.root.symbol, failure.root.path), failure)
        modules.update(dict.fromkeys(part.modules))
    order = {entry: number for number, entry in enumerate(question.entries)}
    for failure in failures.values():
        failure.entries.sort(key=order.__getitem__)
    return Followed(
        failures=tuple(sorted(failures.values(), key=lambda f: order[f.entries[0]])),
        verdicts=tuple(verdicts[e] for e in dict.fromkeys(question.entries)),
        modules=tuple(modules),
        calls=tuple(calls.values()),
    )


class _Kept:
    """A kept run, held against the world of now."""

    def __init__(self, kept: dict[str, Any], world: World) -> None:
        self._kept, self._world = kept, world
        self._modules = kept["modules"]
        self._numbers = {module[0]: number for number, module in enumerate(self._modules)}

    def part(self, wanted: list[str]) -> Part:
        """What of it holds for the wanted entries."""
        changed = self._changed(wanted)
        good = [e for e in wanted if self._numbers.get(entry_name(e)) not in changed]
        failures = [_failure(row) for row in self._kept["failures"]]
        while True:
            # a failure is told as the entry met it that came first: without that one it is looked at anew
            shown = [e for e in good if all(self._kept["first"][i] in good for i in self._kept["entries"][e][2])]
            if shown == good:
                break
            good = shown
        for entry in good:
            for index in self._kept["entries"][entry][2]:
                failures[index].entries.append(entry)
        within = self._reached(good)
        names = [self._modules[n][0] for n in within]
        return Part(
            verdicts=tuple(
                Verdict(entry=e, outcome=outcome, reason=reason, failures=tuple(failures[i] for i in indices))
                for e in good
                for outcome, reason, indices in (self._kept["entries"][e],)
            ),
            failures=tuple(f for f in failures if f.entries),
            calls={n: tuple(map(_failure, self._kept["calls"][n])) for n in names if n in self._kept["calls"]},
            modules=tuple(self._modules[n][0] for n in self._kept["sources"] if n in within),
        )

    def _changed(self, entries: list[str]) -> set[int]:
        """The modules that would be told something else, and all that reach one of them."""
        within = self._reached(entries)
        importers: dict[int, list[int]] = {}
        todo = []
        for number in within:
            _name, asked, met = self._modules[number]
            for other in met:
                importers.setdefault(other, []).append(number)
            if any(self._world.answer(question[:-1]) != question[-1] for question in asked):
                todo.append(number)
        changed = set(todo)
        while todo:
            for importer in importers.get(todo.pop(), ()):
                if importer not in changed:
                    changed.add(importer)
                    todo.append(importer)
        return changed

    def _reached(self, entries: list[str]) -> dict[int, None]:
        """All modules that the entries reach, with the entries."""
        todo = [n for e in entries if (n := self._numbers.get(entry_name(e))) is not None]
        within = dict.fromkeys(todo)
        while todo:
            for other in self._modules[todo.pop()][2]:
                if other not in within:
                    within[other] = None
                    todo.append(other)
        return within


def _world(question: Question) -> World:
    finder = Finder(question.environment, question.files, assumed_roots(question.assumed))
    return World(finder, question.files, question.known, question.owner)


def _key(question: Question) -> bytes:
    """What must be the same for all answers; empty when they must not be kept."""
    environment, known = question.environment, question.known
    if environment.interpreter is None or not environment.path or environment.path == "/":
        return b""
    try:
        doctor = own_code()
        interpreter = os.stat(environment.interpreter.executable)  # noqa: PTH116 - plain strings
    except OSError:
        return b""
    told = (
        _FORMAT, doctor, interpreter.st_size, interpreter.st_mtime_ns, environment.interpreter, environment.python_version,
        environment.search_path, environment.library_path, sorted(question.assumed.items()), question.owner is None,
        sorted(known.raises.items()), sorted(known.native_needs.items()), sorted(known.native_lacks), os.uname().release,
    )  # fmt: skip
    relative = re.sub(re.escape(environment.path) + r"(?=['/])", lambda _m: _HERE, repr(told))
    return hashlib.blake2b(relative.encode("utf-8", "backslashreplace"), digest_size=16).digest()


def _json(text: str) -> str:
    """The inside of a text as JSON writes it."""
    return json.dumps(text)[1:-1]


def _row(failure: Failure) -> list[Any]:
    values = [getattr(failure, name) for name in _FIELDS]
    return [_row(v) if isinstance(v, Failure) else v for v in values]


def _failure(row: list[Any]) -> Failure:
    values = dict(zip(_FIELDS, row, strict=True))
    cause = values["cause"]
    values["cause"] = None if cause is None else _failure(cause)
    values["chain"] = tuple(values["chain"])
    return Failure(**values)
