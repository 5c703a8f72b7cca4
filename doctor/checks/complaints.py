"""Whom a package's own words blame: ``raise ImportError("Please upgrade numpy to >= 2.0.2")``.

Code that checks its dependencies by itself raises in its own file, so the traceback points at the wrong distribution.
The message is believed where the environment agrees with it: the named distribution is not there, or is there in a
version that the message tells or that the declared requirement does not allow. What a rule says (``trusted``) needs no
declared requirement.
"""

from __future__ import annotations

import re

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from doctor.imports.failures import Failure
from doctor.model import Distribution, Environment

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[._-][A-Za-z0-9]+)*")
_ASKS = re.compile(
    r"\b(?:install(?:ed|ing)?|requires?|required|needs?|needed|depends?|dependency|missing|not found|upgrade)\b",
    re.IGNORECASE,
)


def complained_of(root: Failure, importer: Distribution, environment: Environment) -> str:
    """The normalized name of the distribution that the message of a raised exception blames; '' when it blames none."""
    if root.kind != "raised" or not root.message:
        return ""
    required = {name: text for text in importer.requires if (name := _name(text))}
    for word in dict.fromkeys(str(canonicalize_name(w)) for w in _WORD.findall(root.message)):
        if word == importer.name:
            continue
        installed = environment.distribution(word)
        if installed is not None and installed.kind != "assumed":
            told = installed.version in root.message
            if (told and root.trusted) or (word in required and (told or refuses(required[word], installed.version))):
                return word
        elif installed is None and word in required and _ASKS.search(root.message):
            return word
    return ""


def _name(text: str) -> str:
    found = _WORD.match(text.strip())
    return str(canonicalize_name(found[0])) if found else ""


def refuses(text: str, version: str) -> bool:
    """A requirement (PEP 508) that the version does not meet; one that cannot be read refuses nothing."""
    try:
        return not Requirement(text).specifier.contains(version, prereleases=True)
    except (InvalidRequirement, ValueError):
        return False
