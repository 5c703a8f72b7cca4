"""How Python, IPython, pytest and rich draw the lines of a traceback."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEADER = re.compile(
    r"^(?P<bars>[\s|+-]{0,40})(?:(?P<name>[A-Za-z_][\w.]{0,100})\s{2,80})?(?:(?P<original>Original )|traceback ?: )?"
    r"(?P<group>Exception Group )?Traceback \(most recent call last\)"
)
_RICH_HEADER = re.compile(r"^\s{0,20}[╭┌]─{1,200} ?Traceback \(most recent call last\)")
_LINKS = (
    ("The above exception was the direct cause of the following exception", "cause"),
    ("During handling of the above exception, another exception occurred", "context"),
)
_PLAIN = re.compile(
    r'^\s{0,60}File "(?P<path>[^"\n]{1,1000})", line (?P<line>\d{1,9})(?:, in (?P<function>.{1,300}))?\s{0,20}$'
)
_IPYTHON = re.compile(r"^File (?P<path>[^\s\"].{0,800}?):(?P<line>\d{1,9})(?:, in (?P<function>.{1,300}))?$")
_CELL = re.compile(
    r"^\s{0,8}(?P<path>(?:Cell In|Input In) ?\[\d{1,6}\])(?:, (?:line (?P<line>\d{1,9})|"
    r"in <cell line: (?P<line2>\d{1,9})>))?"
    r"(?:, in (?P<function>[^,]{1,200}))?(?:\(\))?$"
)
_OLD_IPYTHON = re.compile(
    r"^(?P<path>(?:[~/<]|[A-Za-z]:[\\/])\S{0,1000}) in (?P<function>[\w<>.]{1,200})(?:\(.{0,600}\))?$"
)
_PYTEST = re.compile(
    r"^(?P<path>[~/.\w][^\s:]{0,600}\.pyx?):(?P<line>\d{1,9}):(?: in (?P<function>[\w<>.]{1,200})|"
    r" (?P<ends>[A-Za-z_][\w.]{0,120}))?$"
)
_RICH = re.compile(
    r"^\s{0,4}(?P<path>(?:[~/]|[A-Za-z]:[\\/])\S{1,800}\.pyx?):(?P<line>\d{1,9})"
    r" in (?P<function>[\w<>.]{1,200})\s{0,200}$"
)
_ARROW = re.compile(
    r"^\s{0,8}(?:-{1,8}>\s{0,8}(?P<line>\d{1,9})\s?|[❱>]\s{1,8}(?:(?P<line2>\d{1,9})\s{1,4}(?:│ ?)"
    r"?)?)(?P<source>.{0,2000})$"
)
_PYTEST_ERROR = re.compile(r"^E(?: {2,9}(?P<text>.*))?$")
_EXCEPTION = re.compile(r"^\s{0,60}(?P<name>(?:[A-Za-z_]\w{0,80}\.){0,9}[A-Za-z_]\w{0,100})(?:: ?(?P<message>.*))?$")
_STRONG = re.compile(
    r"(?:^|\.)[A-Z]\w{0,100}(?:Error|Exception|Interrupt|SystemExit|Fault|Failure|ExceptionGroup|"
    r"NotFound|Conflict|Timeout|"
    r"Iteration|InV1|InvalidVersion|InvalidRequirement|Deprecated|Unavailable|Exceeded|ErrorDuringImport)$|"
    r"(?:^|\.)(?:SystemExit|KeyboardInterrupt|StopIteration|GeneratorExit|ExceptionGroup|Error|Exception)$"
)
_BARS = re.compile(r"^\s{0,60}(?:[|+] ?){1,20}")
_GROUP_RULE = re.compile(r"^[\s|+]{0,60}-{3,60}(?: \d{1,4} -{3,60}|\+?-*)?\s?$")
_MARKS = frozenset(" ~^\t")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The line that opens a traceback, and in whose style."""

    notebook: bool = False
    original: bool = False
    group: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameLine:
    """A line that names a frame; ``ends`` is the exception when that line is also the last (pytest)."""

    path: str
    line: int
    function: str
    ends: str = ""


def indent(text: str) -> int:
    """Leading blanks."""
    return len(text) - len(text.lstrip(" "))


def header(text: str) -> Header | None:
    """What the line opens, if anything."""
    if "Traceback (most" not in text:
        return None
    if _RICH_HEADER.match(text):
        return Header()
    match = _HEADER.match(text)
    if not match:
        # Loggers put words before the header: "ERROR root: Traceback (most recent call last):"
        return Header() if text.rstrip().endswith("Traceback (most recent call last):") else None
    return Header(
        notebook=match["name"] is not None,
        original=match["original"] is not None,
        group=match["group"] is not None or "|" in match["bars"],
    )


def link(text: str) -> str:
    """``cause`` or ``context`` when the line joins two tracebacks, else ''."""
    if " exception" not in text:
        return ""
    return next((kind for words, kind in _LINKS if words in text), "")


def is_rule(text: str) -> bool:
    """A drawn line between the members of a group, or above a notebook's traceback."""
    return "---" in text and bool(_GROUP_RULE.match(text))


def without_bars(text: str) -> str:
    """The line of an exception group without its bars."""
    match = _BARS.match(text)
    return text[match.end() :] if match else text


def frame(text: str, *, notebook: bool) -> FrameLine | None:
    """The frame that the line names, if any."""
    if not text or (":" not in text and '"' not in text and "In" not in text and " in " not in text):
        return None
    for pattern in (_PLAIN, _IPYTHON, _CELL, _PYTEST, _RICH, *((_OLD_IPYTHON,) if notebook else ())):
        match = pattern.match(text)
        if match:
            groups = match.groupdict()
            number = groups.get("line") or groups.get("line2") or 0
            return FrameLine(
                path=groups["path"],
                line=int(number),
                function=(groups.get("function") or "").strip(),
                ends=groups.get("ends") or "",
            )
    return None


def arrow(text: str) -> tuple[int, str] | None:
    """Line number (0 when not said) and source of the line that a drawing marks as current."""
    match = _ARROW.match(text)
    if not match or text.startswith(">>>"):
        return None
    return int(match["line"] or match["line2"] or 0), match["source"].strip()


def pytest_error(text: str) -> str | None:
    """The text of a line that pytest marks with ``E``."""
    match = _PYTEST_ERROR.match(text)
    return (match["text"] or "") if match else None


def exception(text: str, *, sure: bool) -> tuple[str, str] | None:
    """Name and message when the line is an exception's last line.

    ``sure``: it stands where Python prints one, so any name will do; otherwise it needs a message and must look
    like an exception's name.
    """
    match = _EXCEPTION.match(text)
    if not match:
        return None
    name, message = match["name"], match["message"]
    if sure:
        return name, (message or "").strip()
    if not is_strong(name) or (not message and indent(text)):
        return None
    if not message and "." not in name and not name.endswith(("Error", "Exception", "Interrupt")):
        return None
    return name, (message or "").strip()


def is_strong(name: str) -> bool:
    """The name looks like an exception's."""
    return bool(_STRONG.search(name))


def is_mark(text: str) -> bool:
    """Only the carets under a source line, or Python's note about repeated frames."""
    return not text.strip() or set(text) <= _MARKS or text.lstrip().startswith("[Previous line repeated")
