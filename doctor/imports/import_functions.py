"""Functions of importlib, pkgutil and importlib.metadata."""

from __future__ import annotations

from doctor.imports import versions
from doctor.imports.failures import Failure
from doctor.imports.machine import Frame, Handler, Machine
from doctor.imports.values import UNKNOWN, External, List, Module, Opaque, Value, truth


def _dunder_import(machine: Machine, args: list[Value], kwargs: dict[str, Value], frame: Frame, line: int) -> Value:
    name = args[0] if args else kwargs.get("name")
    if not isinstance(name, str):
        return UNKNOWN
    level = args[4] if len(args) > 4 else kwargs.get("level", 0)
    if level != 0:
        return UNKNOWN
    module = machine.import_name(name, frame, line)
    wanted = args[3] if len(args) > 3 else kwargs.get("fromlist", ())
    return module if truth(wanted) else machine.modules.get(name.partition(".")[0], UNKNOWN)


def _import_module(machine: Machine, args: list[Value], kwargs: dict[str, Value], frame: Frame, line: int) -> Value:
    name = args[0] if args else kwargs.get("name")
    if not isinstance(name, str):
        frame.module.opened = frame.module.opened or "imports modules by computed names"
    package = args[1] if len(args) > 1 else kwargs.get("package")
    if not isinstance(name, str):
        return UNKNOWN
    if name.startswith("."):
        if not isinstance(package, str):
            return UNKNOWN
        level = len(name) - len(name.lstrip("."))
        for _ in range(level - 1):
            package = package.rpartition(".")[0]
        name = f"{package}.{name.lstrip('.')}" if name.lstrip(".") else package
    return machine.import_name(name, frame, line)


def _find_spec(machine: Machine, args: list[Value], _k: dict[str, Value], frame: Frame, line: int) -> Value:
    name = args[0] if args else None
    if not isinstance(name, str) or name.startswith(".") or not name:
        return UNKNOWN
    if isinstance(machine.modules.get(name), Module):
        machine.meet(name)
        return Opaque("spec", name)
    parent: Value = None
    if "." in name:
        parent = machine.import_name(name.rpartition(".")[0], frame, line)
    spec = machine.spec_of(name, parent)
    if spec is UNKNOWN:
        return UNKNOWN
    return None if spec is None else Opaque("spec", name)


def metadata_version(machine: Machine, args: list[Value], _k: dict[str, Value], line: int) -> Value:
    """``importlib.metadata.version(name)``."""
    return _metadata(machine, args, line, whole=False)


def metadata_distribution(machine: Machine, args: list[Value], _k: dict[str, Value], line: int) -> Value:
    """``importlib.metadata.distribution(name)``, ``pkg_resources.get_distribution(name)``."""
    return _metadata(machine, args, line, whole=True)


def _metadata(machine: Machine, args: list[Value], line: int, *, whole: bool) -> Value:
    name = args[0] if args else None
    if isinstance(name, Opaque) and name.kind == "requirement":
        name = name.value.name
    if not isinstance(name, str):
        return UNKNOWN
    found = machine.surroundings.versions.get(versions.canonical(name))
    if found is not None:
        return Opaque("distribution", (name, found)) if whole else found
    if not machine.stack or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        return UNKNOWN
    module = machine.stack[-1]
    frame = Frame(module, module.names, "module")
    failure = Failure(
        kind="metadata", exception="importlib.metadata.PackageNotFoundError", message=f"No package metadata was found for {name}",
        symbol=name, provider=name, module=module.name, path=module.spec.path, line=line,
    )  # fmt: skip
    raise machine.fail(failure, External("importlib.metadata.PackageNotFoundError"), frame)


def _external_metadata(machine: Machine, args: list[Value], _k: dict[str, Value], _frame: Frame, line: int) -> Value:
    return _metadata(machine, args, line, whole=False)


def _external_distribution(
    machine: Machine, args: list[Value], _k: dict[str, Value], _frame: Frame, line: int
) -> Value:
    return _metadata(machine, args, line, whole=True)


def _extend_path(machine: Machine, args: list[Value], _k: dict[str, Value], _frame: Frame, _line: int) -> Value:
    if len(args) != 2 or not isinstance(args[1], str) or not isinstance(args[0], List):
        return UNKNOWN
    relative = args[1].replace(".", "/")
    out = list(args[0].items)
    for entry in machine.finder.path:
        directory = f"{entry}/{relative}"
        facts = machine.files.facts(directory)
        if facts is not None and facts.kind == "dir" and directory not in out:
            out.append(directory)
    return List(out, opened=args[0].opened)


CALLS: dict[str, Handler] = {
    "builtins.__import__": _dunder_import, "importlib.import_module": _import_module,
    "importlib.util.find_spec": _find_spec, "importlib.find_loader": _find_spec, "pkgutil.find_loader": _find_spec,
    "importlib.metadata.version": _external_metadata, "importlib.metadata.distribution": _external_distribution,
    "pkgutil.extend_path": _extend_path,
}  # fmt: skip
