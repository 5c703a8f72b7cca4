"""Directories that stand before the standard library or before site-packages, and what they hide there.

PYTHONPATH, ``.pth`` lines such as ``import sys; sys.path.insert(0, ...)`` and old easy-install paths do that. It
is an ``error`` when a hidden module lacks a name that the standard library itself takes from it, else a
``warning``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from posixpath import join

from doctor.checks.examination import Examination
from doctor.checks.usage import first_use, parse, top_level_names
from doctor.checks.words import ENVIRONMENT, shown, some, title
from doctor.model import Environment, Evidence, Finding, Fix, Location, Severity

RULE = "shadow"

_BEFORE_SITE = frozenset(
    {"abc", "codecs", "encodings", "genericpath", "importlib", "io", "linecache", "ntpath", "os", "posixpath", "runpy",
     "site", "stat", "sys", "sysconfig", "zipimport", "_collections_abc", "_sitebuiltins"}
)  # fmt: skip
"""Frozen into the interpreter, or imported before ``site`` reads any ``.pth``: these cannot be hidden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Front:
    """A directory before others on ``sys.path``; ``source`` is the ``.pth`` file, or PYTHONPATH."""

    path: str
    source: str


def check(examination: Examination) -> Iterator[Finding]:
    """One finding for each standard module that is hidden, one for each directory that hides packages."""
    environment = examination.environment
    if environment.interpreter is None:
        return
    for front in fronts(environment):
        names = _modules(examination.files.listing(front.path) or ())
        for module in sorted(names & set(environment.interpreter.stdlib) - _BEFORE_SITE):
            if module not in environment.interpreter.builtins and _is_module(front.path, module, examination):
                yield _hidden_module(front, module, examination)
        hidden = sorted(names & _site_modules(environment, front.path, examination))
        if hidden:
            yield _hidden_packages(front, hidden, environment)


def fronts(environment: Environment) -> list[_Front]:
    """Directories that come before the standard library, with who put them there."""
    found = []
    for entry in environment.search_path:
        if entry.origin == "stdlib":
            break
        found.append(_Front(path=entry.path, source=entry.source or entry.origin))
    for pth in environment.pth_files:
        found.extend(_Front(path=path, source=pth.path) for line in pth.code for path in inserted(line))
    return found


def inserted(line: str) -> Iterator[str]:
    """Absolute paths that a line of code puts at the front of ``sys.path``, where it spells them out."""
    for node in ast.walk(parse(line) or ast.Module([], [])):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "sys.path.insert" and len(node.args) > 1:
            position, path = node.args[0], node.args[1]
            if isinstance(position, ast.Constant) and position.value in {0, 1}:
                yield from _texts([path])
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).replace(" ", "") in _FRONT_SLICES:
            yield from _texts(getattr(node.value, "elts", ()))


_FRONT_SLICES = frozenset({"sys.path[:0]", "sys.path[0:0]", "sys.path[:1]"})


def _texts(nodes: Sequence[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("/"):
            yield node.value.rstrip("/")


def _modules(names: Sequence[str]) -> set[str]:
    """Names under which something in a directory could be imported."""
    return {name.partition(".")[0] for name in names if "." not in name or name.endswith((".py", ".so"))}


def _site_modules(environment: Environment, path: str, examination: Examination) -> set[str]:
    """Top-level modules in the site directories (other than that one), which the directory would hide."""
    places = [place for place in environment.site_dirs if place != path]
    found = {m for place in places for m in _modules(examination.files.listing(place) or ())}
    return {m for m in found if m.isidentifier() and m != "__pycache__" and _is_module(path, m, examination)}


def _is_module(directory: str, module: str, examination: Examination) -> bool:
    """Whether it really would be imported from there: a file, or a package with an ``__init__``."""
    files = examination.files
    return any(files.facts(join(directory, p)) for p in (f"{module}.py", f"{module}/__init__.py"))


def _hidden_module(front: _Front, module: str, examination: Examination) -> Finding:
    """A module of the standard library, replaced by one that may lack what others take from it."""
    environment = examination.environment
    mine = _source(front.path, module, examination)
    use = None
    for directory in environment.interpreter.stdlib_paths if environment.interpreter else ():
        real = _source(directory, module, examination)
        if real and mine:
            lost = top_level_names(real, examination.files) - top_level_names(mine, examination.files)
            use = first_use(module, lost, directory, examination.files)
            break
    place = shown(mine, environment)
    lacks = f" and lacks {module}.{use.name}" if use else ""
    return Finding(
        rule=RULE,
        severity=Severity.ERROR if use else Severity.WARNING,
        subjects=(ENVIRONMENT,),
        message=f"{place} hides the standard library's {module}{lacks}: {_who(front)} puts it first",
        evidence=Evidence.FILE,
        details=(
            *(
                (f"the standard library itself needs it: {use.path}:{use.line} uses {module}.{use.name}",)
                if use
                else ()
            ),
            f"{shown(front.path, environment)} comes before the standard library in every program of this environment",
        ),
        symbol=f"{module}.{use.name}" if use else module,
        where=Location(path=place),
        fixes=_fixes(front),
        covers=(place,),
    )


def _source(directory: str, module: str, examination: Examination) -> str:
    paths = (join(directory, p) for p in (f"{module}/__init__.py", f"{module}.py"))
    return next((path for path in paths if examination.files.facts(path)), "")


def _hidden_packages(front: _Front, hidden: Sequence[str], environment: Environment) -> Finding:
    return Finding(
        rule=RULE,
        severity=Severity.WARNING,
        subjects=(ENVIRONMENT,),
        message=f"{_who(front)} puts {shown(front.path, environment)} first, which hides {some(hidden)} of here",
        evidence=Evidence.FILE,
        details=("Programs import these from there, whatever version is installed here.",),
        where=Location(path=shown(front.path, environment)),
        fixes=_fixes(front),
    )


def _who(front: _Front) -> str:
    return title(front.source) if front.source.endswith(".pth") else "PYTHONPATH"


def _fixes(front: _Front) -> tuple[Fix, ...]:
    """A ``.pth`` file can be removed; the shell's variable is the user's."""
    if front.source.endswith(".pth"):
        return (Fix(remove=(front.source,), because="the directory then comes no longer first"),)
    return (Fix(because="programs of this environment need none", command="unset PYTHONPATH"),)
