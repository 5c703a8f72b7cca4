"""A table of versions against versions, each cell really run: for breaks that only a call meets.

    python -m tests.real.calls FOLDER 'openai>=1,<1.60' 'httpx>=0.25,<0.29' --code 'import openai; openai.OpenAI(api_key="x")'
        [--size 12] [--thin] [--python 3.11] [--with REQUIREMENT ...]

Both axes are chosen as ``acdoctor compat`` chooses them. Each version lies in a folder of its own (uv, without dependencies); what
else they need is installed once, for the newest of both, into one environment (``--with`` adds to it). A cell is CODE run there
with the folders of its two versions first on the path. Prints the table, and the last line that each failing cell said.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from doctor.index.index import open_index
from doctor.rulebook.load import load_rulebook
from doctor.stacks.compat import Comparison, Question
from doctor.stacks.compat_workers import Workers
from doctor.stacks.from_nothing_interpreter import interpreter_for
from doctor.stacks.from_nothing_verdict import Subject
from doctor.stacks.resolution_kept import KeptResolutions
from doctor.stacks.resolution_metadata import MetadataReader
from doctor.system import run

VERSION = re.compile(r"\d+(?:\.\w+)+")


def must(*words: str) -> None:
    done = run([*words], timeout=1200)
    if not done.ok:
        raise RuntimeError(f"{' '.join(words)[:200]}\n{done.failure or done.stderr.decode(errors='replace')[-800:]}")


def axes(options: argparse.Namespace) -> tuple[Comparison, tuple[str, ...], tuple[str, ...]]:
    index = open_index()
    interpreter, _ = interpreter_for(f"=={options.python}.*")
    table = Comparison(
        question=Question(
            left=options.left, right=options.right, interpreter=interpreter, size=options.size, thin=options.thin
        ),
        index=index,
        resolutions=KeptResolutions(index, MetadataReader(index), dt.datetime.now(tz=dt.UTC).date()),
        judge=Workers(index=index, rulebook=load_rulebook((), ()), subject=Subject(interpreter=interpreter)),
    )
    return table, *table.axes()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("left")
    parser.add_argument("right")
    parser.add_argument("--code", required=True)
    parser.add_argument("--size", type=int, default=12)
    parser.add_argument("--thin", action="store_true")
    parser.add_argument("--python", default="3.11")
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--with", dest="more", action="append", default=[])
    options = parser.parse_args()
    table, lefts, rights = axes(options)
    venv = options.folder.absolute() / "venv"
    python = venv / "bin" / "python"
    must("uv", "venv", "-q", "--clear", "--python", options.python, str(venv))
    for base in (
        [f"{table.right}=={rights[-1]}"],
        [f"{table.left}=={lefts[-1]}", *options.more],
    ):  # they may exclude each other
        must("uv", "pip", "install", "-q", "--python", str(python), *base)
    must("uv", "pip", "uninstall", "-q", "--python", str(python), table.left, table.right)
    places = {}
    for name, versions in ((table.left, lefts), (table.right, rights)):
        for version in versions:
            places[name, version] = place = (options.folder / f"{name}-{version}").absolute()
            if not place.exists():
                must(
                    "uv",
                    "pip",
                    "install",
                    "-q",
                    "--no-deps",
                    "--python",
                    str(python),
                    "--target",
                    str(place),
                    f"{name}=={version}",
                )

    def cell(pair: tuple[str, str]) -> tuple[bool, str]:
        path = os.pathsep.join((str(places[table.left, pair[0]]), str(places[table.right, pair[1]])))
        there = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        done = run([str(python), "-c", options.code], timeout=300, env=there, cwd="/")
        words = done.stderr.decode(errors="replace").strip().splitlines()
        return done.ok, words[-1] if words else ""

    pairs = [(left, right) for left in lefts for right in rights]
    with ThreadPoolExecutor(options.at_once) as pool:
        told = dict(zip(pairs, pool.map(cell, pairs), strict=True))
    wide = max(map(len, lefts))
    print(f"{table.left} (down) x {table.right}: {' '.join(rights)}")
    for left in lefts:
        print(
            f"{left:>{wide}}  "
            + " ".join(("✓" if told[left, right][0] else "✗").center(len(right)) for right in rights)
        )
    words: dict[str, list[str]] = {}
    for (left, right), (ok, last) in told.items():
        if not ok:
            words.setdefault(VERSION.sub("N", last), []).append(f"{left}/{right}")
    for last, cells in words.items():
        print(f"{len(cells)} cells: {last}   ({cells[0]} .. {cells[-1]})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
