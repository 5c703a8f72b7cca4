"""From records to what can be said: numbers for each service and level, and every comparison with its certainty."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from doctor.smoke.compare import measures
from doctor.smoke.compare.habits import habits_of, own_numbers
from doctor.smoke.compare.measures import LATENCY, MEASURES, RATE, TOKENS, TTFO, TTFT, Measure, values
from doctor.smoke.compare.plan import Plan
from doctor.smoke.compare.results import Analysis, Cell, Comparison, Counted
from doctor.smoke.compare.statistics import PairedRatio, holm, paired_ratio, percentiles, ratio_of_sums, sign_test
from doctor.smoke.compare.values import Phase, Record

SHARES = (0.5, 0.9, 0.95, 0.99)


def analyse(plan: Plan, records: Sequence[Record], *, resumed: bool = False) -> Analysis:
    """All numbers of a run, complete or not."""
    measured: dict[tuple[str, int], list[Record]] = defaultdict(list)
    for record in records:
        if record.phase is Phase.MEASURE:
            measured[record.service, record.level].append(record)
    last = {place: [r for r in found if r.last] for place, found in measured.items()}
    habits = tuple(habits_of(contestant.name, contestant.batched, records) for contestant in plan.contestants)
    incomparable = {h.service: h.bundled for h in habits if h.bundled}
    comparisons, counted = _corrected([*_comparisons(plan, last, bool(incomparable))], [*_counted(plan, last)])
    counts = [r for r in records if r.last and r.phase in (Phase.MEASURE, Phase.PLAIN)]
    return Analysis(
        plan=plan,
        cells=tuple(
            _cell(c.name, level, measured[c.name, level])
            for level in plan.terms.levels
            for c in plan.contestants
            if last.get((c.name, level))
        ),
        habits=habits,
        comparisons=comparisons,
        counted=counted,
        own_numbers=tuple(own_numbers(plan, records)),
        incomparable=incomparable,
        done=len({r.key for r in counts}),
        started=min((r.started for r in records), default=0.0),
        ended=max((r.started + r.seconds for r in records), default=0.0),
        resumed=resumed,
        cpu=sum(r.cpu for r in counts) / len(counts) if counts else 0.0,
        latencies={place: tuple(values(found, LATENCY)) for place, found in sorted(last.items())},
    )


def _cell(service: str, level: int, records: Sequence[Record]) -> Cell:
    last = [r for r in records if r.last]
    good = [r for r in last if r.ok]
    busy = measures.busy_seconds(last)
    tokens = [(float(r.completion_tokens), r.seconds) for r in good if r.completion_tokens]
    errors = Counter((r.kind, r.rule) for r in last if not r.ok)
    return Cell(
        service=service,
        level=level,
        asked=len(last),
        ok=len(good),
        answered=sum(r.answered for r in good),
        retried=len(records) - len(last),
        spreads={m.name: percentiles(values(good, m), SHARES, seed=level) for m in MEASURES},
        rate=ratio_of_sums([t for t, _ in tokens], [s for _, s in tokens], seed=level),
        throughput=sum(t for t, _ in tokens) / busy if busy else 0.0,
        in_flight=sum(r.seconds for r in last) / busy if busy else 0.0,
        errors=dict(sorted(errors.items())),
        sentences={r.rule: r.sentence for r in last if not r.ok},
    )


def _comparisons(plan: Plan, last: Mapping[tuple[str, int], Sequence[Record]], bundled: bool) -> Iterator[Comparison]:
    """Every service against the first one: over all levels, and by level where there are several."""
    first, levels = plan.contestants[0].name, plan.terms.levels
    for contestant in plan.contestants[1:]:
        other = contestant.name
        by_level = {level: _pairs(last.get((first, level), ()), last.get((other, level), ())) for level in levels}
        every = [pair for pairs in by_level.values() for pair in pairs]
        for measure in (LATENCY, RATE, TOKENS, *(() if bundled else (TTFT, TTFO))):
            if found := _ratio(every, measure):
                yield Comparison(measure=measure.name, first=first, other=other, level=None, ratio=found)
        for level in levels if len(levels) > 1 else ():
            for measure in (LATENCY, RATE):
                if found := _ratio(by_level[level], measure):
                    yield Comparison(measure=measure.name, first=first, other=other, level=level, ratio=found)


def _pairs(first: Sequence[Record], other: Sequence[Record]) -> list[tuple[Record, Record]]:
    """Valid answers to the same prompt."""
    by_row = {r.row: r for r in other if r.ok}
    return [(r, by_row[r.row]) for r in first if r.ok and r.row in by_row]


def _ratio(pairs: Sequence[tuple[Record, Record]], measure: Measure) -> PairedRatio | None:
    """Other over first; a prompt that was asked at several levels counts once, with its mean log ratio."""
    by_row: dict[int, list[float]] = defaultdict(list)
    for first, other in pairs:
        before, after = measure.of(first), measure.of(other)
        if before is not None and after is not None and before > 0 and after > 0:
            by_row[first.row].append(math.log(after / before))
    ratios = [math.exp(sum(logs) / len(logs)) for logs in by_row.values()]
    return paired_ratio([1.0] * len(ratios), ratios)


def _counted(plan: Plan, last: Mapping[tuple[str, int], Sequence[Record]]) -> Iterator[Counted]:
    first, levels = plan.contestants[0].name, plan.terms.levels
    for contestant in plan.contestants[1:]:
        both = [
            (a, b)
            for level in levels
            for a in last.get((first, level), ())
            for b in last.get((contestant.name, level), ())
            if a.row == b.row
        ]
        pairs = {"valid": [(a.ok, b.ok) for a, b in both]}
        pairs["right"] = [(a.right, b.right) for a, b in both if a.right is not None and b.right is not None]
        for what, found in pairs.items():
            ahead, behind = sum(a and not b for a, b in found), sum(b and not a for a, b in found)
            if found:
                yield Counted(
                    what=what,
                    first=first,
                    other=contestant.name,
                    pairs=len(found),
                    only_first=ahead,
                    only_other=behind,
                    p=sign_test(ahead, behind),
                )


def _corrected(
    comparisons: Sequence[Comparison], counted: Sequence[Counted]
) -> tuple[tuple[Comparison, ...], tuple[Counted, ...]]:
    """With p values corrected for everything that the report asks of the run."""
    corrected = holm([c.ratio.p for c in comparisons] + [c.p for c in counted])
    pairs = zip(comparisons, corrected, strict=False)
    rest = zip(counted, corrected[len(comparisons) :], strict=True)
    return tuple(replace(c, p=p) for c, p in pairs), tuple(replace(c, p=p) for c, p in rest)
