"""Literal text that every match of a regex must contain, so that a log is searched at the speed of ``memmem``."""

from __future__ import annotations

import re

from doctor.rulebook.rules import Needle

# Quantifiers, ranges over all digits and group names hold digits that no text must have.
_NO_DIGITS_ASKED = re.compile(r"\{\d*,?\d*\}|0-9|\(\?P<\w+>")
_CLASSES = frozenset("dDwWsSbBAZ0123456789")
_ESCAPED = {"n": "\n", "t": "\t"}


def needle(pattern: str) -> Needle:
    """A pattern with what makes searching it quick."""
    return Needle(pattern=pattern, literals=required_literals(pattern), digits=asks_for_digits(pattern))


def required_literals(pattern: str) -> tuple[str, ...]:
    """Texts of which at least one is in every match, chosen as long as possible; empty when there is none.

    Conservative: what is not understood counts as no literal. Patterns with inline flags give none.
    """
    if pattern.startswith("(?i"):
        return ()
    found: list[str] = []
    for branch in _branches(pattern):
        best = _best(branch)
        if not best:
            return ()
        found.extend(best)
    return tuple(dict.fromkeys(found))


def _branches(pattern: str) -> list[str]:
    """The alternatives at the top level."""
    parts, start, position = [], 0, 0
    while position < len(pattern):
        position = _skip(pattern, position) if pattern[position] in "\\[(" else position
        if position < len(pattern) and pattern[position] == "|":
            parts.append(pattern[start:position])
            start = position + 1
            position += 1
        elif position < len(pattern) and pattern[position] not in "\\[(":
            position += 1
    return [*parts, pattern[start:]]


def _skip(pattern: str, position: int) -> int:
    """The position after an escape, a character class or a group."""
    if pattern[position] == "\\":
        return position + 2
    if pattern[position] == "[":
        position += 2 if pattern[position + 1 : position + 2] in ("]", "^") else 1
        position += 1 if pattern[position - 1] == "^" and pattern[position : position + 1] == "]" else 0
        while position < len(pattern) and pattern[position] != "]":
            position += 2 if pattern[position] == "\\" else 1
        return position + 1
    position += 1
    while position < len(pattern) and pattern[position] != ")":
        position = _skip(pattern, position) if pattern[position] in "\\[(" else position + 1
    return position + 1


def _best(branch: str) -> tuple[str, ...]:
    """The best literals of one alternative: the longest run, or a group whose every alternative has one."""
    options: list[tuple[str, ...]] = []
    run, position = "", 0
    while position < len(branch):
        character = branch[position]
        end = _skip(branch, position) if character in "\\[(" else position + 1
        literal = _literal(branch[position:end])
        quantifier = branch[end : end + 1]
        optional = quantifier in ("?", "*") or branch[end:].startswith("{0")
        if literal and not optional:
            run += literal
            if quantifier in ("+", "{"):
                options.append((run,))
                run = ""
        else:
            options.append((run,))
            run = ""
            if character == "(" and not optional:
                options.append(_group(branch[position:end]))
        position = _after_quantifier(branch, end)
    options.append((run,))
    real = [option for option in options if option and all(option)]
    return max(real, key=lambda option: (min(map(_weight, option)), -len(option)), default=())


def _weight(literal: str) -> float:
    """How much a literal tells: digits are in every line of a log."""
    return sum(0.3 if character.isdigit() or character == " " else 1.0 for character in literal)


def _literal(token: str) -> str:
    """The character that a token stands for, '' when it stands for many or none."""
    if token.startswith("\\"):
        return "" if token[1:] in _CLASSES or len(token) != 2 else _ESCAPED.get(token[1], token[1])  # noqa: PLR2004
    return "" if token[0] in "[(.^$*+?{}|" else token


def _group(token: str) -> tuple[str, ...]:
    """The literals of a group's inside; none for look-arounds, whose text need not be in the match."""
    inside = token[1:-1]
    if inside.startswith("?:"):
        return required_literals(inside[2:])
    if inside.startswith("?P<"):
        return required_literals(inside.partition(">")[2])
    return () if inside.startswith("?") else required_literals(inside)


def _after_quantifier(branch: str, position: int) -> int:
    """The position after ``?``, ``*``, ``+``, ``{m,n}`` and their lazy or possessive mark."""
    if branch[position : position + 1] == "{":
        position = branch.index("}", position) + 1
    elif branch[position : position + 1] in ("?", "*", "+") and branch[position : position + 1]:
        position += 1
    else:
        return position
    return (
        position + 1 if branch[position : position + 1] in ("?", "+") and branch[position : position + 1] else position
    )


def asks_for_digits(pattern: str) -> bool:
    """Whether the pattern tells one digit from another (``401``, not any digit)."""
    return bool(re.search(r"\d", _NO_DIGITS_ASKED.sub("", pattern)))


def unanchored(pattern: str) -> str:
    """The pattern without ``^`` and ``$`` (those in character classes and escaped ones stay)."""
    kept, position = [], 0
    while position < len(pattern):
        end = _skip(pattern, position) if pattern[position] in "\\[" else position + 1
        token = pattern[position:end]
        # An empty group keeps a quantifier or an empty alternative as it was.
        kept.append("(?:)" if token in ("^", "$") else token)
        position = end
    return "".join(kept)
