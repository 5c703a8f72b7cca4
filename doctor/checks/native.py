"""Compiled files: damaged, for another machine, or without a library that they need.

Only headers are read (see ``doctor.imports.native``). An ``error`` is what no loader could load; a library that
is nowhere, or too old, is a ``warning``, for the program may bring it in a way that no file shows. Driver
libraries that only a machine with the accelerator has are one ``note``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from packaging.utils import canonicalize_name

from doctor.checks.compiled import Compiled, compiled_of, has_elf
from doctor.checks.examination import Examination
from doctor.checks.files import reinstall, relative
from doctor.checks.words import ENVIRONMENT, count, named, some
from doctor.imports.libraries import is_driver
from doctor.imports.native import NativeInspector, inspector_of
from doctor.model import Distribution, Environment, Evidence, Finding, Fix, Location, Safety, Severity

RULE = "native"


def check(examination: Examination) -> Iterator[Finding]:
    """What of the compiled code cannot be loaded, one finding for each distribution and kind of trouble."""
    if not has_elf(examination.environment):
        return
    inspector = inspector_of(examination.environment, examination.files)
    inspector.libraries.learn(record.path for records in examination.records.values() for record in records)
    drivers: dict[str, set[str]] = {}
    for distribution in examination.environment.distributions:
        compiled = compiled_of(distribution, examination)
        if compiled.files:
            for finding in _judged(compiled, inspector, drivers):
                yield if_brought(finding, examination.environment, examination.assumed)
    if drivers:
        yield _drivers(drivers)


def if_brought(finding: Finding, environment: Environment, assumed: Mapping[str, str]) -> Finding:
    """A library may well come with a requirement that the host will bring (``--assume``): then it is no warning.

    Also with a requirement of a requirement: what is built against torch finds torch's libraries loaded.
    """
    distribution = environment.distribution(finding.subjects[0].partition("==")[0])
    if finding.rule != "native-library" or not assumed or distribution is None:
        return finding
    brought = sorted(_needed_below(distribution, environment).intersection(assumed))
    if not brought:
        return finding
    why = f"{' and '.join(brought)} is assumed and may bring them."
    return replace(finding, severity=Severity.NOTE, details=(*finding.details, why))


def _needed_below(distribution: Distribution, environment: Environment) -> set[str]:
    """Names of all that the distribution requires, and of what these require, whatever the markers say."""
    found: set[str] = set()
    waiting = [distribution]
    while waiting:
        names = (re.split(r"[^A-Za-z0-9._-]", text.strip(), maxsplit=1)[0] for text in waiting.pop().requires)
        fresh = {str(canonicalize_name(name)) for name in names} - found
        found |= fresh
        known = (environment.distribution(name) for name in sorted(fresh))
        waiting += [each for each in known if each is not None]
    return found


def _judged(compiled: Compiled, inspector: NativeInspector, drivers: dict[str, set[str]]) -> Iterator[Finding]:
    """Damage first: of a damaged file nothing else can be said."""
    distribution = compiled.distribution
    damaged = _troubles(compiled.files, inspector.damage)
    if damaged:
        yield _finding(compiled, damaged, Severity.ERROR, f"{named(distribution)} is damaged")
    modules = [path for path in compiled.modules if path not in damaged]
    strange = f"{named(distribution)} cannot be loaded on this machine"
    foreign = _troubles(modules, inspector.wrong_machine)
    # built for several machines, and for this one too: which of them is imported the contracts tell
    if foreign and len(foreign) == len(modules):
        yield _finding(compiled, foreign, Severity.ERROR, strange)
    older = Fix(
        install=(f"{distribution.name}<{distribution.version}",), because="older builds ask for older libraries"
    )
    if too_new := _troubles([p for p in modules if p not in foreign], inspector.too_new_for_libc):
        yield replace(_finding(compiled, too_new, Severity.ERROR, strange), fixes=(older,))
    judged = damaged.keys() | foreign.keys() | too_new.keys()
    whole = [path for path in compiled.files if path not in judged]
    if unmet := _troubles(whole, inspector.unmet_versions):
        sentence = f"{named(distribution)} needs newer system libraries"
        yield replace(_finding(compiled, unmet, Severity.WARNING, sentence), fixes=(older,))
    yield from _missing_libraries(compiled, whole, inspector, drivers)


def _troubles(paths: Sequence[str], judge: Callable[[str], str | None]) -> dict[str, str]:
    """Path -> what is wrong with it, for those of which something is."""
    return {path: trouble for path in paths if (trouble := judge(path)) is not None}


def _finding(compiled: Compiled, troubles: dict[str, str], severity: Severity, sentence: str) -> Finding:
    """One finding for files of one distribution that have the same kind of trouble."""
    distribution = compiled.distribution
    covers = tuple(relative(path, distribution) for path in troubles)
    more = f" (and {count(len(troubles) - 1, 'more file')})" if len(troubles) > 1 else ""
    return Finding(
        rule=RULE,
        severity=severity,
        subjects=(distribution.pin,),
        message=f"{sentence}: {next(iter(troubles.values()))}{more}",
        evidence=Evidence.FILE,
        details=(f"files: {some(covers, 5)}",),
        where=Location(path=covers[0]),
        fixes=(reinstall(distribution, count(len(covers), "file")),),
        covers=covers,
    )


def _missing_libraries(
    compiled: Compiled, paths: Sequence[str], inspector: NativeInspector, drivers: dict[str, set[str]]
) -> Iterator[Finding]:
    """Libraries that are neither in the environment nor on the host; drivers are gathered for one note."""
    if not inspector.libraries.host_is_known:
        return
    missing: dict[str, list[str]] = {}
    modules, hit = frozenset(compiled.modules), set[str]()
    for path in paths:
        for soname, user in inspector.libraries.missing(path):
            if is_driver(soname):
                drivers.setdefault(soname, set()).add(compiled.distribution.name)
            else:
                missing.setdefault(soname, []).append(user)
                hit.update({path} & modules)
    if not missing:
        return
    distribution = compiled.distribution
    users = dict.fromkeys(path for paths in missing.values() for path in paths)
    covers = tuple(relative(path, distribution) for path in users)
    verb = "is" if len(missing) == 1 else "are"
    yield Finding(
        rule="native-library",
        # where most modules can be loaded, the others are plug-ins for what not everybody has
        severity=Severity.WARNING if 2 * len(hit) > len(modules) else Severity.NOTE,
        subjects=(distribution.pin, *missing),
        message=f"{named(distribution)} needs {some(list(missing))}, which {verb} nowhere to be found",
        evidence=Evidence.FILE,
        details=(
            f"needed by {some(covers, 4)}",
            "Not looked at: what a module system or a script puts on LD_LIBRARY_PATH only when the program starts.",
        ),
        where=Location(path=covers[0]),
        fixes=(
            Fix(safety=Safety.MANUAL, because="install the host's package with that library, or a build without it"),
        ),
        covers=covers,
    )


def _drivers(drivers: dict[str, set[str]]) -> Finding:
    """What is there as soon as the program runs on a machine that has the device."""
    users = sorted({name for names in drivers.values() for name in names})
    return Finding(
        rule="native-driver",
        severity=Severity.NOTE,
        subjects=(ENVIRONMENT,),
        message=f"this host has no {some(sorted(drivers))}; only a machine with that device or network has it",
        evidence=Evidence.FILE,
        details=(f"used by {some(users, 5)}",),
    )
