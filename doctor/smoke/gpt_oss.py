"""``smoke gpt-oss``: from the client packages to a streamed answer, rung by rung, each with its verdict and cure."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from doctor.smoke.gpt_oss_access import health_rung, network_rung, packages_rung, token_rung, whoami_rung
from doctor.smoke.gpt_oss_answer import answer_rung, model_rung, running_rung, stream_rung
from doctor.smoke.gpt_oss_climb import TITLES, Climb, Wish, rung
from doctor.smoke.judging import Judge
from doctor.smoke.ladder import Ladder, Rung, Verdict

NAME = "gpt-oss"

Report = Callable[[Rung], None]
Watch = Callable[[str], AbstractContextManager[None]]
_ASKING = ("network", "token", "whoami", "model")
_RUNGS: tuple[tuple[str, Callable[[Climb], Rung], tuple[str, ...]], ...] = (
    ("packages", packages_rung, ()),
    ("token", token_rung, ()),
    ("network", network_rung, ()),
    ("health", health_rung, ("network",)),
    ("whoami", whoami_rung, ("network", "token")),
    ("model", model_rung, ("network", "token", "whoami")),
    ("running", running_rung, _ASKING),
    ("answer", answer_rung, _ASKING),
    ("stream", stream_rung, _ASKING),
)
"""Name, what tries it, and the rungs without which it cannot be tried."""


def climb_gpt_oss(wish: Wish, report: Report, watch: Watch) -> Ladder:
    """Try every rung; ``report`` gets each as it ends, ``watch`` is entered while one is tried.

    Raises ``RuleError``, ``NotAnEnvironmentError`` and ``UsageError``; what the service does never raises.
    """
    climb = Climb(wish=wish, judge=Judge.load(wish.rules))
    rungs = []
    try:
        for name, attempt, needs in _RUNGS:
            tried = _skipped(name, climb, needs)
            if tried is None:
                begin = time.perf_counter()
                with watch(TITLES[name]):
                    tried = attempt(climb)
                tried = replace(tried, seconds=time.perf_counter() - begin)
            if tried.verdict is Verdict.FAILED:
                climb.broken.add(name)
            report(tried)
            rungs.append(tried)
    finally:
        if climb.client is not None:
            climb.client.close()
    return Ladder(name=NAME, subject=wish.service.title, rungs=tuple(rungs))


def _skipped(name: str, climb: Climb, needs: tuple[str, ...]) -> Rung | None:
    """The rung that is not tried, because one that it needs failed; None when it can be tried."""
    missing = next((need for need in needs if need in climb.broken), "")
    if missing:
        sentence = f"not tried: {TITLES[missing]} failed"
        return rung(name, Verdict.SKIPPED, sentence, next_steps=(f"mend that first: {TITLES[missing]}",))
    if name in ("health", "whoami", "running") and not climb.wish.service.root:
        return rung(name, Verdict.SKIPPED, "a plain OpenAI-compatible server has no such route")
    return None


__all__ = ["NAME", "Wish", "climb_gpt_oss"]
