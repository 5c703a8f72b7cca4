"""What a rule file may say: one function per kind, from a typed table to the rule's value."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from doctor.model import Fix, Safety, Severity
from doctor.rulebook.literals import needle
from doctor.rulebook.parts import archive, bare_name, checkout, cure, leave_out, plain_requirement
from doctor.rulebook.reader import Table
from doctor.rulebook.requirements import marker, requirement, specifier, split_pin, version
from doctor.rulebook.rules import (
    Accepted,
    Breakage,
    LogRule,
    NativeContract,
    Rule,
    RuleEvidence,
    RuleExample,
    Stack,
)

SCHEMA = 1
STATUSES = ("active", "retired")
HOWS = ("run", "read", "report")
_ID = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_WHERE = re.compile(r"[^\s:]+:[1-9]\d*")


def read_rule(table: Table, *, kind: str, path: str, stem: str) -> Rule:
    """The rule that a table says; what is wrong with it goes to the table's complaints."""
    common = _common(table, kind=kind, path=path, stem=stem)
    rule = _KINDS[kind](table, common)
    table.finish()
    return rule


def valid_id(text: str) -> str:
    """The text when it can be a rule's id (lower-case words joined by ``-`` or ``.``); raises ``ValueError``."""
    if not _ID.fullmatch(text):
        raise ValueError("an id is lower-case letters and digits, joined by - or .")
    return text


def _common(table: Table, *, kind: str, path: str, stem: str) -> dict[str, Any]:
    if table.number("schema") != SCHEMA:
        table.complain("schema", f"must be {SCHEMA}")
    identity = table.text("id", required=True, parse=valid_id)
    if identity and identity != stem:
        table.complain("id", f"must be the file's name without .toml, {stem}")
    severities = tuple(severity.value for severity in Severity)
    evidence = tuple(_evidence(entry) for entry in table.tables("evidence"))
    examples = tuple(_example(entry, kind) for entry in table.tables("example"))
    fixes = tuple(_fix(entry) for entry in table.tables("fix"))
    if not evidence:
        table.complain("evidence", "is missing; a rule says why it is believed in [[evidence]]")
    for found, meaning in ((True, "it must find"), (False, "it must leave alone")):
        if not any(example.found is found for example in examples):
            table.complain("example", f"is missing: one [[example]] that {meaning} (found = {str(found).lower()})")
    if any(fix.safety is Safety.SAFE for fix in fixes) and not any(entry.how == "run" for entry in evidence):
        table.complain("fix", 'a safe fix needs evidence with how = "run"')
    return {
        "id": stem,
        "path": path,
        "status": table.choice("status", STATUSES, "active"),
        "severity": Severity(table.choice("severity", severities, "note" if kind in ("stack", "native") else None)),
        "title": table.text("title", required=True, parse=_headline),
        "explain": table.text("explain", required=True).strip(),
        "fixes": fixes,
        "evidence": evidence,
        "examples": examples,
    }


def _evidence(table: Table) -> RuleEvidence:
    entry = RuleEvidence(
        on=table.day("on"),
        how=table.choice("how", HOWS),
        claim=table.text("claim", required=True).strip(),
        source=table.text("source"),
    )
    table.finish()
    return entry


def _example(table: Table, kind: str) -> RuleExample:
    found, says = table.flag("found", required=True), table.text("says")
    if kind == "log":
        example = RuleExample(found=found, text=table.text("text", required=True), says=says)
    else:
        example = RuleExample(
            found=found,
            installed=table.texts("installed", required=found, parse=split_pin),
            python=table.text("python", parse=_version),
            says=says,
        )
    table.finish()
    return example


def _fix(table: Table) -> Fix:
    fix = Fix(
        install=table.texts("install", parse=split_pin),
        reinstall=table.texts("reinstall", parse=bare_name),
        remove=table.texts("remove", parse=bare_name),
        safety=Safety(table.choice("safety", tuple(safety.value for safety in Safety))),
        because=table.text("because", required=True),
        command=table.text("command"),
    )
    if fix.command and fix.safety is not Safety.MANUAL:
        table.complain("command", "is only for a manual fix; the doctor makes the command of the others")
    if not (fix.install or fix.reinstall or fix.remove or fix.safety is Safety.MANUAL):
        table.complain("install", "a fix that is not manual installs, reinstalls or removes something")
    table.finish()
    return fix


def _breakage(table: Table, common: dict[str, Any]) -> Breakage:
    return Breakage(
        **common,
        together=table.texts("together", required=True, parse=plain_requirement),
        marker=table.text("marker", parse=marker),
        symbol=table.text("symbol", parse=_dotted),
        where=table.text("where", parse=_where),
        contract=table.flag("contract"),
    )


