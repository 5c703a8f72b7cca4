"""One exception, understood: who imported or called what, at which level, and what was not there."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from doctor.triage.asking import asked_for, bounded, moved, name_of, removed
from doctor.triage.missing import Missing, is_import, read_given, read_missing, signature_callable
from doctor.triage.owners import DISTRIBUTION, PROJECT, STDLIB, Names, Owner
from doctor.triage.traceback import Frame, Raised
from doctor.triage.versions import normal

NOWHERE = "unknown location"
"""What Python says of a package without a file: a directory that several distributions may share (PEP 420)."""
_RUNS_A_FILE = ("runpy.py",)
_IMPORT_ERRORS = ("ImportError", "ModuleNotFoundError", "zipimport.ZipImportError")
_ASKING = (
    "ImportError",
    "RuntimeError",
    "ValueError",
    "NotAvailable",
    "DependencyError",
    "NotInstalled",
    "NotInstalledError",
)
_HOOKED = re.compile(r"\b(?:import_module|__import__|load_library|importlib)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A frame with its owner."""

    frame: Frame
    owner: Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An exception understood.

    ``level`` is ``import`` when an import statement was executing in some frame, else ``call``. ``innermost`` is
    the last frame that is not the standard library's; ``third_party`` the last one of a distribution; ``own`` the
    last one of the user's code. ``importer`` and ``provider`` are distributions ('' when the text does not tell,
    ``project`` for the user's code).
    """

    raised: Raised
    level: str
    places: tuple[Place, ...] = ()
    missing: Missing | None = None
    importer: str = ""
    provider: str = ""

    @property
    def innermost(self) -> Place | None:
        """The last frame that is not the standard library's."""
        return next((p for p in reversed(self.places) if p.owner.kind != STDLIB), None)

    @property
    def third_party(self) -> Place | None:
        """The last frame in a distribution's file."""
        return next((p for p in reversed(self.places) if p.owner.kind == DISTRIBUTION), None)

    @property
    def own(self) -> Place | None:
        """The last frame in the user's own code."""
        return next((p for p in reversed(self.places) if p.owner.kind == PROJECT), None)

    @property
    def chain(self) -> tuple[str, ...]:
        """The modules and files on the way to the failure, each once, outermost first."""
        names: list[str] = []
        for place in self.places:
            name = _module(place.owner)
            if place.owner.kind != STDLIB and (not names or names[-1] != name):
                names.append(name)
        return tuple(names)


def read(raised: Raised, names: Names) -> Reading:
    """Understand one exception."""
    places = tuple(Place(frame=frame, owner=names.of_path(frame.path)) for frame in raised.frames)
    reading = Reading(raised=raised, level=_level(raised, places), places=places)
    innermost = reading.innermost
    source = innermost.frame.source if innermost else ""
    missing = read_missing(raised.message, source) or next(
        (found for line in raised.more if (found := read_missing(line))), None
    )
    if missing and missing.kind == "signature" and not missing.keyword:
        missing = replace(missing, given=read_given(source, missing.callable.rpartition(".")[2]))
    missing = _of_a_namespace(missing or _told(raised, reading), names)
    if missing and missing.kind == "module" and missing.module and source.lstrip().startswith(("from .", "import .")):
        missing = replace(missing, partial=False)
    importer = _importer(reading, missing, names)
    return replace(reading, missing=missing, importer=importer, provider=_provider(reading, missing, names))


def _of_a_namespace(missing: Missing | None, names: Names) -> Missing | None:
    """A name not found in a directory that several distributions share is the module that one of them brings."""
    if missing and missing.kind == "name" and missing.file == NOWHERE:
        module = f"{missing.module}.{missing.symbol}"
        if module in names.modules:
            return Missing(kind="module", module=module, file=NOWHERE)
    return missing


