"""What interrupted installers and removed packages leave behind in site directories."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from posixpath import islink, join

from doctor.model import Distribution, FileView, Leftover
from doctor.probe.distributions import identity_of_path, metadata_names

_DEPTH = 6


def find_leftovers(
    files: FileView, site_dirs: Sequence[str], distributions: Sequence[Distribution]
) -> Iterator[Leftover]:
    """Leftovers directly in the site directories.

    ``interrupted-uninstall``: pip renames ``numpy`` to ``~umpy`` while it replaces it, and a kill leaves that.
    ``metadata-missing``: a dist-info or egg-info directory without METADATA. ``cache-only``: a directory that could be
    imported (as an empty namespace package) though nothing but byte code, or nothing at all, is left in it.
    """
    read = {d.metadata_path for d in distributions}
    named = sorted({d.display_name for d in distributions} | {t for d in distributions for t in d.top_level})
    for directory in site_dirs:
        names = files.listing(directory) or ()
        metadata = {name for name, _ in metadata_names(names)}
        for name in names:
            path = join(directory, name)
            if name.startswith("~"):
                yield Leftover(path=path, kind="interrupted-uninstall", of=_renamed(name, (*named, *names)))
            elif name in metadata:
                if path not in read:
                    yield Leftover(path=path, kind="metadata-missing", of=identity_of_path(path)[0])
            elif name.isidentifier() and name != "__pycache__" and _only_cache(path):
                yield Leftover(path=path, kind="cache-only", of=name)


def _renamed(name: str, candidates: Sequence[str]) -> str:
    """Which name pip hid: it put ``~`` (and then more odd characters) in the place of as many first letters."""
    if name.endswith((".dist-info", ".egg-info")):
        name = identity_of_path(name)[0]
    tail = name.lstrip("-~.=%0123456789")
    for candidate in candidates:
        if len(candidate) == len(name) and candidate.endswith(tail) and not candidate.startswith("~"):
            return candidate
    return ""


def _only_cache(path: str, depth: int = _DEPTH) -> bool:
    """Whether a directory tree holds nothing but byte-code caches; a link or a file ends the search at once."""
    try:
        if islink(path):
            return False
        with os.scandir(path) as entries:
            return all(_is_cache(entry, depth) for entry in entries)
    except OSError:
        return False


def _is_cache(entry: os.DirEntry[str], depth: int) -> bool:
    """Whether one thing in a directory is a cache, or a directory with only caches in it."""
    if not entry.is_dir(follow_symlinks=False):
        return False
    if entry.name != "__pycache__":
        return depth > 0 and _only_cache(entry.path, depth - 1)
    with os.scandir(entry.path) as inside:
        return all(e.name.endswith(".pyc") for e in inside)
