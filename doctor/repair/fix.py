"""``acdoctor fix`` without its words, first half: examine, search, plan."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from packaging.utils import canonicalize_name

from doctor.checks.examine import Options, Records, command_for, examine_environment
from doctor.errors import UsageError
from doctor.index.index import Index
from doctor.index.releases import Window
from doctor.index.settings import redacted
from doctor.model import Depth, Environment, Finding, Fix, Plan, Report, Safety, Severity
from doctor.planned.target import changes, reinstalled
from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles
from doctor.repair.budget import PATIENCE
from doctor.repair.cost import identity
from doctor.repair.fingerprint import Fingerprint, fingerprint
from doctor.repair.history import look
from doctor.repair.moves import subject_name
from doctor.repair.policy import Policy, make_policy
from doctor.repair.processes import users_of
from doctor.repair.revive import Revival, revival
from doctor.repair.scene import Scene
from doctor.repair.search import Found, explained, search, search_known, wanted
from doctor.repair.transaction import recover
from doctor.rulebook.load import load_rulebook
from doctor.rulebook.rules import Rulebook, Stack

_Tools = tuple[Callable[[Environment], Index], Callable[[str], None]]
"""How the index is opened, and who is told what is being tried."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the user asked for. ``only``: rules; ``keep``: names; ``unsafe``: stack's pins may be given up.

    ``patience``: seconds of work that a search may take.
    ``quick``: nobody reads the plan before it is carried out, so what is wrong need not be told in full first.
    """

    only: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    unsafe: bool = False
    quick: bool = False
    patience: float = PATIENCE
    window: Window = Window()  # noqa: RUF009 - a frozen value
    command: str = "acdoctor fix"


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A plan and what it was made from; ``recovered`` says what an interrupted repair made necessary first.

    ``revival``: the frame of the environment is made again, and nothing else; the rest is for the next look.
    """

    report: Report
    plan: Plan
    found: Found | None = None
    scene: Scene | None = None
    seen: Fingerprint
    recovered: str = ""
    revival: Revival | None = None

    @property
    def environment(self) -> Environment:
        """The patient."""
        assert self.report.environment is not None  # noqa: S101 - a proposal is always made for one
        return self.report.environment


def propose(
    path: str, options: Options, wish: Wish, index: Callable[[Environment], Index], progress: Callable[[str], None]
) -> Proposal:
    """Examine the environment at ``path`` and make the plan; nothing is changed but what a killed doctor left.

    ``index`` opens the package index for the environment; it is asked only when there is something to cure.

    Raises:
        NotAnEnvironmentError: there is no Python environment.
        UsageError: ``only`` or ``keep`` name what does not exist.
        IndexUnavailableError: without the index nothing can be cured.
        TransactionError: another doctor works here.
    """
    rulebook = load_rulebook(options.rules)
    environment = probe_environment(path, timeout=options.timeout)
    recovered = recover(environment.path)
    if recovered:
        environment = probe_environment(path, timeout=options.timeout)
    look(environment.path, environment)
    patient = _Patient(environment, rulebook, options, fingerprint(environment), DiskFiles(), recovered)
    tools = (index, progress)
    return (_quick_proposal(patient, wish, tools) if wish.quick else None) or _proposal(patient, wish, tools)


class _Patient(NamedTuple):
    """The environment as it was found, and what it is examined with."""

    environment: Environment
    rulebook: Rulebook
    options: Options
    seen: Fingerprint
    files: DiskFiles
    recovered: str

    def examined(self, depth: Depth) -> Proposal:
        """The empty proposal after an examination."""
        options = replace(self.options, depth=depth)
        report = examine_environment(self.environment, self.files, self.rulebook, options)
        return Proposal(report=report, plan=_nothing(report), seen=self.seen, recovered=self.recovered)


def _proposal(patient: _Patient, wish: Wish, tools: _Tools) -> Proposal:
    """Examine everything, then search."""
    proposal = patient.examined(patient.options.depth)
    unasked = tuple(_not_found(proposal.report, wish.only))
    proposal = replace(proposal, plan=replace(proposal.plan, declined=unasked))
    if not any(wanted(f, wish.only) for f in proposal.report.findings):
        return proposal
    made = revival(patient.environment) if not wish.only else None
    if made is not None:
        return replace(proposal, plan=_revived(proposal.report, made), revival=made)
    if patient.environment.interpreter is None:
        reason = "its Python does not start, so nothing can be proven; make the environment again"
        return replace(proposal, plan=replace(proposal.plan, declined=(reason,)))
    scene = _scene(proposal, patient, wish, tools)
    found = search(scene, wish.only, wish.patience)
    plan = make_plan(found, scene)
    return replace(proposal, plan=replace(plan, declined=(*unasked, *plan.declined)), found=found, scene=scene)


def _not_found(report: Report, only: tuple[str, ...]) -> Iterator[str]:
    """Rules that were asked for and say nothing here."""
    rules = sorted({f.rule for f in report.findings if f.severity is not Severity.NOTE})
    for rule in only:
        if rule not in rules:
            yield f"no finding is of the rule {rule}; found here: {', '.join(rules) or 'nothing'}"


def _revived(report: Report, made: Revival) -> Plan:
    """The plan that makes the frame again; what else is wrong is seen only when the interpreter starts."""
    found = [f for f in errors(report) if f.key not in explained(report)]
    own = [f for f in found if "<environment>" in f.subjects]
    rest = len(found) - len(own)
    return Plan(
        rewrite=made.paths,
        cures=tuple(f.message for f in own),
        declined=("the rest is looked at when its Python starts: acdoctor fix again",) if rest else (),
        proven=True,
        errors_before=len(errors(report)),
        errors_after=rest,
    )


