"""What is asked of the import contracts, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from doctor.imports.failures import Failure
from doctor.imports.machine import Machine, Surroundings
from doctor.imports.store import Database
from doctor.model import Environment, FileView
from doctor.rulebook.names import import_names


@dataclass(frozen=True, kw_only=True)
class Question:
    """What to follow and with what knowledge. ``entries`` are module names, or paths of programs.

    With ``owner`` (the distribution of a path by name, '' for none) functions of the loaded modules are looked at, too.
    With ``recall`` what ``database`` keeps of earlier answers is used where it would come out the same.
    ``enough`` is asked of the answer for the first entry; when it says so, the others are left out.
    """

    environment: Environment
    files: FileView
    entries: tuple[str, ...]
    assumed: Mapping[str, str] = field(default_factory=dict)
    surroundings: Surroundings | None = None
    database: Database | None = None
    progress: Callable[[int, int], None] | None = None
    owner: Callable[[str], str] | None = None
    recall: bool = False
    enough: Callable[[Followed], bool] | None = None

    @property
    def known(self) -> Surroundings:
        """The surroundings; without any only the versions are known."""
        return self.surroundings or Surroundings(versions={d.name: d.version for d in self.environment.distributions})


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What importing one entry would do: ``fails`` by ``failures``, or not; ``unknown`` when it could not be followed."""

    entry: str
    outcome: str
    failures: tuple[Failure, ...] = ()
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Followed:
    """The answer: certain failures (roots), failing calls, per-entry verdicts, and what was looked at.

    ``possible``, ``guarded``, ``unreadable`` and ``machine`` are those of what was followed now, not of what was recalled.
    """

    failures: tuple[Failure, ...]
    verdicts: tuple[Verdict, ...]
    modules: tuple[str, ...]
    calls: tuple[Failure, ...] = ()
    possible: tuple[Failure, ...] = ()
    guarded: tuple[Failure, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    machine: Machine | None = None


def assumed_roots(assumed: Mapping[str, str]) -> frozenset[str]:
    """Import names that a distribution of that name may bring."""
    alike = (n for name in assumed for n in (name, name.replace("-", "_"), name.replace("-", ".")))
    other = (module.partition(".")[0] for module, name in import_names().items() if name in assumed)
    return frozenset((*alike, *other))
