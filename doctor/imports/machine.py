"""The abstract importer: the state of one abstract interpreter, and the import system's semantics.

It executes the lowered operations of modules in order, as ``import`` would, with abstract values. What is certain
is followed; where a condition is unknown both branches are executed as *maybe*; a failure that no handler on the
abstract stack catches is recorded, and execution goes on as if it had been cured, so that one root does not hide
another. References: the Python language reference ("The import system", "Execution model") and importlib.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from packaging.utils import canonicalize_name

from doctor.imports.absence import Absence
from doctor.imports.failures import CATCH_ALL, Failure, Raised, error_class, external_subclass, failure_class, is_exit
from doctor.imports.finder import Finder, Spec
from doctor.imports.store import SummaryStore
from doctor.imports.values import UNKNOWN, Class, External, Instance, List, Module, Value, const
from doctor.model import FileFacts

MODULE_STEPS = 400_000
CALL_DEPTH = 45
IMPORT_DEPTH = 400
CALL_STEPS = 30_000
_WORD = re.compile(r"[A-Za-z][\w.-]*\w")
_LONGEST_MESSAGE = 1_000


@dataclass(eq=False, slots=True, repr=False)
class Frame:
    """Where names are bound: a module, a class body or a function call.

    ``maybe`` > 0: on an undecided path; ``called``: by nobody yet (see ``deferred``).
    """

    module: Module
    names: dict[str, Value]
    kind: str
    outer: Frame | None = None
    maybe: int = 0
    results: list[Value] = field(default_factory=list)
    globals_: frozenset[str] = frozenset()
    cls: Class | None = None
    handled: Raised | None = None
    function: Any = None
    called: bool = False
    returns: bool = False  # on an undecided path it may have returned


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the importer is told about the patient beyond its files.

    ``stdlib_names`` gives the names of standard-library modules, None where they are not known,
    ``stdlib_has`` whether one has a name, and
    ``stdlib_failure`` why one cannot be imported. ``native_failure`` says what loading an extension module
    would certainly raise. ``versions`` are the installed versions by normalized name.
    """

    versions: Mapping[str, str]
    stdlib_names: Callable[[str], frozenset[str] | None] = lambda _name: None
    stdlib_has: Callable[[str, str], bool | None] = lambda _module, _name: None
    stdlib_failure: Callable[[str], str | None] = lambda _name: None
    native_failure: Callable[[str], str | None] = lambda _path: None
    raises: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    native_needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    native_lacks: frozenset[str] = frozenset()


class Files(Protocol):
    """What code at import time asks of files; as ``FileView``."""

    def facts(self, path: str) -> FileFacts | None:
        """As ``FileView.facts``."""

    def read(self, path: str, limit: int | None = None) -> bytes:
        """As ``FileView.read``."""


def _ignore(_name: str) -> None:
    """Nobody wants to know."""


