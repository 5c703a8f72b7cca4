"""What is seen of one service besides its answers' times: its start, its way, its stream, its own numbers."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

from doctor.smoke.compare import measures
from doctor.smoke.compare.plan import Plan
from doctor.smoke.compare.results import Habits, OwnNumber
from doctor.smoke.compare.statistics import rank_sum, share_interval
from doctor.smoke.compare.values import Phase, Record

_DRIFT = 0.01
_HALF = 8  # answers in each half of a run below which a drift is not looked for


def habits_of(service: str, batched: bool, records: Sequence[Record]) -> Habits:
    """The habits of a service; ``batched``: its stream is known to come in bundles."""
    mine = [r for r in records if r.service == service]
    warm = sorted((r for r in mine if r.phase is Phase.WARM_UP), key=lambda r: r.started)
    came = next((r for r in warm if r.ok), None)
    last = [r for r in mine if r.phase is Phase.MEASURE and r.last]
    alone = [r for r in mine if r.ok and r.last and r.level == 1 and r.phase in (Phase.PLAIN, Phase.MEASURE)]
    trips = [r.seconds for r in mine if r.phase is Phase.NETWORK]
    judged = [r for r in last if r.right is not None]
    return Habits(
        service=service,
        first_seconds=came.seconds if came else None,
        waited=came.started + came.seconds - warm[0].started if came else 0.0,
        usual=median(r.seconds for r in alone) if alone else None,
        round_trip=median(trips) if trips else None,
        quick_share=measures.quick_share(last),
        bundled=_bundled(batched, last),
        drift=_drift(last),
        right=share_interval(sum(bool(r.right) for r in judged), len(judged)) if judged else None,
        judged=len(judged),
        cut=sum(r.ok and r.finish == "length" for r in last),
        models=tuple(sorted({r.model for r in last if r.model})),
    )


def _bundled(known: bool, last: Sequence[Record]) -> str:
    """Why the times of the stream's pieces are no measure of the model ('' when they are)."""
    if not any(r.streamed for r in last):
        return ""
    share = measures.quick_share(last)
    seen = f": {share:.0%} of its pieces came within 2 ms of the one before" if share is not None else ""
    if known:
        return f"its gateway sends the stream on in bundles{seen}"
    if measures.looks_bundled(last):
        return f"its stream comes in bundles{seen}"
    return "its stream brings the whole answer at once" if measures.arrives_at_once(last) else ""


def _drift(last: Sequence[Record]) -> float | None:
    """Seconds per token late over early, where the two halves of a level differ beyond chance."""
    by_level: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for record in sorted(last, key=lambda r: r.started):
        if record.ok and record.completion_tokens:
            by_level[record.level].append((record.started, record.seconds / record.completion_tokens))
    found = []
    for pairs in by_level.values():
        half = len(pairs) // 2
        early, late = [v for _, v in pairs[:half]], [v for _, v in pairs[half:]]
        if half >= _HALF and rank_sum(early, late) < _DRIFT / len(by_level):
            found.append(median(late) / median(early))
    return max(found, key=lambda ratio: abs(math.log(ratio)), default=None)


def own_numbers(plan: Plan, records: Sequence[Record]) -> Iterator[OwnNumber]:
    """What the services said of their own answers at one request under way, beside our numbers of the same ones."""
    for contestant in plan.contestants:
        mine = [r for r in records if r.service == contestant.name and r.ok and r.last and r.phase is not Phase.WARM_UP]
        for name in sorted({name for r in mine for name in r.server}):
            having = [r for r in mine if name in r.server and r.level == 1]
            if not having:
                continue
            title, of = measures.SERVER_SIDE.get(name, (name.replace("_", " "), lambda _: None))
            having = [r for r in having if of(r) is not None] or having  # both numbers of the same requests
            ours = [value for r in having if (value := of(r)) is not None]
            yield OwnNumber(
                service=contestant.name,
                name=name,
                title=title,
                count=len(having),
                said=median(r.server[name] for r in having),
                ours=median(ours) if ours else None,
            )
