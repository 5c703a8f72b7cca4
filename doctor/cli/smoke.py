"""``acdoctor smoke``: proof that what is installed does its job, one sub-command for each job."""

from __future__ import annotations

from importlib import import_module

import click

from doctor.cli.settings import accept_global_options

# name: (module:attribute, short help)
SMOKES: dict[str, tuple[str, str]] = {
    "gpt-oss": ("doctor.cli.smoke_gpt_oss:command", "Ask gpt-oss on Metis, Sophia or any OpenAI-compatible server."),
    "llama-7b": ("doctor.cli.smoke_llama:command", "Train a tiny Llama and compile the 7B configuration."),
}


class _Smokes(click.Group):
    """Its commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of the table."""
        return list(SMOKES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command itself, imported now; None for a name that the table does not have."""
        if cmd_name in self.commands or cmd_name not in SMOKES:
            return self.commands.get(cmd_name)
        module, _, attribute = SMOKES[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}:{attribute} is no click command")
        self.add_command(accept_global_options(command), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table's own short help: ``--help`` imports no command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in SMOKES.items()])


command = _Smokes("smoke", help="Prove that a stack or a service does its job, rung by rung.")
