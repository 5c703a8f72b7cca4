"""Frozen values that every room shares: what a patient is, what was found, what would cure it.

No I/O here. Paths are absolute POSIX strings unless said otherwise. Names of distributions are normalized
(PEP 503), versions are PEP 440 strings as the metadata gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol, runtime_checkable


class Severity(StrEnum):
    """How bad a finding is: ``error`` really fails; ``warning`` may fail; ``note`` needs no action."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for an error, 1 for a warning, 2 for a note."""
        return ("error", "warning", "note").index(self.value)


class Evidence(StrEnum):
    """How a finding is known."""

    STATIC = "static"
    RULE = "rule"
    FILE = "file"
    METADATA = "metadata"
    RAN = "ran"
    LOG = "log"


class Safety(StrEnum):
    """``safe``: proven, keeps the stack's pins; ``unsafe``: changes a pin or is unproven; ``manual``: shown only."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    MANUAL = "manual"


class Depth(StrEnum):
    """How much of the patient is read: metadata only; files by size and imports; files by hash too."""

    METADATA = "metadata"
    STANDARD = "standard"
    FULL = "full"


# ---------------------------------------------------------------- the patient


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What ``stat`` says of one path (links followed); ``kind`` is ``file``, ``dir`` or ``other``."""

    kind: str
    size: int = 0
    mtime_ns: int = 0
    inode: int = 0
    executable: bool = False
    link: bool = False


class FileView(Protocol):
    """The patient's files, wherever they are: a disk, a planned after-environment, a snapshot's wheels."""

    def read(self, path: str, limit: int | None = None) -> bytes:
        """The file's bytes (at most ``limit`` of them); raises ``OSError``."""

    def facts(self, path: str) -> FileFacts | None:
        """What the path is, links followed; None when there is nothing or it cannot be seen."""

    def listing(self, path: str) -> tuple[str, ...] | None:
        """Names in a directory, sorted; None when it is no readable directory."""


