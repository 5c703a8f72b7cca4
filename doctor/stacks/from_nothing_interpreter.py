"""Which Python a planned environment is for: one of this machine where the version fits, else one made up from ours."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from packaging.specifiers import SpecifierSet

from doctor.model import Interpreter
from doctor.probe.cache import told_by
from doctor.probe.interpreter import StartFailure, Told
from doctor.probe.wheel_tags import TagFacts, wheel_tags

_MINORS = range(8, 20)
_PATIENCE = 20.0


def interpreter_for(python: str, environ: Mapping[str, str] | None = None) -> tuple[Interpreter, str]:
    """(interpreter, a sentence about it or '') for a specifier such as ``==3.11.*`` ('' takes the doctor's own).

    A version that is not on this machine is made up: markers and tags are right, the standard library is known by
    the names of its modules only.
    """
    environ = os.environ if environ is None else environ
    own = told_by(sys.executable, _config(sys.prefix), environ, _PATIENCE)
    wanted = SpecifierSet(python)
    if wanted.contains(own.interpreter.version, prereleases=True):
        return own.interpreter, ""
    for minor in reversed(_MINORS):
        if not _within(minor, wanted):
            continue
        executable = shutil.which(f"python3.{minor}", path=environ.get("PATH"))
        try:
            told = told_by(executable, "", environ, _PATIENCE) if executable else None
        except StartFailure:
            continue
        if told is not None and wanted.contains(told.interpreter.version, prereleases=True):
            return told.interpreter, ""
    minor = next((m for m in reversed(_MINORS) if m <= sys.version_info[1] and _within(m, wanted)), 0)
    minor = minor or next((m for m in range(8, 100) if _within(m, wanted)), sys.version_info[1])
    return made_up(own, minor), f"there is no Python 3.{minor} here: what its standard library lacks is not seen"


def made_up(own: Told, minor: int) -> Interpreter:
    """Our interpreter as if it were CPython 3.``minor``; nothing is known of what is in its standard library."""
    known = own.interpreter
    markers = {**known.markers, "python_version": f"3.{minor}", "python_full_version": f"3.{minor}.0"}
    markers["implementation_version"] = markers["python_full_version"]
    ours = f"{sys.version_info[0]}{sys.version_info[1]}"
    suffixes = tuple(suffix.replace(f"cpython-{ours}", f"cpython-3{minor}") for suffix in known.suffixes)
    tags = wheel_tags(
        TagFacts(
            implementation=known.implementation,
            version=(3, minor),
            abiflags="",
            suffixes=suffixes,
            platform=own.platform,
            libc=known.libc,
            pointer_bits=known.pointer_bits,
        )
    )
    return replace(
        known,
        executable="",
        version=f"3.{minor}.0",
        markers=markers,
        tags=tags,
        suffixes=suffixes,
        stdlib_paths=(),
    )


def _within(minor: int, wanted: SpecifierSet) -> bool:
    return any(wanted.contains(f"3.{minor}.{micro}", prereleases=True) for micro in (0, 9, 19))


def _config(prefix: str) -> str:
    path = Path(prefix) / "pyvenv.cfg"
    return str(path) if path.is_file() else ""
