"""Where a stack's known-good set lies, and which versions it holds; the files themselves are read by others."""

from __future__ import annotations

import re
from pathlib import Path

from doctor.rulebook.rules import Stack
from doctor.rulebook.sources import builtin_directory

REQUIREMENTS = "requirements.txt"
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)", re.MULTILINE)


def lock_folder(stack: Stack) -> Path:
    """The folder of the set: beside the folder of rules that the stack comes from, else among the built-in ones.

    A rule ``DIR/stacks/ID.toml`` has its set in ``DIR/lockfiles/ID`` (``acdoctor adopt`` writes both); the built-in
    rules have theirs in ``lockfiles/`` beside ``rules/``. It need not exist.
    """
    name = stack.lockfile or stack.id
    own = Path(stack.path).absolute().parent
    places = [own.parent / "lockfiles" / name, own / "lockfiles" / name]
    builtin = builtin_directory().parent / "lockfiles" / name
    return next((place for place in places if place.is_dir()), builtin)


def versions_of(text: str) -> dict[str, str]:
    """Normalized name -> version of every exact pin in a requirements file, hashes and comments passed over."""
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in _PIN.findall(text)}
