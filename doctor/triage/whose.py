"""Which distribution brings a class or a function that a message names without saying where it is from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from packaging.requirements import InvalidRequirement, Requirement

from doctor.triage.diagnosis import Knowledge, is_distribution
from doctor.triage.missing import Missing
from doctor.triage.owners import DISTRIBUTION, is_standard
from doctor.triage.reading import Reading
from doctor.triage.versions import Versions, normal

_ASKED = 8
"""So many distributions are read."""
_TELLING = 5
"""Letters of a name before a dot that is rather a module than a variable."""
_LOOKED_AT = 30
"""Of so many the names of their files are looked at."""
_CALLED = re.compile(r"\b([A-Za-z_]\w{0,60})\.\w")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")


def owner_of(reading: Reading, missing: Missing, knowledge: Knowledge, versions: Versions) -> str:
    """The first distribution that has the class or function, '' when none of those that come into question has it."""
    lookup = knowledge.lookup
    if lookup is None or not (missing.on_object or missing.keyword):
        return ""
    candidates = list(islice(dict.fromkeys(_candidates(reading, missing, knowledge, versions)), _LOOKED_AT))
    if missing.callable.rpartition(".")[2].startswith("__") and not missing.owner:
        # A Python that does not tell the class: which of them took such a keyword once?
        asked = (n for n in candidates[:_ASKED] if lookup.offer(n, missing, versions.of(n), versions.python))
        return next(asked, "")
    alike = [n for n in candidates if missing.owner and lookup.named_alike(n, missing, versions.of(n), versions.python)]
    asked_of = dict.fromkeys([*alike, *candidates[:_ASKED]])
    return next((n for n in asked_of if lookup.defines(n, missing, versions.of(n), versions.python)), "")


def _candidates(reading: Reading, missing: Missing, knowledge: Knowledge, versions: Versions) -> Iterator[str]:
    """Those whose name or frames speak for them, then what is said to be installed and what the importer requires."""
    names = knowledge.names
    words = {word.lower() for word in _WORDS.findall(missing.owner)}
    alike = names.of_module(missing.owner.lower()) if missing.owner else ""
    if alike in versions.known or alike in names.known:
        yield alike
    for place in reversed(reading.places):
        for root in _CALLED.findall(place.frame.source):
            if root in names.modules or normal(root) in versions.known:
                yield names.of_module(root)
        if place.owner.kind == DISTRIBUTION:
            yield place.owner.name
    required = list(_required(reading, knowledge, versions))
    yield from (name for name in required if name in versions.known or name in reading.importer)
    yield from sorted(versions.known, key=lambda name: (-len(words & set(name.split("-"))), name))
    yield from required
    for place in reversed(reading.places):
        for root in _CALLED.findall(place.frame.source):
            if len(root) >= _TELLING and not is_standard(root) and root not in ("self", "cls"):
                yield normal(root)


def _required(reading: Reading, knowledge: Knowledge, versions: Versions) -> Iterator[str]:
    """What the importer requires, those first whose name is in it: pytest-asyncio is about pytest."""
    importer = reading.importer
    if not is_distribution(importer) or is_standard(importer) or knowledge.lookup is None:
        return
    texts = knowledge.lookup.requires(importer, versions.of(importer)) or ()
    found: list[str] = []
    optional: list[str] = []
    for text in texts:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        extra = requirement.marker is not None and "extra" in str(requirement.marker)
        (optional if extra else found).append(normal(requirement.name))
    yield from found
    yield from optional
