"""The files of a snapshot's environment, found again in the wheels of the index."""

from __future__ import annotations

import csv
import io
import sys
import sysconfig
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from posixpath import normpath

from doctor.errors import IndexUnavailableError
from doctor.index.index import Index
from doctor.index.releases import ReleaseFile
from doctor.index.wheels import SMALL, WheelFiles, fetch
from doctor.model import Distribution
from doctor.probe.snapshot import FilesOf, Snapshot, record_digest
from doctor.triage.snapshot_view import Member, SnapshotFiles, is_compiled, outlined

_CONNECTIONS = 8
_BUILDS = 12
_WHOLE = 10 * 1024**2
"""Wheels up to this many bytes are fetched at once: of most of them many files will be read, one after the other."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A distribution whose files could not be had, and why."""

    distribution: Distribution
    reason: str


def open_files(
    snapshot: Snapshot, index: Index, progress: Progress | None = None
) -> tuple[SnapshotFiles, tuple[Unseen, ...]]:
    """The files of all distributions that the index has in the same build; of the others, why not.

    Several are asked for at once, for an index may take its time with each. ``progress`` is told how many of how
    many are done.
    """
    files = SnapshotFiles()
    _add_surroundings(files, snapshot)
    asked = [d for d in snapshot.environment.distributions if d.kind != "assumed"]
    unseen = []
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        found = pool.map(lambda d: _wheel_of(d, snapshot.files.get(d.metadata_path), index), asked)
        for number, (distribution, wheel) in enumerate(zip(asked, found, strict=True)):
            if progress:
                progress(number + 1, len(asked))
            facts = snapshot.files.get(distribution.metadata_path, FilesOf())
            if isinstance(wheel, WheelFiles):
                _add_wheel(files, distribution, facts, wheel)
            else:
                _add_unknown(files, distribution, facts)
                unseen.append(Unseen(distribution=distribution, reason=wheel))
    return files, tuple(unseen)


def _add_surroundings(files: SnapshotFiles, snapshot: Snapshot) -> None:
    """Directories, scripts, the standard library, and local code by its names."""
    environment = snapshot.environment
    for place in (*environment.site_dirs, environment.scripts_dir, *(d.location for d in environment.distributions)):
        if place:
            files.add_directory(place)
    for path, text in snapshot.scripts.items():
        files.add(path, Member(size=len(text.encode()), data=text.encode()))
    for path in snapshot.present:
        if normpath(path) not in files.members:
            files.add(path, Member(size=1, hidden=True))
    for path, text in snapshot.local.items():
        source = b"" if is_compiled(path) else outlined(text)
        files.add(path, Member(size=max(1, len(source)), data=source, hidden=not source))
    for entry in environment.search_path:
        if any(path.startswith(f"{normpath(entry.path)}/") for path in snapshot.local):
            files.add_directory(entry.path)
    _add_stdlib(files, snapshot)


def _add_stdlib(files: SnapshotFiles, snapshot: Snapshot) -> None:
    """The standard library: its names from the snapshot, its text from ours where ours is of the same minor version."""
    interpreter = snapshot.environment.interpreter
    same = interpreter is not None and interpreter.minor == sys.version_info[:2]
    ours = Path(sysconfig.get_paths()["stdlib"])
    for place, names in snapshot.stdlib.items():
        for name in names:
            text = ours / name
            known = same and name.endswith(".py") and text.is_file()
            member = Member(size=text.stat().st_size, path=text) if known else Member(size=1, hidden=True)
            files.add(f"{place}/{name}", member)


def _wheel_of(distribution: Distribution, facts: FilesOf | None, index: Index) -> WheelFiles | str:
    """The distribution's wheel; the reason when it cannot be had."""
    if distribution.direct_url is not None:
        return "it was installed from a local or remote place, not by name from an index"
    if facts is None or distribution.kind != "dist-info":
        return "it has no RECORD"
    try:
        wheel = _same_build(distribution, facts, index)
    except (IndexUnavailableError, OSError) as error:
        return str(error).rstrip(".")
    return wheel or "the index has no wheel with the same files (built from source, or from another index)"


