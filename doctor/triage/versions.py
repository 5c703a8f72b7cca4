"""Which versions a paste tells: freeze, list, show, conda, installer output, environment reports, egg paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from doctor.triage.lines import Line

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?"
_VERSION = (
    r"\d{1,9}(?:\.\d{1,9}){0,6}(?:(?:[._-]?(?:a|b|c|rc|alpha|beta|pre|post|dev|r)[._-]?\d{0,9}){0,3})"
    r"(?:\+[a-z0-9][a-z0-9._]{0,60})?"
)
_PIN = re.compile(
    rf"^\s{{0,12}}(?:[-*+•] |[├└│─ ]{{0,30}})?(?P<name>{_NAME})(?:\[[\w,. -]{{0,80}}\])"
    rf"?={{2,3}}(?P<version>{_VERSION})(?=\s|$|;|,|\\)"
)
_TABLE = re.compile(
    rf"^\s{{0,8}}(?P<name>{_NAME})\s{{1,80}}(?P<version>{_VERSION})(?:\s{{1,40}}(?P<rest>\S.{{0,200}}))?$"
)
_TABLE_HEAD = re.compile(r"^\s{0,8}(?:Package\s{1,80}Version\b|# Name\s{1,80}Version\b|Name\s{2,80}Version\b)")
_SHOW_NAME = re.compile(rf"^\s{{0,8}}Name: (?P<name>{_NAME})$")
_SHOW_VERSION = re.compile(rf"^\s{{0,8}}Version: (?P<version>{_VERSION})$")
_INSTALLED = re.compile(r"Successfully installed (.{1,4000})$")
_INSTALLED_ITEM = re.compile(
    rf"(?P<name>[A-Za-z0-9][\w.]{{0,60}}(?:-[A-Za-z][\w.]{{0,60}}){{0,6}})-(?P<version>{_VERSION})$"
)
_SATISFIED = re.compile(
    rf"Requirement already satisfied: (?P<name>{_NAME})[^()]{{0,300}}\((?:from [^()]{{0,200}}\)"
    rf" ?\()?(?P<version>{_VERSION})\)"
)
_UV_CHANGE = re.compile(rf"^\s{{0,3}}(?P<sign>[+~-]) (?P<name>{_NAME})=={{1,1}}(?P<version>{_VERSION})\b")
_HAVE = re.compile(rf"but (?:you have|you'll have|found) (?P<name>{_NAME})(?: |==)(?P<version>{_VERSION})")
_REPORT = re.compile(
    rf"^\s{{0,8}}(?:[-*•] ?)?`?(?P<name>{_NAME})`?(?: version| Version)(?: \([^)]{{0,20}}\))"
    rf"?\s{{0,4}}[:=]\s{{0,8}}`?v?(?P<version>{_VERSION})\b"
)
_COLON = re.compile(
    rf"^\s{{0,8}}(?:[-*•] ?)?[`*]{{0,2}}(?P<name>{_NAME})"
    rf"[`*]{{0,2}}\s?[:=]\s{{0,4}}[`*]{{0,2}}v?(?P<version>\d{{1,9}}(?:\.\d{{1,9}})"
    rf"{{1,4}}[\w.+]{{0,20}})[`*,]{{0,3}}$"
)
_EGG = re.compile(rf"site-packages/(?P<name>[A-Za-z0-9][\w.]{{0,98}})-(?P<version>{_VERSION})-py\d")
_DIST_INFO = re.compile(
    rf"(?:site|dist)-packages/(?P<name>[A-Za-z0-9][\w.]{{0,98}})-(?P<version>{_VERSION})\.(?:dist|egg)-info"
)
_PYTHON = re.compile(
    r"(?:^|[^\w.])[Pp]ython(?:\s(?:version|Version))?\s?[:=]?\s?(?P<version>[23]\.\d{1,2}(?:\.\d{1,2})?)(?![\d.]*-)"
)
_PYTHON_PATH = re.compile(r"[/\\](?:lib[/\\])?python(?P<version>[23]\.\d{1,2})[/\\]")
# Words before a version that are no distribution's name.
_NO_NAMES = frozenset(
    [
        "python",
        "version",
        "step",
        "epoch",
        "loss",
        "line",
        "using",
        "found",
        "cuda",
        "gcc",
        "glibc",
        "linux",
        "ubuntu",
        "debian",
        "windows",
        "macos",
        "the",
        "is",
        "at",
        "in",
        "with",
        "rate",
        "os",
        "driver",
        "kernel",
        "release",
        "rank",
        "node",
        "port",
        "error",
        "warning",
        "info",
        "debug",
        "total",
        "time",
        "elapsed",
        "epochs",
        "batch",
        "lr",
        "seed",
        "size",
        "from",
        "to",
        "for",
    ]
)
_RUN_NEEDED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """Normalized names to versions, the interpreter's version ('' when not told), and the line that told each."""

    known: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)
    complete: bool = False

    def of(self, name: str) -> str:
        """The version of a distribution, '' when the paste does not tell."""
        return self.known.get(normal(name), "")


