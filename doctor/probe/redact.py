"""Secrets and personal names taken out of text before it leaves the machine.

What goes: credentials in URLs, tokens and keys of the known shapes, whatever stands behind a word such as password
or token, private keys, cookies, mail addresses, home directories and the user names in them. What stays: hashes,
versions, module names and everything else that a diagnosis needs. In doubt it goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

SECRET, MAIL, USER = "<secret>", "<email>", "<user>"

# Shapes by which issuers mark their tokens; each is a certain secret wherever it stands.
_SHAPES = (
    r"hf_[A-Za-z0-9]{16,}",
    r"(?:sk|rk|pk)[-_](?:ant|or|proj|live|test|svcacct|lf)[-_][A-Za-z0-9_-]{8,}",
    r"sk-[A-Za-z0-9_-]{16,}",
    r"gsk_[A-Za-z0-9]{16,}",
    r"csk-[A-Za-z0-9]{16,}",
    r"nvapi-[A-Za-z0-9_-]{16,}",
    r"r8_[A-Za-z0-9]{16,}",
    r"gh[pousr]_[A-Za-z0-9]{16,}",
    r"github_pat_[A-Za-z0-9_]{16,}",
    r"gl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_-]{8,}",
    r"xox[abeoprs]-[A-Za-z0-9-]{8,}",
    r"(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}",
    r"AIza[A-Za-z0-9_-]{20,}",
    r"ya29\.[A-Za-z0-9_-]{16,}",
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]{0,})?",
    r"pypi-[A-Za-z0-9_-]{16,}",
    r"npm_[A-Za-z0-9]{16,}",
    r"dckr_pat_[A-Za-z0-9_-]{8,}",
    r"dop_v1_[a-f0-9]{16,}",
    r"dapi[a-f0-9]{30,}",
    r"SG\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    r"\d{8,10}:AA[A-Za-z0-9_-]{24,}",
    r"[MN][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    r"Ag[A-Za-z0-9]{40,}",
    r"(?:lin|shp(?:at|ca|pa|ss)|atp|hvs|hvb|pscale_tkn|figd|sntrys|tfp|dp\.pt|rpa)[_.][A-Za-z0-9_.-]{16,}",
    r"ATATT3[A-Za-z0-9_=-]{16,}",
    r"https://hooks\.slack\.com/[A-Za-z0-9/_-]{8,}",
    r"https://[a-z.]{0,20}discord(?:app)?\.com/api/webhooks/[A-Za-z0-9/_-]{8,}",
)
_SHAPE = re.compile(r"(?<![A-Za-z0-9_])(?:" + "|".join(_SHAPES) + r")")
_PEM = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----.{0,20000}?(?:-----END [A-Z ]{0,40}PRIVATE"
    r" KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_URL_LOGIN = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{1,20}://)(?P<login>[^\s/@'\"<>]{1,300}(?:@[^\s/@'\"<>]{0,100})?)@"
)
_WORD = (
    r"(?:[A-Za-z0-9]{1,30}[_.-]){0,6}(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|"
    r"apikey|access[_-]?key(?:[_-]?id)?|account[_-]?key|"
    r"shared[_-]?access[_-]?key|private[_-]?key|client[_-]?secret|secret[_-]?key|auth[_-]?token|"
    r"session[_-]?(?:id|key|token)|signature|credential[s]?|sig|"
    r"x-amz-[a-z-]{3,30}|wandb[_-]?key|key)"
)
_ASSIGNED = re.compile(
    rf"(?i)(?P<word>(?<![A-Za-z0-9]){_WORD})(?P<mark>['\"]?\s{{0,4}}(?:[=:]|=>|\s(?=['\"]))"
    rf"\s{{0,4}})(?P<quote>['\"]?)(?P<value>(?!None\b|null\b|True\b|False\b|<)[^\s'\"&,;)"
    rf"\]}}]{{4,4000}})"
)
_OPTION = re.compile(
    rf"(?i)(?P<option>(?<!\S)--?(?:{_WORD}|user|u|p|login))(?P<mark>[ =])(?P<value>(?!-)[^\s'\"]{{3,4000}})"
)
_HEADER = re.compile(
    r"(?i)(?P<head>(?:proxy-)?authorization['\"]?\s{0,3}[:=]\s{0,3}['\"]?)(?P<kind>(?:bearer|"
    r"basic|token|digest|negotiate|apikey)\s{1,4})?(?P<value>[^\s'\"<][^\r\n'\"]{2,4000})"
)
_BEARER = re.compile(r"(?i)\b(?P<kind>bearer|basic)\s{1,4}(?P<value>[A-Za-z0-9._~+/=-]{12,4000})")
_COOKIE = re.compile(r"(?i)(?P<head>(?:set-)?cookie['\"]?\s{0,3}:\s{0,3})(?P<value>[^\r\n]{3,8000})")
_NETRC = re.compile(
    r"(?i)\b(?P<head>machine\s{1,8}\S{1,200}\s{1,8}login\s{1,8})\S{1,200}(?P<mid>\s{1,8}password\s{1,8})\S{1,400}"
)
_MAIL = re.compile(r"(?<![\w.+-])(?!git@)[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}\b")
_LOGIN = re.compile(r"(?<![\w.+/@-])(?P<user>[a-z_][a-z0-9_-]{1,31})@(?=[A-Za-z0-9-]{2,63}(?:[:.\s$#]|$))")
_HOME = re.compile(
    r"(?P<root>/(?:home|Users|users|u|nfs/home|export/home|gpfs/home|lustre/home|scratch/users|"
    r"data/home|global/homes/[a-z])/|[A-Za-z]:[\\/]+Users[\\/]+)(?P<user>[^\s/\\'\":;,<>()|"
    r"]{1,64})"
)
_LONG = re.compile(
    r"(?<![A-Za-z0-9_/.+-])(?!_Z)(?=[^\s]{0,200}[a-z])(?=[^\s]{0,200}[A-Z])(?=[^\s]{0,200}\d)"
    r"[A-Za-z0-9+_-]{40,4000}={0,2}(?![A-Za-z0-9_/.(-])"
)
_COMMON_USERS = frozenset(
    [
        "user",
        "users",
        "root",
        "runner",
        "ubuntu",
        "admin",
        "jovyan",
        "app",
        "work",
        "home",
        "student",
        "guest",
        "shared",
        "public",
        "me",
        "you",
        "test",
        "data",
        "python",
        "conda",
        "venv",
    ]
)
_SAFE_VALUES = re.compile(
    r"(?i)^(?:none|null|true|false|missing|invalid|expired|required|error|not|is|was|the|str|int|"
    r"bytes|dict|list|\.\.\.|\*+|<.*|\d{1,3}|error:.*|[a-z]+error.*)$"
)


class Redactor:
    """Takes secrets out of text; user names learnt from home directories go everywhere they stand as a word."""

    def __init__(self, users: Iterable[str] = (), *, home: str = "~") -> None:
        """``users`` are names to take out from the beginning; ``home`` is written for a home directory."""
        self._home = home
        self._users: dict[str, None] = {}
        for user in users:
            self.learn(user)

    def learn(self, user: str) -> None:
        """Take this name out from now on; words that mean nobody are left alone."""
        if len(user) >= 3 and user.lower() not in _COMMON_USERS and not user.startswith("<"):  # noqa: PLR2004
            self._users[user] = None

    def study(self, text: str) -> None:
        """Learn the user names of a text without changing it."""
        for match in _HOME.finditer(text):
            self.learn(match["user"])

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        text = _secrets(text) if len(text) > 3 else text  # noqa: PLR2004
        self.study(text)
        text = _HOME.sub(lambda _: self._home, text)
        text = _MAIL.sub(MAIL, text)
        text = _LOGIN.sub(lambda m: m[0] if m["user"] == "git" else f"{USER}@", text)
        for user in self._users:
            if user in text:
                text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(user)}(?![A-Za-z0-9])", USER, text)
        return text


def _secrets(text: str) -> str:
    """The text without tokens, passwords and keys."""
    if "PRIVATE KEY" in text:
        text = _PEM.sub(SECRET, text)
    if "://" in text and "@" in text:
        text = _URL_LOGIN.sub(_without_login, text)
    text = _HEADER.sub(lambda m: f"{m['head']}{m['kind'] or ''}{SECRET}", text)
    text = _COOKIE.sub(lambda m: f"{m['head']}{SECRET}", text)
    text = _NETRC.sub(lambda m: f"{m['head']}{USER}{m['mid']}{SECRET}", text)
    text = _SHAPE.sub(SECRET, text)
    text = _BEARER.sub(lambda m: f"{m['kind']} {SECRET}" if re.search(r"\d|[A-Z].*[a-z]", m["value"]) else m[0], text)
    text = _ASSIGNED.sub(_assigned, text)
    text = _OPTION.sub(_option, text)
    return _LONG.sub(SECRET, text)


def _without_login(match: re.Match[str]) -> str:
    """A URL keeps its host; ``git@`` is no secret."""
    return match[0] if match["login"] == "git" else f"{match['scheme']}{SECRET}@"


def _assigned(match: re.Match[str]) -> str:
    """A value behind a word such as token, unless it plainly is none."""
    value, word = match["value"], match["word"].lower()
    bare_key = word == "key" or (word.endswith(("key", "sig", "signature")) and len(value) < 8)  # noqa: PLR2004
    harmless = (
        _SAFE_VALUES.match(value)
        or (bare_key and not re.search(r"\d", value))
        or value.startswith(("<", "$", "os.", "self.", "{"))
    )
    return match[0] if harmless else f"{match['word']}{match['mark']}{match['quote']}{SECRET}"


def _option(match: re.Match[str]) -> str:
    """The value of a command line option that takes a secret or a user's name."""
    option = match["option"].lstrip("-").lower()
    if option in ("u", "p") and not re.search(r"[:@]", match["value"]):
        return match[0]
    if option == "key" and not re.search(r"\d", match["value"]):
        return match[0]
    return f"{match['option']}{match['mark']}{SECRET}"
