"""A patient saved to a file that support can read elsewhere: all that the checks need, nothing that is secret.

Sources are not in it: where a distribution's files are as its wheel brought them, the wheel can be read again from
the index. What differs from RECORD is listed, and of local code only the modules that it imports.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from posixpath import basename
from typing import Any

from doctor import __version__
from doctor.errors import UsageError
from doctor.model import Distribution, Environment, FileView, Finding, RecordedFile
from doctor.probe.codec import build, compact, lines
from doctor.probe.gather import import_roots, local_places, present_programs, scripts_of, stdlib_files
from doctor.probe.local_imports import outlines
from doctor.probe.records import recorded_files
from doctor.probe.redact import Redactor

SCHEMA = "acdoctor.snapshot/1"
LIMIT = 64 * 1024**2
_HOME = "/home/user"
_DEVIATIONS = 200
_PLAIN_KEYS = frozenset(
    [
        "name",
        "display_name",
        "version",
        "wheel_tags",
        "tags",
        "stdlib",
        "builtins",
        "suffixes",
        "top_level",
        "extras",
        "kind",
        "markers",
        "implementation",
        "code",
    ]
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
    ``roots`` are the modules and packages that it brings, the uppermost of each tree, dotted.
    """

    count: int = 0
    size: int = 0
    digest: str = ""
    roots: tuple[str, ...] = ()
    deviating: tuple[Deviation, ...] = ()
    more: int = 0


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A saved patient. ``files`` are by metadata path, ``scripts`` the first bytes of what is in its bin.

    ``present`` are programs that these lines name and that exist. ``stdlib`` are the files of the standard library,
    relative to the first of its directories that has them. ``local`` are the outlines of code that no index has, by
    path (see ``local_imports``).
    ``machine`` are findings about compiled code, made where it runs: they need the libraries of that machine.
    """

    environment: Environment
    made_on: str = ""
    made_by: str = ""
    files: Mapping[str, FilesOf] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    present: tuple[str, ...] = ()
    stdlib: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    local: Mapping[str, str] = field(default_factory=dict)
    machine: tuple[Finding, ...] = ()


def take_snapshot(environment: Environment, files: FileView, machine: tuple[Finding, ...] = ()) -> Snapshot:
    """Everything that the checks need of a patient, secrets removed; ``machine`` as in ``Snapshot``."""
    facts = {
        d.metadata_path: _files_of(recorded_files(d, files), d, files)
        for d in environment.distributions
        if d.metadata_path and d.has_record
    }
    scripts = scripts_of(environment, files)
    snapshot = Snapshot(
        environment=environment,
        made_on=datetime.now(tz=UTC).isoformat(timespec="seconds"),
        made_by=f"acdoctor {__version__}",
        files=facts,
        scripts=scripts,
        present=present_programs(environment, scripts, files),
        stdlib=stdlib_files(environment, files),
        local=outlines(local_places(environment, files), files),
        machine=machine,
    )
    return _redacted(snapshot)


def dump_snapshot(snapshot: Snapshot) -> str:
    """The snapshot as JSON that people can read."""
    value = {
        "schema": SCHEMA,
        "made_by": snapshot.made_by,
        "made_on": snapshot.made_on,
        "environment": compact(asdict(snapshot.environment)),
        "files": {path: compact(asdict(facts)) for path, facts in sorted(snapshot.files.items())},
        "scripts": dict(sorted(snapshot.scripts.items())),
        "present": list(snapshot.present),
        "stdlib": {path: " ".join(names) for path, names in sorted(snapshot.stdlib.items())},
        "local": dict(sorted(snapshot.local.items())),
        "machine": compact([asdict(finding) for finding in snapshot.machine]),
    }
    return lines(value)


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
            environment=build(Environment, value["environment"], "environment"),
            made_on=str(value.get("made_on", "")),
            made_by=str(value.get("made_by", "")),
            files={str(k): build(FilesOf, v, f"files.{k}") for k, v in dict(value.get("files", {})).items()},
            scripts={str(k): str(v) for k, v in dict(value.get("scripts", {})).items()},
            present=tuple(str(name) for name in value.get("present", ())),
            stdlib={str(k): tuple(str(v).split()) for k, v in dict(value.get("stdlib", {})).items()},
            local={str(k): str(v) for k, v in dict(value.get("local", {})).items()},
            machine=build(tuple[Finding, ...], value.get("machine", ()), "machine"),
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
        count=len(recorded),
        size=size,
        digest=record_digest(rows),
        roots=import_roots(path for path, _ in rows),
        deviating=tuple(deviating[:_DEVIATIONS]),
        more=more,
    )


def _redacted(snapshot: Snapshot) -> Snapshot:
    """The same without secrets, user names and home directories; paths stay absolute."""
    redact = Redactor(home=_HOME)
    value = asdict(snapshot)
    _study(value, redact)
    clean = _clean(value, redact, "")
    return replace(
        snapshot,
        environment=build(Environment, clean["environment"], "environment"),
        files={path: build(FilesOf, facts, path) for path, facts in clean["files"].items()},
        scripts=clean["scripts"],
        present=tuple(clean["present"]),
        stdlib={redact(path): names for path, names in snapshot.stdlib.items()},
        local=clean["local"],
        machine=build(tuple[Finding, ...], clean["machine"], "machine"),
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
