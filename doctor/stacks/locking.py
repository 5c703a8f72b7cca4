"""A stack's ``requirements.in`` to its known-good set, and how two sets differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet

from doctor.errors import UsageError
from doctor.index.index import Index
from doctor.index.releases import ReleaseFile
from doctor.rulebook.rules import Rulebook, Stack
from doctor.stacks.compiling import Compiled, Question, compile_requirements
from doctor.stacks.dated_index import DatedIndex, Target, View, parse_day
from doctor.stacks.lockfile import Lock, Locked, LockedFile, LockError, read_pins, validate

CLIENT_PYTHONS = ((3, 11), (3, 12), (3, 13))
"""For a stack that names no Python: what current Linux distributions and the login nodes have."""
_KNOWN_PYTHONS = tuple((3, minor) for minor in range(8, 15))


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A set just resolved: as values, and the resolver's own hashed requirements with who asked for what."""

    lock: Lock
    requirements: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One distribution of which two sets hold different versions; '' where one has none of it."""

    name: str
    before: str
    after: str


def known_stack(rulebook: Rulebook, name: str) -> Stack:
    """The stack of that id; raises ``UsageError`` that names the nearest."""
    stack = rulebook.stack(name)
    if stack is None:
        from difflib import get_close_matches  # noqa: PLC0415 - only for a slip of the fingers

        near = get_close_matches(name, [known.id for known in rulebook.stacks], n=1)
        hint = f"Did you mean {near[0]}?" if near else "`acdoctor stacks list` names all."
        raise UsageError(f"There is no stack {name!r}. {hint}")
    return stack


def target_of(stack: Stack) -> Target:
    """For whom the stack's set is made."""
    if not stack.python:
        return Target(pythons=CLIENT_PYTHONS)
    wanted = SpecifierSet(stack.python)
    pythons = tuple(python for python in _KNOWN_PYTHONS if wanted.contains(f"{python[0]}.{python[1]}.99"))
    if not pythons:
        raise UsageError(f"{stack.id} is for Python {stack.python}, which is none that acdoctor knows.")
    return Target(pythons=pythons)


def make_lock(stack: Stack, asked: str, index: Index, day: str = "", interpreter: str = "") -> Made:
    """Resolve what is asked as the index stood at the end of the day, with the stack's cures.

    Raises:
        ResolutionError: nothing satisfies the requirements.
        IndexUnavailableError: the index cannot be asked.
    """
    resolved = day or stack.resolved
    view = View(target=target_of(stack), day=parse_day(resolved) if resolved else None)
    cures = [cure.pin for cure in stack.cures]
    question = Question(requirements=asked, cures=cures, view=view, interpreter=interpreter)
    compiled = compile_requirements(question, index)
    lock = Lock(
        packages=_packages(compiled, index, view),
        requires_python=stack.python or ">=3.11,<3.14",
        marker=stack.marker or "sys_platform == 'linux' and platform_machine == 'x86_64'",
        facts=_facts(stack, resolved, compiled),
    )
    validate(lock)
    return Made(lock=lock, requirements=_heading(stack, resolved, compiled) + _without_paths(compiled.text))


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Difference, ...]:
    """What differs between two sets of name -> version, by name."""
    return tuple(
        Difference(name=name, before=before.get(name, ""), after=after.get(name, ""))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def broken_promises(stack: Stack, lock: Lock) -> tuple[str, ...]:
    """Where a set does not keep what its stack says: pins, cures, detection; empty when it does."""
    from doctor.rulebook.match import environment_of, is_stack  # noqa: PLC0415 - pure, and only needed here
    from doctor.rulebook.requirements import admits, requirement  # noqa: PLC0415

    versions = lock.versions
    outside = {checkout.name: "" for checkout in stack.checkouts} | {archive.name: "" for archive in stack.archives}
    found = []
    for pin in (*stack.pins, *(cure.pin for cure in stack.cures)):
        name = requirement(pin).name
        if name in outside and name not in versions:
            continue
        if name not in versions:
            found.append(f"{pin} is not in the lock")
        elif not admits(pin, versions[name]):
            found.append(f"{pin} is not kept: the lock has {versions[name]}")
    if not is_stack(stack, environment_of(versions)):
        found.append("the lock is not recognised as the stack")
    return tuple(found)


def _packages(compiled: Compiled, index: Index, view: View) -> tuple[Locked, ...]:
    """The pins with their files as the index has them."""
    dated = DatedIndex(index, view)
    found = []
    for name, (version, digests) in sorted(read_pins(compiled.text).items()):
        files = [file for listed, file in dated.listed(name) if listed == version and file.sha256 in digests]
        if not files:
            raise LockError(f"{name}=={version} was resolved, but the index has no file of it with the hash it had.")
        found.append(Locked(name=name, version=version, files=tuple(_file(file) for file in sorted(files, key=_order))))
    return tuple(found)


def _order(file: ReleaseFile) -> tuple[bool, str]:
    return not file.is_wheel, file.filename


def _file(file: ReleaseFile) -> LockedFile:
    return LockedFile(filename=file.filename, sha256=file.sha256, size=file.size, uploaded=file.upload_time)


def _facts(stack: Stack, resolved: str, compiled: Compiled) -> dict[str, object]:
    return {
        "stack": stack.id,
        **({"resolved": resolved} if resolved else {}),
        "resolver": compiled.resolver,
        "cures": [cure.pin for cure in stack.cures],
        "not-hashed": [{"name": archive.name, "url": archive.url} for archive in stack.archives if not archive.instead],
        "editable": [{"name": each.name, "url": each.url, "tag": each.tag} for each in stack.checkouts],
    }


def _heading(stack: Stack, resolved: str, compiled: Compiled) -> str:
    """What a reader of requirements.txt has to know first."""
    lines = [
        f"The known-good set of {stack.id}, made by `acdoctor lock {stack.id}` with {compiled.resolver}"
        + (f", as the index stood at the end of {resolved}." if resolved else "."),
        f"Install: pip install --no-deps --require-hashes -r requirements.txt   (or: acdoctor create {stack.id} DIR)",
    ]
    lines += [f"cured: {cure.pin}: {cure.reason}" for cure in stack.cures]
    for archive in stack.archives:
        how = f"the index's {archive.instead} is taken" if archive.instead else "NOT in this file, cannot be hashed"
        lines.append(f"archive: {archive.name} ({archive.url}): {how}; {archive.reason}")
    lines += [f"editable, NOT in this file: {each.name} ({each.url}, tag {each.tag})" for each in stack.checkouts]
    return "".join(f"# {line}\n" for line in lines) + "\n"


def _without_paths(text: str) -> str:
    """Annotations that name files by where the resolver had them, named as in the lock's folder."""
    return text.replace("-c cures.txt", "cures").replace("-r requirements.in", "requirements.in")
