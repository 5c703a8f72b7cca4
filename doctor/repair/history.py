"""What was done to an environment: by the doctor, from its records; by others, from what is installed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from doctor.errors import TransactionError, UsageError
from doctor.model import Change, Environment
from doctor.repair.room import blocked, exclusive, read_json, room_of, write_json
from doctor.repair.surgery import Surgery, from_json
from doctor.repair.transaction import Order, recover_room

KEEP = 10
"""Transactions whose set-aside files are kept, so that they can be undone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of the environment: ``kind`` is ``fix``, ``rollback`` or ``foreign`` (made by somebody else).

    ``time`` in seconds since 1970; ``errors`` before and after; ``undone`` when a later rollback took it back;
    ``kept`` when its set-aside files are still there.
    """

    id: str
    kind: str
    time: float
    who: str = ""
    command: str = ""
    because: str = ""
    changes: tuple[Change, ...] = ()
    reinstalled: tuple[str, ...] = ()
    errors: tuple[int, int] = (0, 0)
    undoes: str = ""
    undone: bool = False
    kept: bool = False


def history(prefix: str) -> tuple[Event, ...]:
    """All events, oldest first; records that are damaged are passed over."""
    room = room_of(prefix)
    own = [event for folder in _folders(room) if (event := _event(folder))]
    undone: set[str] = set()
    for event in sorted(own, key=lambda e: (e.time, e.id), reverse=True):
        if event.undoes and event.id not in undone:  # what took it back was not itself taken back
            undone.add(event.undoes)
    own = [replace(e, undone=e.id in undone) for e in own]
    return tuple(sorted((*own, *_foreign(room)), key=lambda e: (e.time, e.id)))


def last(prefix: str) -> Event | None:
    """The latest transaction that was not undone, rollbacks included; None when there is none."""
    events = [e for e in history(prefix) if e.kind != "foreign" and not e.undone and e.kept]
    return events[-1] if events else None


def rollback_order(environment: Environment, event: Event) -> Order:
    """The order that takes an event back.

    Raises:
        TransactionError: it was taken back already, its files were changed since, or are no longer kept.
    """
    if event.undone:
        raise TransactionError(
            f"{event.id} was taken back already; acdoctor history tells by which rollback, and that can be taken back."
        )
    prefix = environment.path
    folder = room_of(prefix) / "transactions" / event.id
    record = read_json(folder / "record.json")
    try:
        surgery = from_json(record["surgery"])
        placed = {str(k): (int(v[0]), int(v[1])) for k, v in record["placed"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise TransactionError(f"The record of {event.id} is damaged; it cannot be rolled back.") from None
    if not event.kept:
        raise TransactionError(f"The files that {event.id} set aside were pruned; it cannot be rolled back.")
    root = Path(prefix)
    _check_unchanged(event, root, placed)
    back = {str(root / path): str(folder / "old" / path) for path in surgery.out}
    added = [path for path in placed if path not in set(surgery.out)]
    return Order(
        prefix=prefix,
        out=tuple(str(root / path) for path in (*added, *_compiled(root, added))),
        links=back,
        bare=tuple(str(root / folder) for folder in surgery.made),
        keep=standing(environment),
        times=surgery,
        changes=tuple(Change(name=c.name, before=c.after, after=c.before) for c in event.changes),
        reinstalled=event.reinstalled,
        because=f"takes back {event.id}",
        errors=(event.errors[1], event.errors[0]),
        undoes=event.id,
    )


def standing(environment: Environment) -> tuple[str, ...]:
    """Directories of an environment that must not go though they be empty."""
    return tuple(d for d in (*environment.site_dirs, environment.scripts_dir) if d.startswith(f"{environment.path}/"))


def look(prefix: str, environment: Environment) -> tuple[Change, ...]:
    """What others installed since the last look; remembers the present state when that is possible."""
    room = room_of(prefix)
    seen = read_json(room / "seen.json")
    now = {d.name: d.version for d in environment.distributions if d.metadata_path and d.kind != "assumed"}
    changed = _difference(_expected(room, seen) if isinstance(seen, dict) else now, now)
    if not room.is_dir() or (seen == now):
        return changed
    with suppress(OSError):
        if changed:
            path = room / "foreign.json"
            known = read_json(path)
            entry = {"time": _latest(environment, changed), "changes": [[c.name, c.before, c.after] for c in changed]}
            write_json(path, [*(known if isinstance(known, list) else []), entry][-200:])
        write_json(room / "seen.json", now)
    return changed


def _expected(room: Path, seen: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was seen, and what the doctor did since: he may have been killed before he looked."""
    with suppress(OSError):
        then = (room / "seen.json").stat().st_mtime
        own = [event for folder in _folders(room) if (event := _event(folder)) and event.time >= then]
        moved = {c.name: c.after for event in sorted(own, key=lambda e: e.time) for c in event.changes}
        return {name: version for name, version in {**seen, **moved}.items() if version is not None}
    return seen


