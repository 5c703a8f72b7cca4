"""The oracle: import every entry of an environment for real, and hold the static verdict against it.

    python -m tests.real.oracle VENV [--deep] [--save truth.json]      import for real, then compare
    python -m tests.real.oracle --truth truth.json [--truth ...]       compare with saved truths only
    python -m tests.real.oracle VENV --save truth.json --no-verdict    the truth alone

Entries are the topmost importable modules of every distribution (from RECORD and top_level.txt; namespace
packages are descended to their first real modules), the modules of its console scripts and, with ``--deep``,
the direct public submodules of its packages.

Each entry is imported in its own process of the environment's interpreter: an empty working directory, an empty
home, no variables of the caller, proxies that lead nowhere, no byte code written, a time limit. What is told of
a failure: the exception with its causes and its frames, innermost last, relative to ``sys.path``.

The static verdict comes from the installed command (``--command``), which must print one JSON line a module:
``{"module": ..., "outcome": "ok" | "fails" | "unknown", "failures": [...]}``.

Precision is the share of the static ``fails`` that really fail; recall the share of the real failures of which
the verdict is ``fails``. An entry whose real run tells nothing (time limit) counts for neither and is listed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib.metadata import Distribution, distributions
from pathlib import Path

from doctor.system import run

SCHEMA = "acdoctor.truth/1"
COMMAND = f"{sys.executable} -m doctor imports {{venv}} --modules-from {{file}} --format jsonl"
DEAD_PROXY = "http://127.0.0.1:9"

# Runs inside the patient: imports one module, writes what happened, leaves without running exit handlers.
PROBE = r"""
import sys
module, out, paths = sys.argv[1], sys.argv[2], None
sys.argv[:] = ["-c"]
def relative(name):
    for p in sorted(filter(None, sys.path), key=len, reverse=True):
        if name.startswith(p.rstrip("/") + "/"):
            return name[len(p.rstrip("/")) + 1:]
    return name
def describe(e, depth=0):
    frames, tb = [], e.__traceback__
    while tb is not None:
        name = tb.tb_frame.f_code.co_filename
        if not name.startswith("<"):
            frames.append([relative(name), tb.tb_lineno, tb.tb_frame.f_code.co_name])
        tb = tb.tb_next
    if isinstance(e, SyntaxError) and e.filename:
        frames.append([relative(str(e.filename)), e.lineno, "<syntax>"])
    d = {"type": type(e).__name__, "bases": [c.__name__ for c in type(e).__mro__[1:-1]],
         "message": str(e)[:600], "frames": frames[-30:]}
    for k in ("name", "name_from"):
        if isinstance(getattr(e, k, None), str):
            d[k] = getattr(e, k)
    if depth < 5:
        cause = e.__cause__ if e.__cause__ is not None or e.__suppress_context__ else e.__context__
        if cause is not None:
            d["cause"] = describe(cause, depth + 1)
    return d
import time
start, before, error = time.process_time(), len(sys.modules), None
try:
    exec(compile("import " + module, "<entry>", "exec"), {"__name__": "__main__"})
except BaseException as e:
    error = describe(e)
cpu, loaded = time.process_time() - start, len(sys.modules) - before
import json, os
with open(out, "w") as f:
    json.dump({"error": error, "cpu": round(cpu, 3), "loaded": loaded}, f)
    f.flush()
