"""Which versions are worth a full examination first: a look at one file of each wheel, before whole imports.

It only puts candidates in order; what is put off is still tried when nothing else helps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from posixpath import join

from doctor.errors import IndexUnavailableError, TransactionError
from doctor.index.index import Candidate
from doctor.index.wheels import WheelFiles
from doctor.model import Finding
from doctor.planned.target import Target
from doctor.repair.resolve import is_consistent
from doctor.repair.scene import Scene, unmet
from doctor.rulebook.requirements import admits

SIBLINGS = 4
"""Versions of one minor release whose metadata is looked at."""
AHEAD = 6
"""Releases whose newest wheel is opened before the first of them is looked at."""

_TOO_OPEN = re.compile(rb"^\s*from\s+\S+\s+import\s+\*|def __getattr__|\bglobals\(\)|\bsetattr\(", re.MULTILINE)
"""What lets a module have names that its text does not show."""


def promising_first(
    finding: Finding, releases: Iterable[Sequence[Candidate]], scene: Scene, base: Target
) -> Iterator[Candidate]:
    """One version of each minor release: the newest whose own requirements are met as things are, else the newest.

    In the same order, but later those that need other changes, and last those whose own text says that they change
    nothing, or that are not what the one that breaks asks for.
    """
    statement = _statement(finding, scene)
    more_changes: list[Candidate] = []
    needless: list[Candidate] = []
    found = list(releases)
    for number, release in enumerate(found):
        if number % AHEAD == 0:
            scene.open_ahead(r[0] for r in found[number : number + AHEAD])
        newest = release[0]
        if is_contrary(newest, finding, scene, base) or not _promises(newest, finding, statement, scene):
            needless.append(newest)
            continue
        alone = next((c for c in release[:SIBLINGS] if _is_enough(c, scene, base)), None)
        if alone is None:
            more_changes.append(newest)
        else:
            yield alone
    yield from (*more_changes, *needless)


def one_of_each(releases: Iterable[Sequence[Candidate]], scene: Scene, base: Target) -> Iterator[Candidate]:
    """Of each release the first version that needs no further change, else the first."""
    for release in releases:
        yield next((c for c in release[:SIBLINGS] if _is_enough(c, scene, base)), release[0])


def is_contrary(candidate: Candidate, finding: Finding, scene: Scene, base: Target) -> bool:
    """The one that breaks asks in vain for something else, and neither is this version what it asks for."""
    needs = unmet(scene.after(base).environment).values()
    mine = (n for n in needs if n.requirer.name == _name(finding.subjects[:1]) and n.name == candidate.name)
    return not all(admits(f"{n.name}{n.requirement.specifier}", candidate.version) for n in mine)


def _is_enough(candidate: Candidate, scene: Scene, base: Target) -> bool:
    """All that its metadata asks for, and what others ask of it, is met without a further change."""
    try:
        return is_consistent(base.with_chosen([scene.choose(candidate)]), scene)
    except (IndexUnavailableError, TransactionError):
        return True


def _promises(candidate: Candidate, finding: Finding, statement: bytes, scene: Scene) -> bool:
    """False when the importer still has the failing statement, or the provider still lacks what it asks for."""
    try:
        wheel = scene.index.wheel(candidate.file)
        if _name(finding.subjects[:1]) == candidate.name:
            return not _has_statement(wheel, finding, statement)
        if _name(finding.subjects[1:2]) == candidate.name and finding.symbol:
            return has_symbol(wheel, finding.symbol, module=is_module(finding.symbol, statement))
    except (IndexUnavailableError, KeyError):
        return True
    return True


def _name(subject: tuple[str, ...]) -> str:
    return subject[0].partition("==")[0] if subject else ""


def _statement(finding: Finding, scene: Scene) -> bytes:
    """The line that fails, with its indentation; b'' when it cannot be had."""
    if finding.where is None or finding.where.line is None:
        return b""
    for folder in scene.environment.site_dirs:
        try:
            lines = scene.files.read(join(folder, finding.where.path)).split(b"\n")
        except OSError:
            continue
        return lines[finding.where.line - 1].rstrip() if 0 < finding.where.line <= len(lines) else b""
    return b""


def _has_statement(wheel: WheelFiles, finding: Finding, statement: bytes) -> bool:
    """The file of that name has the same line, equally far to the right: in the same kind of place."""
    if not statement.strip() or finding.where is None or finding.where.path not in wheel.names:
        return False
    return statement in (line.rstrip() for line in wheel.read(finding.where.path).split(b"\n"))


def is_module(symbol: str, statement: bytes) -> bool:
    """The failing line imports the symbol, or something from it: no name in a package can stand for it."""
    words = re.escape(symbol.encode()) + rb"(?![\w])"
    return re.match(rb"\s*(?:from\s+" + words + rb"|import\s+" + words + rb")", statement) is not None


def has_symbol(wheel: WheelFiles, symbol: str, *, module: bool = False) -> bool:
    """The wheel has a module of that dotted name, or (unless a ``module`` is asked for) one whose text holds the rest.

    True also when that cannot be told from a look: compiled modules, star imports, names made by code.
    """
    names = frozenset(wheel.names)
    parts = symbol.split(".")
    for end in range(len(parts), 0, -1):
        base = "/".join(parts[:end])
        text = next((wheel.read(n) for n in (f"{base}.py", f"{base}/__init__.py") if n in names), None)
        if text is None:
            if any(n.startswith(f"{base}.") and not n.endswith(".pyi") for n in names):
                return True  # compiled
            continue
        if end == len(parts):
            return True
        if module:
            return bool(re.search(rb"\b__path__\b|\bsys\.modules\b", text))
        if _TOO_OPEN.search(text):
            return True
        return re.search(rb"\b" + re.escape(parts[end].encode()) + rb"\b", text) is not None
    return not any(n.startswith(f"{parts[0]}/") for n in names)
