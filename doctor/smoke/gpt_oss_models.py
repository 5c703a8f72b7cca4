"""Which name a model has at a service: what the service lists, what the user asked for, what was meant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from doctor.smoke.services import SERVICES, Service

_FAMILY = "gpt-oss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What a service offers.

    ``models``: names at the cluster asked; ``elsewhere``: cluster -> names at the others; ``routes``: paths below it.
    """

    models: tuple[str, ...]
    elsewhere: Mapping[str, tuple[str, ...]]
    routes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What the models of a cluster do now: names that run, that wait for a machine, and that are stopped."""

    running: tuple[str, ...] = ()
    queued: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The model to ask ('' when there is none), and a sentence; ``meant`` is the name to use instead of a wrong one."""

    model: str
    sentence: str
    meant: str = ""
    cures: tuple[str, ...] = ()
    guessed: bool = False


def read_list_endpoints(data: Any, cluster: str) -> Catalogue | None:
    """The answer of ``/list-endpoints``; None when it has another form. ``endpoints`` may be a list or a mapping."""
    clusters = data.get("clusters") if isinstance(data, dict) else None
    if not isinstance(clusters, dict):
        return None
    found = {str(name): _models_of(value) for name, value in clusters.items()}
    own = clusters.get(cluster)
    routes = _routes_of(own) if isinstance(own, dict) else ()
    others = {name: models for name, models in found.items() if name != cluster}
    return Catalogue(models=found.get(cluster, ()), elsewhere=others, routes=routes)


def read_models(data: Any) -> Catalogue | None:
    """The answer of an OpenAI server's ``/models``; None when it has another form."""
    entries = data.get("data") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        return None
    names = (entry.get("id") for entry in entries if isinstance(entry, dict))
    return Catalogue(models=tuple(sorted({name for name in names if isinstance(name, str)})), elsewhere={})


def read_jobs(data: Any) -> Activity | None:
    """The answer of ``/CLUSTER/jobs``; ``Models`` is one name or several with commas; None for another form."""
    if not isinstance(data, dict) or not isinstance(data.get("running"), list):
        return None
    return Activity(**{state: _names(data.get(state)) for state in ("running", "queued", "stopped")})


def choose_model(service: Service, wanted: str, catalogue: Catalogue) -> Choice:
    """The model to ask, by what the service lists; a wrong name is explained and its successor suggested."""
    if not wanted:
        return _usual(service, catalogue)
    if wanted in catalogue.models:
        return Choice(model=wanted, sentence=f"{wanted} is on the list of {service.title}")
    meant = _meant(service, wanted, catalogue.models)
    cures = (f"--model {meant}",) if meant else tuple(f"--model {name}" for name in catalogue.models[:5])
    home = next((name for name, models in catalogue.elsewhere.items() if wanted in models), "")
    if meant and service.renamed.get(wanted) == meant:
        sentence = f"{wanted} was renamed: {service.title} calls it {meant} now"
    elif home:
        sentence = f"{wanted} is a name of {_title(home)}; " + (
            f"{service.title} calls it {meant}" if meant else f"{service.title} does not have this model"
        )
        cures = (*cures, f"--service {home}")
    elif meant:
        sentence = f"{service.title} has no model {wanted}; it lists {meant}"
    else:
        sentence = f"{service.title} has no model {wanted}"
    return Choice(model="", sentence=sentence, meant=meant, cures=cures)


def _usual(service: Service, catalogue: Catalogue) -> Choice:
    """The usual gpt-oss of a service, by the table or by what its name says."""
    for name in service.models:
        if name in catalogue.models:
            return Choice(model=name, sentence=f"{name} is on the list of {service.title}")
    family = [name for name in catalogue.models if _FAMILY in name.lower()]
    if family:
        best = max(family, key=_size)
        return Choice(
            model=best,
            sentence=f"{service.title} lists {best}, a name that is new to the doctor",
            cures=(f"--model {best}   names it in your own programs, too",),
            guessed=True,
        )
    listed = ", ".join(catalogue.models[:5]) or "nothing"
    sentence = f"{service.title} lists no gpt-oss now (it lists {listed})"
    return Choice(model="", sentence=sentence, cures=("--model NAME   asks another one of the list",))


def _meant(service: Service, wanted: str, models: Sequence[str]) -> str:
    """The listed name that a wrong one most likely stands for ('' when none is near)."""
    successor = service.renamed.get(wanted, "")
    if successor in models:
        return successor
    bare = {_bare(name): name for name in models}
    if _bare(wanted) in bare:
        return bare[_bare(wanted)]
    near = get_close_matches(_bare(wanted), list(bare), n=1, cutoff=0.6)
    return bare[near[0]] if near else ""


def _bare(name: str) -> str:
    """A name without owner, case and the context length that some names carry."""
    name = name.rpartition("/")[2].lower()
    return re.sub(r"-(?:131k|131072|128k|65536)$", "", name)


def _size(name: str) -> int:
    """Billions of parameters that a name tells (0 when none)."""
    found = re.search(r"(\d{1,5})b\b", name.lower())
    return int(found[1]) if found else 0


def _title(cluster: str) -> str:
    return SERVICES[cluster].title if cluster in SERVICES else cluster


def _models_of(cluster: Any) -> tuple[str, ...]:
    frameworks = cluster.get("frameworks") if isinstance(cluster, dict) else None
    if not isinstance(frameworks, dict):
        return ()
    lists = (entry.get("models") for entry in frameworks.values() if isinstance(entry, dict))
    return tuple(
        sorted({name for names in lists if isinstance(names, list) for name in names if isinstance(name, str)})
    )


def _routes_of(cluster: Mapping[str, Any]) -> tuple[str, ...]:
    frameworks = cluster.get("frameworks")
    if not isinstance(frameworks, dict):
        return ()
    found = []
    for name, entry in frameworks.items():
        endpoints = entry.get("endpoints") if isinstance(entry, dict) else None
        paths = endpoints.values() if isinstance(endpoints, dict) else endpoints if isinstance(endpoints, list) else ()
        found += [f"/{name}/{path.strip('/')}" for path in paths if isinstance(path, str)]
    return tuple(sorted(found))


def _names(entries: Any) -> tuple[str, ...]:
    """The names of one state; entries may hold a list of names, or one text with commas."""
    found: list[str] = []
    for entry in entries if isinstance(entries, list) else ():
        models = entry.get("Models") if isinstance(entry, dict) else None
        texts = models.split(",") if isinstance(models, str) else models if isinstance(models, list) else ()
        found += [text.strip() for text in texts if isinstance(text, str) and text.strip()]
    return tuple(dict.fromkeys(found))
