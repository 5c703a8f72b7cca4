"""The index as a resolver sees it: which files could be chosen for a name, and what each of them asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from resolvelib import AbstractProvider

from doctor.index.index import Index
from doctor.index.releases import Release, ReleaseFile, Window, python_allowed
from doctor.model import Interpreter
from doctor.rulebook.requirements import UNREADABLE, requirement
from doctor.stacks.resolution_ahead import Ahead
from doctor.stacks.resolution_asks import Ask, ask_of, batches, contains, key_of, parsed_requirement, version_of
from doctor.stacks.resolution_metadata import MetadataReader

_UPPER = ("<", "<=", "~=")
_NEVER = "<never>"
"""A name that no distribution has: asking for it makes a candidate impossible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One version that could be chosen; ``file`` is None for what comes in another way."""

    name: str
    version: str
    file: ReleaseFile | None
    extras: tuple[str, ...] = ()

    @property
    def pin(self) -> str:
        """``name==version``."""
        return f"{self.name}=={self.version}"


@dataclass(kw_only=True)
class IndexProvider(AbstractProvider[Ask, Candidate, str]):
    """Answers the resolver's questions; ``left_out`` grows by what no index has (archives by URL)."""

    index: Index
    reader: MetadataReader
    interpreter: Interpreter
    window: Window
    constraints: Sequence[str] = ()
    present: Mapping[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    ahead: Ahead = field(default_factory=lambda: Ahead(0))
    _order: dict[str, int] = field(default_factory=dict)
    _limits: dict[str, SpecifierSet] = field(default_factory=dict)
    _files: dict[tuple[str, str, bool], ReleaseFile | None] = field(default_factory=dict)
    _asked: dict[tuple[str, str, tuple[str, ...]], tuple[Ask, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Tags are ranked once."""
        self._ranks = {tag: number for number, tag in enumerate(self.interpreter.tags)}

    def roots(self, texts: Iterable[str]) -> list[Ask]:
        """What the user asks for, as far as its markers hold; raises ``UsageError`` for what is no requirement."""
        for text in self.constraints:
            parsed = parsed_requirement(text)
            if self._holds(parsed, ""):
                self._limits[parsed.name] = self._limits.get(parsed.name, SpecifierSet()) & parsed.specifier
        found = []
        for text in texts:
            parsed = parsed_requirement(text)
            if self._holds(parsed, "") and not self._from_elsewhere(parsed):
                found.append(ask_of(parsed))
                self._order.setdefault(parsed.name, len(self._order))
        self._look_ahead(found)
        return found

    # ------------------------------------------------------------ what the resolver asks

    def identify(self, requirement_or_candidate: Ask | Candidate) -> str:
        """The name, with the extras: these are resolved as if they were distributions of their own."""
        if isinstance(requirement_or_candidate, Ask):
            return requirement_or_candidate.key
        return key_of(requirement_or_candidate.name, requirement_or_candidate.extras)

    def get_preference(
        self,
        identifier: str,
        resolutions: Mapping[str, Candidate],
        candidates: Mapping[str, Iterator[Candidate]],
        information: Mapping[str, Iterator[Any]],
        backtrack_causes: Sequence[Any],
    ) -> tuple[Any, ...]:
        """Which name is decided first, as pip does it: pinned, bounded above, in the user's order, any bound."""
        del resolutions, candidates, backtrack_causes
        operators = [
            (clause.operator, clause.version)
            for info in information[identifier]
            for clause in info.requirement.requirement.specifier
        ]
        pinned = any(operator[:2] == "==" and "*" not in version for operator, version in operators)
        bounded = any(operator in _UPPER or "*" in version for operator, version in operators)
        order = self._order.get(identifier.partition("[")[0], len(self._order))
        return not pinned, not bounded, order, not operators, identifier

    def narrow_requirement_selection(
        self,
        identifiers: Iterable[str],
        resolutions: Mapping[str, Candidate],
        candidates: Mapping[str, Iterator[Candidate]],
        information: Mapping[str, Iterator[Any]],
        backtrack_causes: Sequence[Any],
    ) -> Iterable[str]:
        """After a conflict those who took part in it come first, as in pip."""
        del resolutions, candidates, information
        known = list(identifiers)
        causes = {cause.requirement.key for cause in backtrack_causes}
        causes.update(self.identify(cause.parent) for cause in backtrack_causes if cause.parent)
        return [identifier for identifier in known if identifier in causes] or known

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[Ask]],
        incompatibilities: Mapping[str, Iterator[Candidate]],
    ) -> Callable[[], Iterator[Candidate]]:
        """Versions that all who ask for it accept, best first; made one by one, for most are never looked at."""
        asks = list(requirements.get(identifier, ()))
        name, extras = asks[0].requirement.name, asks[0].extras
        if extras:
            asks += list(requirements.get(name, ()))
        wrong = {candidate.version for candidate in incompatibilities.get(identifier, ())}
        specifier = self._limits.get(name, SpecifierSet())
        for ask in asks:
            specifier &= ask.requirement.specifier
        return lambda: self._matches(name, extras, specifier, wrong)

    def is_satisfied_by(self, requirement: Ask, candidate: Candidate) -> bool:
        """The version is one that the requirement accepts; which pre-releases may be chosen was decided before."""
        return contains(requirement.versions, candidate.version)

    def get_dependencies(self, candidate: Candidate) -> Iterable[Ask]:
        """What the candidate's metadata asks for in this interpreter, with its extras."""
        if candidate.file is None:
            return ()
        key = (candidate.name, candidate.version, candidate.extras)
        if key not in self._asked:
            self.ahead.wait(f"metadata of {candidate.name} {candidate.version}")
            self._asked[key] = tuple(self._dependencies(candidate, candidate.file))
            self._look_ahead(self._asked[key])
        return self._asked[key]

    # ------------------------------------------------------------ how it is answered

    def _look_ahead(self, asks: Iterable[Ask]) -> None:
        """Begin to fetch what the resolver will want to know of these names."""
        for ask in asks:
            name = ask.requirement.name
            if _NEVER not in ask.extras and name not in self.present:
                self.ahead.begin(f"page of {name}", partial(self._fetch, name, ask.requirement.specifier))

    def _fetch(self, name: str, specifier: SpecifierSet) -> None:
        """In the background: the page of a name, then the metadata of the version that will most likely be chosen."""
        self.index.versions(name)
        limited = specifier & self._limits.get(name, SpecifierSet())
        chosen = next(self._matches(name, (), limited, set(), waits=False), None)
        if chosen is not None and chosen.file is not None:
            self.ahead.begin(f"metadata of {name} {chosen.version}", partial(self.reader.of, chosen.file))

    def _dependencies(self, candidate: Candidate, file: ReleaseFile) -> Iterator[Ask]:
        metadata = self.reader.of(file)
        python = self.interpreter.markers.get("python_full_version", self.interpreter.version)
        if metadata.unreadable or not python_allowed(metadata.requires_python, python):
            reason = metadata.unreadable or f"Python {metadata.requires_python}"
            yield Ask(Requirement("never"), (_NEVER,), why=reason)
            return
        if candidate.extras:
            yield ask_of(requirement(f"{candidate.name}=={candidate.version}"))
        for text in metadata.requires:
            try:
                parsed = requirement(text)
            except UNREADABLE:
                continue  # installers pass such lines over, too
            extras = candidate.extras or ("",)
            if any(self._holds(parsed, extra) for extra in extras) and not self._from_elsewhere(parsed):
                yield ask_of(parsed)

    def _holds(self, parsed: Requirement, extra: str) -> bool:
        if parsed.marker is None:
            return True
        return self.reader.holds(parsed.marker, extra, self.interpreter)

    def _from_elsewhere(self, parsed: Requirement) -> bool:
        """It names a URL: resolved by name where a constraint pins it exactly, else left out (and said so)."""
        if not parsed.url or parsed.name in self.present:
            return False
        limit = self._limits.get(parsed.name)
        exact = [c for c in limit or () if c.operator == "==" and "*" not in c.version]
        if exact:
            self.left_out[str(parsed)] = f"an archive; the index's {parsed.name} {exact[0].version} stands for it"
            return False
        self.left_out[str(parsed)] = "an archive that is on no package index"
        return True

    def _matches(
        self, name: str, extras: tuple[str, ...], specifier: SpecifierSet, wrong: set[str], *, waits: bool = True
    ) -> Iterator[Candidate]:
        if _NEVER in extras:
            return
        if name in self.present:
            if self.present[name] not in wrong and contains(str(specifier), self.present[name]):
                yield Candidate(name=name, version=self.present[name], file=None, extras=extras)
            return
        if waits:
            self.ahead.wait(f"page of {name}")
        releases = {release.version: release for release in self.index.versions(name)}
        text = str(specifier)
        fitting = [v for v in sorted(releases, key=version_of, reverse=True) if contains(text, v)]
        pinned = any(c.operator in ("==", "===") and "*" not in c.version for c in specifier)
        for withdrawn in (False, True) if pinned else (False,):
            for batch in batches(fitting, specifier):
                files = ((v, file) for v in batch if (file := self._file(releases[v], withdrawn=withdrawn)))
                found = False
                for version, file in files:
                    found = True
                    if version not in wrong:
                        yield Candidate(name=name, version=version, file=file, extras=extras)
                if found:
                    return

    def _file(self, release: Release, *, withdrawn: bool) -> ReleaseFile | None:
        key = (release.name, release.version, withdrawn)
        if key not in self._files:
            self._files[key] = self._chosen(release, withdrawn=withdrawn)
        return self._files[key]

    def _chosen(self, release: Release, *, withdrawn: bool) -> ReleaseFile | None:
        """The wheel that fits best, else a source archive; ``withdrawn`` ones only when nothing else is pinned."""
        if withdrawn:
            release = replace(release, files=tuple(replace(f, yanked=False) for f in release.files if f.yanked))
        python = self.interpreter.markers.get("python_full_version", self.interpreter.version)
        there = [f for f in release.files if not f.yanked and self.window.holds(f)]
        files = [f for f in there if python_allowed(f.requires_python, python)]
        wheels = [
            (min(map(self._ranks.__getitem__, fitting)), f.filename, f)
            for f in files
            if f.is_wheel and (fitting := f.tags & self._ranks.keys())
        ]
        if wheels:
            return min(wheels, key=lambda item: item[:2])[2]
        archives = (f for f in files if not f.is_wheel)
        return min(archives, key=lambda f: (not f.filename.endswith(".tar.gz"), f.filename), default=None)
