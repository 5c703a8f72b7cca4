"""Loading: what executing one module does, by its kind of file, and why that may fail."""

from __future__ import annotations

from collections.abc import Callable

from doctor.imports import lower
from doctor.imports.failures import Failure, Raised, error_class
from doctor.imports.finder import Spec
from doctor.imports.machine import MODULE_STEPS, Frame, Machine
from doctor.imports.native import SIZE_WORDS
from doctor.imports.values import Bounded, Module

_OVERRIDES: dict[str, Callable[[Machine, Module], None]] = {}
"""By a module's last name: well-known pure functions that are modelled instead of followed (see ``versions``)."""


def override(tail: str, change: Callable[[Machine, Module], None]) -> None:
    """Model names of every module whose dotted name ends with ``tail`` after it was executed."""
    _OVERRIDES[tail] = change


def run_module(machine: Machine, module: Module, spec: Spec, importer: Frame, line: int) -> None:
    """Give a new module its names, as its kind of file would; raises ``Raised``."""
    if spec.kind in {"stdlib", "assumed", "namespace"}:
        reason = machine.surroundings.stdlib_failure(spec.name) if spec.kind == "stdlib" else None
        if reason is not None:
            raise _standard_missing(machine, spec, reason, importer, line)
        module.opened = "" if spec.kind == "namespace" else spec.kind
        return
    if spec.kind in {"native", "bytecode"}:
        reason = machine.surroundings.native_failure(spec.path)
        if reason is not None:
            raise _unloadable(machine, spec, reason, "native", importer, line)
        if spec.name in machine.surroundings.raises:
            raise _refused(machine, spec, importer, line)
        for need in machine.surroundings.native_needs.get(spec.name, ()):
            machine.import_name(need, Frame(module, module.names, "module"), 0)
        source = _compiled_from(machine, spec)
        if source is None:
            module.opened = f"{spec.kind} code"
            return
        _run_names(machine, module, source, importer, line)
        return
    _run_source(machine, module, spec, importer, line)


def _run_source(machine: Machine, module: Module, spec: Spec, importer: Frame, line: int) -> None:
    """Execute the module's source; what it costs is not counted against who imports it."""
    from doctor.imports.statements import run_block  # noqa: PLC0415

    try:
        summary, source = machine.store.summary(spec.path, machine.minor)
    except lower.NotPythonError as error:
        if "nested" in error.reason:
            module.opened = error.reason
            machine.unreadable[spec.path] = error.reason
            return
        raise _unparsable(machine, module, error, importer) from None
    except OSError as error:
        raise _unloadable(machine, spec, error.strerror or str(error), "file", importer, line) from None
    module.source, module.functions = source, summary.functions
    module.future_annotations = summary.future_annotations or machine.minor >= (3, 14)
    frame = Frame(module, module.names, "module")
    outer, start, loaded = machine.limit, machine.steps, machine.loaded
    machine.limit = start + MODULE_STEPS
    try:
        if run_block(machine, summary.body, frame) == "raise":
            module.opened = module.opened or "raises what is not known"
    except Raised as raised:
        if raised.recorded or (not frame.maybe and machine.believable(raised.failure, raised.cls)):
            raise
        if not frame.maybe:
            machine.doubts += 1  # who catches it goes on both ways
        module.opened = module.opened or "what it does could not be decided"
    except Bounded:
        module.opened = "too much to follow"
        machine.unreadable[spec.path] = module.opened
    finally:
        # what modules cost is not counted against the call or the module that imports them
        machine.loaded = loaded + machine.steps - start
        machine.limit = outer + machine.steps - start
    change = _OVERRIDES.get(spec.name.rpartition(".")[2])
    if change is not None:
        change(machine, module)


def _unparsable(machine: Machine, module: Module, error: lower.NotPythonError, importer: Frame) -> Raised:
    exception = "SyntaxError"
    failure = Failure(
        kind="syntax", exception=exception, message=error.reason, symbol=module.name, provider=module.name,
        module=module.name, path=module.spec.path, line=error.line or 1, provider_path=module.spec.path,
    )  # fmt: skip
    return machine.fail(failure, error_class(exception), importer)


def _compiled_from(machine: Machine, spec: Spec) -> Spec | None:
    """The Python file beside an extension module that was compiled from it (Cython, mypyc): it has the same names."""
    stem = spec.path[: spec.path.rindex("/") + 1] + spec.path[spec.path.rindex("/") + 1 :].partition(".")[0]
    facts = machine.files.facts(f"{stem}.py")
    if facts is None or facts.kind != "file" or not facts.size:
        return None
    return Spec(name=spec.name, kind="source", path=f"{stem}.py", paths=spec.paths, package=spec.package)


def _run_names(machine: Machine, module: Module, source: Spec, importer: Frame, line: int) -> None:
    """Names of a compiled module by its source; what the compiler resolved (``import cython``) is no failure."""
    depth = len(machine.guards)
    machine.guards.append(("unknown",))
    try:
        _run_source(machine, module, source, importer, line)
    except Raised:
        module.opened = "compiled code"
    finally:
        del machine.guards[depth:]


def _standard_missing(machine: Machine, spec: Spec, reason: str, importer: Frame, line: int) -> Raised:
    exception, _colon, message = reason.partition(": ")
    failure = Failure(
        kind="stdlib", exception=exception, message=message or reason, symbol=spec.name, provider=spec.name,
        module=importer.module.name, path=importer.module.spec.path, line=line,
    )  # fmt: skip
    return machine.fail(failure, error_class(exception), importer)


def _refused(machine: Machine, spec: Spec, importer: Frame, line: int) -> Raised:
    """Compiled code that refuses its surroundings when it is loaded, as a rule with evidence says."""
    exception, message = machine.surroundings.raises[spec.name]
    failure = Failure(
        kind="raised", exception=exception, message=message, symbol=spec.name, provider=spec.name,
        module=importer.module.name, path=importer.module.spec.path, line=line, provider_path=spec.path, trusted=True,
    )  # fmt: skip
    return machine.fail(failure, error_class(exception), importer)


def _unloadable(machine: Machine, spec: Spec, reason: str, kind: str, importer: Frame, line: int) -> Raised:
    exception = "ValueError" if SIZE_WORDS in reason else "ImportError"
    failure = Failure(
        kind=kind, exception=exception, message=reason, symbol=spec.name, provider=spec.name,
        module=importer.module.name, path=importer.module.spec.path, line=line, provider_path=spec.path,
    )  # fmt: skip
    return machine.fail(failure, error_class(exception), importer)
