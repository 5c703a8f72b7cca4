"""Metadata consistency of a target: what its wheels ask for comes along, and nobody's declared need is broken."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.utils import canonicalize_name
from packaging.version import Version

from doctor.checks.needs import Need, find_needs
from doctor.index.index import Candidate
from doctor.model import Environment
from doctor.planned.target import Target, same_version
from doctor.repair.order import by_minor, nearest
from doctor.repair.resolver import resolved
from doctor.repair.scene import Scene, unmet
from doctor.rulebook.requirements import admits

MOST_ASKED = 4
"""Times that one search asks a resolver: each takes seconds."""
MOST_MOVERS = 12
"""Versions, in each direction, that are looked at for one that accepts another distribution's version."""
MOST_CHANGES = 12
"""Distributions that one cure may touch; more is an upgrade of the environment, not a repair."""


class Declined(Exception):  # noqa: N818 - an answer of the search, not an error
    """A target cannot be made consistent; ``str()`` says why in a few words."""


def complete(target: Target, scene: Scene, fixed: frozenset[str] | None = None) -> Target:
    """The target, made consistent by our own few rules, else by what an installer's resolver proposes.

    ``fixed`` are the names whose choice is the point of it (None: all); what else it holds may be chosen anew.

    Raises:
        Declined: it cannot be, or would take too many changes, or a kept pin forbids it.
        IndexUnavailableError: the index cannot be asked.
    """
    try:
        return _complete(target, scene, target.names if fixed is None else fixed)
    except Declined:
        other = _by_resolver(target, scene)
        if other is None:
            raise
        return other


def _by_resolver(target: Target, scene: Scene) -> Target | None:
    """The consistent set that a resolver finds around the target; None when there is none, or it is too large."""
    if len(scene.asked) >= MOST_ASKED or not target.chosen:
        return None
    scene.asked.append(target.key)
    scene.progress("asking a resolver for a set with " + ", ".join(c.candidate.pin for c in target.chosen))
    versions = resolved(target, scene)
    if not versions or len(versions) > MOST_CHANGES:
        return None
    found: list[Candidate] = []
    for text, wanted in versions.items():
        name = canonicalize_name(text)
        same = [c for c in scene.candidates(name) if same_version(c.version, wanted)]
        if not same:
            return None
        found += same[:1]
    whole = target.with_chosen(scene.choose(c, "a resolver's set") for c in found if not _holds(target, c))
    return whole if is_consistent(whole, scene) else None


def _holds(target: Target, candidate: Candidate) -> bool:
    chosen = target.get(candidate.name)
    return chosen is not None and same_version(chosen.version, candidate.version)


def _complete(target: Target, scene: Scene, fixed: frozenset[str]) -> Target:
    """The target with everything that its wheels need, so that no requirement that was met before is unmet after.

    Each addition is the version nearest to the installed one (the newest for what is absent) that all who need it
    accept.

    Raises:
        Declined: it cannot be, or would take too many changes, or a kept pin forbids it.
        IndexUnavailableError: the index cannot be asked.
    """
    for _ in range(4 * MOST_CHANGES):
        broken = _broken(target, scene)
        if not broken:
            return target
        target = _mend(min(broken, key=_order), target, scene.after(target).environment, (scene, fixed))
        if len(target.names) > MOST_CHANGES:
            raise Declined(f"it would take more than {MOST_CHANGES} changes")
    raise Declined("no set of versions satisfies what they declare")


def is_consistent(target: Target, scene: Scene) -> bool:
    """The target breaks nobody's declared requirement that was met before, and its own are met."""
    return not _broken(target, scene)


def _broken(target: Target, scene: Scene) -> list[Need]:
    """Declared requirements that the target leaves unmet and that are news."""
    before = unmet(scene.environment)
    after = unmet(scene.after(target).environment)
    return [need for key, need in after.items() if _is_new(key, need, before, scene.environment)]


def _is_new(key: tuple[str, str], need: Need, before: dict[tuple[str, str], Need], environment: Environment) -> bool:
    """The need was met before; one that was unmet in the same words, by the same thing, is no news."""
    old = before.get(key)
    if old is None:
        return True
    was = environment.distribution(need.name)
    return was is not None and old.requirer.version != need.requirer.version


def _order(need: Need) -> tuple[str, str]:
    return need.name, need.requirer.name


def _mend(need: Need, target: Target, after: Environment, about: tuple[Scene, frozenset[str]]) -> Target:
    """One more choice that meets a need: of what is needed, or, when that was the point, of who needs it."""
    scene, fixed = about
    if need.name not in fixed:
        return target.with_chosen([scene.choose(*_provider(need, after, scene))])
    if need.requirer.name in fixed:
        raise Declined(f"{need.requirer.pin} asks for {need.requirement}")
    provided = after.distribution(need.name)
    mover = need.requirer
    if provided is None:
        raise Declined(f"{mover.pin} needs {need.name}")
    for candidate in _newer_first(scene.candidates(mover.name), mover.version):
        if candidate.version == mover.version or scene.policy.forbids(mover.name, candidate.version):
            continue
        chosen = scene.choose(candidate, f"accepts {provided.pin}")
        trial = target.with_chosen([chosen])
        trial_after = scene.after(trial).environment
        still = (n for n in find_needs(trial_after).on(need.name) if n.requirer.name == mover.name)
        if all(_accepts(n, provided.version) for n in still):
            return trial
    raise Declined(f"{mover.pin} asks for {need.requirement}, and no other version of it accepts {provided.pin}")


def _newer_first(candidates: Iterable[Candidate], installed: str) -> list[Candidate]:
    """Versions that may accept what the installed one does not: newer ones, then older ones, nearest first.

    Old releases declare no bound for what they never met, so their consent says little.
    """
    ordered = [release[0] for release in by_minor(nearest(candidates, installed))]
    newer = [c for c in ordered if Version(c.version) > Version(installed)]
    older = [c for c in ordered if c not in newer]
    return [*newer[:MOST_MOVERS], *newer[MOST_MOVERS:][-1:], *older[:MOST_MOVERS]]


def _provider(need: Need, after: Environment, scene: Scene) -> tuple[Candidate, str]:
    """The version of what is needed that all who need it accept, and why it is there."""
    installed = after.distribution(need.name)
    needs = [n for n in find_needs(after).on(need.name) if n.requirement.specifier]
    known = unmet(scene.environment)
    asked = [n for n in needs if (n.requirer.name, str(n.requirement)) not in known]
    fitting = [c for c in scene.candidates(need.name) if _all_accept((*asked, need), c.version)]
    everybody = [c for c in fitting if _all_accept(needs, c.version)]
    for candidate in nearest(everybody or fitting, installed.version if installed else None):
        if not scene.policy.forbids(need.name, candidate.version):
            return candidate, f"{need.requirer.pin} asks for {need.requirement}"
    reason = "and the index has none" if not fitting else "which a kept pin forbids"
    raise Declined(f"{need.requirer.pin} asks for {need.requirement}, {reason}")


def _all_accept(needs: Iterable[Need], version: str) -> bool:
    return all(_accepts(n, version) for n in needs)


def _accepts(need: Need, version: str) -> bool:
    return admits(f"{need.name}{need.requirement.specifier}", version)
