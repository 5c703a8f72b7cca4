"""``acdoctor triage --batch``: many tickets grouped by root cause, for those who look for an outbreak."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from doctor.cli.triage_sources import Source
from doctor.errors import DoctorError, UsageError
from doctor.probe.redact import Redactor
from doctor.render.answer import command, roots
from doctor.render.escape import shown
from doctor.render.page import Page, wrapped
from doctor.triage.answer import answer, scanner
from doctor.triage.diagnosis import Answer, Knowledge

_NAMES_SHOWN = 6


@dataclass(slots=True)
class Group:
    """One root cause and the files that have it."""

    message: str
    category: str
    cure: str = ""
    files: list[str] = field(default_factory=list)


def batch_text(directory: str, knowledge: Knowledge, form: str, page: Page) -> tuple[str, int]:
    """The groups, most frequent first, and the exit code: 1 when any file shows an error."""
    if form not in ("text", "json"):
        raise UsageError("--batch is written as text or json.")
    try:
        paths = sorted(path for path in Path(directory).iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise UsageError(f"{directory} cannot be read: {error.strerror or error}.") from None
    groups: dict[tuple[str, str], Group] = {}
    unread: dict[str, str] = {}
    quiet: list[str] = []
    for path in paths:
        name = path.name
        if not path.is_file():
            continue
        try:
            found = _one(str(path), knowledge)
        except DoctorError as error:
            unread[name] = str(error)
            continue
        if not _add(groups, name, found):
            quiet.append(name)
    ordered = sorted(groups.values(), key=lambda group: (-len(group.files), group.message))
    code = 1 if ordered else 3 if unread else 0
    return (_json(ordered, quiet, unread) if form == "json" else _text(ordered, quiet, unread, page)), code


def _one(path: str, knowledge: Knowledge) -> Answer:
    search = scanner(knowledge)
    with Source(path=path).stream() as stream:
        search.read(stream)
    return answer(search.digest(), knowledge)


def _add(groups: dict[tuple[str, str], Group], name: str, found: Answer) -> bool:
    """Put a file into the groups of its errors; False when it has none."""
    failures = [one for one in roots(found) if one.finding.severity.value == "error"]
    for one in failures:
        finding = one.finding
        names = ",".join(subject.partition("==")[0] for subject in finding.subjects)
        key = (finding.rule, finding.symbol or names or finding.message)
        cure = command(finding.fixes[0]) if finding.fixes else ""
        group = groups.setdefault(key, Group(message=finding.message, category=one.category, cure=cure))
        if name not in group.files:
            group.files.append(name)
    return bool(failures)


def _text(groups: list[Group], quiet: list[str], unread: dict[str, str], page: Page) -> str:
    clean, lines = Redactor(), []
    for group in groups:
        lines += wrapped(clean(group.message), page.width, first=f"{len(group.files):>5}  ", rest=" " * 7)
        if group.cure:
            lines += wrapped(f"cure  {clean(group.cure)}", page.width, first=" " * 7, rest=" " * 13)
        files = ", ".join(group.files[:_NAMES_SHOWN]) + (", ..." if len(group.files) > _NAMES_SHOWN else "")
        lines += wrapped(files, page.width, first=" " * 7, rest=" " * 7)
    if quiet:
        lines.append(f"{len(quiet):>5}  nothing wrong found")
    lines += [f"    ?  {shown(name)}: {shown(reason)}" for name, reason in unread.items()]
    return "\n".join(lines or ["no files"]) + "\n"


def _json(groups: list[Group], quiet: list[str], unread: dict[str, str]) -> str:
    clean = Redactor()
    categories: dict[str, int] = defaultdict(int)
    for group in groups:
        categories[group.category] += len(group.files)
    value = {
        "schema": "acdoctor.batch/1",
        "groups": [
            {
                "count": len(group.files),
                "message": clean(group.message),
                "category": group.category,
                "cure": clean(group.cure) or None,
                "files": group.files,
            }
            for group in groups
        ],
        "categories": dict(sorted(categories.items())),
        "nothing_found": quiet,
        "unread": unread,
    }
    return json.dumps(value, indent=1) + "\n"
