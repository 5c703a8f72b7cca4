"""Asking an installer's resolver, by dry run, where our own completion finds no consistent set.

uv where it is on PATH, else the environment's own pip. Only versions come back; they are proven as any other cure.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from doctor.model import Environment
from doctor.system import run

if TYPE_CHECKING:
    from doctor.planned.target import Target
    from doctor.repair.scene import Scene

PATIENCE = 60.0
"""Seconds that a resolver is given."""
_PLACED = re.compile(r"^\s*\+ ([A-Za-z0-9][\w.-]*)==(\S+)\s*$", re.MULTILINE)


def resolved(target: Target, scene: Scene) -> dict[str, str] | None:
    """Versions to be installed so that the target and all else fit by their metadata; None when none are found.

    Everything installed is asked for by name, so that nobody's requirement is forgotten, and every pin that the
    policy keeps is a constraint.
    """
    environment = scene.environment
    if environment.interpreter is None:
        return None
    pins = [chosen.candidate.pin for chosen in target.chosen]
    others = [d.name for d in environment.distributions if d.metadata_path and d.name not in target.names]
    with tempfile.TemporaryDirectory(prefix="acdoctor-") as folder:
        keep = _file(folder, "constraints.txt", (pin.requirement for pin in scene.policy.pins))
        asked = _file(folder, "asked.txt", (*pins, *others))
        assumed = [d.name for d in environment.distributions if d.kind == "assumed"]
        uv = shutil.which("uv")
        if uv:
            never = _file(folder, "never.txt", (f'{name} ; sys_platform == "never"' for name in assumed))
            return _by_uv([uv, *_UV, "-r", asked, "-c", keep, "--overrides", never], scene)
        if assumed or environment.distribution("pip") is None:
            return None
        return _by_pip(["-r", asked, "-c", keep], environment, scene, folder)


_UV = ("pip", "install", "--dry-run", "--no-progress", "--color", "never", "--only-binary", ":all:")
_PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--dry-run", "--quiet")


def _by_uv(command: list[str], scene: Scene) -> dict[str, str] | None:
    """The versions that uv would place; it reads no configuration of pip, so it is given what pip would use."""
    command += ["--python", scene.environment.path]
    if scene.policy.window.before is not None:
        command += ["--exclude-newer", scene.policy.window.before.isoformat()]
    done = run(command, timeout=PATIENCE, env={**os.environ, **_as_uv_reads(scene)})
    if not done.ok:
        return None
    return dict(_PLACED.findall((done.stderr + b"\n" + done.stdout).decode("utf-8", "replace")))


def _as_uv_reads(scene: Scene) -> Mapping[str, str]:
    """Pip's places as variables: addresses may hold credentials, and arguments are seen by everybody."""
    settings = scene.index.settings
    found = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_NO_CONFIG": "1"}
    if settings.indexes:
        found |= {"UV_DEFAULT_INDEX": settings.indexes[0], "UV_INDEX": " ".join(settings.indexes[1:])}
    else:
        found["UV_NO_INDEX"] = "1"
    if settings.find_links:
        found["UV_FIND_LINKS"] = ",".join(settings.find_links)
    if settings.cert:
        found["SSL_CERT_FILE"] = settings.cert
    if settings.offline:
        found["UV_OFFLINE"] = "1"
    return found


def _by_pip(command: list[str], environment: Environment, scene: Scene, folder: str) -> dict[str, str] | None:
    """The versions that the environment's own pip would place, by its configuration."""
    settings = scene.index.settings
    if environment.interpreter is None or scene.policy.window.before is not None:
        return None  # pip knows no days
    report = Path(folder) / "report.json"
    argv = [environment.interpreter.executable, *_PIP, "--only-binary", ":all:", "--report", str(report), *command]
    if settings.offline:
        argv += ["--no-index", *(word for place in settings.find_links for word in ("--find-links", place))]
    if not run(argv, timeout=PATIENCE).ok:
        return None
    try:
        placed = json.loads(report.read_text(encoding="utf-8"))["install"]
        return {str(item["metadata"]["name"]): str(item["metadata"]["version"]) for item in placed}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _file(folder: str, name: str, lines: Iterable[str]) -> str:
    path = Path(folder) / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)