def _stack(table: Table, common: dict[str, Any]) -> Stack:
    stack = Stack(
        **common,
        detect=table.texts("detect", parse=plain_requirement),
        detect_any=table.texts("detect_any", parse=plain_requirement),
        python=table.text("python", parse=specifier),
        marker=table.text("marker", parse=marker),
        pins=table.texts("pins", required=True, parse=plain_requirement),
        entries=table.texts("entries", parse=_entry),
        accepts=tuple(_accepted(entry) for entry in table.tables("accepts")),
        provided=table.texts("provided", parse=split_pin),
        asks=table.texts("asks", parse=requirement),
        lockfile=table.text("lockfile"),
        released=table.day("released") if table.has("released") else "",
        resolved=table.day("resolved") if table.has("resolved") else "",
        also=table.texts("also", parse=valid_id),
        cures=tuple(cure(entry) for entry in table.tables("cures")),
        archives=tuple(archive(entry) for entry in table.tables("archives")),
        checkouts=tuple(checkout(entry) for entry in table.tables("checkouts")),
        leave_out=tuple(leave_out(entry) for entry in table.tables("leave_out")),
    )
    if not (stack.detect or stack.detect_any):
        table.complain("detect", "is missing; detect or detect_any say by what the stack is recognised")
    return stack


def _accepted(table: Table) -> Accepted:
    accepted = Accepted(
        module=table.text("module", required=True),
        symbol=table.text("symbol", parse=_dotted),
        reason=table.text("reason", required=True),
    )
    table.finish()
    return accepted


def _native(table: Table, common: dict[str, Any]) -> NativeContract:
    native = NativeContract(
        **common,
        when=table.text("when", required=True, parse=plain_requirement),
        beside=table.texts("beside", parse=plain_requirement),
        marker=table.text("marker", parse=marker),
        module=table.text("module", required=True, parse=_dotted),
        raises=tuple(_raises(entry) for entry in table.tables("raises")),
        names=table.texts("names", parse=_dotted),
        closed=table.flag("closed"),
        needs=table.texts("needs", parse=_dotted),
        lacks=table.texts("lacks", parse=_dotted),
    )
    if not (native.raises or native.names or native.closed or native.needs or native.lacks):
        table.complain("raises", "is missing: a native rule says raises, names, closed, needs or lacks")
    return native


def _callable(text: str) -> None:
    """A dotted name, or ``.`` for loading the module itself; raises ``ValueError``."""
    if text != ".":
        _dotted(text)


def _raises(table: Table) -> tuple[str, str, str]:
    entry = (
        table.text("callable", required=True, parse=_callable),
        table.text("exception", required=True, parse=_dotted),
        table.text("message", required=True),
    )
    table.finish()
    return entry


def _log(table: Table, common: dict[str, Any]) -> LogRule:
    rule = LogRule(
        **common,
        pattern=table.text("pattern", required=True, parse=regex),
        after=table.text("after", parse=regex),
        until=table.text("until", parse=regex),
        near=table.text("near", parse=regex),
        unless=table.text("unless", parse=regex),
        stage=table.text("stage"),
        order=table.number("order"),
        category=table.text("category", required=True),
        advice=table.texts("advice"),
        ask=table.text("ask"),
        estimate=table.text("estimate"),
        says=table.text("says"),
        subjects=table.texts("subjects"),
        when=table.texts("when", parse=plain_requirement),
        explains=table.texts("explains", parse=valid_id),
        consequence=table.flag("consequence"),
        typical=table.texts("typical"),
    )
    return replace(rule, needles=tuple(map(needle, dict.fromkeys(rule.patterns))))


_KINDS: dict[str, Callable[[Table, dict[str, Any]], Rule]] = {
    "breakage": _breakage,
    "stack": _stack,
    "native": _native,
    "log": _log,
}


def regex(text: str) -> re.Pattern[str]:
    """The compiled pattern; raises ``ValueError`` with the reason, also for what Python only warns about."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return re.compile(text)
        except (re.error, RecursionError, OverflowError, MemoryError, Warning) as error:
            raise ValueError(str(error) or type(error).__name__) from error


def _headline(text: str) -> None:
    """One line that stands as a finding's first: no final stop."""
    if "\n" in text.strip() or text.rstrip().endswith("."):
        raise ValueError("a title is one line without a final stop")


def _version(text: str) -> None:
    if version(text) is None:
        raise ValueError("no version such as 3.11")


def _dotted(text: str) -> None:
    if not _DOTTED.fullmatch(text):
        raise ValueError("no dotted name such as package.module.name")


def _entry(text: str) -> None:
    """A module or ``script:NAME``."""
    if not text.removeprefix("script:").strip() or (not text.startswith("script:") and not _DOTTED.fullmatch(text)):
        raise ValueError("neither a module such as package.module nor script:NAME")


def _where(text: str) -> None:
    if not _WHERE.fullmatch(text):
        raise ValueError("not of the form package/file.py:26")
