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
_WORDS = "a an and from it latest one or package packages required that the them these this using version via with"
_NO_PROJECTS = frozenset(_WORDS.split(" "))
_OR_LESS = re.compile(
    rf"(?P<who>{_NAME}) (?:needs|requires) (?P<name>{_NAME}) (?:version )?(?P<bound>\d[\d.]{{0,20}}) or "
    r"(?P<side>less|older|lower|earlier|greater|newer|higher|later)[^.]{0,60}\. "
    rf"(?:Got|Found|You have) {_NAME} (?P<have>\d[\w.]{{0,20}})"
)
_MOVED = re.compile(r"^[`'\"](?:\w{1,60}\.){0,3}(?P<symbol>\w{1,120})[`'\"] (?:has been|was) (?:re)?moved\b")
_NAME_ENDS = re.compile(r"[<>=!~\[]")


def asked_for(message: str) -> tuple[str, ...]:
    """The requirements that a message says should be installed, in its order."""
    patterns = (*_ASKED_FOR, _PLEASE, _ABSENT)
    found = [match["need"].rstrip(".,") for pattern in patterns for match in pattern.finditer(message)]
    return tuple(dict.fromkeys(need for need in found if need.lower() not in _NO_PROJECTS))


def name_of(need: str) -> str:
    """The project that a requirement names."""
    return _NAME_ENDS.split(need, maxsplit=1)[0]


def bounded(message: str) -> Missing | None:
    """A message that names the newest or oldest version that will do ("needs NumPy 2.0 or less. Got NumPy 2.1")."""
    match = _OR_LESS.search(message)
    if not match:
        return None
    sign = "<=" if match["side"] in ("less", "older", "lower", "earlier") else ">="
    have = match["have"].rstrip(".")
    name = normal(match["name"])
    return Missing(kind="version", need=f"{name}{sign}{match['bound'].rstrip('.')}", have=f"{name}=={have}")


def moved(message: str) -> str:
    """The name that a package says it no longer has, '' when the message is none of that."""
    match = _MOVED.search(message)
    return match["symbol"] if match else ""
