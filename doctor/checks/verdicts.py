"""What the last examination of an environment found, kept for as long as an examination would find the same.

A verdict is believed when everything that it depends on is as it was: what the probe tells of the patient now (it is
always asked anew: interpreter, pyvenv.cfg, search path, ``.pth``, metadata), the rules, the question, the doctor's
own code and Python, the variables that the probe passes on, and every file and directory that the checks read or
looked for, present or not (``doctor.probe.witness``). No list says what might matter: what was asked is what matters.

A verdict is one file in the user's cache directory, written beside its place and renamed, with a checksum; one that
cannot be read, or no place to keep it, costs an examination and no more. A crashed check is never kept, nor is an
examination by hash (whoever asks for that doubts the disk) or of the metadata alone (which is as quick).
"""

from __future__ import annotations

import hashlib
import json
import marshal
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doctor.model import Depth, Environment, Finding, Report, Tally
from doctor.probe.cache import cache_directory, interpreter_key
from doctor.probe.codec import build
from doctor.probe.own_code import own_code
from doctor.probe.witness import Recollection, WitnessedFiles
from doctor.rulebook.sources import NAMES_FILE, RuleFile, builtin_directory, builtin_files, builtin_ids, files_at

if TYPE_CHECKING:
    from doctor.checks.examine import Options

RULE_KINDS = ("breakage", "stack", "native")
"""The rules that an examination needs; log rules are for triage, and a hundred regular expressions."""

_FORMAT = 2
_CHECKSUM = 16
_MOST = 64
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the verdict on one question about one environment lies, and what it must have depended on."""

    path: str
    key: bytes


def place_of(environment: Environment, options: Options) -> Place | None:
    """The place for a question's verdict; None when it must not be kept or there is no place.

    Raises:
        RuleError: a place of rules that the options name cannot be used.
    """
    folder = cache_directory(os.environ)
    if not folder or options.depth is not Depth.STANDARD:
        return None
    interpreter: object = None
    if environment.interpreter is not None:
        interpreter = list(interpreter_key(environment.interpreter.executable, "", os.environ))
        if not interpreter:
            return None  # a wrapper script may answer anything
    assumed = tuple(sorted(options.assumed.items()))
    question = (environment.path, options.depth.value, options.stack, options.entries, assumed, options.rules)
    programs = any(entry.endswith((".py", ".ipynb")) for entry in options.entries)
    try:
        here = os.getcwd() if programs else ""  # noqa: PTH109 - plain strings
        doctor = (_FORMAT, own_code(), _rules(options.rules))
    except OSError:
        return None
    who = (os.geteuid(), os.getegid(), os.getgroups())
    everything = repr((doctor, question, here, who, interpreter, environment))
    name = hashlib.blake2b(repr(question).encode("utf-8", "backslashreplace"), digest_size=10).hexdigest()
    return Place(
        path=f"{os.path.dirname(folder)}/verdicts/{name}",  # noqa: PTH120 - plain strings
        key=hashlib.blake2b(everything.encode("utf-8", "backslashreplace"), digest_size=16).digest(),
    )


def recalled(place: Place, environment: Environment) -> Report | None:
    """The report that an examination would give now, from the kept one; None when that is not certain."""
    try:
        kept = _read(place)
        if kept is None:
            return None
        recollection = Recollection(kept["seen"])
        if not recollection.holds():
            return None
        report = _report(json.loads(kept["found"]), environment)
        refreshed = recollection.refreshed()
    except (OSError, LookupError, TypeError, ValueError, EOFError, AttributeError):
        return None
    if refreshed is not None:
        _write(place, refreshed, kept["found"])
    else:
        with suppress(OSError):
            os.utime(place.path)
    return report


def keep(place: Place, report: Report, files: WitnessedFiles) -> None:
    """Keep what an examination has found, for ``recalled``; never raises for what cannot be kept."""
    from doctor.probe.stdlib_names import examine_stdlib  # noqa: PLC0415 - only after an examination

    patient = report.environment
    interpreter = patient.interpreter if patient else None
    if (
        patient is None
        or report.crashed
        or (interpreter is not None and not examine_stdlib(interpreter, ("sys",)).names)
    ):
        return  # what an interpreter did not answer in time, it may answer the next time
    found = {
        "stack": report.stack,
        "assumed": {d.name: d.version for d in patient.distributions if d.kind == "assumed"},
        "findings": [asdict(finding) for finding in report.findings],
        "tally": asdict(report.tally),
    }
    _write(place, files.seen(), json.dumps(found))


def _report(found: dict[str, Any], environment: Environment) -> Report:
    stack = found["stack"]
    if stack is not None and not isinstance(stack, str):
        raise TypeError(stack)
    return Report(
        environment=environment.with_assumed(build(dict[str, str], found["assumed"], "assumed")),
        stack=stack,
        findings=build(tuple[Finding, ...], found["findings"], "findings"),
        tally=build(Tally, found["tally"], "tally"),
    )


def _read(place: Place) -> dict[str, Any] | None:
    """The kept values, when they are whole, our own, and of that key."""
    with open(place.path, "rb") as stream:  # noqa: PTH123 - plain strings
        if os.fstat(stream.fileno()).st_uid != os.geteuid():
            return None
        data = stream.read(_MOST_BYTES)
    key, checksum, body = data[:16], data[16 : 16 + _CHECKSUM], memoryview(data)[16 + _CHECKSUM :]
    if key != place.key or hashlib.blake2b(body, digest_size=_CHECKSUM).digest() != checksum:
        return None
    kept = marshal.loads(body)  # noqa: S302 - our own file, whole
    return kept if isinstance(kept, dict) else None


def _write(place: Place, seen: dict[str, Any], found: str) -> None:
    body = marshal.dumps({"seen": seen, "found": found})
    if len(body) > _MOST_BYTES // 2:
        return
    folder = os.path.dirname(place.path)  # noqa: PTH120 - plain strings
    temporary = f"{place.path}.{os.getpid()}.{time.monotonic_ns()}"
    with suppress(OSError, ValueError):
        os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103 - plain strings
        _sweep(folder)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(place.key)
                stream.write(hashlib.blake2b(body, digest_size=_CHECKSUM).digest())
                stream.write(body)
            os.replace(temporary, place.path)  # noqa: PTH105 - plain strings
        except BaseException:
            os.unlink(temporary)  # noqa: PTH108 - plain strings
            raise


def _sweep(folder: str) -> None:
    """Forget the verdicts that were not used for longest when there are too many."""
    with os.scandir(folder) as entries:
        present = sorted((entry.stat(follow_symlinks=False).st_mtime_ns, entry.path) for entry in entries)
    for _time, path in present[: max(0, len(present) - _MOST + 1)]:
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - plain strings


def _rules(extra: tuple[str, ...]) -> list[object]:
    """What the rules say, unread: their places and texts."""
    names = Path(builtin_directory(), NAMES_FILE)
    files = [*builtin_files(RULE_KINDS), RuleFile(path=names, label=NAMES_FILE)]
    for place in extra:
        files += files_at(place)
    return [list(builtin_ids()), [(str(file.path), file.label, file.path.read_bytes()) for file in files]]