def _told(raised: Raised, reading: Reading) -> Missing | None:
    """What a package's own words say is missing: a requirement, a bound, a name that it gave up."""
    found = bounded(raised.text)
    third = reading.third_party
    if found is None and third and (since := removed(raised.text.strip())):
        need = f"{third.owner.name}<{since[1]}"
        return Missing(kind="removed", module=third.owner.name, symbol=since[0], need=need)
    place = next((p for p in reversed(reading.places) if p.frame.function == "__getattr__"), third)
    of_module = place is not third or raised.exception.endswith(("AttributeError", "ImportError"))
    if found is None and place and of_module and (gone := moved(raised.text.strip())):
        return Missing(kind="attribute", module=gone[0] or _module(place.owner), symbol=gone[1])
    bare = raised.exception.rpartition(".")[2]
    at_import = bare in _IMPORT_ERRORS
    if found is None and (at_import or bare.endswith(_ASKING)):
        own = {p.owner.name for p in reading.places}
        asked = asked_for(raised.text, at_import=at_import)
        foreign = [need for need in asked if normal(name_of(need)) not in own]
        needs = foreign or [need for need in asked if "[" in need]  # its own extra brings what it lacks
        if needs:
            found = Missing(kind="distribution", module=name_of(needs[0]), need=needs[0])
    return found


def _level(raised: Raised, places: tuple[Place, ...]) -> str:
    """Whether an import was executing in some frame."""
    for position, place in enumerate(places):
        source, last = place.frame.source, position + 1 == len(places)
        if is_import(source):
            return "import"
        following = None if last else places[position + 1]
        runs = place.owner.file.endswith(_RUNS_A_FILE) or "exec(" in source or place.frame.path.startswith("<string")
        if following and following.frame.function == "<module>" and not runs:
            return "import"
        if "importlib" in place.frame.path and not last:
            return "import"
    if places and places[-1].frame.source.startswith(("from ", "import ")):
        return "import"
    bare = raised.exception.rpartition(".")[2]
    return "import" if bare in _IMPORT_ERRORS and (not places or not places[-1].frame.source) else "call"


def _importer(reading: Reading, missing: Missing | None, names: Names) -> str:
    """Who asked: the binary that lacks a symbol, else the owner of the innermost frame."""
    if missing and missing.kind == "undefined_symbol" and missing.file:
        owner = names.of_path(missing.file)
        if owner.kind == DISTRIBUTION:
            return owner.name
    innermost = reading.innermost
    if innermost is None:
        return ""
    if missing and missing.kind == "attribute" and missing.module and innermost.frame.function == "__getattr__":
        # A module's own __getattr__ (PEP 562) says no: who asked is the frame before.
        caller = next((p for p in reversed(reading.places[:-1]) if p.owner.kind != STDLIB), None)
        if caller and innermost.owner.name == names.of_module(missing.module):
            innermost = caller
    return innermost.owner.name if innermost.owner.kind == DISTRIBUTION else PROJECT


def _provider(reading: Reading, missing: Missing | None, names: Names) -> str:
    """Who should have had it."""
    if missing is None:
        return ""
    module = missing.module or ""
    if missing.kind in ("version", "removed"):
        return normal(re.split(r"[<>=!~ \[;]", missing.need, maxsplit=1)[0])
    if missing.kind == "distribution":
        return normal(module)
    if missing.kind == "signature":
        return _called(reading, names)
    owner = names.of_path(missing.file) if missing.file and missing.kind == "name" else None
    if owner and owner.kind == DISTRIBUTION:
        return owner.name
    told = missing.kind in ("module", "name") or (missing.kind == "attribute" and not missing.on_object)
    return names.of_module(module) if told else ""


def _called(reading: Reading, names: Names) -> str:
    """The distribution of the callable, when the message or the source names its module."""
    whole = signature_callable(reading.raised.message)
    innermost = reading.innermost
    if innermost is None or "." not in whole:
        return ""
    match = re.search(
        rf"\b([A-Za-z_]\w{{0,60}}(?:\.\w{{1,60}}){{1,6}})\.{re.escape(whole.split('.')[0])}\(", innermost.frame.source
    )
    return names.of_module(match[1]) if match and match[1].split(".")[0] in names.modules else ""


def _module(owner: Owner) -> str:
    """A frame's file as a module where it lies in a distribution, else the file."""
    if owner.kind != DISTRIBUTION or not owner.file.endswith(".py"):
        return owner.file
    return owner.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
