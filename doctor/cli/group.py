"""The click side of the command line: commands imported when called, exceptions handed to ``doctor.cli.main``."""

from __future__ import annotations

import os
from importlib import import_module

import click

from doctor import __version__
from doctor.cli.commands import COMMANDS, SUMMARY
from doctor.cli.settings import accept_global_options
from doctor.errors import UsageError


class LazyGroup(click.Group):
    """A group whose commands stand in a table and are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command itself, imported now; None for a name that the table does not have."""
        known = self.commands.get(cmd_name)
        if known is not None or cmd_name not in COMMANDS:
            return known
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}:{attribute} is no click command")
        self.add_command(accept_global_options(command), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table's own short help: ``--help`` imports no command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def make_group() -> click.Group:
    """``acdoctor`` as click sees it."""
    group = LazyGroup("acdoctor", help=SUMMARY, context_settings={"help_option_names": ["-h", "--help"]})
    accept_global_options(group)
    return click.version_option(__version__, "-V", "--version", prog_name="acdoctor", message="%(prog)s %(version)s")(
        group
    )


def invoke(arguments: list[str]) -> int:
    """Run a command line with click and return its exit code.

    Raises whatever the command raises; click's own complaints about the command line end here, as exit code 2.
    """
    _require_a_current_folder()
    group = make_group()
    try:
        # not group.main(): it ends the process with 1 when a reader goes away, which here means findings
        with group.make_context("acdoctor", arguments) as context:
            code = group.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return code if isinstance(code, int) else 0


def _require_a_current_folder() -> None:
    """A shell may stand in a folder that was removed; no relative path means anything there."""
    try:
        os.getcwd()  # noqa: PTH109 - only whether there is one
    except OSError:
        raise UsageError("The current folder no longer exists; change to another one (cd) and try again.") from None
