"""Lines of a paste as the program wrote them: colour, quoting, rank and time prefixes taken off.

People paste from terminals, mails, notebooks and schedulers. What they add around a line never helps to
understand it, but where the line stood (its number) and which process wrote it (its stream) do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

# A longer line is data, not a message; the limit also bounds what any rule's regex can cost.
LINE_LIMIT = 4096

# ECMA-48 control sequences, operating system commands (titles, hyperlinks) and two-character escapes.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b]{0,2048}(?:\x07|\x1b\\)|\x1b[@-Z\\-_=>78]|\x9b[0-?]{0,64}[@-~]"
)
# Other control and bidirectional-override characters never belong to a message and can disguise one.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
# What word processors, chats and web pages make of quotes and brackets.
_TYPOGRAPHY = str.maketrans({0xA0: " ", 0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'})
_ENTITIES = {"&quot;": '"', "&#34;": '"', "&#39;": "'", "&#x27;": "'", "&apos;": "'", "&lt;": "<", "&gt;": ">"}
_ENTITIES |= {"&nbsp;": " ", "&amp;": "&"}
_ENTITY = re.compile("|".join(map(re.escape, _ENTITIES)))
_QUOTES = re.compile(r"(?:> ?){1,8}(?!>)")
_BOX = re.compile(r"^\s{0,40}[│┃] ?(.*?)\s*[│┃]?$")
_FENCE = re.compile(r"^\s{0,8}(?:```|~~~)[\w.+-]{0,20}\s*$")

_STAMP = (
    r"(?P<stamp>\d{4}-\d\d-\d\d[T :]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d(?: UTC)?))?|"
    r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:[.,]\d{1,9})?)"
)
_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|ERRO|CRITICAL|FATAL)"
# Each is one prefix that some program, scheduler or log collector puts before a line. The named group ``stream``
# tells who wrote the line: lines of different streams are read apart.
_PREFIXES = tuple(
    re.compile(text)
    for text in (
        rf"\[?{_STAMP}\]?(?:Z)?(?:\s+-(?=\s)|:(?=\s)|,(?=\s))?\s?",
        (
            rf"\[?(?P<level>{_LEVEL})\]?(?:\s{{0,8}}[:|])?(?:\s(?=\d\d-\d\d )|"
            rf"\s(?=\s{{0,8}}\[[\w./-]{{1,60}}:\d)|(?<=[\]:|])\s{{0,3}}(?!root:))"
        ),
        r"\d\d-\d\d \d\d:\d\d:\d\d(?:[.,]\d{1,6})?\s",
        r"\[\d\d:\d\d:\d\d(?:[.,]\d{1,6})?\]\s?",
        r"\s{0,8}\[[\w./-]{1,60}\.py:\d{1,6}(?::\w{1,60})?\](?::\d{1,9})?\s?",
        r"(?P<stream>\[(?:rank|default|local_rank|worker|node)[ _]?\d{1,6}\](?:<std(?:err|out)>)?)(?::\s?|\s)",
        r"(?P<stream>\[\d{1,5},\d{1,5}\](?:<std(?:err|out)>)?):\s?",
        r"(?P<stream>(?:[Rr]ank|RANK|[Nn]ode|[Ww]orker)[ _]?\d{1,6})(?::\s?|\s\|\s?)",
        r"(?P<stream>\d{1,5}):\s(?=\s{0,8}(?:Traceback|File \"|[A-Z]\w{2,60}(?:Error|Exception)\b|\s))",
        r"(?P<stream>\(\w[\w.:<>-]{0,60}(?: \w{0,30})? ?pid=\d{1,9}(?:, ?ip=[\w.:]{1,60})?\))\s?",
        r"(?P<stream>[a-z][\w.-]{0,60}[_-]\d{1,4}) {1,20}\|\s?",
        r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?P<stream>[\w.-]{1,60} [\w./@-]{1,60}(?:\[\d{1,9}\])?): ",
        r"(?:stdout|stderr) ?(?:: |\| |[FP] )",
        r"(?P<stream>\[pid \d{1,9}\]) ",
        r"INTERNALERROR> ?",
        r"#\d{1,3} \d{1,6}\.\d{1,3} ",
        r"\[\d{1,6}/\d{1,6}\] (?=\s{0,8}(?:\[|Running|Success|Compil|Init|Start))",
    )
)
_PREFIX_START = frozenset("[(#0123456789TDINWECFRrNnWwsabcdefghijklmopqtuvxyz JMAOSJ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: ``number`` counts from 1, ``text`` has colour and quoting taken off, ``message`` also prefixes.

    ``stream`` names the rank or process that a prefix gave ('' when none), ``stamp`` the time text of a prefix,
    ``level`` its level word.
    """

    number: int
    text: str
    message: str
    stream: str = ""
    stamp: str = ""
    level: str = ""


