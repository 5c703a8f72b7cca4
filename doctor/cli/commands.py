"""The table of commands and global options, and the top-level help made of them.

Imported at every start: no imports beyond what the interpreter has loaded anyway.
"""

from __future__ import annotations

SUMMARY = (
    "The environment doctor for AI-accelerator Python stacks: what is broken in a venv, why, and the pins that cure it."
)

# name: (module:attribute, short help), in the order of the help
COMMANDS: dict[str, tuple[str, str]] = {
    "check": ("doctor.cli.check:check", "Find what is broken in an environment, and what cures it."),
    "fix": ("doctor.cli.fix:fix", "Show the smallest proven cure; --apply carries it out."),
    "history": ("doctor.cli.history:history", "What was changed in an environment, when, by whom, why."),
    "rollback": ("doctor.cli.rollback:rollback", "Take a repair back, byte for byte."),
    "undo": ("doctor.cli.rollback:undo", "Take back what acdoctor did last."),
    "snapshot": ("doctor.cli.snapshot:snapshot", "Save an environment in one file without secrets, for support."),
    "triage": ("doctor.cli.triage:triage", "Say what a pasted error, a log or a silent run means."),
    "smoke": ("doctor.cli.smoke:command", "Prove that a stack or a service does its job, rung by rung."),
    "compare": ("doctor.cli.compare:command", "Compare two services on a data set, and reason about it."),
    "imports": ("doctor.cli.imports:command", "Show what importing a module would do, without importing it."),
    "stacks": ("doctor.cli.stacks:command", "The known-good sets: list them, show one."),
    "create": ("doctor.cli.create:create", "Make an environment from a stack's known-good set."),
    "constraints": ("doctor.cli.constraints:constraints", "A stack's versions, for PIP_CONSTRAINT."),
    "lock": ("doctor.cli.lock:lock", "Make a stack's set again, and show what differs."),
    "adopt": ("doctor.cli.adopt:adopt", "Pin a healthy environment as a stack of your own."),
    "rules": ("doctor.cli.rules:command", "What acdoctor knows about packages: list, show, test, new."),
    "drift": ("doctor.cli.drift:drift", "It worked on one day: what changed since, and what broke it."),
    "compat": ("doctor.cli.compat:compat", "Which versions of A import beside which of B, as a table."),
    "demo": ("doctor.cli.demo:demo", "Show a real break: made, missed by pip check, found and cured."),
}

# (flags, metavar or "" for a switch, help); doctor.cli.settings makes click options of the same table
GLOBAL_OPTIONS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("--offline",), "", "Never ask the package index."),
    (("--rules",), "DIR", "Also use the rules in DIR (repeatable)."),
    (("--assume",), "NAME==VERSION", "Count as installed: the host brings it (repeatable)."),
    (("-v", "--verbose"), "", "Show everything, and details of failures."),
    (("-q", "--quiet"), "", "Only what matters: no progress, no explanations."),
    (("--no-color",), "", "No colours (NO_COLOR=1 does the same)."),
)
_OWN_OPTIONS = (
    (("-V", "--version"), "", "Show the version and exit."),
    (("-h", "--help"), "", "Show this message and exit."),
)


def top_help() -> str:
    """What ``acdoctor --help`` prints on a terminal of 80 columns or more, as click lays it out."""
    options = [
        (", ".join(flags) + (f" {metavar}" if metavar else ""), text)
        for flags, metavar, text in GLOBAL_OPTIONS + _OWN_OPTIONS
    ]
    commands = [(name, text) for name, (_, text) in COMMANDS.items()]
    return "".join(
        f"{line}\n"
        for line in [
            "Usage: acdoctor [OPTIONS] COMMAND [ARGS]...",
            "",
            *_paragraph(SUMMARY),
            "",
            "Options:",
            *_definitions(options),
            "",
            "Commands:",
            *_definitions(commands),
        ]
    )


def _paragraph(text: str) -> list[str]:
    """The text in lines of at most 78 columns, indented by two."""
    lines, line = [], " "
    for word in text.split():
        if len(line) + 1 + len(word) > 78:  # noqa: PLR2004 - click's width on a terminal of 80
            lines.append(line)
            line = " "
        line = f"{line} {word}"
    return [*lines, line]


def _definitions(rows: list[tuple[str, str]]) -> list[str]:
    """Two columns; a test holds every row to one line of 78 columns."""
    width = max(len(term) for term, _ in rows)
    return [f"  {term:<{width}}  {text}" for term, text in rows]
