"""The after-environment as a value: the disk with old files hidden and the wheels' files in their places."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from posixpath import basename, dirname, join

from doctor.model import Distribution, Environment, FileFacts, FileView, Interpreter, RangedFileView
from doctor.planned.layout import Member, metadata_directory, wheel_layout
from doctor.planned.removal import Records, paths_of, walk
from doctor.planned.target import Target
from doctor.probe.distributions import read_distribution

HELD = 128 * 1024**2
"""Bytes of unpacked members that all views together hold in memory: a search makes views by the dozen."""
UNPACKED = 96 * 1024**2
"""Members of more bytes are not unpacked for a look at their headers: libraries of deep-learning frameworks."""


_held: dict[Member, bytes] = {}


def _unpacked(member: Member) -> bytes:
    """The bytes of a member that is read in pieces: it is compressed, and would be unpacked again for each."""
    body = _held.pop(member, None)
    if body is None:
        while sum(map(len, [*_held.values()])) + member.size > HELD and _held:
            _held.pop(next(iter(_held)), None)  # the one used longest ago
        body = member.read()
    _held[member] = body
    return body


class OverlayFiles:
    """A ``FileView`` of what will be: ``base`` without ``hidden`` paths, with the files of ``placed``.

    Directories that hold nothing but hidden files are gone, too. ``facts`` of a placed file tell a made-up
    modification time and inode that differ for different content, as caches take these for identity.
    """

    def __init__(
        self, base: FileView, hidden: Iterable[str], placed: Mapping[str, Member], keep: Iterable[str] = ()
    ) -> None:
        """Nothing is read before it is asked for; directories of ``keep`` stay though they be empty."""
        self._keep = frozenset(keep)
        self._base = base
        self._placed = dict(placed)
        self._folders: dict[str, set[str]] = {}
        for path in self._placed:
            self._announce(path)
        self._hidden = set(hidden) - set(self._placed)
        self._hide_empty_folders()

    def read(self, path: str, limit: int | None = None) -> bytes:
        """The bytes that the file will have; raises ``OSError``."""
        member = self._placed.get(path)
        if member is not None:
            return member.read()[:limit]
        if path in self._hidden or self._below_hidden(path):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
        return self._base.read(path, limit)

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """From the middle of a file; raises ``OSError``."""
        if path not in self._placed and path not in self._hidden and isinstance(self._base, RangedFileView):
            return self._base.read_range(path, start, length)
        member = self._placed.get(path)
        if member is None:
            return self.read(path, start + length)[start:]
        if member.size > UNPACKED:
            raise OSError(errno.EFBIG, "too large to be looked into before it is installed", path)
        return _unpacked(member)[start : start + length]

    def facts(self, path: str) -> FileFacts | None:
        """What the path will be."""
        member = self._placed.get(path)
        if member is not None:
            number = int.from_bytes(hashlib.sha256(f"{path}\0{member.identity}".encode()).digest()[:6], "big")
            return FileFacts(kind="file", size=member.size, mtime_ns=number, inode=number, executable=member.executable)
        if path in self._folders:
            return FileFacts(kind="dir")
        if path in self._hidden or self._below_hidden(path):
            return None
        return self._base.facts(path)

    def listing(self, path: str) -> tuple[str, ...] | None:
        """Names that the directory will hold."""
        added = self._folders.get(path)
        if path in self._hidden:
            return tuple(sorted(added)) if added else None
        known = None if self._below_hidden(path) else self._base.listing(path)
        if known is None:
            return tuple(sorted(added)) if added else None
        left = {name for name in known if join(path, name) not in self._hidden}
        return tuple(sorted(left | added)) if added else tuple(n for n in known if n in left)

    def _announce(self, path: str) -> None:
        """Make the directories above a placed file known."""
        while path not in ("/", ""):
            parent, name = dirname(path), basename(path)
            names = self._folders.setdefault(parent, set())
            if name in names:
                return
            names.add(name)
            path = parent

    def _below_hidden(self, path: str) -> bool:
        """Below a directory (or link to one) that is hidden."""
        parent = dirname(path)
        while parent not in ("/", ""):
            if parent in self._hidden:
                return parent not in self._folders
            parent = dirname(parent)
        return False

    def _hide_empty_folders(self) -> None:
        """Hide directories of which nothing is left, deepest first."""
        folders = {dirname(path) for path in self._hidden}
        while folders:
            folder = max(folders, key=len)
            folders.discard(folder)
            names = self._base.listing(folder)
            if names is None or folder in self._folders or folder in self._hidden or folder in self._keep:
                continue
            if all(join(folder, name) in self._hidden for name in names):
                self._hidden.add(folder)
                folders.add(dirname(folder))


@dataclass(frozen=True, kw_only=True)
class After:
    """The planned result: its environment, its files, and what of the disk goes and comes."""

    environment: Environment
    files: OverlayFiles
    hidden: frozenset[str]
    placed: Mapping[str, Member]

    @property
    def wholly_seen(self) -> bool:
        """The checks could look into all that is placed."""
        return all(member.size <= UNPACKED for member in self.placed.values())


def after_target(target: Target, environment: Environment, files: FileView, records: Records) -> After:
    """The environment as it will be once the target is reached.

    Raises:
        TransactionError: a wheel would write outside of the environment.
        IndexUnavailableError: a wheel cannot be read.
    """
    interpreter = environment.interpreter
    hidden = set(paths_of(target.names, environment, records, files))
    for path in target.remove_paths:
        hidden.update(walk(path, files))
    placed: dict[str, Member] = {}
    if interpreter is not None:
        for chosen in target.chosen:
            old = environment.distribution(chosen.name)
            placed.update(wheel_layout(chosen.wheel, interpreter, requested=bool(old and old.requested)))
    overlay = OverlayFiles(files, hidden, placed, (*environment.site_dirs, environment.scripts_dir))
    return After(
        environment=_environment(target, environment, overlay, interpreter),
        files=overlay,
        hidden=frozenset(hidden),
        placed=placed,
    )


def _environment(
    target: Target, environment: Environment, overlay: OverlayFiles, interpreter: Interpreter | None
) -> Environment:
    """The values that follow from the files: distributions, leftovers, ``.pth`` files, problems."""
    gone = target.names
    kept = [d for d in environment.distributions if d.name not in gone and _there(d, overlay)]
    if interpreter is not None:
        for chosen in target.chosen:
            path = metadata_directory(chosen.wheel, interpreter)
            new = read_distribution(overlay, dirname(path), path, "dist-info")
            if new is not None:
                kept.append(new)
    return replace(
        environment,
        distributions=tuple(sorted(kept, key=lambda d: (d.name, d.metadata_path))),
        leftovers=tuple(x for x in environment.leftovers if overlay.facts(x.path) is not None),
        pth_files=tuple(p for p in environment.pth_files if overlay.facts(p.path) is not None),
        problems=tuple(p for p in environment.problems if not p.path or _still(p.path, environment, overlay)),
    )


def _there(distribution: Distribution, overlay: OverlayFiles) -> bool:
    """Its metadata is still there (assumed ones have none)."""
    path = distribution.metadata_path
    return not path or overlay.facts(path) is not None or overlay.listing(path) is not None


def _still(path: str, environment: Environment, overlay: OverlayFiles) -> bool:
    """A problem's path that existed before still exists, or never did."""
    return overlay.facts(path) is not None or not path.startswith(environment.path)
