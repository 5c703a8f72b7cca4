"""What could cure a finding, cheapest first: its own fixes, then other versions of those it is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from doctor.index.index import Candidate
from doctor.model import Change, Evidence, Finding, Fix, Safety
from doctor.planned.removal import immovable
from doctor.planned.target import Target, same_version
from doctor.repair.order import (
    MAJOR,
    as_installers,
    by_minor,
    is_downgrade,
    level,
    minor_releases,
    nearest,
)
from doctor.repair.promise import is_contrary, one_of_each, promising_first
from doctor.repair.scene import Scene, unmet
from doctor.rulebook.requirements import UNREADABLE, admits, requirement

GUESS = 2
"""The rank of a move that only the proof speaks for."""
OTHERS = 4
"""Versions that are tried of something that is declared to be needed."""
FAR = 16
"""Versions of one distribution that are tried in each direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One idea: versions to install (again), names and paths to remove, and where the idea comes from.

    ``rank``: 0 for a fix that the finding or a rule names, 1 for a declared need that is not met, ``GUESS`` for what
    the proof has to confirm.
    """

    install: tuple[Candidate, ...] = ()
    remove: tuple[str, ...] = ()
    remove_paths: tuple[str, ...] = ()
    rank: int = GUESS
    because: str = ""

    def target(self, base: Target, scene: Scene) -> Target:
        """The base with this move; may raise ``IndexUnavailableError``."""
        target = base.without(self.remove, self.remove_paths) if self.remove or self.remove_paths else base
        return target.with_chosen(scene.choose(c, self.because) for c in self.install)

    def forbidden(self, scene: Scene) -> str:
        """What of the policy the move itself breaks, '' for nothing."""
        reasons = [scene.policy.forbids(c.name, c.version) for c in self.install]
        reasons += [scene.policy.forbids(n, None) for n in self.remove]
        reasons += [
            immovable(d, scene.environment, removing=d.name in self.remove)
            for d in scene.environment.distributions
            if d.name in {*(c.name for c in self.install), *self.remove}
        ]
        return next((r for r in reasons if r), "")


def moves_for(finding: Finding, scene: Scene, base: Target) -> Iterator[Move]:
    """Moves for one finding: fixes it names, then unmet needs of its subjects, then their other versions."""
    seen: set[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = set()
    for move in _all_moves(finding, scene, base):
        key = (tuple(c.pin for c in move.install), move.remove, move.remove_paths)
        if key not in seen:
            seen.add(key)
            yield move


def known_moves(finding: Finding, scene: Scene) -> Iterator[Move]:
    """What the finding, a rule or the stack's known-good set names: those of rank 0 are cures, and no guesses.

    Little is asked of the index for them.
    """
    names = [subject_name(s) for s in finding.subjects]
    for each in (finding, *_of_the_same(finding, scene)):
        yield from _own(each, scene, safe=True)
    yield from _locked(names, scene)
    if _is_damage(finding):
        yield from _again(names[:1], scene)


def _is_damage(finding: Finding) -> bool:
    """One subject alone, or files that are not as released: another version is no answer to that."""
    alone = len(finding.subjects) == 1 or any(fix.reinstall for fix in finding.fixes)
    return finding.evidence is Evidence.FILE and alone


def _all_moves(finding: Finding, scene: Scene, base: Target) -> Iterator[Move]:
    names = [subject_name(s) for s in finding.subjects]
    yield from known_moves(finding, scene)
    yield from _needed(names, scene, base)
    guesses = _own(finding, scene, safe=False)
    yield from (m for m in guesses if not any(is_contrary(c, finding, scene, base) for c in m.install))
    # one subject alone: what lacks a name is Python itself, unless its own files do not fit together
    of_python = finding.evidence is Evidence.STATIC and not any(fix.reinstall for fix in finding.fixes)
    if (len(names) > 1 or of_python) and not _is_damage(finding):
        for candidate in promising_first(finding, _other_versions(names[:2], scene, base), scene, base):
            yield Move(install=(candidate,))


def _of_the_same(finding: Finding, scene: Scene) -> Iterator[Finding]:
    """Findings that tell the same break in another way: a rule may know the cure of what the imports show."""
    for other in scene.report.findings:
        if other.key in finding.explains or finding.key in other.explains:
            yield other


def _own(finding: Finding, scene: Scene, *, safe: bool) -> Iterator[Move]:
    """The fixes that the finding names: the safe ones, or the guesses among them, of names that are known."""
    for fix in finding.fixes:
        if fix.safety is Safety.MANUAL or (fix.safety is Safety.SAFE) is not safe:
            continue
        move = move_of_fix(fix, scene)
        if move and (safe or all(_is_known(c.name, scene) for c in move.install)):
            yield move


def subject_name(subject: str) -> str:
    """The normalized name in ``name==version``."""
    return canonicalize_name(subject.partition("==")[0].strip())


def move_of_fix(fix: Fix, scene: Scene) -> Move | None:
    """A finding's own fix as a move; None when the index has not got what it names."""
    there = {d.pin for d in scene.environment.distributions}  # what is there already need not be installed again
    installs = [_exactly(pin, scene) for pin in (*(p for p in fix.install if p not in there), *fix.reinstall)]
    if any(c is None for c in installs):
        return None
    names = tuple(canonicalize_name(n) for n in fix.remove if "/" not in n)
    paths = tuple(n for n in fix.remove if "/" in n)
    if not (installs or names or paths):
        return None
    found = tuple(c for c in installs if c is not None)
    exact = all("==" in pin for pin in fix.install)  # else only the name is known, and another version may take less
    return Move(install=found, remove=names, remove_paths=paths, rank=0 if exact else 1, because=fix.because)


