"""What a plan must leave alone: pins of the stack, of the user's constraints, of ``--keep``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import canonicalize_name

from doctor.errors import UsageError
from doctor.index.releases import Window
from doctor.model import Environment
from doctor.rulebook.requirements import UNREADABLE, admits, requirement
from doctor.rulebook.rules import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A requirement that must hold after the plan, and who wants it (``the stack pins``, ``you keep``)."""

    requirement: str
    who: str

    @property
    def name(self) -> str:
        """Normalized name."""
        return requirement(self.requirement).name


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """``pins`` must hold; ``window`` bounds upload times; ``unsafe`` admits plans that give up the stack's pins."""

    pins: tuple[Pin, ...] = ()
    window: Window = field(default_factory=Window)
    unsafe: bool = False

    def forbids(self, name: str, version: str | None) -> str:
        """Who forbids that version of a distribution (None: that it goes), '' when nobody does."""
        for pin in self.pins:
            if pin.name == name and (version is None or not admits(pin.requirement, version)):
                return f"{pin.requirement}, which {pin.who}"
        return ""


def make_policy(
    environment: Environment, stack: Stack | None, keep: Sequence[str], constraints: Sequence[str]
) -> Policy:
    """The policy for an environment; ``keep`` are names, ``constraints`` files as pip takes them.

    A pin of the stack that the environment breaks already is no reason to keep what is there: it is still a pin.

    Raises:
        UsageError: a name of ``keep`` is not installed.
    """
    pins = [Pin(requirement=text, who="you keep") for text in _kept(environment, keep)]
    pins += [Pin(requirement=text, who="your constraints pin") for path in constraints for text in _lines(path)]
    pins += [Pin(requirement=text, who="the stack pins") for text in (stack.pins if stack else ())]
    return Policy(pins=tuple(pins))


def _kept(environment: Environment, keep: Iterable[str]) -> Iterable[str]:
    """Names of ``--keep`` as exact pins."""
    for text in keep:
        name = canonicalize_name(text.partition("=")[0].strip())
        found = environment.distribution(name)
        if found is None:
            raise UsageError(f"--keep {text}: {environment.path} has no distribution of that name.")
        yield found.pin


def _lines(path: str) -> Iterable[str]:
    """The requirements of a constraints file; what cannot be read constrains nothing here (pip will say so)."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        bare = line.split(" #")[0].strip()
        if bare and not bare.startswith(("#", "-")):
            try:
                requirement(bare)
            except UNREADABLE:
                continue
            yield bare
