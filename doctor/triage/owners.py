"""Whose file a frame is in: a distribution's, the standard library's, or the user's own."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from doctor.model import Environment
from doctor.rulebook.names import import_names
from doctor.rulebook.rules import Rulebook
from doctor.triage.versions import normal

PROJECT, STDLIB, DISTRIBUTION = "project", "stdlib", "distribution"

_SITE = re.compile(r"(?:^|[/\\])(?:site|dist)-packages[/\\](?P<rest>.+)$")
_EGG = re.compile(r"^(?P<name>[A-Za-z0-9][\w.]{0,98})-\d[^/\\]{0,80}\.egg[/\\](?P<rest>.+)$")
_NAME_ENDS = re.compile(r"[<>=!~]")
_STDLIB = re.compile(
    r"[/\\](?:lib(?:64)?[/\\](?:python|pypy)[23]\.\d{1,2}|Python3\d{1,2}(?:-32)?[/\\](?i:lib))[/\\](?P<rest>.+)$"
)
_CYTHON = re.compile(r"^[A-Za-z_]\w{0,60}/[\w/]{1,200}\.p(?:yx|xd|xi)$")
_SUFFIX = re.compile(r"(?:\.(?:cpython|abi3|pypy|cp)[\w.-]{0,80})?\.(?:pyx?|pyi|pyc|so|pyd)(?:\.\d{1,4})*$")


_REMOVED = frozenset(
    [
        "aifc",
        "asynchat",
        "asyncore",
        "audioop",
        "binhex",
        "cgi",
        "cgitb",
        "chunk",
        "crypt",
        "distutils",
        "dummy_threading",
        "formatter",
        "imghdr",
        "imp",
        "lib2to3",
        "macpath",
        "mailcap",
        "msilib",
        "nis",
        "nntplib",
        "ossaudiodev",
        "parser",
        "pipes",
        "smtpd",
        "sndhdr",
        "spwd",
        "sunau",
        "symbol",
        "telnetlib",
        "uu",
        "xdrlib",
    ]
)
"""Modules that once were in the standard library (PEP 594, PEP 632, and what went before)."""
_PYTHON_2 = frozenset(
    [
        "BaseHTTPServer",
        "ConfigParser",
        "Cookie",
        "HTMLParser",
        "Queue",
        "SimpleHTTPServer",
        "SocketServer",
        "StringIO",
        "Tkinter",
        "UserDict",
        "__builtin__",
        "anydbm",
        "cPickle",
        "cStringIO",
        "commands",
        "cookielib",
        "copy_reg",
        "exceptions",
        "httplib",
        "md5",
        "robotparser",
        "sets",
        "sha",
        "thread",
        "tkMessageBox",
        "urllib2",
        "urlparse",
        "xmlrpclib",
    ]
)
"""Modules of Python 2 that have another name since, or none: no distribution brings them back."""


def is_standard(module: str) -> bool:
    """The module is, or was, the standard library's."""
    top = module.split(".", maxsplit=1)[0]
    return top in sys.stdlib_module_names or top in _REMOVED or top in _PYTHON_2


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """``kind`` is ``distribution``, ``stdlib`` or ``project``; ``file`` is relative to its directory on sys.path."""

    kind: str
    name: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Import names to distributions. ``modules`` are the table's; ``installed`` what a snapshot says.

    ``known`` are distributions that the paste or the rules speak of: a shortened path that begins with one of
    them is theirs.
    """

    modules: Mapping[str, str]
    installed: Mapping[str, str] = field(default_factory=dict)
    known: Collection[str] = ()

    def of_module(self, module: str) -> str:
        """The distribution that brings a module; '' for the standard library's."""
        parts = module.split(".")
        for length in range(min(len(parts), 4), 0, -1):
            prefix = ".".join(parts[:length])
            found = self.installed.get(prefix) or self.modules.get(prefix)
            if found:
                return found
        top = parts[0]
        return "" if is_standard(top) or not top else normal(top)

    def of_path(self, path: str) -> Owner:
        """Whose file it is."""
        site = _SITE.search(path)
        if site:
            return self._installed(site["rest"].replace("\\", "/"))
        if path.startswith(("<frozen", "<__array_function__")):
            return Owner(kind=STDLIB, file=path)
        standard = _STDLIB.search(path)
        if standard:
            return Owner(kind=STDLIB, file=standard["rest"].replace("\\", "/"))
        return self._checkout(path.replace("\\", "/"))

    def _installed(self, rest: str) -> Owner:
        egg = _EGG.match(rest)
        if egg:
            return Owner(kind=DISTRIBUTION, name=normal(egg["name"]), file=egg["rest"])
        module = _SUFFIX.sub("", rest).replace("/", ".")
        name = self.of_module(module) or normal(module.split(".")[0])
        return Owner(kind=DISTRIBUTION, name=name, file=rest)

    def _checkout(self, path: str) -> Owner:
        """A source tree below ``src/``, or a path that somebody shortened to the package."""
        _, source, rest = path.rpartition("/src/")
        if source:
            module = _SUFFIX.sub("", rest).replace("/", ".")
            name = next((n for p, n in self.modules.items() if "." in p and module.startswith(f"{p}.")), "")
            if name:
                return Owner(kind=DISTRIBUTION, name=name, file=rest)
        if _CYTHON.match(path):  # Cython tells the path below the directory where the package was built
            return Owner(kind=DISTRIBUTION, name=self.of_module(path.partition("/")[0]) or normal(path), file=path)
        short = re.sub(r"^(?:\.{2,3}/|…/)+", "", path)
        if not short.startswith(("/", "~", "<", ".")) and "/" in short and ":" not in short:
            name = self.of_module(_SUFFIX.sub("", short).replace("/", "."))
            if name in self.known:
                return Owner(kind=DISTRIBUTION, name=name, file=short)
        return Owner(kind=PROJECT, file=path)


def spoken_of(rulebook: Rulebook) -> set[str]:
    """The distributions that rules are about."""
    names = {_NAME_ENDS.split(text, maxsplit=1)[0] for rule in rulebook.breakages for text in rule.together}
    return names | {name for rule in rulebook.logs for name in rule.subjects if "{" not in name}


def load_names(environment: Environment | None = None, known: Collection[str] = ()) -> Names:
    """The built-in table, and what an environment or a snapshot of one adds; raises ``RuleError``."""
    return Names(modules=import_names(), installed=_installed_names(environment), known=frozenset(known))


def _installed_names(environment: Environment | None) -> dict[str, str]:
    """Top-level names of installed distributions that are brought by one of them alone."""
    found: dict[str, str] = {}
    shared: set[str] = set()
    for distribution in environment.distributions if environment else ():
        for top in distribution.top_level:
            if found.setdefault(top, distribution.name) != distribution.name:
                shared.add(top)
    return {top: name for top, name in found.items() if top not in shared}
