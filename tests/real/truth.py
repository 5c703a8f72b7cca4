"""The truth about an environment: what really happens when each of its entries is imported.

Entries are the topmost importable modules of every distribution (from RECORD and top_level.txt; namespace
packages are descended to their first real modules), the modules of its console scripts and, when asked for,
the direct public submodules of its packages.

Each entry is imported in its own process of the environment's interpreter: an empty working directory, an empty
home, no variables of the caller, proxies that lead nowhere, a pip that finds nothing (packages were seen that run
it when imported), no byte code written, a time limit. What is told of a failure: the exception with its causes (also
those that ``from None`` hides) and its frames, innermost last, relative to ``sys.path``.
"""

from __future__ import annotations

import argparse
import json
import random
import re
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
OF_THE_FILES = frozenset(
    {"ImportError", "AttributeError", "NameError", "SyntaxError", "TypeError", "FileNotFoundError"}
)
DEAD_PROXY = "http://127.0.0.1:9"

# Runs inside the patient: imports one module, writes what happened, leaves without running exit handlers.
PROBE = r"""
import sys
module, out, command = sys.argv[1:]
sys.argv[:] = [command]
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
        cause = e.__context__ if e.__cause__ is None else e.__cause__
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

    def is_of_the_world(self) -> bool:
        """It fails by something that is not in the environment's files."""
        error = self.error
        while error:
            kinds = {error.get("type", ""), *error.get("bases", ())}
            if (
                kinds & OF_THE_FILES
                or error["type"].startswith("signal")
                or "binary incompatibility" in error["message"]
            ):
                return False
            error = error.get("cause")
        return self.outcome == "fails"

    def headline(self) -> str:
        """The exception, where it was raised, and its first cause, on one line."""
        error, root = self.error, self.root
        text = f"{error.get('type')}: {line(error.get('message', ''))}{_place(error)}"
        return text if root is error else f"{text} <- {root.get('type')}: {line(root.get('message', ''))}{_place(root)}"


def line(text: str, width: int = 160) -> str:
    """A text on one line, cut where it is too long."""
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


def _place(error: dict) -> str:
    return f" ({error['frames'][-1][0]}:{error['frames'][-1][1]})" if error.get("frames") else ""


# ---------------------------------------------------------------- entries


def search_path(python: Path) -> list[str]:
    """The directories of ``sys.path`` of an ordinary start of that interpreter that hold distributions."""
    with tempfile.TemporaryDirectory(prefix="oracle-") as home:
        done = run(
            [str(python), "-c", "import json, sys; print(json.dumps(sys.path[1:]))"],
            timeout=60,
            env=clean_environment(python, Path(home)),
            cwd=home,
        )
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
    # Where RECORD lists modules, a further name of top_level.txt is a slip of the build ("src", "testing", "_ffi").
    names = [] if modules else (dist.read_text("top_level.txt") or "").split()
    yield from (name for name in names if _importable(name))


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
        "PATH": f"{python.parent}:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "VIRTUAL_ENV": str(python.parent.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_INDEX": "1",
        "PIP_REQUIRE_VIRTUALENV": "1",
        **dict.fromkeys(
            ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), DEAD_PROXY
        ),
    }


def import_for_real(python: Path, entry: Entry, timeout: float) -> Real:
    """Import one module in a process of its own."""
    home = Path(tempfile.mkdtemp(prefix="oracle-"))
    told = home / "told.json"
    work = home / "work"
    work.mkdir()
    try:
        done = run(
            [str(python), "-c", PROBE, entry.module, str(told), str(python.with_name("command"))],
            timeout=timeout,
            env=clean_environment(python, home),
            cwd=str(work),
        )
        tail = (done.stdout + done.stderr)[-600:].decode(errors="replace")
        if told.exists() and (facts := json.loads(told.read_text() or "null")):
            error = facts["error"] or {}
            return Real(
                **asdict(entry),
                outcome="fails" if error else "ok",
                error=error,
                cpu=facts["cpu"],
                loaded=facts["loaded"],
                output=tail if error else "",
            )
        if done.code is None:
            return Real(**asdict(entry), outcome="nothing", error={"type": "timeout", "message": done.failure})
        how = f"signal {-done.code}" if done.code < 0 else f"exit {done.code}"
        return Real(**asdict(entry), outcome="fails", error={"type": how, "message": line(tail)}, output=tail)
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
        "schema": SCHEMA,
        "name": venv.name,
        "venv": str(venv),
        "on": time.strftime("%Y-%m-%d"),
        "deep": options.deep,
        "seconds": round(time.time() - started, 1),
        "distributions": pins,
        "entries": [asdict(r) for r in reals],
    }


def summary(truth: dict) -> str:
    """One line: what the truth holds."""
    reals = [Real(**e) for e in truth["entries"]]
    broken, silent = [r for r in reals if r.outcome == "fails"], [r for r in reals if r.outcome == "nothing"]
    return (
        f"{truth['name']}: {len(truth['distributions'])} distributions, {len(reals)} entries, {len(broken)} fail, "
        f"{len(silent)} time limit, {sum(r.cpu for r in reals):.0f} CPU-s, {truth['seconds']} s"
    )
