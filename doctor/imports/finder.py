"""Where a module comes from: the path-based finder of the import system over a ``FileView``.

Follows importlib's ``PathFinder`` and ``FileFinder`` (language reference, "The import system"): per path entry
a package before a module, extension modules before source before byte code, namespace packages (PEP 420) over
all entries. Nothing is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from doctor.model import Environment, FileView

SHARED_SUFFIXES = (".abi3.so", ".so")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """How a module would be loaded.

    ``kind``: ``source``, ``bytecode``, ``native``, ``namespace``, ``stdlib``, ``assumed``, ``dead``.
    ``paths`` is where its submodules are looked for (empty: it is no package).
    """

    name: str
    kind: str
    path: str = ""
    paths: tuple[str, ...] = ()
    package: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardLibrary:
    """What the target's interpreter brings: top-level names, built-in ones, and the directories."""

    names: frozenset[str]
    builtins: frozenset[str]
    paths: frozenset[str]


class Finder:
    """Finds modules of one environment; listings are kept, so one finder serves one moment of one environment."""

    def __init__(self, environment: Environment, files: FileView, assumed: Iterable[str] = ()) -> None:
        """``assumed`` are root modules that the host will bring."""
        self.files = files
        self.environment = environment
        interpreter = environment.interpreter
        import sys  # noqa: PLC0415

        self.stdlib = StandardLibrary(
            names=frozenset(interpreter.stdlib if interpreter else sys.stdlib_module_names),
            builtins=frozenset(interpreter.builtins if interpreter else sys.builtin_module_names),
            paths=frozenset(e.path for e in environment.search_path if e.origin == "stdlib"),
        )
        self.path = [e.path for e in environment.search_path]
        self.assumed = frozenset(assumed)
        self.editable: Mapping[str, str] = environment.editable
        suffixes = interpreter.suffixes if interpreter else SHARED_SUFFIXES
        self.native_suffixes = tuple(suffixes)
        self._listings: dict[str, frozenset[str]] = {}
        self.archives = tuple(p for p in self.path if p not in self.stdlib.paths and _is_archive(files, p))

    def listing(self, directory: str) -> frozenset[str]:
        """Names in a directory ('' entries and missing directories are empty)."""
        known = self._listings.get(directory)
        if known is None:
            known = frozenset(self.files.listing(directory) or ())
            self._listings[directory] = known
        return known

    def find_root(self, name: str) -> Spec | None:
        """The spec of a top-level module, or None."""
        if name in self.stdlib.builtins:
            return Spec(name=name, kind="stdlib")
        portions: list[str] = []
        seen_stdlib = False
        for entry in self.path:
            if not isinstance(entry, str):
                continue
            if entry in self.stdlib.paths:
                if not seen_stdlib and name in self.stdlib.names:
                    return self._standard(name)
                seen_stdlib = True
                continue
            spec = self._in_directory(name, name, entry, portions)
            if spec is not None:
                return spec
        if not seen_stdlib and name in self.stdlib.names:
            return self._standard(name)
        target = self.editable.get(name)
        if target is not None and (spec := self._at(name, target)) is not None:
            return spec
        if portions:
            return Spec(name=name, kind="namespace", paths=tuple(portions), package=True)
        if name in self.assumed:
            return Spec(name=name, kind="assumed", package=True)
        return None

    def finds(self, name: str) -> bool:
        """There is a file (or namespace) for the dotted module; what its parents do when imported is not asked."""
        root, *rest = name.split(".")
        spec, done = self.find_root(root), root
        for part in rest:
            if spec is None or not spec.paths:
                return spec is not None and spec.kind in {"assumed", "stdlib"}
            done = f"{done}.{part}"
            spec = self.find_in(done, spec.paths)
        return spec is not None

    def _standard(self, name: str) -> Spec | None:
        for directory in self.stdlib.paths:
            names = self.listing(directory)
            if name in names and f"{name}.py" not in names:
                return Spec(name=name, kind="stdlib", paths=(f"{directory}/{name}",), package=True)
        return Spec(name=name, kind="stdlib")

    def find_in(self, fullname: str, paths: Iterable[str]) -> Spec | None:
        """The spec of a submodule, looked for in its package's ``__path__``."""
        tail = fullname.rpartition(".")[2]
        portions: list[str] = []
        for entry in paths:
            spec = self._in_directory(fullname, tail, entry, portions)
            if spec is not None:
                return spec
        target = self.editable.get(fullname)
        if target is not None and (spec := self._at(fullname, target)) is not None:
            return spec
        if portions:
            return Spec(name=fullname, kind="namespace", paths=tuple(portions), package=True)
        return None

    def _in_directory(self, fullname: str, tail: str, directory: str, portions: list[str]) -> Spec | None:
        names = self.listing(directory)
        if tail in names:
            base = f"{directory}/{tail}"
            inside = self.listing(base)
            for suffix, kind in self._suffixes():
                if f"__init__{suffix}" in inside and self._is_file(f"{base}/__init__{suffix}"):
                    return Spec(name=fullname, kind=kind, path=f"{base}/__init__{suffix}", paths=(base,), package=True)
        for suffix, kind in self._suffixes():
            if f"{tail}{suffix}" in names and self._is_file(f"{directory}/{tail}{suffix}"):
                return Spec(name=fullname, kind=kind, path=f"{directory}/{tail}{suffix}")
        if tail in names:
            facts = self.files.facts(f"{directory}/{tail}")
            if facts is not None and facts.kind == "dir":
                portions.append(f"{directory}/{tail}")
        return None

    def _is_file(self, path: str) -> bool:
        facts = self.files.facts(path)
        return facts is not None and facts.kind == "file"

    def _suffixes(self) -> list[tuple[str, str]]:
        return [*((s, "native") for s in self.native_suffixes), (".py", "source"), (".pyc", "bytecode")]

    def _at(self, fullname: str, target: str) -> Spec | None:
        """A module that an editable finder maps to a path: a package directory or a file."""
        facts = self.files.facts(target)
        if facts is None:
            return None
        if facts.kind == "dir":
            for suffix, kind in self._suffixes():
                if self._is_file(f"{target}/__init__{suffix}"):
                    return Spec(
                        name=fullname, kind=kind, path=f"{target}/__init__{suffix}", paths=(target,), package=True
                    )
            return Spec(name=fullname, kind="namespace", paths=(target,), package=True)
        return Spec(name=fullname, kind="source" if target.endswith(".py") else "native", path=target)


def _is_archive(files: FileView, path: str) -> bool:
    facts = files.facts(path)
    return facts is not None and facts.kind == "file"
