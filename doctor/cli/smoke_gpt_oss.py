"""``acdoctor smoke gpt-oss``: can this user, on this machine, with these packages, ask gpt-oss and get an answer?"""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

import click

from doctor.cli.output import deliver, page_for, progress, say
from doctor.cli.settings import Settings, current_settings
from doctor.errors import UsageError
from doctor.probe.locate import resolve_environment_path
from doctor.render.ladder import render_end, render_head, render_ladder, render_ladder_json, render_rung
from doctor.smoke.gpt_oss import NAME, Wish, climb_gpt_oss
from doctor.smoke.ladder import Rung
from doctor.smoke.service_network import LOOPBACK, Limits
from doctor.smoke.services import Service, service_named
from doctor.smoke.tokens import TokenChoice

_PATIENCE = 330.0


@click.command("gpt-oss")
@click.argument("venv", required=False, metavar="[VENV]")
@click.option(
    "--service", "named", metavar="NAME|URL", default="metis", show_default=True, help="metis, sophia, or a URL."
)
@click.option("--model", metavar="NAME", default="", help="The model to ask; default: the gpt-oss that is listed.")
@click.option("--token-file", metavar="FILE", default="", help="A tokens.json, or a file with nothing but the token.")
@click.option("--token-env", metavar="VARIABLE", default="", help="The environment variable that holds the token.")
@click.option("--no-token", is_flag=True, help="Send none.")
@click.option("--max-tokens", metavar="N", type=click.IntRange(1, 131072), default=512, show_default=True)
@click.option(
    "--timeout", metavar="SECONDS", type=click.FloatRange(1, 3600), default=_PATIENCE, show_default=True,
    help="The longest wait for one answer.",
)  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", default="", help="Write the outcome to FILE.")
def command(
    venv: str | None,
    named: str,
    model: str,
    token_file: str,
    token_env: str,
    no_token: bool,
    max_tokens: int,
    timeout: float,
    form: str,
    output: str,
) -> int:
    """Ask gpt-oss a short question, after everything that could keep it from answering was looked at.

    VENV is the environment of your client programs: its packages are checked first, never run. The token is read from
    where the login programs keep it; it is never shown, saved, or sent to another host.
    Exit code: 0 it answers, 1 a rung failed, 2 usage, 3 nothing could be tried.
    """
    settings = current_settings()
    wish = Wish(
        service=_service(named, settings),
        model=model,
        environment=resolve_environment_path(venv) if venv else "",
        token=_choice(token_file, token_env, none=no_token),
        max_tokens=max_tokens,
        limits=Limits(total=timeout),
        rules=settings.rules,
    )
    live = form == "text" and output in ("", "-")
    page = page_for(settings, to_file=not live)
    if live:
        say(render_head(NAME, wish.service.title, page))
    ladder = climb_gpt_oss(
        wish,
        report=(lambda rung: say(render_rung(rung, page))) if live else _silent,
        watch=partial(progress, settings=settings),
    )
    if live:
        say(render_end(ladder, page))
    else:
        deliver(render_ladder_json(ladder) if form == "json" else render_ladder(ladder, page), output)
    return ladder.exit_code


def _silent(rung: Rung) -> None:
    """What is written at the end is not told before."""
    del rung


def _service(named: str, settings: Settings) -> Service:
    """The service that was named; raises ``UsageError`` for none, or when it may not be asked."""
    service = service_named(named)
    if settings.offline and urlsplit(service.base).hostname not in LOOPBACK:
        raise UsageError(f"--offline: {service.host} is not asked. Only a service on this machine can be tried so.")
    return service


def _choice(file: str, variable: str, *, none: bool) -> TokenChoice:
    if sum((bool(file), bool(variable), none)) > 1:
        raise UsageError("--token-file, --token-env and --no-token all say which token: give one of them.")
    return TokenChoice(file=file, variable=variable, none=none)
