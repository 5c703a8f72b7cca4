"""A training at several batch sizes: the table, what it says, and the plot as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape

from doctor.render.page import Page, Row, plain, wrapped
from doctor.smoke.ladder import Rung, Verdict

_GROWS, _FULL = 0.5, 0.1
"""Parts of the growth of the batch by which the rate has to grow to speak of use, or of no use."""
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 400, 76, 24, 44, 60
_TICKS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One batch size: samples and tokens per second between the first and the last line of progress."""

    batch: int
    steps: int
    rate: float
    tokens: float | None
    seconds_per_step: float
    first_line: float | None
    first_loss: float | None
    last_loss: float | None
    title: str


def sizes_of(rungs: Sequence[Rung]) -> tuple[Size, ...]:
    """The rungs that trained with a batch size of their own and came to an end, smallest batch first."""
    found = (_size(rung) for rung in rungs if rung.verdict in (Verdict.PASSED, Verdict.WARNED))
    return tuple(sorted((size for size in found if size), key=lambda size: size.batch))


def _size(rung: Rung) -> Size | None:
    measured, suffix = rung.measured, rung.name.rpartition("-")[2]
    batch, rate, step = (measured.get(key) for key in ("batch_size", "steady_rate", "seconds_per_step"))
    if not suffix.isdigit() or not (
        isinstance(batch, int) and isinstance(rate, int | float) and isinstance(step, int | float)
    ):
        return None
    losses = measured.get("losses")
    known = [pair[1] for pair in losses if pair[1] is not None] if isinstance(losses, list) else []
    steps, tokens, first = (measured.get(key) for key in ("max_steps", "tokens_per_second", "seconds_to_first_line"))
    return Size(
        batch=batch,
        steps=steps if isinstance(steps, int) else 0,
        rate=float(rate),
        tokens=float(tokens) if isinstance(tokens, int | float) else None,
        seconds_per_step=float(step),
        first_line=float(first) if isinstance(first, int | float) else None,
        first_loss=known[0] if known else None,
        last_loss=known[-1] if known else None,
        title=rung.title,
    )


def render_sweep(sizes: Sequence[Size], page: Page) -> str:
    """The table and how to read it; '' when there is nothing to compare."""
    return plain(_table(sizes, page)) if sizes else ""


def _table(sizes: Sequence[Size], page: Page) -> Iterator[Row]:
    heads = ("batch", "samples/s", "tokens/s", "s/step", "to 1st line", "loss")
    rows = [
        (
            f"{size.batch:,}",
            _short(size.rate),
            _short(size.tokens),
            _short(size.seconds_per_step),
            "-" if size.first_line is None else f"{_short(size.first_line)} s",
            _losses(size, page),
        )
        for size in sizes
    ]
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    yield Row()
    for row in (heads, *rows):
        cells = [f"{text:>{width}}" for text, width in zip(row[:-1], widths, strict=False)]
        yield Row(text="  ".join([*cells, row[-1]]))
    yield Row()
    for sentence in readings(sizes):
        for line in wrapped(sentence, page.width, first=f"{page.symbol('dot')} ", rest="  "):
            yield Row(text=line)


def readings(sizes: Sequence[Size]) -> Iterator[str]:
    """What the numbers say about the batch size, and what they cannot say."""
    for small, large in pairwise(sizes):
        batch, rate = large.batch / small.batch, large.rate / small.rate
        use = (rate - 1) / (batch - 1) if batch > 1 else 0.0
        said = (
            "the larger batch is put to use"
            if use > _GROWS
            else "the smaller batch filled the machine already"
            if use < _FULL
            else "the larger batch is put to use in part"
        )
        yield (
            f"{small.batch:,} to {large.batch:,}: the batch grows {batch:.2g} times, samples/s {rate:.2g} times: {said}"
        )
    if len({size.last_loss for size in sizes}) > 1:
        yield (
            "losses of different batch sizes cannot be compared after the same number of steps: "
            "a larger batch has seen more samples"
        )
    if any(size.steps <= 10 for size in sizes):  # noqa: PLR2004 - a canned run has five
        yield "rates of a few steps are rough: 5 % of difference may be chance; --steps 50 tells more"


def _losses(size: Size, page: Page) -> str:
    if size.first_loss is None or size.last_loss is None:
        return "-"
    return f"{size.first_loss:.3f} {page.symbol('becomes')} {size.last_loss:.3f}"


def _short(number: float | None) -> str:
    """Three figures are what such a measurement carries."""
    if number is None:
        return "-"
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"  # noqa: PLR2004 - three figures


def render_sweep_svg(sizes: Sequence[Size], title: str) -> str:
    """Samples per second over the batch size, with the line on which they would grow as the batch does."""
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    largest, most = max(s.batch for s in sizes), max(s.rate for s in sizes) * 1.15
    spots = [(s, _LEFT + width * s.batch / (largest * 1.05), _TOP + height * (1 - s.rate / most)) for s in sizes]
    first, x, y = spots[0]
    reach = min(largest * 1.05 / first.batch, most / first.rate)
    ideal = (_LEFT + (x - _LEFT) * reach, _TOP + height - (_TOP + height - y) * reach)
    line = " ".join(f"{px:.1f},{py:.1f}" for _, px, py in spots)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">',
        "<style>text{font-size:13px}</style>",
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="24" font-weight="bold">{escape(title)}</text>',
        *_axis(most, width, height),
        f'<path d="M{_LEFT} {_TOP + height}L{ideal[0]:.1f} {ideal[1]:.1f}" stroke="#888" stroke-dasharray="5 4"/>',
        f'<polyline points="{line}" fill="none" stroke="#1b6ac9" stroke-width="2"/>',
    ]
    for size, px, py in spots:
        parts += [
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4.5" fill="#1b6ac9"/>',
            f'<text x="{px:.1f}" y="{py - 10:.1f}" text-anchor="middle">{_short(size.rate)}</text>',
            f'<text x="{px:.1f}" y="{_TOP + height + 20}" text-anchor="middle">{size.batch}</text>',
        ]
    legend = "batch size (dashed: as if samples/s grew as the batch does)"
    parts += [f'<text x="{_LEFT + width / 2:.0f}" y="{_HEIGHT - 16}" text-anchor="middle">{legend}</text>', "</svg>"]
    return "\n".join(parts) + "\n"


def _axis(most: float, width: float, height: float) -> Iterator[str]:
    """Lines and numbers of the rate."""
    for tick in range(_TICKS + 1):
        y = _TOP + height * (1 - tick / _TICKS)
        yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_LEFT + width}" y2="{y:.1f}" stroke="#ddd"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(most * tick / _TICKS)}</text>'
    yield (
        f'<text transform="translate(18 {_TOP + height / 2:.0f}) rotate(-90)" text-anchor="middle">samples per second'
        "</text>"
    )
