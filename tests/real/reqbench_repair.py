"""REQBench's import-time crashes: does the plan keep the upgraded library and cure the crash, or truly say it cannot?

    python -m tests.real.reqbench_repair FOLDER [--python 3.7=PYTHON ...] [--repairable] [--only TEXT] [--limit N] [--save FILE]

FOLDER holds ``repair.jsonl`` (environment before, target, sets that are known to run) and ``triage.jsonl`` (the log,
of which only the project's own statement is taken). An environment is put together as a value: an empty venv of the
row's Python and the wheels of its pins, read where they lie (by ranges), nothing is installed or run. Then
``acdoctor fix`` searches with ``--keep TARGET``.
The rows are of Python 3.6 and 3.7, which the doctor itself refuses: here its probe is made to speak their syntax.
``pip freeze`` leaves some out that conda, in which the rows were made, puts into every environment: they are put in.

What has no wheel (an old ``html5lib``, a project's own) is assumed: it is there, and its names are not known.

Compiled code is not looked at (its checks would unpack gigabytes of wheels that nobody installs), so rows about its
symbols are unseen.

The verdict of a row:
    set       the plan makes every change that all known working sets make, or leads into one of them
    other     the target is kept and the import ends well by our proof, but by other versions than any known set has
    none      no plan, though a set is known: a miss
    honest    no plan, and no tool of the benchmark found one that keeps the target either
    beyond    a plan where no tool of the benchmark found one
    unseen    the crash is not found in the environment as listed (what the list does not hold, such as setuptools)
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from packaging.utils import canonicalize_name

from doctor.checks import run as run_checks
from doctor.checks.examine import Options, Records, examine_environment
from doctor.errors import DoctorError
from doctor.index.index import Candidate, Index, open_index
from doctor.index.releases import Window, best_wheel
from doctor.model import Environment, Interpreter, Severity
from doctor.planned.after import After, after_target
from doctor.planned.target import Chosen, Target, changes, same_version
from doctor.probe import interpreter
from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles
from doctor.repair.policy import Pin, Policy
from doctor.repair.scene import Scene
from doctor.repair.search import Found, search
from doctor.rulebook.load import load_rulebook
from doctor.system import run

_IMPORT = re.compile(r'\n\s*((?:from|import) [^\n]+)\n\s*File "[^"\n]*(?:site-packages|lib/python)')
_CONDA = {
    (3, 6): ("certifi==2021.5.30", "setuptools==58.0.4", "wheel==0.37.1"),
    (3, 7): ("certifi==2022.12.7", "setuptools==65.6.3", "wheel==0.38.4"),
}


class _Plain(ast.NodeTransformer):
    """Source without annotations, as Python 3.6 cannot read them all."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """Only the name."""
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Without the type of the result."""
        node.returns = None
        return self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
        """Without imports from the future."""
        return None if node.module == "__future__" else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """A plain assignment."""
        return ast.Assign(targets=[node.target], value=node.value, lineno=node.lineno) if node.value else None


def speak_old_python(work: Path) -> None:
    """Let the probe accept 3.6 and 3.7."""
    plain = ast.fix_missing_locations(_Plain().visit(ast.parse(Path(interpreter.INSIDE).read_text(encoding="utf-8"))))
    inside = work / "inside.py"
    inside.write_text(ast.unparse(plain), encoding="utf-8")
    interpreter.INSIDE, interpreter.OLDEST = str(inside), (3, 6)


def _with_abi_flag(environment: Environment) -> Environment:
    """With the tags that end in ``m`` (pymalloc): before 3.8 they were another binary interface."""
    if environment.interpreter is None:
        return environment
    own = "cp{}{}".format(*environment.interpreter.minor)
    tags = [t.replace(f"{own}-{own}-", f"{own}-{own}m-") for t in environment.interpreter.tags]
    return replace(environment, interpreter=replace(environment.interpreter, tags=tuple(tags)))


def look_at_source_only() -> None:
    """Leave the checks of compiled code out."""
    by_files = run_checks._by_files()
    kept = tuple(check for check in by_files if check[0] not in ("compiled code", "binary interfaces"))
    run_checks._by_files = lambda: kept


