"""Patients for the probe's tests: real venvs, made by hand because that is quick, and the real ``sys.path`` of them."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REAL = os.path.realpath(sys.executable)


@functools.cache
def interpreters() -> tuple[str, ...]:
    """Real interpreters of this machine, 3.8 or newer, one for each version: ours first, then what PATH offers."""
    found = {sys.version_info[:2]: REAL}
    names = [f"python3.{minor}" for minor in range(8, 16)]
    managed = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/3.*/bin/python3")
    for candidate in ("/usr/bin/python3", *sorted(map(str, managed)), *filter(None, map(shutil.which, names))):
        if "/shims/" in candidate or not Path(candidate).exists():
            continue
        ask = "import sys; print(sys.version_info[0], sys.version_info[1], sys.executable)"
        done = subprocess.run([candidate, "-I", "-c", ask], capture_output=True, text=True, check=False, timeout=30)
        if done.returncode:
            continue  # a shim of a version manager for a version that is not chosen
        major, minor, executable = done.stdout.split(None, 2)
        if (int(major), int(minor)) >= (3, 8):
            found.setdefault((int(major), int(minor)), os.path.realpath(executable.strip()))
    return tuple(dict.fromkeys((*found.values(), *(p for p in ("/usr/bin/python3",) if Path(p).exists()))))


@dataclass(frozen=True)
class Venv:
    """One venv."""

    path: Path
    version: str

    @property
    def site(self) -> Path:
        return self.path / "lib" / f"python{self.version}" / "site-packages"

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    def pth(self, name: str, text: str | bytes) -> None:
        data = text if isinstance(text, bytes) else text.encode()
        (self.site / name).write_bytes(data)

    def install(self, name: str, version: str = "1.0", metadata: str = "", **files: str | bytes) -> Path:
        """A dist-info directory; keyword arguments are its further files (``RECORD=...``)."""
        directory = self.site / f"{name}-{version}.dist-info"
        directory.mkdir(parents=True)
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}\n\nBody: not a header\n"
        (directory / "METADATA").write_text(text)
        (directory / "INSTALLER").write_text("pip\n")
        (directory / "RECORD").write_text(f"{directory.name}/METADATA,,\n")
        for file, body in files.items():
            target = directory / file.replace("__", ".")
            target.write_bytes(body if isinstance(body, bytes) else body.encode())
        return directory


def make_venv(path: Path, python: str = REAL, *, system: bool = False, copies: bool = False) -> Venv:
    """As ``python -m venv --without-pip`` makes it."""
    version = _version(python)
    venv = Venv(path=path, version=version)
    venv.site.mkdir(parents=True)
    (path / "bin").mkdir()
    if copies:
        shutil.copy2(python, venv.python)
    else:
        venv.python.symlink_to(python)
    (path / "lib64").symlink_to("lib")
    config = f"home = {os.path.dirname(python)}\ninclude-system-site-packages = {str(system).lower()}\n"
    (path / "pyvenv.cfg").write_text(config + f"version = {version}.0\n")
    return venv


@functools.cache
def _version(python: str) -> str:
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-I", "-c", ask], capture_output=True, text=True, check=True).stdout.strip()


def real_search_path(python: Path | str, environ: dict[str, str], cwd: Path | str = "/") -> list[str]:
    """``sys.path`` of an ordinary start, without the current directory and what finders of ``.pth`` put into it."""
    ask = "import sys, json; print('PATH:' + json.dumps(sys.path))"
    done = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=True, env=environ, cwd=cwd)
    line = next(line for line in done.stdout.splitlines() if line.startswith("PATH:"))
    return [p for p in json.loads(line[5:]) if p not in ("", str(cwd)) and not p.startswith("__editable__")]


def environment_variables(home: Path, **more: str) -> dict[str, str]:
    """What a shell of a user holds."""
    home.mkdir(exist_ok=True)
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LANG": "C.UTF-8", **more}
