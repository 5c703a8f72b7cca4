"""Verdicts of resolutions that have most in common: what is the same in several is followed once (``imports.trunk``).

First what stands below both distributions of a table is followed (a framework, say), then what the one that imports
takes of the other; from there a copy of this process goes on for each resolution. Each step holds for a resolution
only if all that was asked on the way has the same answer there and nothing was followed that its entries would not
reach: else that resolution is followed by itself. So only the order of imports differs from following it alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from doctor.checks.examination import Examination
from doctor.imports.contracts import deeply
from doctor.imports.finder import Finder
from doctor.imports.followed import Followed, Question
from doctor.imports.store import open_database
from doctor.imports.surroundings import surroundings_of
from doctor.imports.trunk import Trunk
from doctor.stacks.compat import top_modules
from doctor.stacks.copies import in_a_copy
from doctor.stacks.from_nothing import PREFIX
from doctor.stacks.from_nothing_verdict import Judge, Verdict
from doctor.stacks.resolution import Resolution

_WORTH = 20
"""Modules below a package that make it worth being followed ahead."""
_LARGEST = 8
"""So many of the largest distributions must be the same in resolutions that are judged in a row."""
_SMALLEST = 6

Asked = tuple[Resolution, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Ahead:
    """Modules that are followed before the entries: below both distributions, then what one takes of the other.

    ``texts`` are of packages that will be searched for words.
    """

    below: tuple[str, ...] = ()
    between: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[tuple[str, ...], ...]:
        """One after the other."""
        return self.below, self.between


class _ApartError(Exception):
    """The trunk does not stand for this resolution."""


class _TooMuchError(Exception):
    """More was followed ahead than the entries reach; ``ahead`` is what they do reach, None when that is not known."""

    def __init__(self, ahead: Ahead | None) -> None:
        super().__init__()
        self.ahead = ahead


@dataclass(frozen=True, slots=True)
class _Told:
    """What a copy found: verdicts by number, and what should be followed ahead from now on."""

    verdicts: dict[int, Verdict]
    ahead: Ahead | None


class Herd:
    """Judges resolutions of one table; all of it is done in one thread with a deep stack, and in copies of it."""

    def __init__(self, judge: Judge, names: tuple[str, str], ahead: Ahead | None = None) -> None:
        """``names`` are the distributions of the table, the one that imports first; ``ahead`` was learnt before."""
        self.judge, self.names, self.ahead = judge, names, ahead
        self._asked: Sequence[Asked] = ()
        self._examinations: dict[int, Examination] = {}

    def verdicts(self, asked: Sequence[Asked]) -> list[Verdict]:
        """Verdicts in the order asked, each kept; similar resolutions should stand together.

        Raises:
            IndexUnavailableError: a wheel cannot be read.
        """
        self._asked = asked
        found = deeply(self._all)
        for number, question in enumerate(asked):
            self.judge.keep(*question, found[number])
        return [found[number] for number in range(len(asked))]

    def _all(self) -> dict[int, Verdict]:
        found: dict[int, Verdict] = {}
        left = list(range(len(self._asked)))
        while left:
            if self.ahead is None:
                told = in_a_copy(partial(self._alone, left[0]))
            else:
                told = in_a_copy(partial(self._step, 0, None, left))
            learnt = told is not None and told.ahead is not None and told.ahead != self.ahead
            if told is not None:
                found.update(told.verdicts)
                self.ahead = told.ahead or self.ahead
            if left[0] not in found and not learnt:
                found[left[0]] = self.judge.verdict(*self._asked[left[0]])
            left = [number for number in left if number not in found]
        return found

    # ---------------------------------------------------------------- in copies

    def _alone(self, number: int) -> _Told:
        """One resolution by itself, and what it teaches."""
        learnt: list[Ahead] = []

        def following(question: Question) -> Followed:
            trunk = Trunk(replace(question, recall=False))
            told = trunk.told(trunk.follow(question.entries))
            learnt.append(self._learnt(trunk, number))
            return told

        verdict = self.judge.judged(self._examination(number), following)
        return _Told({number: verdict}, learnt[0])

    def _step(self, step: int, trunk: Trunk | None, left: Sequence[int]) -> _Told:
        """Follow what comes ahead in the first of the resolutions, then all that this stands for."""
        assert self.ahead is not None  # noqa: S101 - ``_all`` begins with what teaches it
        before = self.ahead.steps
        grown = self._grown(trunk, left[0], step)
        if grown is None:
            return _Told({}, None)
        found: dict[int, Verdict] = {}
        learnt: Ahead | None = None
        vain: set[str] = set()
        rest = list(left)
        while rest:
            told = None
            if step + 1 < len(before) and self._kin(rest[0]) not in vain and self._kin(*rest[:2]):
                told = in_a_copy(partial(self._step, step + 1, grown, rest))
            if told is None or (rest[0] not in told.verdicts and told.ahead is None):
                vain.add(self._kin(rest[0]))
                told = in_a_copy(partial(self._cell, grown, rest[0]))
            if told is None:
                break
            found.update(told.verdicts)
            if told.ahead is not None:
                self.ahead = learnt = told.ahead
                if learnt.steps[: step + 1] != before[: step + 1]:
                    break
            elif rest[0] not in found:
                break  # the trunk does not stand for it, nor most likely for what comes after
            rest = [number for number in rest if number not in found]
        return _Told(found, learnt)

    def _grown(self, trunk: Trunk | None, number: int, step: int) -> Trunk | None:
        """The trunk with the modules of a step; None when they do not just work in that resolution."""
        assert self.ahead is not None  # noqa: S101 - there is a step
        question = self._question(number)
        finder = Finder(question.environment, question.files)
        entries = [module for module in self.ahead.steps[step] if finder.finds(module)]
        if not entries:
            return None
        if trunk is None:
            trunk = Trunk(question)
        elif not trunk.moved(question):
            return None
        outcomes = trunk.follow(entries)
        if step == len(self.ahead.steps) - 1:
            trunk.hold(self.ahead.texts)
        if question.database is not None:
            question.database.flush()
        return None if trunk.failures or any(verdict.outcome != "ok" for verdict in outcomes) else trunk

    def _cell(self, trunk: Trunk, number: int) -> _Told:
        """One resolution, from the trunk on."""
        try:
            verdict = self.judge.judged(self._examination(number), partial(self._on, trunk))
        except _ApartError:
            return _Told({}, None)
        except _TooMuchError as error:
            if error.ahead is not None:
                return _Told({}, error.ahead)
            verdict = self.judge.judged(self._examination(number))
        return _Told({number: verdict}, None)

    def _on(self, trunk: Trunk, question: Question) -> Followed:
        question = replace(question, recall=False)
        before = set(trunk.loaded())
        if not trunk.moved(question):
            raise _ApartError
        outcomes = trunk.follow(question.entries)
        reached = trunk.reached(question.entries)
        if before <= reached:
            return trunk.told(outcomes)
        if trunk.failures:  # it ends early: nothing to learn from it
            raise _TooMuchError(None)
        assert self.ahead is not None  # noqa: S101 - a trunk is there
        steps = [tuple(m for m in step if trunk.below([m]) & before <= reached) for step in self.ahead.steps]
        raise _TooMuchError(Ahead(steps[0], steps[1], self.ahead.texts))

    def _learnt(self, trunk: Trunk, number: int) -> Ahead:
        """What is worth being followed ahead, as one resolution shows it."""
        loaded = trunk.loaded()
        importing, asked = (self._roots(number, name) for name in self.names)
        pair = importing | asked
        entries = self._asked[number][1]
        direct = {other for module in loaded if _root(module) in importing for other in trunk.met(module)}
        below, between = [], []
        for module, path in loaded.items():
            if not path.startswith(PREFIX) or _root(module) in importing or module in entries:
                continue
            within = trunk.below([module])
            roots = {_root(name) for name in within}
            if "." not in module and not roots & pair and len(within & loaded.keys()) >= _WORTH:
                below.append(module)
            elif module in direct and not roots & importing:
                between.append(module)
        return Ahead(tuple(below), tuple(between), trunk.texts)

    # ---------------------------------------------------------------- what is asked

    def _roots(self, number: int, name: str) -> set[str]:
        """The first names of the modules of a distribution."""
        picked = self._asked[number][0].get(name)
        wheel = self.judge.reader.wheel(picked.file) if picked is not None else None
        return {_root(module) for module in top_modules(wheel)} if wheel is not None else set()

    def _kin(self, *numbers: int) -> str:
        """The version of what is imported, when it is the same in several resolutions; '' when not."""
        versions = {picked.version for n in numbers if (picked := self._asked[n][0].get(self.names[1])) is not None}
        return versions.pop() if len(numbers) > 0 and len(versions) == 1 else ""

    def _examination(self, number: int) -> Examination:
        if number not in self._examinations:
            self._examinations[number] = self.judge.examination(*self._asked[number])
        return self._examinations[number]

    def _question(self, number: int) -> Question:
        examination = self._examination(number)
        environment, files = examination.environment, examination.files
        natives = examination.rulebook.natives
        return Question(
            environment=environment, files=files, entries=(), assumed=examination.assumed, database=open_database(),
            surroundings=surroundings_of(environment, files, natives),
        )  # fmt: skip


def _root(module: str) -> str:
    return module.partition(".")[0]


def flocks(asked: Sequence[tuple[Asked, tuple[str, str]]], processes: int) -> list[list[int]]:
    """Numbers of what is asked, the similar ones together and in a row, in as many parts as keep all processes busy."""
    sizes: dict[str, int] = {}
    for (resolution, _), _names in asked:
        for picked in resolution.picked:
            sizes[picked.name] = max(sizes.get(picked.name, 0), picked.file.size or 0)
    large = sorted(sizes, key=lambda name: (-sizes[name], name))

    def likeness(number: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        (resolution, _), names = asked[number]
        versions = resolution.versions
        third = tuple(versions.get(name, "") for name in large if name not in names)
        return third, tuple(versions.get(name, "") for name in reversed(names))

    ordered = sorted(range(len(asked)), key=likeness)
    parts: list[list[int]] = []
    for number in ordered:
        if parts and likeness(parts[-1][-1])[0][:_LARGEST] == likeness(number)[0][:_LARGEST]:
            parts[-1].append(number)
        else:
            parts.append([number])
    while len(parts) < 2 * processes and max(map(len, parts)) > _SMALLEST:
        parts.sort(key=len)
        most = parts.pop()
        parts += [most[: len(most) // 2], most[len(most) // 2 :]]
    return sorted(parts, key=len, reverse=True)
