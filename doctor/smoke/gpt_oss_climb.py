"""What a climb of the gpt-oss ladder knows, and how its rungs are made."""

from __future__ import annotations

from dataclasses import dataclass, field

from doctor.errors import DoctorError
from doctor.smoke.judging import Judge
from doctor.smoke.ladder import Rung, Verdict
from doctor.smoke.service import Failure
from doctor.smoke.service_client import ServiceClient
from doctor.smoke.service_network import Limits
from doctor.smoke.services import Service
from doctor.smoke.tokens import Login, TokenChoice

TITLES = {
    "packages": "client packages",
    "token": "token",
    "network": "network",
    "health": "health",
    "whoami": "login",
    "model": "model name",
    "running": "model runs",
    "answer": "answer",
    "stream": "streamed answer",
}
"""The rungs, in the order in which they are climbed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user wants to be tried. ``environment``: path of the clients' environment ('' for none)."""

    service: Service
    model: str = ""
    environment: str = ""
    token: TokenChoice = field(default_factory=TokenChoice)
    max_tokens: int = 512
    limits: Limits = field(default_factory=lambda: Limits(total=330.0))
    rules: tuple[str, ...] = ()
    folder: str = "."


@dataclass(slots=True, kw_only=True)
class Climb:
    """What is known so far.

    ``broken``: the rungs that failed; what needs one of them is skipped. ``clients``: those that are installed.
    """

    wish: Wish
    judge: Judge
    login: Login | None = None
    client: ServiceClient | None = None
    model: str = ""
    clients: tuple[str, ...] = ()
    broken: set[str] = field(default_factory=set)


def rung(name: str, verdict: Verdict, sentence: str, **more: object) -> Rung:
    """The rung of that name; ``more`` are further fields of a ``Rung``."""
    return Rung(name=name, title=TITLES[name], verdict=verdict, sentence=sentence, **more)  # type: ignore[arg-type]


def failed(
    name: str,
    failure: Failure,
    *,
    details: tuple[str, ...] = (),
    more: tuple[str, ...] = (),
    measured: dict[str, object] | None = None,
) -> Rung:
    """The rung for a failure of the service or the network."""
    said = (f"it said: {failure.said}",) if failure.said else ()
    return rung(
        name,
        Verdict.FAILED,
        failure.sentence,
        details=(*said, *details),
        next_steps=(*failure.cures, *more),
        category=failure.category,
        rule=failure.rule,
        measured=measured or {},
    )


def asked(climb: Climb) -> ServiceClient:
    """The client that the network rung made; every rung that asks needs that one."""
    if climb.client is None:
        raise DoctorError("The service cannot be asked before the network was tried.")
    return climb.client
