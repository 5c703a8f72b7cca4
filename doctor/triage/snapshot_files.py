"""The files of a snapshot's environment, read from the same wheels on the index; and the checks run on them."""

from __future__ import annotations

import csv
import io
import sys
import sysconfig
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from posixpath import dirname, normpath

from doctor.checks.examine import Options, examine_environment
from doctor.errors import IndexUnavailableError
from doctor.index.index import Index
from doctor.index.releases import ReleaseFile
from doctor.index.wheels import WheelFiles
from doctor.model import Distribution, Environment, Evidence, FileFacts, Finding, Report, Severity
from doctor.probe.snapshot import FilesOf, Snapshot, record_digest
from doctor.rulebook.load import load_rulebook

_MTIME = 10**18


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A distribution whose files could not be had, and why."""

    distribution: Distribution
    reason: str


@dataclass(slots=True)
class _Member:
    """One file of the environment: a member of a wheel, or a text of the snapshot; ``size`` as it is now."""

    size: int
    wheel: WheelFiles | None = None
    name: str = ""
    path: Path | None = None
    data: bytes = b""
    changed: bool = False


@dataclass(slots=True)
class SnapshotFiles:
    """A ``FileView`` of wheels at the places where they were installed. A changed file is seen but not readable."""

    members: dict[str, _Member] = field(default_factory=dict)
    directories: dict[str, set[str]] = field(default_factory=dict)

    def read(self, path: str, limit: int | None = None) -> bytes:
        """The file's bytes; raises ``OSError`` for what is not there and what was changed after installation."""
        member = self.members.get(normpath(path))
        if member is None:
            raise FileNotFoundError(2, "not in the snapshot", path)
        if member.changed:
            raise PermissionError(13, "was changed on the user's machine; a snapshot does not hold its text", path)
        try:
            data = (
                member.wheel.read(member.name)
                if member.wheel
                else member.path.read_bytes()
                if member.path
                else member.data
            )
        except (IndexUnavailableError, KeyError) as error:
            raise OSError(5, str(error), path) from None
        return data if limit is None else data[:limit]

    def facts(self, path: str) -> FileFacts | None:
        """A file or a directory; identity and time are made of its content, so that caches tell files apart."""
        where = normpath(path)
        member = self.members.get(where)
        if member is not None:
            crc = (
                member.wheel.info(member.name).CRC
                if member.wheel
                else zlib.crc32(member.data + str(member.path).encode())
            )
            return FileFacts(
                kind="file",
                size=member.size,
                mtime_ns=_MTIME + crc,
                inode=zlib.crc32(where.encode("utf-8", "surrogateescape")),
                executable=where.rpartition("/")[0].endswith("/bin"),
            )
        return FileFacts(kind="dir") if where in self.directories else None

    def listing(self, path: str) -> tuple[str, ...] | None:
        """Names in a directory."""
        names = self.directories.get(normpath(path))
        return None if names is None else tuple(sorted(names))

    def add(self, path: str, member: _Member) -> None:
        """Put a file where it is, with the directories above it."""
        self.members[path] = member
        self.add_directory(dirname(path))
        self.directories[dirname(path)].add(path.rpartition("/")[2])

    def add_directory(self, path: str) -> None:
        """A directory, with those above it."""
        while path not in self.directories:
            self.directories[path] = set()
            above = dirname(path)
            if above == path:
                return
            self.add_directory(above)
            self.directories[above].add(path.rpartition("/")[2])

    def remove(self, path: str) -> None:
        """A file that is missing there."""
        if self.members.pop(path, None) is not None:
            self.directories[dirname(path)].discard(path.rpartition("/")[2])


def open_files(snapshot: Snapshot, index: Index) -> tuple[SnapshotFiles, tuple[Unseen, ...]]:
    """The files of all distributions that the index has in the same build; of the others, why not."""
    files = SnapshotFiles()
    environment = snapshot.environment
    for place in (*environment.site_dirs, environment.scripts_dir):
        if place:
            files.add_directory(normpath(place))
    for path, text in snapshot.scripts.items():
        data = text.encode()
        files.add(normpath(path), _Member(size=len(data), data=data))
    for path in snapshot.present:
        if normpath(path) not in files.members:
            files.add(normpath(path), _Member(size=1, changed=True))
    _add_stdlib(files, snapshot)
    unseen = []
    for distribution in environment.distributions:
        if distribution.kind == "assumed":
            continue
        reason = _add(files, distribution, snapshot.files.get(distribution.metadata_path), index)
        if reason:
            unseen.append(Unseen(distribution=distribution, reason=reason))
    return files, tuple(unseen)


def _add_stdlib(files: SnapshotFiles, snapshot: Snapshot) -> None:
    """The standard library: its names from the snapshot, its text from ours where ours is of the same minor version."""
    interpreter = snapshot.environment.interpreter
    same = interpreter is not None and interpreter.minor == sys.version_info[:2]
    ours = Path(sysconfig.get_paths()["stdlib"])
    for place, names in snapshot.stdlib.items():
        for name in names:
            text = ours / name
            known = same and name.endswith(".py") and text.is_file()
            member = _Member(size=text.stat().st_size, path=text) if known else _Member(size=1, changed=True)
            files.add(normpath(f"{place}/{name}"), member)


