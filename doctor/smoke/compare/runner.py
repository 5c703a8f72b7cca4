"""The measuring itself: warm up, then turn by turn, every request into the journal."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from doctor.errors import DoctorError
from doctor.smoke.compare.asking import Asked, question_of, record_of_exchange
from doctor.smoke.compare.journal import Journal
from doctor.smoke.compare.pace import Gate, Outlook, Report, pause_before_retry
from doctor.smoke.compare.plan import Plan, Turn
from doctor.smoke.compare.values import Contestant, Phase, Prompt, Record
from doctor.smoke.service import Exchange, Failure, Question, Reply

_OURS = {"auth": 1, "network": 8, "proxy": 8, "ssl": 8}  # failures in a row that end a run: they are not the service's
_HOPELESS = 24  # the same of all others
_COLD_PAUSE = 15.0
_READABLE = 0.2
_ROUND_TRIPS = 4


class Asker(Protocol):
    """What is needed of a client: ``doctor.smoke.service_client.ServiceClient`` is one."""

    def ask(self, question: Question, *, model: str, stream: bool) -> Exchange:
        """Send one question; never raises for what a service does."""

    def get(self, path: str, *, token: bool = True, base: str = "") -> Reply:
        """What stands at a path below the gateway's root, or below ``base``; never raises for what a service does."""

    def connect(self, count: int, pause: Callable[[], None]) -> None:
        """Have ``count`` connections open, with a pause before each that is opened; never raises for a service."""


class MeasuringStopped(DoctorError):  # noqa: N818 - says what happened
    """A service cannot be measured now; what was measured is kept, and the same command goes on."""

    exit_code = 1

    def __init__(self, service: str, failure: Failure, when: str) -> None:
        """Keep whose failure it was."""
        self.service, self.failure = service, failure
        said = f" (it said: {failure.said})" if failure.said and failure.said not in failure.sentence else ""
        cure = f" {failure.cures[0].rstrip('.')}." if failure.cures else ""
        super().__init__(f"{service} {when}: {failure.sentence.rstrip('.')}{said}.{cure}")