def _same_build(distribution: Distribution, facts: FilesOf, index: Index) -> WheelFiles | None:
    """The wheel whose RECORD has the paths and hashes of the installed one."""
    for file in _candidates(distribution, index)[:_BUILDS]:
        if SMALL < (file.size or 0) <= _WHOLE and index.cache.directory and not index.settings.offline:
            fetch(file, index.transport, index.cache)
        wheel = index.wheel(file)
        if record_digest(_rows(wheel)) == facts.digest:
            return wheel
    return None


def _candidates(distribution: Distribution, index: Index) -> list[ReleaseFile]:
    """The wheels of that version that have one of the installed tags; all of them when no tag is known."""
    release = next((r for r in index.versions(distribution.name) if r.version == distribution.version), None)
    wheels = [file for file in release.files if file.is_wheel] if release else []
    tags = {tag for text in distribution.wheel_tags for tag in _single_tags(text)}
    return [file for file in wheels if not tags or tags & file.tags]


def _single_tags(text: str) -> list[str]:
    """The tags that a compressed set stands for (PEP 425): ``py2.py3-none-any`` is two."""
    parts = [part.split(".") for part in text.split("-")]
    if len(parts) != 3:  # noqa: PLR2004 - interpreter, binary interface, platform
        return [text]
    return [f"{python}-{abi}-{platform}" for python in parts[0] for abi in parts[1] for platform in parts[2]]


def _add_wheel(files: SnapshotFiles, distribution: Distribution, facts: FilesOf, wheel: WheelFiles) -> None:
    """A distribution's files as its wheel has them, and what is different there."""
    base, inside = normpath(distribution.location), wheel.dist_info
    for name in wheel.names:
        place = _place(name, inside, base, distribution.metadata_path)
        if place:
            files.add(place, Member(size=wheel.info(name).file_size, wheel=wheel, name=name))
    rows = []
    for row in _record(wheel):
        place = _place(row[0], inside, base, distribution.metadata_path)
        if place:
            rows.append([place.removeprefix(f"{base}/"), *row[1:3]])
    _add_record(files, distribution, rows)
    for deviation in facts.deviating:
        member = files.members.get(normpath(deviation.path))
        if deviation.state == "missing":
            files.remove(deviation.path)
        elif member:
            member.hide(deviation.size)


def _add_unknown(files: SnapshotFiles, distribution: Distribution, facts: FilesOf) -> None:
    """A distribution of which only the names of its modules are known."""
    if not distribution.location or (distribution.direct_url and distribution.direct_url.editable):
        return
    base = normpath(distribution.location)
    roots = facts.roots or distribution.top_level or (distribution.name.replace("-", "_"),)
    rows = []
    for root in roots:
        place = f"{base}/{root.replace('.', '/')}"
        files.add_unknown(place)
        rows.append([f"{place.removeprefix(f'{base}/')}/__init__.py", "", ""])
    if distribution.kind == "dist-info" and distribution.has_record:
        _add_record(files, distribution, rows)


def _add_record(files: SnapshotFiles, distribution: Distribution, rows: list[list[str]]) -> None:
    """RECORD as an installer leaves it; scripts and data, which move, are left out."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    data = text.getvalue().encode("utf-8", "surrogateescape")
    files.add(f"{distribution.metadata_path}/RECORD", Member(size=len(data), data=data))


def _place(name: str, inside: str, base: str, metadata_path: str) -> str:
    """Where a member of the wheel was installed; '' for scripts and data, which are not imported."""
    if name.startswith(f"{inside}/"):
        return f"{normpath(metadata_path)}/{name[len(inside) + 1 :]}"
    top, _, rest = name.partition("/")
    if top.endswith(".data"):
        kind, _, rest = rest.partition("/")
        return f"{base}/{rest}" if kind in ("purelib", "platlib") else ""
    return f"{base}/{name}"


def _record(wheel: WheelFiles) -> Iterable[list[str]]:
    """The rows of the wheel's RECORD."""
    return (row for row in csv.reader(io.StringIO(wheel.text("RECORD"))) if row and row[0])


def _rows(wheel: WheelFiles) -> list[tuple[str, str]]:
    """(path as installed, hash) of the wheel's RECORD."""
    found = []
    for row in _record(wheel):
        place = _place(row[0], "\0", "", "") if ".dist-info/" not in row[0] else row[0]
        if place and len(row) > 1:
            found.append((place.lstrip("/"), row[1]))
    return found
