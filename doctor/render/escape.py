r"""Hostile text made harmless: what a patient's files say may reach a terminal only through here.

A distribution may call itself ``evil\x1b]0;owned\x07`` or ``two\nlines``. Shown on a screen such a name stays on its
line and starts nothing: every character that is not printable (controls, bidirectional marks, lone surrogates of
undecodable file names) appears as the escape that a Python programmer would write.
"""

from __future__ import annotations

_LONGEST = 400


def shown(text: str, *, limit: int = _LONGEST) -> str:
    """The text on one line, printable characters only, shortened in the middle beyond ``limit`` characters."""
    if len(text) > limit:
        half = limit // 2
        text = f"{text[:half]}[...]{text[-half:]}"
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def encodable(text: str) -> str:
    """The text with undecodable bytes (lone surrogates) written as escapes; other characters stay as they are."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(_escape(c) if "\ud800" <= c <= "\udfff" else c for c in text)
    return text


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 - PEP 383: the byte 0x80..0xff that could not be decoded
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