def plain(raw: bytes | str) -> str:
    """One line without terminal escapes, control characters and line ends; overwritten parts (CR) are gone.

    Bytes that are not UTF-8 become U+FFFD. At most ``LINE_LIMIT`` characters are kept.
    """
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    text = text[: 4 * LINE_LIMIT].rstrip("\r\n")
    if "\x1b" in text or "\x9b" in text:
        text = _ESCAPES.sub("", text)
    if "\r" in text:
        text = next((part for part in reversed(text.split("\r")) if part.strip()), "")
    if not text.isascii() or not text.isprintable():
        text = _CONTROLS.sub("", text).translate(_TYPOGRAPHY)
    if "&" in text and ";" in text:
        text = _ENTITY.sub(lambda match: _ENTITIES[match[0]], text)
    return text[:LINE_LIMIT].expandtabs(4).rstrip()


def unquoted(text: str) -> str:
    """The line without mail or Markdown quoting (``>``), the bars of a drawn box and code fences."""
    bare = text.lstrip(" ")
    if bare.startswith(">") and not bare.startswith(">>> "):
        match = _QUOTES.match(bare)
        text = bare[match.end() :] if match else text
    elif bare.startswith(("│", "┃")):
        box = _BOX.match(text)
        text = box[1] if box else text
    return "" if _FENCE.match(text) else text


def read_line(number: int, raw: bytes | str) -> Line:
    """One line, taken apart."""
    text = unquoted(plain(raw))
    message, stream, stamp, level = text, "", "", ""
    for _ in range(6):
        if not message or message[0] not in _PREFIX_START:
            break
        match = next((m for prefix in _PREFIXES if (m := prefix.match(message)) and m.end()), None)
        if match is None:
            break
        groups = match.groupdict()
        stream = groups.get("stream") or stream
        stamp = stamp or groups.get("stamp") or ""
        level = level or groups.get("level") or ""
        message = message[match.end() :]
    return Line(number=number, text=text, message=message, stream=stream, stamp=stamp, level=level)


def read_lines(raws: Iterable[bytes | str], first: int = 1) -> Iterator[Line]:
    """Every line of a paste, numbered from ``first``."""
    for number, raw in enumerate(raws, first):
        yield read_line(number, raw)


_TIME = re.compile(
    r"(\d{4})[-/](\d\d)[-/](\d\d)[T :](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?: ?(?:(Z|UTC)|([+-])(\d\d):?(\d\d)))?"
)


def moment(stamp: str) -> datetime | None:
    """The time that a stamp tells: naive (the writer's local time) unless it names a zone; None when it is none."""
    match = _TIME.match(stamp)
    if not match:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    micro = int((match[7] or "0").ljust(6, "0")[:6])
    zone: timezone | None = UTC if match[8] else None
    if match[9]:
        offset = timedelta(hours=int(match[10]), minutes=int(match[11]))
        zone = timezone(offset if match[9] == "+" else -offset) if offset < timedelta(hours=24) else None
    try:
        return datetime(year, month, day, hour, minute, second, micro, tzinfo=zone)
    except ValueError:
        return None
