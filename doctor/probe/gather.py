"""Small facts of an environment that a snapshot needs beside its metadata: scripts, programs, the standard library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from posixpath import normpath

from doctor.model import Environment, FileView

_SCRIPT_BYTES = 400
_STDLIB_FILES = 4000
_ROOTS = 200
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


def local_places(environment: Environment, files: FileView) -> list[str]:
    """Directories and files of code that no index has: what ``.pth`` files and editable installs point to."""
    interpreter = environment.interpreter
    known = {*environment.site_dirs, *(interpreter.stdlib_paths if interpreter else ())}
    known |= {entry.path for entry in environment.search_path if entry.origin in ("stdlib", "site")}
    added = [entry.path for entry in environment.search_path if entry.path not in known]
    linked = [d.location for d in environment.distributions if d.kind == "egg-link" and d.location not in known]
    unpacked = [
        f"{d.location}/{top}"
        for d in environment.distributions
        if d.direct_url and not d.direct_url.editable and d.direct_url.url.startswith("file:")
        for top in d.top_level
    ]
    places = dict.fromkeys(map(normpath, (*added, *linked, *environment.editable.values(), *unpacked)))
    return [place for place in places if files.facts(place) is not None]


def import_roots(paths: Iterable[str]) -> tuple[str, ...]:
    """The uppermost packages and modules among recorded paths (relative to site-packages), dotted.

    Of a namespace package the parts that the distribution itself brings, not the namespace.
    """
    modules = [path for path in paths if path.endswith((".py", ".so", ".pyc")) and not path.startswith(("../", "/"))]
    packages = {path.rpartition("/")[0] for path in modules if path.rpartition("/")[2].startswith("__init__.")}
    roots: dict[str, None] = {}
    for path in modules:
        parts = path.split("/")
        above = ("/".join(parts[:length]) for length in range(1, len(parts)))
        root = next((place for place in above if place in packages), "") or _module_path(path)
        if root and all(part.isidentifier() for part in root.split("/")):
            roots[root.replace("/", ".")] = None
    return tuple(sorted(roots))[:_ROOTS]


def _module_path(path: str) -> str:
    """A module's path without what follows its name."""
    place, mark, name = path.rpartition("/")
    return f"{place}{mark}{name.partition('.')[0]}"


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
