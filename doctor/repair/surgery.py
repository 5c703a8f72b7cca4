"""One change of files as a value that can be carried out, resumed and undone step by step.

Nothing is ever written in place. New files lie staged beside, old ones are set aside by rename; what is where
tells how far the work went, so that undoing needs no log of single steps:
 - a path of ``out`` that lies in ``old/`` was set aside, else it is still in its place;
 - a path of ``in`` that is missing from ``staged/`` is in its place.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from posixpath import dirname
from typing import Any

Seen = tuple[int, int]
"""Mode and modification time (ns) of a directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surgery:
    """Paths relative to the environment. ``out`` go, ``come`` are placed, ``made`` are directories to be made.

    ``folders`` are all directories that are touched, with the mode and time that they had. ``bare`` are the
    directories that are removed once nothing is left in them.
    """

    out: tuple[str, ...]
    come: tuple[str, ...]
    made: tuple[str, ...]
    folders: Mapping[str, Seen]
    bare: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For the journal."""
        return asdict(self)


def from_json(value: Mapping[str, Any]) -> Surgery:
    """From the journal; raises ``KeyError``, ``TypeError`` or ``ValueError`` when it is damaged."""
    return Surgery(
        out=tuple(map(str, value["out"])),
        come=tuple(map(str, value["come"])),
        made=tuple(map(str, value["made"])),
        folders={str(k): (int(v[0]), int(v[1])) for k, v in value["folders"].items()},
        bare=tuple(map(str, value["bare"])),
    )


def design(
    prefix: Path, out: Iterable[str], come: Iterable[str], bare: Iterable[str] = (), keep: Iterable[str] = ()
) -> Surgery:
    """The surgery that removes ``out`` and places ``come``, from what is on the disk now.

    All are relative to ``prefix``. What is in the way of a new file is set aside, too. Directories left without
    anything go, ``bare`` ones too, but never those of ``keep`` and above.
    """
    coming = sorted(set(come))
    going = {p for p in out if os.path.lexists(prefix / p)}
    going.update(p for p in coming if os.path.lexists(prefix / p) and not _is_directory(prefix / p))
    folders: dict[str, Seen] = {}
    made: set[str] = set()
    for path in (*going, *coming, *(f"{b}/x" for b in bare)):
        for folder in _above(path):
            if folder in folders or folder in made:
                break
            facts = _facts(prefix / folder)
            if facts is None:
                made.add(folder)
            else:
                folders[folder] = facts
    empties = {dirname(p) for p in going} | set(bare)
    kept = {folder for k in keep for folder in (k, *_above(k))}
    left = {f for e in empties for f in (e, *_above(e)) if f and f not in kept}
    return Surgery(
        out=tuple(sorted(going)),
        come=tuple(coming),
        made=tuple(sorted(made)),
        folders=folders,
        bare=tuple(sorted(left, key=len, reverse=True)),
    )


def operate(surgery: Surgery, prefix: Path, old: Path, staged: Path) -> None:
    """Set aside, then place; raises ``OSError`` in between, to be followed by ``undo``."""
    for path in surgery.out:
        if os.path.lexists(prefix / path):
            (prefix / path).rename(old / path)
    for folder in surgery.bare:
        _remove_if_empty(prefix / folder)
    for path in surgery.come:
        target = prefix / path
        target.parent.mkdir(parents=True, exist_ok=True)
        (staged / path).rename(target)


def prepare_folders(surgery: Surgery, old: Path, staged: Path) -> None:
    """Make the directories in which files are set aside, so that no rename can fail for want of one."""
    for root in (old, staged):
        root.mkdir(parents=True, exist_ok=True)
    for folder in dict.fromkeys(dirname(p) for p in surgery.out):
        (old / folder).mkdir(parents=True, exist_ok=True)


def undo(surgery: Surgery, prefix: Path, old: Path, staged: Path) -> None:
    """Everything back as it was, however far ``operate`` or an earlier ``undo`` went; raises ``OSError``."""
    for path in surgery.come:
        if not os.path.lexists(staged / path) and os.path.lexists(prefix / path):
            (staged / path).parent.mkdir(parents=True, exist_ok=True)
            (prefix / path).rename(staged / path)
            _drop_compiled(prefix / path)
    for folder in sorted(surgery.made, key=len, reverse=True):
        _remove_if_empty(prefix / folder)
    for path in surgery.out:
        if os.path.lexists(old / path):
            _remake(prefix, dirname(path), surgery)
            (old / path).rename(prefix / path)
    for folder in surgery.folders:
        _remake(prefix, folder, surgery)
    for folder, (mode, time_ns) in sorted(surgery.folders.items(), key=lambda item: -len(item[0])):
        _restore_folder(prefix / folder, mode, time_ns)


def settle_folders(surgery: Surgery, prefix: Path) -> None:
    """Give the directories back the times that they had (after a rollback, which restores a state)."""
    for folder, (mode, time_ns) in surgery.folders.items():
        with suppress(OSError):
            _restore_folder(prefix / folder, mode, time_ns)


def _drop_compiled(source: Path) -> None:
    """Remove what an interpreter compiled of a file that was here for a moment."""
    if source.suffix == ".py":
        cache = source.parent / "__pycache__"
        for compiled in cache.glob(f"{_plain(source.stem)}.*.pyc"):
            compiled.unlink()
        _remove_if_empty(cache)


def _remove_if_empty(folder: Path) -> None:
    """Remove a directory; one that still holds something, and one that is not there, stays so."""
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR):
            raise


def _plain(stem: str) -> str:
    """A name that means itself in a glob."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in stem)


def _remake(prefix: Path, folder: str, surgery: Surgery) -> None:
    """Make a directory that was removed, with its mode."""
    for part in reversed((folder, *_above(folder))):
        path = prefix / part
        if part and not path.exists():
            path.mkdir()
            if part in surgery.folders:
                path.chmod(surgery.folders[part][0])


def _restore_folder(path: Path, mode: int, time_ns: int) -> None:
    """Mode and modification time as they were."""
    facts = path.stat()
    if stat.S_IMODE(facts.st_mode) != mode:
        path.chmod(mode)
    if facts.st_mtime_ns != time_ns:
        os.utime(path, ns=(facts.st_atime_ns, time_ns))


def _above(path: str) -> Iterable[str]:
    """The directories above a relative path, nearest first, without the environment itself."""
    folder = dirname(path)
    while folder:
        yield folder
        folder = dirname(folder)


def _facts(folder: Path) -> Seen | None:
    """Mode and time of a directory; None when there is none."""
    try:
        facts = folder.stat()
    except OSError:
        return None
    return (stat.S_IMODE(facts.st_mode), facts.st_mtime_ns) if stat.S_ISDIR(facts.st_mode) else None


def _is_directory(path: Path) -> bool:
    """A real directory, no link to one."""
    return path.is_dir() and not path.is_symlink()
