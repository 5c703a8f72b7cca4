"""An environment that nobody has made: what an installation of a resolution would hold, as values.

Files of wheels are read by ranges when an import reaches them; the standard library and the host's libraries are
those of this machine. Large compiled files are not fetched: what they would need stays unknown, which is no finding.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from doctor.model import Environment, FileFacts, Interpreter, PathEntry
from doctor.planned.after import OverlayFiles
from doctor.planned.layout import Member
from doctor.probe.distributions import read_distribution
from doctor.probe.files import DiskFiles
from doctor.rulebook.requirements import requirement
from doctor.stacks.from_nothing_tree import LocalTree
from doctor.stacks.resolution import Resolution
from doctor.stacks.resolution_metadata import MetadataReader
from doctor.stacks.resolution_source import needs_building

PREFIX = "/planned-by-acdoctor"
"""Where the environment would be; nothing is ever there."""
NATIVE_LIMIT = 8 * 1024**2
"""Bytes of the largest compiled file that is fetched to read its headers and constants."""
_KEPT = 64


class PlannedFiles:
    """The files to be; compiled ones that were read are kept for a while, since their headers are read in parts."""

    def __init__(self, overlay: OverlayFiles) -> None:
        """Nothing is fetched before it is asked for."""
        self._overlay = overlay
        self._kept: dict[str, bytes] = {}

    def read(self, path: str, limit: int | None = None) -> bytes:
        """The bytes that the file would have; raises ``OSError``, also for what is too large to be fetched."""
        if not _is_native(path):
            return self._overlay.read(path, limit)
        facts = self._overlay.facts(path) if path.startswith(PREFIX) else None
        if facts is None:
            return self._overlay.read(path, limit)
        if facts.size > NATIVE_LIMIT:
            raise OSError(errno.EFBIG, "not fetched from the index", path)
        if path not in self._kept:
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[path] = self._overlay.read(path)
        return self._kept[path][:limit]

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """From the middle of a file; raises ``OSError``."""
        if path.startswith(PREFIX):
            return self.read(path, start + length)[start:]
        return self._overlay.read_range(path, start, length)

    def facts(self, path: str) -> FileFacts | None:
        """What the path would be."""
        return self._overlay.facts(path)

    def listing(self, path: str) -> tuple[str, ...] | None:
        """Names that the directory would hold."""
        return self._overlay.listing(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The environment, its files, and what counts as present though its files are not seen (name -> version)."""

    environment: Environment
    files: PlannedFiles
    assumed: Mapping[str, str] = field(default_factory=dict)


def planned_environment(
    resolution: Resolution,
    interpreter: Interpreter,
    reader: MetadataReader,
    trees: Iterable[LocalTree] = (),
    assumed: Mapping[str, str] | None = None,
) -> Planned:
    """What installing the resolution for that interpreter would give, with checkouts (``trees``) beside it.

    Raises:
        IndexUnavailableError: a wheel cannot be read.
        TransactionError: a wheel would write outside of the environment.
    """
    unseen = dict(assumed or {})
    for text, _ in resolution.left_out:
        name = requirement(text).name
        if resolution.get(name) is None:
            unseen.setdefault(name, "0")
    empty = empty_environment(interpreter, [tree.path for tree in trees])
    assert empty.interpreter is not None  # noqa: S101 - made just now
    members: dict[str, Member] = {}
    distributions = []
    for picked in resolution.picked:
        if picked.name in unseen:
            continue
        wheel = reader.wheel(picked.file, interpreter.minor)
        if not picked.file.is_wheel and needs_building(wheel):
            unseen[picked.name] = picked.version
            for top in wheel.text("top_level.txt").split():
                unseen.setdefault(requirement(top).name if top.isidentifier() else picked.name, picked.version)
            continue
        laid = reader.laid(wheel, empty.interpreter)
        members.update(laid.files)
        distributions.append(laid.distribution)
    for tree in trees:
        info, made = tree.metadata(empty.interpreter.purelib)
        members.update(made)
        files = OverlayFiles(DiskFiles(), (), made)
        distributions.append(read_distribution(files, empty.interpreter.purelib, info, "dist-info"))
    overlay = OverlayFiles(DiskFiles(), (), members)
    there = (distribution for distribution in distributions if distribution is not None)
    environment = replace(empty, distributions=tuple(sorted(there, key=lambda d: (d.name, d.metadata_path))))
    return Planned(environment=environment, files=PlannedFiles(overlay), assumed=unseen)


def empty_environment(interpreter: Interpreter, places: Iterable[str] = ()) -> Environment:
    """A virtual environment of that interpreter with nothing in it; ``places`` are on its path as by a ``.pth``."""
    major, minor = interpreter.minor
    site = f"{PREFIX}/lib/python{major}.{minor}/site-packages"
    moved = replace(interpreter, prefix=PREFIX, purelib=site, platlib=site, scripts=f"{PREFIX}/bin")
    return Environment(
        path=PREFIX,
        kind="venv",
        python_version=interpreter.version,
        platform=f"{interpreter.markers.get('sys_platform', 'linux')}-{interpreter.machine}",
        interpreter=moved,
        site_dirs=(site,),
        scripts_dir=moved.scripts,
        search_path=(
            *(PathEntry(path=path, origin="stdlib") for path in interpreter.stdlib_paths),
            PathEntry(path=site, origin="site"),
            *(PathEntry(path=path, origin="pth", source=f"{site}/checkout.pth") for path in places),
        ),
    )


def _is_native(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.endswith(".so") or ".so." in name