class Bench:
    """The rows, one empty venv for each Python, the index, and the rulebook."""

    def __init__(self, folder: Path, pythons: dict[str, str], work: Path) -> None:
        logs = {row["id"]: row["log"] for row in _rows(folder / "triage.jsonl")}
        self.rows = _rows(folder / "repair.jsonl")
        self.statements = {row["id"]: _statement(row, logs.get(row["id"], "")) for row in self.rows}
        self.pythons, self.work, self.rulebook = pythons, work, load_rulebook(())
        self.venvs: dict[str, Environment] = {}
        self.index: Index = open_index()
        self.progress: Callable[[str], None] = lambda _text: None

    def environment(self, version: str) -> Environment | None:
        """An empty venv of that Python; None when there is no such Python here."""
        minor = ".".join(version.split(".")[:2])
        if minor not in self.venvs:
            python = self.pythons.get(minor) or shutil.which(f"python{minor}")
            if python is None:
                return None
            path = self.work / f"python{minor}"
            made = run([python, "-m", "venv", "--without-pip", str(path)], timeout=60)
            if not made.ok:
                sys.exit(f"{python} makes no venv: {made.stderr.decode(errors='replace')[-300:]}")
            self.venvs[minor] = _with_abi_flag(probe_environment(str(path)))
        return self.venvs[minor]

    def built(self, row: dict, empty: Environment) -> tuple[After, list[str]]:
        """The environment of a row, and the pins that have no wheel for it."""
        facts = empty.interpreter
        if facts is None:
            sys.exit(f"{empty.path}: {empty.start_failure}")
        chosen, absent = [], []
        listed = {pin.partition("==")[0]: pin for pin in _CONDA[facts.minor]}
        # without a version: from a local file, which is how conda brings its own
        pinned = [p for p in row["requirements_before"] if "==" in p or canonicalize_name(p) not in listed]
        listed |= {canonicalize_name(p.partition("==")[0]): p for p in pinned}
        pins = [pin for name, pin in listed.items() if name != "pip"]
        for pin in pins:
            name, _, version = pin.partition("==")
            candidate = self.exactly(canonicalize_name(name), version, facts)
            if candidate is None:
                absent.append(pin)
            else:
                chosen.append(Chosen(candidate=candidate, wheel=self.index.wheel(candidate.file)))
        return after_target(Target(chosen=tuple(chosen)), empty, DiskFiles(), {}), absent

    def exactly(self, name: str, version: str, facts: Interpreter) -> Candidate | None:
        """The wheel of just that version, yanked or not: it was installed."""
        found = [
            c
            for c in self.index.candidates(name, facts, Window(), prereleases=True)
            if same_version(c.version, version)
        ]
        if found:
            return found[0]
        for release in self.index.versions(name):
            if same_version(release.version, version):
                files = tuple(replace(file, yanked=False) for file in release.files)
                file = best_wheel(replace(release, files=files), facts)
                return Candidate(name=name, version=release.version, file=file) if file else None
        return None


def _statement(row: dict, log: str) -> str:
    """What the project does when it crashes: its import, else (its own code is refused) the last line that it runs."""
    into = _IMPORT.search(log)
    if into or row["crash"]["importer"] != "project":
        return into[1] if into else ""
    lines = [line.strip() for line in log.strip().splitlines()]
    last, missing = lines[-2] if len(lines) > 1 else "", row["crash"]["missing"]
    if last.startswith(("import ", "from ")) or not missing.get("module"):
        return last
    return f"import {missing['module']} as {re.split(r'[.(]', last.rpartition('= ')[2])[0]}\n{last}"


def judge(row: dict, bench: Bench) -> dict:
    """One row: what the plan is and what it is worth."""
    said = {"id": row["id"], "group": row["group"], "repairable": row["known_repairable"]}
    statement, empty = bench.statements.get(row["id"]), bench.environment(row["python"])
    if not statement:
        return {**said, "verdict": "no statement"}
    if empty is None:
        return {**said, "verdict": "no such Python here"}
    after, absent = bench.built(row, empty)
    program = bench.work / "entry.py"
    program.write_text(statement.strip() + "\n")
    assumed = {canonicalize_name(p.partition("==")[0]): p.partition("==")[2] or "0" for p in absent}
    options = Options(stack="none", entries=(str(program),), assumed=assumed)
    report = examine_environment(after.environment, after.files, bench.rulebook, options)
    found_errors = [f for f in report.findings if f.severity is Severity.ERROR]
    said |= {"absent": absent, "errors": [f.message for f in found_errors][:4], "statement": statement.strip()}
    if not found_errors:
        return {**said, "verdict": "unseen"}
    target = f"{canonicalize_name(row['target']['dist'])}=={row['target']['version']}"
    scene = Scene(
        report=report,
        environment=report.environment or after.environment,
        files=after.files,
        records=Records(after.environment, after.files),
        rulebook=bench.rulebook,
        options=options,
        index=bench.index,
        policy=Policy(pins=(Pin(requirement=target, who="you keep"),)),
        progress=bench.progress,
    )
    found = search(scene)
    moved = {c.name: c.after for c in changes(found.target, after.environment)}
    left = [f.message for f in found.report.findings if f.severity is Severity.ERROR]
    return {
        **said,
        "changes": moved,
        "left": left[:3],
        "declined": found.declined[:3],
        "verdict": verdict(row, found, moved),
    }


