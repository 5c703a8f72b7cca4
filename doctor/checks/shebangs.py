"""Console scripts whose first line names an interpreter that is gone, or is not the one of this environment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from posixpath import dirname, join

from doctor.checks.commands import RULE, has_scripts, owners
from doctor.checks.examination import Examination
from doctor.checks.files import reinstall
from doctor.checks.interpreter import recreate
from doctor.checks.words import ENVIRONMENT, count, named, some, title
from doctor.model import Distribution, Environment, Evidence, FileView, Finding, Fix, Location, Safety, Severity

_HEAD = 1024
_MANY_OWNERS = 3
_PYTHON = re.compile(r"(python|pypy)[\d.]*[a-z]?$")
_EXEC = re.compile(rb"""^'''exec' ["']?([^"'\n]+?)["']? "\$0" "\$@\"""", re.MULTILINE)
_ACTIVATE = re.compile(rb"""^\s*(?:export )?VIRTUAL_ENV=(?:\$\(cygpath )?["']?(/[^"'\n)]+)""", re.MULTILINE)


@dataclass(slots=True)
class _Scripts:
    """Scripts that start one and the same interpreter, with the distributions that they are of."""

    names: list[str] = field(default_factory=list)
    owners: dict[str, Distribution] = field(default_factory=dict)


def check(examination: Examination) -> Iterator[Finding]:
    """What keeps commands of the environment from starting."""
    environment = examination.environment
    if not has_scripts(environment):
        return
    groups = _by_interpreter(owners(examination), examination)
    if environment.start_failure:  # then a dead link is the interpreter's trouble, not the scripts'
        groups = {path: s for path, s in groups.items() if dirname(path) != environment.scripts_dir}
    gone = {path: scripts for path, scripts in groups.items() if examination.files.facts(path) is None}
    if gone:
        yield from _dead(gone, examination)
    for path in sorted(groups.keys() - gone.keys()):
        if not _is_here(path, examination):
            yield _elsewhere(path, groups[path], environment)


def _by_interpreter(owned: Mapping[str, Distribution], examination: Examination) -> dict[str, _Scripts]:
    """Scripts by the interpreter that their first line names; what is no Python script is left out."""
    groups: dict[str, _Scripts] = {}
    place = examination.environment.scripts_dir
    for name in examination.files.listing(place) or ():
        interpreter = "" if _PYTHON.match(name) else shebang(join(place, name), examination.files)
        if _PYTHON.search(interpreter):
            scripts = groups.setdefault(interpreter, _Scripts())
            scripts.names.append(name)
            if name in owned:
                scripts.owners.setdefault(owned[name].name, owned[name])
    return groups


def shebang(path: str, files: FileView) -> str:
    """The absolute path of the interpreter that a script starts; '' for what is no script, or found by ``env``.

    Installers write ``#!/bin/sh`` and an ``exec`` line where the path is too long or holds a blank.
    """
    try:
        head = files.read(path, _HEAD)
    except OSError:
        return ""
    if not head.startswith(b"#!"):
        return ""
    first = head[2:].split(b"\n", 1)[0].strip()
    if first == b"/bin/sh" and (match := _EXEC.search(head)):
        first = match[1]
    elif b" " in first and not first.startswith(b'"'):
        first = first.split(b" ", 1)[0]
    word = first.strip(b'"').decode("utf-8", "surrogateescape")
    return word if word.startswith("/") and not word.endswith("/env") else ""


def _dead(gone: dict[str, _Scripts], examination: Examination) -> Iterator[Finding]:
    """Scripts whose interpreter does not exist: of a moved environment, or of single distributions."""
    environment = examination.environment
    home = _activates(examination)
    moved = [path for path in gone if home and path.startswith(f"{home}/")]
    for path, scripts in gone.items():
        if path in moved or len(scripts.owners) >= _MANY_OWNERS:
            yield _moved(path, scripts, environment)
            continue
        for owner in scripts.owners.values():
            yield _dead_of(owner, path, scripts, environment)
        if not scripts.owners and environment.kind == "venv":
            yield _orphans(path, scripts, environment)


def _activates(examination: Examination) -> str:
    """The directory that ``activate`` believes to be in, when that is another one; '' when it is this one."""
    environment = examination.environment
    try:
        text = examination.files.read(join(environment.scripts_dir, "activate"), 64 * 1024)
    except OSError:
        return ""
    match = _ACTIVATE.search(text)
    home = match[1].decode("utf-8", "surrogateescape").rstrip("/") if match else ""
    return home if home and not _same(home, environment.path, examination.files) else ""


def _moved(path: str, scripts: _Scripts, environment: Environment) -> Finding:
    """Environments cannot be moved: every script has the old path in its first line."""
    old = dirname(dirname(path))
    again = Fix(
        reinstall=tuple(sorted(owner.pin for owner in scripts.owners.values())),
        because="writes the scripts again, with this environment's interpreter",
    )
    return Finding(
        rule=RULE,
        severity=Severity.ERROR,
        subjects=(ENVIRONMENT,),
        message=f"this environment was moved or copied from {old}: {count(len(scripts.names), 'command')} cannot start",
        evidence=Evidence.FILE,
        details=(
            f"{some(scripts.names, 5)}: their first line (shebang) names the interpreter {path}, which is gone",
            f"Until then they run as: {environment.scripts_dir}/python -m <module>",
        ),
        symbol=f"{title(environment.scripts_dir)}/{scripts.names[0]}",
        fixes=(*((again,) if again.reinstall else ()), recreate(environment, "environments cannot be moved")),
    )


def _dead_of(owner: Distribution, path: str, scripts: _Scripts, environment: Environment) -> Finding:
    """The commands of one distribution start an interpreter that is gone."""
    place = title(environment.scripts_dir)
    return Finding(
        rule=RULE,
        severity=Severity.ERROR,
        subjects=(owner.pin,),
        message=f"{place}/{scripts.names[0]} of {named(owner)} cannot start: the interpreter in its first line is gone",
        evidence=Evidence.FILE,
        details=(f"the shebang of {some(scripts.names, 5)} names {path}",),
        symbol=f"{place}/{scripts.names[0]}",
        where=Location(path=f"{place}/{scripts.names[0]}", line=1),
        fixes=(reinstall(owner, count(len(scripts.names), "command")),),
        covers=tuple(f"{place}/{name}" for name in scripts.names),
    )


def _orphans(path: str, scripts: _Scripts, environment: Environment) -> Finding:
    """Scripts that no installed distribution owns."""
    return Finding(
        rule=RULE,
        severity=Severity.WARNING,
        subjects=(ENVIRONMENT,),
        message=f"{some(scripts.names)} cannot start: the interpreter in the first line is gone",
        evidence=Evidence.FILE,
        details=(f"the shebang names {path}; no installed distribution owns these scripts",),
        fixes=(
            Fix(
                remove=tuple(join(environment.scripts_dir, name) for name in scripts.names),
                safety=Safety.MANUAL,
                because="when nobody needs them",
            ),
        ),
    )


def _elsewhere(path: str, scripts: _Scripts, environment: Environment) -> Finding:
    """The command starts, with the packages of another environment."""
    owners = sorted(owner.pin for owner in scripts.owners.values())
    return Finding(
        rule=RULE,
        severity=Severity.WARNING,
        subjects=tuple(owners) or (ENVIRONMENT,),
        message=f"{some(scripts.names)} in {title(environment.scripts_dir)} starts another Python than the one here",
        evidence=Evidence.FILE,
        details=(f"the first line (shebang) names {path}", "What it imports comes from there, not from here."),
        fixes=(Fix(reinstall=tuple(owners), because="writes the scripts again"),) if owners else (),
    )


def _is_here(path: str, examination: Examination) -> bool:
    """Whether an interpreter belongs to this environment, by whatever path leads there."""
    environment = examination.environment
    if environment.kind != "venv":
        return True
    return _same(dirname(path), environment.scripts_dir, examination.files)


def _same(one: str, other: str, files: FileView) -> bool:
    """Whether two paths are one directory."""
    if one == other:
        return True
    left, right = files.facts(one), files.facts(other)
    return left is not None and right is not None and (left.inode, left.mtime_ns) == (right.inode, right.mtime_ns)
