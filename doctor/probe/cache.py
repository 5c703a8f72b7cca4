"""What interpreters told, kept in the user's cache directory: optional, checked before it is believed.

An entry is believed only while the interpreter, pyvenv.cfg, the standard library, the system and the variables that
matter are the same as when it was written. A cache that cannot be used costs a start of the interpreter, no more.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from posixpath import join
from typing import Any

import platformdirs

from doctor.probe.files import real_path
from doctor.probe.interpreter import INSIDE, StartFailure, Told, ask, understood

Key = Sequence[Any]
"""All that an answer depends on, as JSON values; empty when it must not be kept."""

_ENTRY_LIMIT = 4 * 1024 * 1024
_MOST_ENTRIES = 256
_VARIABLES = ("HOME", "PYTHONUSERBASE", "LD_LIBRARY_PATH", "LD_PRELOAD")
_BINARY = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


def told_by(executable: str, config_path: str, environ: Mapping[str, str], timeout: float) -> Told:
    """What an interpreter tells, or told when it was as it is now; raises ``StartFailure`` (which is never kept)."""
    directory = cache_directory(environ)
    key = interpreter_key(executable, config_path, environ) if directory else ()
    kept = load(directory, key)
    if kept is not None:
        with suppress(StartFailure):
            return understood(kept)
    document = ask(executable, environ, timeout)
    told = understood(document)
    store(directory, key, document, told.depends_on)
    return told


def cache_directory(environ: Mapping[str, str]) -> str:
    """Where entries lie; '' when the user has no place for them. ``XDG_CACHE_HOME`` and ``HOME`` decide."""
    if environ.get("HOME") != os.environ.get("HOME"):
        return ""  # another user's view is asked for: nothing of it belongs into this user's cache
    with suppress(OSError, RuntimeError, KeyError):
        return join(platformdirs.user_cache_dir("acdoctor", appauthor=False), "interpreters")
    return ""


def interpreter_key(executable: str, config_path: str, environ: Mapping[str, str]) -> Key:
    """What changes with the interpreter, its pyvenv.cfg, the system, and the doctor; empty for a wrapper script.

    What a script answers may depend on anything, so it is asked each time.
    """
    try:
        with open(executable, "rb") as stream:  # noqa: PTH123 - plain strings
            if not stream.read(4).startswith(_BINARY):
                return ()
        with open(INSIDE, "rb") as stream:  # noqa: PTH123 - plain strings
            question = zlib.crc32(stream.read())
    except OSError:
        return ()
    return [
        question,
        executable,
        os.access(executable, os.X_OK),
        stamp(real_path(executable)),
        stamp(config_path) if config_path else None,
        [environ.get(name, "") for name in _VARIABLES],
        list(os.uname()),
        _libc(),
    ]


def stamp(path: str) -> list[str | int] | None:
    """What changes when a file does; None when there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - plain strings
    except (OSError, ValueError):
        return None
    return [path, status.st_size, status.st_mtime_ns, status.st_ino]


def load(directory: str, key: Key) -> dict[str, Any] | None:
    """The entry of that key, if its witnesses (files that it depends on) are unchanged; None otherwise."""
    if not directory or not key:
        return None
    try:
        with open(_path(directory, key), "rb") as stream:  # noqa: PTH123 - plain strings
            if os.fstat(stream.fileno()).st_uid != os.geteuid():
                return None
            entry = json.loads(stream.read(_ENTRY_LIMIT))
        told = entry["told"]
        valid = entry["key"] == key and all(stamp(w[0]) == w for w in entry["witnesses"]) and isinstance(told, dict)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return told if valid else None


def store(directory: str, key: Key, told: Mapping[str, Any], depends_on: Sequence[str]) -> None:
    """Write an entry beside its place and rename it: a reader sees all of it or nothing."""
    witnesses = [stamp(path) for path in depends_on]
    if not directory or not key or None in witnesses:
        return
    with suppress(OSError, ValueError):
        os.makedirs(directory, mode=0o700, exist_ok=True)  # noqa: PTH103 - plain strings
        _sweep(directory)
        path = _path(directory, key)
        temporary = f"{path}.{os.getpid()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as stream:
                json.dump({"key": key, "witnesses": witnesses, "told": told}, stream)
            os.replace(temporary, path)  # noqa: PTH105 - plain strings
        except BaseException:
            os.unlink(temporary)  # noqa: PTH108 - plain strings
            raise


def _path(directory: str, key: Key) -> str:
    """Where an entry lies. Two keys may share a place; the entry itself says which one it is of."""
    return join(directory, f"{zlib.crc32(json.dumps(key).encode()):08x}.json")


def _sweep(directory: str) -> None:
    """Forget all when there are too many entries: they are cheap to make again."""
    names = os.listdir(directory)  # noqa: PTH208 - plain strings
    if len(names) >= _MOST_ENTRIES:
        for name in names:
            with suppress(OSError):
                os.unlink(join(directory, name))  # noqa: PTH108 - plain strings


def _libc() -> str:
    """The C library that this system runs now: a home directory may be shared by different machines."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError, AttributeError):
        return ""
