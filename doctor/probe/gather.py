"""Small facts of an environment that a snapshot needs beside its metadata: scripts, programs, the standard library."""

from __future__ import annotations

from collections.abc import Mapping
from posixpath import normpath

from doctor.model import Distribution, Environment, FileView

_SCRIPT_BYTES = 400
_STDLIB_FILES = 4000
_STDLIB_LEFT_OUT = frozenset(
    [
        "__pycache__",
        "site-packages",
        "dist-packages",
        "test",
        "tests",
        "idlelib",
        "turtledemo",
        "idle_test",
        "lib2to3",
        "ensurepip",
        "_bundled",
    ]
)


def local_places(distribution: Distribution, environment: Environment) -> list[str]:
    """Directories of a distribution whose code no index has."""
    origin = distribution.direct_url
    if distribution.kind == "egg-link" or (origin and origin.editable):
        here = normpath(distribution.location)
        return [] if here in environment.site_dirs else [here]
    if origin and origin.url.startswith("file:"):
        return [f"{distribution.location}/{top}" for top in distribution.top_level]
    return []


def scripts_of(environment: Environment, files: FileView) -> dict[str, str]:
    """The beginnings of the small scripts in bin: their interpreter line and the module they start."""
    found = {}
    for name in files.listing(environment.scripts_dir) or ():
        path = f"{environment.scripts_dir}/{name}"
        facts = files.facts(path)
        if facts is None or facts.kind != "file" or facts.size > 8 * _SCRIPT_BYTES:
            continue
        try:
            data = files.read(path, _SCRIPT_BYTES)
        except OSError:
            continue
        if data.startswith(b"#!"):
            found[path] = data.decode("utf-8", "replace")
    return found


def present_programs(environment: Environment, scripts: Mapping[str, str], files: FileView) -> tuple[str, ...]:
    """The interpreter, and the programs named by the first lines of scripts, as far as they exist."""
    named = [text[2:].split("\n", 1)[0].strip().split(" ")[0] for text in scripts.values()]
    if environment.interpreter:
        named.append(environment.interpreter.executable)
    return tuple(path for path in sorted(set(named)) if path.startswith("/") and files.facts(path) is not None)


def stdlib_files(environment: Environment, files: FileView) -> dict[str, tuple[str, ...]]:
    """Modules of the standard library by directory; its tests and what is installed below it are left out."""
    found: dict[str, tuple[str, ...]] = {}
    for place in environment.interpreter.stdlib_paths if environment.interpreter else ():
        names: list[str] = []
        waiting = [""]
        while waiting and len(names) < _STDLIB_FILES:
            below = waiting.pop()
            for name in files.listing(f"{place}/{below}".rstrip("/")) or ():
                path = f"{below}{name}"
                if name.endswith((".py", ".so")):
                    names.append(path)
                elif "." not in name and name not in _STDLIB_LEFT_OUT and " " not in name:
                    waiting.append(f"{path}/")
        if names:
            found[place] = tuple(sorted(names))
    return found
