"""The line of a rule file that a complaint is about, for people who have to mend it."""

from __future__ import annotations

import re

_AT = re.compile(r"\(at line (\d{1,6}),")
_PART = re.compile(r"^(?P<name>[^\[]*)(?:\[(?P<index>\d+)\])?$")


def line_of(text: str, key: str, complaint: str) -> int:
    """The line, counted from 1: what TOML's own reader says, else where the key stands; 0 when it stands nowhere."""
    told = _AT.search(complaint)
    if told:
        return int(told[1])
    lines = text.rstrip("\n").split("\n")
    if "(at end of document)" in complaint:
        return len(lines)
    at = end = 0
    for part in key.split(".") if key else ():
        name = _PART.match(part)
        if name is None:
            return at
        heads = [n for n, line in enumerate(lines, 1) if re.match(rf"\s*\[\[?\s*{re.escape(name['name'])}\s*\]", line)]
        index = int(name["index"] or 0)
        if heads and index < len(heads):
            at, end = (
                heads[index],
                next((n for n, line in enumerate(lines, 1) if n > heads[index] and line[:1] == "["), 0),
            )
            continue
        pattern = re.compile(rf"\s*[\"']?{re.escape(name['name'])}[\"']?\s*=")
        within = range(at, (end or len(lines) + 1) - 1)
        at = next((n + 1 for n in within if pattern.match(lines[n])), at)
    return at
