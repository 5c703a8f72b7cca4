"""The one function through which every subprocess goes."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
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
