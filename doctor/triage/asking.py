"""What a package says in its own words: install this, I need a version up to that, this name was moved."""

from __future__ import annotations

import re

from doctor.triage.missing import Missing
from doctor.triage.versions import normal

_NAME = r"[A-Za-z][\w.-]{0,100}"
_ASKED_FOR = (
    re.compile(rf"Missing optional dependency ['\"](?P<need>{_NAME})['\"]"),
    re.compile(rf"requires? the (?P<need>{_NAME}) (?:library|package) but (?:it was )?(?:not found|is not installed)"),
    re.compile(
        r"(?:pip3?|uv pip|python3? -m pip) install (?:-U |--upgrade |-q )?['\"`]?"
        rf"(?P<need>{_NAME}(?:\[[\w,-]{{0,60}}\])?(?:[<>=!~]=?[\w.*]{{1,30}},?){{0,3}})"
    ),
)
_PLEASE = re.compile(
    r"(?:[Pp]lease install|[Yy]ou (?:need|have) to install|[Tt]ry installing|must be installed:) (?:the )?"
    rf"[`'\"]?(?P<need>{_NAME})[`'\"]?(?=[\s.,)]|$)"
)
_ABSENT = re.compile(
    rf"(?:package|library|module) [`'\"]?(?P<need>{_NAME})[`'\"]? "
    r"(?:seems to be |is )?(?:not installed|not found|missing)\b"
)
_NAMED = re.compile(
    rf"[`'\"](?P<need>{_NAME})[`'\"] (?:package|library|module) (?:is )?(?:not installed|not found|missing|required)\b"
)
# Only the words of an ImportError are read so: elsewhere much is required, and much is to be installed.
_REQUIRED = re.compile(rf"(?P<need>{_NAME})(?: or {_NAME})? is required (?:for|to|when|by)\b")
_INSTALL = re.compile(rf"\b[Ii]nstall (?:the )?[`'\"]?(?P<need>{_NAME}(?:\[[\w,-]{{1,60}}\])?)")
_WORDS = (
    "a an and are argument be either from is it its key latest module one or package packages please required "
    "that the them these this using value version via was which with"
)
_NO_PROJECTS = frozenset(_WORDS.split(" "))
_OR_LESS = re.compile(
    rf"(?P<who>{_NAME}) (?:needs|requires) (?P<name>{_NAME}) (?:version )?(?P<bound>\d[\d.]{{0,20}}) or "
    r"(?P<side>less|older|lower|earlier|greater|newer|higher|later)[^.]{0,60}\. "
    rf"(?:Got|Found|You have) {_NAME} (?P<have>\d[\w.]{{0,20}})"
)
_MOVED = re.compile(
    r"^[`'\"]?(?P<module>(?:\w{1,60}\.){0,3})(?P<symbol>\w{1,120})[`'\"]? "
    r"(?:(?:has been|was|is) (?:now )?(?:re)?moved|is no longer)\b"
)
_REMOVED = re.compile(
    r"^[`'\"]?(?P<symbol>[\w.:]{2,160})[`'\"]? (?:is deprecated and )?(?:was|has been|is) removed in "
    r"(?:[A-Za-z][\w-]{0,60} )?(?:version )?[vV]?(?P<version>\d[\d.]{0,20})"
)
_UPGRADE = re.compile(
    r"\b(?:upgrade|update) (?:your )?(?:[\w-]{1,40} ){0,3}to "
    rf"(?P<need>{_NAME}(?:[<>=!~]=?\d[\w.]{{0,30}},?){{1,3}})"
)
_AT_VERSION = re.compile(rf"(?P<name>{_NAME}) (?:package )?(?:installed )?is at version (?P<have>\d[\w.]{{0,30}})")
_NAME_ENDS = re.compile(r"[<>=!~\[]")


def asked_for(message: str, *, at_import: bool = False) -> tuple[str, ...]:
    """The requirements that a message says should be installed, in its order.

    ``at_import``: it is the message of an ImportError, which speaks of little else.
    """
    patterns = (*_ASKED_FOR, _PLEASE, _NAMED, _ABSENT)
    found = [match for pattern in patterns for match in pattern.finditer(message)]
    found.sort(key=lambda match: match.start("need"))
    if not found and at_import:
        found = [match for pattern in (_REQUIRED, _INSTALL) for match in pattern.finditer(message)]
    needs = [match["need"].rstrip(".,") for match in found]
    return tuple(dict.fromkeys(need for need in needs if need.lower() not in _NO_PROJECTS))


def name_of(need: str) -> str:
    """The project that a requirement names."""
    return _NAME_ENDS.split(need, maxsplit=1)[0]


def bounded(message: str) -> Missing | None:
    """A message that names the newest or oldest version that will do ("needs NumPy 2.0 or less. Got NumPy 2.1")."""
    match = _OR_LESS.search(message)
    if not match:
        return _upgraded(message)
    sign = "<=" if match["side"] in ("less", "older", "lower", "earlier") else ">="
    have = match["have"].rstrip(".")
    name = normal(match["name"])
    return Missing(kind="version", need=f"{name}{sign}{match['bound'].rstrip('.')}", have=f"{name}=={have}")


def removed(message: str) -> tuple[str, str] | None:
    """What a package says it has no more, and in which version it went; None: the message tells no version."""
    match = _REMOVED.search(message)
    return (match["symbol"], match["version"].rstrip(".")) if match else None


def _upgraded(message: str) -> Missing | None:
    """A message that names the requirement to upgrade to ("please upgrade your grpc module to grpcio>=1.78.0")."""
    match = _UPGRADE.search(message)
    if not match:
        return None
    need = match["need"].rstrip(",.")
    told = _AT_VERSION.search(message)
    return Missing(
        kind="version", need=need, have=f"{normal(name_of(need))}=={told['have'].rstrip('.')}" if told else ""
    )


def moved(message: str) -> tuple[str, str] | None:
    """Module ('' when it does not tell) and name that a package says it no longer has; None: it says no such thing."""
    match = _MOVED.search(message)
    return (match["module"].rstrip("."), match["symbol"]) if match else None
