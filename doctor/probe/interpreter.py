"""Ask a Python interpreter for its facts, from outside, with a time limit; nothing of site-packages runs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from posixpath import exists, islink, realpath
from typing import Any

from doctor.model import Interpreter
from doctor.probe.wheel_tags import TagFacts, linux_architectures, wheel_tags
from doctor.system import Completed, run

INSIDE = str(Path(__file__).with_name("inside.py"))
ISOLATED = ("-I", "-S", "-B")
"""No PYTHON* variables, no site (so no ``.pth``, no sitecustomize), no byte code written."""

OLDEST = (3, 8)
OUTPUT_LIMIT = 4 * 1024 * 1024
_QUOTED = 200
_MOST = 200
"""No part of a version is larger; tags are counted down from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFacts:
    """Where ``site`` looks, in its order, existing or not: own prefixes, the base's, the user's.

    ``skips_hidden``: it passes over ``.name.pth``; ``pth_is_utf8``: it reads ``.pth`` as UTF-8 with or without a mark
    (3.13), not in the encoding of the locale. Both came as late fixes into some older releases.
    """

    own: tuple[str, ...]
    system: tuple[str, ...]
    user: str
    skips_hidden: bool
    pth_is_utf8: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an interpreter told; ``depends_on`` are files whose change may change the answer."""

    interpreter: Interpreter
    site: SiteFacts
    virtual: bool
    platform: str
    depends_on: tuple[str, ...]


class StartFailure(Exception):  # noqa: N818 - a fact about the patient, not an error of the doctor
    """The interpreter gave no facts; the text is one line, without a final stop."""


def too_old(version: str) -> str:
    """The sentence about a Python that ``inside.py`` does not run on."""
    return f"it is Python {version}; 3.8 or newer can be examined"


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's variables without those that steer Python (``-I`` ignores them; a wrapper script may not)."""
    keep = "PYTHONUSERBASE"
    return {k: v for k, v in environ.items() if k == keep or not k.startswith("PYTHON")}


def ask(executable: str, environ: Mapping[str, str], timeout: float) -> dict[str, Any]:
    """Start the interpreter and return what it told, not yet understood; raises ``StartFailure``."""
    command = [executable, *ISOLATED, INSIDE, "facts"]
    completed = run(command, timeout=timeout, env=child_environment(environ), cwd="/", output_limit=OUTPUT_LIMIT)
    told = answer(completed, executable, "acdoctor-facts:")
    if not told.get("libc") and "-musl" in str(told.get("suffixes")):
        told["libc"] = _musl(str(told.get("markers")))
    return told


def answer(completed: Completed, executable: str, mark: str) -> dict[str, Any]:
    """The JSON line of ``inside.py`` out of whatever else was printed; raises ``StartFailure``."""
    if completed.code is None:
        raise StartFailure(_not_started(executable, completed.failure))
    for line in completed.stdout.split(b"\n"):
        if line.startswith(mark.encode()):
            try:
                document = json.loads(line[len(mark) :])
            except (ValueError, RecursionError):
                break
            if isinstance(document, dict):
                return document
    raise StartFailure(_no_facts(executable, completed))


def understood(document: Mapping[str, Any]) -> Told:
    """Facts from the answer; raises ``StartFailure`` when they have not the form that ``inside.py`` gives them."""
    try:
        return _told(document)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise StartFailure(f"it told facts of an unknown form ({type(error).__name__}: {error})") from error


def _told(document: Mapping[str, Any]) -> Told:
    """Build the values; every field must have its type."""
    version = _version(document)
    site = document["site"]
    return Told(
        interpreter=_interpreter(document, version),
        site=SiteFacts(
            own=_texts(site["own"]),
            system=_texts(site["system"]),
            user=_text(site["user"]),
            skips_hidden=bool(site["skips_hidden"]),
            pth_is_utf8=bool(site["pth_is_utf8"]),
        ),
        virtual=bool(document["virtual"]),
        platform=_text(document["paths"]["platform"]),
        depends_on=_texts(document["depends_on"]),
    )


