"""Requirements to an exact, hashed set as of a day: pip-tools (or uv) asked on the index as it stood then."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from doctor.errors import DoctorError, IndexUnavailableError
from doctor.index.index import Index
from doctor.stacks.dated_index import DatedIndex, View
from doctor.system import Completed, run

PATIENCE_SECONDS = 3600.0
_TOOLS = ("pip-tools", "pip>=23.2")  # older pip reads the metadata marks of an index page in one form only
_TELLING = (
    "ERROR:",
    "error:",
    "×",
    "╰─▶",
    "Could not find",
    "There are incompatible",
    "Because ",
    "And because",
    "The conflict",
)
_MOST_LINES = 4
_IN, _CURES, _OUT = "requirements.in", "cures.txt", "requirements.txt"


class ResolutionError(DoctorError):
    """No set satisfies the requirements as of that day; the resolver's own words are the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to resolve: requirement lines, further bounds (cures), for whom and as of when.

    ``interpreter`` is a Python of the oldest version that the set is for, where that is not the doctor's own.
    """

    requirements: str
    cures: Sequence[str]
    view: View
    interpreter: str = ""

    @property
    def python(self) -> tuple[int, int]:
        """The oldest interpreter that the set is for: what it takes, the newer ones take too."""
        return min(self.view.target.pythons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A hashed requirements file, and the resolver that made it (``pip-tools`` or ``uv``)."""

    text: str
    resolver: str


def compile_requirements(question: Question, index: Index) -> Compiled:
    """The hashed set.

    pip resolves for the interpreter that runs it. So with pip-tools from the doctor's own environment when its Python
    is the one that the set is for; with pip-tools in a temporary environment of ``interpreter`` where one is named;
    else with uv, which can resolve for others but builds source distributions with what it finds.

    Raises:
        ResolutionError: nothing satisfies the requirements.
        IndexUnavailableError: the index cannot be asked.
        DoctorError: neither resolver can be used here.
    """
    if index.settings.offline:
        raise IndexUnavailableError(
            "Which versions there were on a day only the package index knows, and with --offline it is not asked; the "
            "set that is there can be used: acdoctor stacks show, acdoctor constraints, acdoctor create --find-links."
        )
    own = sys.version_info[:2] == question.python
    resolver = "pip-tools" if own or question.interpreter else "uv"
    with tempfile.TemporaryDirectory(prefix="acdoctor-lock-") as folder, DatedIndex(index, question.view) as dated:
        Path(folder, _IN).write_text(question.requirements, encoding="utf-8")
        Path(folder, _CURES).write_text("".join(f"{cure}\n" for cure in question.cures), encoding="utf-8")
        if resolver == "uv":
            command = _uv(dated.url, question.python)
        else:
            command = _pip_tools(dated.url, sys.executable if own else _visiting(question.interpreter, folder))
        done = run(command, timeout=PATIENCE_SECONDS, cwd=folder, env=_environment(folder))
        if dated.failure is not None:
            raise dated.failure
        if not done.ok:
            raise ResolutionError(f"{resolver} finds no set that satisfies all: {_reason(done)}")
        return Compiled(text=Path(folder, _OUT).read_text(encoding="utf-8"), resolver=resolver)


def _visiting(interpreter: str, folder: str) -> str:
    """The Python of a temporary environment with pip-tools, made with an interpreter that is not the doctor's."""
    place = str(Path(folder, "tools"))
    steps = [
        [interpreter, "-m", "venv", place],
        [f"{place}/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_TOOLS],
    ]
    for step in steps:
        done = run(step, timeout=PATIENCE_SECONDS)
        if not done.ok:
            raise DoctorError(f"pip-tools cannot be had for {interpreter}: {_reason(done)}")
    return f"{place}/bin/python"


def _pip_tools(url: str, python: str) -> list[str]:
    """pip-compile as a module of the interpreter for which it is to resolve."""
    return [
        python,
        "-m",
        "piptools",
        "compile",
        "--quiet",
        "--no-config",
        "--generate-hashes",
        "--allow-unsafe",
        "--strip-extras",
        "--no-header",
        "--no-emit-index-url",
        "--no-emit-options",
        "--annotation-style=line",
        "--resolver=backtracking",
        "--cache-dir=cache",
        "--pip-args=--prefer-binary --retries 0 --timeout 120 --no-cache-dir",
        f"--index-url={url}",
        f"--output-file={_OUT}",
        f"--constraint={_CURES}",
        _IN,
    ]


def _uv(url: str, python: tuple[int, int]) -> list[str]:
    """uv, for an interpreter that is not the doctor's."""
    program = shutil.which("uv")
    if program is None:
        raise DoctorError(
            f"This set is for Python {python[0]}.{python[1]} and pip-tools resolves for the Python that runs it: name "
            "one with --python, or install uv."
        )
    return [
        program,
        "pip",
        "compile",
        "--quiet",
        "--no-config",
        "--generate-hashes",
        "--strip-extras",
        "--no-header",
        "--no-emit-package=acdoctor",
        "--annotation-style=line",
        "--cache-dir=cache",
        f"--python-version={python[0]}.{python[1]}",
        "--python-platform=x86_64-manylinux_2_28",
        f"--default-index={url}",
        f"--output-file={_OUT}",
        f"--constraint={_CURES}",
        _IN,
    ]


def _environment(folder: str) -> Mapping[str, str]:
    """The doctor's variables without what would point a resolver elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    quiet = {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONWARNINGS": "ignore"}
    return kept | quiet | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "TMPDIR": folder}


def _reason(done: Completed) -> str:
    """What the resolver says of the conflict, in one line; its traceback, if any, ends in the error itself."""
    lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(_TELLING)]
    last = [line.rpartition("exceptions.")[2] for line in lines[-1:]]
    return " ".join((told or last)[:_MOST_LINES]) or done.failure or f"exit code {done.code}"
