"""Numbers as a person says them."""

from __future__ import annotations

import math


def seconds(value: float) -> str:
    """``38 ms``, ``1.42 s``, ``5 min 12 s``."""
    if value < 1:
        return f"{value * 1000:.0f} ms" if value >= 0.01 else f"{value * 1000:.1f} ms"  # noqa: PLR2004
    if value < 100:  # noqa: PLR2004 - three digits tell enough
        return f"{value:.{2 if value < 10 else 1}f} s"  # noqa: PLR2004
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004


def number(value: float) -> str:
    """Three digits: ``0.042``, ``1.42``, ``38.5``, ``1240``."""
    if not math.isfinite(value):
        return "?"
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 6)}f}"


def times(ratio: float) -> str:
    """A ratio in words: ``1.42 times``."""
    return f"{ratio:.2f} times"


def percent(share: float) -> str:
    """``7%``, ``0.4%``: no line is broken inside it."""
    return f"{share * 100:.{0 if share >= 0.095 or share == 0 else 1}f}%"  # noqa: PLR2004


def amount(value: float, unit: str) -> str:
    """A measure with its unit."""
    return seconds(value) if unit == "s" else f"{number(value)} {unit}"