os._exit(0)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A module to import; ``kind`` is ``top``, ``script`` or ``sub``."""

    module: str
    distribution: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """What importing an entry did: ``ok``, ``fails``, or ``nothing`` (time limit: undecided)."""

    module: str
    distribution: str
    kind: str
    outcome: str
    error: dict = field(default_factory=dict)
    cpu: float = 0.0
    loaded: int = 0
    output: str = ""

    @property
    def root(self) -> dict:
        """The innermost cause."""
        error = self.error
        while error.get("cause"):
            error = error["cause"]
        return error

    def headline(self) -> str:
        """The exception, where it was raised, and its first cause, on one line."""
        error, root = self.error, self.root
        text = f"{error.get('type')}: {_line(error.get('message', ''))}{_place(error)}"
        return text if root is error else f"{text} <- {root.get('type')}: {_line(root.get('message', ''))}{_place(root)}"


def _line(text: str, width: int = 160) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


def _place(error: dict) -> str:
    return f" ({error['frames'][-1][0]}:{error['frames'][-1][1]})" if error.get("frames") else ""


# ---------------------------------------------------------------- entries


def search_path(python: Path) -> list[str]:
    """The directories of ``sys.path`` of an ordinary start of that interpreter that hold distributions."""
    with tempfile.TemporaryDirectory(prefix="oracle-") as home:
        done = run([str(python), "-c", "import json, sys; print(json.dumps(sys.path[1:]))"],
                   timeout=60, env=clean_environment(python, Path(home)), cwd=home)
    if not done.ok:
        sys.exit(f"{python} does not start: {done.failure or done.stderr.decode(errors='replace')}")
    return json.loads(done.stdout.splitlines()[-1])


def entries_of(paths: Sequence[str], *, deep: bool) -> list[Entry]:
    """All entries of the distributions on these paths, each module once, in a stable order."""
    found: dict[str, Entry] = {}
    for dist in sorted(distributions(path=list(paths)), key=lambda d: (d.metadata["Name"] or "").lower()):
        name = re.sub(r"[-_.]+", "-", dist.metadata["Name"] or "?").lower()
        files = [str(f) for f in dist.files or []]
        for module in _tops(dist, files):
            found.setdefault(module, Entry(module=module, distribution=name, kind="top"))
        for point in dist.entry_points:
            module = point.value.split("[")[0].split(":")[0].strip()
            if point.group in {"console_scripts", "gui_scripts"} and _importable(module):
                found.setdefault(module, Entry(module=module, distribution=name, kind="script"))
        for module in _subs(files) if deep else ():
            found.setdefault(module, Entry(module=module, distribution=name, kind="sub"))
    return [found[m] for m in sorted(found)]


def _importable(module: str) -> bool:
    return bool(module) and all(part.isidentifier() for part in module.split(".")) and not module.endswith("__main__")


def _modules(files: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """(dotted module, is a package) of every file that can be imported, paths that leave site-packages aside."""
    for file in files:
        match = re.fullmatch(r"((?:\w+/)*)(\w+)(?:\.py|(?:\.[\w-]+)?\.so)", file)
        if match:
            folder, stem = match[1].strip("/").replace("/", "."), match[2]
            module = folder if stem == "__init__" else f"{folder}.{stem}".strip(".")
            if _importable(module):
                yield module, stem == "__init__"


def _tops(dist: Distribution, files: Sequence[str]) -> Iterator[str]:
    """The topmost real modules: ``requests``, but ``google.cloud.storage`` below the namespace ``google.cloud``."""
    modules = dict(_modules(files))
    packages = {m for m, package in modules.items() if package}
    for module in sorted(modules):
        parents = module.split(".")[:-1]
        if not any(".".join(parents[: i + 1]) in packages for i in range(len(parents))):
            yield module
    for name in (dist.read_text("top_level.txt") or "").split():
        module = name.strip().replace("/", ".")
        if _importable(module) and not any(m == module or m.startswith(module + ".") for m in modules):
            yield module


def _subs(files: Sequence[str]) -> Iterator[str]:
    """Direct public children of the topmost packages."""
    modules = dict(_modules(files))
    packages = {m for m, package in modules.items() if package}
    for module in sorted(modules):
        parent, _, last = module.rpartition(".")
        if parent in packages and not last.startswith("_") and parent.rpartition(".")[0] not in packages:
            yield module


# ---------------------------------------------------------------- the truth


def clean_environment(python: Path, home: Path) -> dict[str, str]:
    """What a fresh login would have, and no way out to a network."""
    return {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8",
        "VIRTUAL_ENV": str(python.parent.parent), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), DEAD_PROXY),
    }


def import_for_real(python: Path, entry: Entry, timeout: float) -> Real:
    """Import one module in a process of its own."""
    home = Path(tempfile.mkdtemp(prefix="oracle-"))
    told = home / "told.json"
    work = home / "work"
    work.mkdir()
    try:
        done = run([str(python), "-c", PROBE, entry.module, str(told)], timeout=timeout,
                   env=clean_environment(python, home), cwd=str(work))
        tail = (done.stdout + done.stderr)[-600:].decode(errors="replace")
        if told.exists() and (facts := json.loads(told.read_text() or "null")):
            error = facts["error"] or {}
            return Real(**asdict(entry), outcome="fails" if error else "ok", error=error, cpu=facts["cpu"],
                        loaded=facts["loaded"], output=tail if error else "")
        if done.code is None:
            return Real(**asdict(entry), outcome="nothing", error={"type": "timeout", "message": done.failure})
        how = f"signal {-done.code}" if done.code < 0 else f"exit {done.code}"
        return Real(**asdict(entry), outcome="fails", error={"type": how, "message": _line(tail)}, output=tail)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def truth_of(venv: Path, options: argparse.Namespace) -> dict:
    """Import every entry of an environment; the answer is what ``--save`` writes."""
    python = venv / "bin" / "python"
    paths = search_path(python)
    entries = entries_of(paths, deep=options.deep)
    if options.sample and len(entries) > options.sample:
        entries = sorted(random.Random(0).sample(entries, options.sample), key=lambda e: e.module)
    started = time.time()
    reals: list[Real] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for real in pool.map(lambda e: import_for_real(python, e, options.timeout), entries):
            reals.append(real)
            if len(reals) % 25 == 0:
                print(f"  {venv.name}: {len(reals)}/{len(entries)} imported", file=sys.stderr, flush=True)
    pins = sorted({f"{d.metadata['Name']}=={d.version}" for d in distributions(path=paths)}, key=str.lower)
    return {
        "schema": SCHEMA, "name": venv.name, "venv": str(venv), "on": time.strftime("%Y-%m-%d"), "deep": options.deep,
        "seconds": round(time.time() - started, 1), "distributions": pins, "entries": [asdict(r) for r in reals],
    }


# ---------------------------------------------------------------- the verdict


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
        return f"{self.outcome}: {_line(str(first.get('message') or first))}{place}"


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
    for line in done.stdout.decode(errors="replace").splitlines():
        if line.startswith("{"):
            told = json.loads(line)
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
        hits, alarms = len(self.where("fails", ["fails"])), len(self.where("ok", ["fails"]))
        misses = len(self.where("fails", ["ok", "silent"]))
        unknown = len(self.where("fails", ["unknown"]))
        placed = sum(same_place(r, v) for r, v in self.where("fails", ["fails"]))
        return [
            self.name, str(self.distributions), str(len(self.pairs)), str(hits + misses + unknown), str(hits), str(misses),
            str(unknown), str(alarms), str(len(self.where("ok", ["unknown"]))), _share(hits, hits + alarms),
            _share(hits, hits + misses + unknown), _share(placed, hits), f"{self.real_cpu:.0f}", f"{self.static_cpu:.1f}",
        ]


HEAD = ["stack", "dists", "entries", "broken", "found", "missed", "unsure", "alarms", "unsure-ok",
        "precision", "recall", "place", "real CPU s", "static CPU s"]


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
        name=truth["name"], distributions=len(truth["distributions"]),
        pairs=tuple((r, told.get(r.module, Verdict(outcome="silent"))) for r in reals),
        real_cpu=sum(r.cpu for r in reals), static_cpu=cpu,
    )


def table(scores: Sequence[Score]) -> str:
    """A Markdown table, with a sum when there are several."""
    rows = [s.row() for s in scores]
    if len(scores) > 1:
        whole = Score(
            name="**all**", distributions=sum(s.distributions for s in scores), pairs=tuple(p for s in scores for p in s.pairs),
            real_cpu=sum(s.real_cpu for s in scores), static_cpu=sum(s.static_cpu for s in scores),
        )
        rows.append(whole.row())
    return "\n".join("| " + " | ".join(r) + " |" for r in [HEAD, ["---"] * len(HEAD), *rows])


def differences(score: Score) -> Iterator[str]:
    """Every entry on which the verdict and the truth do not agree, with both sides."""
    for title, real, static in (("FALSE ALARM", "ok", ["fails"]), ("MISSED", "fails", ["ok", "silent"]),
                                ("UNSURE", "fails", ["unknown"]), ("TIME LIMIT", "nothing", ["ok", "fails", "unknown", "silent"])):
        for r, v in score.where(real, static):
            yield f"{title:11s} {score.name}: {r.module}  [{r.distribution}, {r.kind}]"
            yield f"    real:   {'imports' if r.outcome == 'ok' else r.headline()}"
            yield f"    static: {v.headline()}"
    for r, v in score.where("fails", ["fails"]):
        if not same_place(r, v):
            yield f"OTHER PLACE {score.name}: {r.module}  [{r.distribution}, {r.kind}]"
            yield f"    real:   {r.headline()}"
            yield f"    static: {v.headline()}"


def summary(truth: dict) -> str:
    """One line: what the truth holds."""
    reals = [Real(**e) for e in truth["entries"]]
    broken, silent = [r for r in reals if r.outcome == "fails"], [r for r in reals if r.outcome == "nothing"]
    return (f"{truth['name']}: {len(truth['distributions'])} distributions, {len(reals)} entries, {len(broken)} fail, "
            f"{len(silent)} time limit, {sum(r.cpu for r in reals):.0f} CPU-s, {truth['seconds']} s")


def main() -> int:
    """Parse the command line; exit 1 when a static verdict was wrong (an alarm or a miss)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("venv", nargs="?", type=Path)
    parser.add_argument("--deep", action="store_true", help="also the direct public submodules of every package")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="only N entries, always the same ones")
    parser.add_argument("--truth", action="append", default=[], type=Path, help="a saved truth; may be given again")
    parser.add_argument("--save", type=Path, help="keep the truth")
    parser.add_argument("--no-verdict", action="store_true", help="only the truth, no comparison")
    parser.add_argument("--command", default=COMMAND, help="template with {venv} and {file}; prints a JSON line a module")
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
    return 1 if any(s.where("ok", ["fails"]) or s.where("fails", ["ok", "silent"]) for s in scores) else 0


if __name__ == "__main__":
    sys.exit(main())
