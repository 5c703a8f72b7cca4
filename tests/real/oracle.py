"""The oracle: import every entry of an environment for real, and hold the static verdict against it.

    python -m tests.real.oracle VENV [--deep] [--save truth.json]      import for real, then compare
    python -m tests.real.oracle --truth truth.json [--truth ...]       compare with saved truths only
    python -m tests.real.oracle VENV --save truth.json --no-verdict    the truth alone

How the truth is found: ``truth.py``. The static verdict comes from the command (``--command``), which must print one
JSON line a module: ``{"module": ..., "outcome": "ok" | "fails" | "unknown", "failures": [...]}``.

Precision is the share of the static ``fails`` that really fail; recall the share of the real failures of which
the verdict is ``fails``, once over those that the installed files decide and once over all. The others fail by what
the machine or its user lacks (a credential, a settings variable, a network, a display): no exception in their chain
of causes is one of a missing module, name, argument or ABI. They are listed as WORLD when they are not found.
An entry whose real run tells nothing (time limit) counts for neither and is listed.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from doctor.system import run
from tests.real.truth import Real, line, summary, truth_of

COMMAND = f"{sys.executable} -m doctor imports {{venv}} --modules-from {{file}} --format jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the doctor says of one module: ``ok``, ``fails``, ``unknown``, or ``silent`` when it said nothing."""

    outcome: str
    failures: tuple[dict, ...] = ()

    def headline(self) -> str:
        """Its first failure in one line."""
        if not self.failures:
            return self.outcome
        first = self.failures[0]
        where = first.get("where") or {}
        place = f" ({where.get('path')}:{where.get('line')})" if where else ""
        return f"{self.outcome}: {line(str(first.get('message') or first))}{place}"


def verdicts(command: str, venv: str, modules: Sequence[str]) -> tuple[dict[str, Verdict], float]:
    """The doctor's verdicts on these modules, and the CPU seconds that they took. The only place that knows its output."""
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        listed = Path(folder) / "modules.txt"
        listed.write_text("".join(m + "\n" for m in modules))
        argv = [w.format(venv=venv, file=listed) for w in shlex.split(command)]
        before = os.times()
        done = run(argv, timeout=3600)
        after = os.times()
    found = {}
    for row in done.stdout.decode(errors="replace").splitlines():
        if row.startswith("{"):
            told = json.loads(row)
            found[told["module"]] = Verdict(outcome=told["outcome"], failures=tuple(told.get("failures") or ()))
    if not found:
        sys.exit(f"no verdict from: {shlex.join(argv)}\n{done.failure or done.stderr.decode(errors='replace')[-2000:]}")
    return found, after.children_user + after.children_system - before.children_user - before.children_system


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One environment's truth beside the verdicts."""

    name: str
    distributions: int
    pairs: tuple[tuple[Real, Verdict], ...]
    real_cpu: float
    static_cpu: float

    def where(self, real: str, static: Sequence[str]) -> list[tuple[Real, Verdict]]:
        """The pairs with this real outcome and one of these verdicts."""
        return [(r, v) for r, v in self.pairs if r.outcome == real and v.outcome in static]

    def row(self) -> list[str]:
        """The line of the table."""
        found, alarms = self.where("fails", ["fails"]), self.where("ok", ["fails"])
        missed, unsure = self.where("fails", ["ok", "silent"]), self.where("fails", ["unknown"])
        world = sum(r.is_of_the_world() for r, _ in [*missed, *unsure])
        broken, hits = len(found) + len(missed) + len(unsure), len(found)
        return [
            self.name,
            *map(
                str,
                (
                    self.distributions,
                    len(self.pairs),
                    broken,
                    hits,
                    len(missed),
                    len(unsure),
                    world,
                    len(alarms),
                    len(self.where("ok", ["unknown"])),
                ),
            ),
            _share(hits, hits + len(alarms)),
            _share(hits, broken - world),
            _share(hits, broken),
            _share(sum(same_place(r, v) for r, v in found), hits),
            f"{self.real_cpu:.0f}",
            f"{self.static_cpu:.1f}",
        ]


