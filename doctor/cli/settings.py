"""The global options: what they mean, and how every command accepts them, before and after its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import click

from doctor.cli.commands import GLOBAL_OPTIONS
from doctor.errors import UsageError

_KEY = "doctor.settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the user wants every command to behave.

    ``assumed`` maps normalized names to versions that host or container will bring. ``color`` is False when
    ``--no-color`` or ``NO_COLOR`` says so; whether a stream is a terminal is asked by ``doctor.cli.output``.
    """

    offline: bool = False
    rules: tuple[str, ...] = ()
    assumed: Mapping[str, str]
    verbose: bool = False
    quiet: bool = False
    color: bool = True


def current_settings() -> Settings:
    """The settings of the command being run: options before and after its name together.

    Raises:
        UsageError: ``--assume`` without a name and an exact version.
    """
    given = click.get_current_context().meta.get(_KEY, {})
    return Settings(
        offline=bool(given.get("offline")),
        rules=tuple(given.get("rules", ())),
        assumed=_assumed(given.get("assume", ())),
        verbose=bool(given.get("verbose")),
        quiet=bool(given.get("quiet")),
        color=not (given.get("no_color") or os.environ.get("NO_COLOR")),
    )


def accept_global_options(command: click.Command) -> click.Command:
    """Let the command, and every command below it, take the global options; its own of the same name win."""
    taken = {flag for parameter in command.params for flag in parameter.opts}
    command.params.extend(
        _option(flags, metavar, text) for flags, metavar, text in GLOBAL_OPTIONS if not taken.intersection(flags)
    )
    if isinstance(command, click.Group):
        for child in command.commands.values():
            accept_global_options(child)
    return command


def _option(flags: tuple[str, ...], metavar: str, text: str) -> click.Option:
    return click.Option(
        flags,
        help=text,
        metavar=metavar or None,
        is_flag=not metavar,
        multiple=bool(metavar),
        expose_value=False,
        callback=_remember,
    )


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Keep what was given; lists add up over the levels of a command line, switches stay on."""
    given = context.meta.setdefault(_KEY, {})
    name = str(parameter.name)
    if isinstance(value, tuple):
        given[name] = (*given.get(name, ()), *value)
    elif value:
        given[name] = True


def _assumed(texts: tuple[str, ...]) -> dict[str, str]:
    """``torch==2.4.0`` as a normalized name (PEP 503) and a version (PEP 440)."""
    if not texts:
        return {}
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - most calls assume nothing
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415

    assumed: dict[str, str] = {}
    for text in texts:
        name, _, version = (part.strip() for part in text.partition("=="))
        try:
            assumed[canonicalize_name(name, validate=True)] = str(Version(version))
        except (InvalidVersion, ValueError):
            raise UsageError(f"--assume wants NAME==VERSION such as torch==2.4.0, not {text!r}.") from None
    return assumed
