"""A patient saved to a file that support can read elsewhere: all that the checks need, nothing that is secret.

Sources are not in it: where a distribution's files are as its wheel brought them, the wheel can be read again from
the index. What differs from RECORD is listed, and of local code only the modules that it imports.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime
from posixpath import basename, normpath
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from doctor import __version__
from doctor.errors import UsageError
from doctor.model import Distribution, Environment, FileView, RecordedFile
from doctor.probe.local_imports import imported_modules
from doctor.probe.records import recorded_files
from doctor.probe.redact import Redactor

SCHEMA = "acdoctor.snapshot/1"
LIMIT = 64 * 1024**2
_HOME = "/home/user"
_DEVIATIONS = 200
_SCRIPT_BYTES = 400
_STDLIB_FILES = 4000
_STDLIB_LEFT_OUT = frozenset(
    ["__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib", "turtledemo", "idle_test", "lib2to3", "ensurepip", "_bundled"]
)
_PLAIN_KEYS = frozenset(
    ["name", "display_name", "version", "wheel_tags", "tags", "stdlib", "builtins", "suffixes", "top_level", "extras", "kind", "markers", "implementation", "code"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """One recorded file that is not as recorded: ``missing``, or ``changed`` with its size now."""

    path: str
    state: str
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesOf:
    """The files of one distribution: how many, how large, which differ from RECORD.

    ``digest`` is over the recorded paths and hashes, so that a wheel of the index can be known as the same build.
    """

    count: int = 0
    size: int = 0
    digest: str = ""
    deviating: tuple[Deviation, ...] = ()
    more: int = 0


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A saved patient. ``files`` are by metadata path, ``scripts`` the first bytes of what is in its bin.

    ``present`` are programs that these lines name and that exist. ``stdlib`` are the files of the standard library,
    relative to the first of its directories that has them. ``reaches`` are the modules that local (editable or
    unrecorded) code imports at its top level.
    """

    environment: Environment
    made_on: str = ""
    made_by: str = ""
    files: Mapping[str, FilesOf] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    present: tuple[str, ...] = ()
    stdlib: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reaches: tuple[str, ...] = ()


def take_snapshot(environment: Environment, files: FileView) -> Snapshot:
    """Everything that the checks need of a patient, secrets removed."""
    facts = {
        d.metadata_path: _files_of(recorded_files(d, files), d, files)
        for d in environment.distributions
        if d.metadata_path and d.has_record
    }
    local = [place for d in environment.distributions for place in _local_places(d, environment)]
    scripts = _scripts(environment, files)
    snapshot = Snapshot(
        environment=environment,
        made_on=datetime.now(tz=UTC).isoformat(timespec="seconds"),
        made_by=f"acdoctor {__version__}",
        files=facts,
        scripts=scripts,
        present=_present(environment, scripts, files),
        stdlib=_stdlib(environment, files),
        reaches=imported_modules(dict.fromkeys([*environment.editable.values(), *local]), files),
    )
    return _redacted(snapshot)


def dump_snapshot(snapshot: Snapshot) -> str:
    """The snapshot as JSON that people can read."""
    value = {
        "schema": SCHEMA,
        "made_by": snapshot.made_by,
        "made_on": snapshot.made_on,
        "environment": _compact(asdict(snapshot.environment)),
        "files": {path: _compact(asdict(facts)) for path, facts in sorted(snapshot.files.items())},
        "scripts": dict(sorted(snapshot.scripts.items())),
        "present": list(snapshot.present),
        "stdlib": {path: " ".join(names) for path, names in sorted(snapshot.stdlib.items())},
        "reaches": list(snapshot.reaches),
    }
    return _lines(value)


