"""What may cause a difference: generation speed, queueing, cold start, the network; each judged by its own numbers."""

from __future__ import annotations

from collections.abc import Iterator

from doctor.smoke.compare.measures import PER_TOKEN, TTFT
from doctor.smoke.compare.remark import Remark, Weight
from doctor.smoke.compare.results import Analysis, Cell, Habits, OwnNumber
from doctor.smoke.compare.statistics import Interval, rank_sum
from doctor.smoke.compare.words import number, percent, seconds

_COLD, _COLD_SECONDS = 3.0, 5.0
_GROWN, _CHANCE = 1.2, 0.01
_MOST, _LITTLE = 0.5, 0.2
_NOT_ALONE = "hardware, precision, parallelism and serving software act together here and are not told apart"


def cause_remarks(analysis: Analysis) -> Iterator[Remark]:
    """All causes that the numbers speak of."""
    yield from _generation(analysis)
    for contestant in analysis.plan.contestants:
        yield from _load(analysis, contestant.name)
    for habits in analysis.habits:
        yield from _cold(habits)
    yield from _network(analysis)
    yield from _inside(analysis)
    for habits in analysis.habits:
        if habits.drift is not None:
            word = "slower" if habits.drift > 1 else "faster"
            ratio = max(habits.drift, 1 / habits.drift)
            sentence = (
                f"{habits.service} became {ratio:.1f} times {word} per token during the run: "
                "its load changed, and another hour may give another result"
            )
            yield Remark(topic="drift", weight=Weight.SHOWN, sentence=sentence)


def _median(cell: Cell | None, name: str) -> Interval | None:
    return cell.spreads.get(name, {}).get(0.5) if cell else None


def _apart(first: Interval, other: Interval) -> bool:
    return first.high < other.low or other.high < first.low


def _generation(analysis: Analysis) -> Iterator[Remark]:
    """Speed of generation at the lowest level, where nobody of ours waits for anybody of ours."""
    level, names = min(analysis.plan.terms.levels), [c.name for c in analysis.plan.contestants]
    if analysis.incomparable or not analysis.plan.terms.stream:
        said = [own for own in analysis.own_numbers if own.name == "completion_tokens_after_first_per_sec"]
        told = "".join(
            f"; {own.service} itself says {number(own.said)} tokens per second after the first" for own in said
        )
        why = "the stream of a service is bundled" if analysis.incomparable else "nothing was streamed"
        sentence = f"how fast the models write once they have begun is not measured, because {why}{told}"
        yield Remark(topic="hardware", weight=Weight.OPEN, sentence=sentence)
        return
    found = {name: _median(analysis.cell(name, level), PER_TOKEN.name) for name in names}
    known = {name: interval for name, interval in found.items() if interval}
    if len(known) < len(names):
        return
    told = ", ".join(f"{name} {seconds(interval.value)}" for name, interval in known.items())
    first = known[names[0]]
    if any(_apart(first, known[name]) for name in names[1:]):
        sentence = f"once an answer has begun, a further token takes: {told} ({level} under way); {_NOT_ALONE}"
        yield Remark(topic="hardware", weight=Weight.HINT, sentence=sentence)
    elif len(names) > 1:
        sentence = f"once an answer has begun, the services write alike as far as this run can see: {told} per token"
        yield Remark(topic="hardware", weight=Weight.OPEN, sentence=sentence)


def _load(analysis: Analysis, service: str) -> Iterator[Remark]:
    """How latency grows with the requests under way."""
    cells = sorted((c for c in analysis.cells if c.service == service), key=lambda c: c.level)
    if len(cells) < 2:  # noqa: PLR2004 - growth is between two
        return
    low, high = cells[0], cells[-1]
    before, after = _median(low, "latency"), _median(high, "latency")
    if before is None or after is None:
        return
    steps = f"from {low.level} to {high.level} requests under way"
    if high.in_flight < 0.7 * high.level:  # the level was not reached
        steps += f" (on average {high.in_flight:.1f}, not {high.level})"
    chance = rank_sum(*(analysis.latencies.get((service, cell.level), ()) for cell in (low, high)))
    if chance > _CHANCE or after.value < _GROWN * before.value:
        sentence = (
            f"{service}: {steps} its latency is not shown to grow ({seconds(before.value)}, {seconds(after.value)})"
        )
        yield Remark(topic="queueing", weight=Weight.OPEN, sentence=sentence)
        return
    gained = high.throughput / low.throughput if low.throughput else 0.0
    sentence = (
        f"{service}: {steps} the median latency grows from {seconds(before.value)} to {seconds(after.value)}, "
        f"all answers together bring {gained:.1f} times the tokens per second"
    )
    yield Remark(topic="queueing", weight=Weight.SHOWN, sentence=sentence)
    yield _why_grown(analysis, (low, high), after.value - before.value)