@dataclass(slots=True)
class Runner:
    """Carries a plan out with one client for each service."""

    plan: Plan
    clients: Mapping[str, Asker]
    journal: Journal
    report: Report
    _stop: threading.Event
    _gates: dict[str, Gate]
    _outlook: Outlook
    _streaks: dict[str, list[Record]]
    _stopped: MeasuringStopped | None
    _told: float
    _watching: threading.Lock

    def __init__(self, plan: Plan, clients: Mapping[str, Asker], journal: Journal, report: Report) -> None:
        """Nothing is asked yet. ``clients`` are by the contestants' names; ``report`` is called after every answer."""
        self.plan, self.clients, self.journal, self.report = plan, clients, journal, report
        self._stop, self._stopped = threading.Event(), None
        self._told, self._watching = 0.0, threading.Lock()
        by_root: dict[str, Gate] = {}
        self._gates = {}
        for c in plan.contestants:  # one user's limit counts for all clusters behind a gateway
            limits = [rate for rate in (plan.terms.rate, c.rate_per_second) if rate is not None]
            self._gates[c.name] = by_root.setdefault(c.root or c.base, Gate(min(limits, default=None)))
        self._outlook = Outlook(plan.turns, self._gates)
        self._streaks = {c.name: [] for c in plan.contestants}

    def run(self) -> None:
        """Everything that is not done yet.

        Raises ``MeasuringStopped``; ``KeyboardInterrupt`` passes through at once, what is under way is not waited for.
        """
        done = self.journal.done()
        for record in self.journal.records:
            if record.last and record.phase in (Phase.PLAIN, Phase.MEASURE):
                self._outlook.count(record)
        rest = [turn for turn in self.plan.turns if _open(turn, done)]
        try:
            for name in dict.fromkeys(turn.service for turn in rest):
                self._warm_up(name)
                self._network(name)
            for turn in rest:
                self._turn(turn, _open(turn, done))
        finally:
            self._stop.set()

    # ---- the phases

    def _warm_up(self, name: str) -> None:
        """Ask until the model is there; again after every resumption. Raises ``MeasuringStopped`` when it is not."""
        terms = self.plan.terms
        deadline = time.monotonic() + terms.patience
        for prompt in self.plan.warm_up:
            attempt = 1
            while True:
                self._tell(f"warming up {name}")
                record, failure = self._ask(Phase.WARM_UP, name, prompt, 1, attempt)
                self.journal.add(record)
                if failure is None:
                    break
                pause = max(_COLD_PAUSE, failure.retry_after or 0.0) if failure.category == "wait" else 0.0
                pause = pause or pause_before_retry(failure, attempt)
                waits = failure.category == "wait" or attempt <= terms.retries
                if not failure.retry or not waits or time.monotonic() + pause > deadline:
                    if not failure.retry and failure.kind == "answer":
                        break  # the model is there; that it answers this one badly will be counted when measuring
                    raise MeasuringStopped(name, failure, "cannot be measured")
                self._tell(f"{name}: {failure.sentence}; asking again in {pause:.0f} s")
                self._stop.wait(pause)
                attempt += 1

    def _network(self, name: str) -> None:
        """How long a question takes that costs a service nothing: the way there and back, and its front door."""
        contestant = self._contestant(name)
        for attempt in range(1, _ROUND_TRIPS + 1):
            self._gates[name].wait(self._stop)
            started = time.time()
            client = self.clients[name]
            reply = (
                client.get("/health", token=False) if contestant.root else client.get("/models", base=contestant.base)
            )
            if reply.status is not None and attempt > 1:  # the first one may have opened a connection
                record = Record(
                    phase=Phase.NETWORK,
                    service=name,
                    row=-1,
                    level=1,
                    attempt=attempt,
                    started=round(started, 6),
                    seconds=round(reply.seconds, 6),
                    streamed=False,
                    status=reply.status,
                )
                self.journal.add(record)

    def _contestant(self, name: str) -> Contestant:
        return next(c for c in self.plan.contestants if c.name == name)

    def _turn(self, turn: Turn, prompts: tuple[Prompt, ...]) -> None:
        """The turn's open prompts, as many under way as its level says."""
        width, gate = min(turn.level, len(prompts)), self._gates[turn.service]
        self.clients[turn.service].connect(width, lambda: gate.wait(self._stop))
        if width <= 1:
            for prompt in prompts:
                self._question(turn, prompt)
                self._after()
            return
        todo: queue.SimpleQueue[Prompt] = queue.SimpleQueue()
        for prompt in prompts:
            todo.put(prompt)
        ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        for _ in range(width):
            threading.Thread(target=self._work, args=(turn, todo, ended), daemon=True).start()
        working = width
        while working:
            try:
                problem = ended.get(timeout=0.5)
            except queue.Empty:
                self._tell()
                continue
            working -= 1
            if problem is not None:
                raise problem
        self._after()

    def _work(
        self, turn: Turn, todo: queue.SimpleQueue[Prompt], ended: queue.SimpleQueue[BaseException | None]
    ) -> None:
        """One of the turn's threads."""
        problem: BaseException | None = None
        try:
            while not self._stop.is_set() and self._stopped is None:
                self._question(turn, todo.get_nowait())
        except queue.Empty:
            pass
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            problem = error
        ended.put(problem)

    def _after(self) -> None:
        self._tell()
        if self._stopped is not None:
            raise self._stopped

    # ---- one question

    def _question(self, turn: Turn, prompt: Prompt) -> None:
        """Ask, and again where that may help, until there is a last record."""
        for attempt in range(1, self.plan.terms.retries + 2):
            self._gates[turn.service].wait(self._stop)
            if self._stop.is_set():
                return
            record, failure = self._ask(turn.phase, turn.service, prompt, turn.level, attempt)
            again = failure is not None and failure.retry and attempt <= self.plan.terms.retries
            record = replace(record, last=False) if again else record
            if self._stop.is_set():
                return  # interrupted: an answer that nobody waited for is not counted
            self.journal.add(record)
            if not again or failure is None:
                self._outlook.count(record)
                self._watch(record, failure)
                return
            self._stop.wait(pause_before_retry(failure, attempt))

    def _ask(self, phase: Phase, name: str, prompt: Prompt, level: int, attempt: int) -> tuple[Record, Failure | None]:
        contestant = self._contestant(name)
        stream = self.plan.terms.stream and phase is Phase.MEASURE
        question = question_of(prompt, self.plan.terms)
        spent = time.thread_time()
        exchange = self.clients[name].ask(question, model=contestant.model, stream=stream)
        spent = time.thread_time() - spent
        return record_of_exchange(exchange, prompt, Asked(phase, name, level, attempt, spent)), exchange.failure

    def _watch(self, record: Record, failure: Failure | None) -> None:
        """Stop when a service only fails.

        What failed for want of a token or a network says nothing about the service and is asked again another time;
        other failures are what was measured and stay.
        """
        with self._watching:
            streak = self._streaks[record.service]
            if failure is None:
                streak.clear()
                return
            streak.append(record)
            ours = failure.category in _OURS
            if self._stopped is None and len(streak) < (_OURS[failure.category] if ours else _HOPELESS):
                return
            again = [r.key for r in streak if r.category in _OURS]
            streak.clear()
            if again:
                self.journal.undo(again, failure.sentence)
            if self._stopped is None:
                self._stopped = MeasuringStopped(record.service, failure, "stopped answering")

    def _tell(self, note: str = "") -> None:
        """Report where the run stands, but not more often than a person can read."""
        now = time.monotonic()
        if note or now - self._told >= _READABLE:
            self._told = now
            self.report(self._outlook.progress(note))


def _open(turn: Turn, done: frozenset[tuple[Phase, str, int, int]]) -> tuple[Prompt, ...]:
    return tuple(p for p in turn.prompts if (turn.phase, turn.service, p.row, turn.level) not in done)
