"""A source archive read like a wheel: its Python files at the places where an installation would put them."""

from __future__ import annotations

import io
import tarfile

from doctor.errors import IndexUnavailableError
from doctor.triage.wheeltext import WheelText

_MEMBERS = 20_000
_BYTES = 2 * 1024**2
_SOURCE_ROOTS = ("src/", "lib/", "python/")


def sdist_text(body: bytes) -> WheelText:
    """The Python files of a ``.tar.gz`` (PEP 517 layout); raises ``IndexUnavailableError`` when it is damaged."""
    found: dict[str, str] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
            for number, member in enumerate(archive):
                name = _installed(member.name)
                if number >= _MEMBERS:
                    break
                if member.isfile() and name.endswith(".py") and member.size <= _BYTES:
                    stream = archive.extractfile(member)
                    found[name] = stream.read(_BYTES).decode("utf-8", "replace") if stream else ""
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise IndexUnavailableError(f"a source archive of the index is unusable: {error}.") from None
    return WheelText(names=found.keys(), read=found.__getitem__)


def _installed(name: str) -> str:
    """Without ``NAME-VERSION/`` and the directory of the sources."""
    inside = name.partition("/")[2]
    return next((inside.removeprefix(root) for root in _SOURCE_ROOTS if inside.startswith(root)), inside)
