"""``acdoctor fix`` without its words, second half: carry the plan out, look again, keep it or put everything back."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from posixpath import join

from doctor.checks.examine import Options, examine, examine_environment
from doctor.errors import TransactionError
from doctor.index.settings import redacted
from doctor.model import Environment, Receipt, Report
from doctor.planned.after import After
from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles
from doctor.repair.cost import identity
from doctor.repair.fingerprint import changed_since, unlike
from doctor.repair.fix import Proposal, Wish, errors
from doctor.repair.history import look, prune, standing
from doctor.repair.revive import Revival, alive, revival_order
from doctor.repair.scene import Scene
from doctor.repair.search import Found
from doctor.repair.transaction import Order, transact

Proof = Callable[[str], str | None]
"""A further proof (a smoke run) in the changed environment at that path: what failed, as a phrase, or None."""


def carry_out(proposal: Proposal, wish: Wish, *, proof: Proof | None = None) -> tuple[Receipt, Report]:
    """Apply a plan as a transaction; the receipt, and the examination afterwards.

    ``proof`` runs after everything is in its place and was examined, before the commit.

    Raises:
        TransactionError: refused, and nothing was touched.
        IndexUnavailableError: a wheel could not be had, and nothing was touched.
    """
    if proposal.revival is not None:
        return _revive(proposal, proposal.revival, wish, proof)
    found, scene = proposal.found, proposal.scene
    if found is None or scene is None or found.target.empty:
        return Receipt(id="", outcome="nothing"), proposal.report
    if not proposal.plan.proven:
        raise TransactionError("The plan is not proven; nothing was changed.")
    after = scene.after(found.target)
    looked: list[Report] = []

    def verify() -> str:
        looked.append(_look_again(proposal, found, scene, after))
        return _disagreement(found, looked[-1]) or (proof(scene.environment.path) if proof else None) or ""

    order = _order(proposal, found, scene, wish)
    receipt = transact(order, verify, lambda: changed_since(proposal.seen))
    if receipt.outcome != "committed" or not looked:
        return receipt, proposal.report
    prune(scene.environment.path)
    if looked[-1].environment is not None:
        look(scene.environment.path, looked[-1].environment)
    return receipt, looked[-1]


def _revive(proposal: Proposal, made: Revival, wish: Wish, proof: Proof | None) -> tuple[Receipt, Report]:
    """Make the frame of an environment again; kept when its interpreter then starts."""

    def verify() -> str:
        return alive(made.prefix) or (proof(made.prefix) if proof else None) or ""

    plan = proposal.plan
    counts = (plan.errors_before, plan.errors_after)
    with revival_order(made, command=wish.command, because="; ".join(plan.cures), errors=counts) as order:
        receipt = transact(order, verify, lambda: changed_since(proposal.seen))
    if receipt.outcome != "committed":
        return receipt, proposal.report
    prune(made.prefix)
    return receipt, examine(made.prefix, Options())


def _order(proposal: Proposal, found: Found, scene: Scene, wish: Wish) -> Order:
    """The plan as the transaction wants it."""
    after = scene.after(found.target)
    return Order(
        prefix=scene.environment.path,
        out=tuple(sorted(after.hidden)),
        placed=after.placed,
        bare=tuple(p for path in found.target.remove_paths for p in _directories(path, scene)),
        keep=standing(scene.environment),
        changes=proposal.plan.changes,
        reinstalled=proposal.plan.reinstall,
        because="; ".join(proposal.plan.cures),
        command=_without_secrets(wish.command),
        errors=(proposal.plan.errors_before, proposal.plan.errors_after),
    )


def _without_secrets(command: str) -> str:
    """The command for the record, which others may read: addresses without user names and passwords."""
    return shlex.join(redacted(word) if "://" in word else word for word in shlex.split(command))


def _look_again(proposal: Proposal, found: Found, scene: Scene, after: After) -> Report:
    """The examination of what is there now.

    A probe and marks of all files tell whether that is just what was proven: then the checks, which see nothing
    else, would say the same again. Otherwise they run again, also when the proof could not look into all files.
    """
    now = probe_environment(scene.environment.path, timeout=scene.options.timeout)
    sizes = {path: member.size for path, member in after.placed.items()}
    as_proven = _same(now, after.environment) and not unlike(proposal.seen, after.hidden, sizes)
    if as_proven and after.wholly_seen:
        return found.report
    options = replace(scene.options, stack=scene.report.stack or "none")
    return examine_environment(now, DiskFiles(), scene.rulebook, options)


def _same(now: Environment, planned: Environment) -> bool:
    """The probe sees what was planned (assumed distributions are nothing that it could see)."""
    real = [d for d in planned.distributions if d.kind != "assumed"]
    return _in_order(now) == _in_order(replace(planned, distributions=tuple(real)))


def _in_order(environment: Environment) -> Environment:
    """The same environment for the same things, whoever listed them."""
    return replace(
        environment,
        distributions=tuple(sorted(environment.distributions, key=lambda d: (d.name, d.metadata_path))),
        leftovers=tuple(sorted(environment.leftovers, key=lambda x: x.path)),
        pth_files=tuple(sorted(environment.pth_files, key=lambda p: p.path)),
        problems=tuple(sorted(environment.problems, key=lambda p: (p.path, p.code, p.detail))),
    )


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
