"""Where the files of a wheel go in an environment (binary distribution format, PEP 427; PEP 376 for the rest).

One function tells it for the proof and for the installation: what was proven is what is written.
"""

from __future__ import annotations

import base64
import configparser
import csv
import hashlib
import io
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from posixpath import join, normpath, relpath
from typing import Protocol

from doctor.errors import TransactionError
from doctor.index.wheels import WheelFiles
from doctor.model import Interpreter

INSTALLER = "acdoctor\n"
"""What INSTALLER says of a distribution that the doctor put there."""


class Member(Protocol):
    """One file to be: its size, its bytes, whether it can be executed, and what identifies its content."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def executable(self) -> bool:
        """It can be run."""

    @property
    def identity(self) -> str:
        """Differs for different content."""

    def read(self) -> bytes:
        """The bytes."""

    def chunks(self) -> Iterator[bytes]:
        """The bytes, piece by piece."""


@dataclass(frozen=True, slots=True)
class FromWheel:
    """A member of a wheel as it is."""

    wheel: WheelFiles
    name: str
    size: int
    executable: bool
    identity: str

    def read(self) -> bytes:
        """The member's bytes; may raise ``IndexUnavailableError``."""
        return self.wheel.read(self.name)

    def chunks(self) -> Iterator[bytes]:
        """The same piece by piece."""
        return self.wheel.chunks(self.name)


@dataclass(frozen=True, slots=True)
class Made:
    """A file that an installer makes."""

    body: bytes
    executable: bool = False

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.body)

    @property
    def identity(self) -> str:
        """By content."""
        return hashlib.sha256(self.body).hexdigest()

    def read(self) -> bytes:
        """The bytes."""
        return self.body

    def chunks(self) -> Iterator[bytes]:
        """The bytes, in one piece."""
        yield self.body


_KERNEL_LIMIT = 124
"""Bytes of an interpreter's path that Linux takes in a first line (127 with ``#!`` and the line's end)."""

Layout = Mapping[str, Member]
"""Absolute path -> the file that is to be there."""


def metadata_directory(wheel: WheelFiles, interpreter: Interpreter) -> str:
    """Where the wheel's dist-info directory comes to lie."""
    return join(_root(wheel, interpreter), wheel.dist_info)


def wheel_layout(wheel: WheelFiles, interpreter: Interpreter, *, requested: bool) -> dict[str, Member]:
    """All files of the wheel at their places, with scripts, RECORD, INSTALLER and (``requested``) REQUESTED.

    Raises:
        TransactionError: the wheel would write outside of the environment.
        IndexUnavailableError: the wheel cannot be read.
    """
    root = _root(wheel, interpreter)
    hashes = _wheel_record(wheel)
    placed: dict[str, Member] = {}
    digests: dict[str, str] = {}
    for name in wheel.names:
        if name.startswith(wheel.dist_info + "/RECORD"):
            continue
        path, scheme = _place(wheel, name, interpreter, root)
        member = _member(wheel, name, hashes.get(name, ""))
        if scheme == "scripts":
            member = _script(member, interpreter)
        elif name in hashes:
            digests[path] = hashes[name]
        placed[path] = member
    for name, body in _scripts(wheel, interpreter):
        placed.setdefault(join(interpreter.scripts, name), Made(body, executable=True))
    info = join(root, wheel.dist_info)
    placed[join(info, "INSTALLER")] = Made(INSTALLER.encode())
    if requested:
        placed[join(info, "REQUESTED")] = Made(b"")
    placed[join(info, "RECORD")] = Made(_record(placed, digests, root, info))
    return placed


def _root(wheel: WheelFiles, interpreter: Interpreter) -> str:
    """Where the wheel's own root goes: purelib or platlib, as WHEEL says."""
    text = wheel.text("WHEEL").lower()
    pure = "root-is-purelib: true" in text
    return interpreter.purelib if pure else interpreter.platlib


