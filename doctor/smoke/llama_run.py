"""One command of the patient, run within limits, its output kept in a file and read as it comes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from doctor.errors import DoctorError
from doctor.model import Environment
from doctor.rulebook.load import load_rulebook
from doctor.smoke import llama_recipe as recipe
from doctor.smoke.ladder import Rung
from doctor.smoke.llama_inside import MARK
from doctor.smoke.llama_patient import Patient
from doctor.system import Limits, Watched, watch
from doctor.triage.answer import scanner
from doctor.triage.diagnosis import Knowledge
from doctor.triage.digest import Digest
from doctor.triage.owners import load_names

INSIDE = str(Path(__file__).with_name("llama_inside.py"))
_LIVE_SECONDS = 2.0


def _silent(_text: str) -> None:
    """Nobody watches."""


def _unseen(_rung: Rung) -> None:
    """Nobody watches."""


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Who is told what while it goes on: ``status`` is the moment's, ``line`` stays, ``rung`` is one that ended."""

    status: Callable[[str], None] = _silent
    line: Callable[[str], None] = _silent
    rung: Callable[[Rung], None] = _unseen


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a command ended and what its output says; ``told`` are the JSON lines of ``llama_inside``."""

    watched: Watched
    digest: Digest
    log: str
    told: tuple[Mapping[str, Any], ...] = ()

    @property
    def ok(self) -> bool:
        """It ended with 0."""
        return self.watched.code == 0


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where a ladder is climbed: the patient, the options, the run's directory, what is known of logs."""

    patient: Patient
    options: recipe.Options
    directory: Path
    knowledge: Knowledge
    audience: Audience = field(default_factory=Audience)

    def limits(self, rung: str) -> Limits:
        """What a rung may take."""
        return Limits(
            seconds=self.options.seconds or recipe.DEFAULT_SECONDS[rung],
            memory=int(self.options.memory_gb * 1e9),
            grace=recipe.GRACE_SECONDS.get(rung, 2.0),
        )

    def pattern(self, rule: str) -> str:
        """The pattern of a log rule; raises ``DoctorError`` when the rules lack it."""
        found = next((log.pattern for log in self.knowledge.logs if log.id == rule), "")
        if not found:
            raise DoctorError(f"The log rule {rule} is missing; install acdoctor again.")
        return found


def known(environment: Environment, rules: Sequence[str] = ()) -> Knowledge:
    """Everything that reading a run's output needs; the package index is not asked."""
    rulebook = load_rulebook(rules, kinds=("log", "breakage"))
    names = {text.split("=")[0].split("<")[0].split(">")[0] for rule in rulebook.breakages for text in rule.together}
    return Knowledge(
        logs=rulebook.logs,
        breakages=rulebook.breakages,
        names=load_names(environment, names),
        environment=environment,
    )


def run(bench: Bench, argv: Sequence[str], rung: str, place: Path, live: Callable[[Digest], None] | None = None) -> Ran:
    """Run a command in the directory ``place``; its output is in ``output.log`` there, its end in the result.

    ``live`` is called with what has been read so far whenever there is more, every two seconds at most, and every
    half minute in silence.
    """
    place.mkdir(parents=True, exist_ok=True)
    search, log = scanner(bench.knowledge), place / "output.log"
    with log.open("wb") as file:
        reader = _Reader(live, search.digest)

        def take(block: bytes) -> None:
            file.write(block)
            file.flush()
            search.feed(block)
            reader.fresh = True

        watched = watch(
            argv,
            limits=bench.limits(rung),
            on_output=take,
            on_tick=reader.tick,
            env=_variables(bench),
            cwd=str(place),
        )
    return Ran(watched=watched, digest=search.digest(), log=str(log), told=tuple(_told(log)))


class _Reader:
    """Reads along, but not all the time."""

    def __init__(self, live: Callable[[Digest], None] | None, digest: Callable[[], Digest]) -> None:
        self.live, self.digest = live, digest
        self.fresh, self.last = False, time.monotonic()

    def tick(self) -> None:
        """Hand on what is new, when it is time."""
        waited = time.monotonic() - self.last
        if self.live and ((self.fresh and waited > _LIVE_SECONDS) or waited > 15 * _LIVE_SECONDS):
            self.fresh, self.last = False, time.monotonic()
            self.live(self.digest())


def _variables(bench: Bench) -> dict[str, str]:
    """The patient's variables; where nothing may be left in it, byte code goes to the run's directory."""
    variables = dict(bench.patient.variables)
    if bench.options.untouched:
        variables["PYTHONPYCACHEPREFIX"] = str(bench.directory / "bytecode")
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return variables


def _told(log: Path) -> list[Mapping[str, Any]]:
    """The lines that are meant for the doctor."""
    found = []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(MARK):
            try:
                found.append(json.loads(line.removeprefix(MARK)))
            except ValueError:
                continue
    return found
