"""What ``acdoctor fix --apply --yes`` makes of the corpus: each case built afresh, repaired, and really run before and after.

    python -m tests.real.corpus_repair CORPUS WORK [IDS ...] [--command 'acdoctor'] [--level L | --good] [--save FILE]

CORPUS holds ``cases.jsonl`` and ``corpuslib.py``; venvs are built below WORK and removed again, so that nothing that
lies elsewhere is touched. Results in FILE are kept: what stands there already is not run again (``--again``: it is).

A row tells: does the entry run now (``cured``), is the distribution kept that a user would rather keep (``kept``; an
alternative cure that the corpus knows may move it: ``alternative``), were more distributions changed than by the known cure
(``more``), did the entry run before and not now (``worse``), and for healthy cases whether any file differs (``changed``).
``consistent``: whether the known cure itself leaves all declared requirements met; where it does not, bringing what they ask
for is told as ``brought`` beside ``more``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import shlex
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

PATIENCE = 900
"""Seconds for one repair."""


def corpus_library(folder: Path) -> ModuleType:
    """The corpus's own way of building and running a case."""
    spec = importlib.util.spec_from_file_location("corpuslib", folder / "corpuslib.py")
    if spec is None or spec.loader is None:
        sys.exit(f"{folder} has no corpuslib.py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules["corpuslib"] = module
    spec.loader.exec_module(module)
    return module


def state(venv: Path) -> dict[str, tuple[int, int, int]]:
    """Mode, size and time of every file but byte code and the doctor's own room."""
    found = {}
    for folder, names, files in os.walk(venv):
        names[:] = [n for n in names if n not in ("__pycache__", ".acdoctor")]
        for name in files:
            path = os.path.join(folder, name)
            facts = os.lstat(path)
            found[os.path.relpath(path, venv)] = (stat.S_IMODE(facts.st_mode), facts.st_size, facts.st_mtime_ns)
    return found


def versions(venv: Path, lib: ModuleType) -> dict[str, str]:
    """Installed versions by normalized name."""
    return {
        name: path.name.removesuffix(".dist-info").rsplit("-", 1)[1]
        for name, path in lib.dists(lib.site_packages(venv)).items()
        if "-" in path.name.removesuffix(".dist-info")
    }


def repaired(command: list[str], venv: Path) -> dict[str, Any]:
    """Run the repair; its exit code and its cost."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    argv = [*command, "fix", str(venv), "--apply", "--yes"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, errors="replace", check=False)
        code, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        code, out, err = -1, "", "no end"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "exit": code,
        "cpu": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "wall": round(time.monotonic() - started, 1),
        "out": out[-1500:],
        "err": err[-600:],
    }


def judged(case: dict[str, Any], command: list[str], work: Path, lib: ModuleType) -> dict[str, Any]:
    """One case, from its building to its removal."""
    venv = work / "venvs" / case["id"]
    try:
        lib.build(case, venv, work)
        ran_before = lib.run_entry(case, venv)["ok"]
        files, pins = state(venv), versions(venv, lib)
        row = {"id": case["id"], "level": case["level"] if case["broken"] else "good", **repaired(command, venv)}
        again = lib.run_entry(case, venv)
        row["worse"] = ran_before and not again["ok"]
        if not case["broken"]:
            return row | {"changed": state(venv) != files}
        now = versions(venv, lib)
        changes = {n: [pins.get(n), now.get(n)] for n in sorted(pins.keys() | now.keys()) if pins.get(n) != now.get(n)}
        cured = again["ok"] and (bool(case.get("exception")) or lib.silent_fault_gone(case, venv, work))
        return row | {"cured": cured, "changes": changes} | beside_the_known(case, changes, lib)
    finally:
        lib.cleanup(venv)


def beside_the_known(case: dict[str, Any], changes: dict[str, list[str | None]], lib: ModuleType) -> dict[str, Any]:
    """The changes held against the cures that the corpus knows."""
    known = [case.get("fix") or {}, *(case.get("fix_alternatives") or [])]
    sizes = [sum(len(way.get(k) or []) for k in ("install", "uninstall", "remove", "reinstall")) for way in known]
    keep = lib.canon(case["fix_keeps"]) if case.get("fix_keeps") and case["fix_keeps"] != lib.ENVIRONMENT else ""
    moved = {lib.dist_name(pin) for way in known[1:] for pin in way.get("install") or []}
    return {
        "keep": keep,
        "kept": keep not in changes if keep else None,
        "alternative": bool(keep) and keep in moved,
        "more": len(changes) > max(1, sizes[0]),
        "brought": [name for name, (before, _after) in changes.items() if before is None],
        "consistent": case.get("fix_leaves_pip_check_clean"),
        "known": known[0],
    }


def words(row: dict[str, Any]) -> str:
    """One line for the row."""
    cost = f"exit {row['exit']} {row['cpu']} CPU s {row['wall']} s"
    if row["level"] == "good":
        return f"{'CHANGED' if row['changed'] else 'quiet'}{' WORSE' if row['worse'] else ''} {row['id']} {cost}"
    said = ["cured" if row["cured"] else "UNCURED", *(w.upper() for w in ("worse", "more") if row[w])]
    said += ["NOT KEPT"] if row["kept"] is False else []
    changes = ", ".join(f"{n} {a}->{b}" for n, (a, b) in row["changes"].items())
    return f"{' '.join(said)} {row['level']} {row['id']} [{changes}] {cost}"


def summary(rows: list[dict[str, Any]]) -> None:
    """The table by level, and the goal's share."""
    for level in ("import", "files", "metadata", "call"):
        mine = [r for r in rows if r["level"] == level]
        well = [r for r in mine if as_the_goal_has_it(r)]
        if mine:
            cost = sorted(r["cpu"] for r in mine)
            print(
                f"{level:9} {len(mine)} run, {sum(r['cured'] for r in mine)} cured, {len(well)} kept and no more changes, "
                f"{sum(r['worse'] for r in mine)} worse; CPU s median {cost[len(cost) // 2]}, worst {cost[-1]}, above 60: {sum(c > 60 for c in cost)}"
            )
    both = [r for r in rows if r["level"] in ("import", "files")]
    if both:
        share = 100 * sum(map(as_the_goal_has_it, both)) / len(both)
        print(f"import and files as the goal has it: {sum(map(as_the_goal_has_it, both))} of {len(both)} = {share:.1f} %")
    good = [r for r in rows if r["level"] == "good"]
    if good:
        print(f"good      {len(good)} run, {sum(r['changed'] for r in good)} changed, {sum(r['worse'] for r in good)} worse")


def as_the_goal_has_it(row: dict[str, Any]) -> bool:
    """Cured, what is to be kept kept, and no more changes than the known cure."""
    return bool(row["cured"]) and row["kept"] is not False and not row["more"] and not row["worse"]


def chosen(cases: list[dict[str, Any]], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The cases that were asked for."""
    for case in cases:
        level = case["level"] if case["broken"] else "good"
        if options.ids and case["id"] not in options.ids:
            continue
        if options.level and level != options.level:
            continue
        yield case


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("ids", nargs="*")
    parser.add_argument("--command", default="acdoctor")
    parser.add_argument("--level", help="import, files, metadata, call or good")
    parser.add_argument("--save", type=Path)
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args()
    lib = corpus_library(options.corpus)
    options.work.mkdir(parents=True, exist_ok=True)
    lines = options.save.read_text().splitlines() if options.save and options.save.exists() else []
    rows = {row["id"]: row for row in map(json.loads, lines)}
    for case in chosen(lib.load_cases(options.corpus / "cases.jsonl"), options):
        if case["id"] in rows and not options.again:
            continue
        try:
            row = judged(case, shlex.split(options.command), options.work, lib)
        except (lib.BuildError, OSError) as error:
            print(f"not built: {case['id']}: {str(error)[:200]}", flush=True)
            continue
        rows[case["id"]] = row
        print(words(row), flush=True)
        if options.save:
            options.save.write_text("".join(json.dumps(r) + "\n" for r in rows.values()))
    counts = Counter(row["level"] for row in rows.values())
    print(", ".join(f"{n} {level}" for level, n in counts.items()))
    summary(list(rows.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
