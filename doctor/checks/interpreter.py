"""The interpreter: whether it starts, and whether the distributions are for it (PEP 425 tags, Requires-Python)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from packaging.tags import parse_tag

from doctor.checks.examination import Examination
from doctor.checks.words import ENVIRONMENT, named, python_name
from doctor.model import Distribution, Environment, Evidence, Finding, Fix, Interpreter, Safety, Severity
from doctor.rulebook.requirements import UNREADABLE, specifier

RULE = "interpreter"


def check(examination: Examination) -> Iterator[Finding]:
    """What keeps the interpreter from starting, or distributions from working with it."""
    environment = examination.environment
    if environment.start_failure:
        yield _does_not_start(environment)
    for distribution in environment.distributions:
        yield from _other_python(distribution, environment, examination)
        if environment.interpreter is not None:
            yield from _other_tags(distribution, environment.interpreter)


def _does_not_start(environment: Environment) -> Finding:
    return Finding(
        rule=RULE,
        severity=Severity.ERROR,
        subjects=(ENVIRONMENT,),
        message=f"the interpreter of this environment does not start: {environment.start_failure}",
        evidence=Evidence.FILE,
        details=(
            "No program of the environment can run.",
            "Its files were checked all the same; what depends on facts that only the interpreter tells was not.",
        ),
        fixes=(recreate(environment, "the Python that it was made from is gone or broken"),),
    )


def recreate(environment: Environment, why: str) -> Fix:
    """Make the environment anew in its place; packages stay where they are, scripts of packages are not rewritten."""
    python = python_name(environment)
    return Fix(
        safety=Safety.MANUAL,
        because=f"{why}; a new interpreter link and pyvenv.cfg are made, installed packages stay",
        command=f"rm -f {environment.path}/bin/python* && {python} -m venv --without-pip {environment.path}",
    )


def _other_python(distribution: Distribution, environment: Environment, examination: Examination) -> Iterator[Finding]:
    """Requires-Python (PEP 345) excludes the interpreter: installers would have refused it."""
    wanted, version = distribution.requires_python, environment.python_version
    try:
        if not wanted or not version or specifier(wanted).contains(version, prereleases=True):
            return
    except UNREADABLE:
        yield Finding(
            rule="requires-python",
            severity=Severity.NOTE,
            subjects=(distribution.pin,),
            message=f"{named(distribution)} says for which Python it is in a form that is none: {wanted}",
            evidence=Evidence.METADATA,
        )
        return
    other = Fix(
        install=(f"{distribution.name}!={distribution.version}",), because=f"another release may be for {version}"
    )
    edited = _metadata_edited(distribution, examination)
    same = Fix(reinstall=(distribution.pin,), safety=Safety.SAFE, because="its METADATA was changed after installation")
    yield Finding(
        rule="requires-python",
        severity=Severity.ERROR,
        subjects=(distribution.pin,),
        message=f"{named(distribution)} is for Python {wanted}, and this is Python {version}",
        evidence=Evidence.METADATA,
        details=(
            "Installers refuse it for this interpreter: it came by force, or the interpreter was exchanged since.",
            *(("Its METADATA is not as it was installed.",) if edited else ()),
        ),
        fixes=(same, other) if edited else (other,),
    )


def _metadata_edited(distribution: Distribution, examination: Examination) -> bool:
    path = f"{distribution.metadata_path}/METADATA"
    facts = examination.files.facts(path)
    recorded = (r.size for r in examination.records.get(distribution.metadata_path, ()) if r.path == path)
    size = next(recorded, None)
    return facts is not None and size is not None and facts.size != size


def _other_tags(distribution: Distribution, interpreter: Interpreter) -> Iterator[Finding]:
    """The wheel was built for other interpreters or machines; tags of a wrong form alarm nobody (pypa/pip#12884)."""
    supported = frozenset(interpreter.tags)
    good, odd = _read_tags(distribution.wheel_tags)
    if odd and not good:
        yield Finding(
            rule="wheel-tags",
            severity=Severity.NOTE,
            subjects=(distribution.pin,),
            message=f"{named(distribution)} names the platforms it is for in a form that is none: {odd[0]}",
            evidence=Evidence.METADATA,
            details=("This alone breaks nothing; it comes from the tool that built the wheel.",),
        )
    if not good or odd or not supported or not supported.isdisjoint(good):
        return
    yield Finding(
        rule="wheel-tags",
        severity=Severity.WARNING,
        subjects=(distribution.pin,),
        message=f"{named(distribution)} was built for another interpreter or machine ({good[0]})",
        evidence=Evidence.METADATA,
        details=(
            f"This is {interpreter.tags[0]}. Compiled modules in it cannot be loaded here; pure Python ones may work.",
        ),
        fixes=(
            Fix(
                reinstall=(distribution.pin,),
                because="the installer picks the build for this interpreter, if there is one",
            ),
        ),
    )


def _read_tags(tags: Sequence[str]) -> tuple[list[str], list[str]]:
    """(single tags, what is none); several in one line (``py2.py3-none-any``) count as each of them."""
    good: list[str] = []
    odd: list[str] = []
    for text in tags:
        try:
            good.extend(sorted(str(tag) for tag in parse_tag(text)))
        except ValueError:
            odd.append(text)
    return good, odd
