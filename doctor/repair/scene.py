"""Everything that a search for a cure looks at, and the looks themselves (metadata, checks) on a target."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Thread

from doctor.checks.examination import Stop
from doctor.checks.examine import Options, examine_environment
from doctor.checks.needs import Need, find_needs
from doctor.errors import IndexUnavailableError
from doctor.index.index import Candidate, Index
from doctor.model import Environment, FileView, Report
from doctor.planned.after import After, after_target
from doctor.planned.removal import Records
from doctor.planned.target import Chosen, Target
from doctor.repair.policy import Policy
from doctor.rulebook.requirements import admits, version
from doctor.rulebook.rules import Rulebook


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The patient as it is, what is known about it, and what may be asked.

    ``report`` is the examination before; ``progress`` is told in a few words what is being tried; ``locked`` are the
    versions of the stack's known-good set by normalized name; ``asked``: what a resolver was asked about.
    """

    report: Report
    environment: Environment
    files: FileView
    records: Records
    rulebook: Rulebook
    options: Options
    index: Index
    policy: Policy
    progress: Callable[[str], None] = lambda _text: None
    locked: Mapping[str, str] = field(default_factory=dict)
    asked: list[object] = field(default_factory=list)
    _afters: dict[object, After] = field(default_factory=dict)
    _candidates: dict[str, tuple[Candidate, ...]] = field(default_factory=dict)

    @cached_property
    def asked_for(self) -> frozenset[str]:
        """What the user installed by name; where that is said of everything, what nobody else needs."""
        asked = frozenset(d.name for d in self.environment.distributions if d.requested)
        if any(d.metadata_path and not d.requested for d in self.environment.distributions):
            return asked
        needs = find_needs(self.environment)
        return frozenset(name for name in asked if not needs.on(name))

    def after(self, target: Target) -> After:
        """The environment as the target would make it."""
        if target.key not in self._afters:
            if len(self._afters) > 64:  # noqa: PLR2004 - these hold whole file lists
                self._afters.clear()
            self._afters[target.key] = after_target(target, self.environment, self.files, self.records)
        return self._afters[target.key]

    def examine(self, target: Target, stop: Stop | None = None) -> Report:
        """All checks on the after-environment; ``stop`` ends them early."""
        after = self.after(target)
        options = replace(self.options, stack=self.report.stack or "none")
        report = examine_environment(after.environment, after.files, self.rulebook, options, stop=stop)
        gc.collect()  # what was followed hangs together in circles, hundreds of megabytes of it
        return report

    def candidates(self, name: str) -> tuple[Candidate, ...]:
        """Versions that could be installed, oldest first; pre-releases only where one is installed already."""
        interpreter = self.environment.interpreter
        if name not in self._candidates and interpreter is not None:
            installed = self.environment.distribution(name)
            known = version(installed.version) if installed else None
            self._candidates[name] = self.index.candidates(
                name, interpreter, self.policy.window, prereleases=bool(known and known.is_prerelease)
            )
        return self._candidates.get(name, ())

    def open_ahead(self, candidates: Iterable[Candidate]) -> None:
        """Open wheels that will be looked at, all at once: an index far away is waited for once, not for each."""
        threads = [Thread(target=self._open, args=(candidate,), daemon=True) for candidate in candidates]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()  # which an interruption ends at once, and daemons do not outlive the program

    def _open(self, candidate: Candidate) -> None:
        with suppress(IndexUnavailableError, KeyError):
            self.index.wheel(candidate.file).metadata()

    def choose(self, candidate: Candidate, because: str = "") -> Chosen:
        """A candidate with its wheel opened."""
        return Chosen(candidate=candidate, wheel=self.index.wheel(candidate.file), because=because)


def unmet(environment: Environment) -> dict[tuple[str, str], Need]:
    """Declared requirements that the environment does not meet, by requirer's name and requirement."""
    return {
        (need.requirer.name, str(need.requirement)): need
        for need in find_needs(environment).found
        if not _met(need, environment)
    }


def _met(need: Need, environment: Environment) -> bool:
    """The requirement holds (a direct reference is met by whatever has the name)."""
    found = environment.distribution(need.name)
    return found is not None and (
        bool(need.requirement.url) or admits(f"{need.name}{need.requirement.specifier}", found.version)
    )