def _place(wheel: WheelFiles, name: str, interpreter: Interpreter, root: str) -> tuple[str, str]:
    """(absolute path, scheme) of a member; refuses what would leave its scheme's directory."""
    data = wheel.dist_info.removesuffix(".dist-info") + ".data/"
    base, rest, scheme = root, name, "root"
    if name.startswith(data):
        scheme, _, rest = name[len(data) :].partition("/")
        base = _schemes(wheel, interpreter).get(scheme, "")
    path = normpath(join(base, rest))
    if not base or not path.startswith(base.rstrip("/") + "/"):
        raise TransactionError(f"{wheel.file.filename} would write outside of the environment ({name}).")
    return path, scheme


def _schemes(wheel: WheelFiles, interpreter: Interpreter) -> dict[str, str]:
    """Directories of a wheel's ``.data`` part, as installers map them in a venv."""
    major, minor = interpreter.minor
    distribution = wheel.file.filename.partition("-")[0]
    return {
        "purelib": interpreter.purelib,
        "platlib": interpreter.platlib,
        "scripts": interpreter.scripts,
        "data": interpreter.prefix,
        "headers": join(interpreter.prefix, "include", "site", f"python{major}.{minor}", distribution),
    }


def _member(wheel: WheelFiles, name: str, digest: str) -> Member:
    """A member with what identifies its content: the hash in RECORD, else wheel and CRC."""
    info = wheel.info(name)
    executable = bool((info.external_attr >> 16) & 0o111)
    identity = digest or f"{wheel.file.sha256 or wheel.file.url}:{info.CRC:08x}"
    return FromWheel(wheel, name, info.file_size, executable, identity)


def _script(member: Member, interpreter: Interpreter) -> Member:
    """A script with the environment's interpreter in its first line when it asks for one (``#!python``)."""
    body = member.read()
    if not body.startswith(b"#!python"):
        return Made(body, executable=True)
    return Made(_first_line(interpreter.executable) + body.partition(b"\n")[2], executable=True)


def _first_line(executable: str) -> bytes:
    """The line that starts the interpreter; by a shell where the kernel could not (long path, white space)."""
    if len(executable) <= _KERNEL_LIMIT and not any(c.isspace() for c in executable):
        return b"#!" + os.fsencode(executable) + b"\n"
    return b"#!/bin/sh\n'" + b"""''exec' """ + os.fsencode(shlex.quote(executable)) + b""" "$0" "$@"\n' '''\n"""


def _scripts(wheel: WheelFiles, interpreter: Interpreter) -> Iterator[tuple[str, bytes]]:
    """The launchers for ``console_scripts`` and ``gui_scripts``."""
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(wheel.text("entry_points.txt"))
    except configparser.Error:
        return
    for section in ("console", "gui"):
        if not parser.has_section(f"{section}_scripts"):
            continue
        for name, value in parser.items(f"{section}_scripts"):
            module, _, attribute = value.partition("[")[0].partition(":")
            if attribute.strip() and "/" not in name:
                yield name, _launcher(module.strip(), attribute.strip(), interpreter)


def _launcher(module: str, attribute: str, interpreter: Interpreter) -> bytes:
    """A script that calls ``module:attribute`` and exits with what that returns (entry points specification)."""
    first = attribute.partition(".")[0]
    text = f'import sys\n\nfrom {module} import {first}\n\nif __name__ == "__main__":\n    sys.exit({attribute}())\n'
    return _first_line(interpreter.executable) + text.encode()


def _wheel_record(wheel: WheelFiles) -> dict[str, str]:
    """Member -> ``sha256=...`` as the wheel's own RECORD says."""
    rows = csv.reader(wheel.text("RECORD").splitlines())
    return {row[0]: row[1] for row in rows if len(row) > 1 and row[1]}


def _record(placed: Layout, digests: Mapping[str, str], root: str, info: str) -> bytes:
    """The RECORD of the installed files, paths relative to the directory on ``sys.path``."""
    rows = []
    for path, member in sorted(placed.items()):
        shown = relpath(path, root)
        rows.append((shown, digests.get(path) or digest_of(member.chunks()), str(member.size)))
    rows.append((relpath(join(info, "RECORD"), root), "", ""))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def digest_of(chunks: Iterable[bytes]) -> str:
    """``sha256=`` and the digest in the form of RECORD (PEP 376/627: urlsafe, no padding)."""
    made = hashlib.sha256()
    for chunk in chunks:
        made.update(chunk)
    return "sha256=" + base64.urlsafe_b64encode(made.digest()).rstrip(b"=").decode()