@runtime_checkable
class RangedFileView(FileView, Protocol):
    """A view that can also read from the middle of a file, so that large libraries need not be read whole."""

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """At most ``length`` bytes from offset ``start`` (fewer at the end of the file); raises ``OSError``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """Facts that the patient's own interpreter told, started with ``-I -S`` (no site, no ``.pth``).

    ``markers`` are the PEP 508 environment variables; ``tags`` the supported wheel tags, best first;
    ``suffixes`` the extension-module suffixes, best first; ``stdlib`` the names of top-level standard-library
    modules; ``builtins`` the modules compiled into the interpreter; ``stdlib_paths`` its part of ``sys.path``.
    """

    executable: str
    version: str
    implementation: str
    markers: Mapping[str, str]
    tags: tuple[str, ...]
    suffixes: tuple[str, ...]
    stdlib: tuple[str, ...]
    builtins: tuple[str, ...]
    stdlib_paths: tuple[str, ...]
    prefix: str
    base_prefix: str
    purelib: str
    platlib: str
    scripts: str
    machine: str
    libc: str = ""
    byteorder: str = "little"
    pointer_bits: int = 64

    @property
    def minor(self) -> tuple[int, int]:
        """(major, minor), as syntax and wheel tags depend on it."""
        parts = self.version.split(".")
        return int(parts[0]), int(parts[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class PathEntry:
    """One element of the patient's ``sys.path`` at an ordinary start, and why it is there.

    ``origin``: ``pythonpath`` (the caller's PYTHONPATH), ``stdlib``, ``site``, ``pth``, ``system-site``, ``user-site``;
    ``source``: the ``.pth`` file or variable that adds it.
    """

    path: str
    origin: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPoint:
    """One declared entry point: group, name, and ``module:attr [extras]``."""

    group: str
    name: str
    value: str

    @property
    def module(self) -> str:
        """The module to import."""
        return self.value.split("[")[0].split(":")[0].strip()

    @property
    def attr(self) -> str:
        """The dotted attribute after the colon ('' when there is none)."""
        return self.value.split("[")[0].partition(":")[2].strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectUrl:
    """Origin by PEP 610: where a distribution came from when not by name from an index (credentials removed)."""

    url: str
    editable: bool = False
    vcs: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something about one installed thing that could not be read or is not as the standards say.

    ``code`` is a stable word (``metadata-unreadable``, ``record-missing``, ``name-missing`` ...).
    """

    code: str
    path: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """One installed distribution (PEP 376/627), as its metadata directory describes it.

    ``kind`` is ``dist-info``, ``egg-info``, ``egg-link`` or ``egg``. ``requires`` are raw requirement strings
    (PEP 508). ``location`` is the directory on ``sys.path`` that holds it; ``metadata_path`` its metadata
    directory (or file). ``wheel_tags`` come from WHEEL. ``top_level`` is from top_level.txt (often absent).
    ``has_record`` is False when RECORD (or installed-files.txt) is missing: its files are then unknown.
    """

    name: str
    display_name: str
    version: str
    location: str
    metadata_path: str
    kind: str = "dist-info"
    requires: tuple[str, ...] = ()
    requires_python: str | None = None
    extras: tuple[str, ...] = ()
    requested: bool = False
    installer: str = ""
    direct_url: DirectUrl | None = None
    wheel_tags: tuple[str, ...] = ()
    entry_points: tuple[EntryPoint, ...] = ()
    top_level: tuple[str, ...] = ()
    has_record: bool = True
    problems: tuple[Problem, ...] = ()

    @property
    def pin(self) -> str:
        """``name==version``, the form in which findings name a distribution."""
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFile:
    """One line of RECORD: ``path`` absolute, ``hash`` as ``sha256=...`` or '', ``size`` in bytes or None."""

    path: str
    hash: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """What an interrupted installer left: ``~ame`` directories, ``__pycache__``-only packages and the like."""

    path: str
    kind: str
    of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PthFile:
    """One ``.pth`` file: the paths it adds (existing or not) and its ``import`` lines, never executed."""

    path: str
    adds: tuple[str, ...] = ()
    code: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A patient as seen from outside. ``kind``: ``venv``, ``conda``, ``system`` or ``target`` (a bare directory).

    ``interpreter`` is None when it does not start; ``start_failure`` then says why (one line), and
    ``python_version`` is the best guess from pyvenv.cfg and directory names. ``editable`` maps top-level module
    names to paths (PEP 660 finders, read and not run). ``config`` is pyvenv.cfg (lower-case keys).
    ``library_path`` are the directories of LD_LIBRARY_PATH in the shell that asked.
    """

    path: str
    kind: str
    python_version: str
    platform: str
    interpreter: Interpreter | None
    start_failure: str = ""
    config: Mapping[str, str] = field(default_factory=dict)
    site_dirs: tuple[str, ...] = ()
    scripts_dir: str = ""
    search_path: tuple[PathEntry, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    pth_files: tuple[PthFile, ...] = ()
    editable: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    library_path: tuple[str, ...] = ()

    def distribution(self, name: str) -> Distribution | None:
        """The distribution of that normalized name that an import would see first."""
        return next((d for d in self.distributions if d.name == name), None)

    def with_assumed(self, assumed: Mapping[str, str]) -> Environment:
        """The same with distributions that the host will bring (``--assume``); they own no files."""
        extra = tuple(
            Distribution(
                name=name,
                display_name=name,
                version=version,
                location="",
                metadata_path="",
                kind="assumed",
                has_record=False,
            )
            for name, version in sorted(assumed.items())
            if self.distribution(name) is None
        )
        return replace(self, distributions=(*self.distributions, *extra))


# ---------------------------------------------------------------- what was found


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place in a file; ``path`` is relative to its directory on ``sys.path`` where it lies below one."""

    path: str
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """One way to cure a finding: pins to install, pins to reinstall as they are, names or paths to remove."""

    install: tuple[str, ...] = ()
    reinstall: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    safety: Safety = Safety.UNSAFE
    because: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A fact about the patient.

    ``rule``: stable code of the check or id of the rule. ``subjects``: pins, first the one that breaks, then
    what it lacks; ``<environment>`` for the environment itself. ``message``: the headline, one sentence without
    a final stop. ``details``: further lines a person needs, most important first. ``symbol``: dotted name that
    is missing. ``chain``: modules from the entry to the failing one. ``explains``: keys of findings that are
    consequences of this one (see ``key``); the report turns them into indexes. ``covers``: files that it speaks
    of, relative to their directory on ``sys.path`` (all of them, where ``details`` has only examples): from them
    it is known which findings belong together; never shown. ``entries``: modules (or files of the user) whose import
    meets it, the one of ``chain`` first: what would have to be run to see it; never shown.
    """

    rule: str
    severity: Severity
    subjects: tuple[str, ...]
    message: str
    evidence: Evidence
    details: tuple[str, ...] = ()
    symbol: str | None = None
    where: Location | None = None
    chain: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()
    explains: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Identity within one report."""
        place = f"{self.where.path}:{self.where.line}" if self.where else ""
        return "|".join((self.rule, ",".join(self.subjects), self.symbol or "", place, self.message))

    def sort_key(self) -> tuple[object, ...]:
        """Errors first, then by rule, subjects and place: the one order of every report."""
        where = (self.where.path, self.where.line or 0) if self.where else ("", 0)
        identity = (self.rule, self.subjects, self.symbol or "", where, self.message)
        return (self.severity.rank, -len(self.explains), *identity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """A check that could not finish, and why; it never counts as health."""

    check: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One distribution before and after; None means absent."""

    name: str
    before: str | None
    after: str | None
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The fixes chosen, whether proven, and what was declined and why.

    ``rewrite``: files of the environment itself that are made again (pyvenv.cfg, links to its Python).
    """

    changes: tuple[Change, ...] = ()
    reinstall: tuple[str, ...] = ()
    remove_paths: tuple[str, ...] = ()
    cures: tuple[str, ...] = ()
    declined: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    proven: bool = False
    errors_before: int = 0
    errors_after: int = 0
    safety: Safety = Safety.SAFE
    rewrite: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Nothing to do."""
        return not (self.changes or self.reinstall or self.remove_paths or self.rewrite)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a transaction did: ``outcome`` is ``committed``, ``restored`` or ``nothing``."""

    id: str
    outcome: str
    changes: tuple[Change, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What was looked at, for the summary line."""

    distributions: int = 0
    entries: int = 0
    modules: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything one command found, sorted; ``findings`` are in ``Finding.sort_key`` order, roots before folded."""

    environment: Environment | None
    stack: str | None
    findings: tuple[Finding, ...]
    crashed: tuple[Crash, ...] = ()
    plan: Plan | None = None
    receipt: Receipt | None = None
    tally: Tally = Tally()
    fail_on: Severity = Severity.ERROR

    @property
    def exit_code(self) -> int:
        """0 nothing at or above ``fail_on``; 1 findings; 3 when a check crashed or the interpreter is gone."""
        if any(f.severity.rank <= self.fail_on.rank for f in self.findings):
            return 1
        return 3 if self.crashed else 0
