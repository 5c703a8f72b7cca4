"""Small phrases that several checks put into their sentences."""

from __future__ import annotations

from collections.abc import Sequence
from posixpath import basename

from doctor.model import Distribution, Environment

ENVIRONMENT = "<environment>"
"""The subject of findings about the environment itself."""


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 file``, ``1,234 files``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def named(distribution: Distribution) -> str:
    """``pandas 2.2.3``: how a sentence speaks of a distribution."""
    return f"{distribution.name} {distribution.version}".strip()


def some(words: Sequence[str], most: int = 3) -> str:
    """``a, b and c``, or ``a, b, c and 9 more``."""
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most:,} more"
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def shown(path: str, environment: Environment) -> str:
    """A path as short as it stays clear: below its site directory, else below the environment."""
    for place in (*environment.site_dirs, environment.path):
        if place and path.startswith(f"{place}/"):
            return path[len(place) + 1 :]
    return path


def python_name(environment: Environment) -> str:
    """``python3.11``: a command that makes environments with the same Python."""
    parts = environment.python_version.split(".")
    return f"python{parts[0]}.{parts[1]}" if len(parts) > 1 else "python3"


def title(path: str) -> str:
    """The last part of a path."""
    return basename(path.rstrip("/"))
