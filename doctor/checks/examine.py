"""A path and what to look for -> a Report: the one way in which every command examines a patient.

What only an examination needs is imported when there is one: a verdict that still holds is told in the time that these
imports would take.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from shlex import join
from typing import TYPE_CHECKING

from doctor.checks import verdicts
from doctor.errors import UsageError
from doctor.model import Depth, Environment, FileView, Finding, Fix, RecordedFile, Report, Severity
from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles
from doctor.probe.witness import WitnessedFiles

if TYPE_CHECKING:
    from doctor.checks.examination import Stop
    from doctor.rulebook.rules import Rulebook, Stack

NO_STACK = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to look for, and how hard.

    ``stack``: id of a stack, ``none`` for no stack, '' for the one that is recognised. ``entries``: modules, console
    scripts (``script:NAME``) or files from which imports are followed. ``assumed``: normalized name -> version of
    what the host brings. ``rules``: directories with extra rules. ``timeout``: seconds for the patient's interpreter.
    ``fresh``: examine also when nothing has changed since the last time (else that verdict is told again).
    """

    depth: Depth = Depth.STANDARD
    stack: str = ""
    entries: tuple[str, ...] = ()
    assumed: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    fail_on: Severity = Severity.ERROR
    timeout: float = 20.0
    fresh: bool = False


def examine(path: str, options: Options) -> Report:
    """Probe the environment at ``path`` and run all checks on it.

    Raises:
        NotAnEnvironmentError: there is no Python environment.
        RuleError: a rule file cannot be used.
        UsageError: no stack has the id that was asked for.
    """
    started = time.monotonic()
    environment = probe_environment(path, timeout=options.timeout)
    report = _recalled_or_examined(environment, options)
    return replace(report, tally=replace(report.tally, seconds=time.monotonic() - started))


def _recalled_or_examined(environment: Environment, options: Options) -> Report:
    """The verdict of the last time if it would be the same again, else a new one, which is kept for the next time."""
    place = verdicts.place_of(environment, options)
    known = verdicts.recalled(place, environment) if place and not options.fresh else None
    if known is not None:
        return replace(known, fail_on=options.fail_on)
    from doctor.rulebook.load import load_rulebook  # noqa: PLC0415 - see above

    files = WitnessedFiles() if place else DiskFiles()
    report = examine_environment(environment, files, load_rulebook(options.rules, verdicts.RULE_KINDS), options)
    if place and isinstance(files, WitnessedFiles):
        verdicts.keep(place, report, files)
    return report


def examine_environment(
    environment: Environment, files: FileView, rulebook: Rulebook, options: Options, *, stop: Stop | None = None
) -> Report:
    """Run all checks on an environment that is known already: probed, from a snapshot, or planned.

    ``stop`` may end it early; it then says so, and the report is no verdict.

    Raises:
        UsageError: no stack has the id that was asked for.
    """
    from doctor.checks.examination import Examination  # noqa: PLC0415 - see above
    from doctor.checks.known_cures import with_known_cures  # noqa: PLC0415
    from doctor.checks.left_out import left_out  # noqa: PLC0415
    from doctor.checks.run import run_checks  # noqa: PLC0415

    stack = _stack(options.stack, rulebook, environment)
    assumed = {**_provided(stack), **left_out(environment), **options.assumed}
    patient = environment.with_assumed(assumed)
    examination = Examination(
        environment=patient,
        files=files,
        rulebook=rulebook,
        stack=stack,
        depth=options.depth,
        assumed=assumed,
        entries=options.entries,
        records=Records(patient, files),
        fresh=options.fresh,
        stop=stop,
    )
    findings, crashed, tally = run_checks(examination)
    findings = with_known_cures(findings, examination)
    return Report(
        environment=patient,
        stack=stack.id if stack else None,
        findings=tuple(sorted((_with_commands(f, patient) for f in findings), key=Finding.sort_key)),
        crashed=tuple(crashed),
        tally=tally,
        fail_on=options.fail_on,
    )


class Records(Mapping[str, tuple[RecordedFile, ...]]):
    """Metadata path -> recorded files of every distribution, each read when first asked for and kept."""

    def __init__(self, environment: Environment, files: FileView) -> None:
        self._distributions = {d.metadata_path: d for d in environment.distributions if d.metadata_path}
        self._files = files
        self._known: dict[str, tuple[RecordedFile, ...]] = {}

    def __getitem__(self, key: str) -> tuple[RecordedFile, ...]:
        if key not in self._known:
            from doctor.probe.records import recorded_files  # noqa: PLC0415 - see above

            self._known[key] = recorded_files(self._distributions[key], self._files)
        return self._known[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._distributions)

    def __len__(self) -> int:
        return len(self._distributions)


def command_for(fix: Fix, environment: Environment) -> str:
    """The shell command that carries the fix out in that environment ('' when there is none).

    With the environment's own pip, so that no other environment can be meant; with uv where it has no pip. Where the
    host brings some distribution that is not installed, no installer may fetch it as a dependency.
    """
    if environment.distribution("pip") is not None and environment.interpreter is not None:
        pip = [environment.interpreter.executable, "-m", "pip"]
        place, yes, again = [], ["-y"], ["--force-reinstall", "--no-deps"]
    else:
        pip, place, yes, again = ["uv", "pip"], ["--python", environment.path], [], ["--reinstall", "--no-deps"]
    commands = []
    names = [name for name in fix.remove if "/" not in name]
    paths = [name for name in fix.remove if "/" in name]
    if names:
        commands.append([*pip, "uninstall", *place, *yes, *names])
    if paths:
        commands.append(["rm", "-r", "--", *paths])
    if fix.reinstall:
        commands.append([*pip, "install", *place, *again, *fix.reinstall])
    if fix.install:
        alone = ["--no-deps"] if any(d.kind == "assumed" for d in environment.distributions) else []
        commands.append([*pip, "install", *alone, *place, *fix.install])
    return " && ".join(join(command) for command in commands)


def _with_commands(finding: Finding, environment: Environment) -> Finding:
    """The finding with the command of every fix that comes without one."""
    if all(fix.command for fix in finding.fixes):
        return finding
    fixes = (fix if fix.command else replace(fix, command=command_for(fix, environment)) for fix in finding.fixes)
    return replace(finding, fixes=tuple(fixes))


def _stack(wanted: str, rulebook: Rulebook, environment: Environment) -> Stack | None:
    if wanted == NO_STACK:
        return None
    if not wanted:
        from doctor.rulebook.match import recognise  # noqa: PLC0415 - see above

        return recognise(rulebook, environment)
    stack = rulebook.stack(wanted)
    if stack is None:
        known = ", ".join(s.id for s in rulebook.stacks) or "none"
        raise UsageError(f"There is no stack {wanted!r}; known stacks: {known}.")
    return stack


def _provided(stack: Stack | None) -> dict[str, str]:
    """What host or container brings with the stack, by normalized name."""
    pins = (pin.partition("==") for pin in (stack.provided if stack else ()))
    return {name.strip(): version.strip() for name, _, version in pins}
