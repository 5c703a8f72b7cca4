"""How often triage is right on labelled crash logs and tickets: python -m tests.real.triage_score DIRECTORY.

DIRECTORY holds some of ``triage.jsonl``, ``tickets.jsonl``, ``tickets_written.jsonl`` (as beside this file),
``triage_pydfix.jsonl`` (fields: log; label or diagnosis; versions). Measures: exact match of exception, level, innermost file, missing symbol, {importer, provider} as a set; category, first culprit and
cure of a ticket, and confident cures that would not help. Each also per group of near-duplicates.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from doctor.rulebook.load import load_rulebook
from doctor.triage.answer import answer, scanner
from doctor.triage.diagnosis import Answer, Diagnosis, Knowledge
from doctor.triage.lookup import Lookup
from doctor.triage.owners import load_names, spoken_of
from doctor.triage.versions import normal
from doctor.triage.wheels import IndexLookup


def knowledge(*, offline: bool) -> Knowledge:
    rulebook = load_rulebook(kinds=("log", "breakage"))
    lookup: Lookup | None = None if offline else IndexLookup()
    return Knowledge(
        logs=rulebook.logs, breakages=rulebook.breakages, names=load_names(None, spoken_of(rulebook)), lookup=lookup
    )


def triage(text: str, known: Knowledge) -> Answer:
    if isinstance(known.lookup, IndexLookup):
        known.lookup._deadline = 0.0
    search = scanner(known)
    search.feed(text.encode() + b"\n")
    return answer(search.digest(), known)


class Table:
    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[str, bool]]] = defaultdict(list)

    def add(self, measure: str, group: str, right: bool) -> None:
        self.rows[measure].append((group, right))

    def show(self, title: str) -> None:
        print(f"{title:<34}{'rows':>16}{'groups':>16}")
        for measure, results in self.rows.items():
            groups: dict[str, list[bool]] = defaultdict(list)
            for group, right in results:
                groups[group].append(right)
            rows = sum(right for _, right in results)
            whole = sum(sum(g) / len(g) for g in groups.values())
            print(
                f"  {measure:<32}{rows:>5}/{len(results):<4}{rows / len(results):>6.1%}{whole:>8.1f}/{len(groups):<3}{whole / len(groups):>5.0%}"
            )


def score_logs(path: Path, known: Knowledge, *, freeze: bool, verbose: bool) -> None:
    table = Table()
    for row in map(json.loads, path.read_text().splitlines()):
        text = row["log"] + ("\n\n" + "\n".join(row["environment"]) if freeze else "")
        found = triage(text, known)
        label = row["label"]
        one = next((d for d in found.diagnoses if d.reading), None)
        if one is None or one.reading is None:
            table.add("answered", row["group"], False)
            continue
        reading = one.reading
        group = row["group"]
        place = reading.third_party
        table.add("exception", group, reading.raised.exception == label["exception"])
        table.add("level", group, reading.level == label["level"])
        if label["innermost_third_party"]:
            table.add(
                "innermost file", group, bool(place) and place.owner.file == label["innermost_third_party"]["file"]
            )
        missing = label["missing"]
        if missing:
            table.add(
                "missing",
                group,
                bool(reading.missing)
                and (reading.missing.module, reading.missing.symbol) == (missing["module"], missing["symbol"]),
            )
        wanted = {name for name in (label["importer"], label["provider"]) if name}
        right = {name for name in (reading.importer, reading.provider) if name} == wanted
        table.add("importer, provider", group, right)
        subjects = {s.partition("==")[0] for s in one.finding.subjects} or {"project"}
        table.add("changed distribution in subjects", group, row["changed"]["dist"] in subjects)
        if one.finding.fixes and one.sure != "possible":
            table.add("cure: changed distribution back", group, _goes_back(one, row["changed"]))
        if verbose and not right:
            print("   ", row["id"], reading.importer, reading.provider, wanted)
    table.show(f"{path.name} ({'with' if freeze else 'without'} versions)")


def _goes_back(one: Diagnosis, changed: dict[str, Any]) -> bool:
    names = {normal(re.split(r"[<>=!~ ]", text)[0]) for fix in one.finding.fixes for text in fix.install}
    subjects = {s.partition("==")[0] for s in one.finding.subjects}
    return normal(changed["dist"]) in names or bool(names & subjects)


def score_tickets(path: Path, known: Knowledge, *, freeze: bool, verbose: bool, only: str = "") -> None:
    table = Table()
    for row in map(json.loads, path.read_text().splitlines()):
        if only and row.get("set") != only:
            continue
        text = row["log"]
        if freeze:
            text += "\n\n" + "\n".join(f"{k}=={v}" for k, v in row["versions"].items() if k != "python")
            text += f"\nPython {row['versions']['python']}\n" if "python" in row["versions"] else ""
        found = triage(text, known)
        diagnosis, group = row["diagnosis"], row["group"]
        one = found.diagnoses[0] if found.diagnoses else None
        category = bool(one) and one.category in (diagnosis["category"], *diagnosis.get("also", ()))
        table.add("category", group, category)
        subjects = [s.partition("==")[0] for s in one.finding.subjects] if one else []
        culprits = diagnosis["culprits"]
        if culprits:
            table.add("first culprit among subjects", group, culprits[0] in subjects)
            table.add("first culprit is first subject", group, subjects[:1] == culprits[:1])
        cure = bool(one) and category and _cure(one, diagnosis)
        table.add("cure", group, cure)
        confident = bool(one) and bool(one.finding.fixes) and one.sure != "possible"
        harmless = (
            category and (_cure(one, diagnosis, advice=False) if diagnosis.get("words") else cure) if one else True
        )
        table.add("no wrong confident cure", group, not confident or harmless)
        if verbose and one and not (category and cure and (not confident or harmless)):
            print(
                "   ",
                row["id"],
                "WRONG" if confident and not harmless else "",
                one.category,
                one.sure,
                subjects,
                [f.install or f.command for f in one.finding.fixes],
                diagnosis,
            )
    table.show(f"{path.name} ({'with' if freeze else 'without'} versions)")


def score_lines(path: Path, known: Knowledge, *, verbose: bool) -> None:
    """Flagged lines of CI builds: is a culprit named? Confirmed ones are few, the candidates of the source many."""
    table = Table()
    for row in map(json.loads, path.read_text().splitlines()):
        found = triage(row["log"], known)
        label, group = row["label"], row["group"]
        subjects = {s.partition("==")[0] for one in found.diagnoses for s in one.finding.subjects}
        table.add("answered", group, bool(found.diagnoses))
        candidates = {normal(c["name"]) for c in label["candidates"]}
        right = bool(subjects & candidates)
        table.add("a candidate is named", group, right)
        if label["confirmed_culprits"]:
            culprits = {normal(name) for name in label["confirmed_culprits"]}
            right = bool(subjects & culprits)
            table.add("a confirmed culprit is named", group, right)
        if verbose and not right:
            said = [(d.category, d.finding.subjects) for d in found.diagnoses]
            print("   ", row["id"], said, "candidates:", sorted(candidates)[:6], repr(row["log"][:600]))
    table.show(path.name)


def _cure(one: Diagnosis, diagnosis: dict[str, Any], *, advice: bool = True) -> bool:
    """The pin's direction agrees; for advice in words: one of the ticket's ``words`` is in ours, else ours is of the right category."""
    ours = [text for fix in one.finding.fixes for text in (*fix.install, fix.command) if text]
    if words := diagnosis.get("words"):
        said = " ".join((*ours, *one.advice, one.ask) if advice else ours)
        if any(re.search(word, said) for word in words):
            return True
        if not any(re.search("[<>=]", text) for text in diagnosis["fix"]):
            return False
    if any(
        name.removeprefix("install ") in text.split()
        for name in diagnosis["fix"]
        if name.startswith("install ")
        for text in ours
    ):
        return True
    pins = [re.match(r"([\w.-]+)\s*([<>=!~]=?)", text) for text in diagnosis["fix"]]
    if not any(pins):
        names = diagnosis["culprits"] or [""]
        return bool(one.advice) or any(names[0] in text for text in ours)
    for wanted, pin in zip(diagnosis["fix"], pins, strict=True):
        if pin is not None and any(_agrees(text, wanted, pin) or _same_binary(text, pin, one) for text in ours):
            return True
    return False


def _agrees(text: str, wanted: str, pin: re.Match[str]) -> bool:
    """An exact version is one of those wanted; a range goes the same way."""
    match = re.search(rf"(?:^|[\s'\"]){re.escape(pin[1])}(?:[\s'\"]*$|([<>=!~]=?)([\w.]*))", text)
    if not match:
        return False
    with contextlib.suppress(InvalidRequirement, InvalidVersion):
        requirement = Requirement(wanted)
        if match[1] == "==" and pin[2] != "==" and requirement.specifier.contains(Version(match[2]), prereleases=True):
            return True
    return (pin[2] in (">=", ">")) == ((match[1] or ">=") in (">=", ">"))


def _same_binary(text: str, pin: re.Match[str], one: Diagnosis) -> bool:
    return one.category == "binary_abi" and re.search(rf"(?:^|[\s'\"]){re.escape(pin[1])}\b", text) is not None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--offline", action="store_true")
    parser.add_argument("--set", default="", help="only the written tickets of this set")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    known = knowledge(offline=options.offline)
    if (path := options.directory / "triage_pydfix.jsonl").exists():
        score_lines(path, known, verbose=options.verbose)
    for freeze in (False, True):
        if (path := options.directory / "triage.jsonl").exists():
            score_logs(path, known, freeze=freeze, verbose=options.verbose)
        for name in ("tickets.jsonl", "tickets_written.jsonl"):
            if (path := options.directory / name).exists():
                score_tickets(path, known, freeze=freeze, verbose=options.verbose, only=options.set)
    return 0


if __name__ == "__main__":
    sys.exit(main())