HEAD = [
    "stack",
    "dists",
    "entries",
    "broken",
    "found",
    "missed",
    "unsure",
    "of these world",
    "alarms",
    "unsure of good",
    "precision",
    "recall",
    "recall with world",
    "place",
    "real CPU s",
    "static CPU s",
]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def same_place(real: Real, verdict: Verdict) -> bool:
    """One of the failures stands on a line of the real traceback (of any exception in its chain of causes)."""
    lines, error = set(), real.error
    while error:
        lines |= {(f[0], f[1]) for f in error.get("frames", ())}
        error = error.get("cause")
    places = [f.get("where") or {} for f in verdict.failures]
    return any((p.get("path"), p.get("line")) in lines for p in places)


def compare(truth: dict, command: str) -> Score:
    """Ask the doctor about every entry of a truth."""
    reals = [Real(**e) for e in truth["entries"]]
    told, cpu = verdicts(command, truth["venv"], [r.module for r in reals])
    return Score(
        name=truth["name"],
        distributions=len(truth["distributions"]),
        pairs=tuple((r, told.get(r.module, Verdict(outcome="silent"))) for r in reals),
        real_cpu=sum(r.cpu for r in reals),
        static_cpu=cpu,
    )


def table(scores: Sequence[Score]) -> str:
    """A Markdown table, with a sum when there are several."""
    rows = [s.row() for s in scores]
    if len(scores) > 1:
        whole = Score(
            name="**all**",
            distributions=sum(s.distributions for s in scores),
            pairs=tuple(p for s in scores for p in s.pairs),
            real_cpu=sum(s.real_cpu for s in scores),
            static_cpu=sum(s.static_cpu for s in scores),
        )
        rows.append(whole.row())
    return "\n".join("| " + " | ".join(r) + " |" for r in [HEAD, ["---"] * len(HEAD), *rows])


def differences(score: Score) -> Iterator[str]:
    """Every entry on which the verdict and the truth do not agree, with both sides."""
    for title, real, static in (
        ("FALSE ALARM", "ok", ["fails"]),
        ("MISSED", "fails", ["ok", "silent"]),
        ("UNSURE", "fails", ["unknown"]),
        ("TIME LIMIT", "nothing", ["ok", "fails", "unknown", "silent"]),
    ):
        for r, v in score.where(real, static):
            shown = "WORLD" if r.is_of_the_world() else title
            yield f"{shown:11s} {score.name}: {r.module}  [{r.distribution}, {r.kind}]"
            yield f"    real:   {'imports' if r.outcome == 'ok' else r.headline()}"
            yield f"    static: {v.headline()}"
    for r, v in score.where("fails", ["fails"]):
        if not same_place(r, v):
            yield f"OTHER PLACE {score.name}: {r.module}  [{r.distribution}, {r.kind}]"
            yield f"    real:   {r.headline()}"
            yield f"    static: {v.headline()}"


def main() -> int:
    """Parse the command line; exit 1 when a static verdict was wrong (an alarm, or a miss of the files)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("venv", nargs="?", type=Path)
    parser.add_argument("--deep", action="store_true", help="also the direct public submodules of every package")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="only N entries, always the same ones")
    parser.add_argument("--truth", action="append", default=[], type=Path, help="a saved truth; may be given again")
    parser.add_argument("--save", type=Path, help="keep the truth")
    parser.add_argument("--no-verdict", action="store_true", help="only the truth, no comparison")
    parser.add_argument(
        "--command", default=COMMAND, help="template with {venv} and {file}; prints a JSON line a module"
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds an entry")
    options = parser.parse_args()
    truths = [json.loads(path.read_text()) for path in options.truth]
    if options.venv:
        truths.append(truth_of(options.venv.absolute(), options))
        if options.save:
            options.save.write_text(json.dumps(truths[-1], indent=1, sort_keys=True) + "\n")
    if not truths:
        parser.error("a VENV or --truth is needed")
    for truth in truths:
        print(summary(truth), file=sys.stderr)
    if options.no_verdict:
        return 0
    scores = [compare(truth, options.command) for truth in truths]
    for score in scores:
        print("\n".join(differences(score)))
    print(table(scores))
    missed = [r for s in scores for r, _ in s.where("fails", ["ok", "silent"]) if not r.is_of_the_world()]
    return 1 if missed or any(s.where("ok", ["fails"]) for s in scores) else 0


if __name__ == "__main__":
    sys.exit(main())
