"""A module, a name, an attribute or a parameter that is not there: who moved, and which versions fit together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from doctor.model import Fix, Severity
from doctor.rulebook.names import stand_in
from doctor.triage.diagnosis import (
    CERTAIN,
    FREEZE,
    LIKELY,
    POSSIBLE,
    Diagnosis,
    Knowledge,
    Verdict,
    diagnosed,
    finding,
    install,
    is_distribution,
    pinned,
    spoken,
)
from doctor.triage.lookup import Lookup, Offer, Use
from doctor.triage.missing import Missing
from doctor.triage.owners import PROJECT, is_standard
from doctor.triage.reading import Reading
from doctor.triage.versions import Versions, normal
from doctor.triage.whose import owner_of
from doctor.triage.yours import hidden, hides

_VERBS = {"module": "imports", "name": "imports", "signature": "calls"}
_RULES = {"module": "missing-module", "signature": "changed-signature", "name": "missing-name"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What the index says: versions of the provider, and the version of the importer that does without.

    ``guessed``: the message does not tell the provider, it was found by the name of a class. ``rival``: a distribution
    that brings a module of the same name, and is not the one that is meant by it.
    """

    offer: Offer | None = None
    mended: str = ""
    provider: str = ""
    guessed: bool = False
    rival: str = ""


def by_name(reading: Reading, missing: Missing, knowledge: Knowledge, versions: Versions) -> Diagnosis:
    """What it means that something was not there, with the versions that have it or do without it."""
    if missing.module and is_standard(missing.module) and not is_distribution(reading.provider):
        return _standard_library(reading, missing, knowledge, versions)
    found = _asked(reading, missing, knowledge, versions)
    reading = replace(reading, provider=found.provider)
    details, fixes = _cures(found, reading, missing, versions)
    told = versions.of(found.provider) if found.provider else versions.of(reading.importer)
    conclusion = finding(
        _RULES.get(missing.kind, "missing-attribute"),
        Severity.ERROR,
        subjects_of(reading, versions),
        f"{who(reading, versions)} {_VERBS.get(missing.kind, 'uses')} {missing.dotted}, "
        f"{_lacks(found.provider, missing, versions)}",
        reading,
    )
    return diagnosed(
        reading,
        replace(conclusion, details=details, fixes=fixes),
        Verdict(
            _category(missing, found.offer, versions.of(found.provider)),
            _sure(found, fixes, told=bool(told)),
            "the wheels of the index were read" if fixes else "the message names what is missing, not since when",
        ),
        ask="" if fixes and told else FREEZE,
    )


def _sure(found: _Found, fixes: tuple[Fix, ...], *, told: bool) -> str:
    """A version that nobody told and that would have to be many years old is hardly the reason."""
    if fixes and told:
        return CERTAIN
    if found.guessed or found.rival:
        return POSSIBLE
    if found.offer and (found.offer.aged or found.offer.hazy or (found.offer.above and found.offer.below)):
        return POSSIBLE  # without the version it is not told on which side of the gap it is
    return LIKELY if fixes or found.provider else POSSIBLE


def who(reading: Reading, versions: Versions) -> str:
    """The one who asked, as a sentence names it."""
    if is_distribution(reading.importer):
        return spoken(reading.importer, versions)
    return "your own code" if reading.importer == PROJECT else "the program"


def subjects_of(reading: Reading, versions: Versions) -> tuple[str, ...]:
    """Who asked and who should have had it, with their versions where these are told."""
    names = [name for name in (reading.importer, reading.provider) if is_distribution(name)]
    return tuple(dict.fromkeys(pinned(name, versions) for name in names))


def _asked(reading: Reading, missing: Missing, knowledge: Knowledge, versions: Versions) -> _Found:
    """What the index's wheels say about both sides."""
    lookup, provider = knowledge.lookup, reading.provider
    if lookup is None:
        return _Found(provider=provider)
    offer = None
    guessed = not is_distribution(provider)
    if guessed and (module := _imported_from(reading, missing, lookup, versions)):
        provider, missing = knowledge.names.of_module(module), replace(missing, module=module)
        guessed = not is_distribution(provider)
    if guessed:
        provider = owner_of(reading, missing, knowledge, versions)
    if is_distribution(provider) and (missing.kind != "signature" or missing.keyword or missing.given):
        offer = lookup.offer(provider, missing, versions.of(provider), versions.python)
        top = (missing.module or "").split(".", maxsplit=1)[0]
        if (
            offer is None
            and missing.kind == "attribute"
            and not missing.on_object
            and not versions.of(provider)
            and lookup.exists(provider, top) is False
        ):
            provider = ""  # a variable that only looks like a module
    mended = ""
    use = _use(reading, missing)
    if use and not (offer and offer.above):
        mended = lookup.mended(reading.importer, use, versions.of(reading.importer), versions.python)
    rival = "" if offer or mended or guessed or versions.of(provider) else _rival(provider, missing, lookup)
    return _Found(offer=offer, mended=mended, provider=provider, guessed=guessed and bool(provider), rival=rival)


