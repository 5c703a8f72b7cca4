"""The command as users have it: the wheel built from this checkout, installed into an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def build_wheel(folder: Path) -> Path:
    """The wheel, built with the hatchling that is installed here, without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@dataclass(frozen=True)
class Installed:
    """``acdoctor`` in a venv whose dependencies are those of the interpreter that runs the tests."""

    script: Path
    home: Path

    def __call__(
        self, *arguments: str | bytes | Path, env: Mapping[str, str] | None = None, **how: object
    ) -> subprocess.CompletedProcess[str]:
        """Run it, with a home and caches of its own and nothing of the tests' own environment."""
        return subprocess.run(
            [str(self.script), *arguments],
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            capture_output="stdout" not in how,
            text=True,
            errors="surrogateescape",
            timeout=120,
            check=False,
            **how,
        )

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a shell of a user holds: no activated venv, no settings of pytest."""
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE") if key in os.environ}
        kept |= {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "UV_"))}
        own = {"HOME": str(self.home), "XDG_CACHE_HOME": str(self.home / "cache"), "COLUMNS": "80"}
        return {**kept, **own, **(extra or {})}


def install(folder: Path, wheel: Path) -> Installed:
    """Install the wheel into a new venv below ``folder``."""
    venv = folder / "installed"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, capture_output=True)
    python = venv / "bin" / "python"
    options: Sequence[str] = ("--quiet", "--no-deps", "--no-index", "--no-warn-script-location")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", *options, str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    (site,) = venv.glob("lib/python*/site-packages")
    dependencies = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    (site / "dependencies.pth").write_text("".join(f"{path}\n" for path in dependencies))
    home = folder / "home"
    home.mkdir()
    return Installed(script=venv / "bin" / "acdoctor", home=home)
