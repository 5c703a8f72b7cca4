"""A compatibility table beside the truth: each cell really installed and really imported.

    python -m tests.real.compat FOLDER LEFT RIGHT [--sample N] [--keep torch==2.13.0] [-- OPTIONS OF acdoctor compat]

Makes the table with ``acdoctor compat``, then installs for each cell (or a sample of N, drawn with a fixed seed) the
very distributions that the cell was judged with into one environment, with uv and without their dependencies, and
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
import sys
import time
from pathlib import Path

from doctor.index.index import open_index
from doctor.stacks.compat import top_modules
from doctor.stacks.from_nothing_interpreter import interpreter_for
from doctor.stacks.resolution import Wanted
from doctor.stacks.resolution_kept import KeptResolutions
from doctor.stacks.resolution_metadata import MetadataReader
from doctor.system import run

LEFT_OUT = re.compile(r"(nvidia-|triton$|cuda-)")
BROKEN = ("breaks",)
WORKING = ("works", "partly")


def must(argv: list[str]) -> str:
    done = run(argv, timeout=1200)
    if not done.ok:
        raise RuntimeError(f"{' '.join(argv)[:200]}\n{done.failure or done.stderr.decode(errors='replace')[-800:]}")
    return done.stdout.decode(errors="replace")


def table_of(options: argparse.Namespace) -> dict:
    kept = options.folder / "table.json"
    if not kept.exists():
        command = [sys.executable, "-m", "doctor", "compat", options.left, options.right, "--format", "json"]
        started = time.monotonic()
        kept.write_text(must([*command, *options.rest]))
        print(f"table: {time.monotonic() - started:.1f} s")
    return json.loads(kept.read_text())


def pins_of(cell: dict, table: dict, tools: tuple) -> list[str]:
    """What the cell was judged with."""
    kept, interpreter = tools
    requirements = (f"{table['left']['name']}=={cell['left']}", f"{table['right']['name']}=={cell['right']}")
    day = dt.date.fromisoformat(cell["resolved_on"])
    resolution = kept.resolved(Wanted(requirements=requirements, interpreter=interpreter, day=day))
    return [p.pin for p in resolution.picked]


def really(pins: list[str], modules: tuple[str, ...], options: argparse.Namespace) -> tuple[str, str]:
    """(works | fails | not installed, last words)."""
    python = options.folder / "venv" / "bin" / "python"
    if not python.exists():
        must(["uv", "venv", "-q", "--python", "3.11", str(options.folder / "venv")])
    held = {pin.split("==")[0]: pin for pin in options.keep}
    wanted = [held.get(p.split("==")[0], p) for p in pins if not LEFT_OUT.match(p)]
    done = run(["uv", "pip", "install", "-q", "--no-deps", "--python", str(python), *wanted], timeout=1200)
    if not done.ok:
        return "not installed", done.stderr.decode(errors="replace").strip()[-300:]
    done = run([str(python), "-c", "import " + ", ".join(modules)], timeout=600, cwd="/")
    if done.ok:
        return "works", ""
    return "fails", done.stderr.decode(errors="replace").strip()[-1500:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("left")
    parser.add_argument("right")
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--keep", action="append", default=[])
    place = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    options = parser.parse_args(sys.argv[1:place])
    options.rest = sys.argv[place + 1 :]
    options.folder.mkdir(parents=True, exist_ok=True)
    table = table_of(options)
    index = open_index()
    interpreter, _ = interpreter_for("==3.11.*")
    tools = KeptResolutions(index, MetadataReader(index), dt.datetime.now(tz=dt.UTC).date()), interpreter
    cells = [c for c in table["cells"] if c["fate"] != "refused"]
    random.Random(20261123).shuffle(cells)
    if options.sample:
        cells = cells[: options.sample]
    rows_file = options.folder / "cells.jsonl"
    known = (
        {(r["left"], r["right"]): r for r in map(json.loads, rows_file.read_text().splitlines())}
        if rows_file.exists()
        else {}
    )
    candidates = {c.version: c.file for c in index.candidates(table["left"]["name"], interpreter)}
    for cell in cells:
        if (cell["left"], cell["right"]) in known:
            continue
        pins = pins_of(cell, table, tools)
        truth, words = really(pins, top_modules(index.wheel(candidates[cell["left"]])), options)
        row = {"left": cell["left"], "right": cell["right"], "static": cell["fate"], "truth": truth, "words": words}
        known[row["left"], row["right"]] = row
        with rows_file.open("a") as file:
            file.write(json.dumps(row) + "\n")
    report([known[c["left"], c["right"]] for c in cells], {(c["left"], c["right"]): c for c in table["cells"]})
    return 0


def report(rows: list[dict], table: dict[tuple[str, str], dict]) -> None:
    ran = [r for r in rows if r["truth"] != "not installed"]
    rows = [{**r, "static": table[r["left"], r["right"]]["fate"]} for r in ran]
    agree = [
        r
        for r in rows
        if (r["static"] in WORKING and r["truth"] == "works") or (r["static"] in BROKEN and r["truth"] == "fails")
    ]
    unknown = [r for r in rows if r["static"] == "unknown"]
    print(
        f"{len(rows)} cells run: {len(agree)} agree, {len(unknown)} unknown, {len(rows) - len(agree) - len(unknown)} differ"
    )
    for row in rows:
        if row not in agree:
            last = row["words"].splitlines()[-1] if row["words"] else ""
            print(f"  {row['left']} {row['right']}: static {row['static']}, really {row['truth']} {last[:150]}")


if __name__ == "__main__":
    sys.exit(main())
