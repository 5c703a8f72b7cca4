"""What may stand in for a distribution that is not installed under its name."""

from __future__ import annotations

from doctor.checks.needs import Need
from doctor.model import Environment, FileView, Severity

_BUILDS = frozenset(
    {"binary", "bin", "cpu", "gpu", "cuda", "rocm", "headless", "contrib", "lite", "slim", "skinny", "minimal",
     "nightly", "simd", "directml", "cu11", "cu12", "cu13", "intel", "mkl", "full", "static"}
)  # fmt: skip
"""Last words of names by which authors tell builds of one library apart (``psycopg2-binary``, ``faiss-cpu``)."""

Judgement = tuple[Severity, str]


def judge_absence(need: Need, environment: Environment, files: FileView) -> Judgement:
    """How bad it is that what ``need`` asks for is missing altogether, and the reason when it is no error."""
    reasons = (
        (Severity.NOTE, _in_standard_library(need.name, environment)),
        (Severity.WARNING, _other_build_reason(need.name, environment)),
        (Severity.WARNING, _module_reason(need.name, environment, files)),
        (Severity.WARNING, _limited(need)),
        (Severity.WARNING, _other_ways(environment)),
    )
    return next(((severity, reason) for severity, reason in reasons if reason), (Severity.ERROR, ""))


def _in_standard_library(name: str, environment: Environment) -> str:
    module = name.replace("-", "_")
    known = environment.interpreter is not None and module in environment.interpreter.stdlib
    return f"The standard library of this Python has {module}." if known else ""


def _other_build_reason(name: str, environment: Environment) -> str:
    other = other_build(name, environment)
    return f"{other} is installed, which may be another build of it." if other else ""


def _module_reason(name: str, environment: Environment, files: FileView) -> str:
    module = name.replace("-", "_")
    known = _has_module(module, environment, files)
    return f"A module {module} is there, without metadata of that name." if known else ""


def _limited(need: Need) -> str:
    """Why not everybody needs it."""
    if need.name.startswith("types-") or need.name.endswith("-stubs"):
        return "Only type checkers read it."
    if need.extra:
        return f"Only the extra [{need.extra}] of {need.requirer.name} needs it."
    return "It is needed on some machines only; there the host may bring it." if need.for_some_machines else ""


def _other_ways(environment: Environment) -> str:
    other = environment.kind != "venv"
    return "In such an environment it may come in another way than as a Python distribution." if other else ""


def other_build(name: str, environment: Environment) -> str:
    """An installed distribution whose name differs only by words for builds, '' when there is none."""
    core = _core(name)
    return next((d.name for d in environment.distributions if d.name != name and _core(d.name) == core), "")


def _core(name: str) -> tuple[str, ...]:
    words = name.split("-")
    return tuple(word for word in words if word not in _BUILDS) or tuple(words)


def _has_module(module: str, environment: Environment, files: FileView) -> bool:
    names = (set(files.listing(entry.path) or ()) for entry in environment.search_path if entry.origin != "stdlib")
    return any(module in found or f"{module}.py" in found for found in names)
