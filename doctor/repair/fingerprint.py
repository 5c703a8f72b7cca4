"""Whether an environment is still what a plan was made for, or just what was planned: marks of all its files."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from posixpath import basename, dirname

from doctor.model import Environment

Mark = tuple[int, int, int]
"""Inode, size and modification time (ns) of one path, links not followed."""

_METADATA = (".dist-info", ".egg-info", ".egg-link", ".pth")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Path -> mark of every file below the ``roots`` (directories); what an interpreter compiled is left out."""

    roots: tuple[str, ...]
    marks: Mapping[str, Mark] = field(repr=False)


def fingerprint(environment: Environment) -> Fingerprint:
    """The marks as they are now; touches the disk (a tenth of a second for 27,000 files)."""
    places = {d.location for d in environment.distributions if d.location} | set(environment.site_dirs)
    places |= {environment.scripts_dir} - {""}
    inside = {p for p in places if p == environment.path or p.startswith(f"{environment.path}/")}
    roots = tuple(sorted(inside or places))
    return Fingerprint(roots=roots, marks=_marks(roots))


def changed_since(before: Fingerprint) -> str:
    """What somebody else changed, as a phrase; '' when all is as it was."""
    now = _marks(before.roots)
    differing = [path for path in {*now, *before.marks} if now.get(path) != before.marks.get(path)]
    if not differing:
        return ""
    found = sorted({_shown(path) for path in differing}, key=lambda name: (not name.endswith(_METADATA), name))
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""  # noqa: PLR2004 - as many as named
    return f"somebody else changed the environment meanwhile ({', '.join(found[:3])}{more})"


def unlike(before: Fingerprint, hidden: Collection[str], placed: Mapping[str, int]) -> str:
    """How the files differ from ``before`` without ``hidden`` and with ``placed`` (path -> size), as a phrase.

    '' when every file is the one that was examined, or the one that was proven.
    """
    now = _marks(before.roots)
    for path, size in placed.items():
        mark = now.get(path) or _mark(path)
        if mark is None or mark[1] != size:
            return f"{path} is not what was to be placed"
    for path, mark in before.marks.items():
        if path not in placed and now.get(path) != (None if path in hidden else mark):
            return f"{path} is not as it was to be"
    strange = next((path for path in now if path not in before.marks and path not in placed), "")
    return f"{strange} came from elsewhere" if strange else ""


def _shown(path: str) -> str:
    """The name that tells most: of the metadata directory, else of the file."""
    folder = basename(dirname(path))
    return folder if folder.endswith(_METADATA) else basename(path)


def _marks(roots: Iterable[str]) -> dict[str, Mark]:
    return {entry.path: mark for root in roots for entry in _files(root) if (mark := _of(entry)) is not None}


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    """All that is no directory below a folder; a directory that cannot be read holds nothing."""
    waiting = [folder]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield entry
            elif entry.name != "__pycache__":
                waiting.append(entry.path)


def _of(entry: os.DirEntry[str]) -> Mark | None:
    try:
        facts = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _mark(path: str) -> Mark | None:
    try:
        facts = os.lstat(path)
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns
