"""What an installer would have chosen on a day: requirements resolved against the index as it stood then.

The rules are pip's, on the same library (resolvelib): the newest version that all who ask for it accept, wheels
before source archives, nothing withdrawn. Upload times (PEP 700) say what was there at the end of the day. Nothing is
built and nothing is run: what a source archive asks for is read from the metadata in it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from resolvelib import BaseReporter, ResolutionImpossible, ResolutionTooDeep, Resolver

from doctor.errors import DoctorError, IndexUnavailableError
from doctor.index.index import Index
from doctor.index.releases import ReleaseFile, Window
from doctor.model import Interpreter
from doctor.stacks.resolution_ahead import CONNECTIONS, Ahead
from doctor.stacks.resolution_asks import Ask
from doctor.stacks.resolution_metadata import MetadataReader
from doctor.stacks.resolution_provider import IndexProvider

_OFFLINE = "With --offline only what was read before is known."
ROUNDS = 20_000
"""Choices after which a resolution is given up; real ones take some hundreds."""


class UnresolvableError(DoctorError):
    """No set of versions satisfies what was asked for on that day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be resolved, and for whom.

    ``requirements`` are PEP 508 texts, ``constraints`` limit what comes along without asking for it. ``day`` is the
    last day whose uploads count (UTC), None for all. ``present`` maps normalized names to the versions of what comes
    in another way (the host's, a checkout's): it is taken as it is and never looked for.
    """

    requirements: tuple[str, ...]
    interpreter: Interpreter
    constraints: tuple[str, ...] = ()
    day: dt.date | None = None
    present: Mapping[str, str] = field(default_factory=dict)

    @property
    def window(self) -> Window:
        """The upload times that count."""
        return Window(before=end_of(self.day) if self.day else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """One distribution of a resolution: the file an installer would take, and what that asks for."""

    name: str
    version: str
    file: ReleaseFile
    requires: tuple[str, ...] = ()

    @property
    def pin(self) -> str:
        """``name==version``."""
        return f"{self.name}=={self.version}"

    @property
    def uploaded(self) -> str:
        """The ISO date on which the file appeared, '' when the index does not tell."""
        return self.file.upload_time.date().isoformat() if self.file.upload_time else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """All distributions by name, and what could not be had from an index, with the reason."""

    picked: tuple[Picked, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> Picked | None:
        """The distribution of that normalized name."""
        return next((p for p in self.picked if p.name == name), None)

    @property
    def versions(self) -> dict[str, str]:
        """Name -> version."""
        return {p.name: p.version for p in self.picked}

    @property
    def key(self) -> tuple[str, ...]:
        """Equal for resolutions that would be installed alike."""
        return tuple(f"{p.pin}@{p.file.sha256 or p.file.filename}" for p in self.picked)


def end_of(day: dt.date) -> dt.datetime:
    """The first moment after a day, UTC."""
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), tzinfo=dt.UTC)


class _Quiet(BaseReporter[Ask, object, str]):
    """Nobody watches."""


def resolve(wanted: Wanted, index: Index, reader: MetadataReader | None = None) -> Resolution:
    """The versions that an installer would choose; ``reader`` keeps metadata over several resolutions.

    Raises:
        UnresolvableError: the requirements contradict each other, or something asked for did not exist then.
        IndexUnavailableError: the index cannot be asked.
        UsageError: a requirement is none by PEP 508.
    """
    with Ahead(0 if index.settings.offline else CONNECTIONS) as ahead:
        return _resolved(wanted, index, reader or MetadataReader(index), ahead)


def _resolved(wanted: Wanted, index: Index, reader: MetadataReader, ahead: Ahead) -> Resolution:
    provider = IndexProvider(
        ahead=ahead,
        index=index,
        reader=reader,
        interpreter=wanted.interpreter,
        window=wanted.window,
        constraints=wanted.constraints,
        present=wanted.present,
    )
    roots = provider.roots(wanted.requirements)
    resolver: Resolver[Ask, object, str] = Resolver(provider, _Quiet())  # type: ignore[arg-type]
    try:
        result = resolver.resolve(roots, max_rounds=ROUNDS)
    except ResolutionImpossible as impossible:
        sentence = _sentence(impossible, wanted)
        if index.settings.offline:
            raise IndexUnavailableError(f"{sentence} {_OFFLINE}") from None
        raise UnresolvableError(sentence) from None
    except ResolutionTooDeep:
        raise UnresolvableError(
            f"No set of versions was found within {ROUNDS:,} choices; ask for exact versions of more distributions."
        ) from None
    chosen = {key: candidate for key, candidate in result.mapping.items() if "[" not in key}
    picked = tuple(
        Picked(name=c.name, version=c.version, file=c.file, requires=reader.of(c.file).requires)  # type: ignore[attr-defined]
        for _, c in sorted(chosen.items())
        if c.file is not None  # type: ignore[attr-defined]
    )
    return Resolution(picked=picked, left_out=tuple(sorted(provider.left_out.items())))


def _sentence(impossible: ResolutionImpossible[Ask, object], wanted: Wanted) -> str:
    """Who asks for what, in one sentence."""
    when = f" on {wanted.day.isoformat()}" if wanted.day else ""
    texts = []
    for cause in impossible.causes:
        parent = f"{getattr(cause.parent, 'pin', '')} asks" if cause.parent else "you ask"
        texts.append(f"{parent} for {cause.requirement.shown}")
    unique = list(dict.fromkeys(texts))
    python = wanted.interpreter.version
    return f"No set of versions for Python {python} satisfied all that is asked for{when}: " + "; ".join(unique) + "."
