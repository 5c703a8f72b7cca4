"""Whether an answer is right, by plain rules that a person can follow; what they cannot judge stays unjudged."""

from __future__ import annotations

import re

from doctor.smoke.compare.columns import number
from doctor.smoke.compare.values import Prompt

RULES = {
    "number": "the last number of the answer is the expected one",
    "choice": "the first letter that stands alone is the expected choice",
    "phrase": "the expected words stand in the answer (capitals, articles and marks do not count)",
}
_MARKS = re.compile(r"[^\w\s]|_")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def is_right(prompt: Prompt, said: str) -> bool | None:
    """Whether ``said`` answers the prompt; None when the data set gives nothing to judge by."""
    if not prompt.kind:
        return None
    if prompt.kind == "number":
        return number(said.replace("**", "").rstrip(" .")) in prompt.answers
    if prompt.kind == "choice":
        letters = re.findall(r"(?<![\w'])([A-Z])(?![\w'])", said)
        letters = [letter for letter in letters if letter != "I"] or letters
        named = re.findall(r"(?:answer|choice|option)\W+(?:is\W+)?([A-Z])(?![\w'])", said, re.IGNORECASE)
        return (named or letters or [said.strip()])[0].upper() in prompt.answers
    words = f" {_plain(said)} "
    return any(f" {_plain(answer)} " in words for answer in prompt.answers if _plain(answer))


def _plain(text: str) -> str:
    return " ".join(_ARTICLES.sub(" ", _MARKS.sub(" ", text.casefold())).split())
