"""An answer without secrets: every text of it that comes from the paste goes through the same redaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

from doctor.triage.diagnosis import Answer

_LEFT = frozenset(["reading", "versions", "environment", "harmless"])
"""Not shown, or (versions) names and numbers only."""


def clean_answer(answer: Answer, clean: Callable[[str], str]) -> Answer:
    """The same answer with ``clean`` applied to every text that may be shown."""
    _cleaned(answer, clean)  # user names are learnt wherever they stand, then taken out everywhere
    cleaned: Answer = _cleaned(answer, clean)
    return cleaned


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, tuple):
        return tuple(_cleaned(item, clean) for item in value)
    if isinstance(value, Mapping):
        return {key: _cleaned(item, clean) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        shown = [field.name for field in fields(value) if field.name not in _LEFT]
        return replace(value, **{name: _cleaned(getattr(value, name), clean) for name in shown})
    return value
