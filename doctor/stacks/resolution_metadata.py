"""What a file on the index asks for: of wheels by ranges, of source archives from what is in them; never run."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message

from packaging.markers import Marker

from doctor.errors import IndexUnavailableError
from doctor.index.index import Index
from doctor.index.releases import ReleaseFile
from doctor.index.wheels import WheelFiles
from doctor.model import Distribution, Interpreter
from doctor.planned.after import OverlayFiles
from doctor.planned.layout import Layout, metadata_directory, wheel_layout
from doctor.probe.distributions import read_distribution
from doctor.probe.files import DiskFiles
from doctor.probe.metadata import parse_headers
from doctor.rulebook.requirements import UNREADABLE
from doctor.stacks.resolution_source import LARGEST, SourceError, wheel_of_source

_KIND = "metadata"
"""The cache's folder that also holds what the index gives by PEP 658: the same bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The requirements of one file (PEP 508 texts); ``unreadable`` says why it cannot be chosen at all."""

    requires: tuple[str, ...] = ()
    requires_python: str | None = None
    unreadable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """The files of one wheel at their places, and the distribution that they are."""

    files: Layout
    distribution: Distribution | None


class MetadataReader:
    """Reads the metadata of the index's files; kept here and in the index's cache, by hash."""

    def __init__(self, index: Index) -> None:
        """Ask this index."""
        self._index = index
        self._known: dict[str, Asked] = {}
        self._wheels: dict[str, WheelFiles] = {}
        self._markers: dict[tuple[str, ...], bool] = {}
        self._laid: dict[str, Laid] = {}

    def of(self, file: ReleaseFile) -> Asked:
        """What the file asks for; raises ``IndexUnavailableError`` when the index cannot be asked."""
        key = file.sha256 or file.url
        if key not in self._known:
            self._known[key] = self._read(file)
        return self._known[key]

    def holds(self, marker: Marker, extra: str, interpreter: Interpreter) -> bool:
        """Whether the marker holds in that interpreter; the same few are asked about over and over."""
        key = (str(marker), extra, interpreter.executable, interpreter.version)
        if key not in self._markers:
            try:
                self._markers[key] = marker.evaluate({**interpreter.markers, "extra": extra})
            except UNREADABLE:
                self._markers[key] = False
        return self._markers[key]

    def wheel(self, file: ReleaseFile, minor: tuple[int, int] = (0, 0)) -> WheelFiles:
        """The members of a wheel; of a source archive those that an installation into that Python would have.

        Raises:
            IndexUnavailableError: the index cannot be asked.
            SourceError: what the source archive would install cannot be told without building it.
        """
        if file.is_wheel:
            return self._index.wheel(file)
        key = f"{file.sha256 or file.url} {minor}"
        if key not in self._wheels:
            if (file.size or 0) > LARGEST:
                raise SourceError(f"{file.filename} is a source archive of {file.size:,} bytes")
            self._wheels[key] = wheel_of_source(file, self._index, minor)
        return self._wheels[key]

    def laid(self, wheel: WheelFiles, interpreter: Interpreter) -> Laid:
        """What installing a wheel would leave; raises ``TransactionError`` for one that would write elsewhere."""
        key = f"{wheel.file.sha256 or wheel.file.url} {interpreter.purelib} {interpreter.minor}"
        if key not in self._laid:
            files = wheel_layout(wheel, interpreter, requested=False)
            path = metadata_directory(wheel, interpreter)
            view = OverlayFiles(DiskFiles(), (), files)
            self._laid[key] = Laid(
                files=files, distribution=read_distribution(view, path.rpartition("/")[0], path, "dist-info")
            )
        return self._laid[key]

    def _read(self, file: ReleaseFile) -> Asked:
        kept = self._index.cache.read(_KIND, file.sha256) if file.sha256 else None
        if kept is not None:
            return _asked(kept[0])
        try:
            body = self._header(file)
        except SourceError as error:
            return Asked(unreadable=str(error))
        if file.sha256:
            self._index.cache.write(_KIND, file.sha256, body)
        return _asked(body)

    def _header(self, file: ReleaseFile) -> bytes:
        if file.is_wheel and file.has_metadata:
            return _bytes(self._index.metadata(file))
        try:
            wheel = self.wheel(file)
            return wheel.read(f"{wheel.dist_info}/METADATA")
        except IndexUnavailableError as error:
            if "unusable" in str(error):  # a damaged file: installers pass on to another version
                raise SourceError(str(error)) from None
            raise


def _asked(body: bytes) -> Asked:
    fields = parse_headers(body.decode("utf-8", errors="replace"))
    return Asked(
        requires=fields.get("requires-dist", ()), requires_python=next(iter(fields.get("requires-python", ())), None)
    )


def _bytes(message: Message) -> bytes:
    return "".join(f"{key}: {value}\n" for key, value in message.items()).encode("utf-8", "surrogateescape")
