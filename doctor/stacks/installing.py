"""A set's files into an environment: virtualenv, then uv or pip, which check every hash once more."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from doctor.errors import DoctorError
from doctor.stacks.building_site import Site, clear
from doctor.stacks.fetching import sha256_of
from doctor.stacks.shopping import ArchiveItem, Item
from doctor.system import Completed, run

_START_SECONDS, _INSTALL_SECONDS = 120.0, 7200.0
_WORDS = 5


class InstallError(DoctorError):
    """An installer failed; its last words are the reason."""


def make_environment(site: Site, python: str) -> None:
    """A virtual environment with pip, for the interpreter (path or version specifier) that virtualenv finds."""
    command = [sys.executable, "-I", "-m", "virtualenv", "--quiet", "--no-download", "--no-periodic-update"]
    done = run([*command, "--no-vcs-ignore", "--python", python, str(site.folder)], timeout=_START_SECONDS)
    own = shutil.which(python)
    if not done.ok and own:  # virtualenv brings pip for the Pythons that are still maintained only
        clear(site)
        done = run([own, "-m", "venv", str(site.folder)], timeout=_START_SECONDS)
    if not done.ok:
        raise InstallError(
            f"No environment with Python {python} can be made in {site.folder}; name one with --python PATH: "
            f"{_reason(done)}"
        )


def install_wheels(site: Site, items: Sequence[Item]) -> str:
    """Install the wheels, and then what has to be built; returns the installer's name (``uv`` or ``pip``)."""
    wheels = [item for item in items if item.file.is_wheel]
    sources = [item for item in items if not item.file.is_wheel]
    uv = shutil.which("uv")
    installer = _uv(uv, site) if uv else _pip(site)
    _install(site, [*installer, "--only-binary", ":all:"], wheels, "wheels.txt")
    if sources:  # by pip, with the set's own setuptools: an isolated build would fetch another one
        _install(site, [*_pip(site), "--no-build-isolation"], sources, "sources.txt")
    return "uv" if uv else "pip"


def install_archive(site: Site, item: ArchiveItem, *, offline: bool) -> None:
    """Install an archive from the user's copy or from its URL, as the vendor's own instructions would.

    Raises:
        InstallError: it cannot be had or built.
    """
    if not item.path and offline:
        raise InstallError("with --offline nothing is fetched")
    asked = str(Path(item.path).expanduser().absolute()) if item.path else f"{item.archive.name} @ {item.archive.url}"
    command = [site.python, "-I", "-m", "pip", "install", *_QUIET, "--no-deps", "--no-build-isolation"]
    done = run(
        [*command, *(["--no-index"] if item.path else ["--retries", "1", "--timeout", "15"]), asked],
        timeout=_INSTALL_SECONDS,
        env=_environment(site, keep_settings=not item.path),
    )
    if not done.ok:
        raise InstallError(_reason(done))


def install_checkout(site: Site, checkout: str) -> None:
    """The working copy, editable, with the set's own setuptools; its requirements are there already."""
    command = [site.python, "-I", "-m", "pip", "install", *_QUIET, "--no-deps", "--no-build-isolation", "--no-index"]
    done = run([*command, "--editable", checkout], timeout=_INSTALL_SECONDS, env=_environment(site))
    if not done.ok:
        raise InstallError(f"{checkout} cannot be installed editable: {_reason(done)}")


_QUIET = ("--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--no-warn-script-location")


def _pip(site: Site) -> list[str]:
    return [site.python, "-I", "-m", "pip", "install", *_QUIET]


def _uv(program: str, site: Site) -> list[str]:
    cache = str(site.room / "uv")
    return [program, "pip", "install", "--quiet", "--no-config", "--cache-dir", cache, "--python", site.python]


def _install(site: Site, installer: Sequence[str], items: Sequence[Item], name: str) -> None:
    """Exact pins with hashes, from the downloaded files alone: freeze then says plain versions, not local paths."""
    listed = site.room / name
    lines = [
        f"{item.name}=={item.version} --hash=sha256:{item.file.sha256 or sha256_of(site.wheels / item.file.filename)}"
        for item in items
    ]
    listed.write_text("\n".join(lines) + "\n", encoding="utf-8")
    offline = ["--no-deps", "--no-index", "--find-links", str(site.wheels), "--require-hashes"]
    done = run([*installer, *offline, "-r", str(listed)], timeout=_INSTALL_SECONDS, env=_environment(site))
    if not done.ok:
        raise InstallError(f"The installation failed: {_reason(done)}")


def _environment(site: Site, *, keep_settings: bool = False) -> Mapping[str, str]:
    """The doctor's variables; without installers' settings unless the network is to be asked as the user set it."""
    dropped = () if keep_settings else ("PIP_", "UV_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", *dropped))}
    temporary = site.room / "tmp"
    temporary.mkdir(exist_ok=True)
    path = f"{site.folder}/bin{os.pathsep}{kept.get('PATH', os.defpath)}"
    settings = {} if keep_settings else {"PIP_CONFIG_FILE": os.devnull}
    return kept | settings | {"TMPDIR": str(temporary), "PATH": path, "VIRTUAL_ENV": str(site.folder)}


def _reason(done: Completed) -> str:
    """An installer's last words, in one line."""
    said = done.stderr if done.stderr.strip() else done.stdout
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "×", "fatal"))]
    told = " ".join((errors or lines)[-_WORDS:])[:600]
    return (told or done.failure or f"exit code {done.code}").rstrip(".") + "."
