"""A known-good set as pip constraints: versions without hashes, for installs that the vendor's instructions start."""

from __future__ import annotations

from packaging.utils import canonicalize_name

from doctor.rulebook.rules import Stack
from doctor.stacks.lockfile import Lock

_NO_BOUND = ("pip", "wheel")
"""Not in the file: they install, they are not used. setuptools is: release 84 lacks pkg_resources."""


def constraints_of(stack: Stack, lock: Lock) -> str:
    """The lines of a constraints file (PEP 508 pins), with what a reader has to know on top.

    What the vendor asks for by URL stays out: a pin beside a URL is a conflict for pip.
    """
    by_url = {canonicalize_name(archive.name) for archive in stack.archives}
    pins = [p.pin for p in lock.packages if p.name not in by_url and p.name not in _NO_BOUND]
    day = f", as the index stood on {lock.facts['resolved']}" if lock.facts.get("resolved") else ""
    lines = [
        f"# {stack.id}: versions that work together{day}.",
        f"# acdoctor constraints {stack.id} > constraints.txt; export PIP_CONSTRAINT=$PWD/constraints.txt",
        *(f"# {cure.pin}: {cure.reason}" for cure in stack.cures),
        *pins,
    ]
    return "\n".join(lines) + "\n"
