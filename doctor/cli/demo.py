"""``acdoctor demo``: a break that metadata checkers call healthy, made, found and cured in a temporary venv."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import click

from doctor.checks.examine import Options, examine
from doctor.cli.output import page_for, progress, say
from doctor.cli.settings import Settings, current_settings
from doctor.errors import DoctorError, IndexUnavailableError
from doctor.model import Finding, Report, Severity
from doctor.render.escape import shown
from doctor.render.text import render_text
from doctor.system import Completed, run

# What a user had got on 2025-11-20, complete but for torch (2 GB) and numpy (18 MB), which nobody needs to see it.
_PACKAGES = (
    "peft==0.18.0",
    "transformers==4.45.2",
    "accelerate==1.12.0",
    "certifi==2025.11.12",
    "charset-normalizer==3.4.4",
    "filelock==3.20.0",
    "fsspec==2025.10.0",
    "huggingface-hub==0.30.2",
    "idna==3.11",
    "packaging==25.0",
    "psutil==7.1.3",
    "pyyaml==6.0.3",
    "regex==2025.11.3",
    "requests==2.32.5",
    "safetensors==0.7.0",
    "tokenizers==0.20.3",
    "tqdm==4.67.1",
    "typing-extensions==4.15.0",
    "urllib3==2.5.0",
)
_ASSUMED = {"numpy": "1.26.4", "torch": "2.4.0"}
_BROKEN = ("peft", "transformers")
_INSTALL_SECONDS = 240.0
_START_SECONDS = 60.0
_OPTIONS = Options(assumed=_ASSUMED, stack="none")


@click.command()
def demo() -> int:
    """Show a real break: made, missed by pip check, found and cured.

    Installs peft 0.18.0 and transformers 4.45.2 with what they need (about 18 MB) into a temporary virtual
    environment, which is removed at the end. torch and numpy are left out and assumed to be there.
    """
    settings = current_settings()
    if settings.offline:
        raise IndexUnavailableError("acdoctor demo installs real packages from the index, which --offline forbids.")
    say(
        "A new venv with peft 0.18.0 and transformers 4.45.2, and what they need (about 18 MB).\n"
        "torch and numpy are too big for a demo: they are left out, and assumed (--assume) to be there.\n"
    )
    with tempfile.TemporaryDirectory(prefix="acdoctor-demo-", ignore_cleanup_errors=True) as folder:
        with progress("installing the packages of the demo", settings):
            patient = _make_patient(f"{folder}/venv")
        _show_metadata_check(patient)
        broken = _show_check(patient, settings)
        cause = _expected(broken)
        _show_cure(patient, cause, settings)
        cured = _show_check(patient, settings)
    if cured.exit_code:
        raise DoctorError("The demo's venv is not healthy after the cure: please report what is shown above.")
    say("\nNow yours:  acdoctor check PATH_OF_YOUR_VENV\n")
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patient:
    """The demo's venv, and the command that installs into it."""

    path: str
    python: str
    installer: tuple[str, ...]


def _make_patient(path: str) -> _Patient:
    """The venv with the packages; raises ``IndexUnavailableError`` when they cannot be had."""
    made = run(
        [
            sys.executable,
            "-I",
            "-m",
            "virtualenv",
            "--quiet",
            "--no-download",
            "--no-periodic-update",
            "--no-setuptools",
            path,
        ],
        timeout=_START_SECONDS,
    )
    if not made.ok:
        raise DoctorError(f"No virtual environment could be made in {path}: {_last_line(made)}.")
    python = f"{path}/bin/python"
    patient = _Patient(path=path, python=python, installer=_installer(python))
    _install(patient, _PACKAGES)
    return patient


def _installer(python: str) -> tuple[str, ...]:
    """With uv where there is one (it takes a second), else the venv's own pip."""
    uv = shutil.which("uv")
    if uv:
        return (uv, "pip", "install", "--quiet", "--python", python, "--no-deps", "--only-binary", ":all:")
    options = ("--quiet", "--no-deps", "--only-binary", ":all:", "--no-compile", "--disable-pip-version-check")
    return (python, "-I", "-m", "pip", "install", *options, "--retries", "1", "--no-input")


def _install(patient: _Patient, pins: Sequence[str]) -> None:
    done = run([*patient.installer, *pins], timeout=_INSTALL_SECONDS)
    if not done.ok:
        raise IndexUnavailableError(
            "acdoctor demo needs a package index and about 18 MB of downloads, and the installation failed: "
            f"{_last_line(done)}"
        )


def _show_metadata_check(patient: _Patient) -> None:
    """What pip says of it: only what was left out on purpose."""
    _step("What metadata says", "python -m pip check")
    done = run([patient.python, "-I", "-m", "pip", "check"], timeout=_START_SECONDS)
    lines = (done.stdout + done.stderr).decode(errors="replace").splitlines()
    other = [line for line in lines if not any(f"requires {name}," in line for name in _ASSUMED)]
    for line in lines:
        say(f"    {shown(line)}\n")
    if other:
        raise DoctorError(f"pip check found more in the demo's venv than was left out: {other[0]}")
    say("    That is what was left out. Between peft and transformers it finds nothing wrong.\n")


def _show_check(patient: _Patient, settings: Settings) -> Report:
    assumed = " ".join(f"--assume {name}=={version}" for name, version in _ASSUMED.items())
    _step("What acdoctor says", f"acdoctor check {patient.path} {assumed}")
    with progress("examining", settings):
        report = examine(patient.path, _OPTIONS)
    say(render_text(report, page_for(settings)))
    return report


def _expected(report: Report) -> Finding:
    """The one error that the demo is about, with its cure."""
    errors = [f for f in report.findings if f.severity is Severity.ERROR and f.fixes]
    for finding in errors:
        if tuple(subject.partition("==")[0] for subject in finding.subjects) == _BROKEN:
            return finding
    raise DoctorError("The break of peft and transformers was not found: please report what is shown above.")


def _show_cure(patient: _Patient, cause: Finding, settings: Settings) -> None:
    """Carry out the first cure that the check proposed."""
    pins = cause.fixes[0].install
    _step("The cure", f"pip install --no-deps {' '.join(pins)}")
    with progress("installing the cure", settings):
        _install(patient, pins)


def _step(title: str, command: str) -> None:
    say(f"\n== {title}:  $ {command}\n")


def _last_line(done: Completed) -> str:
    """The last thing that a failed command said."""
    lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else done.failure or f"exit code {done.code}"
