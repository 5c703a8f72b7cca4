"""Making a target real: prepared beside, moved in by renames, verified, then kept or undone.

At any instant a kill leaves a journal from which ``recover`` goes back to the state before, or sees that all was
done. The journal knows three states: ``preparing`` (nothing was touched), ``moving`` (undo) and ``committed``
(tidy up). No journal: nothing is under way.
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from doctor.errors import DoctorError, TransactionError
from doctor.model import Change, Receipt
from doctor.planned.layout import Member
from doctor.repair.room import blocked, exclusive, is_taken, read_json, room_of, settle, write_json
from doctor.repair.signals import Interrupted, deaf, interruptible
from doctor.repair.staging import check_space, check_writable, link, relative_to, stage
from doctor.repair.surgery import Surgery, design, from_json, operate, prepare_folders, settle_folders, undo

Verify = Callable[[], str]
"""Looks at the changed environment; '' when it is as promised, else why not (one sentence without a stop)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a transaction is to do, and what its record says.

    ``out``: absolute paths to go; ``placed``: absolute path -> file to be; ``bare``: directories to go when empty;
    ``keep``: directories that stay all the same;
    ``links``: absolute path -> existing file to be hard-linked there (a rollback brings set-aside files back so);
    ``times``: directories' modes and times to be given afterwards (a rollback, too). ``because``: words for the
    history. ``errors``: number of errors before and after.
    """

    prefix: str
    out: tuple[str, ...] = ()
    placed: Mapping[str, Member] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    bare: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    times: Surgery | None = None
    changes: tuple[Change, ...] = ()
    reinstalled: tuple[str, ...] = ()
    because: str = ""
    command: str = ""
    errors: tuple[int, int] = (0, 0)
    undoes: str = ""


def transact(order: Order, verify: Verify, unchanged: Callable[[], str]) -> Receipt:
    """Carry an order out whole or not at all.

    ``unchanged`` says, once the environment is ours alone, whether it is still what the plan was made for ('' or
    what changed). The outcome is ``committed``, or ``restored`` with the reason.

    Raises:
        TransactionError: refused before anything was touched; or interrupted and undone.
    """
    prefix = Path(order.prefix)
    with exclusive(order.prefix) as room:
        recover_room(room, prefix)
        foreign = unchanged()
        if foreign:
            raise TransactionError(f"{foreign}; nothing was changed. Look again with: acdoctor fix")
        folder = _folder(room)
        try:
            surgery = _prepare(order, room, folder, prefix)
        except OSError as error:
            _tidy(folder, room)
            raise blocked(error, order.prefix) from None
        except BaseException:
            _tidy(folder, room)
            raise
        return _carry_out(order, surgery, folder, verify)


def recover(prefix: str) -> str:
    """Finish or undo what an interrupted doctor left; what was done, '' when there was nothing.

    Raises:
        TransactionError: it cannot be done now (another doctor works here, or the disk refuses).
    """
    journal = room_of(prefix) / "journal.json"
    if not journal.exists():
        return ""
    with exclusive(prefix) as room:
        return recover_room(room, Path(prefix))


def under_way(prefix: str) -> str:
    """``interrupted`` when a transaction waits to be undone, ``now`` when a doctor is at work, else ''."""
    room = room_of(prefix)
    journal = read_json(room / "journal.json")
    if not isinstance(journal, dict) or journal.get("state") != "moving":
        return ""
    return "now" if is_taken(room) else "interrupted"


def recover_room(room: Path, prefix: Path) -> str:
    """The same for who holds the lock."""
    journal = read_json(room / "journal.json")
    if not isinstance(journal, dict):
        return ""
    folder = room / "transactions" / str(journal.get("id"))
    state, said = journal.get("state"), ""
    if state == "moving":
        record = read_json(folder / "record.json")
        try:
            surgery = from_json(record["surgery"])
            undo(surgery, prefix, folder / "old", folder / "staged")
        except OSError as error:
            raise TransactionError(
                f"The interrupted repair {journal.get('id')} of {prefix} cannot be undone yet: "
                f"{error.strerror or error} ({error.filename}). Free the way, then try again; nothing is lost."
            ) from None
        except (KeyError, TypeError, ValueError):
            raise TransactionError(
                f"The record of the interrupted repair {folder.name} is damaged; "
                f"the files that it set aside are in {folder / 'old'}."
            ) from None
        said = f"an interrupted repair ({journal.get('id')}) was undone"
    if state == "committed":
        _finish(room, folder)
        return said
    _tidy(folder, room)
    return said


def _carry_out(order: Order, surgery: Surgery, folder: Path, verify: Verify) -> Receipt:
    """Move, verify, keep or undo; an interruption at any point undoes."""
    prefix, room = Path(order.prefix), folder.parent.parent
    old, staged = folder / "old", folder / "staged"
    reason, kept = "", False
    with interruptible():
        try:
            _state(room, folder, "moving")
            operate(surgery, prefix, old, staged)
            if order.times is not None:
                settle_folders(order.times, prefix)
            reason = verify()
            if not reason:
                with deaf():
                    _state(room, folder, "committed")
                    kept = True
        except OSError as error:
            reason = f"{error.strerror or error} ({error.filename})" if error.filename else str(error)
        except DoctorError as error:
            reason = str(error).rstrip(".")
        except Interrupted as signalled:
            if not kept:
                _undo_now(surgery, prefix, folder)
                raise TransactionError(f"Interrupted ({signalled}); {prefix} is as it was.") from None
        except BaseException:
            if not kept:
                _undo_now(surgery, prefix, folder)
                raise
    if reason:
        _undo_now(surgery, prefix, folder)
        return Receipt(id=folder.name, outcome="restored", changes=order.changes, reason=reason)
    _finish(room, folder)
    return Receipt(id=folder.name, outcome="committed", changes=order.changes)


def _undo_now(surgery: Surgery, prefix: Path, folder: Path) -> None:
    """Undo, not to be interrupted; when the disk refuses, the next command goes on."""
    room = folder.parent.parent
    with deaf():
        try:
            undo(surgery, prefix, folder / "old", folder / "staged")
        except OSError as error:
            raise TransactionError(
                f"The repair of {prefix} failed and is not undone yet: {error.strerror or error} ({error.filename}). "
                "Nothing is lost; the next acdoctor fix, history or rollback goes on with it."
            ) from None
        _tidy(folder, room)


def _prepare(order: Order, room: Path, folder: Path, prefix: Path) -> Surgery:
    """Write everything beside; nothing of the environment is touched. Raises ``OSError``."""
    check_space(sum(member.size for member in order.placed.values()), prefix)
    relative = {path: relative_to(path, prefix) for path in (*order.out, *order.placed, *order.links, *order.bare)}
    staged, old = folder / "staged", folder / "old"
    folder.mkdir(parents=True)
    write_json(room / "journal.json", {"id": folder.name, "state": "preparing"})
    surgery = design(
        prefix,
        [relative[p] for p in order.out],
        [relative[p] for p in (*order.placed, *order.links)],
        [relative[p] for p in order.bare],
        [os.path.relpath(p, prefix) for p in order.keep],
    )
    check_writable(surgery, prefix, folder)
    prepare_folders(surgery, old, staged)
    facts: dict[str, tuple[int, int]] = {}
    for path, member in order.placed.items():
        facts[relative[path]] = stage(staged / relative[path], member)
    for path, source in order.links.items():
        target = staged / relative[path]
        target.parent.mkdir(parents=True, exist_ok=True)
        link(source, target)
        seen = target.lstat()
        facts[relative[path]] = (seen.st_size, seen.st_mtime_ns)
    write_json(folder / "record.json", _record(order, surgery, facts, folder.name))
    return surgery


def _record(order: Order, surgery: Surgery, facts: Mapping[str, tuple[int, int]], number: str) -> dict[str, Any]:
    """What the history keeps."""
    return {
        "schema": "acdoctor.transaction/1",
        "id": number,
        "time": time.time(),
        "who": _user(),
        "command": order.command,
        "because": order.because,
        "changes": [[c.name, c.before, c.after, c.because] for c in order.changes],
        "reinstalled": list(order.reinstalled),
        "errors": list(order.errors),
        "undoes": order.undoes,
        "surgery": surgery.as_json(),
        "placed": {path: list(seen) for path, seen in facts.items()},
    }


def _user() -> str:
    """Who it was; a number when the user has no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return str(os.getuid())


def _folder(room: Path) -> Path:
    """A new transaction's folder; ids sort by time."""
    number = time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + "-" + secrets.token_hex(2)
    return room / "transactions" / number


def _state(room: Path, folder: Path, state: str) -> None:
    """The next state, on the disk before anything else happens."""
    settle(folder)
    write_json(room / "journal.json", {"id": folder.name, "state": state})


def _finish(room: Path, folder: Path) -> None:
    """Tidy up after success: only set-aside files and the record stay. What fails now, the next command does."""
    with suppress(OSError):
        write_json(folder / "outcome.json", {"outcome": "committed"})
        shutil.rmtree(folder / "staged", ignore_errors=True)
        (room / "journal.json").unlink(missing_ok=True)


def _tidy(folder: Path, room: Path) -> None:
    """Remove a transaction that left no trace in the environment; the journal first, or it would name nothing."""
    with suppress(OSError):
        (room / "journal.json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
