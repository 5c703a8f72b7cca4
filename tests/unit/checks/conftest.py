"""Patients for the checks: a real venv on the disk, with packages written by hand, seen through the real probe."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from probepatient import Venv, make_venv

from doctor.checks.examination import Check, Examination
from doctor.checks.examine import Records
from doctor.model import Depth, Environment, Finding
from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles
from doctor.rulebook.rules import Rulebook


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "VIRTUAL_ENV"):
        monkeypatch.delenv(name, raising=False)


@dataclass
class Patient:
    """A venv under construction."""

    venv: Venv
    assumed: dict[str, str] = field(default_factory=dict)

    @property
    def site(self) -> Path:
        return self.venv.site

    @property
    def path(self) -> Path:
        return self.venv.path

    def write(self, relative: str, content: bytes | str) -> Path:
        """A file below site-packages (``../`` is the way up)."""
        path = self.site / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def install(
        self,
        pin: str,
        files: Mapping[str, bytes | str] | None = None,
        requires: Sequence[str] = (),
        metadata: Mapping[str, bytes | str] | None = None,
        headers: str = "",
    ) -> Path:
        """As an installer leaves it: the files, the dist-info and a RECORD with hashes and sizes of all of them."""
        name, _, version = pin.partition("==")
        folder = f"{name.replace('-', '_')}-{version}.dist-info"
        lines = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
        own = {
            f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{headers}{lines}",
            f"{folder}/INSTALLER": "pip\n",
            **{f"{folder}/{file}": content for file, content in (metadata or {}).items()},
        }
        written = {relative: self.write(relative, content) for relative, content in {**(files or {}), **own}.items()}
        record = "".join(f"{relative},{_hash(path)},{path.stat().st_size}\n" for relative, path in written.items())
        return self.write(f"{folder}/RECORD", f"{record}{folder}/RECORD,,\n").parent

    def command(self, name: str, interpreter: str | Path | None = None) -> tuple[str, str]:
        """(path relative to site-packages, content) of a console script."""
        line = f"#!{interpreter or self.venv.python}"
        return f"../../../bin/{name}", f"{line}\nimport sys\nsys.exit(0)\n"

    def environment(self) -> Environment:
        return probe_environment(str(self.path)).with_assumed(self.assumed)

    def examination(self, depth: Depth = Depth.STANDARD) -> Examination:
        environment, files = self.environment(), DiskFiles()
        return Examination(
            environment=environment,
            files=files,
            rulebook=Rulebook(),
            depth=depth,
            assumed=self.assumed,
            records=Records(environment, files),
        )

    def check(self, check: Check, depth: Depth = Depth.STANDARD, **changes: object) -> list[Finding]:
        """What one check finds; ``changes`` are fields of the environment that are not as the probe saw them."""
        examination = self.examination(depth)
        changed = replace(examination, environment=replace(examination.environment, **changes))
        return list(check(changed))


def _hash(path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(make_venv(tmp_path / "venv"))


@pytest.fixture
def another(tmp_path: Path) -> Callable[[str], Patient]:
    return lambda name: Patient(make_venv(tmp_path / name))
