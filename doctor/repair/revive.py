"""An environment whose own frame is damaged: pyvenv.cfg written again, dead links to its Python made again (PEP 405).

Proven on a stand-in: a temporary directory with the same links, the new pyvenv.cfg, and the environment's ``lib``.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from doctor.errors import DoctorError
from doctor.model import Environment
from doctor.planned.layout import Made
from doctor.probe.environment import probe_environment
from doctor.repair.transaction import Order
from doctor.system import run

_DAMAGE = frozenset({"config-missing", "config-unreadable", "config-without-home"})
_DEAD = "executable-broken"
_NOT_ALIVE = frozenset({*_DAMAGE, _DEAD, "prefix-mismatch", "site-packages-missing"})
_CONFIG = "pyvenv.cfg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revival:
    """What is to be written: ``config`` is the text of pyvenv.cfg, ``links`` name below ``bin`` -> its target."""

    prefix: str
    config: str
    links: Mapping[str, str]
    python: str

    @property
    def paths(self) -> tuple[str, ...]:
        """Everything that is written, absolute."""
        return (f"{self.prefix}/{_CONFIG}", *(f"{self.prefix}/bin/{name}" for name in self.links))


def revival(environment: Environment) -> Revival | None:
    """How the frame of an environment can be made again; None when it is whole, or its Python cannot be found."""
    prefix = environment.path
    damaged = any(p.code in _DAMAGE for p in environment.problems)
    dead = environment.interpreter is None or any(p.code == _DEAD for p in environment.problems)
    if not (damaged or dead) or not (Path(prefix) / "bin").is_dir() or environment.kind != "venv":
        return None
    minor = ".".join(environment.python_version.split(".")[:2])
    for python in _pythons(environment, minor):
        version = _version(python)
        if version and version.startswith(f"{minor}."):
            links = _dead_links(prefix, minor, python) if dead else {}
            made = Revival(prefix=prefix, config=_config(environment, python, version), links=links, python=python)
            return made if _works(made, minor) else None
    return None


@contextmanager
def revival_order(made: Revival, *, command: str, because: str, errors: tuple[int, int]) -> Iterator[Order]:
    """The order for a transaction; links are made in a folder that exists as long as the block."""
    with tempfile.TemporaryDirectory(prefix="acdoctor-") as folder:
        links = {}
        for name, target in made.links.items():
            (Path(folder) / name).symlink_to(target)
            links[f"{made.prefix}/bin/{name}"] = f"{folder}/{name}"
        yield Order(
            prefix=made.prefix,
            placed={f"{made.prefix}/{_CONFIG}": Made(made.config.encode())},
            links=links,
            because=because,
            command=command,
            errors=errors,
        )


def alive(prefix: str) -> str:
    """'' when the environment's interpreter starts knows where it is and has its packages, else why not."""
    try:
        now = probe_environment(prefix)
    except DoctorError as error:
        return str(error).rstrip(".")
    if now.interpreter is None:
        return now.start_failure
    return next((p.code for p in now.problems if p.code in _NOT_ALIVE), "")


def _pythons(environment: Environment, minor: str) -> Iterator[str]:
    """Where the Python that it was made from may be, likeliest first; none inside of the environment itself."""
    name = f"python{minor}"
    places = [os.path.realpath(f"{environment.path}/bin/python")]
    places += [environment.config.get(key, "") for key in ("base-executable", "executable")]
    home = environment.config.get("home", "")
    places += [f"{home}/{n}" for n in (name, "python3", "python")] if home else []
    places += [shutil.which(name) or "", os.path.realpath(sys.executable)]
    for place in dict.fromkeys(places):
        if place and os.access(place, os.X_OK) and not place.startswith(f"{environment.path}/"):
            yield place


def _version(python: str) -> str:
    """``3.11.7`` when it starts and is CPython, else ''."""
    words = "import sys; print(sys.implementation.name, '%d.%d.%d' % sys.version_info[:3])"
    done = run([python, "-I", "-S", "-c", words], timeout=20)
    name, _, version = done.stdout.decode("ascii", "replace").strip().partition(" ")
    return version if done.ok and name == "cpython" else ""


def _dead_links(prefix: str, minor: str, python: str) -> dict[str, str]:
    """The interpreter's names that lead nowhere: the first leads to the Python, the others to the first."""
    names = ("python", "python3", f"python{minor}")
    dead = [n for n in names if not (Path(prefix) / "bin" / n).exists()]
    return {n: python if n == "python" else "python" for n in dead}


def _config(environment: Environment, python: str, version: str) -> str:
    """pyvenv.cfg with what it said before where that still holds."""
    kept = {k: v for k, v in environment.config.items() if k not in ("home", "version", "version_info", "executable")}
    lines = {"home": str(Path(python).parent), "include-system-site-packages": "false", "version": version, **kept}
    return "".join(f"{key} = {value}\n" for key, value in lines.items())


def _works(made: Revival, minor: str) -> bool:
    """The same frame around the same packages, elsewhere, starts and finds them."""
    with tempfile.TemporaryDirectory(prefix="acdoctor-") as folder:
        stand_in = Path(os.path.realpath(folder)) / "venv"
        (stand_in / "bin").mkdir(parents=True)
        (stand_in / _CONFIG).write_text(made.config, encoding="utf-8")
        for name in ("python", "python3", f"python{minor}"):
            (stand_in / "bin" / name).symlink_to(made.python if name == "python" else "python")
        for name in ("lib", "lib64"):
            with suppress(OSError):
                (stand_in / name).symlink_to(Path(made.prefix) / name)
        return alive(str(stand_in)) == ""