def prune(prefix: str, keep: int = KEEP) -> int:
    """Drop set-aside files of all but the last ``keep`` transactions; bytes freed. Their records stay.

    Raises:
        TransactionError: another doctor works here.
    """
    if not room_of(prefix).is_dir():
        return 0
    try:
        with exclusive(prefix) as room:
            recover_room(room, Path(prefix))
            return _prune(room, keep)
    except OSError as error:
        raise blocked(error, prefix) from None


def event_named(prefix: str, number: str) -> Event:
    """The event with this id (or the only one that begins so).

    Raises:
        UsageError: none, or several.
    """
    found = [e for e in history(prefix) if e.kind != "foreign" and e.id.startswith(number)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(e.id for e in history(prefix) if e.kind != "foreign") or "none"
    raise UsageError(f"There is no single repair with the id {number!r}; known: {known}.")


def _prune(room: Path, keep: int) -> int:
    """Drop the oldest set-aside files, and folders that no transaction finished."""
    freed = 0
    folders = list(_folders(room))
    finished = [f for f in folders if (f / "outcome.json").exists()]
    dropped = [f / "old" for f in (finished[:-keep] if keep else finished)]
    for path in (*dropped, *(f for f in folders if f not in finished)):
        freed += sum(p.lstat().st_size for p in path.rglob("*") if not p.is_dir())
        shutil.rmtree(path, ignore_errors=True)
    return freed


def _folders(room: Path) -> Iterator[Path]:
    """Transactions, oldest first."""
    try:
        yield from sorted(p for p in (room / "transactions").iterdir() if p.is_dir())
    except OSError:
        return


def _event(folder: Path) -> Event | None:
    """A finished transaction; None for anything else."""
    record, outcome = read_json(folder / "record.json"), read_json(folder / "outcome.json")
    if not isinstance(record, dict) or not isinstance(outcome, dict):
        return None
    try:
        return Event(
            id=folder.name,
            kind="rollback" if record.get("undoes") else "fix",
            time=float(record["time"]),
            who=str(record.get("who", "")),
            command=str(record.get("command", "")),
            because=str(record.get("because", "")),
            changes=tuple(Change(name=c[0], before=c[1], after=c[2], because=c[3]) for c in record["changes"]),
            reinstalled=tuple(map(str, record.get("reinstalled", ()))),
            errors=(int(record["errors"][0]), int(record["errors"][1])),
            undoes=str(record.get("undoes", "")),
            kept=(folder / "old").is_dir(),
        )
    except (KeyError, TypeError, ValueError, IndexError):
        return None


def _foreign(room: Path) -> Iterator[Event]:
    """What others did, as far as a look noticed it."""
    entries = read_json(room / "foreign.json")
    for entry in entries if isinstance(entries, list) else ():
        with suppress(KeyError, TypeError, ValueError, IndexError):
            changes = tuple(Change(name=c[0], before=c[1], after=c[2]) for c in entry["changes"])
            yield Event(id="", kind="foreign", time=float(entry["time"]), changes=changes)


def _check_unchanged(event: Event, root: Path, placed: Mapping[str, tuple[int, int]]) -> None:
    """Refuse to take back what somebody changed since: his work would be lost."""
    for path, (size, time_ns) in placed.items():
        try:
            facts = (root / path).lstat()
        except OSError:
            facts = None
        if facts is None or (facts.st_size, facts.st_mtime_ns) != (size, time_ns):
            raise TransactionError(
                f"{path} was changed since {event.id}; rolling back would lose that. "
                "Undo the later change first, or reinstall by hand."
            )


def _compiled(root: Path, paths: list[str]) -> Iterator[str]:
    """What an interpreter compiled of files that are to go."""
    for path in paths:
        source = root / path
        if source.suffix == ".py":
            for name in _names(source.parent / "__pycache__"):
                if name.startswith(source.stem + ".") and name.endswith(".pyc"):
                    compiled = str(Path(path).parent / "__pycache__" / name)
                    if compiled not in paths:
                        yield compiled


def _names(folder: Path) -> list[str]:
    """What a directory holds."""
    try:
        return [p.name for p in folder.iterdir()]
    except OSError:
        return []


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Versions that differ."""
    names = sorted(n for n in {*before, *after} if before.get(n) != after.get(n))
    return tuple(Change(name=n, before=before.get(n), after=after.get(n)) for n in names)


def _latest(environment: Environment, changed: tuple[Change, ...]) -> float:
    """When the latest of the changed distributions was installed; now, when only removals are seen."""
    names = {c.name for c in changed if c.after}
    times = []
    for distribution in environment.distributions:
        if distribution.name in names:
            with suppress(OSError):
                times.append(Path(distribution.metadata_path).stat().st_mtime)
    return max(times, default=time.time())


def surgery_of(prefix: str, event: Event) -> Surgery | None:
    """The files that an event moved; None when its record is damaged."""
    record = read_json(room_of(prefix) / "transactions" / event.id / "record.json")
    try:
        return from_json(record["surgery"])
    except (KeyError, TypeError, ValueError):
        return None
