"""The parts of a stack that say how its known-good set is made, and the forms that requirements have in rules."""

from __future__ import annotations

from doctor.rulebook.reader import Table
from doctor.rulebook.requirements import requirement, split_pin
from doctor.rulebook.rules import Archive, Checkout, Cure, LeaveOut


def cure(table: Table) -> Cure:
    """``[[cures]]``: what the set takes instead of what the vendor's instructions would, and why."""
    found = Cure(
        pin=table.text("pin", required=True, parse=plain_requirement), reason=table.text("reason", required=True)
    )
    table.finish()
    return found


def archive(table: Table) -> Archive:
    """``[[archives]]``: a requirement that is an archive of a public repository."""
    found = Archive(
        name=table.text("name", required=True, parse=bare_name),
        url=table.text("url", required=True),
        reason=table.text("reason", required=True),
        instead=table.text("instead", parse=split_pin),
    )
    table.finish()
    return found


def checkout(table: Table) -> Checkout:
    """``[[checkouts]]``: a repository that users install editable."""
    found = Checkout(
        name=table.text("name", required=True, parse=bare_name),
        url=table.text("url", required=True),
        tag=table.text("tag", required=True),
    )
    table.finish()
    return found


def leave_out(table: Table) -> LeaveOut:
    """``[[leave_out]]``: what some users leave out."""
    found = LeaveOut(
        option=table.text("option", required=True, parse=bare_name),
        packages=table.texts("packages", required=True),
        reason=table.text("reason", required=True),
    )
    table.finish()
    return found


def plain_requirement(text: str) -> None:
    """Refuse all but a name with versions: extras and URLs are not seen in an installed environment."""
    parsed = requirement(text)
    if parsed.extras or parsed.url or parsed.marker:
        raise ValueError("only a name and versions are allowed here (a marker goes into the key marker)")


def bare_name(text: str) -> None:
    """Refuse all but the name of a distribution."""
    parsed = requirement(text)
    if parsed.specifier or parsed.extras or parsed.url or parsed.marker:
        raise ValueError("only a name is allowed here")
