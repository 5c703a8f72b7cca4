"""What a person sees while a comparison runs: one line on stderr that is written over, with the time left."""

from __future__ import annotations

import sys
from pathlib import Path

from doctor.cli.settings import Settings
from doctor.cli.terminal import terminal_width
from doctor.render.escape import shown
from doctor.smoke.compare.pace import Progress
from doctor.smoke.compare.plan import Plan
from doctor.smoke.compare.words import seconds


class Watch:
    """Shows progress to those who watch; scripts get only what they must know."""

    def __init__(self, settings: Settings) -> None:
        """On a terminal's stderr, unless ``--quiet``."""
        self._quiet = settings.quiet
        self._live = not settings.quiet and sys.stderr is not None and sys.stderr.isatty()
        self._width = 0

    def announce(self, plan: Plan, folder: Path) -> None:
        """What is about to be sent, before anything is sent."""
        if not self._live:
            return
        names = ", ".join(f"{c.name} ({c.model})" for c in plan.contestants)
        tokens = plan.requests * plan.terms.max_tokens
        self.tell(f"{plan.requests} requests to {names}, at most {tokens:,} output tokens; Ctrl-C keeps what is done")
        self.tell(f"{plan.prompts.chosen}; first prompt: {plan.prompts.prompts[0].text[:60]}")
        self.tell(f"kept in {folder}")

    def show(self, progress: Progress) -> None:
        """Where the run stands."""
        if not self._live:
            return
        typical = ", ".join(f"{name} {seconds(value)}" for name, value in progress.typical.items())
        left = f"about {seconds(progress.left)} left" if progress.left is not None else ""
        failed = f"{progress.failed} failed" if progress.failed else ""
        parts = [f"{progress.done} of {progress.total}", failed, typical, left, progress.note]
        line = shown("  ".join(part for part in parts if part))[: max(20, terminal_width() - 1)]
        sys.stderr.write("\r" + line.ljust(self._width))
        sys.stderr.flush()
        self._width = len(line)

    def tell(self, sentence: str) -> None:
        """A line that stays."""
        self.close()
        if sys.stderr is not None:
            sys.stderr.write(f"{shown(sentence, limit=1000)}\n")
            sys.stderr.flush()

    def close(self) -> None:
        """End the line that is written over."""
        if self._width and sys.stderr is not None:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
        self._width = 0
