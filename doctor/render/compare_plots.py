"""Plots as SVG inside a page: no scripts, nothing loaded; colours and dashes tell services apart, words say it too."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from doctor.smoke.compare.statistics import Interval
from doctor.smoke.compare.words import number

_WIDTH, _HEIGHT = 440, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 34, 46
_DASHES = ("", "7 4", "2 3", "9 3 2 3")
_COLOURS = 4
STYLE = """<style>
.plot{width:100%;height:auto;font:12px system-ui,sans-serif;display:block}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(22rem,100%),1fr));gap:1.5rem 1rem}
.plots figure{margin:0}.numbers td,.numbers th{white-space:nowrap}
.numbers td,.numbers th+th{text-align:right;font-variant-numeric:tabular-nums}
.plot text{fill:currentColor}.plot .axis{stroke:currentColor;opacity:.5;fill:none}
.plot .grid{stroke:currentColor;opacity:.13}
.plot .line{fill:none;stroke-width:2.2}.plot .s0{stroke:#0b57d0}.plot .s1{stroke:#c2410c}.plot .s2{stroke:#15803d}
.plot .s3{stroke:#7e22ce}.plot .dot{stroke-width:6;stroke-linecap:round}
@media(prefers-color-scheme:dark){.plot .s0{stroke:#8ab4f8}.plot .s1{stroke:#fdba74}.plot .s2{stroke:#86efac}
.plot .s3{stroke:#d8b4fe}}
</style>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A named series; ``bounds`` are the intervals at its points (empty: none), ``steps`` draws a staircase."""

    name: str
    points: tuple[tuple[float, float], ...]
    bounds: tuple[Interval, ...] = ()
    steps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One picture. ``ticks`` are the positions and words of the x axis ('' for decimal ones of its own)."""

    title: str
    x_title: str
    y_title: str
    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...] = ()
    y_top: float | None = None


def distribution(name: str, values: Sequence[float]) -> Line:
    """The share of answers that had come by then, as a staircase."""
    ordered = sorted(values)
    return Line(
        name=name,
        points=tuple((value, (i + 1) / len(ordered)) for i, value in enumerate(ordered)),
        steps=True,
    )


def svg(plot: Plot) -> str:
    """The plot; '' when it has no point."""
    lines = [line for line in plot.lines if line.points]
    if not lines:
        return ""
    right = max(x for line in lines for x, _ in line.points) or 1.0
    tops = [y for line in lines for _, y in line.points] + [b.high for line in lines for b in line.bounds]
    top = plot.y_top or max(y for y in tops if math.isfinite(y)) * 1.08 or 1.0
    scale = _Scale(right=right * (1.0 if not plot.ticks else 1.08), top=top)
    parts = [*_axes(plot, scale)]
    for place, line in enumerate(lines):
        parts += _draw(line, place, scale)
    names = ", ".join(line.name for line in lines)
    label = escape(f"{plot.title}: {names}; {plot.y_title} over {plot.x_title}", quote=True)
    return (
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">'
        f"<title>{label}</title>{''.join(parts)}</svg>"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    right: float
    top: float

    def x(self, value: float) -> str:
        return f"{_LEFT + value / self.right * (_WIDTH - _LEFT - _RIGHT):.1f}"

    def y(self, value: float) -> str:
        share = min(max(value / self.top, 0.0), 1.0)
        return f"{_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM):.1f}"


def _axes(plot: Plot, scale: _Scale) -> Iterator[str]:
    bottom, left = scale.y(0), scale.x(0)
    yield f'<text x="{_LEFT}" y="16" font-weight="600">{escape(plot.title)}</text>'
    for value in _round_steps(scale.top):
        yield f'<line class="grid" x1="{left}" x2="{_WIDTH - _RIGHT}" y1="{scale.y(value)}" y2="{scale.y(value)}"/>'
        yield f'<text x="{_LEFT - 6}" y="{scale.y(value)}" dy="4" text-anchor="end">{_tick(value)}</text>'
    for value, word in plot.ticks or [(value, _tick(value)) for value in _round_steps(scale.right)]:
        yield f'<text x="{scale.x(value)}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{escape(word)}</text>'
    yield f'<path class="axis" d="M{left} {scale.y(scale.top)}V{bottom}H{_WIDTH - _RIGHT}"/>'
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    yield f'<text x="{middle:.0f}" y="{_HEIGHT - 10}" text-anchor="middle">{escape(plot.x_title)}</text>'
    high = (_TOP + _HEIGHT - _BOTTOM) / 2
    yield f'<text transform="translate(13 {high:.0f}) rotate(-90)" text-anchor="middle">{escape(plot.y_title)}</text>'


def _draw(line: Line, place: int, scale: _Scale) -> Iterator[str]:
    style, dash = f"s{place % _COLOURS}", _DASHES[place % len(_DASHES)]
    first_x, first_y = line.points[0]
    path = f"M{scale.x(first_x)} {scale.y(0) if line.steps else scale.y(first_y)}"
    for x, y in line.points:
        path += f"H{scale.x(x)}V{scale.y(y)}" if line.steps else f"L{scale.x(x)} {scale.y(y)}"
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    yield f'<path class="line {style}"{dashed} d="{path}"/>'
    for (x, y), bound in zip(line.points, line.bounds, strict=False):
        told = escape(f"{line.name}: {number(y)} ({number(bound.low)} to {number(bound.high)})")
        at = scale.x(x)
        yield f'<path class="line {style}" d="M{at} {scale.y(bound.low)}V{scale.y(bound.high)}"/>'
        yield f'<path class="dot {style}" d="M{at} {scale.y(y)}h0"><title>{told}</title></path>'
    row = _TOP - 8
    column = _LEFT + 150 * place
    yield f'<path class="line {style}"{dashed} d="M{column} {row}h24"/>'
    yield f'<text x="{column + 30}" y="{row + 4}">{escape(line.name[:18])}</text>'


def _round_steps(top: float) -> list[float]:
    """Three to six round numbers from 0 to ``top``."""
    raw = top / 4
    base = 10.0 ** math.floor(math.log10(raw))
    step = next(base * factor for factor in (1, 2, 2.5, 5, 10) if base * factor >= raw)
    return [step * i for i in range(int(top / step + 1e-9) + 1)]


def _tick(value: float) -> str:
    return f"{value:.10g}" if value < 10000 else f"{value:.2g}"  # noqa: PLR2004 - what fits beside the axis
