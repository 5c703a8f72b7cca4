"""The statistics of a comparison: pure functions of numbers, without any library.

Times of answers are skewed and have rare, very slow ones. So services are compared prompt by prompt on the logarithm of
the ratio, by ranks (Wilcoxon's signed-rank test and the Hodges-Lehmann estimate that belongs to it), and what is said
of one service alone are percentiles with bootstrap intervals. Several questions asked of the same run are corrected
together (Holm), so that a whole report claims a difference that is none in less than one run of twenty-five.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

ALPHA = 0.04
"""How often, at most, a report may claim any difference between two services that are alike."""
_EXACT = 50  # pairs up to which Wilcoxon's distribution is counted out
_FEWEST = 6  # pairs below which no result of the test can be rarer than one in twenty
_RESAMPLES = 1000
_NORMAL_95 = 1.959964
_POWER_90 = 1.281552


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with the bounds between which the true value lies in 95 of 100 runs."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedRatio:
    """How much larger ``b`` is than ``a``, prompt by prompt.

    ``ratio`` is b/a for a typical prompt with its 95 % bounds; ``p`` the probability of so uneven a result when
    nothing differs (two-sided); ``spread`` the standard deviation of the log ratios; ``detectable`` the smallest ratio
    above 1 that a run like this one would have found in nine of ten repetitions (None below two pairs).
    """

    pairs: int
    ratio: float
    low: float
    high: float
    p: float
    spread: float
    detectable: float | None


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the sorted numbers lie, interpolated as numpy does by default (type 7)."""
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def percentiles(values: Sequence[float], shares: Sequence[float], *, seed: int = 0) -> Mapping[float, Interval]:
    """The asked percentiles that the numbers can carry, with bootstrap intervals.

    A percentile is carried when at least one number is expected beyond it on its farther side: p90 takes ten, p99 a
    hundred. The interval is the middle 95 % of the percentile over resamples with replacement.
    """
    carried = [share for share in shares if values and len(values) * min(share, 1 - share) >= 1 - 1e-9]
    if not carried:
        return {}
    ordered, generator = sorted(values), random.Random(seed)  # noqa: S311 - resampling, no secret
    drawn: dict[float, list[float]] = {share: [] for share in carried}
    for _ in range(_RESAMPLES):
        sample = sorted(generator.choices(ordered, k=len(ordered)))
        for share in carried:
            drawn[share].append(quantile(sample, share))
    return {share: _interval(quantile(ordered, share), drawn[share]) for share in carried}


def ratio_of_sums(above: Sequence[float], below: Sequence[float], *, seed: int = 0) -> Interval | None:
    """Sum over sum (tokens per second over all answers, say) with a bootstrap interval over the pairs."""
    if not above or sum(below) <= 0:
        return None
    pairs, generator = list(zip(above, below, strict=True)), random.Random(seed)  # noqa: S311
    drawn = []
    for _ in range(_RESAMPLES):
        sample = generator.choices(pairs, k=len(pairs))
        total = sum(pair[1] for pair in sample)
        if total > 0:
            drawn.append(sum(pair[0] for pair in sample) / total)
    return _interval(sum(above) / sum(below), drawn)


def share_interval(hits: int, tries: int) -> Interval:
    """A share with Wilson's 95 % bounds, which hold for few tries and for shares near 0 and 1."""
    if not tries:
        return Interval(value=0.0, low=0.0, high=1.0)
    z2 = _NORMAL_95**2
    share = hits / tries
    middle = (share + z2 / (2 * tries)) / (1 + z2 / tries)
    half = _NORMAL_95 * math.sqrt(share * (1 - share) / tries + z2 / (4 * tries**2)) / (1 + z2 / tries)
    return Interval(value=share, low=max(0.0, middle - half), high=min(1.0, middle + half))


def paired_ratio(a: Sequence[float], b: Sequence[float]) -> PairedRatio | None:
    """How much larger ``b`` is than ``a``, prompt by prompt; None without a pair. All numbers must be above zero.

    The ratio is the Hodges-Lehmann estimate of the log ratios, its bounds are those that Wilcoxon's test would not
    refuse: estimate, bounds and ``p`` therefore never contradict each other.
    """
    logs = [round(math.log(late / early), 12) for early, late in zip(a, b, strict=True)]  # ties stay ties
    if not logs:
        return None
    middle, low, high = _hodges_lehmann(logs)
    mean = sum(logs) / len(logs)
    spread = math.sqrt(sum((x - mean) ** 2 for x in logs) / (len(logs) - 1)) if len(logs) > 1 else 0.0
    detectable = None
    if len(logs) > 1:
        # the bounds' width is robust against the rare slow answer, the standard deviation is not
        error = (high - low) / (2 * _NORMAL_95) if len(logs) >= _FEWEST else spread / math.sqrt(len(logs))
        detectable = math.exp((_NORMAL_95 + _POWER_90) * error) if math.isfinite(error) else None
    return PairedRatio(
        pairs=len(logs),
        ratio=math.exp(middle),
        low=math.exp(low),
        high=_exp(high),
        p=wilcoxon(logs),
        spread=spread,
        detectable=detectable,
    )


