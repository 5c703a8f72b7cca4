"""Compiled files: damaged, for another machine or Python, without a library they need, for another NumPy.

Only headers are read (see ``doctor.imports.native``). An ``error`` is what no loader could load; a library that
is nowhere, or too old, is a ``warning``, for the program may bring it in a way that no file shows. Driver
libraries that only a machine with the accelerator has are one ``note``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from doctor.checks.examination import Examination
from doctor.checks.files import reinstall, relative
from doctor.checks.importance import Part, part_of
from doctor.checks.words import ENVIRONMENT, count, named, some
from doctor.imports.libraries import is_driver
from doctor.imports.native import NUMPY, NativeInspector, inspector_of
from doctor.model import Distribution, Evidence, Finding, Fix, Location, Severity

RULE = "native"
_NUMPY_TRIES = 6


@dataclass(slots=True)
class _Compiled:
    """The compiled files of one distribution that lie on the disk; ``modules`` of them can be imported."""

    distribution: Distribution
    files: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


def check(examination: Examination) -> Iterator[Finding]:
    """What of the compiled code cannot be loaded, one finding for each distribution and kind of trouble."""
    interpreter = examination.environment.interpreter
    if interpreter is None or interpreter.markers.get("sys_platform") != "linux":
        return
    inspector = inspector_of(examination.environment, examination.files)
    drivers: dict[str, set[str]] = {}
    old: dict[str, _Compiled] = {}
    for distribution in examination.environment.distributions:
        compiled = _compiled(distribution, examination)
        if compiled.files:
            yield from _judged(compiled, inspector, drivers)
            if trouble := _for_numpy_1(compiled.modules, inspector):
                old[trouble] = compiled
        if compiled.foreign and not compiled.modules:
            yield _foreign(compiled, examination)
    if old:
        yield _numpy_finding(old, examination)
    if drivers:
        yield _drivers(drivers)


def _compiled(distribution: Distribution, examination: Examination) -> _Compiled:
    """Sort the recorded libraries; what lies among tests and examples is never loaded."""
    compiled = _Compiled(distribution)
    interpreter = examination.environment.interpreter
    suffixes = tuple(s for s in interpreter.suffixes if s != ".so") if interpreter else ()
    for record in examination.records.get(distribution.metadata_path, ()):
        path = record.path
        if ".so" not in path:
            continue
        name = path.rpartition("/")[2]
        if not name.endswith(".so") and ".so." not in name:
            continue
        if part_of(relative(path, distribution)) in {Part.SPARE, Part.OWN} or examination.files.facts(path) is None:
            continue
        compiled.files.append(path)
        if name.endswith(suffixes) or (name.count(".") == 1 and not name.startswith("lib")):
            compiled.modules.append(path)
        elif ".cpython-" in name or ".pypy" in name:
            compiled.foreign.append(path)
    return compiled


def _judged(compiled: _Compiled, inspector: NativeInspector, drivers: dict[str, set[str]]) -> Iterator[Finding]:
    """Damage first: of a damaged file nothing else can be said."""
    distribution = compiled.distribution
    damaged = _troubles(compiled.files, inspector.damage)
    if damaged:
        yield _finding(compiled, damaged, Severity.ERROR, f"{named(distribution)} is damaged")
    whole = [path for path in compiled.files if path not in damaged]
    modules = [path for path in compiled.modules if path not in damaged]
    for judge in (inspector.wrong_machine, inspector.too_new_for_libc):
        if troubles := _troubles(modules, judge):
            yield _finding(
                compiled, troubles, Severity.ERROR, f"{named(distribution)} cannot be loaded on this machine"
            )
    if troubles := _troubles(whole, inspector.unmet_versions):
        yield _finding(compiled, troubles, Severity.WARNING, f"{named(distribution)} needs newer system libraries")
    yield from _missing_libraries(compiled, whole, inspector, drivers)


def _troubles(paths: Sequence[str], judge: Callable[[str], str | None]) -> dict[str, str]:
    """Path -> what is wrong with it, for those of which something is."""
    return {path: trouble for path in paths if (trouble := judge(path)) is not None}


def _finding(compiled: _Compiled, troubles: dict[str, str], severity: Severity, sentence: str) -> Finding:
    """One finding for files of one distribution that have the same kind of trouble."""
    distribution = compiled.distribution
    covers = tuple(relative(path, distribution) for path in troubles)
    more = f" (and {len(troubles) - 1:,} more files)" if len(troubles) > 1 else ""
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
    compiled: _Compiled, paths: Sequence[str], inspector: NativeInspector, drivers: dict[str, set[str]]
) -> Iterator[Finding]:
    """Libraries that are neither in the environment nor on the host; drivers are gathered for one note."""
    if not inspector.libraries.host_is_known:
        return
    missing: dict[str, list[str]] = {}
    modules = frozenset(compiled.modules)
    for path in paths:
        for soname, user in inspector.libraries.missing(path):
            if is_driver(soname):
                drivers.setdefault(soname, set()).add(compiled.distribution.name)
            elif user == path:
                missing.setdefault(soname, []).append(path)
    if not missing:
        return
    distribution = compiled.distribution
    users = dict.fromkeys(relative(path, distribution) for paths in missing.values() for path in paths)
    imported = any(path in modules for paths in missing.values() for path in paths)
    yield Finding(
        rule="native-library",
        severity=Severity.WARNING if imported else Severity.NOTE,
        subjects=(distribution.pin, *missing),
        message=f"{named(distribution)} needs {some(list(missing))}, which is not in the environment nor on this host",
        evidence=Evidence.FILE,
        details=(
            f"needed by {some(list(users), 4)}",
            "Not looked at: what a module system or a script puts on LD_LIBRARY_PATH only when the program starts.",
        ),
        where=Location(path=next(iter(users))),
        covers=tuple(users),
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


def _for_numpy_1(modules: Sequence[str], inspector: NativeInspector) -> str:
    """A module compiled for NumPy 1 where NumPy 2 is installed, '' for none.

    All modules of a release are compiled alike, so a few of middle size are read.
    """
    if not inspector.has_numpy_2:
        return ""
    sizes = {path: facts.size for path in modules if (facts := inspector.files.facts(path)) is not None}
    middle = sorted(sizes.values())[len(sizes) // 2] if sizes else 0
    tried = sorted(sizes, key=lambda path: (abs(sizes[path] - middle), path))[:_NUMPY_TRIES]
    return next((path for path in tried if inspector.damage(path) is None and inspector.numpy_abi(path)), "")


def _numpy_finding(old: dict[str, _Compiled], examination: Examination) -> Finding:
    """All that NumPy 2 broke is one finding; a reinstall changes nothing here."""
    distributions = [compiled.distribution for compiled in old.values()]
    numpy = examination.environment.distribution(NUMPY)
    pin = numpy.pin if numpy else NUMPY
    covers = tuple(relative(path, compiled.distribution) for path, compiled in old.items())
    many = len(distributions) > 1
    newer = tuple(f"{d.name}>{d.version}" for d in distributions)
    return Finding(
        rule="native-numpy",
        severity=Severity.ERROR,
        subjects=(distributions[0].pin, pin, *(d.pin for d in distributions[1:])),
        message=f"{some([named(d) for d in distributions])} {'were' if many else 'was'} compiled for NumPy 1 "
        f"and cannot be loaded with {pin.replace('==', ' ')}",
        evidence=Evidence.FILE,
        details=(
            f"compiled modules such as {some(covers, 2)}",
            "Importing them says: numpy.dtype size changed, or: numpy.core.multiarray failed to import.",
        ),
        where=Location(path=covers[0]),
        fixes=(
            Fix(install=("numpy<2",), because="what they were compiled for"),
            Fix(install=newer, because="newer releases are made for NumPy 2"),
        ),
        covers=covers,
    )


def _foreign(compiled: _Compiled, examination: Examination) -> Finding:
    """All compiled modules carry the mark of another Python; certain for a module that is nothing else."""
    distribution = compiled.distribution
    covers = [relative(path, distribution) for path in compiled.foreign]
    alone = [path for path in covers if "/" not in path and not _has_source(path, distribution, examination)]
    tag = covers[0].rpartition("/")[2].split(".")[1]
    return Finding(
        rule=RULE,
        severity=Severity.ERROR if alone else Severity.WARNING,
        subjects=(distribution.pin,),
        message=f"the compiled modules of {named(distribution)} are for another Python ({tag})",
        evidence=Evidence.FILE,
        details=(
            f"This is {examination.environment.python_version}; it does not even look at files such as {covers[0]}.",
        ),
        where=Location(path=(alone or covers)[0]),
        fixes=(Fix(reinstall=(distribution.pin,), because="the installer picks the build for this Python"),),
        covers=tuple(covers),
    )


def _has_source(path: str, distribution: Distribution, examination: Examination) -> bool:
    stem = f"{distribution.location}/{path.partition('.')[0]}"
    return any(examination.files.facts(f"{stem}{end}") for end in (".py", ".pyc", ".abi3.so", ".so"))
