"""The options of ``acdoctor compare gpt-oss`` as a table, and the values that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from doctor.errors import UsageError
from doctor.smoke.compare.columns import Columns
from doctor.smoke.compare.values import Terms
from doctor.smoke.tokens import TokenChoice

_MOST_TOKENS, _MOST_UNDER_WAY = 131072, 256  # the larger context of the two services; threads of one process

# flags, metavar or type, default, help; a default of None asks for nothing, one of False makes a switch
_TABLE: tuple[tuple[str, Any, Any, str], ...] = (
    ("--dataset", "NAME|FILE", ..., "A parquet, jsonl, json or csv file, or a name on the Hugging Face hub."),
    ("--services", "NAME,NAME", "metis,sophia", "metis, sophia, or addresses; the others are held against the first."),
    ("--model", "[SERVICE=]NAME", (), "The model to ask (repeatable); default: the gpt-oss that a service lists."),
    ("--n", click.IntRange(1, 10000), 32, "Prompts for each service at each level."),
    ("--concurrency", "N,N", "1,4,16", "Levels: how many requests are kept under way."),
    ("--column", "NAME", "", "The data set's column with the prompt; default: guessed and shown."),
    ("--answer-column", "NAME", "", "The column with the right answer."),
    ("--template", "TEXT", "", "The prompt with {column} in it, such as 'Sum up: {article}'."),
    ("--subset", "NAME", "", "The configuration of a data set on the hub."),
    ("--split", "NAME", "", "Its split; default: test, else validation, else train."),
    ("--max-tokens", click.IntRange(1, _MOST_TOKENS), 512, "Reasoning and answer together."),
    ("--temperature", click.FloatRange(0, 2), 0.0, "Of the answers."),
    ("--seed", click.INT, 1, "For the choice of prompts and for the services."),
    ("--effort", click.Choice(["low", "medium", "high"]), "low", "How much the model reasons."),
    ("--no-stream", None, False, "Ask for answers in one piece; no times to first tokens then."),
    ("--warm-up", click.IntRange(1, 20), 2, "Requests to each service before measuring."),
    ("--plain", click.IntRange(0, 1000), 8, "Further prompts without streaming, for the services' own numbers."),
    ("--retries", click.IntRange(0, 10), 2, "How often a failed request is repeated, where that may help."),
    ("--rate", click.FloatRange(0.01, 1000), None, "Requests per second at most; a service's own limit counts anyway."),
    ("--timeout", click.FloatRange(1, 3600), 330.0, "Seconds: the longest wait for one answer."),
    ("--patience", click.FloatRange(0, 7200), 900.0, "Seconds: the longest wait for a cold model."),
    ("--run-dir", "DIR", "", "Where everything is kept; default: a folder named after data set and plan."),
    ("--fresh", None, False, "Begin anew; the requests of an earlier run are set aside."),
    ("--export", "DIR", "", "Only write the prompts for guidellm and aiperf into DIR; nothing is measured."),
    ("--token-file", "[SERVICE=]FILE", (), "A tokens.json, or a file with nothing but the token (repeatable)."),
    ("--token-env", "[SERVICE=]VARIABLE", (), "The environment variable that holds the token (repeatable)."),
    ("--no-token", None, False, "Send none."),
    ("--format", click.Choice(["text", "json", "html"]), "text", "The form of the outcome."),
    ("-o,--output", "FILE", "", "Write the outcome to FILE."),
)
Given = Mapping[str, Any]


def options() -> list[click.Parameter]:
    """The table as click's options."""
    return list(map(_option, *zip(*_TABLE, strict=True)))


def _option(flags: str, kind: Any, default: Any, text: str) -> click.Option:
    many = default == ()
    return click.Option(
        flags.split(","),
        metavar=kind if isinstance(kind, str) else None,
        type=None if isinstance(kind, str) else kind,
        required=default is ...,
        default=None if default is ... or many else default,
        multiple=many,
        is_flag=default is False,
        show_default=not isinstance(default, bool) and default not in ("", None, (), ...),
        help=text,
    )


def services_of(given: Given) -> list[str]:
    """The names and addresses; raises ``UsageError`` for none."""
    named = [text.strip() for text in given["services"].split(",") if text.strip()]
    if not named:
        raise UsageError("--services wants metis, sophia or addresses, with commas between them.")
    return named


def terms_of(given: Given) -> Terms:
    """What is the same for all services; raises ``UsageError``."""
    return Terms(
        levels=_levels(given["concurrency"]),
        max_tokens=given["max_tokens"],
        temperature=given["temperature"],
        seed=given["seed"],
        effort=given["effort"],
        stream=not given["no_stream"],
        warm_up=given["warm_up"],
        plain=given["plain"],
        retries=given["retries"],
        rate=given["rate"],
        patience=given["patience"],
    )


def columns_of(given: Given) -> Columns:
    """The columns that the user named."""
    return Columns(prompt=given["column"], answer=given["answer_column"], template=given["template"])


def tokens_of(given: Given) -> dict[str, TokenChoice]:
    """Which token is meant, by service, '' for all others; raises ``UsageError`` for two of one service."""
    files = by_service("--token-file", given["token_file"])
    variables = by_service("--token-env", given["token_env"])
    if files.keys() & variables.keys() or (given["no_token"] and (files or variables)):
        raise UsageError("--token-file, --token-env and --no-token all say which token: give one of them.")
    found = {service: TokenChoice(file=file) for service, file in files.items()}
    found |= {service: TokenChoice(variable=variable) for service, variable in variables.items()}
    return found or {"": TokenChoice(none=given["no_token"])}


def by_service(option: str, texts: Sequence[str]) -> dict[str, str]:
    """``SERVICE=WORD`` by service, '' for a bare word, which is for all others; raises ``UsageError``."""
    found: dict[str, str] = {}
    for text in texts:
        service, sign, word = text.rpartition("=")
        if not word or (sign and not service) or service in found:
            raise UsageError(f"{option} wants one word, or SERVICE=WORD for each service, not {text!r}.")
        found[service] = word
    return found


def _levels(text: str) -> tuple[int, ...]:
    """The levels in the order given, each once."""
    try:
        levels = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        levels = ()
    if not levels or not all(1 <= level <= _MOST_UNDER_WAY for level in levels):
        raise UsageError(
            f"--concurrency wants numbers from 1 to {_MOST_UNDER_WAY} with commas between them, not {text!r}."
        )
    return levels
