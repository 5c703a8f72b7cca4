"""The built-in rules as values in the user's cache: three hundred files need not be read anew for each command.

Believed only while every rule file and the code that reads them are as they were (names, sizes, times). Whatever is
wrong with the file, or no place for it, costs reading the rules and no more.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any

from doctor.model import Fix, Safety, Severity
from doctor.rulebook import rules
from doctor.rulebook.rules import Rule
from doctor.rulebook.sources import RuleFile

_FORMAT = 1
_CHECKSUM = 16
_MOST_BYTES = 16 * 1024**2
_ENUMS: dict[str, type[Enum]] = {"Severity": Severity, "Safety": Safety}
_VALUES = {
    kind.__name__: kind
    for kind in (*vars(rules).values(), Fix)
    if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__")
}
_FIELDS = {name: tuple(kind.__dataclass_fields__) for name, kind in _VALUES.items()}


def recalled(files: Sequence[RuleFile]) -> list[Rule] | None:
    """The rules of these files as they were read before; None when they must be read."""
    with suppress(OSError, ValueError, EOFError, TypeError, KeyError):
        stamp = _stamp(files)
        with open(_place(files), "rb") as stream:  # noqa: PTH123 - plain strings
            if os.fstat(stream.fileno()).st_uid != os.geteuid():
                return None
            data = stream.read(_MOST_BYTES)
        checksum, body = data[:_CHECKSUM], memoryview(data)[_CHECKSUM:]
        if hashlib.blake2b(body, digest_size=_CHECKSUM).digest() != checksum:
            return None
        kept = marshal.loads(body)  # noqa: S302 - our own file, whole
        if kept[0] == stamp:
            return [_value(rule) for rule in kept[1]]
    return None


def keep(files: Sequence[RuleFile], found: Iterable[Rule]) -> None:
    """Keep what was read, for ``recalled``; never raises for what cannot be kept."""
    with suppress(OSError, ValueError):
        place = _place(files)
        body = marshal.dumps((_stamp(files), [_plain(rule) for rule in found]))
        os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)  # noqa: PTH103, PTH120 - plain strings
        temporary = f"{place}.{os.getpid()}.{time.monotonic_ns()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(hashlib.blake2b(body, digest_size=_CHECKSUM).digest())
                stream.write(body)
            os.replace(temporary, place)  # noqa: PTH105 - plain strings
        except BaseException:
            os.unlink(temporary)  # noqa: PTH108 - plain strings
            raise


def _place(files: Sequence[RuleFile]) -> str:
    """The file for these rules, one for each set of kinds and each place where a doctor is installed.

    Raises ``OSError`` when the user has no place for it.
    """
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ.get("HOME", ""), ".cache")  # noqa: PTH118
    if not os.path.isabs(base):  # noqa: PTH117 - plain strings
        raise FileNotFoundError(base)
    folders = sorted({os.path.dirname(file.path) for file in files})  # noqa: PTH120 - plain strings
    name = hashlib.blake2b("\0".join(folders).encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()
    return os.path.join(base, "acdoctor", "rules", f"{name}-{sys.version_info[0]}{sys.version_info[1]}")  # noqa: PTH118


def _stamp(files: Sequence[RuleFile]) -> tuple[Any, ...]:
    """What the rules depend on: their files, the code of this room, and what a rule consists of."""
    here = os.path.dirname(__file__)  # noqa: PTH120 - plain strings
    code = _entries(here)
    data = [entry for folder in sorted({os.path.dirname(file.path) for file in files}) for entry in _entries(folder)]  # noqa: PTH120
    return (_FORMAT, tuple(_FIELDS.items()), tuple(code), tuple(data), len(files))


def _entries(folder: str) -> list[tuple[str, int, int]]:
    """(name, size, time) of the files in a folder."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.stat()) for entry in entries if entry.is_file()]
    return sorted((name, facts.st_size, facts.st_mtime_ns) for name, facts in found)


def _plain(value: object) -> object:
    """A value as ``marshal`` can keep it: what is a tuple stays one, the others are marked."""
    if isinstance(value, Enum):
        return [type(value).__name__, value.value]
    if type(value).__name__ in _FIELDS:
        name = type(value).__name__
        return [name, *(_plain(getattr(value, field)) for field in _FIELDS[name])]
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


def _value(kept: Any) -> Any:
    if isinstance(kept, list):
        name, *rest = kept
        if name in _ENUMS:
            return _ENUMS[name](rest[0])
        return _VALUES[name](**dict(zip(_FIELDS[name], map(_value, rest), strict=True)))
    return tuple(map(_value, kept)) if isinstance(kept, tuple) else kept
