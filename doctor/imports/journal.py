"""What following asked of the world outside, and for which module: to tell later whether it would be told the same.

The importer learns of an environment by few kinds of questions: where a module is, what a source says, whether a file
is there, which version is installed, why compiled code cannot be loaded, whose a file is. Each question is noted with
its answer under the module that was being executed, together with the modules which that one met. A module's part of
the result then depends on the answers of all modules that it reaches, and on nothing else that changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from doctor.imports.absence import Absence
from doctor.imports.finder import Finder, Spec
from doctor.imports.lower import Summary
from doctor.imports.machine import Surroundings
from doctor.imports.store import SummaryStore, content_mark
from doctor.model import FileFacts, FileView

Asked = tuple[Any, ...]
"""A question: its kind, then what it is about; text and tuples of text only."""

Answer = Any
"""What JSON can keep."""


class World:
    """Answers the importer's questions anew, each at once from the environment."""

    def __init__(
        self, finder: Finder, files: FileView, surroundings: Surroundings, owner: Callable[[str], str] | None
    ) -> None:
        """``finder`` must be as new: code may change its path."""
        self._finder, self._files, self._surroundings = finder, files, surroundings
        self._absence = Absence(finder)
        self._owner = owner or (lambda _path: "")
        self._told: dict[Asked, Answer] = {}
        self._kinds: dict[str, Callable[..., Answer]] = {
            "root": self._root,
            "in": lambda name, paths: told_spec(finder.find_in(name, paths)),
            "source": lambda path: content_mark(files, path),
            "text": lambda path, limit: content_mark(files, path, limit),
            "facts": lambda path: told_facts(files.facts(path)),
            "version": surroundings.versions.get,
            "native": surroundings.native_failure,
            "standard": surroundings.stdlib_failure,
            "certain": self._absence.certain,
            "ungiven": self._absence.ungiven,
            "undefined": self._absence.undefined,
            "owner": self._owner,
        }

    def answer(self, asked: Iterable[Any]) -> Answer:
        """The answer to a noted question; raises ``LookupError``, ``TypeError`` when it is none."""
        kind, *about = asked
        key = (kind, *(tuple(x) if isinstance(x, list) else x for x in about))
        if key not in self._told:  # many answers that are kept ask the same
            self._told[key] = self._kinds[kind](*about)
        return self._told[key]

    def _root(self, name: str, path: list[str] | None) -> Answer:
        if path is None:
            return told_spec(self._finder.find_root(name))
        usual, self._finder.path = self._finder.path, list(path)
        try:
            return told_spec(self._finder.find_root(name))
        finally:
            self._finder.path = usual


class Journal:
    """The questions of one machine, by the name of the module (or entry) for which they were asked."""

    def __init__(self) -> None:
        """Nothing is asked yet; ``asking`` must be set before. While ``about`` names a module, that one asks."""
        self.asking: Callable[[], str] = lambda: ""
        self.about = ""
        self.answers: dict[str, dict[Asked, Answer]] = {}
        self.met: dict[str, dict[str, None]] = {}

    def note(self, asked: Asked, answer: Answer) -> None:
        """Keep the first answer: a question is asked of one moment."""
        self.answers.setdefault(self.about or self.asking(), {}).setdefault(asked, answer)

    def meet(self, name: str) -> None:
        """The present module imports (or finds imported) another one."""
        self.met.setdefault(self.about or self.asking(), {})[name] = None


class NotedFinder(Finder):
    """A finder that notes where modules were found."""

    def noted(self, journal: Journal) -> NotedFinder:
        """Itself, noting from now on."""
        self._journal, self._usual = journal, tuple(self.path)
        return self

    def find_root(self, name: str) -> Spec | None:
        """As ``Finder.find_root``."""
        found = super().find_root(name)
        path = None if tuple(self.path) == self._usual else tuple(p for p in self.path if isinstance(p, str))
        self._journal.note(("root", name, path), told_spec(found))
        return found

    def find_in(self, fullname: str, paths: Iterable[str]) -> Spec | None:
        """As ``Finder.find_in``."""
        places = tuple(paths)
        found = super().find_in(fullname, places)
        self._journal.note(("in", fullname, places), told_spec(found))
        return found


class NotedStore(SummaryStore):
    """A store that notes what the sources were."""

    def noted(self, journal: Journal) -> NotedStore:
        """Itself, noting from now on."""
        self._journal = journal
        return self

    def summary(self, path: str, minor: tuple[int, int]) -> tuple[Summary, bytes]:
        """As ``SummaryStore.summary``."""
        try:
            return super().summary(path, minor)
        finally:
            self._journal.note(("source", path), self.mark(path))


class NotedFiles:
    """What code itself asks of files."""

    def __init__(self, files: FileView, journal: Journal) -> None:
        """The answers are those of ``files``."""
        self._files, self._journal = files, journal

    def facts(self, path: str) -> FileFacts | None:
        """As ``FileView.facts``."""
        found = self._files.facts(path)
        self._journal.note(("facts", path), told_facts(found))
        return found

    def read(self, path: str, limit: int | None = None) -> bytes:
        """As ``FileView.read``."""
        self._journal.note(("text", path, limit), content_mark(self._files, path, limit))
        return self._files.read(path, limit)


class NotedAbsence(Absence):
    """Notes which words were looked for."""

    def __init__(self, finder: Finder, journal: Journal) -> None:
        """As ``Absence``."""
        super().__init__(finder)
        self._journal = journal

    def certain(self, directory: str, name: str) -> bool:
        """As ``Absence.certain``."""
        found = super().certain(directory, name)
        self._journal.note(("certain", directory, name), found)
        return found

    def undefined(self, directory: str, name: str) -> bool:
        """As ``Absence.undefined``."""
        found = super().undefined(directory, name)
        self._journal.note(("undefined", directory, name), found)
        return found

    def ungiven(self, directory: str, name: str) -> bool:
        """As ``Absence.ungiven``."""
        found = super().ungiven(directory, name)
        self._journal.note(("ungiven", directory, name), found)
        return found


class _NotedVersions(Mapping[str, str]):
    def __init__(self, versions: Mapping[str, str], journal: Journal) -> None:
        self._versions, self._journal = versions, journal

    def __getitem__(self, name: str) -> str:
        found = self._versions.get(name)
        self._journal.note(("version", name), found)
        return self._versions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._versions)

    def __len__(self) -> int:
        return len(self._versions)


def noted_surroundings(surroundings: Surroundings, journal: Journal) -> Surroundings:
    """The same surroundings; what is asked of them that may change is noted."""
    return replace(
        surroundings,
        versions=_NotedVersions(surroundings.versions, journal),
        native_failure=noted(surroundings.native_failure, "native", journal),
        stdlib_failure=noted(surroundings.stdlib_failure, "standard", journal),
    )


def noted(ask: Callable[[str], Any], kind: str, journal: Journal) -> Callable[[str], Any]:
    """A question about one text, noting."""

    def asking(about: str) -> Any:
        found = ask(about)
        journal.note((kind, about), found)
        return found

    return asking


def told_spec(spec: Spec | None) -> Answer:
    """A spec as JSON keeps it; its name is in the question."""
    return None if spec is None else [spec.kind, spec.path, list(spec.paths), spec.package]


def told_facts(facts: FileFacts | None) -> Answer:
    """Of a file's facts what code at import time can tell: its kind, and whether it is empty."""
    return None if facts is None else [facts.kind, facts.kind == "file" and bool(facts.size)]
