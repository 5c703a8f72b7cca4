"""An environment while it is made: what is known of it between two calls, so that the second continues the first.

``DIR/.acdoctor-create`` holds the order and the files that have come. An interrupted download goes on where it was; an
interrupted installation is cleared away and made again from the files, as nobody can say what it left.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doctor.checks.left_out import LEFT_OUT_KEY
from doctor.errors import DoctorError, UsageError

ROOM = ".acdoctor-create"
STACK_KEY = "acdoctor-stack"
"""The key in pyvenv.cfg that says which stack an environment was made from."""
_ORDER, _INSTALLING, _WHEELS = "order.json", "installing", "wheels"
_SPARE = 256 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is being made; a second call with another one is refused."""

    stack: str
    lock: str
    without: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The folder that becomes the environment."""

    folder: Path

    @property
    def room(self) -> Path:
        """Where files and notes lie while it is made."""
        return self.folder / ROOM

    @property
    def wheels(self) -> Path:
        """Where the downloaded files lie."""
        return self.room / _WHEELS

    @property
    def python(self) -> str:
        """The environment's interpreter."""
        return str(self.folder / "bin" / "python")

    @property
    def begun(self) -> bool:
        """An earlier call began here and did not finish."""
        return (self.room / _ORDER).exists()

    @property
    def half_installed(self) -> bool:
        """An installation was interrupted."""
        return (self.room / _INSTALLING).exists()

    def fetched(self) -> int:
        """Bytes that have come already."""
        return sum(path.lstat().st_size for path in self.wheels.glob("*")) if self.wheels.is_dir() else 0


def open_site(folder: str, order: Order) -> Site:
    """The folder, new or begun by an earlier call with the same order.

    Raises:
        UsageError: there is something else.
    """
    site = Site(folder=Path(folder).expanduser().absolute())
    if site.begun:
        known = _known_order(site)
        if known != _words(order):
            left_out = ", ".join(map(str, known.get("without") or ())) or "nothing"
            said = f"{known.get('stack', 'unreadable')}, without {left_out}"
            raise UsageError(
                f"{folder} was begun for something else ({said}): give the same command again, or remove the folder."
            )
        return site
    if site.folder.exists() and (not site.folder.is_dir() or any(site.folder.iterdir())):
        raise UsageError(f"{folder} is there already; name a folder that does not exist, or check it: acdoctor check.")
    return site


def _known_order(site: Site) -> dict[str, Any]:
    """What an earlier call wrote down; nothing when it cannot be read."""
    try:
        known = json.loads((site.room / _ORDER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def begin(site: Site, order: Order) -> None:
    """Write the order down; raises ``DoctorError`` when the folder cannot be made."""
    try:
        site.wheels.mkdir(parents=True, exist_ok=True)
        (site.room / _ORDER).write_text(json.dumps(_words(order)), encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DoctorError(f"{site.folder} cannot be made: {getattr(error, 'strerror', None) or error}.") from None


def clear(site: Site) -> None:
    """Take away what an interrupted installation left; the downloaded files stay."""
    for path in site.folder.iterdir():
        if path.name == ROOM:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    (site.room / _INSTALLING).unlink(missing_ok=True)


def mark_installing(site: Site) -> None:
    """From here on an interruption leaves something half done."""
    (site.room / _INSTALLING).touch()


def finish(site: Site, stack: str, left_out: tuple[str, ...]) -> None:
    """Note in pyvenv.cfg what this is, and take the room away."""
    config = site.folder / "pyvenv.cfg"
    lines = [f"{STACK_KEY} = {stack}", *([f"{LEFT_OUT_KEY} = {' '.join(left_out)}"] if left_out else [])]
    text = config.read_text(encoding="utf-8")
    config.write_text(text.rstrip("\n") + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
    shutil.rmtree(site.room)


def require_space(site: Site, needed: int) -> None:
    """Refuse when the file system has less free space than will be needed (bytes); raises ``DoctorError``."""
    place = site.folder
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed + _SPARE:
        raise DoctorError(
            f"{site.folder} needs about {needed / 1e9:.1f} GB and {place} has {free / 1e9:.1f} GB free; name another "
            "place, or leave something out."
        )


def _words(order: Order) -> dict[str, object]:
    return {"stack": order.stack, "lock": order.lock, "without": list(order.without)}
