"""What an environment of a set needs, as a plan: which file of each distribution, what is left out, what is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

from packaging.tags import compatible_tags, cpython_tags, platform_tags
from packaging.utils import canonicalize_name
from packaging.version import Version

from doctor.errors import DoctorError, UsageError
from doctor.index.releases import file_identity
from doctor.rulebook.rules import Archive, Stack
from doctor.stacks.lockfile import Lock, Locked, LockedFile

UNPACKED, BARE = 2.6, 100 * 1024**2
"""Bytes that an environment takes: so much for each of its wheels' bytes, and so many for itself with pip.

Measured: R_2.6.0 without CUDA 3.0 GB from 1,218 MB; the inference client 88 MB from 12 MB.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user wants beyond the stack's name.

    ``without``: options of ``[[leave_out]]``. ``find_links``: folders with files of the user's own. ``archives``:
    normalized name -> path of what the index does not have. ``checkout``: the working copy to be installed editable.
    ``python``: the interpreter, as a path or a version.
    """

    without: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    archives: Mapping[str, str]
    checkout: str = ""
    python: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One file to be installed. ``path`` is where it lies on this machine already, '' when it is to be fetched.

    ``own`` says that it is the user's other build of the locked version, whose hash no lock knows.
    """

    name: str
    version: str
    file: LockedFile
    path: str = ""
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveItem:
    """An archive of a public repository: where it lies here ('' when it is to be fetched from its URL)."""

    archive: Archive
    path: str = ""

    @property
    def name(self) -> str:
        """Normalized name."""
        return str(canonicalize_name(self.archive.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shopping:
    """The plan. ``left_out`` are pins that the host will bring; ``reasons`` why each option leaves them out."""

    items: tuple[Item, ...]
    left_out: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    archives: tuple[ArchiveItem, ...] = ()

    @property
    def download(self) -> int:
        """Bytes to be fetched from the index."""
        return sum(item.file.size or 0 for item in self.items if not item.path)

    @property
    def installed(self) -> int:
        """Bytes that the environment will take, about."""
        return BARE + int(UNPACKED * sum(item.file.size or 0 for item in self.items))


def plan_shopping(stack: Stack, lock: Lock, wish: Wish, python: tuple[int, int]) -> Shopping:
    """Choose the files for CPython ``python`` on this machine.

    Raises:
        UsageError: an option that the stack does not have, or an archive that it does not ask for.
        DoctorError: the lock has no file for that interpreter on this machine.
    """
    left = {package.name: package.pin for package in lock.packages if _is_left_out(stack, wish, package.name)}
    order = {tag: place for place, tag in enumerate(_tags(python))}
    own = _own_files(wish.find_links)
    items = [_item(package, order, own) for package in lock.packages if package.name not in left]
    return Shopping(
        items=tuple(items),
        left_out=tuple(sorted(left.values())),
        reasons=tuple(part.reason for part in stack.leave_out if part.option in wish.without),
        archives=_archives(stack, wish, own),
    )


def _is_left_out(stack: Stack, wish: Wish, name: str) -> bool:
    known = {part.option for part in stack.leave_out}
    for option in wish.without:
        if option not in known:
            choice = f"it knows {', '.join(sorted(known))}" if known else "it has no such options"
            raise UsageError(f"{stack.id} cannot be made --without {option}; {choice}.")
    return any(
        fnmatchcase(name, pattern)
        for part in stack.leave_out
        if part.option in wish.without
        for pattern in part.packages
    )


def _item(package: Locked, order: Mapping[str, int], own: Sequence[Path]) -> Item:
    """The best wheel for the interpreter, or the source distribution; the user's own build before both."""
    mine = [path for path in own if _is_own_build(package, path, order)]
    if mine:
        path = mine[-1]
        version = (file_identity(path.name) or ("", package.version, frozenset()))[1]
        file = LockedFile(filename=path.name, sha256="", size=path.stat().st_size)
        return Item(name=package.name, version=version, file=file, path=str(path), own=True)
    ranked = [(rank, file) for file in package.files if (rank := _rank(file, order)) is not None]
    if not ranked:
        raise DoctorError(f"The set has no file of {package.pin} that this machine's Python could install.")
    chosen = min(ranked, key=lambda each: each[0])[1]
    there = [path for path in own if path.name == chosen.filename]
    return Item(name=package.name, version=package.version, file=chosen, path=str(there[0]) if there else "")


def _rank(file: LockedFile, order: Mapping[str, int]) -> int | None:
    """The place of a wheel's best tag; a source distribution comes last; None when it does not fit."""
    if not file.is_wheel:
        return len(order)
    identity = file_identity(file.filename)
    return min((order[tag] for tag in identity[2] if tag in order), default=None) if identity else None


def _is_own_build(package: Locked, path: Path, order: Mapping[str, int]) -> bool:
    """A wheel of the locked version with a local label (``2.4.0+cpu``), as ``--find-links`` offers it."""
    identity = file_identity(path.name) if path.name.endswith(".whl") else None
    if identity is None or identity[0] != package.name or not identity[2].intersection(order):
        return False
    version = Version(identity[1])
    return version.local is not None and Version(version.public) == Version(package.version)


def _tags(python: tuple[int, int]) -> list[str]:
    """The wheel tags of that CPython on this machine, best first."""
    platforms = list(platform_tags())
    interpreter = f"cp{python[0]}{python[1]}"
    both = [*cpython_tags(python, platforms=platforms)]
    both += compatible_tags(python, interpreter=interpreter, platforms=platforms)
    return [str(tag) for tag in both]


def _own_files(places: Sequence[str]) -> list[Path]:
    """The files in the user's folders, sorted; raises ``UsageError`` for a folder that is none."""
    found: list[Path] = []
    for place in places:
        try:
            found += sorted(path.absolute() for path in Path(place).expanduser().iterdir() if path.is_file())
        except OSError as error:
            raise UsageError(f"--find-links wants a folder with wheels; {place}: {error.strerror}.") from None
    return found


def _archives(stack: Stack, wish: Wish, own: Sequence[Path]) -> tuple[ArchiveItem, ...]:
    """The archives that the index does not have, each with the path where the user has it, if so."""
    asked = {str(canonicalize_name(archive.name)): archive for archive in stack.archives if not archive.instead}
    for name, path in wish.archives.items():
        if name not in asked:
            raise UsageError(
                f"{stack.id} asks for no archive {name}; it asks for {', '.join(sorted(asked)) or 'none'}."
            )
        if not Path(path).expanduser().exists():
            raise UsageError(f"--archive {name}: there is no {path}.")
    return tuple(
        ArchiveItem(archive=archive, path=wish.archives.get(name) or _lying_there(name, archive, own))
        for name, archive in asked.items()
    )


def _lying_there(name: str, archive: Archive, own: Sequence[Path]) -> str:
    """A wheel or source distribution of it, or the archive under its own file name, in the user's folders."""
    last = urlsplit(archive.url).path.rpartition("/")[2]
    for path in own:
        identity = file_identity(path.name)
        if path.name == last or (identity is not None and identity[0] == name):
            return str(path)
    return ""
