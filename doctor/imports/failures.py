"""What fails, the exception that tells of it, and which classes of exceptions catch which."""

from __future__ import annotations

from dataclasses import dataclass, field

from doctor.imports.values import External, Instance, Value


@dataclass(eq=False, slots=True, repr=False)
class Failure:
    """Why an import statement, an attribute access or a call cannot work.

    ``kind``: ``module`` (not found), ``name`` (``from m import n``), ``attribute``, ``argument`` (a call that the
    callee's signature refuses), ``undefined`` (NameError), ``syntax``, ``file``, ``native``, ``raised``.
    ``symbol`` is the missing thing by its dotted name, ``provider`` the module that should have it.
    ``path`` and ``line`` are the failing statement; ``site_*`` the statement at module level from which it was
    reached when that is another module (a call into a library). ``trusted``: a rule says that it is raised; ``weak``: it depends on who calls, and how. ``chain``: modules from the entry to the failing one.
    """

    kind: str
    exception: str
    message: str
    symbol: str
    provider: str
    module: str
    path: str
    line: int
    chain: tuple[str, ...] = ()
    certain: bool = True
    cause: Failure | None = None
    provider_path: str = ""
    site_module: str = ""
    site_path: str = ""
    site_line: int = 0
    trusted: bool = False
    weak: bool = False
    entries: list[str] = field(default_factory=list)

    @property
    def root(self) -> Failure:
        """The first failure behind exceptions that were raised from it."""
        failure = self
        while failure.cause is not None:
            failure = failure.cause
        return failure

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Identity of a place and what it lacks."""
        return (self.kind, self.symbol, self.path, self.line)


class Raised(Exception):  # noqa: N818
    """An abstract exception on its way.

    ``recorded``: nothing catches it and it is already in the list. ``possible``: nothing catches it, and it is not
    certain that it is raised.
    """

    def __init__(self, cls: Value, failure: Failure, *, state: str = "caught", value: Value = None) -> None:
        """``cls`` is the exception's class (abstract), ``value`` the exception object if there is one."""
        self.cls, self.failure = cls, failure
        self.recorded, self.possible = state == "recorded", state == "possible"
        self.value = value if value is not None else Instance(cls, {"args": ()}, opened=True)
        super().__init__(failure.message)


def error_class(name: str) -> External:
    """A built-in exception class."""
    return External(f"builtins.{name}")


CATCH_ALL = frozenset({"builtins.BaseException", "builtins.Exception"})


def failure_class(failure: Failure) -> Value:
    """The class of the exception that a recorded failure raises."""
    return error_class(failure.exception.rpartition(".")[2])


def is_exit(cls: Value) -> bool:
    """An exception that ``except Exception`` does not catch."""
    return isinstance(cls, External) and cls.path in {
        "builtins.SystemExit",
        "builtins.KeyboardInterrupt",
        "builtins.GeneratorExit",
    }


_EXTERNAL_PARENTS = {
    "importlib.metadata.PackageNotFoundError": "builtins.ModuleNotFoundError",
    "socket.timeout": "builtins.OSError", "socket.error": "builtins.OSError", "select.error": "builtins.OSError",
    "json.JSONDecodeError": "builtins.ValueError", "json.decoder.JSONDecodeError": "builtins.ValueError",
    "subprocess.CalledProcessError": "builtins.Exception", "zoneinfo.ZoneInfoNotFoundError": "builtins.KeyError",
    "contextlib.suppress": "builtins.object", "builtins.IOError": "builtins.OSError",
}  # fmt: skip


def external_subclass(name: str, wanted: str) -> bool | None:
    """``issubclass`` for classes of the standard library by their names; None when that is not known."""
    import builtins  # noqa: PLC0415

    if name == wanted:
        return True
    name = _EXTERNAL_PARENTS.get(name, name)
    wanted = _EXTERNAL_PARENTS.get(wanted, wanted) if wanted in {"builtins.IOError", "socket.error"} else wanted
    if name == wanted:
        return True
    first = getattr(builtins, name.removeprefix("builtins."), None) if name.startswith("builtins.") else None
    second = getattr(builtins, wanted.removeprefix("builtins."), None) if wanted.startswith("builtins.") else None
    if isinstance(first, type) and isinstance(second, type):
        return issubclass(first, second)
    if isinstance(first, type) and wanted in {"json.JSONDecodeError", "importlib.metadata.PackageNotFoundError"}:
        return False
    return False if isinstance(first, type) and "." in wanted else None
