"""Who needs what: the declared requirements that count in the patient (PEP 508), with the extras asked for."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from doctor.model import Distribution, Environment
from doctor.rulebook.match import marker_environment
from doctor.rulebook.requirements import UNREADABLE, requirement

_SOME_MACHINES = re.compile(r"platform_machine|(?:sys_platform|platform_system|os_name)\s*==")


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One requirement that counts. ``extra`` is the extra of the requirer that asks for it, '' for a plain one."""

    requirer: Distribution
    requirement: Requirement
    extra: str = ""

    @property
    def name(self) -> str:
        """Normalized name of what is needed."""
        return self.requirement.name

    @property
    def for_some_machines(self) -> bool:
        """Whether its marker selects some platforms: what a host or container often brings itself."""
        return _SOME_MACHINES.search(str(self.requirement.marker or "")) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A requirement that is none by the standard; installers refuse or ignore it."""

    requirer: Distribution
    text: str


@dataclass(slots=True)
class Needs:
    """All needs of an environment; ``of`` and ``on`` give them by requirer and by what is needed."""

    environment: Environment
    found: list[Need] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    visible: dict[str, Distribution] = field(default_factory=dict)

    def on(self, name: str) -> list[Need]:
        """Who needs the distribution of that normalized name."""
        return [need for need in self.found if need.name == name]

    def why(self, name: str) -> str:
        """Why a distribution is installed: ``jupyterlab › notebook › nbclient``, '' when nothing needs it.

        The shortest way from one that was asked for by name (PEP 376 REQUESTED), or that nothing else needs.
        """
        requirers: dict[str, list[str]] = {}
        for need in self.found:
            requirers.setdefault(need.name, []).append(need.requirer.name)
        way = {name: ""}
        waiting = deque([name])
        while waiting:
            current = waiting.popleft()
            above = [r for r in requirers.get(current, ()) if r != current]
            if current != name and (self.visible[current].requested or not above):
                return _path(way, current)
            for requirer in sorted(above):
                if requirer not in way:
                    way[requirer] = current
                    waiting.append(requirer)
        return ""


def find_needs(environment: Environment) -> Needs:
    """Every requirement whose marker holds in the patient, with extras that requirements ask for followed.

    Distributions that another of the same name hides need nothing; assumed ones declare nothing.
    """
    needs = Needs(environment)
    for distribution in environment.distributions:
        needs.visible.setdefault(distribution.name, distribution)
    values = marker_environment(environment)
    waiting = deque((d, "") for d in needs.visible.values())
    seen = {(d.name, "") for d in needs.visible.values()}
    while waiting:
        distribution, extra = waiting.popleft()
        for need in _needs_of(distribution, extra, values, needs.unreadable):
            needs.found.append(need)
            provider = needs.visible.get(need.name)
            for wanted in sorted(need.requirement.extras):
                key = (need.name, canonicalize_name(wanted))
                if provider is not None and key not in seen:
                    seen.add(key)
                    waiting.append((provider, key[1]))
    return needs


def _needs_of(
    distribution: Distribution, extra: str, values: Mapping[str, str], unreadable: list[Unreadable]
) -> Iterator[Need]:
    """The distribution's plain needs, or only those that one of its extras adds."""
    plain, asked = dict(values, extra=""), dict(values, extra=extra)
    for text in distribution.requires:
        about_extra = _is_about_extra(text)
        if about_extra != bool(extra) and not (about_extra and " or " in text):
            continue
        try:
            parsed = requirement(text)
            holds = parsed.marker is None or parsed.marker.evaluate(asked)
            if holds and extra and parsed.marker is not None and parsed.marker.evaluate(plain):
                continue
        except UNREADABLE:
            if not extra:
                unreadable.append(Unreadable(requirer=distribution, text=text))
            continue
        if holds:
            yield Need(requirer=distribution, requirement=parsed, extra=extra)


def _is_about_extra(text: str) -> bool:
    """Whether a requirement's marker speaks of extras at all: most do, and need no parsing while none is asked for."""
    return "extra" in text.partition(";")[2]


def _path(way: Mapping[str, str], start: str) -> str:
    """Names along the way that a search left behind."""
    names = [start]
    while way[names[-1]]:
        names.append(way[names[-1]])
    return " › ".join(names)
