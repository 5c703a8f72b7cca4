"""From "this was not there" to a conclusion: which distribution, which direction, which cure, or what to ask."""

from __future__ import annotations

from dataclasses import replace

from packaging.requirements import InvalidRequirement, Requirement

from doctor.model import Fix, Severity
from doctor.triage.api import by_name, subjects_of, who
from doctor.triage.diagnosis import (
    CERTAIN,
    FREEZE,
    LIKELY,
    POSSIBLE,
    Diagnosis,
    Knowledge,
    Verdict,
    diagnosed,
    finding,
    install,
    is_distribution,
    pinned,
)
from doctor.triage.missing import Missing
from doctor.triage.owners import is_standard
from doctor.triage.reading import Reading
from doctor.triage.versions import Versions, normal


def by_lookup(reading: Reading, knowledge: Knowledge, versions: Versions) -> Diagnosis | None:
    """A missing module, name, attribute, distribution or version: general, with the index where it may be asked."""
    missing = reading.missing
    if missing is None:
        return None
    if missing.kind in ("module", "distribution"):
        return _module(reading, missing, knowledge, versions)
    if missing.kind in ("version", "removed"):
        return (_version if missing.kind == "version" else _removed)(reading, missing, versions)
    if missing.kind == "undefined_symbol":
        return _symbol(reading, missing, versions)
    if missing.kind == "library":
        return _library(reading, missing)
    return by_name(reading, missing, knowledge, versions)


def _module(reading: Reading, missing: Missing, knowledge: Knowledge, versions: Versions) -> Diagnosis:
    """A module whose package is there (then its name is looked up), or a distribution that is not there at all."""
    module = missing.module or ""
    provider = reading.provider
    if missing.kind == "module" and _is_local(module, reading) and not versions.of(provider):
        return _own_module(reading, module)
    standard = is_standard(module) and not is_distribution(provider)
    inside = "." in module and module not in knowledge.names.modules  # google.protobuf is a distribution's root
    if missing.kind == "module" and (inside or versions.of(provider) or standard):
        return by_name(reading, missing, knowledge, versions)
    subjects = (pinned(provider, versions),) if is_distribution(provider) else ()
    found = finding(
        "missing-distribution", Severity.ERROR, subjects, f"{module} is not installed in the Python that ran", reading
    )
    if missing.kind == "distribution":
        fixes, sure = _asked_for(missing, provider, knowledge)
    else:
        fixes, sure = _brings(module, provider, reading, knowledge, versions)
    local = not fixes or (sure == POSSIBLE)
    return diagnosed(
        reading,
        replace(found, fixes=fixes),
        Verdict("missing_distribution", sure, "Python found no module of that name on its path"),
        ask=f"which python; python -m pip show {provider}" if is_distribution(provider) else FREEZE,
        advice=(f"if {module} is a part of your own project: start from its top directory, or install the project",)
        if local
        else ("is it the right Python? an environment that is not activated lacks everything",),
    )


def _asked_for(missing: Missing, provider: str, knowledge: Knowledge) -> tuple[tuple[Fix, ...], str]:
    """What the message itself asks for, when there is such a project."""
    if knowledge.lookup and knowledge.lookup.known(provider) is False:
        return (), POSSIBLE
    wanted = missing.need or provider
    return (install(wanted, because="the program itself asks for it"),), CERTAIN if missing.need else LIKELY


def _brings(
    module: str, provider: str, reading: Reading, knowledge: Knowledge, versions: Versions
) -> tuple[tuple[Fix, ...], str]:
    """What to install for a module, and how sure that is the right distribution."""
    top = module.split(".", maxsplit=1)[0]
    if not is_distribution(provider):
        return (), POSSIBLE
    mapped = top in knowledge.names.modules or is_distribution(reading.importer)
    there = knowledge.lookup.exists(provider, module) if knowledge.lookup else None
    if there is False and knowledge.lookup:
        offer = knowledge.lookup.offer(provider, Missing(kind="module", module=top), "", versions.python)
        if offer is None or not offer.below:
            return (), POSSIBLE
        because = f"the last version of {provider} that brings {top}; newer ones do not"
        return (install(f"{provider}=={offer.below}", because=because),), LIKELY
    first = _first_with(provider, top, knowledge, versions) if there else ""
    wanted = f"{provider}>={first}" if first else provider
    fix = install(wanted, because=f"{provider} brings the module {module}{' since ' + first if first else ''}")
    if there:
        return (fix,), CERTAIN if mapped else LIKELY
    return ((fix,), LIKELY) if mapped else ((), POSSIBLE)


def _first_with(provider: str, top: str, knowledge: Knowledge, versions: Versions) -> str:
    """The first version that brings the module, when older ones of the same distribution do not ('' otherwise)."""
    if knowledge.lookup is None or normal(top) != provider:
        return ""
    offer = knowledge.lookup.offer(provider, Missing(kind="module", module=top), "", versions.python)
    return offer.above if offer and not offer.below and not offer.aged else ""


