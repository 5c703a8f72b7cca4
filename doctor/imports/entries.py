"""Where following starts when nobody says it: what the installed distributions offer to be imported."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from doctor.imports.starts import started_modules
from doctor.model import Distribution, Environment, FileView, RecordedFile
from doctor.rulebook.names import plugin_host, usual_distribution

_SKIPPED = frozenset(
    [
        "test",
        "tests",
        "testing",
        "doc",
        "docs",
        "example",
        "examples",
        "sample",
        "samples",
        "benchmark",
        "benchmarks",
        "conftest",
        "setup",
        "noxfile",
        "tasks",
        "scripts",
        "script",
        "tools",
        "bin",
        "src",
        "build",
        "dist",
        "demo",
        "demos",
        "contrib",
        "experimental",
    ]
)
_LATENT_SKIPPED = (_SKIPPED - {"bin", "tools", "tasks"}) | frozenset(
    [
        "_vendor",
        "vendor",
        "vendored",
        "_vendored",
        "extern",
        "externals",
        "third_party",
        "_internal",
        "migrations",
        "plugins",
        "integrations",
        "integration",
        "compat",
        "templates",
        "fixtures",
        "notebooks",
        "gallery",
        "legacy",
        "deprecated",
        "cli",
        "main",
    ]
)
_MOST_LATENT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A module that a user may import.

    ``primary``: what the distribution exists for; else a deeper one (``latent``). ``wanted``: somebody asked for the
    distribution itself, for no other requires it.
    """

    module: str
    distribution: str
    primary: bool
    kind: str = "module"
    script: str = ""
    wanted: bool = True


def offers(
    environment: Environment, records: Mapping[str, tuple[RecordedFile, ...]], files: FileView
) -> tuple[Offer, ...]:
    """Top-level modules of all distributions, the modules that their console scripts start with, and what programs load.

    Distributions that nobody requires come first, so that chains start at what the user asked for.
    """
    required = _required(environment.distributions)
    installed = {d.name for d in environment.distributions}
    ordered = sorted(
        (d for d in environment.distributions if d.kind != "assumed"), key=lambda d: (d.name in required, d.name)
    )
    found: dict[str, Offer] = {}
    for distribution in ordered:
        names = top_level_modules(distribution, records.get(distribution.metadata_path, ()), files)
        for name in names:
            primary = len(names) == 1 or _is_main(name, distribution)
            wanted = distribution.name not in required
            found.setdefault(name, Offer(module=name, distribution=distribution.name, primary=primary, wanted=wanted))
        for point in distribution.entry_points:
            host = plugin_host(point.group)
            if host in installed and host != distribution.name and point.module:
                found[point.module] = Offer(module=point.module, distribution=distribution.name, primary=True)
            if point.group in {"console_scripts", "gui_scripts"} and point.module:
                started = started_modules(point, distribution, files)
                for module in (point.module, *(m for m in started if m not in found)):
                    offer = Offer(
                        module=module, distribution=distribution.name, primary=True, kind="script", script=point.name,
                        wanted=distribution.name not in required,
                    )  # fmt: skip
                    found.setdefault(module, offer)
    return tuple(found.values())


def latent_offers(
    environment: Environment, records: Mapping[str, tuple[RecordedFile, ...]], taken: Iterable[str]
) -> tuple[Offer, ...]:
    """Public submodules of the distributions that nobody requires: what their users may import next."""
    required = _required(environment.distributions)
    known = set(taken)
    out = []
    for distribution in environment.distributions:
        if distribution.name in required or distribution.kind == "assumed":
            continue
        names = _submodules(distribution, records.get(distribution.metadata_path, ()))
        names.sort(key=lambda n: (n.count("."), n))
        out += [
            Offer(module=n, distribution=distribution.name, primary=False, kind="latent")
            for n in names[:_MOST_LATENT]
            if n not in known
        ]
    return tuple(out)


def top_level_modules(distribution: Distribution, recorded: Iterable[RecordedFile], files: FileView) -> list[str]:
    """Modules that the distribution puts on the path: packages, modules, and packages inside namespaces."""
    base = distribution.location + "/"
    packages: set[tuple[str, ...]] = set()
    modules: set[tuple[str, ...]] = set()
    for file in recorded:
        if not file.path.startswith(base):
            continue
        parts = tuple(file.path[len(base) :].split("/"))
        name = _module_name(parts[-1])
        if name is None or not all(p.isidentifier() for p in parts[:-1]):
            continue
        if name == "__init__":
            packages.add(parts[:-1])
        else:
            modules.add((*parts[:-1], name))
    tops: set[tuple[str, ...]] = set()
    for parts in packages | modules:
        first = next((parts[:n] for n in range(1, len(parts) + 1) if parts[:n] in packages), parts)
        if len(first) <= 4:
            tops.add(first)
    names = [".".join(t) for t in sorted(tops) if t and not _private(t)]
    return names or [
        n for n in distribution.top_level if n.isidentifier() and not n.startswith("_") and _exists(n, base, files)
    ]


def _exists(name: str, base: str, files: FileView) -> bool:
    return files.facts(f"{base}{name}") is not None or files.facts(f"{base}{name}.py") is not None


def _private(parts: tuple[str, ...]) -> bool:
    return any(p in _SKIPPED or p.startswith("_") for p in parts)


def _module_name(file: str) -> str | None:
    stem, dot, suffix = file.partition(".")
    if not dot or not stem.isidentifier():
        return None
    return stem if suffix == "py" or re.fullmatch(r"(abi3\.|cpython-[\w-]+\.|cp\d+[\w-]*\.)?so", suffix) else None


def _submodules(distribution: Distribution, recorded: Iterable[RecordedFile]) -> list[str]:
    base = distribution.location + "/"
    out = []
    for file in recorded:
        if not file.path.startswith(base) or not file.path.endswith(".py"):
            continue
        parts = file.path[len(base) : -3].split("/")
        if parts[-1] == "__init__":
            parts = parts[:-1]
        if not 2 <= len(parts) <= 6 or not all(p.isidentifier() for p in parts):
            continue
        if any(p in _LATENT_SKIPPED or p.startswith(("_", "test_")) or p.endswith("_test") for p in parts):
            continue
        out.append(".".join(parts))
    return out


def _is_main(module: str, distribution: Distribution) -> bool:
    name = str(canonicalize_name(module.replace(".", "-")))
    return (
        name == distribution.name
        or usual_distribution(module) == distribution.name
        or name.replace("-", "") == (distribution.name.replace("-", "").removeprefix("python").removeprefix("py"))
    )


def _required(distributions: Iterable[Distribution]) -> set[str]:
    out = set()
    for d in distributions:
        for text in d.requires:
            name = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", text)
            if name and "extra ==" not in text:
                out.add(str(canonicalize_name(name[1])))
    return out