def wilcoxon(differences: Sequence[float]) -> float:
    """Two-sided p of Wilcoxon's signed-rank test; zeros are left out, ties share their ranks.

    Exact up to 50 differences without ties, else the normal approximation with corrections for ties and continuity.
    """
    ordered = sorted((d for d in differences if d), key=abs)
    count = len(ordered)
    if not count:
        return 1.0
    positive, ties, rank = 0.0, 0, 0
    for _, group in groupby(ordered, key=abs):
        members = list(group)
        shared = rank + (len(members) + 1) / 2
        positive += shared * sum(d > 0 for d in members)
        ties += len(members) ** 3 - len(members)
        rank += len(members)
    total = count * (count + 1) / 2
    smaller = min(positive, total - positive)
    if count <= _EXACT and not ties:
        ways = _rank_sums(count)
        return min(1.0, 2 * sum(ways[: int(smaller) + 1]) / 2.0**count)
    variance = count * (count + 1) * (2 * count + 1) / 24 - ties / 48
    z = max(0.0, total / 2 - smaller - 0.5) / math.sqrt(variance)
    return min(1.0, math.erfc(z / math.sqrt(2)))


def sign_test(first_only: int, second_only: int) -> float:
    """Two-sided p of McNemar's exact test: of the prompts that one service got right and the other did not."""
    count = first_only + second_only
    if not count:
        return 1.0
    tail = sum(math.comb(count, k) for k in range(min(first_only, second_only) + 1))
    return min(1.0, 2 * tail / 2.0**count)


def rank_sum(first: Sequence[float], second: Sequence[float]) -> float:
    """Two-sided p of the Mann-Whitney test that both come from one distribution (normal approximation, ties shared)."""
    ordered = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks, place, ties = 0.0, 0, 0
    for _, group in groupby(ordered, key=lambda pair: pair[0]):
        members = list(group)
        ranks += (place + (len(members) + 1) / 2) * sum(1 - side for _, side in members)
        ties += len(members) ** 3 - len(members)
        place += len(members)
    a, b = len(first), len(second)
    if not a or not b or place**3 - place == ties:
        return 1.0
    variance = a * b / 12 * (place + 1 - ties / (place * (place - 1)))
    z = max(0.0, abs(ranks - a * (place + 1) / 2) - 0.5) / math.sqrt(variance)
    return min(1.0, math.erfc(z / math.sqrt(2)))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """The p values, each corrected for all questions asked together (Holm's step-down method), in the given order."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected = accumulate((p_values[i] * (len(order) - rank) for rank, i in enumerate(order)), max)
    by_place = dict(zip(order, corrected, strict=True))
    return tuple(min(1.0, by_place[i]) for i in range(len(p_values)))


def _interval(value: float, drawn: list[float]) -> Interval:
    drawn.sort()
    return Interval(value=value, low=quantile(drawn, 0.025), high=quantile(drawn, 0.975))


def _hodges_lehmann(values: Sequence[float]) -> tuple[float, float, float]:
    """Median of all pairwise means, and the 95 % bounds by Wilcoxon's test (infinite for fewer than six values)."""
    count = len(values)
    means = sorted((values[i] + values[j]) / 2 for i in range(count) for j in range(i, count))
    middle = quantile(means, 0.5)
    if count < _FEWEST:
        return middle, -math.inf, math.inf
    if count <= _EXACT:
        limit, cut = 0.025 * 2.0**count, -1
        for ways in accumulate(_rank_sums(count)):
            if ways > limit:
                break
            cut += 1
    else:
        deviation = math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
        cut = math.floor(count * (count + 1) / 4 - _NORMAL_95 * deviation - 0.5)
    cut = max(cut, 0)
    return middle, means[cut], means[-1 - cut]


def _rank_sums(count: int) -> list[int]:
    """In how many ways the ranks 1..count, each taken or not, add up to 0, 1, 2 ..."""
    ways = [1] + [0] * (count * (count + 1) // 2)
    for rank in range(1, count + 1):
        for total in range(len(ways) - 1, rank - 1, -1):
            ways[total] += ways[total - rank]
    return ways


def _exp(value: float) -> float:
    return math.exp(value) if value < math.inf else math.inf
