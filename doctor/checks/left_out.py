"""What an environment was made without: noted in pyvenv.cfg by ``acdoctor create --without``, for the host to bring."""

from __future__ import annotations

from doctor.model import Environment
from doctor.rulebook.requirements import UNREADABLE, split_pin

LEFT_OUT_KEY = "acdoctor-left-out"
"""The key in pyvenv.cfg: exact pins, separated by blanks. Its Python and every other tool pass over it."""


def left_out(environment: Environment) -> dict[str, str]:
    """Normalized name -> version of what was left out on purpose; what is installed after all is not in it."""
    found: dict[str, str] = {}
    for pin in environment.config.get(LEFT_OUT_KEY, "").split():
        try:
            name, version = split_pin(pin)
        except UNREADABLE:
            continue
        if environment.distribution(name) is None:
            found[name] = version
    return found
