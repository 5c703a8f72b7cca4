"""A patient as seen from outside: everything that its files and its isolated interpreter tell."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from posixpath import abspath, dirname, join

from doctor.model import Environment, FileView, PathEntry, Problem
from doctor.probe.cache import told_by
from doctor.probe.editable import read_finders
from doctor.probe.files import DiskFiles, real_path, why_unseen
from doctor.probe.installed import find_distributions
from doctor.probe.interpreter import OLDEST, SiteFacts, StartFailure, Told, too_old
from doctor.probe.layout import guessed_site_facts, guessed_stdlib
from doctor.probe.leftovers import find_leftovers
from doctor.probe.place import Place, find_place
from doctor.probe.search_path import SearchPath, SearchPlan, build_search_path, pythonpath_entries, site_pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """The interpreter's facts, or why there are none; ``problems`` are interpreters that others stood in for."""

    told: Told | None
    failure: str = ""
    problems: tuple[Problem, ...] = ()


def probe_environment(path: str, *, timeout: float = 20.0, environ: Mapping[str, str] | None = None) -> Environment:
    """Examine what ``path`` names: a venv, conda environment, Python, or bare directory with dist-info.

    ``path`` may be the environment, its ``bin``, its interpreter, or a directory with exactly one environment in it.
    ``timeout`` (seconds) limits each start of the interpreter. ``environ`` (default: the process's own) decides what
    an ordinary start would see: HOME, PYTHONUSERBASE, PYTHONNOUSERSITE, PYTHONPATH.

    Nothing of the patient is imported or executed but its interpreter, with ``-I -S``. Raises
    ``NotAnEnvironmentError`` when there is nothing to examine and ``UsageError`` when several environments are meant.
    """
    environ = os.environ if environ is None else environ
    files = DiskFiles()
    place = find_place(abspath(path), files)
    if place.kind == "target":
        return _target(place, files)
    answer = _ask(place, environ, timeout)
    if answer.told:
        place = _placed_again(place, answer.told, files)
    search = build_search_path(files, _plan(place, answer.told, environ, files))
    search.problems[:0] = _circumstances(place, answer, environ)
    return _environment(place, answer, search, files, environ.get("LD_LIBRARY_PATH", ""))


def _ask(place: Place, environ: Mapping[str, str], timeout: float) -> _Answer:
    """The facts of the first interpreter of the place that answers; else why the best one does not."""
    broken: list[Problem] = []
    for executable in place.executables:
        try:
            told = told_by(executable, place.config_path, environ, timeout)
        except StartFailure as failure:
            broken.append(Problem(code="executable-broken", path=executable, detail=str(failure)))
            if "no answer" in str(failure):
                break  # the others are most likely the same, and waiting is dear
        else:
            return _Answer(told=told, problems=tuple(broken))
    if broken and place.version and place.version < OLDEST:
        return _Answer(told=None, failure=too_old(".".join(map(str, place.version))))
    return _Answer(told=None, failure=broken[0].detail if broken else _no_python(join(place.path, "bin")))


def _no_python(scripts: str) -> str:
    """There is nothing to start."""
    reason = why_unseen(scripts)
    if reason in ("", "does not exist"):
        return f"there is no python in {scripts}"
    return f"{scripts} cannot be searched for a python ({reason})"


def _placed_again(place: Place, told: Told, files: FileView) -> Place:
    """An interpreter that the user named by its file says itself where its prefix is (a link, a wrapper script)."""
    prefix = told.interpreter.prefix
    if place.kind == "venv" or not prefix or prefix == place.path:
        return place
    if told.virtual or files.listing(join(prefix, "conda-meta")) is not None:
        found = find_place(prefix, files)
        return replace(found, executables=place.executables)
    return replace(place, path=prefix)


