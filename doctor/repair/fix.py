"""``acdoctor fix`` without its words: examine, search, plan; then carry out and examine again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from posixpath import join

from packaging.utils import canonicalize_name

from doctor.checks.examine import Options, Records, command_for, examine_environment
from doctor.errors import TransactionError, UsageError
from doctor.index.index import Index
from doctor.index.releases import Window
from doctor.model import Environment, Finding, Fix, Plan, Receipt, Report, Safety, Severity
from doctor.planned.target import changes, reinstalled
from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles
from doctor.repair.fingerprint import Fingerprint, changed_since, fingerprint
from doctor.repair.history import look, prune, standing
from doctor.repair.policy import Policy, make_policy
from doctor.repair.processes import users_of
from doctor.repair.scene import Scene
from doctor.repair.search import Found, explained, identity, search, wanted
from doctor.repair.transaction import Order, recover, transact
from doctor.rulebook.load import load_rulebook
from doctor.rulebook.rules import Rulebook


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the user asked for. ``only``: rules; ``keep``: names; ``unsafe``: stack's pins may be given up."""

    only: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    unsafe: bool = False
    window: Window = Window()  # noqa: RUF009 - a frozen value
    command: str = "acdoctor fix"


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A plan and what it was made from; ``recovered`` says what an interrupted repair made necessary first."""

    report: Report
    plan: Plan
    found: Found | None = None
    scene: Scene | None = None
    seen: Fingerprint
    recovered: str = ""

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
    seen, files = fingerprint(environment), DiskFiles()
    report = examine_environment(environment, files, rulebook, options)
    look(environment.path, environment)
    proposal = Proposal(report=report, plan=_nothing(report), seen=seen, recovered=recovered)
    if not any(wanted(f, wish.only) for f in report.findings):
        return proposal
    if environment.interpreter is None:
        reason = "its Python does not start, so nothing can be proven; make the environment again"
        return replace(proposal, plan=replace(proposal.plan, declined=(reason,)))
    scene = _scene(proposal, rulebook, options, wish, (files, index(environment), progress))
    found = search(scene, wish.only)
    return replace(proposal, plan=make_plan(found, scene), found=found, scene=scene)


def _scene(
    proposal: Proposal,
    rulebook: Rulebook,
    options: Options,
    wish: Wish,
    tools: tuple[DiskFiles, Index, Callable[[str], None]],
) -> Scene:
    """What the search looks at."""
    files, index, progress = tools
    environment = proposal.environment
    stack = rulebook.stack(proposal.report.stack) if proposal.report.stack else None
    policy = make_policy(environment, stack, wish.keep, index.settings.constraints)
    return Scene(
        report=proposal.report,
        environment=environment,
        files=files,
        records=Records(environment, files),
        rulebook=rulebook,
        options=options,
        index=index,
        policy=Policy(pins=policy.pins, window=wish.window, unsafe=wish.unsafe),
        progress=progress,
    )


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
        commands=tuple(command_for(fix, scene.environment).split(" && ")),
        proven=not found.report.crashed and (after < before or after == before == 0),
        errors_before=before,
        errors_after=after,
        safety=Safety.UNSAFE if gives_up else Safety.SAFE,
    )


def _new_warnings(found: Found, scene: Scene) -> Iterator[str]:
    """What the result has that the environment has not, below an error: said, as the plan calls itself proven."""
    known = {identity(f) for f in scene.report.findings}
    fresh = [f for f in found.report.findings if f.severity is Severity.WARNING and identity(f) not in known]
    yield from (f"new warning: {f.message}" for f in fresh[:3])


def carry_out(proposal: Proposal, wish: Wish) -> tuple[Receipt, Report]:
    """Apply a plan as a transaction; the receipt, and the examination afterwards.

    Raises:
        TransactionError: refused, and nothing was touched.
        IndexUnavailableError: a wheel could not be had, and nothing was touched.
    """
    found, scene = proposal.found, proposal.scene
    if found is None or scene is None or found.target.empty:
        return Receipt(id="", outcome="nothing"), proposal.report
    if not proposal.plan.proven:
        raise TransactionError("The plan is not proven; nothing was changed.")
    after = scene.after(found.target)
    looked: list[Report] = []

    def verify() -> str:
        looked.append(examine_again(scene))
        return _disagreement(found, looked[-1])

    receipt = transact(
        Order(
            prefix=scene.environment.path,
            out=tuple(sorted(after.hidden)),
            placed=after.placed,
            bare=tuple(p for path in found.target.remove_paths for p in _directories(path, scene)),
            keep=standing(scene.environment),
            changes=proposal.plan.changes,
            reinstalled=proposal.plan.reinstall,
            because="; ".join(proposal.plan.cures),
            command=wish.command,
            errors=(proposal.plan.errors_before, proposal.plan.errors_after),
        ),
        verify,
        lambda: changed_since(proposal.seen),
    )
    if receipt.outcome != "committed" or not looked:
        return receipt, proposal.report
    prune(scene.environment.path)
    if looked[-1].environment is not None:
        look(scene.environment.path, looked[-1].environment)
    return receipt, looked[-1]


def examine_again(scene: Scene) -> Report:
    """The whole examination anew, from the disk."""
    environment = probe_environment(scene.environment.path, timeout=scene.options.timeout)
    options = replace(scene.options, stack=scene.report.stack or "none")
    return examine_environment(environment, DiskFiles(), scene.rulebook, options)


def _disagreement(found: Found, report: Report) -> str:
    """How the real result differs from the proven one, as a phrase; '' when it keeps the promise."""
    if report.crashed:
        return f"the check {report.crashed[0].check} could not finish afterwards"
    promised = {identity(f) for f in errors(found.report)}
    surprise = next((f for f in errors(report) if identity(f) not in promised), None)
    return f"the result was not as proven: {surprise.message}" if surprise else ""


def _directories(path: str, scene: Scene) -> list[str]:
    """The directories at and below a path that goes whole."""
    facts = scene.files.facts(path)
    if facts is None or facts.kind != "dir" or facts.link:
        return []
    below = [d for name in scene.files.listing(path) or () for d in _directories(join(path, name), scene)]
    return [path, *below]


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
