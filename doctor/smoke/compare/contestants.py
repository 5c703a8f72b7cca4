"""The services of a comparison: their addresses, their model, a client for each."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from doctor.errors import DoctorError, UsageError
from doctor.smoke.compare.values import Contestant
from doctor.smoke.gpt_oss_models import choose_model, read_list_endpoints, read_models
from doctor.smoke.judging import Judge
from doctor.smoke.service_client import ServiceClient
from doctor.smoke.service_network import Limits
from doctor.smoke.services import Service, service_named
from doctor.smoke.tokens import TokenChoice, find_token


class NoModelError(DoctorError):
    """A service does not tell which model to ask, or lacks the one that was named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How services are asked; ``models`` and ``tokens`` by the name or address that was given, '' for all others."""

    models: Mapping[str, str]
    tokens: Mapping[str, TokenChoice]
    limits: Limits
    offline: bool = False
    rules: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A contestant, with the client that asks it and the context of its model (None: unknown)."""

    contestant: Contestant
    client: ServiceClient
    context: int | None


def enter(named: Sequence[str], entry: Entry) -> list[Entrant]:
    """All services, each asked for its models once.

    Raises ``UsageError`` for a service that is none, ``TokenError`` without a token, ``NoModelError`` when no model can
    be asked. A service that is named twice is compared with itself.
    """
    services = _services(named, entry)
    judge, entrants = Judge.load(tuple(entry.rules)), []
    for name, text, service in zip(_names(services), named, services, strict=True):
        token = find_token(service, entry.tokens.get(text, entry.tokens.get("", TokenChoice())), time.time())
        client = ServiceClient(
            service,
            token,
            judge=judge,
            limits=entry.limits,
            offline=entry.offline,
        )
        option = f"--model {text}=" if len(named) > 1 else "--model "
        model = _model(service, client, entry.models.get(text, entry.models.get("", "")), option)
        contestant = _contestant(name, service, model)
        entrants.append(Entrant(contestant=contestant, client=client, context=service.context))
    return entrants


def name_only(named: Sequence[str], entry: Entry) -> list[Contestant]:
    """The services with the model that the user named or that is usual there; nobody is asked."""
    services = _services(named, entry)
    models = (entry.models.get(text, entry.models.get("", "")) for text in named)
    return [
        _contestant(name, service, model or next(iter(service.models), "MODEL"))
        for name, service, model in zip(_names(services), services, models, strict=True)
    ]


def _services(named: Sequence[str], entry: Entry) -> list[Service]:
    """The services themselves; raises ``UsageError`` also when one token would be shown to two hosts."""
    services = [service_named(text) for text in named]
    for given in (entry.models, entry.tokens):
        unknown = [name for name in given if name and name not in named]
        if unknown:
            raise UsageError(f"{unknown[0]}=...: {unknown[0]} is none of the services {', '.join(named)}.")
    common = entry.tokens.get("", TokenChoice())
    hosts = {service.host for text, service in zip(named, services, strict=True) if text not in entry.tokens}
    if (common.file or common.variable) and len(hosts) > 1:
        raise UsageError(
            f"One token would be sent to {' and '.join(sorted(hosts))}: say whose it is, with SERVICE=... for each."
        )
    return services


def _names(services: Sequence[Service]) -> list[str]:
    """Their names, numbered where one is compared with itself."""
    times, met, names = Counter(service.name for service in services), Counter[str](), []
    for service in services:
        met[service.name] += 1
        names.append(f"{service.name}#{met[service.name]}" if times[service.name] > 1 else service.name)
    return names


def _contestant(name: str, service: Service, model: str) -> Contestant:
    return Contestant(
        name=name,
        title=service.title,
        base=service.base,
        root=service.root,
        model=model,
        batched=service.stream_batched,
        rate_per_second=service.rate_per_second,
    )


def _model(service: Service, client: ServiceClient, wanted: str, option: str) -> str:
    """The model to ask; one that the user names (by ``option``) is taken from a server that lists none."""
    reply = client.get("/list-endpoints") if service.root else client.get("/models", base=service.base)
    catalogue = read_list_endpoints(reply.data, service.cluster) if service.root else read_models(reply.data)
    if catalogue is None or not catalogue.models:
        if wanted:
            return wanted
        failure = reply.failure
        if failure and failure.kind == "network":  # a name would not help
            cure = failure.cures[0] if failure.cures else "look at the network"
            raise NoModelError(f"{service.title} cannot be asked: {failure.sentence}. {cure[:1].upper()}{cure[1:]}")
        why = f": {failure.sentence}" if failure else ""
        raise NoModelError(f"{service.title} does not list its models{why}. Name one: {option}NAME.")
    choice = choose_model(service, wanted, catalogue)
    if not choice.model:
        cure = choice.cures[0].replace("--model ", option) if choice.cures else ""
        raise NoModelError(f"{choice.sentence}. {cure}".strip())
    return choice.model


def smallest_context(entrants: Sequence[Entrant]) -> int | None:
    """Tokens that fit into every model whose context is known."""
    return min((entrant.context for entrant in entrants if entrant.context is not None), default=None)