def _plan(place: Place, told: Told | None, environ: Mapping[str, str], files: FileView) -> SearchPlan:
    """In which order an ordinary start goes through directories."""
    version = told.interpreter.minor if told else place.version or sys.version_info[:2]
    site = _site_facts(place, told) or guessed_site_facts(place, version, environ, files)
    # site.check_enableusersite: not for a set-uid start, not when the user forbids it
    own_user = os.geteuid() == os.getuid() and os.getegid() == os.getgid()
    user = site.user if place.sees_base and own_user and not environ.get("PYTHONNOUSERSITE") else ""
    return SearchPlan(
        pythonpath=pythonpath_entries(environ.get("PYTHONPATH", ""), os.getcwd()),  # noqa: PTH109
        stdlib=told.interpreter.stdlib_paths if told else guessed_stdlib(place, version, files),
        sites=site_pairs(site.own, user, site.system if place.sees_base else (), virtual=place.kind == "venv"),
        skips_hidden=site.skips_hidden,
        pth_is_utf8=site.pth_is_utf8,
    )


def _site_facts(place: Place, told: Told | None) -> SiteFacts | None:
    """What the interpreter said of site directories, if it spoke of this place.

    A venv without its pyvenv.cfg runs as the Python that it was made from; its own directories are examined still.
    """
    if told is None:
        return None
    if place.kind == "venv" and not _same(told.interpreter.prefix, place.path):
        return None
    return told.site


def _same(path: str, other: str) -> bool:
    """Whether two paths are one directory."""
    return path == other or real_path(path) == real_path(other)


def _circumstances(place: Place, answer: _Answer, environ: Mapping[str, str]) -> list[Problem]:
    """What stands against the environment as a whole."""
    problems = [*place.problems, *answer.problems]
    told = answer.told
    if told and place.kind == "venv" and not _same(told.interpreter.prefix, place.path):
        runs_as = told.interpreter.prefix
        problems.append(Problem(code="prefix-mismatch", path=told.interpreter.executable, detail=runs_as))
    if environ.get("PYTHONHOME"):
        problems.append(Problem(code="pythonhome-set", path=environ["PYTHONHOME"], detail="$PYTHONHOME"))
    return problems


def _environment(
    place: Place, answer: _Answer, search: SearchPath, files: FileView, libraries: str = ""
) -> Environment:
    """Read all that the search path leads to."""
    problems = search.problems
    distributions = find_distributions(files, search.entries, search.site_dirs, problems)
    interpreter = answer.told.interpreter if answer.told else None
    guessed = place.full_version or (".".join(map(str, place.version)) if place.version else "")
    return Environment(
        path=place.path,
        kind=place.kind,
        python_version=interpreter.version if interpreter else guessed,
        platform=answer.told.platform if answer.told else f"{sys.platform}-{os.uname().machine}",
        interpreter=interpreter,
        start_failure=answer.failure,
        config=place.config,
        site_dirs=tuple(search.site_dirs),
        scripts_dir=interpreter.scripts if interpreter else _scripts(place),
        search_path=tuple(search.entries),
        distributions=distributions,
        leftovers=tuple(find_leftovers(files, search.site_dirs, distributions)),
        pth_files=tuple(search.pth_files),
        editable=read_finders(files, search.pth_files, problems),
        library_path=tuple(p for p in libraries.split(":") if p),
        problems=tuple(problems),
    )


def _scripts(place: Place) -> str:
    """Where console scripts lie when the interpreter cannot tell."""
    return dirname(place.executables[0]) if place.executables else join(place.path, "bin")


def _target(place: Place, files: FileView) -> Environment:
    """A bare directory (``pip install --target``): no interpreter of its own, and ``.pth`` files have no effect."""
    entry = PathEntry(path=place.path, origin="site")
    problems: list[Problem] = []
    distributions = find_distributions(files, (entry,), (place.path,), problems)
    return Environment(
        path=place.path,
        kind="target",
        python_version="",
        platform=f"{sys.platform}-{os.uname().machine}",
        interpreter=None,
        site_dirs=(place.path,),
        scripts_dir=join(place.path, "bin"),
        search_path=(entry,),
        distributions=distributions,
        leftovers=tuple(find_leftovers(files, (place.path,), distributions)),
        problems=tuple(problems),
    )
