"""``--confirm``: the failing import of each import contract is run, in the patient's own interpreter, on request only.

Everything else in this room reads; this runs code of the patient. It does so in a subprocess with limits on time and
memory, a temporary home and working directory that are removed, and an environment that holds nothing but what finding
files and libraries needs: no proxies, no tokens. Byte code is not written. What an import does beyond importing (a file
that it writes into its own package, a connection that it opens) is not prevented: hence never by default.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from doctor.imports.lower import NotPythonError
from doctor.imports.store import notebook_source
from doctor.model import Environment, Evidence, Finding, Report, Severity
from doctor.system import Completed, run

_RULE = "import-contract"
_INSIDE = Path(__file__).with_name("confirm_inside.py")
_KEPT = (
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "CUDA_HOME",
    "CUDA_PATH",
    "PYTHONNOUSERSITE",
)
_KEPT_STARTS = ("LC_",)
_PROGRAMS = (".py", ".ipynb")
_OUTPUT_LIMIT = 16 * 1024 * 1024
_ANSWER_LIMIT = 16 * 1024 * 1024
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What running imports may take: ``seconds`` for each, ``all_seconds`` for all, ``memory`` in bytes of data."""

    seconds: float = 120.0
    all_seconds: float = 900.0
    memory: int = 8 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """One exception of a chain: its type's name, its text, and (file, line) of its frames, innermost last."""

    type: str
    message: str
    frames: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What importing an entry did: the exceptions that ended it (chains of them), or why that is not known.

    ``lines``: where the import statements of a program stand; nothing else of it was run.
    """

    entry: str
    failures: tuple[tuple[Raised, ...], ...] = ()
    unknown: str = ""
    lines: tuple[int, ...] = ()


def confirmed(
    report: Report, limits: Limits = Limits(), progress: Callable[[str], None] = lambda _text: None
) -> tuple[Report, str]:
    """The report after its import contracts were tried, and one sentence if nothing could be run ('' otherwise).

    An error that was seen has evidence ``ran``; one whose import works is withdrawn to a note that says so; the others
    stay as they are and say why. Never raises for what the patient does.
    """
    environment = report.environment
    doubted = [finding for finding in report.findings if _can_be_run(finding)]
    if environment is None or environment.interpreter is None:
        reason = environment.start_failure if environment is not None else ""
        why = f": its interpreter does not start ({reason})" if reason else ": there is no interpreter to run them with"
        return report, f"No import was run{why}."
    if not doubted:
        return report, ""
    deadline = time.monotonic() + limits.all_seconds
    runs: dict[str, Ran] = {}
    for finding in doubted:
        entry = finding.entries[0]
        if entry not in runs:
            progress(f"importing {entry}")
            late = time.monotonic() > deadline
            runs[entry] = Ran(entry=entry, unknown="the time for all of them was over") if late else run_entry(
                entry, environment, limits
            )  # fmt: skip
    judged = {finding.key: judge(finding, runs[finding.entries[0]]) for finding in doubted}
    return replace(report, findings=_renamed(report.findings, judged)), ""


def run_entry(entry: str, environment: Environment, limits: Limits) -> Ran:
    """Import a module, or run the import statements of a file, in the environment's interpreter."""
    interpreter = environment.interpreter
    if interpreter is None:
        return Ran(entry=entry, unknown="there is no interpreter")
    question: dict[str, Any] = {"entry": entry, "memory": limits.memory, "seconds": int(limits.seconds) + 1}
    try:
        if entry.endswith(_PROGRAMS):
            question |= {"program": entry, "source": _source(entry)}
        with tempfile.TemporaryDirectory(prefix="acdoctor-confirm-", ignore_cleanup_errors=True) as folder:
            asked, answer, home = (os.path.join(folder, name) for name in ("question", "answer", "home"))  # noqa: PTH118
            os.mkdir(home)  # noqa: PTH102 - plain strings
            Path(asked).write_text(json.dumps(question), "utf-8")
            command = [interpreter.executable, "-B", "-c", _INSIDE.read_text("utf-8"), asked, answer]
            variables = child_variables(environment, os.environ, home)
            done = run(command, timeout=limits.seconds, env=variables, cwd=home, output_limit=_OUTPUT_LIMIT)
            return _understood(entry, done, Path(answer), limits)
    except (OSError, NotPythonError, UnicodeError) as error:
        return Ran(entry=entry, unknown=str(error))


