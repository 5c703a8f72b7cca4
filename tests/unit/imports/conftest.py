"""One venv for all programs: a case only puts two directories before its standard library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from probepatient import Venv, make_venv

from doctor.imports.contracts import follow
from doctor.imports.followed import Followed, Question
from doctor.imports.store import Database
from doctor.imports.surroundings import surroundings_of
from doctor.model import Distribution, Environment, PathEntry
from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles

Ask = Callable[..., Followed]


@pytest.fixture(scope="session")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """A real venv with nothing in it."""
    return make_venv(tmp_path_factory.mktemp("imports") / "venv")


@pytest.fixture(scope="session")
def healthy(patient: Venv) -> Environment:
    """What the probe says of it."""
    return probe_environment(str(patient.path), environ={})


@pytest.fixture(scope="session")
def ask(healthy: Environment) -> Ask:
    """Follow modules or files in the venv, with directories put first on its path."""
    told = surroundings_of(healthy, DiskFiles(), ())  # asks the interpreter for the standard library's names once

    def question(*entries: str, paths: tuple[Path, ...], database: Database | None = None) -> Followed:
        own = tuple(d for path in paths for d in _distributions(path))
        environment = replace(
            healthy,
            search_path=(*(PathEntry(path=str(p), origin="pythonpath") for p in paths), *healthy.search_path),
            distributions=(*healthy.distributions, *own),
        )
        surroundings = replace(told, versions={d.name: d.version for d in environment.distributions})
        return follow(
            Question(
                environment=environment,
                files=DiskFiles(),
                entries=entries,
                surroundings=surroundings,
                database=database,
            )
        )

    return question


def _distributions(path: Path) -> list[Distribution]:
    found = []
    for folder in path.glob("*.dist-info"):
        name, _, version = folder.name.removesuffix(".dist-info").partition("-")
        found.append(
            Distribution(name=name, display_name=name, version=version, location=str(path), metadata_path=str(folder))
        )
    return found
