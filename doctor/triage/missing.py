"""What an error message says is missing: a module, a name, an attribute, a parameter, a symbol, a distribution."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

_BUILTIN_CLASSES = frozenset(
    [
        "str",
        "int",
        "float",
        "bool",
        "list",
        "dict",
        "tuple",
        "set",
        "bytes",
        "function",
        "method",
        "type",
        "generator",
        "module",
        "NoneType",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The arguments of the call that failed: how many by place, and the names of the others."""

    places: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What is missing, as the message says it.

    ``kind``: ``module``, ``name``, ``attribute``, ``signature``, ``undefined_symbol``, ``library``,
    ``distribution``, ``version``. ``module`` is where it was looked for, ``symbol`` what was not there;
    ``file`` the place that the message gives; ``partial`` says that the module was still being imported.
    ``need`` and ``have`` are requirement and pin where the message tells both. ``callable`` (with its class where
    Python tells it) did not take ``keyword``, or wanted more than it was ``given``.
    """

    kind: str
    module: str | None = None
    symbol: str | None = None
    file: str = ""
    partial: bool = False
    need: str = ""
    have: str = ""
    callable: str = ""
    keyword: str = ""
    given: Given | None = None

    @property
    def on_object(self) -> bool:
        """The attribute is one of an object: what the message names is a class, no module."""
        name = self.module or ""
        last = name.rpartition(".")[2].lstrip("_")
        return self.kind == "attribute" and "." not in name and (last[:1].isupper() or last in _BUILTIN_CLASSES)

    @property
    def owner(self) -> str:
        """The class whose attribute or method this is, without its module; '' when the message names none."""
        if self.kind == "signature":
            return self.callable.rpartition(".")[0].rpartition(".")[2]
        return (self.module or "").rpartition(".")[2] if self.on_object else ""

    @property
    def dotted(self) -> str:
        """The whole name of what is missing, as a person would write it."""
        if self.kind == "module":
            return self.module or ""
        return f"{self.module}.{self.symbol}" if self.module else self.symbol or ""


_DOTTED = r"[A-Za-z_]\w{0,100}(?:\.\w{1,100}){0,12}"
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "name",
        re.compile(
            rf"cannot import name ['\"]?(?P<symbol>\w{{1,120}})['\"]? from (?P<partial>partially initialized module )?"
            rf"['\"](?P<module>{_DOTTED})['\"](?P<circular> \(most likely due to a circular import"
            rf"\))?(?: \((?P<file>[^()]{{1,600}})\))?"
        ),
    ),
    ("name", re.compile(r"cannot import name ['\"]?(?P<symbol>[A-Za-z_]\w{0,119})['\"]?")),
    (
        "module",
        re.compile(
            rf"No module named ['\"]?(?P<module>{_DOTTED})['\"]?(?:; ['\"](?P<file>[\w.]{{1,200}})"
            rf"['\"] is not a package)?"
        ),
    ),
    (
        "attribute",
        re.compile(
            rf"(?P<partial>partially initialized )?[Mm]odule ['\"`](?P<module>{_DOTTED})"
            rf"['\"`] has no attribute ['\"`](?P<symbol>\w{{1,120}})['\"`]"
        ),
    ),
    ("attribute", re.compile(rf"^`(?P<module>{_DOTTED})` has no `(?P<symbol>\w{{1,120}})` attribute")),
    (
        "attribute",
        re.compile(r"type object ['\"](?P<module>[\w.]{1,120})['\"] has no attribute ['\"](?P<symbol>\w{1,120})['\"]"),
    ),
    (
        "attribute",
        re.compile(r"['\"](?P<module>[\w.]{1,120})['\"] object has no attribute ['\"](?P<symbol>\w{1,120})['\"]"),
    ),
    (
        "signature",
        re.compile(
            r"(?P<callable>[\w.<>]{1,160})\(\) got an unexpected keyword argument ['\"](?P<keyword>\w{1,100})['\"]"
        ),
    ),
    (
        "signature",
        re.compile(
            r"(?P<callable>[\w.<>]{1,160})\(\) takes (?:from |exactly |at most |at least )"
            r"?\d{1,4}(?: to \d{1,4})? (?:positional )?arguments?\b"
        ),
    ),
    ("signature", re.compile(r"(?P<callable>[\w.<>]{1,160})\(\) takes no (?:keyword )?arguments")),
    (
        "signature",
        re.compile(
            r"(?P<callable>[\w.<>]{1,160})\(\) missing \d{1,4} required (?:positional|keyword-only) arguments?:"
        ),
    ),
    ("signature", re.compile(r"(?P<callable>[\w.<>]{1,160})\(\) got multiple values for (?:keyword )?argument")),
    (
        "undefined_symbol",
        re.compile(r"(?:(?P<file>[^\s:'\"]{1,600}\.so[\w.]{0,40}): )?undefined symbol: (?P<symbol>\w{1,600})"),
    ),
    ("library", re.compile(r"(?P<symbol>lib[\w.+-]{1,120}\.so(?:\.\d{1,6}){0,4}): cannot open shared object file")),
    ("library", re.compile(r"cannot load library ['\"](?P<symbol>[\w.+-]{2,80})['\"]")),
    (
        "library",
        re.compile(
            r"^(?:[Uu]nable to|[Ff]ailed to|[Cc]ould not|[Cc]annot) (?:find|load|locate) (?:the )?"
            r"(?P<symbol>[\w.+-]{2,60}) (?:shared |C )?library\b"
        ),
    ),
    ("library", re.compile(r"^(?P<symbol>[\w.+-]{2,60}) (?:shared )?library (?:was |is )?not (?:be )?found\b")),
    ("library", re.compile(r"^no library called ['\"](?P<symbol>[\w.+-]{2,60})['\"] was found")),
    ("library", re.compile(r"^failed to find (?P<symbol>lib[\w.+-]{1,60})\b")),
    ("distribution", re.compile(r"[Nn]o package metadata was found for (?:The ['\"])?(?P<module>[\w.-]{1,120})")),
    (
        "distribution",
        re.compile(r"The ['\"](?P<module>[A-Za-z][\w.-]{0,100})[^'\"]{0,100}['\"] distribution was not found"),
    ),
    (
        "version",
        re.compile(
            r"(?P<need>[A-Za-z][\w.-]{0,100}(?:[<>=!~]=?[\w.*+]{1,40},?){1,6})"
            r" is required[^,]{0,120}, but found (?P<have>[A-Za-z][\w.-]{0,100}==[\w.+]{1,60})"
        ),
    ),
    (
        "version",
        re.compile(
            r"(?:Contextual)?VersionConflict: \((?P<have>[A-Za-z][\w.-]{0,100} [\w.+]{1,60}) \([^)"
            r"]{0,400}\), Requirement\.parse\(['\"](?P<need>[^'\"]{1,200})['\"]\)"
        ),
    ),
    (
        "version",
        re.compile(
            r"^\((?P<have>[A-Za-z][\w.-]{0,100} [\w.+]{1,60}) \([^)]{0,400}\)"
            r", Requirement\.parse\(['\"](?P<need>[^'\"]{1,200})['\"]\)"
        ),
    ),
)
_FROM_IMPORT = re.compile(rf"^\s{{0,80}}from\s{{1,8}}(?P<module>\.{{0,8}}(?:{_DOTTED})?)\s{{1,8}}import\b")
_IMPORT = re.compile(rf"^\s{{0,80}}import\s{{1,8}}(?P<module>{_DOTTED})")


def read_missing(message: str, source: str = "") -> Missing | None:
    """What the message says is missing; ``source`` is the statement that failed, which old Pythons need."""
    for kind, pattern in _PATTERNS:
        match = pattern.search(message)
        if match:
            return _missing(kind, match.groupdict(), source)
    return None


def _missing(kind: str, groups: dict[str, str | None], source: str) -> Missing:
    symbol = groups.get("symbol")
    called, keyword = groups.get("callable") or "", groups.get("keyword") or ""
    if kind == "signature":
        name = called.rpartition(".")[2]
        symbol = f"{name}({keyword}=)" if keyword else f"{name}()"
    module = groups.get("module")
    if kind == "name" and module is None:
        module = imported_from(source) or None
    have = (groups.get("have") or "").replace(" ", "==")
    return Missing(
        kind=kind,
        module=module,
        symbol=symbol,
        file=groups.get("file") or "",
        partial=bool(groups.get("partial") or groups.get("circular")),
        need=groups.get("need") or "",
        have=have,
        callable=called,
        keyword=keyword,
    )


def read_given(source: str, name: str) -> Given | None:
    """What the call of ``name`` in a statement gives; None when the statement is not whole or gives ``*`` or ``**``."""
    try:
        tree = ast.parse(source.strip().removeprefix("@"))
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        called = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and called == name:
            names = [keyword.arg for keyword in node.keywords]
            if None in names or any(isinstance(one, ast.Starred) for one in node.args):
                return None
            return Given(places=len(node.args), names=tuple(one for one in names if one))
    return None


def imported_from(source: str) -> str:
    """The absolute module of a ``from X import`` statement, '' for a relative one or another statement."""
    match = _FROM_IMPORT.match(source)
    return match["module"] if match and not match["module"].startswith(".") else ""


def is_import(source: str) -> bool:
    """The statement imports."""
    return bool(_FROM_IMPORT.match(source) or _IMPORT.match(source))


def signature_callable(message: str) -> str:
    """The whole callable of a signature error, with its class where Python gives it (3.10 and later)."""
    for kind, pattern in _PATTERNS:
        if kind == "signature" and (match := pattern.search(message)):
            return match["callable"]
    return ""
