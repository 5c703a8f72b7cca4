"""A sentence of the section "what this can and cannot tell"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    """``shown``: the numbers carry it; ``hint``: they agree with it, and with other causes; ``open``: they do not."""

    SHOWN = "shown"
    HINT = "hint"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One sentence (without a final stop) about one ``topic`` (a word that scripts may rely on)."""

    topic: str
    weight: Weight
    sentence: str
