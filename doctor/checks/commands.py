"""Commands that distributions installed and that are gone."""

from __future__ import annotations

from collections.abc import Iterator

from doctor.checks.examination import Examination
from doctor.checks.files import reinstall
from doctor.checks.words import count, named, some, title
from doctor.model import Distribution, Environment, Evidence, Finding, Severity

RULE = "scripts"


def check(examination: Examination) -> Iterator[Finding]:
    """One finding for each distribution whose commands are not in the environment any more."""
    if has_scripts(examination.environment):
        present = examination.files.listing(examination.environment.scripts_dir) or ()
        yield from _missing(owners(examination), frozenset(present), examination.environment)


def has_scripts(environment: Environment) -> bool:
    """Whether its scripts are its own: without pyvenv.cfg the interpreter names those of the Python it came from."""
    return environment.kind != "target" and environment.scripts_dir.startswith(f"{environment.path}/")


def owners(examination: Examination) -> dict[str, Distribution]:
    """Name of each recorded script -> the distribution that it is of."""
    prefix = f"{examination.environment.scripts_dir}/"
    return {
        record.path[len(prefix) :]: distribution
        for distribution in reversed(examination.environment.distributions)
        for record in examination.records.get(distribution.metadata_path, ())
        if record.path.startswith(prefix)
    }


def _missing(owned: dict[str, Distribution], present: frozenset[str], environment: Environment) -> Iterator[Finding]:
    """Commands that were installed and are gone, one finding for each distribution."""
    gone: dict[str, list[str]] = {}
    for name, distribution in sorted(owned.items()):
        if name not in present and "/" not in name and not name.endswith(".pyc"):
            gone.setdefault(distribution.name, []).append(name)
    for names in gone.values():
        distribution = owned[names[0]]
        declared = {point.name for point in distribution.entry_points if point.group.endswith("_scripts")}
        place = title(environment.scripts_dir)
        yield Finding(
            rule=RULE,
            severity=Severity.ERROR if declared.intersection(names) else Severity.WARNING,
            subjects=(distribution.pin,),
            message=f"the {'command' if len(names) == 1 else 'commands'} {some(names)} of {named(distribution)} "
            f"{'is' if len(names) == 1 else 'are'} gone from {place}",
            evidence=Evidence.FILE,
            details=(f"missing: {some([f'{place}/{name}' for name in names], 5)}",),
            symbol=f"{place}/{names[0]}",
            fixes=(reinstall(distribution, count(len(names), "command")),),
            covers=tuple(f"{place}/{name}" for name in names),
        )