def _why_grown(analysis: Analysis, cells: tuple[Cell, Cell], grown: float) -> Remark:
    """Waiting in a queue, or sharing the machine?"""
    service = cells[0].service
    first = [_median(cell, TTFT.name) for cell in cells]
    if service in analysis.incomparable or first[0] is None or first[1] is None:
        sentence = f"{service}: whether requests wait their turn or share the machine is not told by a stream like this"
        return Remark(topic="queueing", weight=Weight.OPEN, sentence=sentence)
    share = (first[1].value - first[0].value) / grown
    if share >= _MOST:
        sentence = f"{service}: {percent(min(share, 1))} of that growth passes before the first token: requests wait"
        sentence += " their turn in a queue, or their prompts are worked on one after the other"
    else:
        sentence = f"{service}: {percent(1 - max(share, 0))} of that growth passes after the first token: "
        sentence += "requests share the machine and each is written more slowly"
    return Remark(topic="queueing", weight=Weight.HINT, sentence=sentence)


def _cold(habits: Habits) -> Iterator[Remark]:
    if habits.first_seconds is None or habits.usual is None:
        return
    waited, usual = habits.waited, habits.usual
    if waited > _COLD * usual and waited - usual > _COLD_SECONDS:
        sentence = (
            f"{habits.service} had to be waited for: {seconds(waited)} until its first answer, {seconds(usual)} later; "
            "that is a cold start, and no part of the numbers above"
        )
        yield Remark(topic="cold start", weight=Weight.SHOWN, sentence=sentence)
    else:
        sentence = f"{habits.service} was warm: its first answer took {seconds(waited)}, later ones {seconds(usual)}"
        yield Remark(topic="cold start", weight=Weight.SHOWN, sentence=sentence)


def _network(analysis: Analysis) -> Iterator[Remark]:
    """Whether the way there and back can make the difference."""
    known = [h for h in analysis.habits if h.round_trip is not None and h.usual]
    for habits in known:
        share = (habits.round_trip or 0.0) / (habits.usual or 1.0)
        sentence = (
            f"{habits.service}: a request for next to nothing takes {seconds(habits.round_trip or 0.0)}, "
            f"{percent(share)} of an answer's latency: network and front door"
        )
        yield Remark(topic="network", weight=Weight.SHOWN, sentence=sentence)
    for other in known[1:]:
        first = known[0]
        trip = (other.round_trip or 0.0) - (first.round_trip or 0.0)
        latency = (other.usual or 0.0) - (first.usual or 0.0)
        claimed = any(
            c.claimed and c.measure == "latency" and {c.first, c.other} == {first.service, other.service}
            for c in analysis.comparisons
        )
        if not claimed or not latency:
            continue
        share = trip / latency
        if share >= _MOST:
            sentence = f"the way to {other.service} and to {first.service} differs by {seconds(abs(trip))}: "
            sentence += "the network makes most of their difference in latency"
            yield Remark(topic="network", weight=Weight.HINT, sentence=sentence)
        elif abs(share) < _LITTLE:
            sentence = f"the network does not explain the difference between {first.service} and {other.service}"
            yield Remark(topic="network", weight=Weight.SHOWN, sentence=sentence)


def _inside(analysis: Analysis) -> Iterator[Remark]:
    """How much of the latency the service says it spent itself."""
    own: OwnNumber
    for own in analysis.own_numbers:
        if own.title == "latency" and own.ours and own.said > 0:
            outside = own.ours - own.said
            sentence = (
                f"{own.service}: of {seconds(own.ours)} that we waited, {seconds(own.said)} passed inside by its own "
                f"clock ({own.name}); {seconds(max(outside, 0.0))} are gateway, queue before it, and network"
            )
            yield Remark(topic="own numbers", weight=Weight.SHOWN, sentence=sentence)
