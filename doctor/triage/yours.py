"""What the user's own project does: a value that a package cannot use, a file that hides a module of Python's."""

from __future__ import annotations

import ast
import re
import sys
import sysconfig
from functools import cache
from pathlib import Path

from doctor.model import Severity
from doctor.triage.diagnosis import LIKELY, Diagnosis, Verdict, diagnosed, finding, pinned, spoken
from doctor.triage.missing import Missing
from doctor.triage.owners import PROJECT, STDLIB
from doctor.triage.reading import Reading
from doctor.triage.versions import Versions
from doctor.triage.wheeltext import parsed

_UNREADABLE = ("ScannerError", "ParserError", "ParseError", "ParsingError", "DecodeError")
"""How exceptions end that tell of a text which is not of its format."""
_WRONG_VALUE = ("ValueError", "UnicodeDecodeError", "UnicodeEncodeError", "OverflowError", "JSONDecodeError")
_PYTHON = re.compile(r"[/\\]python(3\.\d{1,2})[/\\]")


def refuses_yours(reading: Reading) -> bool:
    """The user's code called one distribution directly, and all below is that one: nobody else gave it the value."""
    bare = reading.raised.exception.rpartition(".")[2]
    if reading.level != "call" or not (bare in _WRONG_VALUE or bare.endswith(_UNREADABLE[:4])):
        return False
    owners = [place.owner for place in reading.places if place.owner.kind != STDLIB]
    last = max((i for i, owner in enumerate(owners) if owner.kind == PROJECT), default=len(owners))
    return len({owner.name for owner in owners[last + 1 :]}) == 1


def refused(reading: Reading, owner: str, said: str, versions: Versions) -> Diagnosis:
    """A value that a package was given by the user's own code and cannot use."""
    own = reading.own
    where = f"{own.frame.path}:{own.frame.line}" if own else "your own code"
    text = "Unicode" in reading.raised.exception
    form = reading.raised.exception.endswith(_UNREADABLE)
    message = f"{spoken(owner, versions)} cannot use a value that {where} gave it: {said}"
    advice = (
        "tell the encoding that the file has (encoding='latin-1', 'cp1252', 'utf-16'), or convert the file to UTF-8"
        if text
        else f"look at the value that is passed at {where}: its content, its form, missing entries"
    )
    return diagnosed(
        reading,
        finding("value-refused", Severity.ERROR, (pinned(owner, versions),), message, reading),
        Verdict(
            "data" if text or form else "user_code", LIKELY, "your own code calls the package directly with that value"
        ),
        advice=(advice,),
    )


def hides(reading: Reading, missing: Missing) -> bool:
    """Python's own module has the name, so what was imported under its name is another file.

    Known for the Python that runs this program only: another one may have got the name later or lost it.
    """
    module, symbol = missing.module or "", missing.symbol or ""
    told = {found[1] for place in reading.places if (found := _PYTHON.search(place.frame.path))}
    if told != {f"{sys.version_info.major}.{sys.version_info.minor}"} or "." in module or not symbol:
        return False
    return missing.kind in ("name", "attribute") and not _PYTHON.search(missing.file) and symbol in _bound(module)


def hidden(reading: Reading, missing: Missing) -> Diagnosis:
    """A file of the user's that has the name of a module of Python's."""
    file = f"{missing.module}.py"
    own = next((p.frame.path for p in reading.places if p.frame.path.replace("\\", "/").endswith(f"/{file}")), "")
    shown = missing.file if missing.file.endswith(file) else own or f"a file {file} of yours"
    message = f"{shown} is imported instead of Python's own module {missing.module}, which has {missing.symbol}"
    return diagnosed(
        reading,
        finding("shadowed-module", Severity.ERROR, (), message, reading),
        Verdict("user_code", LIKELY, f"{missing.module} of this Python has {missing.symbol}"),
        ask=f'python -c "import {missing.module}; print({missing.module}.__file__)"',
        advice=(f"rename {file} beside your script, and remove __pycache__ there",),
    )


@cache
def _bound(module: str) -> frozenset[str]:
    """Functions, classes and plain names at the top of a module of Python's own library; none when it is compiled."""
    place = Path(sysconfig.get_path("stdlib"))
    path = next((p for p in (place / f"{module}.py", place / module / "__init__.py") if p.is_file()), None)
    tree = parsed(path.read_text("utf-8", "replace")) if path else None
    found: set[str] = set()
    for node in tree.body if tree else ():
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(found)
