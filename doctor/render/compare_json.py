"""A comparison for scripts: one object; the single requests are in the run's own JSON lines."""

from __future__ import annotations

import json
import math
from typing import Any

from doctor.render.escape import encodable
from doctor.smoke.compare.reasons import remarks
from doctor.smoke.compare.results import Analysis, Cell, Comparison, Counted
from doctor.smoke.compare.statistics import Interval

SCHEMA = "acdoctor.compare/1"


def render_compare_json(analysis: Analysis) -> str:
    """The object, with a line break at its end."""
    return encodable(json.dumps(compare_document(analysis), indent=2, ensure_ascii=False)) + "\n"


def compare_document(analysis: Analysis) -> dict[str, Any]:
    """Everything that the screen and the page show, as JSON values; keys are never renamed."""
    plan, terms = analysis.plan, analysis.plan.terms
    return {
        "schema": SCHEMA,
        "complete": analysis.complete,
        "requests": {"done": analysis.done, "planned": plan.requests},
        "started": analysis.started,
        "ended": analysis.ended,
        "dataset": {
            "name": plan.prompts.name,
            "column": plan.prompts.column,
            "answer_column": plan.prompts.answer_column or None,
            "chosen": plan.prompts.chosen,
            "prompts": len(plan.prompts.prompts),
            "fingerprint": plan.prompts.fingerprint,
            "left_out": dict(plan.prompts.left_out),
            "reused": plan.reused,
        },
        "terms": {
            "levels": list(terms.levels),
            "max_tokens": terms.max_tokens,
            "temperature": terms.temperature,
            "seed": terms.seed,
            "effort": terms.effort or None,
            "stream": terms.stream,
        },
        "services": [
            {"name": c.name, "base": c.base, "model": c.model, **_habits(analysis, c.name)} for c in plan.contestants
        ],
        "cells": [_cell(cell) for cell in analysis.cells],
        "comparisons": [_comparison(c) for c in analysis.comparisons],
        "counted": [_counted(c) for c in analysis.counted],
        "incomparable": dict(analysis.incomparable),
        "remarks": [{"topic": r.topic, "weight": r.weight.value, "sentence": r.sentence} for r in remarks(analysis)],
        "cpu_seconds_per_request": analysis.cpu,
    }


def _habits(analysis: Analysis, service: str) -> dict[str, Any]:
    habits = analysis.habit(service)
    return {
        "warm_up": {"first_latency": habits.first_seconds, "waited": habits.waited, "usual": habits.usual},
        "round_trip": habits.round_trip,
        "stream": {"quick_share": habits.quick_share, "bundled": habits.bundled or None},
        "drift": habits.drift,
        "right": {**_interval(habits.right), "judged": habits.judged} if habits.right else None,
        "cut_by_budget": habits.cut,
        "answered_as": list(habits.models),
        "own_numbers": [
            {"name": own.name, "means": own.title, "count": own.count, "median": own.said, "measured_here": own.ours}
            for own in analysis.own_numbers
            if own.service == service
        ],
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "service": cell.service,
        "level": cell.level,
        "asked": cell.asked,
        "valid": cell.ok,
        "answered": cell.answered,
        "retried": cell.retried,
        "percentiles": {
            name: {f"p{share * 100:g}": _interval(interval) for share, interval in spread.items()}
            for name, spread in cell.spreads.items()
            if spread
        },
        "output_tokens_per_second": _interval(cell.rate) if cell.rate else None,
        "throughput": cell.throughput,
        "in_flight": cell.in_flight,
        "errors": [
            {"kind": kind, "rule": rule, "count": count, "sentence": cell.sentences[rule]}
            for (kind, rule), count in cell.errors.items()
        ],
    }


def _comparison(found: Comparison) -> dict[str, Any]:
    ratio = found.ratio
    return {
        "measure": found.measure,
        "first": found.first,
        "other": found.other,
        "level": found.level,
        "pairs": ratio.pairs,
        "ratio": ratio.ratio,
        "low": _finite(ratio.low),
        "high": _finite(ratio.high),
        "p": ratio.p,
        "p_corrected": found.p,
        "detectable": ratio.detectable,
        "claimed": found.claimed,
    }


def _counted(found: Counted) -> dict[str, Any]:
    return {
        "what": found.what,
        "first": found.first,
        "other": found.other,
        "pairs": found.pairs,
        "only_first": found.only_first,
        "only_other": found.only_other,
        "p_corrected": found.p,
        "claimed": found.claimed,
    }


def _interval(interval: Interval) -> dict[str, float]:
    return {"value": interval.value, "low": interval.low, "high": interval.high}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
