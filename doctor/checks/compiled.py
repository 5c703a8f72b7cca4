"""The compiled files of a distribution, sorted by what they are for."""

from __future__ import annotations

from dataclasses import dataclass, field

from doctor.checks.examination import Examination
from doctor.checks.files import relative
from doctor.checks.importance import Part, part_of
from doctor.model import Distribution, Environment


@dataclass(slots=True)
class Compiled:
    """The compiled files of one distribution that lie on the disk; ``modules`` of them can be imported."""

    distribution: Distribution
    files: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


def has_elf(environment: Environment) -> bool:
    """Whether its compiled files are read at all: only those of Linux are understood."""
    interpreter = environment.interpreter
    return interpreter is not None and interpreter.markers.get("sys_platform") == "linux"


def compiled_of(distribution: Distribution, examination: Examination) -> Compiled:
    """Sort the recorded libraries; what lies among tests and examples is never loaded."""
    compiled = Compiled(distribution)
    interpreter = examination.environment.interpreter
    suffixes = tuple(s for s in interpreter.suffixes if s != ".so") if interpreter else ()
    for record in examination.records.get(distribution.metadata_path, ()):
        path = record.path
        if ".so" not in path:
            continue
        name = path.rpartition("/")[2]
        if not name.endswith(".so") and ".so." not in name:
            continue
        if part_of(relative(path, distribution)) in {Part.SPARE, Part.OWN} or examination.files.facts(path) is None:
            continue
        compiled.files.append(path)
        if name.endswith(suffixes) or (name.count(".") == 1 and not name.startswith("lib")):
            compiled.modules.append(path)
        elif ".cpython-" in name or ".pypy" in name:
            compiled.foreign.append(path)
    return compiled
