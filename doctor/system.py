"""The functions through which every subprocess goes: ``run`` for an answer, ``watch`` for a long run."""

from __future__ import annotations

import os
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a subprocess ended: ``code`` is None when it was stopped by the time limit or did not start."""

    code: int | None
    stdout: bytes
    stderr: bytes
    failure: str = ""

    @property
    def ok(self) -> bool:
        """It ran and returned 0."""
        return self.code == 0


def run(  # noqa: PLR0913 - all that a subprocess can be given, keyword only
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    stdin: bytes = b"",
    output_limit: int | None = None,
) -> Completed:
    """Run a command to its end, never through a shell, in its own session so that nothing of it is left behind.

    ``env`` is the whole environment (None: the doctor's own). Never raises for a failing command: the outcome
    says so. ``KeyboardInterrupt`` ends the command first, then goes on to the caller. With ``output_limit``
    (bytes, both streams together) a command that cannot be trusted is given no input and is ended when it
    prints more, or when it leaves its streams open in a process that outlives it.
    """
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Completed(code=None, stdout=b"", stderr=b"", failure=reason)
    if output_limit is not None:
        return _listen(process, timeout, output_limit)
    try:
        out, err = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        _end(process)
        out, err = process.communicate()
        return Completed(code=None, stdout=out, stderr=err, failure=f"no answer within {timeout:g} s")
    except BaseException:
        _end(process)
        process.communicate()
        raise
    return Completed(code=process.returncode, stdout=out, stderr=err)


def _listen(process: subprocess.Popen[bytes], timeout: float, limit: int) -> Completed:
    """Read both streams up to the limits, then make sure that the command has ended."""
    streams = {process.stdout: bytearray(), process.stderr: bytearray()}
    deadline, failure = time.monotonic() + timeout, ""
    try:
        with process, selectors.DefaultSelector() as selector:
            assert process.stdin is not None  # noqa: S101 - it is a pipe, see Popen
            process.stdin.close()
            for stream in streams:
                selector.register(stream, selectors.EVENT_READ)  # type: ignore[arg-type]
            while selector.get_map() and not failure:
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    failure = f"no answer within {timeout:g} s"
                for key, _ in ready:
                    block = os.read(key.fd, 65536)
                    streams[key.fileobj] += block  # type: ignore[index]
                    if not block:
                        selector.unregister(key.fileobj)
                if sum(map(len, streams.values())) > limit:
                    failure = f"it printed more than {limit} bytes"
            try:
                process.wait(max(0.0, deadline - time.monotonic()) if not failure else 0)
            except subprocess.TimeoutExpired:
                failure = failure or f"no end within {timeout:g} s"
            if failure:
                _end(process)
    except BaseException:
        _end(process)
        raise
    out, err = (bytes(data) for data in streams.values())
    return Completed(code=None if failure else process.returncode, stdout=out, stderr=err, failure=failure)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the command with everything that it started."""
    try:
        os.killpg(process.pid, 9)
    except (ProcessLookupError, PermissionError):
        process.kill()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a long run may take, all its processes together.

    ``seconds`` of wall time; ``memory`` in bytes, shared pages counted once (0: no limit); ``grace`` are the seconds
    that it gets to end by itself after SIGINT, before it is killed.
    """

    seconds: float
    memory: int = 0
    grace: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """How a long run ended.

    ``code`` is None when it did not start or was ended by a limit; ``limit`` is then ``time`` or ``memory`` ('' when
    it did not start), ``failure`` the words. ``cpu_seconds`` are those of all its processes that it waited for,
    ``peak_memory`` the most bytes that were seen.
    """

    code: int | None
    limit: str = ""
    failure: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0


_TICK_SECONDS = 0.5
_LOOK_SECONDS = 2.0
_DRAIN_SECONDS = 1.0


def watch(  # noqa: PLR0913 - all that a run can be given, keyword only
    argv: Sequence[str],
    *,
    limits: Limits,
    on_output: Callable[[bytes], None],
    on_tick: Callable[[], None] = lambda: None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> Watched:
    """Run a command that takes long, in a session of its own; nothing of it is left when this returns or raises.

    ``on_output`` gets both streams as they come, ``on_tick`` is called at least once a second. Whatever is raised
    (``KeyboardInterrupt`` too) ends the command first. Never raises for a command that fails.
    """
    began, before = time.monotonic(), _children_seconds()
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Watched(code=None, failure=getattr(error, "strerror", None) or str(error))
    meter = _Meter(process.pid, limits, began)
    with process:
        try:
            _attend(process, meter, on_output, on_tick)
            if meter.exceeded:
                _ask_to_end(process, limits.grace, on_output)
        except BaseException:
            _ask_to_end(process, limits.grace, on_output)
            raise
        finally:
            _kill_all(process)
    return Watched(
        code=None if meter.exceeded else process.returncode,
        limit=meter.exceeded,
        failure=meter.words,
        seconds=time.monotonic() - began,
        cpu_seconds=_children_seconds() - before,
        peak_memory=meter.peak,
    )


class _Meter:
    """What a session takes, looked at from time to time."""

    def __init__(self, session: int, limits: Limits, began: float) -> None:
        self.session, self.limits, self.began = session, limits, began
        self.peak, self.exceeded, self.words = 0, "", ""
        self._looked = 0.0

    def look(self) -> str:
        """The limit that is exceeded, if one is."""
        now = time.monotonic()
        if now - self.began > self.limits.seconds:
            self.exceeded, self.words = "time", f"no end within {self.limits.seconds:g} s"
        elif now - self._looked > _LOOK_SECONDS:
            self._looked = now
            self.peak = max(self.peak, sum(map(_memory, _members(self.session))))
            if 0 < self.limits.memory < self.peak:
                self.exceeded, self.words = "memory", f"it took more than {self.limits.memory / 1e9:.1f} GB of memory"
        return self.exceeded


def _attend(
    process: subprocess.Popen[bytes], meter: _Meter, on_output: Callable[[bytes], None], on_tick: Callable[[], None]
) -> None:
    """Hand on what it prints until it has ended or a limit is reached; a stream kept open is not waited for."""
    assert process.stdout is not None  # noqa: S101 - it is a pipe, see Popen
    ended = 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not meter.look():
            if selector.select(_TICK_SECONDS):
                block = os.read(process.stdout.fileno(), 65536)
                if not block:
                    break
                on_output(block)
            elif ended and time.monotonic() - ended > _DRAIN_SECONDS:
                break
            if not ended and process.poll() is not None:
                ended = time.monotonic()
            on_tick()
        while not meter.look() and process.poll() is None:
            time.sleep(0.05)


def _ask_to_end(process: subprocess.Popen[bytes], grace: float, on_output: Callable[[bytes], None]) -> None:
    """Send SIGINT and listen for as long as it may take to end by itself; being interrupted again ends the wait."""
    if grace > 0 and process.poll() is None:
        _signal(process.pid, signal.SIGINT)
        with suppress(KeyboardInterrupt):
            _attend(process, _Meter(process.pid, Limits(seconds=grace), time.monotonic()), on_output, lambda: None)


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the session, whatever groups its members made for themselves."""
    for _ in range(20):
        if not _signal(process.pid, signal.SIGKILL):
            break
        time.sleep(0.05)
    process.wait()


def _signal(session: int, number: signal.Signals) -> int:
    """Send a signal to every process of a session; how many got it."""
    sent = 0
    for member in _members(session):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(member, number)
            sent += 1
    return sent


def _members(session: int) -> Iterator[int]:
    """The living processes of a session (proc(5)); where there is no /proc, its first process only."""
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - names are wanted
    except OSError:
        yield session
        return
    for name in names:
        with suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
            state, _, _, of = file.read().rpartition(b")")[2].split()[:4]
            if int(of) == session and state not in (b"Z", b"X"):
                yield int(name)


def _memory(process: int) -> int:
    """Bytes that a process takes, its part of what is shared (proc(5), smaps_rollup); 0 when that cannot be seen."""
    with suppress(OSError, ValueError, IndexError), open(f"/proc/{process}/smaps_rollup", "rb") as file:  # noqa: PTH123
        for line in file:
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _children_seconds() -> float:
    """CPU seconds of all children waited for so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
