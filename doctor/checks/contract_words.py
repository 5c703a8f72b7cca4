"""Who is to blame for a failed import, and the words for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from doctor.checks.complaints import complained_of, refuses
from doctor.imports.entries import Offer
from doctor.imports.failures import Failure
from doctor.imports.owners import Owners
from doctor.model import Distribution, Environment, Evidence, Finding, Fix, Location, Safety, Severity
from doctor.rulebook.names import usual_distribution, usual_requirement

_SHOWN_CHAIN = 40


@dataclass(frozen=True, kw_only=True)
class Blame:
    """The distribution that breaks, and the one that lacks what it needs.

    ``internal``: both are the same, so its own files do not fit together. ``declared``: the importer requires the
    provider unconditionally. ``provider`` may be a name that is not installed.
    """

    failure: Failure
    importer: Distribution | None
    provider: Distribution | None
    provider_name: str
    path: str
    line: int
    internal: bool
    declared: str
    standard: str = ""  # what lacks something is this Python itself: its version
    intact: bool = False  # the failing file is as it was published
    complaint: bool = False  # the importer itself says whom it blames
    unmet: bool = False  # the installed provider is a version that the importer does not ask for

    @property
    def provider_installed(self) -> bool:
        """The distribution that should have the missing thing is there."""
        return self.provider is not None


def blame(failure: Failure, owners: Owners, environment: Environment) -> Blame:
    """Who asks, and who lacks, for the first failure behind what the user sees."""
    root = failure.root
    path, line = root.path, root.line
    provider = _provider(root, owners)
    importer = owners.of_file(path)
    if root.site_path and root.site_path != path and root.kind in {"raised", "attribute", "argument", "metadata"}:
        asker = owners.of_file(root.site_path)
        if asker is not None and asker is not importer and (root.kind == "raised" or asker is not provider):
            if root.kind == "raised":
                provider = importer
            if root.kind == "raised" or importer is provider:
                importer, path, line = asker, root.site_path, root.site_line
    blames = complained_of(root, importer, environment) if importer is not None and provider in {None, importer} else ""
    if blames:
        provider = environment.distribution(blames)
    name = blames or (provider.name if provider is not None else _provider_name(root, importer))
    declared = _declares(importer, name, environment)
    if provider is None and not blames:
        provider = owners.named(name)
    internal = importer is not None and importer is provider
    return Blame(
        failure=failure,
        importer=importer,
        provider=provider,
        provider_name=name,
        path=path,
        line=line,
        internal=internal,
        declared=declared,
        standard=_standard(root, provider, environment),
        complaint=bool(blames),
        unmet=provider is not None and not internal and refuses(declared, provider.version),
    )


_REMOVED = {
    "3.9": "dummy_threading _dummy_thread",
    "3.10": "formatter parser symbol macpath",
    "3.11": "binhex",
    "3.12": "asynchat asyncore distutils imp smtpd",
    "3.13": "aifc audioop cgi cgitb chunk crypt imghdr lib2to3 mailcap msilib nis nntplib ossaudiodev pipes sndhdr "
    "spwd sunau telnetlib uu xdrlib",
}
"""Modules that left the standard library, by the release without them ("What's New in Python", PEP 594, PEP 632)."""


def removed_in(module: str) -> str:
    """The first release of Python without a module that once was its own; '' for any other."""
    return next((release for release, names in _REMOVED.items() if module in names.split()), "")


def _standard(root: Failure, provider: Distribution | None, environment: Environment) -> str:
    interpreter = environment.interpreter
    top = root.provider.partition(".")[0]
    if interpreter is None or provider is not None or root.kind not in {"name", "attribute", "module", "argument"}:
        return ""
    return ".".join(interpreter.version.split(".")[:2]) if top in interpreter.stdlib or removed_in(top) else ""


def _provider(root: Failure, owners: Owners) -> Distribution | None:
    if root.kind in {"syntax", "native", "file"}:
        return owners.of_file(root.provider_path) or owners.of_file(root.path)
    if root.kind == "raised":
        return owners.of_file(root.path)
    if root.kind == "stdlib":
        return None
    if root.provider_path:
        return owners.of_place(root.provider_path)
    if root.kind == "metadata":
        return owners.named(str(canonicalize_name(root.symbol)))
    if root.kind == "module" and "." in root.symbol:
        return owners.of_module(root.symbol)
    return None


def _provider_name(root: Failure, importer: Distribution | None) -> str:
    if root.kind == "metadata":
        return str(canonicalize_name(root.symbol))
    shared = root.provider.count(".") + 1 if _is_namespace(root) else 0
    usual = usual_distribution(root.symbol, shared=shared)
    if importer is not None:
        wanted = {_name(r) for r in importer.requires}
        module = str(canonicalize_name(".".join(root.symbol.split(".")[: shared + 1])))
        for candidate in (usual, module, f"python-{module}", f"py{module}"):
            if candidate in wanted:
                return candidate
    return usual


def _is_namespace(root: Failure) -> bool:
    """The module that lacks something is a directory without ``__init__``: others may add to it."""
    return bool(root.provider_path) and not root.provider_path.endswith((".py", ".so", ".pyc"))


def _name(requirement: str) -> str:
    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
    return str(canonicalize_name(found[1])) if found else ""


def _declares(importer: Distribution | None, name: str, environment: Environment) -> str:
    """The requirement by which the importer asks for the provider ('' when there is none).

    One that belongs to an extra counts when the provider is installed: then the importer's metadata says that the two
    go together.
    """
    if importer is None:
        return ""
    markers: dict[str, Any] = {
        **default_environment(),
        **(environment.interpreter.markers if environment.interpreter else {}),
        "extra": "",
    }
    for text in importer.requires:
        if _name(text) != name:
            continue
        try:
            requirement = Requirement(text)
            wanted = f"{requirement.name}{requirement.specifier}"
            if requirement.marker is None or requirement.marker.evaluate(markers):
                return wanted
            extra = next((e for e in importer.extras if requirement.marker.evaluate({**markers, "extra": e})), None)
            if extra is not None and environment.distribution(name) is not None:
                return f"{wanted} (extra {extra})"
        except (InvalidRequirement, ValueError, KeyError):
            continue
    return ""


def describe(failure: Failure, blamed: Blame, met: tuple[Offer, ...], severity: Severity) -> Finding:
    """The finding for a failure."""
    root = failure.root
    importer = _pin(blamed.importer) or root.site_path or root.path
    subjects = [importer]
    if (
        not blamed.internal
        and not blamed.standard
        and (blamed.provider is not None or blamed.complaint or root.kind not in {"raised", "stdlib"})
    ):
        subjects.append(_pin(blamed.provider) or blamed.provider_name)
    return Finding(
        rule="import-contract",
        severity=severity,
        subjects=tuple(subjects),
        message=_headline(root, blamed),
        evidence=Evidence.STATIC,
        details=tuple(_details(failure, root, blamed, met)),
        symbol=root.symbol if root.kind != "raised" else root.module,
        where=Location(path=relative_place(blamed.path, blamed.importer), line=blamed.line or None),
        chain=failure.chain[:_SHOWN_CHAIN],
        fixes=tuple(_fixes(root, blamed)),
    )


def _pin(distribution: Distribution | None) -> str:
    return distribution.pin if distribution is not None else ""


def _shown(distribution: Distribution | None, otherwise: str) -> str:
    return f"{distribution.name} {distribution.version}" if distribution is not None else otherwise


def _headline(root: Failure, blamed: Blame) -> str:
    importer = _shown(blamed.importer, root.module if root.module != "<entry>" else "the command")
    provider = _shown(blamed.provider, blamed.provider_name)
    if root.kind == "syntax" and blamed.intact:
        return f"{importer} is not for this Python: {root.symbol} is no valid source there ({root.message})"
    if root.kind == "syntax":
        return f"{importer} is damaged: {root.symbol} is no valid Python ({root.message})"
    if root.kind == "native":
        return f"{provider} cannot be loaded: {root.message}"
    if blamed.internal:
        return f"{importer} is incomplete or mixed with another version: {_lack(root)}"
    if root.kind == "stdlib":
        return f"{importer} needs {root.symbol}, which this Python was built without"
    if blamed.standard:
        release = removed_in(root.symbol.partition(".")[0])
        since = f" (Python {release} removed it)" if release else ""
        return f"{importer} does not work with Python {blamed.standard}: {_lack(root)}{since}"
    if blamed.provider is None:
        what = provider if blamed.complaint or root.symbol == provider else f"{root.symbol} of {provider}"
        return f"{importer} needs {what}, which is not installed"
    if root.kind == "raised":
        return f"{importer} does not work with {provider}: {root.exception}: {_first_line(root.message)}"
    return f"{importer} does not work with {provider}: {_lack(root)}"


def _lack(root: Failure) -> str:
    if root.kind == "module":
        return f"there is no module {root.symbol}"
    if root.kind == "argument":
        return root.message
    if root.kind == "raised":
        return f"{root.exception}: {_first_line(root.message)}" if root.message else f"it raises {root.exception}"
    if root.kind == "file":
        return f"there is no file {root.symbol}"
    return f"{root.provider} has no {root.symbol.removeprefix(root.provider + '.')}"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]


def _details(failure: Failure, root: Failure, blamed: Blame, met: tuple[Offer, ...]) -> list[str]:
    out = [f"{root.exception}: {_first_line(root.message)}"] if root.message else []
    if failure is not root:
        said = _first_line(failure.message)
        out.append(f"the user sees: {failure.exception}{': ' if said else ''}{said}")
    if len(met) > 1:
        shown = ", ".join(dict.fromkeys(o.module for o in met[:3]))
        out.append(f"breaks {len(met)} entries: {shown}" + (" ..." if len(met) > 3 else ""))
    if blamed.declared and blamed.importer is not None and not blamed.internal:
        out.append(f"{blamed.importer.name} {blamed.importer.version} declares {blamed.declared}")
    return out


def relative_place(path: str, distribution: Distribution | None) -> str:
    """The path relative to its site directory, as findings show it."""
    base = (distribution.location if distribution is not None else "") + "/"
    if base != "/" and path.startswith(base):
        return path[len(base) :]
    head, found, tail = path.partition("/site-packages/")
    return tail if found else head


def _fixes(root: Failure, blamed: Blame) -> list[Fix]:
    importer = blamed.importer
    if blamed.standard or (root.kind == "syntax" and blamed.intact):
        return []
    if root.kind in {"syntax", "file"} or blamed.internal:
        owner = blamed.provider or blamed.importer
        return (
            [Fix(reinstall=(owner.pin,), safety=Safety.SAFE, because="its files are not as they were published")]
            if owner
            else []
        )
    if blamed.unmet and importer is not None:
        return [Fix(install=(blamed.declared,), safety=Safety.UNSAFE, because=f"{importer.name} asks for it")]
    usual = "" if blamed.complaint or root.kind != "module" else usual_requirement(root.symbol)
    if usual or (blamed.provider is None and (blamed.complaint or root.kind in {"module", "metadata"})):
        because = "it asks for it" if blamed.complaint else f"it brings {root.symbol}"
        return [Fix(install=(usual or blamed.declared or blamed.provider_name,), safety=Safety.UNSAFE, because=because)]
    return []