def _rival(provider: str, missing: Missing, lookup: Lookup) -> str:
    """A distribution called as the module is, which another one is known for: ``jwt`` beside PyJWT."""
    top = (missing.module or "").partition(".")[0]
    name = normal(top)
    known_for_it = is_distribution(provider) and bool(top) and name != provider
    return name if known_for_it and missing.kind in ("name", "attribute") and lookup.exists(name, top) else ""


def _imported_from(reading: Reading, missing: Missing, lookup: Lookup, versions: Versions) -> str:
    """The module from which the file that calls has the function or class, by its own import statements."""
    place = reading.innermost
    if missing.kind != "signature" or place is None or not is_distribution(reading.importer):
        return ""
    version = versions.of(reading.importer)
    return lookup.origin(reading.importer, place.owner.file, missing.callable.partition(".")[0], version)


def _use(reading: Reading, missing: Missing) -> Use | None:
    """The statement that failed, when it is a distribution's."""
    place = reading.innermost
    if place is None or not is_distribution(reading.importer) or reading.importer == reading.provider:
        return None
    if place.owner.name != reading.importer:
        place = reading.third_party
    if place and missing.on_object and (missing.symbol or "") not in place.frame.source:
        return None  # frames were left out: the statement that failed is not among those shown
    if place is None or not place.owner.file.endswith(".py") or place.owner.name != reading.importer:
        return None
    return Use(file=place.owner.file, source=place.frame.source, missing=missing)


def _lacks(provider: str, missing: Missing, versions: Versions) -> str:
    if missing.kind == "signature":
        return "which does not accept these arguments"
    return f"which {spoken(provider, versions)} does not have" if is_distribution(provider) else "which is not there"


def _category(missing: Missing, offer: Offer | None, version: str) -> str:
    if missing.kind == "module":
        return "missing_module"
    return "api_missing" if offer and offer.above and (not offer.below or _upwards(offer, version)) else "api_removed"


def _upwards(offer: Offer, version: str) -> bool:
    """Of a version on each side, the newer one is of the same major release as the one in use."""
    return bool(version) and offer.above.partition(".")[0] == version.partition(".")[0]


def _cures(
    found: _Found, reading: Reading, missing: Missing, versions: Versions
) -> tuple[tuple[str, ...], tuple[Fix, ...]]:
    """What the versions say, and what to install: the provider as near as can be, else a newer importer."""
    details, fixes = [], []
    offer, importer = found.offer, reading.importer
    if offer and offer.below:
        details.append(f"{missing.dotted} was last there in {offer.provider} {offer.below}")
        because = f"the last version that has {missing.dotted}"
        fixes.append(install(f"{offer.provider}=={offer.below}", because=because))
    if offer and offer.above:
        details.append(f"{missing.dotted} is there from {offer.provider} {offer.above} on")
        because = f"the first version after yours that has {missing.dotted}"
        fixes.append(install(f"{offer.provider}>={offer.above}", because=because))
        if _upwards(offer, versions.of(offer.provider)):
            fixes.reverse()
    if offer and not (offer.above or offer.below):
        details.append(f"none of the versions looked at has it: {', '.join(offer.looked[:8])}")
    if found.rival:
        details.append(f"{found.rival} is another distribution that brings a module {missing.module}")
        because = f"if python -m pip list shows {found.rival}"
        command = f"python -m pip uninstall -y {found.rival}; python -m pip install --force-reinstall {found.provider}"
        fixes.append(replace(install(found.provider, because=because), install=(), command=command))
    if found.mended:
        details.append(f"{importer} does without it from {found.mended} on")
        because = f"the first {importer} whose file does not ask for {missing.symbol or missing.dotted}"
        fixes.append(install(f"{importer}>={found.mended}", because=because))
    return tuple(details), tuple(fixes)


def _standard_library(reading: Reading, missing: Missing, knowledge: Knowledge, versions: Versions) -> Diagnosis:
    """Something of the standard library: this Python has it no more, or not yet, or a file of the user hides it."""
    if hides(reading, missing):
        return hidden(reading, missing)
    use, python = _use(reading, missing), versions.python
    mended = ""
    if use and knowledge.lookup:
        mended = knowledge.lookup.mended(reading.importer, use, versions.of(reading.importer), python)
    name = "Python " + python if python else "this Python"
    found = finding(
        "python-version",
        Severity.ERROR,
        subjects_of(reading, versions),
        f"{who(reading, versions)} uses {missing.dotted} of the standard library, which {name} does not have",
        reading,
    )
    fixes = (
        [install(f"{reading.importer}>={mended}", because=f"the first {reading.importer} whose file does without it")]
        if mended
        else []
    )
    if standin := stand_in(missing.module or ""):
        fixes.append(install(standin, because=f"brings {missing.module} back, which Python gave up"))
    own = reading.importer == PROJECT
    return diagnosed(
        reading,
        replace(found, fixes=tuple(fixes)),
        Verdict(
            "python_version",
            CERTAIN if fixes and versions.of(reading.importer) else LIKELY,
            "the name belongs to Python's own library",
        ),
        ask="" if python and fixes else "python --version; python -m pip freeze",
        advice=(
            f"is there a file {(missing.module or '').split('.')[0]}.py beside your script? it would hide Python's own"
            if own
            else f"a newer {reading.importer} may do without it; else an older Python, in an environment of its own",
        ),
    )
