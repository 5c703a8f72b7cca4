"""What ``sys.path`` would be at an ordinary start, found as ``site`` finds it, without running anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from posixpath import isabs, join, normpath

from doctor.model import FileView, PathEntry, Problem, PthFile
from doctor.probe.files import why_unseen
from doctor.probe.pth import PthLine, read_pth

# site reads the file outside of its try statement: UnicodeDecodeError ends the start (seen with 3.8 to 3.13)
_UNDECODABLE = "is not UTF-8, so that an ordinary start of this Python ends there where the locale is UTF-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlan:
    """In which order ``site`` goes through directories: ``sites`` are (directory, origin) pairs."""

    pythonpath: tuple[str, ...]
    stdlib: tuple[str, ...]
    sites: tuple[tuple[str, str], ...]
    skips_hidden: bool
    pth_is_utf8: bool


@dataclass(slots=True)
class SearchPath:
    """``sys.path`` while it grows."""

    files: FileView
    plan: SearchPlan
    entries: list[PathEntry] = field(default_factory=list)
    pth_files: list[PthFile] = field(default_factory=list)
    site_dirs: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    front: int = 0
    remembered: int = 0

    def add(self, path: str, origin: str, source: str = "") -> None:
        """Append a path that is not there yet."""
        if path not in self.known:
            self.known.add(path)
            self.entries.append(PathEntry(path=path, origin=origin, source=source))

    def add_site(self, directory: str, origin: str) -> None:
        """``site.addsitedir``: the directory, then what its ``.pth`` files say, in the order of their names."""
        self.add(directory, origin)
        again = directory in self.site_dirs
        if not again:
            self.site_dirs.append(directory)
        names = self.files.listing(directory)
        if names is None:
            if not again:
                reason = why_unseen(directory)
                self.problems.append(Problem(code="directory-unreadable", path=directory, detail=reason))
            return
        for name in names:
            if name.endswith(".pth") and not (self.plan.skips_hidden and name.startswith(".")):
                self.add_pth(directory, name, again=again)

    def add_pth(self, directory: str, name: str, *, again: bool) -> None:
        """``site.addpackage`` without its ``exec``."""
        path = join(directory, name)
        try:
            text = read_pth(self.files, path, utf8=self.plan.pth_is_utf8)
        except OSError as error:
            if not again:
                self.problems.append(Problem(code="pth-unreadable", path=path, detail=error.strerror or str(error)))
            return
        if text.undecodable and not again:
            self.problems.append(Problem(code="pth-undecodable", path=path, detail=_UNDECODABLE))
        adds: list[str] = []
        for line in text.lines:
            if line.kind == "path":
                added = absolute(directory, line.text)
                adds.append(added)
                if self.files.facts(added) is not None:
                    self.add(added, "pth", path)
            else:
                self.move(line)
        if not again:
            code = tuple(line.text for line in text.lines if line.kind != "path")
            self.pth_files.append(PthFile(path=path, adds=tuple(adds), code=code))

    def move(self, line: PthLine) -> None:
        """The two lines of easy-install.pth that put its paths before all others; other code is left alone."""
        if line.kind == "remember":
            self.remembered = len(self.entries)
        elif line.kind == "move":
            new = self.entries[self.remembered :]
            del self.entries[self.remembered :]
            self.entries[self.front : self.front] = new
            self.front += len(new)


def absolute(base: str, path: str) -> str:
    """As ``abspath(join(base, path))``; ``base`` is absolute."""
    return normpath(join(base, path))


def build_search_path(files: FileView, plan: SearchPlan) -> SearchPath:
    """Go through PYTHONPATH, the standard library and the site directories that exist."""
    search = SearchPath(files=files, plan=plan)
    for path in plan.pythonpath:
        search.add(path, "pythonpath", "PYTHONPATH")
    for path in plan.stdlib:
        search.add(normpath(path), "stdlib")
    for directory, origin in plan.sites:
        facts = files.facts(directory)
        if facts is not None and facts.kind == "dir":
            search.add_site(normpath(directory), origin)
    own = [normpath(directory) for directory, origin in plan.sites if origin == "site"]
    if own and not set(search.site_dirs) & set(own):
        reason = why_unseen(own[0])
        code = "site-packages-missing" if reason == "does not exist" else "directory-unreadable"
        search.problems.append(Problem(code=code, path=own[0], detail=reason))
    return search


def pythonpath_entries(value: str, cwd: str) -> tuple[str, ...]:
    """Directories of ``PYTHONPATH`` made absolute; an empty one would be the current directory and is left out."""
    return tuple(dict.fromkeys(normpath(p if isabs(p) else join(cwd, p)) for p in value.split(":") if p))


def site_pairs(own: Sequence[str], user: str, system: Sequence[str], *, virtual: bool) -> tuple[tuple[str, str], ...]:
    """``site.main``'s order: a venv's own directories come before the user's, those of a Python itself after."""
    own_pairs = tuple((path, "site") for path in own)
    user_pairs = ((user, "user-site"),) if user else ()
    first, second = (own_pairs, user_pairs) if virtual else (user_pairs, own_pairs)
    return (*first, *second, *((path, "system-site") for path in system))