def _version(document: Mapping[str, Any]) -> tuple[int, int]:
    """The interpreter's (major, minor); raises ``StartFailure`` for one that is too old."""
    version = tuple(int(n) for n in document["version_info"])
    if len(version) != 3 or not all(0 <= n < _MOST for n in version):  # noqa: PLR2004 - major, minor, micro
        raise ValueError("no Python version")
    dotted = ".".join(map(str, version))
    if version[:2] < OLDEST:
        raise StartFailure(too_old(dotted))
    if not _text(document["markers"]["python_full_version"]).startswith(dotted):
        raise ValueError("two different Python versions")
    return version[0], version[1]


def _interpreter(document: Mapping[str, Any], version: tuple[int, int]) -> Interpreter:
    """The facts that all rooms share."""
    markers = {str(k): _text(v) for k, v in document["markers"].items()}
    paths, pointer_bits = document["paths"], int(document["pointer_bits"])
    return Interpreter(
        executable=_text(document["executable"]),
        version=markers["python_full_version"],
        implementation=markers["implementation_name"],
        markers=markers,
        tags=_tags(document, version),
        suffixes=_texts(document["suffixes"]),
        stdlib=_texts(document["stdlib"]),
        builtins=_texts(document["builtins"]),
        stdlib_paths=_texts(document["stdlib_paths"]),
        prefix=_text(document["prefix"]),
        base_prefix=_text(document["base_prefix"]),
        purelib=_text(paths["purelib"]),
        platlib=_text(paths["platlib"]),
        scripts=_text(paths["scripts"]),
        machine=linux_architectures(markers["platform_machine"], pointer_bits)[0],
        libc=_text(document["libc"]),
        byteorder=_text(document["byteorder"]),
        pointer_bits=pointer_bits,
    )


def _tags(document: Mapping[str, Any], version: tuple[int, int]) -> tuple[str, ...]:
    """The wheel tags that follow from the facts."""
    return wheel_tags(
        TagFacts(
            implementation=_text(document["markers"]["implementation_name"]),
            version=version,
            abiflags=_text(document["abiflags"]),
            suffixes=_texts(document["suffixes"]),
            platform=_text(document["paths"]["platform"]),
            libc=_text(document["libc"]),
            pointer_bits=int(document["pointer_bits"]),
            mac_version=_text(document["mac_version"]),
        )
    )


def _text(value: object) -> str:
    """A text; raises ``TypeError``."""
    if not isinstance(value, str):
        raise TypeError(f"text expected, not {type(value).__name__}")
    return value


def _texts(values: object) -> tuple[str, ...]:
    """Texts; raises ``TypeError``."""
    if not isinstance(values, list):
        raise TypeError(f"list expected, not {type(values).__name__}")
    return tuple(_text(value) for value in values)


def _musl(markers: str) -> str:
    """The version of musl, which only its loader tells (PEP 656)."""
    machine = re.search(r"'platform_machine': '(\w+)'", markers)
    loader = f"/lib/ld-musl-{machine[1] if machine else ''}.so.1"
    match = re.search(rb"Version (\d+\.\d+)", run([loader], timeout=5.0, output_limit=OUTPUT_LIMIT).stderr)
    return f"musl {match[1].decode()}" if match else "musl"


def _not_started(executable: str, failure: str) -> str:
    """Why the operating system could not start it, in words that help."""
    if islink(executable) and not exists(executable):
        return f"{executable} is a link to {realpath(executable)}, which does not exist"
    if failure.startswith("no answer"):
        return f"{executable} gave {failure}"
    return f"{executable} does not start ({failure[:1].lower()}{failure[1:]})"


def _no_facts(executable: str, completed: Completed) -> str:
    """It ran, but did not answer: the last line of its complaint says most."""
    lines = completed.stderr.decode("utf-8", "replace").strip().splitlines()
    last = f": {lines[-1].strip()[:_QUOTED]}" if lines else ""
    code = completed.code or 0
    if code < 0:
        return f"{executable} was ended by signal {-code}{last}"
    if code:
        return f"{executable} ended with code {code}{last}"
    return f"{executable} does not answer as a Python interpreter does{last}"