def _is_local(module: str, reading: Reading) -> bool:
    """A name that projects give their own modules, missed by the user's own code."""
    return module.split(".", maxsplit=1)[0].lower() in _LOCAL_NAMES and not is_distribution(reading.importer)


def _own_module(reading: Reading, module: str) -> Diagnosis:
    """A part of the user's own project that is not on the path."""
    found = finding(
        "own-module", Severity.ERROR, (), f"your own code imports {module}, which is not on Python's path", reading
    )
    return diagnosed(
        reading,
        found,
        Verdict("user_code", LIKELY, "projects call their own modules so; packages of that name are others"),
        ask='pwd; python -c "import sys; print(sys.path)"',
        advice=("start from the project's top directory, or install the project:  python -m pip install -e .",),
    )


# Names that projects give their own modules: a distribution of that name is hardly ever what was meant.
_LOCAL_NAMES = frozenset(
    [
        "utils",
        "util",
        "config",
        "configs",
        "settings",
        "models",
        "model",
        "data",
        "dataset",
        "datasets",
        "common",
        "helpers",
        "helper",
        "src",
        "lib",
        "libs",
        "core",
        "main",
        "app",
        "train",
        "trainer",
        "training",
        "test",
        "tests",
        "tools",
        "scripts",
        "modules",
        "network",
        "networks",
        "layers",
        "loss",
        "losses",
        "metrics",
        "eval",
        "evaluate",
        "args",
        "options",
    ]
)


def _version(reading: Reading, missing: Missing, versions: Versions) -> Diagnosis:
    try:
        requirement = Requirement(missing.need)
    except InvalidRequirement:
        requirement = None
    have = missing.have or pinned(reading.provider, versions)
    who = f"{reading.importer} " if is_distribution(reading.importer) else ""
    names = (pinned(reading.importer, versions),) if who and reading.importer != reading.provider else ()
    found = finding(
        "version-conflict",
        Severity.ERROR,
        (have, *names),
        f"{who or 'the program '}needs {missing.need}, but {have} is installed",
        reading,
    )
    fixes = (
        (install(missing.need.replace(" ", ""), because="the requirement that the program itself names"),)
        if requirement
        else ()
    )
    return diagnosed(
        reading,
        replace(found, fixes=fixes),
        Verdict("version_conflict", CERTAIN, "the message names requirement and installed version"),
        ask=FREEZE,
    )


def _removed(reading: Reading, missing: Missing, versions: Versions) -> Diagnosis:
    """What a package says it gave up, and since when."""
    text = reading.raised.text.strip()
    found = finding(
        "removed-in-version",
        Severity.ERROR,
        subjects_of(reading, versions),
        f"{missing.symbol} is gone from {missing.module}: it says so itself",
        reading,
    )
    fix = install(missing.need, because="the last release line that has it, by the message")
    return diagnosed(
        reading,
        replace(found, fixes=(fix,)),
        Verdict("api_removed", LIKELY, "the message names the version in which it was removed"),
        advice=(f"or change what uses it; the message: {' '.join(text.split())[:300]}",),
    )


def _symbol(reading: Reading, missing: Missing, versions: Versions) -> Diagnosis:
    said = (
        who(reading, versions)
        if is_distribution(reading.importer)
        else missing.file.rpartition("/")[2] or "a compiled module"
    )
    found = finding(
        "undefined-symbol",
        Severity.ERROR,
        subjects_of(reading, versions),
        f"{said} was compiled against another version of a library: its symbol {missing.symbol} is not there",
        reading,
    )
    return diagnosed(
        reading,
        found,
        Verdict("binary_abi", LIKELY, "an undefined symbol means that two binaries are not of one build"),
        ask=FREEZE,
        advice=("install the packages of that family again together, from one source",),
    )


def _library(reading: Reading, missing: Missing) -> Diagnosis:
    found = finding(
        "missing-library",
        Severity.ERROR,
        subjects_of(reading, Versions()),
        f"the shared library {missing.symbol} cannot be found",
        reading,
    )
    return diagnosed(
        reading,
        found,
        Verdict("missing_library", CERTAIN, "the loader names it"),
        ask=f"ldconfig -p | grep -i {(missing.symbol or '').lower()}; echo $LD_LIBRARY_PATH",
        advice=(
            f"module load ..., or the system's package that brings it (apt search {_base(missing.symbol or '')})",
            "on a login node the libraries of GPUs are missing",
        ),
    )


def _base(symbol: str) -> str:
    """The name of a library as packages are called by it: ``libcudart.so.11.0`` -> ``cudart``."""
    return symbol.removeprefix("lib").partition(".so")[0].lower()
