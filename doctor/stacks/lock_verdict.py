"""What importing the entries of a set would do, read from its wheels: nothing is installed."""

from __future__ import annotations

from dataclasses import dataclass

from doctor.errors import IndexUnavailableError
from doctor.index.index import Index
from doctor.index.releases import ReleaseFile
from doctor.model import Finding
from doctor.rulebook.requirements import requirement
from doctor.rulebook.rules import Rulebook, Stack
from doctor.stacks.from_nothing_interpreter import interpreter_for
from doctor.stacks.from_nothing_tree import read_tree
from doctor.stacks.from_nothing_verdict import Judge, Subject
from doctor.stacks.lockfile import Lock
from doctor.stacks.resolution import Picked, Resolution
from doctor.stacks.resolution_metadata import MetadataReader
from doctor.stacks.shopping import Item, Wish, plan_shopping

_NO_ARCHIVES: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Errors that the entries meet, how many entries and modules were followed, and what was taken for granted."""

    errors: tuple[Finding, ...]
    entries: int
    modules: int
    assumed: tuple[str, ...]
    note: str


def prove_lock(stack: Stack, lock: Lock, index: Index, rulebook: Rulebook, checkout: str = "") -> Proof:
    """Follow the imports of the stack's entries through the files that an installation of the set would have.

    What is not in the set (archives without hash) counts as present; so does the checkout, unless its folder is given.

    Raises:
        IndexUnavailableError: a file cannot be read.
    """
    interpreter, note = interpreter_for(lock.requires_python)
    shopping = plan_shopping(stack, lock, Wish(archives=_NO_ARCHIVES), interpreter.minor)
    reader = MetadataReader(index)
    picked = []
    for item in shopping.items:
        file = _listed(item, index)
        picked.append(Picked(name=item.name, version=item.version, file=file, requires=reader.of(file).requires))
    trees = (read_tree(checkout),) if checkout else ()
    absent = [each.name for each in stack.archives if not each.instead]
    absent += [each.name for each in stack.checkouts if not checkout]
    assumed = {requirement(name).name: "0" for name in absent}
    subject = Subject(interpreter=interpreter, stack=stack, trees=trees, assumed=assumed)
    verdict = Judge(index, rulebook, subject, reader).verdict(Resolution(picked=tuple(picked)))
    return Proof(
        errors=verdict.findings,
        entries=len(verdict.followed),
        modules=verdict.modules,
        assumed=tuple(sorted(assumed)),
        note=note,
    )


def _listed(item: Item, index: Index) -> ReleaseFile:
    """The file of the index that the lock names."""
    for release in index.versions(item.name):
        for file in release.files:
            if file.filename == item.file.filename and file.sha256 in ("", item.file.sha256):
                return file
    raise IndexUnavailableError(f"{item.file.filename} with the lock's hash is not on the configured package index.")
