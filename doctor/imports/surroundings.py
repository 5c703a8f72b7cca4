"""What the importer is told about a patient beyond its files: versions, the standard library, compiled code."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.requirements import InvalidRequirement, Requirement

from doctor.imports.machine import Surroundings
from doctor.imports.native import inspector_of
from doctor.model import Environment, FileView, Interpreter
from doctor.probe.stdlib_names import StdlibNames, examine_stdlib, is_standard
from doctor.rulebook.rules import NativeContract

_SUBMODULES = [
    "asyncio.events",
    "collections.abc",
    "concurrent.futures",
    "concurrent.futures.thread",
    "concurrent.futures.process",
    "ctypes.util",
    "ctypes.wintypes",
    "dbm.gnu",
    "distutils.core",
    "distutils.util",
    "distutils.version",
    "distutils.spawn",
    "email.mime.text",
    "email.utils",
    "email.message",
    "email.parser",
    "html.parser",
    "http.client",
    "http.cookies",
    "http.server",
    "http.cookiejar",
    "importlib.abc",
    "importlib.machinery",
    "importlib.metadata",
    "importlib.resources",
    "importlib.util",
    "json.decoder",
    "json.encoder",
    "logging.config",
    "logging.handlers",
    "multiprocessing.pool",
    "multiprocessing.connection",
    "multiprocessing.shared_memory",
    "os.path",
    "sqlite3.dbapi2",
    "unittest.mock",
    "urllib.error",
    "urllib.parse",
    "urllib.request",
    "urllib.response",
    "urllib.robotparser",
    "wsgiref.simple_server",
    "xml.dom",
    "xml.dom.minidom",
    "xml.etree",
    "xml.etree.ElementTree",
    "xml.etree.cElementTree",
    "xml.parsers.expat",
    "xml.sax",
    "xmlrpc.client",
]


class StandardNames:
    """Names of standard-library modules, asked of the interpreter once for the usual ones, then one by one."""

    def __init__(self, interpreter: Interpreter | None) -> None:
        """Without an interpreter nothing is known."""
        self._interpreter = interpreter
        self._known: dict[str, frozenset[str] | None] = {}
        self._reasons: dict[str, str] = {}

    def _learn(self, name: str) -> None:
        if self._interpreter is None or name in self._known:
            return
        wanted = [name]
        if not self._known:
            wanted += [n for n in self._interpreter.stdlib if not n.startswith("_")]
            wanted += [n for n in _SUBMODULES if n.partition(".")[0] in self._interpreter.stdlib]
        told: StdlibNames = examine_stdlib(self._interpreter, wanted)
        self._known.update(dict.fromkeys(wanted))
        self._known.update(told.names)
        self._reasons.update(told.reasons)

    def names(self, name: str) -> frozenset[str] | None:
        """The names of a module, None when they are not known."""
        self._learn(name)
        return self._known.get(name)

    def failure(self, name: str) -> str | None:
        """Why the interpreter cannot import one of its own modules; None when it can, or that is not known."""
        if self._interpreter is None or not is_standard(name, self._interpreter) or "." in name:
            return None
        self._learn(name)
        return self._reasons.get(name)


def surroundings_of(environment: Environment, files: FileView, natives: Iterable[NativeContract] = ()) -> Surroundings:
    """Everything that the rulebook, the interpreter and compiled files tell."""
    standard = StandardNames(environment.interpreter)
    inspector = inspector_of(environment, files)
    raises: dict[str, tuple[str, str]] = {}
    needs: dict[str, tuple[str, ...]] = {}
    for contract in natives:
        if not _applies(contract, environment):
            continue
        for name, exception, message in contract.raises:
            raises[f"{contract.module}.{name}"] = (exception, message)
        if contract.needs:
            needs[contract.module] = contract.needs
    versions = {d.name: d.version for d in reversed(environment.distributions)}
    return Surroundings(
        versions=versions, stdlib_names=standard.names, stdlib_failure=standard.failure, native_failure=inspector.failure,
        raises=raises, native_needs=needs,
    )  # fmt: skip


def _applies(contract: NativeContract, environment: Environment) -> bool:
    if not contract.when:
        return True
    try:
        requirement = Requirement(contract.when)
    except InvalidRequirement:
        return False
    installed = environment.distribution(requirement.name.lower())
    return installed is not None and requirement.specifier.contains(installed.version, prereleases=True)
