"""The statistics: against hand-counted values, and how often a whole report errs when the truth is known."""

from __future__ import annotations

import math
import random

import pytest
from comparedata import paper_plan, paper_records
from hypothesis import given
from hypothesis import strategies as st

from doctor.smoke.compare.analysis import analyse
from doctor.smoke.compare.statistics import (
    holm,
    paired_ratio,
    percentiles,
    quantile,
    rank_sum,
    ratio_of_sums,
    share_interval,
    sign_test,
    wilcoxon,
)


def test_quantiles_are_interpolated():
    assert quantile([1.0], 0.9) == 1.0
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.9) == pytest.approx(3.7)


def test_a_percentile_needs_a_number_beyond_it():
    assert set(percentiles([1.0] * 9, (0.5, 0.9, 0.99))) == {0.5}
    assert set(percentiles([1.0] * 10, (0.5, 0.9, 0.99))) == {0.5, 0.9}
    assert set(percentiles([1.0] * 100, (0.5, 0.9, 0.99))) == {0.5, 0.9, 0.99}
    assert percentiles([], (0.5,)) == {}


def test_bootstrap_bounds_hold_the_true_median_in_about_95_of_100_runs():
    chance = random.Random(5)
    held = 0
    for _ in range(100):
        found = percentiles([math.exp(chance.gauss(0, 0.7)) for _ in range(32)], (0.5,))[0.5]
        held += found.low <= 1.0 <= found.high
    assert 88 <= held <= 100


def test_wilcoxon_agrees_with_counting_out():
    assert wilcoxon([1, 2, 3, 4, 5, 6]) == pytest.approx(2 / 64)
    assert wilcoxon([1, 2, 3, 4, 5, -6]) == pytest.approx(2 * 14 / 64)  # 14 of 64 sign patterns reach a rank sum of 6
    assert wilcoxon([]) == wilcoxon([0.0, 0.0]) == 1.0
    assert wilcoxon([0.5, -0.5]) == 1.0


@given(st.lists(st.floats(-5, 5).filter(lambda x: abs(x) > 1e-6), min_size=7, max_size=12, unique_by=abs))
def test_wilcoxon_is_the_share_of_sign_patterns_as_uneven(differences):
    ordered = sorted(differences, key=abs)
    count = len(ordered)
    total = count * (count + 1) // 2
    seen = min(s := sum(i for i, d in enumerate(ordered, 1) if d > 0), total - s)
    sums = [sum(i for i in range(1, count + 1) if pattern >> (i - 1) & 1) for pattern in range(2**count)]
    share = sum(min(s, total - s) <= seen for s in sums) / 2**count
    assert wilcoxon(differences) == pytest.approx(min(1.0, share))


def test_the_normal_approximation_is_near_the_exact_one():
    chance = random.Random(1)
    exact = [chance.gauss(0.3, 1) for _ in range(50)]
    assert wilcoxon([*exact, 1e-12]) == pytest.approx(wilcoxon(exact), abs=0.01)  # 51 are approximated


@given(st.lists(st.floats(0.01, 100), min_size=6, max_size=80), st.floats(0.1, 10))
def test_a_paired_ratio_scales_and_turns(values, factor):
    other = [value * factor for value in values]
    found, turned = paired_ratio(values, other), paired_ratio(other, values)
    assert found.ratio == pytest.approx(factor, rel=1e-6)
    assert turned.ratio == pytest.approx(1 / factor, rel=1e-6)
    assert found.p == pytest.approx(turned.p)


@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)), min_size=8, max_size=60))
def test_bounds_and_p_never_contradict_each_other(pairs):
    found = paired_ratio([a for a, _ in pairs], [b for _, b in pairs])
    assert found.low <= found.ratio * (1 + 1e-9)
    assert found.ratio <= found.high * (1 + 1e-9)
    logs = [math.log(b / a) for a, b in pairs]
    if len({abs(x) for x in logs}) == len(logs) and all(logs):  # with ties the test is an approximation
        outside = found.low > 1 + 1e-9 or found.high < 1 - 1e-9
        assert outside == (found.p <= 0.05) or abs(found.p - 0.05) < 0.02 or min(abs(x) for x in logs) < 1e-9


def test_few_pairs_have_no_bounds():
    found = paired_ratio([1, 1, 1], [2, 2, 3])
    assert (found.low, found.high) == (0.0, math.inf)
    assert found.p > 0.05
    assert paired_ratio([], []) is None


def test_holm_corrects_step_by_step():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()


def test_counts():
    assert sign_test(0, 0) == 1.0
    assert sign_test(0, 6) == pytest.approx(2 / 64)
    assert sign_test(3, 3) == 1.0
    found = share_interval(19, 20)
    assert found.low == pytest.approx(0.764, abs=0.001)
    assert found.high == pytest.approx(0.991, abs=0.001)
    assert share_interval(20, 20).high == 1.0
    assert rank_sum([1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12, 13, 14, 15, 16]) < 0.001
    assert rank_sum([1, 1, 1], [1, 1, 1]) == 1.0
    assert ratio_of_sums([10, 20], [1, 2]).value == 10
    assert ratio_of_sums([], []) is None


def _claims(analysis):
    return [claim for claim in (*analysis.comparisons, *analysis.counted) if claim.claimed]


@pytest.fixture(scope="module")
def without_bootstrap():
    """The claims rest on the paired tests alone; the intervals of single cells are left out of 400 reports."""
    patch = pytest.MonkeyPatch()
    patch.setattr("doctor.smoke.compare.analysis.percentiles", lambda *_, **__: {})
    patch.setattr("doctor.smoke.compare.analysis.ratio_of_sums", lambda *_, **__: None)
    yield
    patch.undo()


@pytest.mark.parametrize(("n", "levels"), [(64, (1,)), (32, (1, 4))])
def test_two_services_that_are_alike_are_told_apart_in_at_most_5_of_100_reports(without_bootstrap, n, levels):
    plan = paper_plan(n, levels)
    wrong = sum(bool(_claims(analyse(plan, paper_records(plan, seed)))) for seed in range(100))
    assert wrong <= 5


def test_a_true_20_percent_is_found_in_at_least_90_of_100_reports(without_bootstrap):
    plan, found, wrong_way = paper_plan(64), 0, 0
    for seed in range(100):
        claims = _claims(analyse(plan, paper_records(plan, seed, slower=1.2)))
        latency = [claim for claim in claims if claim.__class__.__name__ == "Comparison" and claim.measure == "latency"]
        found += bool(latency)
        wrong_way += any(claim.ratio.ratio < 1 for claim in latency)
    assert found >= 90
    assert wrong_way == 0


def test_the_smallest_difference_that_would_be_seen_is_told_honestly(without_bootstrap):
    """A run says "one of x% would mostly have been seen"; services that differ by so much are found in about 9 of 10."""
    plan = paper_plan(64)
    told = [analyse(plan, paper_records(plan, seed)).comparisons[0].ratio.detectable for seed in range(20)]
    typical = sorted(told)[10]
    seen = 0
    for seed in range(100, 150):
        found = analyse(plan, paper_records(plan, seed, slower=typical)).comparisons[0]
        seen += found.measure == "latency" and found.ratio.p < 0.05
    assert 38 <= seen
