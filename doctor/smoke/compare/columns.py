"""Which column holds the question, which the answer, and what text is sent: chosen by name, shown to the user."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from doctor.errors import UsageError

_PROMPTS = (
    "prompt", "question", "problem", "query", "instruction", "messages", "conversations", "conversation", "input",
    "article", "document", "dialogue", "passage", "context", "content", "text", "sentence",
)  # fmt: skip
_ANSWERS = (
    "answer", "answers", "final_answer", "correct_answer", "answerkey", "ground_truth", "target", "expected",
    "solution", "output", "response", "completion", "highlights", "summary",
)  # fmt: skip
_CHOICES = ("choices", "options", "endings")
_LETTERS = string.ascii_uppercase
_SHORT = 5  # words of an answer that can be looked for as a phrase
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Names of columns ('' for none); ``template`` is a text with ``{column}`` in it, used instead of ``prompt``."""

    prompt: str
    answer: str = ""
    choices: str = ""
    template: str = ""
    chosen: str = ""


def choose_columns(rows: Sequence[Mapping[str, Any]], wanted: Columns) -> Columns:
    """What the user named, and a guess for the rest, said in words.

    ``rows`` are the first few of the data set. Raises ``UsageError`` when a named column is missing or none can serve.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    fields = [part for _, part, _, _ in string.Formatter().parse(wanted.template) if part] if wanted.template else []
    for name in filter(None, (wanted.prompt, wanted.answer, *fields)):
        if name not in names:
            raise UsageError(f"The data set has no column {name!r}; it has: {', '.join(names) or 'none'}.")
    by_name = {name.lower(): name for name in reversed(names)}
    said: list[str] = []
    prompt = wanted.prompt or (fields[0] if fields else "")
    if fields:
        said.append("prompt by the given template")
    elif prompt:
        said.append(f"prompt from column {prompt!r} as given")
    else:
        prompt, how = _guess_prompt(rows, names, by_name)
        said.append(f"prompt from column {prompt!r} ({how})")
    answer = wanted.answer or next((by_name[n] for n in _ANSWERS if n in by_name and by_name[n] != prompt), "")
    if answer:
        said.append(f"answer from column {answer!r}" + ("" if wanted.answer else " (by its name)"))
    choices = "" if fields else next((by_name[n] for n in _CHOICES if n in by_name and n != prompt.lower()), "")
    if choices:
        said.append(f"choices from column {choices!r}")
    return Columns(prompt=prompt, answer=answer, choices=choices, template=wanted.template, chosen="; ".join(said))


def _guess_prompt(rows: Sequence[Mapping[str, Any]], names: list[str], by_name: Mapping[str, str]) -> tuple[str, str]:
    for known in _PROMPTS:
        if known in by_name and any(message_text(row.get(by_name[known])) for row in rows):
            return by_name[known], "guessed by its name"
    lengths = {name: sum(len(message_text(row.get(name))) for row in rows) for name in names}
    best = max(lengths, key=lambda name: lengths[name], default="")
    if not best or not lengths[best]:
        raise UsageError(f"The data set has no column with text; it has: {', '.join(names) or 'no column at all'}.")
    return best, "guessed: the longest text; another one by --column"


def message_text(value: Any) -> str:
    """The user's words: a text, or the first user's message of a list of messages."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list | tuple):
        for message in value:
            if isinstance(message, dict):
                role = message.get("role", message.get("from", "user"))
                words = message.get("content", message.get("value"))
                if role in ("user", "human") and isinstance(words, str):
                    return words.strip()
    return ""


def prompt_text(row: Mapping[str, Any], columns: Columns) -> str:
    """What is sent for the row; '' when the row holds nothing to send."""
    if columns.template:
        fields = {name: message_text(value) or value for name, value in row.items()}
        try:
            return columns.template.format_map(fields).strip()
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise UsageError(f"--template cannot be filled: {type(error).__name__} {error}.") from None
    text = message_text(row.get(columns.prompt))
    options = _options(row.get(columns.choices)) if columns.choices else []
    if text and options:
        listed = "\n".join(f"{letter}. {option}" for letter, option in options)
        return f"{text}\n{listed}\nAnswer with the letter of the right choice only."
    return text


def expected(row: Mapping[str, Any], columns: Columns) -> tuple[tuple[str, ...], str]:
    """What counts as right and how it is judged; ``((), '')`` when it cannot be judged fairly."""
    value = row.get(columns.answer) if columns.answer else None
    options = _options(row.get(columns.choices)) if columns.choices else []
    if options:
        letter = _letter(value, options)
        return ((letter,), "choice") if letter else ((), "")
    texts = _texts(value)
    if not texts:
        return (), ""
    tail = [text.rpartition("####")[2].strip() for text in texts]  # a worked solution with the result at its end
    if all(_NUMBER.fullmatch(text.strip(" $%.")) for text in tail):
        return tuple(number(text) for text in tail), "number"
    if all(len(text.split()) <= _SHORT for text in tail):
        return tuple(tail), "phrase"
    return (), ""


def number(text: str) -> str:
    """The last number in the text in its shortest form; '' without one."""
    found = _NUMBER.findall(text)
    if not found:
        return ""
    plain = found[-1].replace(",", "")
    return plain.rstrip("0").rstrip(".") if "." in plain else str(int(plain)) if len(plain) <= 4000 else plain  # noqa: PLR2004 - int()'s limit


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):  # extractive question answering: {"text": [...], "answer_start": [...]}
        value = value.get("text", value.get("value"))
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, int | float):
        return [str(value)]
    if isinstance(value, str):
        return [value.strip()] if value.strip() else []
    return [text.strip() for text in value if isinstance(text, str) and text.strip()] if isinstance(value, list) else []


def _options(value: Any) -> list[tuple[str, str]]:
    """Lettered choices of a list, or of a mapping with ``text`` and ``label``."""
    labels: Sequence[Any] = _LETTERS
    if isinstance(value, dict):
        labels, value = value.get("label") or _LETTERS, value.get("text")
    if not isinstance(value, list | tuple) or not 1 < len(value) <= len(_LETTERS) or len(labels) < len(value):
        return []
    return [(str(label), str(option)) for label, option in zip(labels, value, strict=False)]


def _letter(value: Any, options: Sequence[tuple[str, str]]) -> str:
    """The letter of the right choice, given as a letter, as a number from 0 or as the choice itself."""
    if isinstance(value, bool) or value is None:
        return ""
    text = str(value).strip()
    letters = [letter for letter, _ in options]
    if text in letters:
        return text
    if text.isdecimal() and int(text) < len(options):
        return letters[int(text)]
    return next((letter for letter, option in options if option.strip() == text), "")
