"""Rule files to a ``Rulebook``: strict, every complaint of every file at once.

Built-in rules and the user's (``--rules``) go the same way. A rule that cannot be read stops the doctor (exit
code 3): an examination with half of the rules would call a broken environment healthy.
"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from doctor.errors import RuleError, RuleErrors
from doctor.rulebook.kept import keep, recalled
from doctor.rulebook.lines import line_of
from doctor.rulebook.reader import Table, shown
from doctor.rulebook.rules import Breakage, LogRule, NativeContract, Rule, Rulebook, Stack
from doctor.rulebook.schema import read_rule
from doctor.rulebook.sources import (
    FOLDERS,
    KINDS,
    RETIRED_FOLDER,
    SUFFIX,
    RuleFile,
    builtin_files,
    builtin_ids,
    files_at,
)

MAX_BYTES = 256 * 1024


def load_rulebook(
    extra: Sequence[str] = (), kinds: Iterable[str] = KINDS, *, left_out: list[RuleError] | None = None
) -> Rulebook:
    """The built-in rules and those in the ``extra`` files or directories, active ones only, in id order.

    ``kinds`` (``stack``, ``breakage``, ``native``, ``log``) limits what is read of the built-in rules and what
    is kept of all; ids are unique over all kinds whatever is read.
    Raises ``RuleError`` (``RuleErrors`` for several complaints); with a list for ``left_out`` what is wrong with
    extra rules goes there instead, and the others are used: for whom one rule less makes no false health.
    """
    wanted = tuple(kinds)
    complaints: list[RuleError] = []
    rules = _builtin_rules(wanted)
    files: list[RuleFile] = []
    known = dict(builtin_ids()) if extra else {}
    for place in extra:
        try:
            files += _new_files(files_at(place), known, complaints)
        except RuleError as error:
            complaints.append(error)
    rules += read_files(files, complaints)
    if left_out is None:
        _refuse(complaints)
    else:
        left_out += complaints
    return make_rulebook(rule for rule in rules if kind_of(rule) in wanted)


def _builtin_rules(kinds: tuple[str, ...]) -> list[Rule]:
    """The rules that come with the doctor, remembered since they were last read; raises ``RuleError``."""
    files = builtin_files(kinds)
    known = recalled(files)
    if known is not None:
        return known
    complaints: list[RuleError] = []
    rules = read_files(files, complaints, proven=True)
    _refuse(complaints)
    keep(files, rules)
    return rules


def all_rules(extra: Sequence[str] = ()) -> tuple[Rule, ...]:
    """Every rule, built-in and ``extra``, retired ones too, in id order; raises ``RuleError`` as ``load_rulebook``."""
    bench = load_bench((), extra)
    _refuse(bench.complaints)
    return tuple(sorted(bench.rules, key=lambda rule: rule.id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Rules to be proven, the rulebook that they are proven in, and what could not be read."""

    rules: tuple[Rule, ...]
    rulebook: Rulebook
    complaints: tuple[RuleError, ...]


def load_bench(places: Sequence[str], extra: Sequence[str] = ()) -> Bench:
    """The rules at some places, or all with the ``extra`` ones, and the rulebook with them in it.

    A rule at a place stands for the built-in one of its id: so a changed copy of a rule can be proven. Retired
    rules are read too (their files must stay readable) but prove nothing. Never raises for a bad rule.
    """
    complaints: list[RuleError] = []
    builtin = builtin_files(retired=True)
    known: dict[str, str] = {} if places else {file.stem: file.label for file in builtin}
    chosen = [] if places else list(builtin)
    for place in places or extra:
        try:
            chosen += _new_files(files_at(place), known, complaints)
        except RuleError as error:
            complaints.append(error)
    rules = read_files(chosen, complaints)
    ids = {file.stem for file in chosen}
    others = read_files([file for file in builtin if file.stem not in ids], [])
    return Bench(rules=tuple(rules), rulebook=make_rulebook([*rules, *others]), complaints=tuple(complaints))


