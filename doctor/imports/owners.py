"""Which distribution a file or a module belongs to, by the lists of files that installers record."""

from __future__ import annotations

from collections.abc import Mapping

from doctor.model import Distribution, Environment, RecordedFile


class Owners:
    """File path -> distribution and module -> distribution, from RECORD and, where there is none, from names."""

    def __init__(self, environment: Environment, records: Mapping[str, tuple[RecordedFile, ...]]) -> None:
        """Only the first directory below the site is indexed at once; files are looked up when asked for."""
        self._records = records
        self._roots: dict[str, list[Distribution]] = {}
        self._files: dict[str, dict[str, Distribution]] = {}
        self._sites = tuple(dict.fromkeys(d.location for d in environment.distributions if d.location))
        self._by_name = {d.name: d for d in reversed(environment.distributions)}
        for distribution in environment.distributions:
            for root in self._roots_of(distribution):
                self._roots.setdefault(root, []).append(distribution)

    def _roots_of(self, distribution: Distribution) -> set[str]:
        if distribution.kind == "assumed":
            return {distribution.name.replace("-", "_")}
        base = distribution.location + "/"
        roots = set()
        for recorded in self._records.get(distribution.metadata_path, ()):
            if recorded.path.startswith(base):
                first = recorded.path[len(base) :].partition("/")[0]
                if not first.endswith((".dist-info", ".egg-info")) and first != "__pycache__":
                    roots.add(first.partition(".")[0])
        return roots or set(distribution.top_level)

    def of_file(self, path: str) -> Distribution | None:
        """The distribution that recorded the file; else the only one that has its first directory."""
        for site in self._sites:
            if path.startswith(site + "/"):
                first = path[len(site) + 1 :].partition("/")[0].partition(".")[0]
                return self._among(self._roots.get(first, []), path, first)
        return None

    def of_place(self, path: str) -> Distribution | None:
        """As ``of_file``; a directory without ``__init__`` is a distribution's own only if it recorded that file."""
        if path.endswith((".py", ".so", ".pyc")):
            return self.of_file(path)
        for site in self._sites:
            if path.startswith(site + "/"):
                owning = self._roots.get(path[len(site) + 1 :].partition("/")[0], [])
                return next((d for d in owning if self._recorded(d, f"{path}/__init__.py")), None)
        return None

    def _recorded(self, distribution: Distribution, path: str) -> bool:
        return any(r.path == path for r in self._records.get(distribution.metadata_path, ()))

    def _among(self, candidates: list[Distribution], path: str, first: str) -> Distribution | None:
        if len(candidates) <= 1:
            return candidates[0] if candidates else None
        known = self._files.get(first)
        if known is None:
            known = {}
            for distribution in candidates:
                for recorded in self._records.get(distribution.metadata_path, ()):
                    known.setdefault(recorded.path, distribution)
            self._files[first] = known
        directory = path
        while directory.count("/") > 1:
            if directory in known:
                return known[directory]
            directory = directory.rpartition("/")[0]
            for file in (f"{directory}/__init__.py", f"{directory}/__init__.pyi"):
                if file in known:
                    return known[file]
        return candidates[0]

    def of_module(self, module: str) -> Distribution | None:
        """The distribution that brings a top-level module (the first of several)."""
        found = self._roots.get(module.partition(".")[0])
        return found[0] if found else None

    def named(self, name: str) -> Distribution | None:
        """The installed distribution of a normalized name."""
        return self._by_name.get(name)
