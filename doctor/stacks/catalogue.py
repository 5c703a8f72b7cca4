"""What is known of the stacks, for people: one line for each, or everything that one says."""

from __future__ import annotations

from dataclasses import dataclass

from doctor.rulebook.known_good import lock_folder
from doctor.rulebook.rules import Rulebook, Stack
from doctor.stacks.lockfile import PYLOCK, Lock, LockError, read_lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A stack and its set (None: it has none)."""

    stack: Stack
    lock: Lock | None

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """id, Python, distributions, day of resolution, title."""
        count = str(len(self.lock.packages)) if self.lock else "-"
        resolved = str(self.lock.facts.get("resolved", "")) if self.lock else ""
        also = f" (also: {', '.join(self.stack.also)})" if self.stack.also else ""
        python = self.stack.python.removeprefix("==").removesuffix(".*") or "any"
        return self.stack.id, python, count, resolved or "-", self.stack.title + also


def entry_of(stack: Stack) -> Entry:
    """The stack with its set; raises ``LockError`` for a set that is there and cannot be read."""
    path = lock_folder(stack) / PYLOCK
    if not path.exists():
        return Entry(stack=stack, lock=None)
    return Entry(stack=stack, lock=read_lock(path))


def catalogue(rulebook: Rulebook) -> tuple[Entry, ...]:
    """All stacks, newest release of a family last."""
    return tuple(sorted((entry_of(stack) for stack in rulebook.stacks), key=lambda entry: _order(entry.stack.id)))


def _order(name: str) -> tuple[tuple[int, int, str], ...]:
    """Words and numbers in turn, so that 2.10.0 comes after 2.9.0."""
    parts = name.replace("-", ".").split(".")
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)


def told(entry: Entry) -> list[str]:
    """How the environment of a stack is made, in lines."""
    stack, lock = entry.stack, entry.lock
    if lock is None:
        return ["There is no known-good set of it: nothing can be created from it."]
    lines = [
        f"Known-good set: {len(lock.packages)} distributions, {lock.size / 1e6:,.0f} MB to download",
        f"  make it:   acdoctor create {stack.id} DIR" + (" --checkout CHECKOUT" if stack.checkouts else ""),
        f"  bound pip: acdoctor constraints {stack.id} > constraints.txt",
    ]
    lines += [f"  cured:     {cure.pin}: {cure.reason}" for cure in stack.cures]
    lines += [
        f"  not hashed: {each.name} from {each.url}: {each.reason}" for each in stack.archives if not each.instead
    ]
    lines += [f"  --without {left.option}: {', '.join(left.packages)}: {left.reason}" for left in stack.leave_out]
    return lines


__all__ = ["Entry", "LockError", "catalogue", "entry_of", "told"]
