"""Writing new files beside an environment, and refusing beforehand what could not be carried to its end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from doctor.errors import TransactionError
from doctor.planned.layout import Member, digest_of
from doctor.repair.surgery import Surgery

SPARE = 16 * 1024**2
"""Bytes that must stay free beyond what is written."""


def stage(path: Path, member: Member) -> tuple[int, int]:
    """Write one new file, checked against the hash it must have; its size and time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        digest = digest_of(_written(member.chunks(), file))
    if member.identity.startswith("sha256=") and digest != member.identity:
        raise TransactionError(f"{path.name} is not what the wheel's RECORD says; the wheel is damaged.")
    if member.executable:
        mode = path.stat().st_mode
        path.chmod(mode | (mode & 0o444) >> 2)
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns


def _written(chunks: Iterable[bytes], file: BinaryIO) -> Iterator[bytes]:
    """The same chunks, each written when it passes."""
    for chunk in chunks:
        file.write(chunk)
        yield chunk


def link(source: str, target: Path) -> None:
    """The same file under a second name; a copy with mode and time where links are not possible."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def check_space(needed: int, prefix: Path) -> None:
    """Refuse before the first byte when the disk cannot hold what comes."""
    free = shutil.disk_usage(prefix).free
    if needed + SPARE > free:
        raise TransactionError(
            f"The repair needs {needed / 1e6:.0f} MB on the disk of {prefix}, and {free / 1e6:.0f} MB are free; "
            "free some space and try again. Nothing was changed."
        )


def check_writable(surgery: Surgery, prefix: Path, folder: Path) -> None:
    """Refuse what renames could not do: directories that may not be written or lie on another file system."""
    device = folder.stat().st_dev
    for name in surgery.folders:
        path = prefix / name
        if not os.access(path, os.W_OK | os.X_OK):
            raise TransactionError(f"{path} may not be written by you; ask its owner. Nothing was changed.")
        if path.stat().st_dev != device:
            raise TransactionError(f"{path} lies on another file system than {prefix}. Nothing was changed.")


def relative_to(path: str, prefix: Path) -> str:
    """The path inside of the environment; refuses any other."""
    inside = os.path.relpath(path, prefix)
    if inside.startswith("..") or inside == ".":
        raise TransactionError(f"{path} lies outside of {prefix} and is not touched. Nothing was changed.")
    return inside