def load_snapshot(path: str) -> Snapshot:
    """Read a snapshot; raises ``UsageError`` when it is none, or of a newer kind."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - names of any kind
            data = file.read(LIMIT + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    if len(data) > LIMIT:
        raise UsageError(f"{path} is larger than any snapshot; make one with `acdoctor snapshot`.")
    return parse_snapshot(data, path)


def parse_snapshot(data: bytes, path: str = "the snapshot") -> Snapshot:
    """A snapshot from its bytes; raises ``UsageError``."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError(f"{path} is no snapshot: it is not JSON. Make one with `acdoctor snapshot`.") from None
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA:
        newer = isinstance(schema, str) and schema.startswith("acdoctor.snapshot/")
        raise UsageError(
            f"{path} was made by a newer acdoctor ({schema}): update acdoctor."
            if newer
            else f"{path} is no snapshot. Make one with `acdoctor snapshot`."
        )
    try:
        return Snapshot(
            environment=_build(Environment, value["environment"], "environment"),
            made_on=str(value.get("made_on", "")),
            made_by=str(value.get("made_by", "")),
            files={str(k): _build(FilesOf, v, f"files.{k}") for k, v in dict(value.get("files", {})).items()},
            scripts={str(k): str(v) for k, v in dict(value.get("scripts", {})).items()},
            present=tuple(str(name) for name in value.get("present", ())),
            stdlib={str(k): tuple(str(v).split()) for k, v in dict(value.get("stdlib", {})).items()},
            reaches=tuple(str(name) for name in value.get("reaches", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path} is a damaged snapshot: {error}.") from None


def record_digest(recorded: list[tuple[str, str]]) -> str:
    """The digest over (path relative to site-packages, hash) of all files that come from the wheel itself.

    Metadata, byte code and what lies outside of site-packages differ from one installation to another.
    """
    rows = sorted(
        f"{path} {digest}"
        for path, digest in recorded
        if digest and not path.startswith(("../", "/")) and ".dist-info/" not in path and "__pycache__" not in path
    )
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogateescape")).hexdigest()


def hash_of(data: bytes) -> str:
    """A file's hash as RECORD writes it (PEP 376, PEP 427)."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _files_of(recorded: tuple[RecordedFile, ...], distribution: Distribution, files: FileView) -> FilesOf:
    deviating: list[Deviation] = []
    size, rows = 0, []
    base = distribution.location.rstrip("/") + "/"
    for entry in recorded:
        relative = entry.path.removeprefix(base) if entry.path.startswith(base) else f"../{basename(entry.path)}"
        rows.append((relative, entry.hash))
        if entry.path.endswith(".pyc") or entry.size is None:
            continue
        facts = files.facts(entry.path)
        size += facts.size if facts else 0
        if facts is None:
            deviating.append(Deviation(path=entry.path, state="missing"))
        elif facts.size != entry.size:
            deviating.append(Deviation(path=entry.path, state="changed", size=facts.size))
    more = max(0, len(deviating) - _DEVIATIONS)
    return FilesOf(
        count=len(recorded), size=size, digest=record_digest(rows), deviating=tuple(deviating[:_DEVIATIONS]), more=more
    )


def _local_places(distribution: Distribution, environment: Environment) -> list[str]:
    """Directories of a distribution whose code no index has."""
    origin = distribution.direct_url
    if distribution.kind == "egg-link" or (origin and origin.editable):
        here = normpath(distribution.location)
        return [] if here in environment.site_dirs else [here]
    if origin and origin.url.startswith("file:"):
        return [f"{distribution.location}/{top}" for top in distribution.top_level]
    return []


def _scripts(environment: Environment, files: FileView) -> dict[str, str]:
    """The beginnings of the small scripts in bin: their interpreter line and the module they start."""
    found = {}
    for name in files.listing(environment.scripts_dir) or ():
        path = f"{environment.scripts_dir}/{name}"
        facts = files.facts(path)
        if facts is None or facts.kind != "file" or facts.size > 8 * _SCRIPT_BYTES:
            continue
        try:
            data = files.read(path, _SCRIPT_BYTES)
        except OSError:
            continue
        if data.startswith(b"#!"):
            found[path] = data.decode("utf-8", "replace")
    return found


def _present(environment: Environment, scripts: Mapping[str, str], files: FileView) -> tuple[str, ...]:
    """The interpreter, and the programs named by the first lines of scripts, as far as they exist."""
    named = [text[2:].split("\n", 1)[0].strip().split(" ")[0] for text in scripts.values()]
    if environment.interpreter:
        named.append(environment.interpreter.executable)
    return tuple(path for path in sorted(set(named)) if path.startswith("/") and files.facts(path) is not None)


def _stdlib(environment: Environment, files: FileView) -> dict[str, tuple[str, ...]]:
    """Modules of the standard library by directory; its tests and what is installed below it are left out."""
    found: dict[str, tuple[str, ...]] = {}
    for place in environment.interpreter.stdlib_paths if environment.interpreter else ():
        names: list[str] = []
        waiting = [""]
        while waiting and len(names) < _STDLIB_FILES:
            below = waiting.pop()
            for name in files.listing(f"{place}/{below}".rstrip("/")) or ():
                path = f"{below}{name}"
                if name.endswith((".py", ".so")):
                    names.append(path)
                elif "." not in name and name not in _STDLIB_LEFT_OUT and " " not in name:
                    waiting.append(f"{path}/")
        if names:
            found[place] = tuple(sorted(names))
    return found


def _redacted(snapshot: Snapshot) -> Snapshot:
    """The same without secrets, user names and home directories; paths stay absolute."""
    redact = Redactor(home=_HOME)
    value = asdict(snapshot)
    _study(value, redact)
    clean = _clean(value, redact, "")
    return replace(
        snapshot,
        environment=_build(Environment, clean["environment"], "environment"),
        files={path: _build(FilesOf, facts, path) for path, facts in clean["files"].items()},
        scripts=clean["scripts"],
        present=tuple(clean["present"]),
        stdlib={redact(path): names for path, names in snapshot.stdlib.items()},
    )


def _study(value: Any, redact: Redactor) -> None:
    """Learn user names from every path first, so that they go wherever they stand."""
    if isinstance(value, str):
        redact.study(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            redact.study(key)
            _study(item, redact)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _study(item, redact)


def _clean(value: Any, redact: Redactor, key: str) -> Any:
    if isinstance(value, str):
        plain = key in _PLAIN_KEYS and key != "code" and "/" not in value and "@" not in value
        exact = key in ("digest", "made_on", "made_by") or (key == "requires" and "@" not in value)
        return value if plain or exact else redact(value)
    if isinstance(value, dict):
        return {
            redact(k) if "/" in k else k: _clean(v, redact, key if key == "markers" else k) for k, v in value.items()
        }
    if isinstance(value, (list, tuple)):
        return tuple(_clean(item, redact, key) for item in value)
    return value


def _compact(value: Any) -> Any:
    """Without what is empty: the reader fills in the same defaults."""
    if isinstance(value, dict):
        return {k: _compact(v) for k, v in value.items() if v not in ("", (), [], {}, None, 0) or v is False}
    if isinstance(value, (list, tuple)):
        return [_compact(item) for item in value]
    return value


def _lines(value: dict[str, Any]) -> str:
    """One line for each distribution and each file: small, and still read and compared by people."""
    parts = []
    for key, item in value.items():
        if key == "environment":
            inner = [
                f"  {json.dumps(k)}: {_rows(v) if k == 'distributions' else json.dumps(v)}" for k, v in item.items()
            ]
            parts.append(' "environment": {\n' + ",\n".join(inner) + "\n }")
        elif isinstance(item, dict):
            inner = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in item.items()]
            parts.append(f" {json.dumps(key)}: {{\n" + ",\n".join(inner) + "\n }")
        else:
            parts.append(f" {json.dumps(key)}: {json.dumps(item)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _rows(items: list[Any]) -> str:
    return "[\n   " + ",\n   ".join(json.dumps(item) for item in items) + "\n  ]"


def _build(kind: Any, value: Any, where: str) -> Any:
    """A value of a type from JSON; unknown keys are left out, a wrong type names its place."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if value is None:
            return None
        return _build(next(a for a in arguments if a is not NoneType), value, where)
    if origin is tuple:
        return tuple(_build(arguments[0], item, where) for item in _of(value, (list, tuple), where))
    if origin is not None and issubclass(origin, Mapping):
        return {str(k): _build(arguments[1], v, where) for k, v in _of(value, dict, where).items()}
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        table = _of(value, dict, where)
        missing = {f.name: _empty(hints[f.name]) for f in fields(kind) if f.name not in table and _needed(f)}
        given = {
            f.name: _build(hints[f.name], table[f.name], f"{where}.{f.name}") for f in fields(kind) if f.name in table
        }
        return kind(**{**missing, **given})  # type: ignore[operator]
    if kind is bool or kind is int or kind is str:
        return _of(value, kind, where)
    return value


def _needed(item: Any) -> bool:
    from dataclasses import MISSING  # noqa: PLC0415

    return item.default is MISSING and item.default_factory is MISSING


def _empty(kind: Any) -> Any:
    """What ``_compact`` left out of a field without a default."""
    origin = get_origin(kind)
    if origin is tuple:
        return ()
    if origin is not None and origin not in (Union, UnionType) and issubclass(origin, Mapping):
        return {}
    return {str: "", int: 0, bool: False}.get(kind)


def _of(value: Any, kind: Any, where: str) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{where} is not what it should be")
    return value
