"""Compiled modules made for another Python, another NumPy, or another release of a library they are linked to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from doctor.checks.compiled import Compiled, compiled_of, has_elf
from doctor.checks.examination import Examination
from doctor.checks.files import relative
from doctor.checks.words import named, some
from doctor.imports.native import NUMPY, NativeInspector, inspector_of
from doctor.model import Distribution, Evidence, Finding, Fix, Location, Safety, Severity

_NUMPY_TRIES = 6


def check(examination: Examination) -> Iterator[Finding]:
    """One finding for all that NumPy 2 broke, one for each distribution with another trouble."""
    if not has_elf(examination.environment):
        return
    inspector = inspector_of(examination.environment, examination.files)
    old: dict[str, Compiled] = {}
    for distribution in examination.environment.distributions:
        compiled = compiled_of(distribution, examination)
        if compiled.foreign and not compiled.modules:
            yield _foreign(compiled, examination)
        yield from _undefined_symbols(compiled, inspector, examination)
        if trouble := _for_numpy_1(compiled.modules, inspector):
            old[trouble] = compiled
    if old:
        yield _numpy_finding(old, examination)


def _undefined_symbols(compiled: Compiled, inspector: NativeInspector, examination: Examination) -> Iterator[Finding]:
    """Modules built against another release of a library that another distribution brings."""
    troubles = {path: found for path in compiled.modules if (found := inspector.undefined_symbol(path)) is not None}
    if not troubles:
        return
    distribution = compiled.distribution
    said, library = next(iter(troubles.values()))
    owner = _owner(library, examination)
    covers = tuple(relative(path, distribution) for path in troubles)
    yield Finding(
        rule="native-symbol",
        severity=Severity.ERROR if 2 * len(troubles) > len(compiled.modules) else Severity.WARNING,
        subjects=(distribution.pin, *((owner.pin,) if owner else ())),
        message=f"{named(distribution)} was built for another release than {named(owner) if owner else library}",
        evidence=Evidence.FILE,
        details=(f"loading it says: {said}", f"compiled modules: {some(covers, 4)}"),
        where=Location(path=covers[0]),
        fixes=(
            Fix(install=(f"{distribution.name}!={distribution.version}",), because="another release may fit"),
            Fix(
                safety=Safety.MANUAL,
                because=f"install a {distribution.name} that is built for {owner.pin if owner else library}",
            ),
        ),
        covers=covers,
    )


def _owner(path: str, examination: Examination) -> Distribution | None:
    """Which distribution recorded a file."""
    for distribution in examination.environment.distributions:
        if any(record.path == path for record in examination.records.get(distribution.metadata_path, ())):
            return distribution
    return None


def _for_numpy_1(modules: Sequence[str], inspector: NativeInspector) -> str:
    """A module compiled for NumPy 1 where NumPy 2 is installed, '' for none.

    All modules of a release are compiled alike, so a few of middle size are read.
    """
    if not inspector.has_numpy_2:
        return ""
    sizes = {path: facts.size for path in modules if (facts := inspector.files.facts(path)) is not None}
    middle = sorted(sizes.values())[len(sizes) // 2] if sizes else 0
    tried = sorted(sizes, key=lambda path: (abs(sizes[path] - middle), path))[:_NUMPY_TRIES]
    whole = (path for path in tried if inspector.damage(path) is None)
    return next((path for path in whole if "for NumPy 1 " in (inspector.numpy_abi(path) or "")), "")


def _numpy_finding(old: dict[str, Compiled], examination: Examination) -> Finding:
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


def _foreign(compiled: Compiled, examination: Examination) -> Finding:
    """All compiled modules carry the mark of another Python; certain for a module that is nothing else."""
    distribution = compiled.distribution
    covers = [relative(path, distribution) for path in compiled.foreign]
    alone = [path for path in covers if "/" not in path and not _has_source(path, distribution, examination)]
    tag = covers[0].rpartition("/")[2].split(".")[1]
    return Finding(
        rule="native-python",
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