def normal(name: str) -> str:
    """The normalized name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(slots=True)
class _Collector:
    known: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    run: list[tuple[str, str, int]] = field(default_factory=list)
    in_table: bool = False
    listed: int = 0
    shown: str = ""

    def add(self, name: str, version: str, number: int) -> None:
        """Later lines are newer: they win."""
        if normal(name) not in _NO_NAMES:
            self.known[normal(name)] = version
            self.lines[normal(name)] = number

    def table(self, line: Line) -> bool:
        """Rows of ``pip list`` and its like: below their header, or several in a row."""
        if _TABLE_HEAD.match(line.text):
            self.in_table = True
            return True
        match = _TABLE.match(line.text)
        if match and (self.in_table or _plain_row(match["rest"])):
            self.run.append((match["name"], match["version"], line.number))
            if self.in_table:
                self.flush()
            return True
        if line.text.strip(" -=") or not self.in_table:
            self.end_table()
        return False

    def end_table(self) -> None:
        """The rows have ended: without a header, fewer than three in a row are no table."""
        if len(self.run) >= _RUN_NEEDED:
            self.flush()
        self.run, self.in_table = [], False

    def flush(self) -> None:
        """The rows are a table."""
        for name, version, number in self.run:
            self.add(name, version, number)
        self.listed += len(self.run)
        self.run = []


def _plain_row(rest: str | None) -> bool:
    """The third column of a table without header: conda's build and channel, or an editable's path."""
    return rest is None or bool(re.match(r"[\w.]{1,60}(?:\s{1,40}[\w./-]{1,60})?$|[/~]\S{1,200}$", rest))


def read_versions(lines: Iterable[Line]) -> Versions:
    """Everything that a paste tells about installed versions; what comes later wins."""
    found = _Collector()
    python, told = "", ""
    freeze = 0
    for line in lines:
        text = line.text
        if not text.strip():
            continue
        path = _PYTHON_PATH.search(text) if "ython" in text else None
        python = (path["version"] if path else "") or python
        if "ython" in text and (match := _PYTHON.search(text)):
            told = match["version"]
        if found.table(line):
            continue
        freeze += _one(found, line)
    found.end_table()
    exact = told if told.startswith(python) else python
    return Versions(
        known=found.known, python=exact or told, lines=found.lines, complete=freeze >= _FULL or found.listed >= _FULL
    )


_FULL = 12


def _one(found: _Collector, line: Line) -> int:
    """Read one line that is no table row; 1 when it is a line of a freeze."""
    text = line.message or line.text
    if match := _PIN.match(text):
        found.add(match["name"], match["version"], line.number)
        return 1
    if match := _SHOW_NAME.match(text):
        found.shown = match["name"]
    elif found.shown and (match := _SHOW_VERSION.match(text)):
        found.add(found.shown, match["version"], line.number)
        found.shown = ""
    else:
        _told(found, text, line.number)
    return 0


def _told(found: _Collector, text: str, number: int) -> None:
    """What installers, resolvers, reports and paths say in passing."""
    if match := _INSTALLED.search(text):
        pairs = [pair for item in match[1].split() if (pair := _INSTALLED_ITEM.match(item))]
    elif match := _UV_CHANGE.match(text):
        pairs = [match] if match["sign"] != "-" else []
    else:
        told = (_SATISFIED, _HAVE, _REPORT, _COLON, _EGG, _DIST_INFO)
        pairs = [match for pattern in told if (match := pattern.search(text))][:1]
    for pair in pairs:
        found.add(pair["name"], pair["version"], number)
