"""What a path that the user named is: a venv, a conda environment, a Python's prefix, a bare directory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from posixpath import basename, dirname, islink, join, lexists, normpath

from doctor.errors import NotAnEnvironmentError, UsageError
from doctor.model import FileView, Problem
from doctor.probe.config import config_version, read_config, system_site
from doctor.probe.distributions import metadata_names
from doctor.probe.files import why_unseen

_PYTHON = re.compile(r"(python|pypy|graalpy)[\d.]*[td]*(\.exe)?")
_LIB_PYTHON = re.compile(r"(?:python|pypy)(\d+)\.(\d+)t?")
_ADVICE = "Name the directory of a virtual environment (the one that holds pyvenv.cfg)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A recognised environment before its interpreter is asked.

    ``executables`` are worth trying, best first. ``version`` is the (major, minor) that files tell, None when they
    do not; ``full_version`` what pyvenv.cfg says, where that fits. ``sees_base``: the site directories of the Python
    that it was made from belong to it.
    """

    path: str
    kind: str
    executables: tuple[str, ...] = ()
    config: Mapping[str, str] = field(default_factory=dict)
    config_path: str = ""
    sees_base: bool = True
    version: tuple[int, int] | None = None
    full_version: str = ""
    problems: tuple[Problem, ...] = ()


def find_place(path: str, files: FileView) -> Place:
    """Recognise a path; raises ``NotAnEnvironmentError``, or ``UsageError`` when several environments are meant."""
    path = normpath(path)
    if "\0" in path:
        raise NotAnEnvironmentError(path, "is no possible path", _ADVICE)
    if lexists(path) and _PYTHON.fullmatch(basename(path)) and not _is_dir(files, path):
        return _place_of_executable(path, files)
    facts = files.facts(path)
    if facts is None:
        raise NotAnEnvironmentError(path, _why_nothing(path), "Check the path.")
    if facts.kind != "dir":
        return _place_of_file(path, files)
    names = files.listing(path)
    if names is None:
        raise NotAnEnvironmentError(path, "cannot be read (permission denied)", "Ask its owner, or run as that user.")
    return _place_of_directory(path, names, files)


def _why_nothing(path: str) -> str:
    """Why ``stat`` sees nothing there."""
    if islink(path):
        return "is a link that leads nowhere"
    reason = why_unseen(path)
    return {
        "not a directory": "does not exist (a part of the path is a file)",
        "permission denied": "cannot be seen (permission denied)",
    }.get(reason, "does not exist")


def _place_of_file(path: str, files: FileView) -> Place:
    """pyvenv.cfg and activation scripts stand for their environment; other files are none."""
    name, parent = basename(path), dirname(path)
    if name == "pyvenv.cfg":
        return venv_place(parent, files)
    if name.lower().startswith("activate") and lexists(join(dirname(parent), "pyvenv.cfg")):
        return venv_place(dirname(parent), files)
    raise NotAnEnvironmentError(path, "is a file, not a Python environment", _ADVICE)


def _place_of_executable(path: str, files: FileView) -> Place:
    """An interpreter: that of the venv or conda environment around it, or a Python by itself."""
    prefix = dirname(dirname(path))
    if lexists(join(prefix, "pyvenv.cfg")) or lexists(join(dirname(path), "pyvenv.cfg")):
        return venv_place(prefix, files, first=path)
    kind = "conda" if _is_dir(files, join(prefix, "conda-meta")) else "system"
    if kind == "system" and _lost_config(prefix, files):
        return venv_place(prefix, files, first=path)
    return Place(path=prefix, kind=kind, executables=(path,), version=_single_version(prefix, files))


def _place_of_directory(path: str, names: tuple[str, ...], files: FileView) -> Place:
    """A directory: an environment itself, a part of one, the parent of one, or a bare target."""
    inside = basename(path) in ("site-packages", "dist-packages")
    around = dirname(path)
    if inside:
        around = dirname(dirname(around))
    found = _environment_at(path, files)
    if not found and (inside or basename(path) in ("bin", "Scripts")):
        found = _environment_at(around, files)
    if not found:
        found = _place_below(path, names, files)
    if found:
        return found
    if any(kind == "dist-info" or inside for _, kind in metadata_names(names)):
        return Place(path=path, kind="target")
    reason = "holds no Python environment" if names else "is an empty directory, not a Python environment"
    raise NotAnEnvironmentError(path, reason, _ADVICE)


def _environment_at(path: str, files: FileView) -> Place | None:
    """The venv or conda environment (or whole Python) that a directory is the prefix of, None when it is none."""
    if lexists(join(path, "pyvenv.cfg")) or _lost_config(path, files):
        return venv_place(path, files)
    if _is_dir(files, join(path, "conda-meta")):
        return _prefix_place(path, "conda", files)
    if _pythons(path, files) and python_versions(path, files):
        return _prefix_place(path, "system", files)
    return None


