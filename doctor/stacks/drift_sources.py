"""What a person names - a stack, an environment, a requirements file, a snapshot - as something to be resolved."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from doctor.checks.needs import find_needs
from doctor.errors import UsageError
from doctor.index.index import Index
from doctor.model import Distribution, Environment, Interpreter
from doctor.probe.environment import probe_environment
from doctor.probe.snapshot import load_snapshot
from doctor.rulebook.match import recognise
from doctor.rulebook.requirements import requirement
from doctor.rulebook.rules import Rulebook, Stack
from doctor.stacks.drift_requirements import read_requirements
from doctor.stacks.from_nothing_interpreter import interpreter_for
from doctor.stacks.from_nothing_tree import LocalTree, read_tree
from doctor.stacks.from_nothing_verdict import Subject
from doctor.stacks.resolution import Picked, Resolution, Wanted

TOOLS = frozenset({"pip", "setuptools", "wheel"})
"""What an environment may have been made with; that it is there does not mean that somebody asked for it."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Something whose drift is asked for: what is resolved (its ``day`` is open), and what is judged.

    ``installed`` is the environment as it is, when one was named. ``notes`` say what could not be had.
    """

    title: str
    wanted: Wanted
    subject: Subject
    installed: Environment | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the user says beside the name: ``python`` a specifier, ``folders`` checkouts, ``stack`` an id."""

    python: str = ""
    folders: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    stack: str = ""
    assumed: Mapping[str, str]


def case_of(name: str, given: Given, rulebook: Rulebook) -> Case:
    """The case that ``name`` means: a stack's id, a requirements file, a snapshot (``.json``), an environment.

    Raises:
        UsageError: it is nothing of these.
        NotAnEnvironmentError: the folder is no environment.
    """
    stack = rulebook.stack(name)
    if stack is not None and not os.path.isdir(name):  # noqa: PTH112 - plain strings
        return of_stack(stack, given)
    path = Path(name).expanduser()
    if path.is_dir() or "/bin/python" in name:
        return _of_environment(probe_environment(str(path)), given, rulebook)
    if path.is_file() and path.suffix == ".json":
        return _of_environment(load_snapshot(str(path)).environment, given, rulebook, saved=True)
    if path.is_file():
        return _of_requirements(str(path), given, rulebook)
    known = ", ".join(s.id for s in rulebook.stacks) or "none"
    raise UsageError(f"{name} is no stack, environment, requirements file or snapshot; known stacks: {known}.")


def of_stack(stack: Stack, given: Given) -> Case:
    """The vendor's own instructions, without our cures; a checkout of what they install says it first-hand."""
    interpreter, note = interpreter_for(given.python or stack.python)
    trees = _trees(given.folders)
    asks = list(stack.asks or stack.pins)
    for tree in trees:
        asks = [*tree.requires, *(a for a in asks if requirement(a).name not in _names(tree.requires))]
    pins = {requirement(pin).name: pin for pin in stack.pins}
    pins |= {requirement(a.name).name: a.instead for a in stack.archives if a.instead}
    archives = tuple(
        pins[name] for name in dict.fromkeys(requirement(a).name for a in asks if requirement(a).url) if name in pins
    )
    provided = dict(pin.split("==", 1) for pin in stack.provided)
    present = {**provided, **given.assumed, **{tree.name: tree.version for tree in trees}}
    return Case(
        title=stack.id,
        wanted=Wanted(requirements=tuple(asks), constraints=archives, interpreter=interpreter, present=present),
        subject=Subject(
            interpreter=interpreter,
            stack=stack,
            entries=given.entries,
            requested=tuple(requirement(a).name for a in asks),
            trees=trees,
            assumed={**provided, **given.assumed},
        ),
        notes=(note,) if note else (),
    )


def _of_requirements(path: str, given: Given, rulebook: Rulebook) -> Case:
    """What a requirements file asks for."""
    read = read_requirements(path)
    trees = _trees((*given.folders, *read.folders))
    stack = _stack(given.stack, rulebook)
    interpreter, note = interpreter_for(given.python or (stack.python if stack else ""))
    asks = tuple(dict.fromkeys((*(text for tree in trees for text in tree.requires), *read.requirements)))
    notes = [note] if note else []
    if read.passed_over:
        notes.append(f"not used: {', '.join(read.passed_over[:5])}; the index of pip's configuration is asked")
    present = {**given.assumed, **{tree.name: tree.version for tree in trees}}
    return Case(
        title=path,
        wanted=Wanted(requirements=asks, constraints=tuple(read.constraints), interpreter=interpreter, present=present),
        subject=Subject(
            interpreter=interpreter,
            stack=stack,
            entries=given.entries,
            requested=(*_names(asks), *(tree.name for tree in trees)),
            trees=trees,
            assumed=given.assumed,
        ),
        notes=tuple(notes),
    )


