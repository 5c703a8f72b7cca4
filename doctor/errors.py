"""What can go wrong with the doctor itself, as types; one root, data in the children.

A finding about the patient is never an exception. An exception here means that the doctor could not do
what it was asked, and its text is one sentence that names the thing and the way out.
"""

from __future__ import annotations

from collections.abc import Sequence


class DoctorError(Exception):
    """Something the doctor was asked for could not be done; ``str()`` is the sentence for the user."""

    exit_code: int = 3

    @property
    def lines(self) -> tuple[str, ...]:
        """The sentence, or one line for each complaint where an input has several; not escaped."""
        return (str(self),)


class UsageError(DoctorError):
    """The question itself is wrong or ambiguous (exit code 2)."""

    exit_code = 2


class NotAnEnvironmentError(DoctorError):
    """The path holds no Python environment."""

    def __init__(self, path: str, reason: str, advice: str = "") -> None:
        """Keep the path, why it is none, and what to do."""
        self.path, self.reason, self.advice = path, reason, advice
        super().__init__(f"{path}: {reason}." + (f" {advice}" if advice else ""))


class RuleError(DoctorError):
    """A rule file cannot be used: names the file, the key path and the complaint."""

    def __init__(self, path: str, key: str, complaint: str, line: int = 0) -> None:
        """Keep the file, the dotted key path ('' for the whole file), the complaint and its line (0: not known)."""
        self.path, self.key, self.complaint, self.line = path, key, complaint, line
        place = f"{path}:{line}" if line else path
        super().__init__(f"{place}: {key + ': ' if key else ''}{complaint}")


class RuleErrors(RuleError):  # noqa: N818 - several errors
    """Several complaints about rule files at once, one line each."""

    def __init__(self, complaints: Sequence[RuleError]) -> None:
        """Keep the complaints; ``path``, ``key`` and ``complaint`` are those of the first."""
        self.complaints = tuple(complaints)
        first = self.complaints[0]
        super().__init__(first.path, first.key, first.complaint)
        self.args = ("\n".join(str(complaint) for complaint in self.complaints),)

    @property
    def lines(self) -> tuple[str, ...]:
        """One line for each complaint."""
        return tuple(str(complaint) for complaint in self.complaints)


class IndexUnavailableError(DoctorError):
    """The package index cannot be asked (no network, ``--offline``, refused)."""


class TransactionError(DoctorError):
    """A change to an environment was refused or undone; the environment is as it was."""
