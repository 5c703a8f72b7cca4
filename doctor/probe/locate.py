"""Which environment is meant when the user names none, or names it in short."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from posixpath import isabs, isdir, join, lexists, normpath

from doctor.errors import UsageError
from doctor.probe.files import real_path

_NAME_IT = "Name the environment to examine: acdoctor check VENV."


def resolve_environment_path(
    argument: str | None = None, environ: Mapping[str, str] | None = None, cwd: str | None = None
) -> str:
    """The absolute path to examine: the argument, else ``$VIRTUAL_ENV``, ``./.venv``, or the only ``./venv*``.

    What is there is not looked at further (``probe_environment`` does). The environment that the doctor itself runs
    in is examined only when it is named. Raises ``UsageError`` when nothing, or more than one, could be meant.
    """
    environ = os.environ if environ is None else environ
    cwd = os.getcwd() if cwd is None else cwd  # noqa: PTH109 - paths are plain strings in this room
    if argument is not None:
        if not argument:
            raise UsageError(f"The path of the environment is empty. {_NAME_IT}")
        return _absolute(argument, cwd)
    active = environ.get("VIRTUAL_ENV", "")
    if active:
        path = _absolute(active, cwd)
        if not isdir(path):
            raise UsageError(f"$VIRTUAL_ENV names {path}, which is no directory. {_NAME_IT}")
        return _not_own(path, "$VIRTUAL_ENV")
    if isdir(join(cwd, ".venv")):
        return _not_own(join(cwd, ".venv"), "./.venv")
    return _only_venv(environ, cwd)


def _only_venv(environ: Mapping[str, str], cwd: str) -> str:
    """The one environment in the current directory whose name begins with ``venv``."""
    try:
        names = sorted(name for name in os.listdir(cwd) if name.startswith("venv"))  # noqa: PTH208 - plain strings
    except OSError:
        names = []
    found = [name for name in names if _is_environment(join(cwd, name))]
    if len(found) == 1:
        return _not_own(join(cwd, found[0]), f"./{found[0]}")
    if found:
        raise UsageError(f"Which environment is meant: {', '.join(found)}? {_NAME_IT}")
    conda = environ.get("CONDA_PREFIX", "")
    hint = f" The active conda environment is {conda}." if conda else ""
    raise UsageError(f"No environment is active and {cwd} has no .venv or venv*. {_NAME_IT}{hint}")


def _is_environment(path: str) -> bool:
    """Whether a directory is a virtual environment, be it a damaged one."""
    return any(lexists(join(path, part)) for part in ("pyvenv.cfg", "bin/python", "bin/python3"))


def _not_own(path: str, source: str) -> str:
    """The path, unless it is the environment that the doctor is installed in."""
    if real_path(path) == real_path(sys.prefix):
        raise UsageError(f"{source} is the environment of acdoctor itself ({path}). {_NAME_IT}")
    return path


def _absolute(path: str, cwd: str) -> str:
    """Absolute and normalized, links kept."""
    return normpath(path if isabs(path) else join(cwd, path))