def _of_environment(environment: Environment, given: Given, rulebook: Rulebook, *, saved: bool = False) -> Case:
    """What was installed, asked for again: who was asked for by name, or is needed by nobody.

    A version that is on the machine is kept as it is asked for; ``asked_on`` opens those that did not exist then.
    """
    interpreter = environment.interpreter
    note = ""
    if interpreter is None or saved:
        minor = ".".join(environment.python_version.split(".")[:2])
        local, note = interpreter_for(given.python or (f"=={minor}.*" if minor else ""))
        if interpreter is not None and local.minor == interpreter.minor:  # its own standard library is elsewhere
            interpreter = replace(interpreter, executable=local.executable, stdlib_paths=local.stdlib_paths)
        else:
            interpreter = local
    stack = _stack(given.stack, rulebook) or recognise(rulebook, environment)
    if stack is not None and stack.asks:
        case = of_stack(stack, replace(given, folders=(*given.folders, *_checkouts(environment))))
        return replace(case, title=f"{environment.path} ({stack.id})", installed=environment)
    roots = _roots(environment)
    trees = _trees((*given.folders, *_checkouts(environment)))
    local_names = {tree.name: tree.version for tree in trees}
    asks = [d.pin for d in roots if d.name not in local_names]
    asks += [text for tree in trees for text in tree.requires]
    return Case(
        title=environment.path,
        wanted=Wanted(requirements=tuple(asks), interpreter=interpreter, present={**given.assumed, **local_names}),
        subject=Subject(
            interpreter=interpreter,
            stack=stack,
            entries=given.entries,
            requested=(*(d.name for d in roots), *local_names),
            trees=trees,
            assumed=given.assumed,
        ),
        installed=environment,
        notes=(note,) if note else (),
    )


def asked_on(wanted: Wanted, index: Index) -> Wanted:
    """The same on its day: an exact version that did not exist yet was not asked for; then any was."""
    kept = []
    for text in wanted.requirements:
        parsed = requirement(text)
        exact = [c.version for c in parsed.specifier if c.operator == "=="]
        if exact and not parsed.url and not _existed(parsed.name, exact[0], wanted, index):
            text = parsed.name  # noqa: PLW2901 - the same requirement, opened
        kept.append(text)
    return replace(wanted, requirements=tuple(kept))


def installed_resolution(environment: Environment, case: Case, index: Index) -> Resolution:
    """What is installed, as the index's files; what the index does not have in that version is left out."""
    local = {tree.name for tree in case.subject.trees}
    picked, left_out = [], []
    for distribution in environment.distributions:
        if distribution.kind == "assumed" or distribution.name in local:
            continue
        found = _picked(distribution, case.wanted.interpreter, index)
        if found is None:
            left_out.append((distribution.name, f"{distribution.pin} is not on the index for this Python"))
        else:
            picked.append(found)
    return Resolution(picked=tuple(sorted(picked, key=lambda p: p.name)), left_out=tuple(left_out))


def _picked(distribution: Distribution, interpreter: Interpreter, index: Index) -> Picked | None:
    candidates = index.candidates(distribution.name, interpreter, prereleases=True)
    found = next((c for c in candidates if c.version == distribution.version), None)
    if found is None:
        return None
    return Picked(name=found.name, version=found.version, file=found.file, requires=distribution.requires)


def _existed(name: str, version: str, wanted: Wanted, index: Index) -> bool:
    releases = index.versions(name)
    wanted_version = requirement(f"{name}=={version}").specifier
    for release in releases:
        if wanted_version.contains(release.version, prereleases=True):
            return any(wanted.window.holds(file) for file in release.files)
    return not releases


def _roots(environment: Environment) -> list[Distribution]:
    """Who was asked for by name (PEP 376 REQUESTED), or, where nobody is marked so, whom nobody needs."""
    visible = [d for d in environment.distributions if d.kind != "assumed" and d.name not in TOOLS]
    requested = [d for d in visible if d.requested]
    if requested and len(requested) < len(visible):
        return requested
    needed = {need.name for need in find_needs(environment).found}
    return [d for d in visible if d.name not in needed]


def _checkouts(environment: Environment) -> Iterable[str]:
    """Folders that are installed editable and are here."""
    for distribution in environment.distributions:
        origin = distribution.direct_url
        if origin is not None and origin.editable and origin.url.startswith("file://"):
            folder = origin.url.removeprefix("file://")
            if os.path.isdir(folder):  # noqa: PTH112 - plain strings
                yield folder


def _trees(folders: Sequence[str]) -> tuple[LocalTree, ...]:
    trees = {tree.folder: tree for tree in map(read_tree, folders)}
    return tuple(trees.values())


def _stack(identity: str, rulebook: Rulebook) -> Stack | None:
    if not identity or identity == "none":
        return None
    stack = rulebook.stack(identity)
    if stack is None:
        known = ", ".join(s.id for s in rulebook.stacks) or "none"
        raise UsageError(f"There is no stack {identity!r}; known stacks: {known}.")
    return stack


def _names(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(canonicalize_name(requirement(text).name)) for text in texts)