class Machine:
    """One abstract interpreter over one environment."""

    def __init__(self, finder: Finder, store: SummaryStore, surroundings: Surroundings) -> None:
        """Nothing is read before the first import."""
        self.finder, self.store, self.surroundings = finder, store, surroundings
        interpreter = finder.environment.interpreter
        version = finder.environment.python_version or "3.11"
        self.version = tuple(
            int(p) for p in (interpreter.version if interpreter else version).split(".")[:3] if p.isdigit()
        )
        self.minor: tuple[int, int] = (self.version[0], self.version[1]) if len(self.version) > 1 else (3, 11)
        main = Module("__main__", Spec(name="__main__", kind="source"), opened="the program")
        self.modules: dict[str, Value] = {"__main__": main}
        self.failed: dict[str, Raised] = {}
        self.stack: list[Module] = []
        self.guards: list[tuple[Any, ...]] = []
        self.failures: dict[tuple[str, str, str, int], Failure] = {}
        self.possible: dict[tuple[str, str, str, int], Failure] = {}
        self.guarded: dict[tuple[str, str, str, int], Failure] = {}
        self.unreadable: dict[str, str] = {}
        self.hooked: set[str] = set()
        self.base = 0
        self.depth = 0
        self.steps = 0
        self.loaded = 0
        self.limit = MODULE_STEPS
        self.environ: dict[str, Value] = {}
        self.sys_path = List(finder.path)  # the finder's own list: what code does to sys.path counts
        self.program_path = ""
        self.order_known = True  # until an import is passed over because its path is undecided
        self.calling = False  # a function is executed by itself, as if somebody called it (see ``deferred``)
        self.doubts = 0  # modules that seem to raise what is not believed
        self.undecided: set[tuple[str, int]] = set()  # tests that could not be decided: path and line
        self.entry = ""
        self.absence = Absence(finder)
        self.files: Files = finder.files
        self.meet: Callable[[str], None] = _ignore  # the present module imports another, or finds it imported
        self.trace: Callable[[str, str], None] | None = None

    # ------------------------------------------------------------------ failures

    def uncertain(self, frame: Frame) -> bool:
        """The present statement is on a path that could not be decided."""
        return self.base + frame.maybe > 0

    def fail(self, failure: Failure, cls: Value, frame: Frame, value: Value = None) -> Raised:
        """The exception to raise for a failure; records it when nothing on the abstract stack catches it."""
        if not failure.chain:
            failure.chain = self.chain(failure.module)
            if self.stack:
                site = self.stack[-1]
                failure.site_module, failure.site_path, failure.site_line = site.name, site.spec.path, site.line
        verdict = self.caught(cls)
        if verdict is False:
            failure.certain = not self.uncertain(frame) and self.believable(failure, cls)
            if failure.certain:
                self.record(failure)
                return Raised(cls, failure, state="recorded", value=value)
            self.possible.setdefault(failure.root.key, failure)
            return Raised(cls, failure, state="possible", value=value)
        if verdict:
            self.guarded.setdefault(failure.key, failure)
        return Raised(cls, failure, value=value)

    def believable(self, failure: Failure, cls: Value) -> bool:
        """An exception that code raises by itself, and no ImportError, is more likely a path that was not followed right."""
        root = failure.root
        if root.kind == "exit":
            return False
        if root.kind != "raised" or root.trusted:
            return True
        if root.exception in {"ImportError", "ModuleNotFoundError"} or self._tells_a_version(root.message):
            return True
        return bool(self.matches(cls, error_class("ImportError")))

    def _tells_a_version(self, message: str) -> bool:
        """The message names an installed distribution and its very version: code that compared versions and refused."""
        for word in _WORD.findall(message[:_LONGEST_MESSAGE]):
            version = self.surroundings.versions.get(str(canonicalize_name(word)))
            if version and re.search(rf"(?<![\w.]){re.escape(version)}(?!\w|\.\d)", message):
                return True
        return False

    def record(self, failure: Failure) -> None:
        """Note a certain failure once, and that every module being imported is broken by it."""
        known = self.failures.setdefault(failure.root.key, failure)
        if self.entry not in known.entries:
            known.entries.append(self.entry)
        for module in self.stack:
            if known not in module.broken_by:
                module.broken_by = (*module.broken_by, known)

    def chain(self, module: str) -> tuple[str, ...]:
        """Names of the modules being imported, outermost first, ending with the failing one."""
        names = [m.name for m in self.stack]
        return tuple(names) if not names or names[-1] == module else (*names, module)

    def caught(self, cls: Value) -> bool | None:
        """Would a handler on the abstract stack catch an exception of that class? None: cannot be decided."""
        unsure = False
        for guard in reversed(self.guards):
            verdict = self.guard_catches(guard, cls)
            if verdict:
                return None if unsure else True
            unsure = unsure or verdict is None
        return None if unsure else False

    def guard_catches(self, guard: tuple[Any, ...], cls: Value) -> bool | None:
        """One guard: ("try", frame, handlers), ("types", classes) or ("unknown",)."""
        if guard[0] == "unknown":
            return None
        if guard[0] == "types":
            return self.matches(cls, guard[1])
        from doctor.imports.exceptions import handler_class  # noqa: PLC0415

        unsure = False
        for handler in guard[2]:
            verdict = True if handler[1] is None else self.matches(cls, handler_class(self, handler[1], guard[1]))
            if verdict:
                return None if unsure else True
            unsure = unsure or verdict is None
        return None if unsure else False

    def matches(self, cls: Value, wanted: Value) -> bool | None:
        """``issubclass(cls, wanted)`` for abstract exception classes; None when not known."""
        if isinstance(wanted, tuple):
            verdicts = [self.matches(cls, w) for w in wanted]
            return True if True in verdicts else None if None in verdicts else False
        if wanted is UNKNOWN or cls is UNKNOWN:
            return True if isinstance(wanted, External) and wanted.path in CATCH_ALL else None
        if isinstance(wanted, External) and wanted.path in CATCH_ALL:
            return not (wanted.path == "builtins.Exception" and is_exit(cls))
        if isinstance(cls, Class):
            if cls is wanted:
                return True
            verdicts = [self.matches(b, wanted) for b in cls.bases]
            return True if True in verdicts else None if None in verdicts or cls.opened else False
        if isinstance(cls, External):
            if isinstance(wanted, Class):
                return False
            if isinstance(wanted, External):
                return external_subclass(cls.path, wanted.path)
        return None

    # ------------------------------------------------------------------ the import system

    def import_name(self, name: str, frame: Frame, line: int) -> Value:
        """``import a.b.c``: every parent first; returns the module ``a.b.c``; raises ``Raised``."""
        if not name or name.startswith(".") or ".." in name:
            return UNKNOWN
        parent: Value = None
        done = ""
        for part in name.split("."):
            done = f"{done}.{part}" if done else part
            self.meet(done)
            module = self.modules.get(done)
            if module is None and (self.calling or self.uncertain(frame)) and not self._harmless(done, parent):
                # executing a module that may never run would leave it, and all it imports, in a wrong order
                self.order_known = False
                if isinstance(parent, Module):
                    parent.names.setdefault(part, UNKNOWN)
                return UNKNOWN
            if module is None:
                module = self._load(done, parent, frame, line)
                if parent is not None:
                    self._bind_child(parent, part, done)
            elif isinstance(module, Module) and module.broken_by:
                self.meet_broken(module, frame)
            parent = module
        return parent

    def _harmless(self, name: str, parent: Value) -> bool:
        """A module of the standard library, which is not followed, or one that certainly is nowhere."""
        spec = self.spec_of(name, parent)
        return spec is None or (spec is not UNKNOWN and spec.kind == "stdlib")

    def _bind_child(self, parent: Value, part: str, fullname: str) -> None:
        child = self.modules.get(fullname)
        if child is not None and isinstance(parent, Module | Instance):
            parent.names[part] = child

    def meet_broken(self, module: Module, frame: Frame) -> None:
        """A module that an earlier entry found broken: it breaks this importer too, or is caught here."""
        if module.state == "loading":
            return
        failure = module.broken_by[0]
        cls = failure_class(failure)
        if self.caught(cls) is not False:
            raise Raised(cls, failure)
        if not self.uncertain(frame):
            for broken in module.broken_by:
                self.record(broken)

    def _load(self, name: str, parent: Value, frame: Frame, line: int) -> Value:
        known = self.failed.get(name)
        if known is not None and self.caught(known.cls) is not False:
            raise Raised(known.cls, known.failure)
        spec = self.spec_of(name, parent)
        if spec is UNKNOWN:
            return UNKNOWN
        if spec is None:
            raise self._not_found(name, parent, frame, line)
        return self.execute(spec, frame, line)

    def spec_of(self, name: str, parent: Value) -> Any:
        """The spec of a module, None when there is certainly none, UNKNOWN when that cannot be known."""
        if parent is None:
            spec = self.finder.find_root(name)
            if spec is None and (self.is_hooked(name) or self.finder.archives or self.sys_path.opened):
                return UNKNOWN
            return spec
        if not isinstance(parent, Module):
            paths = parent.names.get("__path__") if isinstance(parent, Instance) else None
            if isinstance(paths, List):
                found = self.finder.find_in(name, [p for p in paths.items if isinstance(p, str)])
                return UNKNOWN if found is None and (paths.opened or self.is_hooked(name)) else found
            return UNKNOWN
        if parent.spec.kind == "stdlib":
            return self._standard_child(name, parent)
        if parent.spec.kind == "assumed" or (not parent.spec.package and "__path__" not in parent.names):
            return (
                UNKNOWN if parent.spec.kind in {"assumed", "native"} or parent.opened or self.is_hooked(name) else None
            )
        paths = parent.names.get("__path__")
        if not isinstance(paths, List):
            return UNKNOWN
        spec = self.finder.find_in(name, [p for p in paths.items if isinstance(p, str)])
        if spec is None and (paths.opened or self.is_hooked(name) or parent.spec.kind == "dead"):
            return UNKNOWN
        return spec

    def install_hook(self, frame: Frame, *, own: bool = False) -> None:
        """``sys.meta_path`` is changed: what the package (or the program itself) imports may come from there.

        ``own``: only modules below the one that does it.
        """
        self.hooked.add(frame.module.name if own else frame.module.name.partition(".")[0])
        if not own and (not self.stack or len(self.stack) <= 2):
            self.hooked.add("*")

    def is_hooked(self, name: str) -> bool:
        """An import hook installed by the package itself (``sys.meta_path``) may bring this module."""
        return any(name == root or name.startswith(f"{root}.") for root in self.hooked) or "*" in self.hooked

    def _standard_child(self, name: str, parent: Module) -> Any:
        if not parent.spec.package:
            return UNKNOWN
        found = self.finder.find_in(name, parent.spec.paths)
        if found is None:
            return None if parent.name.partition(".")[0] in self.finder.stdlib.names else UNKNOWN
        return Spec(name=name, kind="stdlib", path=found.path, paths=found.paths, package=found.package)

    def _not_found(self, name: str, parent: Value, frame: Frame, line: int) -> Raised:
        message = f"No module named {name!r}"
        if isinstance(parent, Module) and not parent.spec.package:
            message += f"; {parent.name!r} is not a package"
        provider = parent.name if isinstance(parent, Module) else name
        failure = Failure(
            kind="module", exception="ModuleNotFoundError", message=message, symbol=name, provider=provider,
            module=frame.module.name, path=frame.module.spec.path, line=line,
            provider_path=_place(parent),
        )  # fmt: skip
        return self.fail(failure, error_class("ModuleNotFoundError"), frame)

    def execute(self, spec: Spec, frame: Frame, line: int) -> Value:
        """Load and execute one module; returns what ``sys.modules`` holds for it afterwards."""
        from doctor.imports.loading import run_module  # noqa: PLC0415

        if len(self.stack) > IMPORT_DEPTH:
            return UNKNOWN
        module = Module(spec.name, spec)
        module.names.update(module_names(module))
        self.modules[spec.name] = module
        outer, self.base = self.base, self.base + frame.maybe
        depth, self.depth = self.depth, 0
        self.stack.append(module)
        module.state = "loading"
        try:
            run_module(self, module, spec, frame, line)
        except Raised as raised:
            self.modules.pop(spec.name, None)
            self.failed[spec.name] = raised
            raise
        finally:
            self.stack.pop()
            self.base, self.depth = outer, depth
            module.state = "done"
        return self.modules.get(spec.name, module)

    def reset(self, entry: str) -> None:
        """Begin another entry: modules stay known, what one program did to its path does not."""
        self.entry = entry
        self.base = self.depth = 0
        self.guards.clear()
        self.stack.clear()
        if self.program_path:  # what modules add to the path stays, for they stay loaded
            self.finder.path.remove(self.program_path)
            self.program_path = ""
        self.sys_path.opened = False
        self.hooked.discard("*")
        self.limit = self.steps + MODULE_STEPS

    def run_program(self, path: str, frame: Frame) -> None:
        """``python path``: its directory goes first on the path, and it is ``__main__``; raises ``Raised``."""
        self.program_path = path.rpartition("/")[0]
        self.finder.path.insert(0, self.program_path)
        self.meet("__main__")
        main = self.execute(Spec(name="__main__", kind="source", path=path), frame, 0)
        self.modules["__main__"] = main


