"""A healthy environment as a stack of the user's own: a rule file and a known-good set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from doctor.checks.needs import find_needs
from doctor.errors import DoctorError, IndexUnavailableError
from doctor.index.index import Index
from doctor.index.releases import ReleaseFile
from doctor.model import Distribution, Environment, Report, Severity
from doctor.rulebook.requirements import version
from doctor.stacks.lockfile import Lock, Locked, LockedFile, render_requirements, validate

_SEEDS = ("pip", "setuptools", "wheel")
_MOST_DETECTED = 4


class UnhealthyError(DoctorError):
    """The environment has errors: pinning it would preserve them."""

    exit_code = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """The rule's text, the set, its requirements file, and what the set cannot hold, each with the reason."""

    rule: str
    lock: Lock
    requirements: str
    outside: tuple[tuple[str, str], ...]


def adopt(report: Report, stack_id: str, index: Index, today: str) -> Adopted:
    """Pin what is installed.

    Raises:
        UnhealthyError: the examination found errors, or a check crashed.
        IndexUnavailableError: the index, which knows the hashes, cannot be asked.
    """
    environment = report.environment
    errors = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    if environment is None or environment.interpreter is None:
        raise UnhealthyError("The environment's interpreter does not start, so it cannot be adopted.")
    if errors or report.crashed:
        what = f"has {len(errors)} error(s)" if errors else "could not be examined completely"
        raise UnhealthyError(f"{environment.path} {what}, and a stack is a set that works: acdoctor fix, then adopt.")
    packages, outside = _sorted_out(environment, index)
    missing = [{"name": pin, "why": why} for pin, why in outside]
    lock = Lock(
        packages=tuple(sorted(packages, key=lambda package: package.name)),
        requires_python=_python(environment),
        marker=_marker(environment),
        facts={"stack": stack_id, "adopted": today, "not-hashed": missing},
    )
    validate(lock)
    heading = [f"The set of {stack_id}, adopted on {today} from an environment that acdoctor found healthy."]
    heading += [f"NOT in this file: {pin} ({why})" for pin, why in outside]
    return Adopted(
        rule=_rule(report, environment, stack_id, today, packages),
        lock=lock,
        requirements=render_requirements(lock.packages, heading=heading),
        outside=outside,
    )


def _sorted_out(environment: Environment, index: Index) -> tuple[list[Locked], tuple[tuple[str, str], ...]]:
    """What can be had again from the index, and what cannot, with the reason."""
    packages, outside = [], []
    for each in environment.distributions:
        if each.kind == "assumed":
            continue
        reason = _not_of_an_index(each)
        files = () if reason else _files(each, environment, index)
        if not files and not reason and index.settings.offline:
            raise IndexUnavailableError(
                f"The hash of {each.pin} only the package index knows, and with --offline it is not asked."
            )
        if files:
            packages.append(Locked(name=each.name, version=each.version, files=files))
        else:
            outside.append((each.pin, reason or "the package index has no file of that version for this interpreter"))
    if not packages:
        raise IndexUnavailableError("Nothing that is installed is on the package index, so nothing can be pinned.")
    return packages, tuple(outside)


def _not_of_an_index(distribution: Distribution) -> str:
    """Why a distribution cannot be had from an index again; '' when it can."""
    origin = distribution.direct_url
    if origin is not None and origin.editable:
        return f"an editable install of {origin.url}"
    if origin is not None:
        return f"installed from {origin.url}"
    return "" if distribution.kind == "dist-info" else f"installed as {distribution.kind}, without standard metadata"


def _files(distribution: Distribution, environment: Environment, index: Index) -> tuple[LockedFile, ...]:
    """The wheel that is installed, by its tags; else all that the interpreter could take; else the source."""
    release = next((r for r in index.versions(distribution.name) if _same(r.version, distribution.version)), None)
    if release is None or environment.interpreter is None:
        return ()
    tags = set(environment.interpreter.tags)
    wheels = [file for file in release.files if file.is_wheel and file.tags & tags and file.sha256]
    exact = [file for file in wheels if set(distribution.wheel_tags) & file.tags]
    sources = [file for file in release.files if not file.is_wheel and file.sha256]
    return tuple(_locked(file) for file in exact or wheels or sources[:1])


def _same(left: str, right: str) -> bool:
    return left == right or (version(left) is not None and version(left) == version(right))


def _locked(file: ReleaseFile) -> LockedFile:
    return LockedFile(filename=file.filename, sha256=file.sha256, size=file.size, uploaded=file.upload_time)


def _python(environment: Environment) -> str:
    major, minor = environment.python_version.split(".")[:2]
    return f"=={major}.{minor}.*"


def _marker(environment: Environment) -> str:
    markers = environment.interpreter.markers if environment.interpreter else {}
    return (
        f"sys_platform == '{markers.get('sys_platform', 'linux')}' and "
        f"platform_machine == '{markers.get('platform_machine', 'x86_64')}'"
    )


def _rule(report: Report, environment: Environment, stack_id: str, today: str, packages: Sequence[Locked]) -> str:
    """The rule's file. Recognised by what was installed by name, which nothing else needs."""
    detected = list(_detected(environment, packages))
    pins = [package.pin for package in packages if package.name not in _SEEDS]
    other = f"{detected[0].partition('==')[0]}==0.0.0.dev0"
    tally = report.tally
    lines = [
        "schema = 1",
        f"id = '{stack_id}'",
        "kind = 'stack'",
        f"title = 'Environment of our own: {stack_id}'",
        f"explain = 'Adopted on {today} by acdoctor adopt from an environment in which it found no error.'",
        _list("detect", detected),
        f"python = '{_python(environment)}'",
        f'marker = "{_marker(environment)}"',
        _list("pins", pins),
        f"lockfile = '{stack_id}'",
        "",
        "[[evidence]]",
        f"on = {today}",
        "how = 'read'",
        (
            f"claim = 'acdoctor check: no error in {tally.distributions} distributions, {tally.entries} entries, "
            f"{tally.modules} modules followed'"
        ),
        "",
        "[[example]]",
        "found = true",
        _list("installed", pins),
        f"python = '{'.'.join(environment.python_version.split('.')[:2])}'",
        "",
        "[[example]]",
        "found = false",
        _list("installed", [other]),
        "says = 'another version of what it is recognised by'",
    ]
    return "\n".join(lines) + "\n"


def _detected(environment: Environment, packages: Sequence[Locked]) -> Iterator[str]:
    """Pins of a few distributions that were installed by name and that nothing else needs; some, in any case."""
    needs = find_needs(environment)
    top = [
        package.pin
        for package in packages
        if package.name not in _SEEDS and (found := environment.distribution(package.name)) and not needs.on(found.name)
    ]
    asked = [
        package.pin
        for package in packages
        if (found := environment.distribution(package.name)) and found.requested and package.pin in top
    ]
    yield from (asked or top or [package.pin for package in packages])[:_MOST_DETECTED]


def _list(key: str, values: Sequence[str]) -> str:
    """A TOML array of literal strings."""
    clean = [re.sub(r"[^\x20-\x7e]|'", "", value) for value in values]
    if len(clean) == 1:
        return f"{key} = ['{clean[0]}']"
    return "\n".join([f"{key} = [", *(f"    '{value}'," for value in clean), "]"])
