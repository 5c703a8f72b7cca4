"""A compatibility table beside the truth: each cell really installed and really imported.

    python -m tests.real.compat FOLDER LEFT RIGHT [--size N] [--thin] [--sample N] [--keep torch==2.13.0]

Makes the cells of the table as ``acdoctor compat`` does, draws N of them with a fixed seed (two thirds of them beside a
cell of another verdict, where there are so many), installs for each of these the very distributions that the cell was judged with into one environment, with uv and without their dependencies, and
imports the left distribution's modules there in a process of its own. ``--keep`` names distributions that stay at one
version for all cells (torch: the CPU build), CUDA packages are left out. Rows go to FOLDER/cells.jsonl; a run that is
started again goes on where it was.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
import re
import resource
import sys
import time
from pathlib import Path

from doctor.index.index import open_index
from doctor.rulebook.load import load_rulebook
from doctor.stacks.compat import Cell, Comparison, Fate, Question, top_modules
from doctor.stacks.compat_workers import Workers
from doctor.stacks.from_nothing_interpreter import interpreter_for
from doctor.stacks.from_nothing_verdict import Subject
from doctor.stacks.resolution import Wanted
from doctor.stacks.resolution_kept import KeptResolutions
from doctor.stacks.resolution_metadata import MetadataReader
from doctor.system import run

LEFT_OUT = re.compile(r"(nvidia-|triton$|cuda-)")


def must(argv: list[str]) -> str:
    done = run(argv, timeout=1200)
    if not done.ok:
        raise RuntimeError(f"{' '.join(argv)[:200]}\n{done.failure or done.stderr.decode(errors='replace')[-800:]}")
    return done.stdout.decode(errors="replace")


def comparison(options: argparse.Namespace) -> Comparison:
    """The same tools as the command's."""
    index = open_index()
    interpreter, _ = interpreter_for("==3.11.*")
    rulebook = load_rulebook((), ("breakage", "stack", "native"))
    today = dt.datetime.now(tz=dt.UTC).date()
    return Comparison(
        question=Question(
            left=options.left, right=options.right, interpreter=interpreter, size=options.size, thin=options.thin
        ),
        index=index,
        resolutions=KeptResolutions(index, MetadataReader(index), today),
        judge=Workers(
            index=index, rulebook=rulebook, subject=Subject(interpreter=interpreter), processes=options.processes
        ),
    )


def pins_of(cell: Cell, table: Comparison) -> list[str]:
    """What the cell was judged with."""
    requirements = (f"{table.left}=={cell.left}", f"{table.right}=={cell.right}")
    wanted = Wanted(
        requirements=requirements, interpreter=table.question.interpreter, day=dt.date.fromisoformat(cell.day)
    )
    return [p.pin for p in table.resolutions.resolved(wanted).picked]


def really(pins: list[str], modules: tuple[str, ...], options: argparse.Namespace) -> tuple[str, str]:
    """(works | fails | not installed, last words)."""
    venv = options.folder / "venv"
    python = venv / "bin" / "python"
    if not python.exists():
        must(["uv", "venv", "-q", "--python", "3.11", str(venv)])
        for pin in options.keep:  # by pip, whose configuration may know builds of its own
            must([sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", pin])
    held = {pin.split("==")[0] for pin in options.keep}
    wanted = [p for p in pins if not LEFT_OUT.match(p) and p.split("==")[0] not in held]
    done = run(["uv", "pip", "install", "-q", "--no-deps", "--python", str(python), *wanted], timeout=1200)
    if not done.ok:
        return "not installed", done.stderr.decode(errors="replace").strip()[-300:]
    done = run([str(python), "-c", "import " + ", ".join(modules)], timeout=600, cwd="/")
    if done.ok:
        return "works", ""
    if done.code is None:
        raise RuntimeError(done.failure)
    return "fails", done.stderr.decode(errors="replace").strip()[-1500:]


def sampled(pairs: list, lefts: tuple[str, ...], rights: tuple[str, ...], table: Comparison, size: int) -> list:
    """At most ``size`` cells: those beside a cell of another verdict (two thirds, if there are so many), and others."""
    if not size or size >= len(pairs):
        return pairs

    def border(pair: tuple[str, str]) -> bool:
        row, column = lefts.index(pair[0]), rights.index(pair[1])
        near = [(lefts[r], rights[column]) for r in (row - 1, row + 1) if 0 <= r < len(lefts)]
        near += [(lefts[row], rights[c]) for c in (column - 1, column + 1) if 0 <= c < len(rights)]
        return any(table.cells[other].fate is not table.cells[pair].fate for other in near)

    random.Random(20261123).shuffle(pairs)
    edge = [pair for pair in pairs if border(pair)]
    print(f"{len(edge)} cells stand beside one of another verdict", flush=True)
    edge = edge if len(edge) <= size * 2 // 3 else edge[: size * 2 // 3]
    rest = [pair for pair in pairs if pair not in edge]
    return [*edge, *rest[: size - len(edge)]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("left")
    parser.add_argument("right")
    parser.add_argument("--size", type=int, default=12)
    parser.add_argument("--thin", action="store_true")
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", action="append", default=[])
    options = parser.parse_args()
    options.folder = options.folder.absolute()
    options.folder.mkdir(parents=True, exist_ok=True)
    table = comparison(options)
    lefts, rights = table.axes()
    pairs = [(left, right) for left in lefts for right in rights]
    started = time.monotonic(), time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    table.fill(pairs)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - started[2]
    print(
        f"{len(pairs)} of {len(lefts)} x {len(rights)} cells judged in {time.monotonic() - started[0]:.0f} s, "
        f"{time.process_time() - started[1] + children:.0f} CPU-s",
        flush=True,
    )
    pairs = sampled(pairs, lefts, rights, table, options.sample)
    rows_file = options.folder / "cells.jsonl"
    lines = rows_file.read_text().splitlines() if rows_file.exists() else []
    known = {(r["left"], r["right"]): r for r in map(json.loads, lines)}
    for pair in pairs:
        cell = table.cells[pair]
        if pair not in known and cell.fate is not Fate.REFUSED:
            wheel = table.index.wheel(table._candidates[table.left][cell.left].file)
            truth, words = really(pins_of(cell, table), top_modules(wheel), options)
            known[pair] = {"left": cell.left, "right": cell.right, "truth": truth, "words": words}
            with rows_file.open("a") as file:
                file.write(json.dumps(known[pair]) + "\n")
    report([known[pair] for pair in pairs if pair in known], table)
    return 0


def report(rows: list[dict], table: Comparison) -> None:
    """Who agrees, and each that does not."""
    counts = {"agree": 0, "unknown": 0, "differ": 0, "not installed": 0}
    for row in sorted(rows, key=lambda row: (row["left"], row["right"])):
        fate = table.cells[row["left"], row["right"]].fate
        if row["truth"] == "not installed":
            verdict = "not installed"
        elif fate is Fate.UNKNOWN:
            verdict = "unknown"
        else:
            verdict = "agree" if (fate is not Fate.BREAKS) == (row["truth"] == "works") else "differ"
        counts[verdict] += 1
        if verdict != "agree":
            last = row["words"].splitlines()[-1] if row["words"] else ""
            reason = table.cells[row["left"], row["right"]].reason
            print(f"  {row['left']} {row['right']}: {fate.value} ({reason[:90]}), really: {row['truth']} {last[:120]}")
    broken = sum(row["truth"] == "fails" for row in rows)
    print(f"{len(rows)} cells run, {broken} of them really fail: " + ", ".join(f"{n} {w}" for w, n in counts.items()))


if __name__ == "__main__":
    sys.exit(main())
