"""A source archive as the wheel that it would become, told from its files: nothing of it is built or run.

Good for pure Python projects of setuptools and for all archives with core metadata 2.2: these say in the archive
what they ask for. What must be compiled is refused, for its modules are not there.
"""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from posixpath import basename, dirname

from doctor.index.index import Index
from doctor.index.releases import ReleaseFile
from doctor.index.wheels import WheelFiles, fetch
from doctor.probe.metadata import parse_headers

LARGEST = 64 * 1024**2
"""Bytes of a source archive that are looked at."""
_MOST_MEMBERS = 20_000
_UNPACKED = 256 * 1024**2
_COMPILED = (".c", ".cc", ".cpp", ".cxx", ".pyx", ".rs", ".f90", ".f", ".cu")
_APART = re.compile(r"(^|/)(tests?|docs?|examples?|benchmarks?|vendor|node_modules|third_party)(/|$)")
_COPY = re.compile(r"py(\d)\.(\d+)/([^/]+)")
_SECTION = re.compile(r"\[([^:\]]*):?(.*)\]")


class SourceError(Exception):
    """What the archive would install cannot be told; ``str()`` says why in a few words."""


def wheel_of_source(file: ReleaseFile, index: Index, minor: tuple[int, int] = (0, 0)) -> WheelFiles:
    """The archive as a wheel; ``minor`` is the Python that it is for, where that makes a difference.

    Raises:
        SourceError: it cannot be told without building it.
        IndexUnavailableError: it cannot be had.
    """
    members = _members(file, fetch(file, index.transport, index.cache))
    info = _shallowest(members, "PKG-INFO")
    if info is None:
        raise SourceError(f"{file.filename} holds no metadata")
    egg = next((dirname(n) for n in sorted(members) if n.endswith(".egg-info/PKG-INFO")), "")
    headers = members[info].decode("utf-8", errors="replace")
    body = io.BytesIO()
    distribution = re.split(r"-\d", file.filename, maxsplit=1)[0].replace("-", "_")
    target = f"{distribution}-{file.version}.dist-info"
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr(f"{target}/METADATA", _with_requirements(headers, members, egg))
        archive.writestr(f"{target}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        for name in ("entry_points.txt", "top_level.txt"):
            if f"{egg}/{name}" in members:
                archive.writestr(f"{target}/{name}", members[f"{egg}/{name}"])
        rows = []
        for path, data in _installed(members, egg, distribution, minor):
            archive.writestr(path, data)
            rows.append(f"{path},,{len(data)}\n")
        archive.writestr(f"{target}/RECORD", "".join(rows))
    return WheelFiles(file, zipfile.ZipFile(body))


def needs_building(wheel: WheelFiles) -> bool:
    """It brings no module at all: what a build would make of it is unknown."""
    return not any(name.endswith(".py") for name in wheel.names)


def _members(file: ReleaseFile, body: bytes) -> dict[str, bytes]:
    """Path below the archive's one folder -> bytes, of what can matter; raises ``SourceError``."""
    found: dict[str, bytes] = {}
    try:
        for name, data in _unpacked(file, body):
            path = name.partition("/")[2]
            if path:
                found[path] = data
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, ValueError, RuntimeError) as error:
        raise SourceError(f"{file.filename} is unusable: {error}") from None
    return found


def _unpacked(file: ReleaseFile, body: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of the archive's files; compiled sources come empty, they are only counted."""
    total = 0
    if file.filename.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            for info in archive.infolist()[:_MOST_MEMBERS]:
                total += info.file_size
                if not info.is_dir() and total < _UNPACKED:
                    yield info.filename, archive.read(info) if _matters(info.filename) else b""
        return
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:*") as tar:
        for count, member in enumerate(tar):
            total += member.size
            if count > _MOST_MEMBERS or total > _UNPACKED:
                return
            if member.isfile():
                reader = tar.extractfile(member) if _matters(member.name) else None
                yield member.name.removeprefix("./"), reader.read() if reader else b""


def _matters(name: str) -> bool:
    return name.endswith((".py", ".txt", "PKG-INFO", ".json", ".toml"))


def _shallowest(members: Mapping[str, bytes], name: str) -> str | None:
    found = [path for path in members if basename(path) == name]
    return min(found, key=lambda path: (path.count("/"), path), default=None)


def _with_requirements(headers: str, members: Mapping[str, bytes], egg: str) -> str:
    """The header block, with what an egg-info's requires.txt adds when the block itself names nothing."""
    head = re.split(r"\r?\n\r?\n", headers, maxsplit=1)[0].rstrip("\n") + "\n"
    fields = parse_headers(head)
    if "requires-dist" in fields or f"{egg}/requires.txt" not in members:
        return head + "\n"
    text = members[f"{egg}/requires.txt"].decode("utf-8", errors="replace")
    return head + "".join(f"Requires-Dist: {line}\n" for line in _egg_requirements(text)) + "\n"


def _egg_requirements(text: str) -> Iterator[str]:
    """The lines of requires.txt as PEP 508 texts: sections are ``[extra]``, ``[:marker]`` or ``[extra:marker]``."""
    conditions: list[str] = []
    for raw in text.splitlines():
        line = raw.strip()
        section = _SECTION.fullmatch(line)
        if section:
            extra, marker = section[1].strip(), section[2].strip()
            conditions = [f"({marker})"] if marker else []
            if extra:
                conditions.append(f'extra == "{extra}"')
        elif line and not line.startswith("#"):
            yield f"{line} ; {' and '.join(conditions)}" if conditions else line


def _installed(
    members: Mapping[str, bytes], egg: str, distribution: str, minor: tuple[int, int]
) -> Iterator[tuple[str, bytes]]:
    """(path in site-packages, bytes) of the packages and modules that the archive's top_level.txt names."""
    text = members.get(f"{egg}/top_level.txt", b"").decode("utf-8", errors="replace")
    tops = text.split() or [distribution, distribution.lower()]
    compiled = [n for n in members if n.endswith(_COMPILED) and not _APART.search(n)]
    for top in dict.fromkeys(tops):
        root = _root_of(top, members, (*_copies(top, members, minor), dirname(egg), "", "src", "lib", "python"))
        if root is None or any(n.startswith(f"{root}{top}/") for n in compiled):
            continue
        for name, data in sorted(members.items()):
            if name == f"{root}{top}.py" or name.startswith(f"{root}{top}/"):
                yield name[len(root) :], data


def _copies(top: str, members: Mapping[str, bytes], minor: tuple[int, int]) -> Iterator[str]:
    """Of several copies (``py3.7/``, ``py3.8/``) those that were made for this Python or an older one, newest first."""
    found = {(int(m[1]), int(m[2])) for n in members if (m := _COPY.match(n)) and m[3] in (top, f"{top}.py")}
    for major, number in sorted(found, reverse=True) if len(found) > 1 else ():
        if major == minor[0] and number <= minor[1]:
            yield f"py{major}.{number}"


def _root_of(top: str, members: Mapping[str, bytes], places: tuple[str, ...]) -> str | None:
    """The folder ('' or with a slash at its end) in which a package or module lies."""
    for place in dict.fromkeys(places):
        root = f"{place}/" if place else ""
        if f"{root}{top}.py" in members or any(n.startswith(f"{root}{top}/") and n.endswith(".py") for n in members):
            return root
    return None
