"""What a report says and does not say, for runs whose truth is known."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from comparedata import paper_plan, paper_records

from doctor.render.compare_html import render_compare_html
from doctor.render.compare_json import render_compare_json
from doctor.render.compare_text import render_compare
from doctor.render.page import Page
from doctor.smoke.compare.analysis import analyse
from doctor.smoke.compare.reasons import remarks
from doctor.smoke.compare.remark import Weight
from doctor.smoke.compare.values import Phase, Record


def said(analysis, topic, weight=None):
    return [r.sentence for r in remarks(analysis) if r.topic == topic and (weight is None or r.weight is weight)]


def report(n=64, levels=(1,), seed=3, change=None, **truth):
    plan = paper_plan(n, levels)
    records = paper_records(plan, seed, **truth)
    return analyse(plan, [changed for r in records if (changed := change(r) if change else r)])


def test_a_difference_of_speed_is_called_one_of_speed():
    found = report(slower=1.5)
    (latency,) = said(found, "latency")
    assert latency.startswith("b takes 1.")
    assert "difference in latency is one of speed" in said(found, "length")[0]
    assert any("of the chips" in s or "about the chips" in s for s in said(found, "hardware", Weight.OPEN))
    assert (
        "hardware, precision, parallelism and serving software act together" in said(found, "hardware", Weight.HINT)[0]
    )


def test_a_difference_of_length_is_not_called_one_of_speed():
    found = report(longer=1.6)
    assert said(found, "latency", Weight.SHOWN)
    assert said(found, "tokens", Weight.SHOWN)
    assert any("the length of the answers makes" in s for s in said(found, "length"))
    assert not any("one of speed" in s for s in said(found, "length"))


def test_alike_services_differ_in_nothing_and_the_limit_of_sight_is_told():
    found = report()
    assert not [
        r
        for r in remarks(found)
        if r.weight is Weight.SHOWN and r.topic in ("latency", "rate", "tokens", "ttft", "right")
    ]
    assert "would mostly have been seen" in said(found, "latency", Weight.OPEN)[0]


def test_a_bundled_stream_is_seen_and_its_times_are_not_compared():
    def bundle(record):
        quick = int(record.pieces * 0.66)
        return replace(record, quick=quick) if record.service == "b" else record

    found = report(change=bundle, slower=1.5)
    assert set(found.incomparable) == {"b"}
    assert not [c for c in found.comparisons if c.measure in ("ttft", "ttfo")]
    assert "its stream comes in bundles: 6" in said(found, "batching")[0]
    assert said(found, "hardware", Weight.HINT) == []
    assert "is not measured, because the stream" in said(found, "hardware", Weight.OPEN)[0]


def test_waiting_before_the_first_token_is_told_from_slow_writing():
    def queued(record):
        wait = 20.0 if record.level > 1 and record.service == "b" else 0.0
        return replace(record, seconds=record.seconds + wait, first_token=record.first_token + wait)

    def shared(record):
        return replace(record, seconds=record.seconds * (8 if record.level > 1 and record.service == "b" else 1))

    for change, word in ((queued, "before the first token"), (shared, "after the first token")):
        found = report(32, (1, 4), change=change)
        (why,) = [s for s in said(found, "queueing", Weight.HINT) if s.startswith("b:")]
        assert word in why
        assert any(s.startswith("b: from 1 to 4 requests under way") for s in said(found, "queueing", Weight.SHOWN))


def extra(phase, service, started, seconds, **more):
    return Record(phase=phase, service=service, row=1000, level=1, attempt=1, started=started, seconds=seconds, **more)


def test_a_cold_start_is_seen_and_counts_for_nothing():
    plan = paper_plan(32)
    records = paper_records(plan, 1)
    cold = [
        extra(Phase.WARM_UP, "a", 10.0, 300.0, rule="service-cold", kind="http", last=False),
        extra(Phase.WARM_UP, "a", 320.0, 4.0),
        extra(Phase.WARM_UP, "b", 330.0, 2.0),
    ]
    with_cold, without = analyse(plan, cold + records), analyse(plan, records)
    assert "a had to be waited for: 5 min 14 s until its first answer" in said(with_cold, "cold start")[0]
    assert "b was warm" in said(with_cold, "cold start")[1]
    assert with_cold.cells == without.cells
    assert with_cold.comparisons == without.comparisons
    assert said(without, "cold start") == []


@pytest.mark.parametrize(("trip", "word"), [(0.01, "does not explain"), (1.2, "the network makes most")])
def test_the_network_is_weighed(trip, word):
    plan = paper_plan(64)
    slower = {"slower": 1.6} if trip < 1 else {}

    def far(record):
        return replace(record, seconds=record.seconds + trip) if record.service == "b" else record

    trips = [extra(Phase.NETWORK, s, 1.0, 0.02 + (trip if s == "b" else 0)) for s in "ab" for _ in range(5)]
    found = analyse(plan, trips + [far(r) for r in paper_records(plan, 2, **slower)])
    assert any(word in s for s in said(found, "network"))


def test_a_service_that_changes_during_the_run_is_told():
    plan = paper_plan(64)
    records = paper_records(plan, 4)
    middle = sorted(r.started for r in records)[64]
    late = [replace(r, seconds=r.seconds * 2.5) if r.service == "b" and r.started > middle else r for r in records]
    assert analyse(plan, records).habit("b").drift is None
    found = said(analyse(plan, late), "drift")
    assert len(found) == 1
    assert found[0].startswith("b became 2.")
    assert "slower" in found[0]


def test_errors_take_certainty_away():
    def failing(record):
        if record.service == "b" and record.row % 4 == 0:
            return replace(record, rule="service-busy", kind="in-200", sentence="the model is overloaded", right=None)
        return record

    found = report(change=failing)
    assert "its latencies are of those that came" in said(found, "errors")[0]
    assert "a gave valid answers more often" in said(found, "valid", Weight.SHOWN)[0]
    assert found.cell("b", 1).errors == {("in-200", "service-busy"): 16}
    screen = render_compare(found, Page())
    assert "16 times: the model is overloaded (an error inside an answer of status" in screen.replace("\n  ", " ")


def test_cut_answers_small_samples_and_unfinished_runs_are_told():
    def cut(record):
        return replace(record, finish="length") if record.service == "a" else record

    found = report(8, change=cut)
    assert "8 of 8 answers of a were cut at 512 tokens" in said(found, "token budget")[0]
    assert "p95" in said(found, "percentiles")[0]
    plan = paper_plan(8)
    half = analyse(plan, paper_records(plan, 1)[:9])
    assert not half.complete
    assert "the run is not complete: 9 of 16" in said(half, "complete")[0]
    assert set(half.cell("a", 1).spreads["latency"]) == {0.5}


def test_better_answers_are_claimed_only_when_they_are():
    def worse(record):
        return replace(record, right=record.row % 3 > 0) if record.service == "b" else replace(record, right=True)

    assert "a gave right answers more often" in said(report(change=worse), "right", Weight.SHOWN)[0]
    assert "neither service is shown" in said(report(), "right", Weight.OPEN)[0]


def test_nothing_measured_and_one_service_alone_are_shown_too():
    plan = paper_plan(8)
    empty = analyse(plan, [])
    assert "Nothing was measured yet" in render_compare(empty, Page())
    json.loads(render_compare_json(empty))
    assert "</html>" in render_compare_html(empty)
    alone = analyse(
        replace(plan, contestants=plan.contestants[:1]), [r for r in paper_records(plan, 1) if r.service == "a"]
    )
    assert alone.comparisons == ()
    assert "</svg>" in render_compare_html(alone)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_screens_fit_and_hostile_names_are_harmless(width):
    plan = paper_plan(12, (1, 4))
    evil = "x\x1b]0;owned\x07<script>alert(1)</script>"
    contestants = tuple(replace(c, title=evil, model=evil) for c in plan.contestants)
    found = analyse(
        replace(plan, contestants=contestants, prompts=replace(plan.prompts, name=evil, chosen=evil)),
        paper_records(plan, 1),
    )
    screen, page = render_compare(found, Page(width=width)), render_compare_html(found)
    assert "\x1b" not in screen + page
    assert "<script" not in page
    assert all(len(line) <= width or " " not in line.strip() for line in screen.splitlines())
    quiet = render_compare(found, Page(quiet=True))
    assert "What they cannot tell" not in quiet
    json.loads(render_compare_json(found))
