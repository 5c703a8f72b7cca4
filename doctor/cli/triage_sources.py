"""Where the text for triage comes from: a file, a pipe, a run's directory, a log that still grows."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from doctor.cli.output import page_for, say
from doctor.cli.settings import Settings
from doctor.errors import UsageError
from doctor.probe.redact import Redactor
from doctor.render.answer import render_answer
from doctor.render.clean import clean_answer
from doctor.triage.answer import answer, scanner
from doctor.triage.diagnosis import Knowledge
from doctor.triage.lines import moment
from doctor.triage.recode import as_utf8

_FRESH_SECONDS = 48 * 3600
_SAME_CLOCK_SECONDS = 600
_POLL_SECONDS = 1.0
_CONFIG_LIMIT = 4 * 1024**2
_LOGS = "cerebras_logs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """``path`` is '' for standard input. ``config`` is the run's yaml where it lies beside the log.

    ``modified`` is when the file was written last.
    """

    path: str
    config: str = ""
    modified: datetime | None = None

    def clock(self, last_stamp: str) -> datetime | None:
        """Now, when the log's own clock is this machine's: its last line was written when the file was.

        A log that was copied or pasted fails that test, and the silence at its end cannot be judged.
        """
        last = moment(last_stamp)
        if self.modified is None or last is None:
            return None
        written = self.modified if last.tzinfo else self.modified.replace(tzinfo=None)
        now = datetime.now().astimezone()
        fresh = (now - self.modified).total_seconds() < _FRESH_SECONDS
        return now if fresh and abs((written - last).total_seconds()) < _SAME_CLOCK_SECONDS else None

    @contextmanager
    def stream(self) -> Iterator[BinaryIO]:
        """The bytes, as UTF-8; raises ``UsageError`` when they cannot be read or are no text."""
        if not self.path:
            yield as_utf8(sys.stdin.buffer, "standard input")
            return
        try:
            with open(self.path, "rb") as file:  # noqa: PTH123 - names of any kind
                yield as_utf8(file, self.path)
        except OSError as error:
            raise UsageError(f"{self.path} cannot be read: {error.strerror or error}.") from None


def open_source(name: str | None) -> Source:
    """What the argument names; raises ``UsageError`` when it is not there."""
    if name in (None, "-"):
        if sys.stdin is None:
            raise UsageError("There is nothing to read: name a file, or pipe the text in.")
        if name is None and sys.stdin.isatty():
            sys.stderr.write("acdoctor: paste the text, then end with Ctrl-D on a line of its own\n")
        return Source(path="")
    place = Path(name or "")
    try:
        path, config = _run_log(place) if place.is_dir() else (place, None)
        written = path.stat().st_mtime
    except (OSError, ValueError):
        raise UsageError(
            f"There is no file {name}; give a log, a run's directory, or - for what is piped in."
        ) from None
    modified = datetime.fromtimestamp(written, tz=UTC).astimezone()
    return Source(path=str(path), config=str(config or ""), modified=modified)


def _run_log(directory: Path) -> tuple[Path, Path | None]:
    """The newest run.log below a model directory, and a yaml beside it; raises ``UsageError`` and ``OSError``."""
    places = [directory, *sorted((directory / _LOGS).glob("*/"))]
    if directory.resolve().name == _LOGS:
        places += sorted(directory.glob("*/"))
    logs = [log for place in places if (log := place / "run.log").is_file()]
    if not logs:
        raise UsageError(
            f"{directory} holds no run.log, nor does a directory of its cerebras_logs; name the log itself."
        )
    newest = max(logs, key=lambda log: (log.stat().st_mtime, str(log)))
    yamls = sorted(path for path in newest.parent.iterdir() if path.suffix in (".yaml", ".yml"))
    return newest, yamls[0] if yamls else None


def read_text(path: str) -> str:
    """A small text file; raises ``UsageError``."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - names of any kind
            return file.read(_CONFIG_LIMIT).decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path} cannot be read: {reason}.") from None


def follow(source: Source, knowledge: Knowledge, settings: Settings) -> int:
    """Read the log as it grows and print the answer whenever it changes, until Ctrl-C or the run ends."""
    if not source.path:
        raise UsageError("--follow wants the name of a log: a pipe cannot be followed.")
    search, last = scanner(knowledge), ""
    code = 0
    try:
        with open(source.path, "rb") as file:  # noqa: PTH123 - names of any kind
            while True:
                read = _more(file, search.feed)
                if read or not last:
                    found = answer(search.digest(), replace(knowledge, now=datetime.now().astimezone()))
                    text = render_answer(clean_answer(found, Redactor()), page_for(settings))
                    code = found.report().exit_code
                    if text != last:
                        say(("\n" if last else "") + text)
                        last = text
                    if found.timeline and found.timeline.silence and found.timeline.silence.verdict == "finished":
                        return code
                time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        return code
    except OSError as error:
        raise UsageError(f"{source.path} cannot be read: {error.strerror or error}.") from None


def _more(file: BinaryIO, take: object) -> int:
    """What has come since; a file that was truncated is read from its new beginning."""
    if file.tell() > os.fstat(file.fileno()).st_size:
        file.seek(0)
    total = 0
    while piece := file.read(256 * 1024):
        total += len(piece)
        if callable(take):
            take(piece)
    return total
