"""``acdoctor create``: an environment from a stack's known-good set, step by step."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet

from doctor.errors import DoctorError, UsageError
from doctor.index.index import Index
from doctor.model import Environment
from doctor.probe.environment import probe_environment
from doctor.rulebook.match import marker_environment
from doctor.rulebook.requirements import marker
from doctor.rulebook.rules import Checkout, Stack
from doctor.stacks.building_site import Order, Site, begin, clear, finish, mark_installing, open_site, require_space
from doctor.stacks.fetching import Progress, fetch_all
from doctor.stacks.installing import (
    InstallError,
    install_archive,
    install_checkout,
    install_wheels,
    make_environment,
)
from doctor.stacks.lockfile import PYLOCK, Lock, LockError, read_lock
from doctor.stacks.shopping import Shopping, Wish, plan_shopping
from doctor.system import run

_GIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A stack and the folder of its set."""

    stack: Stack
    folder: Path

    def lock(self) -> Lock:
        """The set; raises ``LockError``."""
        return read_lock(self.folder / PYLOCK)

    def digest(self) -> str:
        """What tells one state of the set from another."""
        try:
            return hashlib.sha256((self.folder / PYLOCK).read_bytes()).hexdigest()[:16]
        except OSError:
            raise LockError(f"{self.stack.id} has no known-good set yet ({self.folder / PYLOCK}).") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """What was made: where, with which installer, and what of the archives could not be had (name, reason, need)."""

    folder: Path
    installer: str
    missing: tuple[tuple[str, str, str], ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """How the user is kept informed: the step that begins, and bytes as they come."""

    step: Callable[[str], None]
    bytes_came: Progress


def likely_python(lock: Lock, wanted: str, own: tuple[int, int]) -> tuple[int, int]:
    """The minor version that will be used: what the user names, the doctor's own if it fits, else the newest one."""
    named = re.fullmatch(r"(?:.*python)?(3)\.(\d+)(?:\.\d+)?", wanted)
    fitting = SpecifierSet(lock.requires_python)
    if named:
        python = int(named[1]), int(named[2])
        if not fitting.contains(f"{python[0]}.{python[1]}.99"):
            raise UsageError(f"The set is for Python {lock.requires_python}, and {wanted} is not one of these.")
        return python
    pythons = [(3, minor) for minor in range(8, 20) if fitting.contains(f"3.{minor}.99")]
    if not pythons:
        raise LockError(f"The set is for Python {lock.requires_python}, which is none that acdoctor knows.")
    return own if own in pythons else pythons[-1]


def check_checkout(stack: Stack, path: str) -> tuple[str, Checkout] | None:
    """The working copy (absolute) and what it has to be; None when none was named.

    Raises:
        UsageError: the stack has none, the folder is none, or it is at another tag.
    """
    if not path:
        return None
    if not stack.checkouts:
        raise UsageError(f"{stack.id} has nothing that is installed editable.")
    wanted = stack.checkouts[0]
    folder = Path(path).expanduser().absolute()
    if not (folder / "setup.py").is_file() and not (folder / "pyproject.toml").is_file():
        raise UsageError(
            f"{path} has no setup.py: it is no checkout of {wanted.name} at {wanted.tag} (git checkout {wanted.tag}; "
            "if the tag is not there, clone anew: git pull brings no tags)."
        )
    at = _tags_of(folder)
    if at and wanted.tag not in at:
        raise UsageError(f"{path} is at {', '.join(at)}, but {stack.id} needs {wanted.tag}: git checkout {wanted.tag}")
    return str(folder), wanted


def create(recipe: Recipe, folder: str, wish: Wish, index: Index, reporting: Reporting) -> Created:
    """Make the environment, or continue what an earlier call began.

    Raises:
        UsageError: the wish does not fit the stack, or the folder is something else.
        HashMismatchError: a file is not the one that the lock names.
        IndexUnavailableError: the index cannot be asked; the same command continues.
        InstallError: an installer failed.
    """
    lock, stack = recipe.lock(), recipe.stack
    checkout = check_checkout(stack, wish.checkout)
    plan_shopping(stack, lock, wish, likely_python(lock, wish.python, (3, 11)))  # complains before anything is made
    order = Order(stack=stack.id, lock=recipe.digest(), without=wish.without)
    site = open_site(folder, order)
    begin(site, order)
    environment = _environment(site, lock, wish.python, reporting)
    shopping = plan_shopping(stack, lock, wish, _minor(environment))
    require_space(site, shopping.download - min(site.fetched(), shopping.download) + shopping.installed)
    reporting.step(f"fetching {len(shopping.items)} files, {shopping.download / 1e6:,.0f} MB")
    fetch_all(shopping.items, site.wheels, index, reporting.bytes_came)
    mark_installing(site)
    reporting.step(f"installing {len(shopping.items)} distributions")
    installer = install_wheels(site, shopping.items)
    missing = _archives(site, shopping, index, reporting)
    if checkout:
        reporting.step(f"installing {checkout[1].name} editable from {checkout[0]}")
        install_checkout(site, checkout[0])
    finish(site, stack.id, shopping.left_out)
    return Created(folder=site.folder, installer=installer, missing=missing, left_out=shopping.left_out)


def _environment(site: Site, lock: Lock, python: str, reporting: Reporting) -> Environment:
    """The bare environment, made or found; its interpreter must be one that the set is for."""
    if site.half_installed:
        reporting.step("an installation was interrupted here: clearing it away, the downloads stay")
        clear(site)
    if not (site.folder / "pyvenv.cfg").exists():
        reporting.step("making the environment")
        make_environment(site, python or lock.requires_python or "3")
    environment = probe_environment(str(site.folder))
    if environment.interpreter is None:
        raise InstallError(f"The environment's interpreter does not start: {environment.start_failure}")
    if lock.requires_python and not SpecifierSet(lock.requires_python).contains(environment.interpreter.version):
        raise UsageError(
            f"{environment.interpreter.version} is not a Python that the set is for ({lock.requires_python}); name "
            "another with --python, and remove the folder."
        )
    if lock.marker and not marker(lock.marker).evaluate(marker_environment(environment)):
        raise UsageError(f"The set is not for this machine: it is for {lock.marker}.")
    return environment


def _archives(site: Site, shopping: Shopping, index: Index, reporting: Reporting) -> tuple[tuple[str, str, str], ...]:
    """Install the archives; what cannot be had is told, not hidden, and the rest goes on."""
    missing = []
    for item in shopping.archives:
        reporting.step(f"installing {item.archive.name} from {item.path or item.archive.url}")
        try:
            install_archive(site, item, offline=index.settings.offline)
        except InstallError as error:
            missing.append((item.name, str(error), item.archive.reason))
    return tuple(missing)


def _minor(environment: Environment) -> tuple[int, int]:
    if environment.interpreter is None:
        raise DoctorError("The environment's interpreter does not start.")
    return environment.interpreter.minor


def _tags_of(folder: Path) -> tuple[str, ...]:
    """The tags at a working copy's commit; none when it is no git repository or git is not there."""
    if not (folder / ".git").exists():
        return ()
    done = run(["git", "-C", str(folder), "tag", "--points-at", "HEAD"], timeout=_GIT_SECONDS)
    return tuple(done.stdout.decode(errors="replace").split()) if done.ok else ()