def read_files(files: Iterable[RuleFile], complaints: list[RuleError], *, proven: bool = False) -> list[Rule]:
    """The rules of some files, retired ones too; what is wrong is added to the complaints (see ``Table.proven``)."""
    rules = []
    for file in files:
        before = len(complaints)
        try:
            rule = _read(file, complaints, proven=proven)
        except RuleError as error:
            complaints.append(error)
        if len(complaints) == before:
            rules.append(rule)
        else:
            complaints[before:] = _with_lines(file, complaints[before:])
    return rules


def _with_lines(file: RuleFile, complaints: Sequence[RuleError]) -> list[RuleError]:
    """The complaints with the lines of the file that they are about, in that order."""
    try:
        text = _bytes(file).decode("utf-8")
    except (OSError, ValueError, RuleError):
        return list(complaints)
    found = [RuleError(one.path, one.key, one.complaint, line_of(text, one.key, one.complaint)) for one in complaints]
    return sorted(found, key=lambda one: one.line)


def make_rulebook(rules: Iterable[Rule]) -> Rulebook:
    """The rules sorted into a rulebook; of retired ones only the ids."""
    ordered = sorted(rules, key=lambda rule: rule.id)
    active = [rule for rule in ordered if rule.status == "active"]
    return Rulebook(
        breakages=tuple(rule for rule in active if isinstance(rule, Breakage)),
        stacks=tuple(rule for rule in active if isinstance(rule, Stack)),
        natives=tuple(rule for rule in active if isinstance(rule, NativeContract)),
        logs=tuple(rule for rule in active if isinstance(rule, LogRule)),
        retired=tuple(rule.id for rule in ordered if rule.status == "retired"),
    )


def kind_of(rule: Rule) -> str:
    """The rule's kind as its file says it."""
    kinds = ((Breakage, "breakage"), (Stack, "stack"), (NativeContract, "native"), (LogRule, "log"))
    return next(kind for kind_type, kind in kinds if isinstance(rule, kind_type))


def _refuse(complaints: Sequence[RuleError]) -> None:
    if complaints:
        raise complaints[0] if len(complaints) == 1 else RuleErrors(complaints)


def _new_files(files: Iterable[RuleFile], known: dict[str, str], complaints: list[RuleError]) -> list[RuleFile]:
    """The files whose ids nobody has yet; ``known`` (id to label) grows by them."""
    fresh = []
    for file in files:
        if file.stem in known:
            complaint = f"{shown(file.stem)} is already the id of {known[file.stem]}; ids are unique"
            complaints.append(RuleError(file.label, "id", complaint))
        else:
            known[file.stem] = file.label
            fresh.append(file)
    return fresh


def _read(file: RuleFile, complaints: list[RuleError], *, proven: bool) -> Rule:
    values = _toml(file)
    table = Table(file.label, values, complaints, proven=proven)
    kind = values.get("kind")
    if kind not in KINDS:
        raise RuleError(file.label, "kind", f"must be one of {', '.join(KINDS)}")
    table.choice("kind", KINDS)
    if not file.path.name.endswith(SUFFIX):
        raise RuleError(file.label, "", "a rule file's name ends in .toml")
    rule = read_rule(table, kind=kind, path=str(file.path), stem=file.stem)
    home = RETIRED_FOLDER if rule.status == "retired" else FOLDERS[kind]
    if file.folder and file.folder != home:
        table.complain("kind", f"a rule of this kind and status lies in {home}/, not in {file.folder}/")
    return rule


def _toml(file: RuleFile) -> dict[str, Any]:
    """The file's table; raises ``RuleError`` for whatever keeps it from being read."""
    try:
        text = _bytes(file).decode("utf-8")
    except OSError as error:
        raise RuleError(file.label, "", f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise RuleError(file.label, "", "is not text in UTF-8") from error
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise RuleError(file.label, "", "is nested too deeply") from error
    except ValueError as error:
        raise RuleError(file.label, "", f"is no valid TOML: {shown(error)}") from error


def _bytes(file: RuleFile) -> bytes:
    """The file's bytes; a pipe or a device is refused unopened, for it could block for ever."""
    facts = file.path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise RuleError(file.label, "", "is no regular file")
    if facts.st_size > MAX_BYTES:
        raise RuleError(file.label, "", f"has {facts.st_size} bytes; a rule has at most {MAX_BYTES}")
    with file.path.open("rb") as stream:
        return stream.read(MAX_BYTES)
