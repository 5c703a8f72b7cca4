"""Following that many environments share: it goes on in another one as long as that would have told it the same.

A trunk follows entries in one environment and notes what it asks (``journal``). In another environment where each of
these questions has the same answer, following them would have come out the same: the trunk can be moved there and
goes on. Whoever wants it more than once copies the process (``fork``) and moves the copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from doctor.imports.contracts import answer_of, follow_entry, noted_machine
from doctor.imports.failures import Failure
from doctor.imports.finder import Finder
from doctor.imports.followed import Followed, Question, Verdict, assumed_roots
from doctor.imports.journal import (
    Answer,
    Asked,
    Journal,
    NotedAbsence,
    NotedFiles,
    NotedFinder,
    NotedStore,
    World,
    noted_surroundings,
)
from doctor.imports.recall import entry_name
from doctor.imports.values import Module
from doctor.model import FileView


class Trunk:
    """One abstract interpreter, and the environment that it stands in now. Use it with a deep stack (``deeply``)."""

    def __init__(self, question: Question) -> None:
        """Nothing is followed yet; the question's entries do not count."""
        self.question = question
        self.journal = Journal()
        self.machine = noted_machine(question, self.journal)
        self._earlier: list[Question] = []  # a database that another process has open must not be closed by this one

    def follow(self, entries: Iterable[str]) -> tuple[Verdict, ...]:
        """Import modules as one program would, after what was followed before."""
        return tuple(follow_entry(self.machine, entry) for entry in entries)

    def told(self, verdicts: Iterable[Verdict]) -> Followed:
        """The answer for some entries that were followed."""
        return answer_of(self.question, self.machine, self.journal, list(verdicts))[0]

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What certainly failed so far."""
        return tuple(self.machine.failures.values())

    def loaded(self) -> dict[str, str]:
        """Modules with a file that were executed to their end, oldest first, and their files."""
        found = ((n, m) for n, m in self.machine.modules.items() if isinstance(m, Module) and m.state == "done")
        return {name: module.spec.path for name, module in found if module.spec.path and name != "__main__"}

    @property
    def texts(self) -> tuple[str, ...]:
        """Which texts of whole packages were searched, for ``hold``."""
        return self.machine.absence.held

    def hold(self, texts: Iterable[str]) -> None:
        """Read texts of packages that will be searched, once for all that goes on from here."""
        for key in texts:
            self.machine.absence.hold(key)

    def met(self, name: str) -> tuple[str, ...]:
        """The modules that a module imports or finds imported."""
        return tuple(self.journal.met.get(name, ()))

    def reached(self, entries: Iterable[str]) -> set[str]:
        """All modules that following the entries alone meets."""
        return self.below(entry_name(entry) for entry in entries)

    def below(self, names: Iterable[str]) -> set[str]:
        """The modules, and all that they meet on the way."""
        todo = list(names)
        within = set(todo)
        while todo:
            for other in self.journal.met.get(todo.pop(), ()):
                if other not in within:
                    within.add(other)
                    todo.append(other)
        return within

    def moved(self, question: Question) -> bool:
        """Stand in the environment of another question from now on; False, and nothing is changed, when it would tell otherwise."""
        old, here = self.question, Likeness(self.question.files, question.files)
        if _frame(old) != _frame(question) or not all(self._same(question, here)):
            return False
        self._earlier.append(old)
        machine, self.question = self.machine, question
        finder = NotedFinder(question.environment, question.files, assumed_roots(question.assumed)).noted(self.journal)
        finder.path = machine.finder.path  # the very list that code has changed
        store = NotedStore(question.files, question.database).noted(self.journal)
        store.take(machine.store)
        absence = NotedAbsence(finder, self.journal)
        absence.take(machine.absence, here.tree)
        known = self._known(question)
        machine.finder, machine.store, machine.absence = finder, store, absence
        machine.files, machine.surroundings = (
            NotedFiles(question.files, self.journal),
            noted_surroundings(known, self.journal),
        )
        return True

    def _known(self, question: Question) -> Any:
        """Surroundings of another environment of the same interpreter, whose standard library is known already."""
        mine = self.question.known
        return replace(
            question.known,
            stdlib_names=mine.stdlib_names,
            stdlib_has=mine.stdlib_has,
            stdlib_failure=mine.stdlib_failure,
        )

    def _same(self, question: Question, here: Likeness) -> Iterator[bool]:
        """For each question that was asked so far whether its answer is the same; the cheapest first."""
        question = replace(question, surroundings=self._known(question))
        finder = Finder(question.environment, question.files, assumed_roots(question.assumed))
        world = World(finder, question.files, question.known, question.owner)
        asked: dict[Asked, Answer] = {}
        for notes in self.journal.answers.values():
            asked.update(notes)
        for about in sorted(asked, key=lambda a: _COST.get(a[0], 0)):
            if about[0] in _FILE and here.file(about[1]):
                continue
            if about[0] in _TREE and here.tree(about[1]):
                continue
            yield world.answer(about) == asked[about]


_FILE = frozenset({"source", "text"})
_TREE = frozenset({"certain", "ungiven", "undefined"})
_COST = {"in": 1, "root": 1, "source": 2, "text": 2, "native": 3, "certain": 4, "ungiven": 4, "undefined": 4}


def _frame(question: Question) -> tuple[Any, ...]:
    """What is no question, for it is the same for all that is asked."""
    environment, known = question.environment, question.known
    return (
        environment.path, environment.interpreter, environment.python_version, environment.search_path,
        environment.library_path, environment.editable, dict(question.assumed), dict(known.raises), dict(known.native_needs),
        question.owner is None,
    )  # fmt: skip


class Likeness:
    """Which files and directories are the same in two views: where the facts are, the content is (see ``FileFacts``)."""

    def __init__(self, one: FileView, other: FileView) -> None:
        """Nothing is looked at yet."""
        self._one, self._other = one, other
        self._trees: dict[str, bool] = {}

    def file(self, path: str) -> bool:
        """The same file is there in both."""
        facts = self._one.facts(path)
        return facts is not None and facts.kind == "file" and facts == self._other.facts(path)

    def tree(self, directory: str) -> bool:
        """The same files are below it in both."""
        if directory not in self._trees:
            self._trees[directory] = self._alike(directory)
        return self._trees[directory]

    def _alike(self, directory: str) -> bool:
        names = self._one.listing(directory)
        if names is None or names != self._other.listing(directory):
            return False
        return all(self.file(path) or self.tree(path) for path in (f"{directory}/{name}" for name in names))