def child_variables(environment: Environment, environ: Mapping[str, str], home: str) -> dict[str, str]:
    """The variables of the subprocess: where programs and libraries are, the same search path, a home of its own."""
    kept = {k: v for k, v in environ.items() if k in _KEPT or k.startswith(_KEPT_STARTS)}
    path = [entry.path for entry in environment.search_path if entry.origin == "pythonpath"]
    if path:
        kept["PYTHONPATH"] = os.pathsep.join(path)
    if any(entry.origin == "user-site" for entry in environment.search_path):
        kept["PYTHONUSERBASE"] = environ.get("PYTHONUSERBASE") or os.path.join(environ.get("HOME", ""), ".local")  # noqa: PTH118
    own = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), home)
    return {**kept, **own, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def judge(finding: Finding, ran: Ran) -> Finding:
    """The finding as it stands after its entry was imported."""
    entry = ran.entry.rpartition("/")[2] if "/" in ran.entry else ran.entry
    if ran.unknown:
        return _doubted(finding, f"not confirmed: importing {entry} was tried, but {ran.unknown}")
    for chain in ran.failures:
        if _is_that(finding, chain):
            what = "it" if finding.details[:1] == (_said(chain[0]),) else _said(chain[0])
            said = f"confirmed: importing {entry} in this environment raised {what}"
            return replace(finding, evidence=Evidence.RAN, details=(*finding.details[:1], said, *finding.details[1:]))
    if _of_the_program_itself(finding, ran):
        return _doubted(finding, f"not run: of {entry} only the import statements are run")
    if ran.failures:
        said = _said(ran.failures[0][0])
        return _doubted(finding, f"not confirmed: importing {entry} fails before that, with {said}")
    return replace(
        finding,
        severity=Severity.NOTE,
        evidence=Evidence.RAN,
        message=f"withdrawn, for importing {entry} works here: {finding.message}",
        fixes=(),
        explains=(),
    )


def _can_be_run(finding: Finding) -> bool:
    return finding.rule == _RULE and finding.severity is Severity.ERROR and bool(finding.entries)


def _doubted(finding: Finding, why: str) -> Finding:
    return replace(finding, details=(*finding.details, why))


def _is_that(finding: Finding, chain: Iterable[Raised]) -> bool:
    """Whether what was raised is what was foretold: the same words, or raised at the very place."""
    words = finding.details[0] if finding.details else ""
    tail = (finding.symbol or "").rpartition(".")[2]
    for raised in chain:
        said = f"{raised.type}: {raised.message.strip()}"
        if words and (said.startswith(words) or (raised.message and words.startswith(said.partition("\n")[0]))):
            return True
        places = [at for at, frame in enumerate(raised.frames) if _is_place(finding, frame)]
        if places and (places[-1] == len(raised.frames) - 1 or (tail and tail in raised.message)):
            return True
    return False


def _is_place(finding: Finding, frame: tuple[str, int]) -> bool:
    where = finding.where
    return (
        where is not None and frame[1] == where.line and (frame[0] == where.path or frame[0].endswith(f"/{where.path}"))
    )


def _of_the_program_itself(finding: Finding, ran: Ran) -> bool:
    """It is a statement of the user's own file that fails, and no import."""
    where = finding.where
    return where is not None and where.path == ran.entry and where.line not in ran.lines


def _said(raised: Raised) -> str:
    text = raised.message.strip().partition("\n")[0][:_LONGEST]
    return f"{raised.type}: {text}" if text else raised.type


def _renamed(findings: Iterable[Finding], judged: Mapping[str, Finding]) -> tuple[Finding, ...]:
    """All findings in order again; what explains a finding whose sentence changed still does."""
    names = {key: finding.key for key, finding in judged.items()}
    found = [judged.get(finding.key, finding) for finding in findings]
    found = [replace(f, explains=tuple(names.get(key, key) for key in f.explains)) for f in found]
    return tuple(sorted(found, key=Finding.sort_key))


def _source(path: str) -> str:
    data = Path(path).read_bytes()
    return (notebook_source(data) if path.endswith(".ipynb") else data).decode("utf-8", "replace")


def _understood(entry: str, done: Completed, answer: Path, limits: Limits) -> Ran:
    """What the subprocess wrote down, or how it ended without writing."""
    try:
        with answer.open("rb") as stream:
            told = json.loads(stream.read(_ANSWER_LIMIT))
        failures = tuple(tuple(_raised(item) for item in chain) for chain in told["failures"] if chain)
        lines = tuple(int(line) for line in told["lines"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return Ran(entry=entry, unknown=_ending(done))
    if any(raised.type == "MemoryError" for chain in failures for raised in chain):
        return Ran(entry=entry, unknown=f"it wanted more than {limits.memory / 1024**3:g} GB of memory")
    return Ran(entry=entry, failures=failures, lines=lines)


def _raised(item: Mapping[str, Any]) -> Raised:
    frames = tuple((str(path), int(line)) for path, line in item["frames"])
    return Raised(type=str(item["type"]), message=str(item["message"]), frames=frames)


def _ending(done: Completed) -> str:
    if done.failure:
        return f"there was {done.failure}" if done.failure.startswith("no ") else done.failure
    if done.code is not None and done.code < 0:
        try:
            return f"the interpreter was ended by {signal.Signals(-done.code).name}"
        except ValueError:
            return f"the interpreter was ended by signal {-done.code}"
    return f"the interpreter ended with code {done.code} before it was done"