def _place_below(path: str, names: tuple[str, ...], files: FileView) -> Place | None:
    """The one environment that lies directly in a directory, None when none does."""
    found = [name for name in names if lexists(join(path, name, "pyvenv.cfg"))]
    found = found or [name for name in names if _is_dir(files, join(path, name, "conda-meta"))]
    if len(found) > 1:
        raise UsageError(f"{path} holds {len(found)} environments: {_enumeration(found)}. Which one is meant?")
    return _environment_at(join(path, found[0]), files) if found else None


def _enumeration(names: list[str], most: int = 5) -> str:
    """A few names and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def venv_place(path: str, files: FileView, first: str = "") -> Place:
    """A virtual environment, whole or damaged; ``first`` is the interpreter that the user named."""
    problems: list[Problem] = []
    config: Mapping[str, str] = {}
    config_path = join(path, "bin", "pyvenv.cfg")  # beside the interpreter comes first
    if files.facts(config_path) is None:
        config_path = join(path, "pyvenv.cfg")
    sees_base = False
    try:
        config = read_config(files, config_path)
        sees_base = system_site(config)
    except OSError as error:
        code = "config-missing" if not lexists(config_path) else "config-unreadable"
        problems.append(Problem(code=code, path=config_path, detail=error.strerror or str(error)))
    if not problems and not config.get("home"):
        problems.append(Problem(code="config-without-home", path=config_path))
    told = config_version(config)
    versions = python_versions(path, files)
    version = _chosen_version(told, versions)
    problems.extend(
        Problem(code="other-python-directory", path=where, detail="python{}.{}".format(*other))
        for other, where in sorted(versions.items())
        if version and other != version and files.listing(join(where, "site-packages"))
    )
    executables = dict.fromkeys([first] if first else [])
    executables.update(dict.fromkeys(_pythons(path, files, ("python", "python3"))))
    return Place(
        path=path,
        kind="venv",
        executables=tuple(executables),
        config=config,
        config_path=config_path,
        sees_base=sees_base,
        version=version,
        full_version=told if version and _minor(told) == version else "",
        problems=tuple(problems),
    )


def _prefix_place(path: str, kind: str, files: FileView) -> Place:
    """A conda environment or a Python of the system, named by its prefix."""
    pythons = _pythons(path, files, ("python", "python3") if kind == "conda" else ("python3", "python"))
    return Place(path=path, kind=kind, executables=tuple(pythons), version=_single_version(path, files))


def _pythons(prefix: str, files: FileView, best: Iterable[str] = ()) -> list[str]:
    """Interpreters in a prefix's directory of executables (dangling links too), the named ones first."""
    found: list[str] = []
    for scripts in (join(prefix, "bin"), join(prefix, "Scripts")):
        names = [n for n in files.listing(scripts) or () if _PYTHON.fullmatch(n)]
        order = [n for n in best if n in names]
        found.extend(join(scripts, n) for n in (*order, *(n for n in names if n not in order)))
    return found


def python_versions(prefix: str, files: FileView) -> Mapping[tuple[int, int], str]:
    """(major, minor) -> directory, for each ``lib/pythonX.Y`` of a prefix (``lib64`` where only that has it)."""
    found: dict[tuple[int, int], str] = {}
    for lib in ("lib", "lib64"):
        for name in files.listing(join(prefix, lib)) or ():
            match = _LIB_PYTHON.fullmatch(name)
            if match:
                found.setdefault((int(match[1]), int(match[2])), join(prefix, lib, name))
    return found


def _chosen_version(told: str, versions: Mapping[tuple[int, int], str]) -> tuple[int, int] | None:
    """The version that the configuration names, else the newest that has a directory."""
    minor = _minor(told)
    if minor and (minor in versions or not versions):
        return minor
    return max(versions, default=minor)


def _minor(version: str) -> tuple[int, int] | None:
    """(major, minor) of a dotted version."""
    parts = version.split(".")
    return (int(parts[0]), int(parts[1])) if len(parts) > 1 else None


def _single_version(prefix: str, files: FileView) -> tuple[int, int] | None:
    """The version whose directory is in a prefix, None when none or several are."""
    versions = python_versions(prefix, files)
    return next(iter(versions)) if len(versions) == 1 else None


def _lost_config(path: str, files: FileView) -> bool:
    """A venv whose pyvenv.cfg was deleted: it can be activated, has packages, but has no standard library."""
    if files.facts(join(path, "bin", "activate")) is None or _is_dir(files, join(path, "conda-meta")):
        return False
    libraries = python_versions(path, files).values()
    return any(_is_dir(files, join(d, "site-packages")) for d in libraries) and not any(
        files.facts(join(d, "os.py")) for d in libraries
    )


def _is_dir(files: FileView, path: str) -> bool:
    facts = files.facts(path)
    return facts is not None and facts.kind == "dir"
