"""Whether an environment is still what a plan was made for: cheap marks of every installed distribution."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from posixpath import basename, join

from doctor.model import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Metadata path -> (inode, time) of the directory and of its RECORD; and the site directories looked at."""

    marks: tuple[tuple[str, tuple[int, ...]], ...]
    site_dirs: tuple[str, ...]


def fingerprint(environment: Environment) -> Fingerprint:
    """The marks as they are now; touches the disk."""
    places = {d.location for d in environment.distributions if d.location} | set(environment.site_dirs)
    return _of(sorted(places))


def changed_since(before: Fingerprint) -> str:
    """What somebody else changed, as a phrase; '' when all is as it was."""
    now = dict(_of(before.site_dirs).marks)
    old = dict(before.marks)
    differing = sorted(path for path in {*now, *old} if now.get(path) != old.get(path))
    if not differing:
        return ""
    names = ", ".join(basename(path) for path in differing[:3])
    more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""  # noqa: PLR2004 - as many as named
    return f"somebody else changed the environment meanwhile ({names}{more})"


def _of(site_dirs: Iterable[str]) -> Fingerprint:
    marks: list[tuple[str, tuple[int, ...]]] = []
    for folder in site_dirs:
        for name in _names(folder):
            if name.endswith((".dist-info", ".egg-info", ".egg-link", ".pth")):
                path = join(folder, name)
                marks.append((path, (*_facts(path), *_facts(join(path, "RECORD")))))
    return Fingerprint(marks=tuple(sorted(marks)), site_dirs=tuple(site_dirs))


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are wanted, not paths
    except OSError:
        return []


def _facts(path: str) -> tuple[int, ...]:
    try:
        facts = os.stat(path)  # noqa: PTH116 - paths are plain strings here
    except OSError:
        return ()
    return facts.st_ino, facts.st_mtime_ns