def _add(files: SnapshotFiles, distribution: Distribution, facts: FilesOf | None, index: Index) -> str:
    """Add a distribution's files; the reason when they cannot be had."""
    if distribution.direct_url is not None:
        return "it was installed from a local or remote place, not by name from an index"
    if facts is None or distribution.kind != "dist-info":
        return "it has no RECORD"
    try:
        wheel = _same_build(distribution, facts, index)
    except (IndexUnavailableError, OSError) as error:
        return str(error).rstrip(".")
    if wheel is None:
        return f"the index has no wheel of {distribution.pin} with the same files"
    base = normpath(distribution.location)
    inside = wheel.dist_info
    for name in wheel.names:
        place = _place(name, inside, base, distribution.metadata_path)
        if place:
            files.add(place, _Member(size=wheel.info(name).file_size, wheel=wheel, name=name))
    record = f"{normpath(distribution.metadata_path)}/RECORD"
    data = _record_text(wheel, base, distribution.metadata_path).encode("utf-8", "surrogateescape")
    files.add(record, _Member(size=len(data), data=data))
    for deviation in facts.deviating:
        if deviation.state == "missing":
            files.remove(deviation.path)
        elif deviation.path in files.members:
            files.members[deviation.path].size = deviation.size
            files.members[deviation.path].changed = True
    return ""


def _place(name: str, inside: str, base: str, metadata_path: str) -> str:
    """Where a member of the wheel was installed; '' for scripts and data, which are not imported."""
    if name.startswith(f"{inside}/"):
        return f"{normpath(metadata_path)}/{name[len(inside) + 1 :]}"
    top, _, rest = name.partition("/")
    if top.endswith(".data"):
        kind, _, rest = rest.partition("/")
        return f"{base}/{rest}" if kind in ("purelib", "platlib") else ""
    return f"{base}/{name}"


def _same_build(distribution: Distribution, facts: FilesOf, index: Index) -> WheelFiles | None:
    """The wheel whose RECORD has the paths and hashes of the installed one."""
    for file in _candidates(distribution, index):
        wheel = index.wheel(file)
        if record_digest(_rows(wheel)) == facts.digest:
            return wheel
    return None


def _candidates(distribution: Distribution, index: Index) -> Iterable[ReleaseFile]:
    """The wheels of that version, those with the installed tags first."""
    release = next((r for r in index.versions(distribution.name) if r.version == distribution.version), None)
    wheels = [file for file in release.files if file.is_wheel] if release else []
    tags = set(distribution.wheel_tags)
    fitting = [file for file in wheels if not tags or tags & file.tags]
    return fitting or wheels[:1]


def _record_text(wheel: WheelFiles, base: str, metadata_path: str) -> str:
    """RECORD as an installer leaves it: places after installation; scripts and data, which move, are left out."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in csv.reader(io.StringIO(wheel.text("RECORD"))):
        place = _place(row[0], wheel.dist_info, base, metadata_path) if row else ""
        if place:
            writer.writerow([place.removeprefix(f"{base}/"), *row[1:3]])
    return text.getvalue()


def _rows(wheel: WheelFiles) -> list[tuple[str, str]]:
    """(path as installed, hash) of the wheel's RECORD."""
    text = wheel.text("RECORD")
    rows = []
    for row in csv.reader(io.StringIO(text)):
        if len(row) < 2:  # noqa: PLR2004 - path and hash
            continue
        place = _place(row[0], "\0", "", "") if ".dist-info/" not in row[0] else row[0]
        if place:
            rows.append((place.lstrip("/"), row[1]))
    return rows


def examine_snapshot(snapshot: Snapshot, options: Options, index: Index) -> Report:
    """Run all checks on a snapshot; what could not be seen is a note of its own.

    A distribution whose files cannot be had counts as brought by the host: present, its names unknown. Where the
    entries are in such code, imports are followed from the modules that it imports.
    Raises what ``examine`` raises.
    """
    files, unseen = open_files(snapshot, index)
    hidden = {one.distribution.metadata_path for one in unseen}
    environment = replace(
        snapshot.environment,
        distributions=tuple(
            replace(d, kind="assumed", location="", metadata_path="", has_record=False)
            if d.metadata_path in hidden
            else d
            for d in snapshot.environment.distributions
        ),
    )
    entries = options.entries or snapshot.reaches
    report = examine_environment(environment, files, load_rulebook(options.rules), replace(options, entries=entries))
    findings = tuple(sorted((*report.findings, *_notes(unseen, environment)), key=Finding.sort_key))
    return replace(report, findings=findings)


def _notes(unseen: tuple[Unseen, ...], environment: Environment) -> Iterable[Finding]:
    """One note for each reason."""
    del environment
    by_reason: dict[str, list[Distribution]] = {}
    for one in unseen:
        general = (
            one.reason
            if not one.reason.startswith("the index has no wheel")
            else "the index has no wheel with the same files"
        )
        by_reason.setdefault(general, []).append(one.distribution)
    for reason, distributions in sorted(by_reason.items()):
        names = ", ".join(d.pin for d in distributions[:8]) + (" ..." if len(distributions) > 8 else "")  # noqa: PLR2004
        yield Finding(
            rule="snapshot-unseen",
            severity=Severity.NOTE,
            subjects=tuple(d.pin for d in distributions),
            message=f"the files of {len(distributions)} distributions could not be seen: {reason}",
            details=(names, "they count as present, and nothing is said about what is in them"),
            evidence=Evidence.METADATA,
        )
