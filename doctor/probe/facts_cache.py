"""Keeps what an interpreter told, so that the next look need not start it; optional and never trusted blindly."""

from __future__ import annotations

from collections.abc import Mapping

from doctor.probe.interpreter import Told, ask
from doctor.probe.place import Place


def ask_cached(executable: str, place: Place, environ: Mapping[str, str], timeout: float) -> Told:
    """The facts; raises ``StartFailure``."""
    return ask(executable, environ, timeout)
