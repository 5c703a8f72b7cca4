"""``.pth`` files and editable installs: lines that run code which is gone, and sources that are no longer there."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from doctor.checks.examination import Examination
from doctor.checks.files import reinstall, relative
from doctor.checks.importance import Part, part_of
from doctor.checks.usage import parse
from doctor.checks.words import ENVIRONMENT, named, some, title
from doctor.model import Distribution, Evidence, Finding, Fix, Location, PthFile, Safety, Severity
from doctor.rulebook.names import import_names

RULE = "pth"


def check(examination: Examination) -> Iterator[Finding]:
    """What ``.pth`` files and editable installs point to and is gone."""
    owners = {
        record.path: distribution
        for distribution in examination.environment.distributions
        for record in examination.records.get(distribution.metadata_path, ())
        if record.path.endswith(".pth")
    }
    for pth in examination.environment.pth_files:
        owner = owners.get(pth.path)
        absent = [name for name in imported(pth) if not is_there(name, examination)]
        if absent:
            yield _code_gone(pth, absent[0], owner)
        gone = [path for path in pth.adds if examination.files.facts(path) is None]
        if gone:
            yield _path_gone(pth, gone, owner, examination)
    yield from _editable_gone(examination)


def imported(pth: PthFile) -> Iterator[str]:
    """Top-level modules that the code of a ``.pth`` file imports by name; the code is parsed, never run."""
    for line in pth.code:
        for node in ast.walk(parse(line) or ast.Module([], [])):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "__import__":
                yield from (a.value.partition(".")[0] for a in node.args[:1] if _is_text(a))  # type: ignore[attr-defined]


def is_there(module: str, examination: Examination) -> bool:
    """Whether anything could be imported under a top-level name."""
    environment = examination.environment
    interpreter = environment.interpreter
    if interpreter is None or module in interpreter.stdlib or module in interpreter.builtins:
        return True
    if module in environment.editable or any(module.replace("_", "-") == name for name in examination.assumed):
        return True
    ends = ("", ".py", ".pyc", ".so", *interpreter.suffixes)
    return any(
        f"{module}{end}" in names
        for entry in environment.search_path
        if (names := examination.files.listing(entry.path)) is not None
        for end in ends
    )


def _code_gone(pth: PthFile, module: str, owner: Distribution | None) -> Finding:
    """``site`` prints a traceback at every start and goes on; what the line was for does not happen."""
    name = title(pth.path)
    usual = import_names().get(module, "") if owner is None else ""
    left = f"No installed distribution owns the file{f'; {usual} left it behind' if usual else ''}."
    fix = (
        reinstall(owner, module)
        if owner
        else Fix(remove=(pth.path,), safety=Safety.SAFE, because="nothing that is installed needs it")
    )
    return Finding(
        rule=RULE,
        severity=Severity.WARNING,
        subjects=(owner.pin if owner else usual or ENVIRONMENT,),
        message=f"every start of Python prints an error: {name} imports {module}, which is gone",
        evidence=Evidence.FILE,
        details=() if owner else (left,),
        symbol=module,
        where=Location(path=name),
        fixes=(fix,),
        covers=(name,),
    )


def _path_gone(pth: PthFile, gone: list[str], owner: Distribution | None, examination: Examination) -> Finding:
    """A development install without its source; a path that belongs to nobody is passed over by Python."""
    name = title(pth.path)
    if owner is None or not _is_only_a_link(owner, examination):
        return Finding(
            rule=RULE,
            severity=Severity.NOTE,
            subjects=(owner.pin if owner else ENVIRONMENT,),
            message=f"{name} adds {some(gone)} to the search path, which does not exist",
            evidence=Evidence.FILE,
            details=("Python passes over it without a word.",),
            fixes=() if owner else (Fix(remove=(pth.path,), because="it has no effect now"),),
        )
    return _source_gone(owner, gone[0], name)


def _source_gone(owner: Distribution, path: str, name: str) -> Finding:
    return Finding(
        rule="editable",
        severity=Severity.ERROR,
        subjects=(owner.pin,),
        message=f"{named(owner)} is an editable install, and its source {path} is gone: it cannot be imported",
        evidence=Evidence.FILE,
        details=(f"{name} points there; packages list it as installed all the same",),
        where=Location(path=name),
        fixes=(
            Fix(remove=(owner.name,), because="takes the dead link away"),
            Fix(
                safety=Safety.MANUAL,
                because="when the source has only moved, install it again from where it is",
                command="pip install --editable <directory of the source>",
            ),
        ),
        covers=(name,),
    )


def _is_only_a_link(distribution: Distribution, examination: Examination) -> bool:
    """Whether a distribution installed nothing that could be imported but the link to its source."""
    metadata = title(distribution.metadata_path)
    paths = (relative(r.path, distribution) for r in examination.records.get(distribution.metadata_path, ()))
    kept = (p for p in paths if part_of(p, metadata=metadata) is Part.MODULE and not p.startswith("__editable__"))
    return next(kept, None) is None


def _editable_gone(examination: Examination) -> Iterator[Finding]:
    """Finders of editable installs (PEP 660) that send imports to a place which is gone."""
    environment, files = examination.environment, examination.files
    gone = {
        module: path
        for module, path in environment.editable.items()
        if files.facts(path) is None and files.facts(f"{path}.py") is None
    }
    sources = _sources(examination)
    told: set[str] = set()
    for module, path in sorted(gone.items()):
        owner = next((d for source, d in sources.items() if path == source or path.startswith(f"{source}/")), None)
        if owner is not None and owner.name not in told:
            told.add(owner.name)
            yield _source_gone(owner, path, f"its finder for {module}")


def _sources(examination: Examination) -> Mapping[str, Distribution]:
    """Source directory -> the distribution that was installed from there as editable (PEP 610)."""
    editable = ((d, d.direct_url) for d in examination.environment.distributions)
    return {unquote(urlsplit(u.url).path).rstrip("/"): d for d, u in editable if u is not None and u.editable}


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
