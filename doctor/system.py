"""The one function through which every subprocess goes."""

from __future__ import annotations

import os
import subprocess
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


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    stdin: bytes = b"",
) -> Completed:
    """Run a command to its end, never through a shell, in its own session so that nothing of it is left behind.

    ``env`` is the whole environment (None: the doctor's own). Never raises for a failing command: the outcome
    says so. ``KeyboardInterrupt`` ends the command first, then goes on to the caller.
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


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the command with everything that it started."""
    try:
        os.killpg(process.pid, 9)
    except (ProcessLookupError, PermissionError):
        process.kill()
