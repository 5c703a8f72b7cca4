"""Which paths go when a distribution goes; the same for the proof and for the transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from posixpath import basename, dirname, join

from doctor.model import Distribution, Environment, FileView, RecordedFile

Records = Mapping[str, tuple[RecordedFile, ...]]
"""Metadata path -> recorded files."""


def immovable(distribution: Distribution, environment: Environment, *, removing: bool = False) -> str:
    """Why a distribution must not be changed by us; '' when it may be.

    An editable install may be removed (only its link and metadata are in the environment), never replaced.
    """
    shown = distribution.pin
    if distribution.kind == "assumed":
        return f"{shown} is brought by the host"
    editable = distribution.direct_url is not None and distribution.direct_url.editable
    if distribution.kind == "egg-link" or (editable and not removing):
        return f"{shown} is installed from a working copy (editable)"
    if not _inside(distribution.location, environment):
        return f"{shown} lies outside of the environment ({distribution.location})"
    if distribution.installer == "conda":
        return f"{shown} is managed by conda"
    if not distribution.has_record and distribution.kind != "dist-info":
        return f"{shown} keeps no list of its files"
    return ""


def _inside(path: str, environment: Environment) -> bool:
    """The path is below the environment's own directory."""
    return path == environment.path or path.startswith(environment.path.rstrip("/") + "/")


def paths_of(names: Iterable[str], environment: Environment, records: Records, files: FileView) -> frozenset[str]:
    """Files that go with the named distributions: recorded ones that exist, metadata, scripts, compiled files.

    A path that a distribution which stays also records, and any path outside of the environment, stays.
    """
    wanted = set(names)
    found = (d for d in environment.distributions if d.name in wanted)
    going = [d for d in found if not immovable(d, environment, removing=True)]
    paths = {d.metadata_path for d in going}
    gone: set[str] = set()
    for distribution in going:
        for path in _own_files(distribution, records, files):
            if _inside(path, environment) and not path.endswith("/"):
                gone.update(_with_compiled(path, files))
    for other in environment.distributions:
        if other.metadata_path not in paths and gone:
            gone.difference_update(f.path for f in records.get(other.metadata_path, ()))
    return frozenset(gone)


def _own_files(distribution: Distribution, records: Records, files: FileView) -> Iterator[str]:
    """The recorded files that exist, and everything in the metadata directory."""
    for file in records.get(distribution.metadata_path, ()):
        facts = files.facts(file.path)
        if facts is None:
            # a dangling link has no facts, yet it is there and in the way
            if basename(file.path) in (files.listing(dirname(file.path)) or ()):
                yield file.path
        elif facts.kind != "dir":
            yield file.path
    yield from walk(distribution.metadata_path, files)


def _with_compiled(path: str, files: FileView) -> Iterator[str]:
    """The file and what the interpreter compiled of it (PEP 3147)."""
    yield path
    if path.endswith(".py"):
        stem = basename(path)[:-2]
        cache = join(dirname(path), "__pycache__")
        for name in files.listing(cache) or ():
            if name.startswith(stem) and name.endswith(".pyc"):
                yield join(cache, name)


def walk(path: str, files: FileView) -> Iterator[str]:
    """All that is no directory at or below a path; links are not followed."""
    facts = files.facts(path)
    names = files.listing(path) if facts is None or (facts.kind == "dir" and not facts.link) else None
    if names is None:
        if facts is not None or basename(path) in (files.listing(dirname(path)) or ()):
            yield path
        return
    for name in names:
        yield from walk(join(path, name), files)