Handler = Callable[[Machine, "list[Value]", "dict[str, Value]", Frame, int], Value]
"""A function of the standard library that is modelled: arguments, keywords, the caller's frame and line."""


def _place(parent: Value) -> str:
    """The file of a package, the directory of a namespace, what a lazy module says of itself; '' for none."""
    if isinstance(parent, Module):
        return parent.spec.path or (parent.spec.paths[0] if parent.spec.paths else "")
    file = parent.names.get("__file__") if isinstance(parent, Instance) else None
    return file if isinstance(file, str) else ""


def module_names(module: Module) -> dict[str, Value]:
    """The names that the import system itself gives a module."""
    spec = module.spec
    names: dict[str, Value] = {
        "__name__": spec.name,
        "__doc__": UNKNOWN,
        "__package__": spec.name if spec.package else spec.name.rpartition(".")[0],
        "__loader__": UNKNOWN,
        "__spec__": UNKNOWN,
        "__builtins__": UNKNOWN,
        "__dict__": UNKNOWN,
        "__annotations__": UNKNOWN,
    }
    if spec.path:
        names["__file__"] = spec.path
        names["__cached__"] = UNKNOWN
    if spec.package and spec.kind != "assumed":
        names["__path__"] = List(list(spec.paths))
    return names


def constants(values: Iterable[Value]) -> bool:
    """All are plain constants."""
    return all(const(v) for v in values)