def verdict(row: dict, found: Found, moved: dict[str, str | None]) -> str:
    """What a plan is worth by the sets that are known to run."""
    cured = not any(f.severity is Severity.ERROR for f in found.report.findings)
    if not moved or not cured:
        return "none" if row["known_repairable"] else "honest"
    if not row["known_repairable"]:
        return "beyond"
    return "set" if any(_leads_into(moved, known, row) for known in _sets(row)) else "other"


def _sets(row: dict) -> Iterator[dict[str, str]]:
    for pins in row["working_sets"]:
        listed = pins["requirements"] if isinstance(pins, dict) else pins
        yield {canonicalize_name(p.partition("==")[0]): p.partition("==")[2] for p in listed}


def _leads_into(moved: dict[str, str | None], known: dict[str, str], row: dict) -> bool:
    """Every version that we change to is the known set's, and what all known sets change is changed."""
    same = all(v is not None and same_version(known.get(n, ""), v) for n, v in moved.items())
    return same and set(map(canonicalize_name, row["changed_in_all"])) <= set(moved)


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", action="append", default=[], metavar="3.7=PYTHON")
    parser.add_argument("--only", default="", help="rows whose id holds this text")
    parser.add_argument("--repairable", action="store_true", help="only rows that a known set cures")
    parser.add_argument("--limit", type=int, default=0, help="rows of each group of near-duplicates (0: all)")
    parser.add_argument("--save", type=Path)
    parser.add_argument("--progress", action="store_true", help="say what is being tried")
    options = parser.parse_args()
    pythons = dict(text.split("=", 1) for text in options.python)
    results: list[dict] = []
    with tempfile.TemporaryDirectory() as work:
        speak_old_python(Path(work))
        look_at_source_only()
        bench = Bench(options.folder, pythons, Path(work))
        if options.progress:
            bench.progress = lambda text: print(f"    {text}", flush=True)
        seen: Counter[str] = Counter()
        for row in bench.rows:
            seen[row["group"]] += 1
            if options.only not in row["id"] or (options.limit and seen[row["group"]] > options.limit):
                continue
            if options.repairable and not row["known_repairable"]:
                continue
            started, cpu = time.monotonic(), time.process_time()
            try:
                result = judge(row, bench)
            except DoctorError as error:
                result = {
                    "id": row["id"],
                    "repairable": row["known_repairable"],
                    "verdict": "not read",
                    "why": str(error),
                }
            result |= {"seconds": round(time.monotonic() - started, 1), "cpu": round(time.process_time() - cpu, 1)}
            results.append(result)
            print(
                f"{result['verdict']:8} {row['id']}  {result.get('changes') or ''}  {result['seconds']} s, {result['cpu']} CPU s",
                flush=True,
            )
            if options.save:
                options.save.write_text("".join(json.dumps(r) + "\n" for r in results))
    summary(results)
    return 0


def summary(results: list[dict]) -> None:
    """The table: rows that a pin is known to cure, and the others."""
    for repairable, title in ((True, "a pin is known to cure it"), (False, "no known set keeps the target")):
        counts = Counter(r["verdict"] for r in results if r["repairable"] is repairable)
        print(f"{title}: {sum(counts.values())} rows: " + ", ".join(f"{n} {v}" for v, n in counts.most_common()))
    able = [r for r in results if r["repairable"] and r["verdict"] in ("set", "other", "none")]
    if able:
        kept = sum(r["verdict"] != "none" for r in able)
        print(f"target kept and cured: {kept}/{len(able)} ({100 * kept / len(able):.1f} %)")


if __name__ == "__main__":
    sys.exit(main())
