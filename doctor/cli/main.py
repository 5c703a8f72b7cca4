"""``acdoctor``: where every call starts and every call ends.

How to add a command (one file, one line):

1. ``doctor/cli/<name>.py`` holds a ``click.Command`` (or ``click.Group``). Its function parses nothing by itself,
   decides nothing about the patient and returns its exit code as an ``int`` (``None`` is 0). Work goes into the
   room that owns it; output through ``doctor.cli.output``; the global options come from
   ``doctor.cli.settings.current_settings()`` and are accepted before and after the command's name.
2. One line in ``doctor/cli/commands.py``: the name, ``"module:attribute"``, the short help.

The module is imported when the command is called and never before: this file must import next to nothing, because
``--version`` and ``--help`` are answered here, without click (``tests/bench/startup.py`` measures it). What goes wrong
comes back as an exception: a ``DoctorError`` ends as its sentence and its exit code, anything else as one sentence and
exit code 3. Nobody below this file calls ``sys.exit``.
"""

from __future__ import annotations

import gc
import os
import sys

from doctor import __version__
from doctor.cli.commands import top_help
from doctor.cli.terminal import PLAIN_WIDTH, terminal_width

TYPE_CHECKING = False  # typing itself is too dear for every start
if TYPE_CHECKING:
    from typing import NoReturn

_INTERRUPTED = 130
_COULD_NOT = 3
_LONGEST = 4000  # characters of a sentence: a path may have that many
_READER_GONE = 141  # 128 + SIGPIPE, as a shell would say


def main() -> NoReturn:
    """The console script: run the command line and end the process with its exit code.

    At once: taking a hundred modules and an environment's values apart again costs a sixth of a short check, and the
    interpreter would complain once more about a reader that has gone or a disk that is full. Everything is flushed.
    """
    os._exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Answer one command line; never raises, whatever happens below (``SystemExit`` excepted)."""
    try:
        code = _answer(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        _complain("acdoctor: interrupted")
        code = _INTERRUPTED
    except BrokenPipeError:
        code = _READER_GONE
    except Exception as error:  # noqa: BLE001 - the last line of defence: a person never sees a traceback unasked
        code = _explain(error, verbose="-v" in arguments or "--verbose" in arguments)
    return code


def _answer(arguments: list[str]) -> int:
    answer = _answer_without_click(arguments)
    if answer is not None:
        sys.stdout.write(answer)
        return 0
    # an environment is a hundred thousand values that stay: looking for cycles among them cost a twentieth of a check
    gc.set_threshold(200_000)
    from doctor.cli.group import invoke  # noqa: PLC0415 - click costs three times an empty interpreter

    return invoke(arguments)


def _answer_without_click(arguments: list[str]) -> str | None:
    """The version or the top-level help, as click would print it; None when click has to look."""
    if arguments in (["--version"], ["-V"]):
        return f"acdoctor {__version__}\n"
    if arguments in (["--help"], ["-h"]) and terminal_width() >= PLAIN_WIDTH:
        return top_help()
    return None


def _explain(error: Exception, *, verbose: bool) -> int:
    """One sentence on stderr and the exit code."""
    from doctor.errors import DoctorError  # noqa: PLC0415 - only when something went wrong
    from doctor.render.escape import shown  # noqa: PLC0415

    if isinstance(error, DoctorError):
        _complain("\n".join(f"acdoctor: {shown(line, limit=_LONGEST)}" for line in error.lines))
        return error.exit_code
    if verbose:
        import traceback  # noqa: PLC0415

        sys.stderr.writelines(traceback.format_exception(error))
    hint = "please report" if verbose else "please report; details with -v"
    _complain(f"acdoctor itself failed: {type(error).__name__}: {shown(str(error))} ({hint})")
    return _COULD_NOT


def _complain(sentence: str) -> None:
    """Say it on stderr, if anybody still listens there."""
    try:
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        return
