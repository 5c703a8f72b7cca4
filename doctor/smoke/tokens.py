"""Which token a service is asked with, and what to do when there is none that counts: the words for every case."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from doctor.errors import DoctorError
from doctor.smoke.services import ALCF_ROOT, Service
from doctor.smoke.token_stores import STORES, TokenReading, bare_token, read_stores, read_token_file

_FIRST_LOGIN = (
    "alcf-tokens login inference   (python -m pip install alcf-tokens)",
    "or the older script:  python inference_auth_token.py authenticate",
)
_HOUR = 3600.0


class TokenError(DoctorError):
    """There is no token to ask with; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenChoice:
    """What the user said about the token: a file, the name of a variable, or that none is wanted."""

    file: str = ""
    variable: str = ""
    none: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The token to use ('' for none) and what a person should know.

    ``state``: ``ready``, ``soon`` (it ends within the hour), ``loose`` (usable, with something to mend), ``unneeded``,
    or why there is none. ``rule`` is the id of the rule with the same meaning, where there is one.
    """

    state: str
    sentence: str
    token: str = field(default="", repr=False)
    details: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    rule: str = ""
    expires_at: float | None = None

    @property
    def usable(self) -> bool:
        """The service can be asked (with a token, or it wants none)."""
        return self.state in ("ready", "soon", "loose", "unneeded")


def find_login(service: Service, choice: TokenChoice, now: float, clients: Sequence[str] = ()) -> Login:
    """The token for a service by the user's choice, else from the stores of the login programs.

    Stored tokens are for one service and are sent to no other host. ``clients`` are distributions that the user asks
    with: some see only one store. Never raises.
    """
    if choice.none:
        return Login(state="unneeded", sentence="none is sent (--no-token)")
    if choice.variable:
        text = os.environ.get(choice.variable)
        if text is None:
            sentence = f"the variable {choice.variable} is not set"
            return Login(state="absent", sentence=sentence, next_steps=(f"export {choice.variable}=...",))
        return _judged(bare_token(text, f"${choice.variable}"), now)
    if choice.file:
        return _judged(read_token_file(os.path.expanduser(choice.file), now), now)  # noqa: PTH111 - no such user: as is
    if urlsplit(service.base).hostname != urlsplit(ALCF_ROOT).hostname:
        return _elsewhere(service)
    readings = read_stores(os.path.expanduser("~"), now)  # noqa: PTH111 - never raises
    return _for_clients(_stored(readings, now), readings, clients)


def find_token(service: Service, choice: TokenChoice, now: float) -> str:
    """The token itself, '' when none is needed; raises ``TokenError`` when there is none that can be used."""
    login = find_login(service, choice, now)
    if not login.usable:
        raise TokenError(f"No token for {service.title}: {login.sentence}. {'; '.join(login.next_steps[:1])}".strip())
    return login.token


def _elsewhere(service: Service) -> Login:
    """No choice was made, and the service is not the one for which the stores hold tokens."""
    if not service.root:
        return Login(state="unneeded", sentence="none is sent; a server of your own seldom wants one")
    return Login(
        state="absent",
        sentence=f"stored tokens are not sent to {service.host}: they are for {urlsplit(ALCF_ROOT).hostname}",
        next_steps=("give one for this address:  --token-file FILE  or  --token-env NAME",),
    )


def _stored(readings: Sequence[TokenReading], now: float) -> Login:
    """The best of the stores: the token that lives longest, else the one that can most easily be renewed."""
    usable = [reading for reading in readings if reading.usable]
    others = _others(readings, now)
    if usable:
        best = max(usable, key=lambda reading: reading.expires_at or now)
        return _judged(best, now, tuple(line for line in others if _place(best) not in line))
    present = [reading for reading in readings if reading.state != "absent"]
    if not present:
        places = tuple(f"looked for {_place(reading)}" for reading in readings[:2])
        return Login(
            state="absent",
            sentence="nobody is logged in on this machine",
            details=places,
            next_steps=_FIRST_LOGIN,
            rule="service-globus-no-token",
        )
    ranks = ("expired", "service", "empty", "characters", "format", "damaged", "unreadable")
    best = min(present, key=lambda reading: (reading.dead, ranks.index(reading.state)))
    return _judged(best, now, tuple(line for line in others if _place(best) not in line))


def _for_clients(login: Login, readings: Sequence[TokenReading], clients: Sequence[str]) -> Login:
    """The login, with a remark when a client that is installed will not see it."""
    for reading in readings:
        blind = [name for name in clients if reading.store and name in reading.store.clients]
        if blind and login.usable and not reading.usable and reading.store:
            step = f"{reading.store.login}   for {', '.join(blind)}, which knows no other login (No valid tokens found)"
            sentence = f"{login.sentence}, but {blind[0]} does not see it"
            steps = (step, *login.next_steps)
            return replace(login, state="loose", sentence=sentence, next_steps=steps, rule="service-alcf-tokens")
    return login


def _others(readings: Sequence[TokenReading], now: float) -> tuple[str, ...]:
    """One line for every other store that holds something: a login with one program does not count for the next."""
    lines = []
    for reading in readings:
        if reading.state == "absent" or reading.store is None:
            continue
        until = f" for {_span(reading.expires_at - now)}" if reading.usable and reading.expires_at else ""
        lines.append(f"{reading.store.title} has its own login: {reading.state}{until} ({_place(reading)})")
    return tuple(lines) if len(lines) > 1 else ()


def _judged(reading: TokenReading, now: float, more: tuple[str, ...] = ()) -> Login:
    """The words for one reading."""
    if reading.usable:
        return _usable(reading, now, more)
    state, sentence, steps, rule = _refusal(reading, now)
    return Login(state=state, sentence=sentence, details=(_place(reading), *more), next_steps=steps, rule=rule)


def _usable(reading: TokenReading, now: float, more: tuple[str, ...]) -> Login:
    left = None if reading.expires_at is None else reading.expires_at - now
    of = f" of {reading.store.title}" if reading.store else ""
    sentence = f"the token{of} is valid for {_span(left)}" if left is not None else f"a token{of}; its end is not known"
    mend = []
    if reading.padded:
        sentence = f"{sentence}, but blanks or a line feed stand around it"
        mend.append('strip it, or clients end in "Connection error.":  TOKEN=$(tr -d " \\n\\r" < FILE)')
    if reading.open_to_others:
        mend.append(f"other users of this machine can read it:  chmod 600 {_place(reading)}")
    soon = left is not None and left < _HOUR
    if soon:
        mend.append(f"renew it before a long run:  {(reading.store or STORES[0]).renew}")
    state = "soon" if soon else "loose" if mend else "ready"
    details = (_place(reading), *more)
    rule = "http-header-newline" if reading.padded else ""
    return Login(
        state=state,
        sentence=sentence,
        token=reading.value,
        details=details,
        next_steps=tuple(mend),
        rule=rule,
        expires_at=reading.expires_at,
    )


def _refusal(reading: TokenReading, now: float) -> tuple[str, str, tuple[str, ...], str]:
    """State, sentence, next steps and rule for a place without a usable token."""
    store = reading.store or STORES[0]
    again = f"{store.login}   (in a terminal: it asks you to open a page)"
    aside = f"mv {_place(reading)} {_place(reading)}.old && {store.login}"
    if reading.state == "expired":
        return _expired(reading, now, store.renew, again)
    table: dict[str, tuple[str, tuple[str, ...], str]] = {
        "absent": ("the token file is not there", (again,), "service-globus-no-token"),
        "unreadable": (
            f"the token file cannot be read: {reading.detail}",
            (f"ls -l {_place(reading)}   (it must be a file of yours, mode 600)",),
            "",
        ),
        "damaged": (
            "the token file ends in the middle (a full disk or quota?): login programs die of it with JSONDecodeError",
            (aside, "look at your quota first: the next write may end so too"),
            "",
        ),
        "format": (
            f"the token file was written by another program or release ({reading.detail})",
            (aside,),
            "service-globus-format",
        ),
        "service": (
            f"the login of {store.title} is not for this service",
            (again,),
            "service-alcf-tokens",
        ),
        "empty": ("there is no token in it", (again,), "service-globus-no-token"),
        "characters": (
            "the token has blanks, line ends or foreign characters within it: no header can carry it",
            ("copy it again: one line, nothing but the token",),
            "http-header-newline",
        ),
    }
    sentence, steps, rule = table[reading.state]
    return reading.state, sentence, steps, rule


def _expired(reading: TokenReading, now: float, renew: str, again: str) -> tuple[str, str, tuple[str, ...], str]:
    """A token that was good: renewed by itself, or only by a new login."""
    since = _span(now - (reading.expires_at or now))
    if not reading.refreshable:
        sentence = f"the token expired {since} ago and nothing is stored that could renew it"
        steps: tuple[str, ...] = (
            again,
            "a job without a terminal cannot ask for it (CommandLineLoginFlowEOFError): log in before",
        )
        return "expired", sentence, steps, "service-globus-eof"
    if reading.dead:
        sentence = f"the token expired {since} ago, and the stored login is older than six months: it has ended, too"
        return "expired", sentence, (again,), "service-globus-grant"
    steps = (
        f"{renew}   renews it by the stored login",
        f"if that says invalid_grant, the login has ended:  {again}",
        "if it says GlobusConnectionError, the login service is not reached from here: set https_proxy",
    )
    return "expired", f"the token expired {since} ago; the stored login can renew it", steps, "service-token-expired"


def _place(reading: TokenReading) -> str:
    """Where it stands, as a shell takes it."""
    home = os.path.expanduser("~").rstrip("/")  # noqa: PTH111 - never raises
    if home and reading.place.startswith(f"{home}/"):
        return f"~{reading.place.removeprefix(home)}"
    return reading.place


def _span(seconds: float) -> str:
    """A length of time as a person says it."""
    for size, name in ((86400.0, "day"), (_HOUR, "hour"), (60.0, "minute")):
        count = int(seconds // size)
        if count >= 2 or (count == 1 and name != "day"):  # noqa: PLR2004 - 36 hours say more than 1 day
            return f"{count} {name}{'s' if count > 1 else ''}"
    return f"{max(int(seconds), 0)} s"
