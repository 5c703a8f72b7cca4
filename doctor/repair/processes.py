"""Which running processes use an environment, from /proc; where there is none, none are known."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
MOST = 8
"""Processes that are named."""


def users_of(prefix: str) -> tuple[str, ...]:
    """``python train.py (process 4711)`` for every process started from the environment or using its libraries."""
    below = prefix.rstrip("/") + "/"
    ours = set(_ancestors(os.getpid()))
    found: list[str] = []
    for number in _numbers():
        if number in ours:
            continue
        words = _command(number)
        if any(_whole(word, number).startswith(below) for word in words[:2]) or _maps(number, below):
            shown = " ".join(os.path.basename(w) for w in words[:3])  # noqa: PTH119 - words, not paths
            found.append(f"{shown or 'a process'} (process {number})")
    return tuple(found[:MOST])


def _numbers() -> Iterator[int]:
    try:
        names = os.listdir(_PROC)  # noqa: PTH208 - names are wanted
    except OSError:
        return
    yield from sorted(int(name) for name in names if name.isdigit())


def _ancestors(number: int) -> Iterator[int]:
    """The process and those that started it: the doctor may itself be run from a script of the environment."""
    while number > 1:
        yield number
        try:
            stat = (_PROC / str(number) / "stat").read_text(encoding="utf-8", errors="replace")
            number = int(stat.rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return


def _command(number: int) -> list[str]:
    with suppress(OSError):
        body = (_PROC / str(number) / "cmdline").read_bytes()
        return [os.fsdecode(word) for word in body.split(b"\0") if word]
    return []


def _whole(word: str, number: int) -> str:
    """A path as the process means it: from its folder, and a bare ``python`` from the first place of its PATH."""
    with suppress(OSError):
        if "/" in word:
            return os.path.normpath(os.path.join(os.readlink(_PROC / str(number) / "cwd"), word))  # noqa: PTH115, PTH118
        if word.startswith("python"):
            return shutil.which(word, path=_variable("PATH", number)) or ""
    return ""


def _variable(name: str, number: int) -> str:
    """A variable of the environment that the process was started with; '' when it has none."""
    with suppress(OSError):
        for line in (_PROC / str(number) / "environ").read_bytes().split(b"\0"):
            if line.startswith(f"{name}=".encode()):
                return os.fsdecode(line.partition(b"=")[2])
    return ""


def _maps(number: int, below: str) -> bool:
    with suppress(OSError):
        return f" {below}".encode() in (_PROC / str(number) / "maps").read_bytes()
    return False