def _quick_proposal(patient: _Patient, wish: Wish, tools: _Tools) -> Proposal | None:
    """Where what metadata and rules find has known cures, and all checks are content with the result: that is it.

    One full examination instead of two. None when it is not so simple; then everything is examined first.
    """
    if wish.only or patient.environment.interpreter is None or patient.options.depth is Depth.METADATA:
        return None
    proposal = patient.examined(Depth.METADATA)
    if proposal.report.crashed or not errors(proposal.report):
        return None
    scene = _scene(proposal, patient, wish, tools)
    found = search_known(scene)
    if found is None or any(f.severity is Severity.ERROR or _is_about(f, found) for f in found.report.findings):
        return None
    return replace(proposal, plan=make_plan(found, scene), found=found, scene=scene)


def _is_about(finding: Finding, found: Found) -> bool:
    """A warning about what the target touches: it may be new."""
    return finding.severity is Severity.WARNING and bool(
        found.target.names & {subject_name(s) for s in finding.subjects}
    )


def _scene(proposal: Proposal, patient: _Patient, wish: Wish, tools: _Tools) -> Scene:
    """What the search looks at; opens the index."""
    environment, index = proposal.environment, tools[0](patient.environment)
    stack = patient.rulebook.stack(proposal.report.stack) if proposal.report.stack else None
    policy = make_policy(environment, stack, wish.keep, index.settings.constraints)
    return Scene(
        report=proposal.report,
        environment=environment,
        files=patient.files,
        records=Records(environment, patient.files),
        rulebook=patient.rulebook,
        options=patient.options,
        index=index,
        policy=Policy(pins=policy.pins, window=wish.window, unsafe=wish.unsafe),
        progress=tools[1],
        locked=_known_good(stack),
    )


def _known_good(stack: Stack | None) -> Mapping[str, str]:
    """The versions in the stack's lockfile (PEP 751); none where there is none that can be read."""
    if stack is None:
        return {}
    from doctor.rulebook.known_good import lock_folder  # noqa: PLC0415 - for stacks only
    from doctor.stacks.lockfile import PYLOCK, LockError, read_lock  # noqa: PLC0415

    try:
        return read_lock(lock_folder(stack) / PYLOCK).versions
    except LockError:
        return {}


def errors(report: Report) -> list[Finding]:
    """The errors of a report."""
    return [f for f in report.findings if f.severity is Severity.ERROR]


def _nothing(report: Report) -> Plan:
    """The empty plan."""
    number = len(errors(report))
    return Plan(errors_before=number, errors_after=number, proven=True)


def make_plan(found: Found, scene: Scene) -> Plan:
    """The plan that a search ended with; pure."""
    before, after = len(errors(scene.report)), len(errors(found.report))
    declined = tuple(dict.fromkeys(found.declined))
    if found.target.empty:
        return Plan(declined=declined, errors_before=before, errors_after=before, proven=True)
    moved = changes(found.target, scene.environment)
    again = reinstalled(found.target, scene.environment)
    gives_up = [p for c in moved if (p := scene.policy.forbids(c.name, c.after))]
    fix = Fix(
        install=tuple(f"{c.name}=={c.after}" for c in moved if c.after),
        reinstall=again,
        remove=(*found.target.removed, *found.target.remove_paths),
    )
    return Plan(
        changes=moved,
        reinstall=again,
        remove_paths=found.target.remove_paths,
        cures=tuple(dict.fromkeys(f.message for f in found.cured if f.key not in explained(scene.report))),
        declined=(*declined, *(f"gives up {text}" for text in gives_up), *_new_warnings(found, scene)),
        commands=tuple(_by_hand(fix, scene)),
        proven=not found.report.crashed and (after < before or after == before == 0),
        errors_before=before,
        errors_after=after,
        safety=Safety.UNSAFE if gives_up else Safety.SAFE,
    )


def _by_hand(fix: Fix, scene: Scene) -> Iterator[str]:
    """The installer's commands that come to the same, from the same places."""
    settings = scene.index.settings
    places = [word for place in settings.find_links for word in ("--find-links", redacted(place))]
    options = shlex.join([*(["--no-index"] if settings.offline and not settings.indexes else []), *places])
    for command in command_for(fix, scene.environment).split(" && "):
        head, word, tail = command.partition(" install ")
        yield f"{head} install {options} {tail}" if word and options else command


def _new_warnings(found: Found, scene: Scene) -> Iterator[str]:
    """What the result has that the environment has not, below an error: said, as the plan calls itself proven."""
    known = {identity(f) for f in scene.report.findings}
    fresh = [f for f in found.report.findings if f.severity is Severity.WARNING and identity(f) not in known]
    yield from (f"new warning: {f.message}" for f in fresh[:3])


def check_names(environment: Environment, names: tuple[str, ...]) -> None:
    """Refuse names that are not installed, all at once.

    Raises:
        UsageError: some are not.
    """
    missing = [n for n in names if environment.distribution(canonicalize_name(n)) is None]
    if missing:
        raise UsageError(f"{environment.path} has no distribution named {', '.join(missing)}.")


def running(environment: Environment) -> tuple[str, ...]:
    """Processes that use the environment now, as phrases for a warning."""
    return users_of(environment.path)
