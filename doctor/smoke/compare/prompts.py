"""The prompts of a comparison: drawn from a data set by a fixed seed, each text once."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain, islice

from doctor.errors import UsageError
from doctor.smoke.compare.columns import Columns, choose_columns, expected, prompt_text
from doctor.smoke.compare.sources import Table
from doctor.smoke.compare.values import Prompt, PromptSet, Terms

_LOOK = 50  # rows by which the columns are chosen
_CHARACTERS_PER_TOKEN = 3.0  # cautious: English text has about four
_EMPTY, _LONG, _AGAIN = "without text", "too long for the smallest context", "the same text again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user asked of the prompts: how many at each level, which columns, what fits (in characters)."""

    n: int
    columns: Columns
    longest: int | None = None


def longest_prompt(context: int | None, max_tokens: int) -> int | None:
    """Characters that certainly fit beside the answer into a context of so many tokens (None: unknown)."""
    return None if context is None else int(max(0, context - max_tokens) * _CHARACTERS_PER_TOKEN)


def choose_prompts(table: Table, wish: Wish, terms: Terms) -> PromptSet:
    """Draw the prompts: for each level its own, and further ones for warm-up and the plain phase, while they last.

    A prompt that was asked before is answered faster by a service that keeps the work on it (prefix caching); so no
    text is used twice as long as the data set has enough. The same data set, seed and wish give the same prompts.
    Raises ``UsageError`` when there is none.
    """
    rows = iter(table.rows)
    head = list(islice(rows, _LOOK))
    if not head:
        raise UsageError(f"The data set {table.name} has no rows.")
    columns = choose_columns(head, wish.columns)
    left_out: Counter[str] = Counter()
    total = wish.n * len(terms.levels) + terms.plain + terms.warm_up
    generator = random.Random(terms.seed if terms.seed is not None else 0)  # noqa: S311 - a fixed choice, no secret
    drawn: list[Prompt] = []
    seen, usable, count = set[bytes](), 0, 0
    for count, row in enumerate(islice(chain(head, rows), table.limit), 1):
        text = prompt_text(row, columns)
        digest = hashlib.sha256(text.encode(errors="replace")).digest()[:12]
        reason = _unfit(text, digest, seen, wish.longest)
        if reason:
            left_out[reason] += 1
            continue
        seen.add(digest)
        answers, kind = expected(row, columns)
        usable += 1
        prompt = Prompt(row=count - 1, text=text, answers=answers, kind=kind)
        if len(drawn) < total:
            drawn.append(prompt)
        elif (place := generator.randrange(usable)) < total:  # reservoir sampling
            drawn[place] = prompt
    if not drawn:
        reasons = ", ".join(f"{number} {reason}" for reason, number in left_out.items())
        raise UsageError(f"The data set {table.name} has no usable prompt: {reasons}.")
    generator.shuffle(drawn)
    chosen = PromptSet(
        name=table.name,
        prompts=tuple(drawn),
        column=columns.template or columns.prompt,
        answer_column=columns.answer if any(prompt.kind for prompt in drawn) else "",
        chosen=columns.chosen,
        rows=count,
        left_out=dict(left_out),
    )
    return replace(chosen, fingerprint=fingerprint(chosen.prompts))


def _unfit(text: str, digest: bytes, seen: set[bytes], longest: int | None) -> str:
    """Why a text cannot serve ('' when it can)."""
    if not text:
        return _EMPTY
    if longest is not None and len(text) > longest:
        return _LONG
    return _AGAIN if digest in seen else ""


def fingerprint(prompts: tuple[Prompt, ...]) -> str:
    """A short digest of the prompts in their order: two runs with the same one asked the same."""
    lines = (json.dumps([prompt.row, prompt.text, prompt.answers]) for prompt in prompts)
    return hashlib.sha256("\n".join(lines).encode(errors="replace")).hexdigest()[:12]
