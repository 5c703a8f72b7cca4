"""What the importer is told about a patient beyond its files: versions, the standard library, compiled code."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable

from doctor.imports.machine import Surroundings
from doctor.imports.native import inspector_of
from doctor.model import Environment, FileView, Interpreter
from doctor.probe.stdlib_names import StdlibNames, examine_stdlib, is_standard
from doctor.rulebook.match import applies
from doctor.rulebook.rules import NativeContract

_USUAL = """
sys time math itertools functools operator collections os posixpath socket ssl select signal threading io re struct typing enum
types errno weakref abc codecs array datetime random json logging inspect ast asyncio unicodedata builtins cmath atexit gc locale
collections.abc contextvars mmap pickle importlib importlib.machinery importlib.util importlib.metadata importlib.resources resource
multiprocessing multiprocessing.context multiprocessing.connection multiprocessing.queues multiprocessing.reduction
concurrent.futures queue hashlib hmac bz2 lzma zlib decimal csv binascii http urllib.request warnings email.utils shutil selectors
tokenize getpass tempfile platform textwrap copyreg traceback dis contextlib copy dataclasses linecache unittest fcntl sqlite3
_thread _socket _collections_abc _weakrefset _string
""".split()  # noqa: SIM905 - a list of so many lines says less
"""Asked for in one run of the interpreter, for most programs ask for most of them."""
_OPTIONAL = frozenset(
    [
        "_winapi",
        "bz2",
        "crypt",
        "ctypes",
        "curses",
        "dbm",
        "lzma",
        "msilib",
        "msvcrt",
        "multiprocessing",
        "nis",
        "nt",
        "ossaudiodev",
        "readline",
        "spwd",
        "sqlite3",
        "ssl",
        "tkinter",
        "winreg",
        "winsound",
        "zlib",
        "zoneinfo",
    ]
)
"""Modules that a build of CPython may lack, or that exist on other systems only."""


class StandardNames:
    """Names of standard-library modules: read where the source shows them, else asked of the interpreter and kept."""

    def __init__(self, interpreter: Interpreter | None, files: FileView) -> None:
        """Without an interpreter nothing is known."""
        self._interpreter, self._files = interpreter, files
        self._known: dict[str, frozenset[str] | None] = {}
        self._reasons: dict[str, str] = {}
        self._texts: dict[str, str] = {}

    def _learn(self, name: str) -> None:
        if self._interpreter is None or name in self._known:
            return
        wanted = (
            [name] if self._known else [name, *(n for n in _USUAL if n.partition(".")[0] in self._interpreter.stdlib)]
        )
        told: StdlibNames = examine_stdlib(self._interpreter, wanted)
        self._known.update(dict.fromkeys(wanted))
        self._known.update(told.names)
        self._reasons.update(told.reasons)

    def names(self, name: str) -> frozenset[str] | None:
        """All names of a module, None when they are not known."""
        self._learn(name)
        return self._known.get(name)

    def has(self, module: str, name: str) -> bool | None:
        """The module has the name; its source is enough where that binds it at the left margin."""
        if module not in self._known and re.search(
            rf"^(?:def|class|async def) {re.escape(name)}\b|^{re.escape(name)}\s*(?::[^=\n]+)?=[^=]",
            self._text(module),
            re.MULTILINE,
        ):
            return True
        names = self.names(module)
        return None if names is None else name in names

    def _text(self, module: str) -> str:
        if module not in self._texts:
            self._texts[module] = ""
            stem = module.replace(".", "/")
            places = self._interpreter.stdlib_paths if self._interpreter else ()
            for path in (f"{p}/{stem}{tail}" for p in places for tail in (".py", "/__init__.py")):
                if self._files.facts(path) is not None:
                    with contextlib.suppress(OSError):
                        self._texts[module] = self._files.read(path).decode("utf-8", "replace")
                    break
        return self._texts[module]

    def failure(self, name: str) -> str | None:
        """Why the interpreter cannot import one of its own modules; None when it can, or that is not known."""
        if self._interpreter is None or name not in _OPTIONAL or not is_standard(name, self._interpreter):
            return None
        self._learn(name)
        return self._reasons.get(name)


def surroundings_of(environment: Environment, files: FileView, natives: Iterable[NativeContract] = ()) -> Surroundings:
    """Everything that the rulebook, the interpreter and compiled files tell."""
    standard = StandardNames(environment.interpreter, files)
    inspector = inspector_of(environment, files)
    raises: dict[str, tuple[str, str]] = {}
    needs: dict[str, tuple[str, ...]] = {}
    lacks: set[str] = set()
    for contract in natives:
        if not applies(contract, environment):
            continue
        for name, exception, message in contract.raises:
            raises[contract.module if name == "." else f"{contract.module}.{name}"] = (
                exception,
                _told(message, environment),
            )
        if contract.needs:
            needs[contract.module] = contract.needs
        lacks.update(f"{contract.module}.{name}" for name in contract.lacks)
    versions = {d.name: d.version for d in reversed(environment.distributions)}
    return Surroundings(
        versions=versions, stdlib_names=standard.names,
        stdlib_has=standard.has, stdlib_failure=standard.failure, native_failure=inspector.failure,
        raises=raises, native_needs=needs, native_lacks=frozenset(lacks),
    )  # fmt: skip


def _told(message: str, environment: Environment) -> str:
    """The message with the installed versions in the place of ``{name}``."""
    return re.sub(
        r"\{([\w.-]+)\}", lambda m: found.version if (found := environment.distribution(m[1])) else m[0], message
    )