def _exactly(text: str, scene: Scene) -> Candidate | None:
    """The candidate for a pin; for a looser requirement the one nearest to what is installed."""
    try:
        wanted = requirement(text)
    except UNREADABLE:
        return None
    if wanted.url:
        return None
    installed = scene.environment.distribution(wanted.name)
    if not wanted.specifier and installed is not None:
        wanted = Requirement(installed.pin)
    fitting = [c for c in scene.candidates(wanted.name) if admits(f"{wanted.name}{wanted.specifier}", c.version)]
    found = nearest(fitting, installed.version if installed else None)
    return found[0] if found else None


def _again(names: Iterable[str], scene: Scene) -> Iterator[Move]:
    """The same version once more, for damaged files."""
    for name in names:
        installed = scene.environment.distribution(name)
        if installed is not None:
            same = [c for c in scene.candidates(name) if same_version(c.version, installed.version)]
            if same:
                yield Move(install=(same[-1],), rank=0, because="its files are damaged")


def _needed(names: list[str], scene: Scene, base: Target) -> Iterator[Move]:
    """Declared needs among the subjects that are not met: by moving or installing what is needed."""
    environment = scene.after(base).environment
    for need in sorted(unmet(environment).values(), key=lambda n: n.name not in names):
        absent = environment.distribution(need.name) is None
        if need.name in names or (need.requirer.name in names and absent):
            installed = environment.distribution(need.name)
            asked = str(need.requirement.specifier)
            fitting = [c for c in scene.candidates(need.name) if admits(f"{need.name}{asked}", c.version)]
            ordered = as_installers(fitting, installed.version if installed else None)
            for candidate in one_of_each(by_minor(ordered)[: OTHERS if need.name in names else 1], scene, base):
                because = f"{need.requirer.pin} asks for {need.requirement}"
                yield Move(install=(candidate,), rank=1, because=because)
    for name in names:
        if environment.distribution(name) is None and name and not name.startswith("<"):
            yield from _undeclared(name, scene, base)


def _locked(names: list[str], scene: Scene) -> Iterator[Move]:
    """The subjects as the stack's known-good set has them: each alone, then all together.

    Where only one of them differs from the set, that is known to be right, and not a guess.
    """
    found: list[Candidate] = []
    for name in dict.fromkeys(names):
        installed, locked = scene.environment.distribution(name), scene.locked.get(name)
        if installed is None or locked is None or same_version(installed.version, locked):
            continue
        candidate = _exactly(f"{name}=={locked}", scene)
        if candidate is not None:
            found.append(candidate)
    because = "the version in the stack's known-good set"
    known = len(found) == 1 and all(name in scene.locked for name in names)
    yield from (Move(install=(c,), rank=0 if known else 1, because=because) for c in found)
    if len(found) > 1:
        yield Move(install=tuple(found), rank=1, because=because)


def _undeclared(name: str, scene: Scene, base: Target) -> Iterator[Move]:
    """Something missing that nobody needs by plain metadata, yet some distribution names it, be it for an extra.

    A name that no metadata holds is never installed: it could be anybody's.
    """
    texts = [(d, t) for d in scene.environment.distributions for t in d.requires if _names(t) == name]
    if not texts:
        return
    fitting = [c for c in scene.candidates(name) if all(_admits(t, c.version) for _, t in texts)]
    ordered = nearest(fitting, None) or nearest(scene.candidates(name), None)
    for candidate in one_of_each(by_minor(ordered)[:OTHERS], scene, base):
        yield Move(install=(candidate,), rank=1, because=f"{texts[0][0].pin} imports it")


def _is_known(name: str, scene: Scene) -> bool:
    """The name is installed, or the metadata of what is installed speaks of it, or the stack does."""
    environment = scene.environment
    return (
        environment.distribution(name) is not None
        or any(pin.name == name for pin in scene.policy.pins)
        or any(_names(text) == name for d in environment.distributions for text in d.requires)
    )


def _names(text: str) -> str:
    try:
        return requirement(text).name
    except UNREADABLE:
        return ""


def _admits(text: str, candidate: str) -> bool:
    return admits(f"x{requirement(text).specifier}", candidate)


def _other_versions(names: list[str], scene: Scene, base: Target) -> list[list[Candidate]]:
    """Other versions of the one that breaks and of what it lacks, minor release by minor release, nearest first.

    Of other major releases first the nearest version of each, then the next of each: they differ most between them.
    """
    environment = scene.after(base).environment
    found: list[tuple[tuple[int, bool, int, int, int], list[Candidate]]] = []
    for place, name in enumerate(dict.fromkeys(names)):
        installed = environment.distribution(name)
        if installed is None:
            continue
        before: Counter[tuple[int, int]] = Counter()
        for number, release in enumerate(minor_releases(scene.candidates(name), installed.version, FAR)):
            change = Change(name=name, before=installed.version, after=release[0].version)
            far, new = level(installed.version, release[0].version), Version(release[0].version)
            nth = before[new.epoch, new.major] if far == MAJOR else 0
            before[new.epoch, new.major] += 1
            found.append(((far, is_downgrade(change), nth, number, place), release))
    return [release for _, release in sorted(found, key=lambda item: item[0])]
