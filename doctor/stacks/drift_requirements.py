"""Requirements files as pip reads them, as far as a resolution needs them: requirements, constraints, checkouts."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from doctor.errors import UsageError
from doctor.rulebook.requirements import UNREADABLE, requirement

_MOST_FILES = 50
_LIMIT = 4 * 1024 * 1024
_COMMENT = re.compile(r"(^|\s)#.*$")
_OPTIONS = re.compile(r"\s--(hash|config-settings|global-option)[= ]")


@dataclass(slots=True, kw_only=True)
class Requested:
    """What the files ask for. ``folders`` are checkouts (``-e DIR`` or a path); other lines are ``passed_over``."""

    requirements: list[str]
    constraints: list[str]
    folders: list[str]
    passed_over: list[str]


def read_requirements(path: str) -> Requested:
    """A requirements file with all that it includes.

    Raises:
        UsageError: a file cannot be read, or a line is no requirement; all such lines are named.
    """
    found = Requested(requirements=[], constraints=[], folders=[], passed_over=[])
    complaints: list[str] = []
    _read(Path(path), found, complaints, set())
    if complaints:
        raise UsageError("; ".join(complaints[:10]) + ".")
    return found


def _read(path: Path, found: Requested, complaints: list[str], seen: set[Path]) -> None:
    if path.resolve() in seen or len(seen) > _MOST_FILES:
        return
    seen.add(path.resolve())
    try:
        with path.open("rb") as file:
            text = file.read(_LIMIT).decode("utf-8-sig", "replace")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from None
    joined = text.replace("\\\r\n", " ").replace("\\\n", " ")
    for number, raw in enumerate(joined.splitlines(), 1):
        line = _COMMENT.sub("", raw).strip()
        if line:
            _line(line, path, found, (complaints, seen, number))


def _line(line: str, path: Path, found: Requested, about: tuple[list[str], set[Path], int]) -> None:
    complaints, seen, number = about
    if line.startswith("-"):
        _option(line, path, found, (complaints, seen))
        return
    text = _OPTIONS.split(line, maxsplit=1)[0].strip()
    place = (path.parent / text.partition("[")[0]).expanduser()
    try:
        requirement(text)
    except UNREADABLE:
        if text.startswith((".", "/", "~")) and place.is_dir():
            found.folders.append(str(place))
        else:
            complaints.append(f"{path}:{number}: {text[:80]!r} is no requirement such as name>=1.0")
        return
    found.requirements.append(text)


def _option(line: str, path: Path, found: Requested, about: tuple[list[str], set[Path]]) -> None:
    """One of pip's options: what leads to further requirements is followed, the rest is named as passed over."""
    complaints, seen = about
    try:
        words = shlex.split(line.replace("=", " ", 1) if line.startswith("--") else line)
    except ValueError:
        words = line.split()
    flag, value = words[0], words[1] if len(words) > 1 else ""
    if flag[:2] in ("-r", "-c", "-e") and len(flag) > 2:  # noqa: PLR2004 - a flag with its value behind it
        flag, value = flag[:2], flag[2:]
    if flag in ("-r", "--requirement"):
        _read(path.parent / value, found, complaints, seen)
    elif flag in ("-c", "--constraint"):
        inner = Requested(requirements=[], constraints=[], folders=[], passed_over=[])
        _read(path.parent / value, inner, complaints, seen)
        found.constraints += [*inner.requirements, *inner.constraints]
    elif flag in ("-e", "--editable") and (path.parent / value.partition("[")[0]).is_dir():
        found.folders.append(str(path.parent / value.partition("[")[0]))
    else:
        found.passed_over.append(line)
