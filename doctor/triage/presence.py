"""Whether a wheel has a module or a name: read from its files, nothing is imported."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from doctor.triage.members import has_member
from doctor.triage.missing import Missing
from doctor.triage.wheeltext import WheelText, parsed

_STARS = 6
_DYNAMIC = re.compile(
    r"\bglobals\(\)|\bexec\(|sys\.modules\[__name__\]|\bdef __getattr__\b|__getattr__\s*,|lazy|Lazy|attach\("
)
_BY_SEARCH = re.compile(r"\bdefine_import_structure\(|\battach_stub\(")
"""Names are gathered from other files when the package is imported."""
_PATH = re.compile(r"^\.{0,3}[A-Za-z_][\w.]*$|^$")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A module and the member that is its source."""

    module: str
    file: str


def has(wheel: WheelText, missing: Missing) -> bool | None:
    """Whether the wheel has what was missing; None when its files do not tell."""
    if missing.kind == "signature" or missing.on_object:
        return has_member(wheel, missing)
    return _has_name(wheel, missing, missing.module or "")


def _has_name(wheel: WheelText, missing: Missing, module: str) -> bool | None:
    """A module, or a name of one."""
    if not wheel.has_module(module.split(".", maxsplit=1)[0]):
        return False if missing.kind == "module" and "." not in module else None
    if missing.kind == "module":
        return wheel.has_module(module)
    symbol = missing.symbol or ""
    if wheel.has_module(f"{module}.{symbol}") and (missing.kind == "name" or _imports_itself(wheel, module, symbol)):
        return True
    if not wheel.has_module(module):
        return False
    source = wheel.source_of(module)
    if source is None:
        return None
    return _bound(wheel, _Source(module=module, file=source), symbol, _STARS)


def _imports_itself(wheel: WheelText, module: str, symbol: str) -> bool:
    """The package imports its submodule, which binds it as an attribute."""
    source = wheel.source_of(module)
    return bool(source) and bool(
        re.search(rf"\bfrom \.{symbol} import|\bfrom \. import\b.*\b{symbol}\b", wheel.read(source or ""))
    )


def _bound(wheel: WheelText, place: _Source, symbol: str, stars: int) -> bool | None:
    """Whether the module binds the name at its top level, star imports followed."""
    text = wheel.read(place.file)
    tree = parsed(text)
    if tree is None:
        return None
    unknown = False
    for node in _top_level(tree.body):
        if symbol in _binds(node):
            return True
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            star = _star(wheel, place, node) if stars else None
            below = _given_by_star(wheel, star, symbol, stars - 1) if star else None
            if below:
                return True
            unknown = unknown or below is None
    given = _given_by_getattr(tree, symbol)
    if given is not None:
        return given
    if _DYNAMIC.search(text) and re.search(rf"\b{re.escape(symbol)}\b", text):
        return True if _listed(tree, symbol) else None
    return None if unknown or _BY_SEARCH.search(text) or any(map(_makes_names, _top_level(tree.body))) else False


def _given_by_getattr(tree: ast.Module, symbol: str) -> bool | None:
    """Whether the module's own ``__getattr__`` (PEP 562) compares with the name and returns; None: it does not say."""
    own = next((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "__getattr__"), None)
    for node in ast.walk(own) if own else ():
        if isinstance(node, ast.If) and isinstance(node.test, ast.Compare) and isinstance(node.test.ops[0], ast.Eq):
            sides = (node.test.left, *node.test.comparators)
            if any(isinstance(side, ast.Constant) and side.value == symbol for side in sides):
                return isinstance(node.body[-1], ast.Return)
    return None


def _given_by_star(wheel: WheelText, place: _Source, symbol: str, stars: int) -> bool | None:
    """Whether ``from place import *`` gives the name: what ``__all__`` lists, else every public name."""
    listed = re.search(
        r"^__all__\s*(?::[^=\n]{0,60})?=\s*(?P<all>[\[(][^\])]{0,60000}[\])])\s*$", wheel.read(place.file), re.MULTILINE
    )
    if listed and "*" not in listed["all"]:
        return bool(re.search(rf"['\"]{re.escape(symbol)}['\"]", listed["all"]))
    return False if symbol.startswith("_") else _bound(wheel, place, symbol, stars)


def _top_level(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements that run at import, those inside if, try and with included."""
    found: list[ast.stmt] = []
    for node in body:
        found.append(node)
        for field in ("orelse",) if _only_for_checkers(node) else ("body", "orelse", "finalbody"):
            if isinstance(node, (ast.If, ast.Try, ast.With, ast.For)):
                found.extend(_top_level(getattr(node, field, [])))
        if isinstance(node, ast.Try):
            for handler in node.handlers:
                found.extend(_top_level(handler.body))
    return found


def _makes_names(node: ast.stmt) -> bool:
    """The statement computes names of the module: what is not to be seen may still be there."""
    if isinstance(node, ast.Assign):
        return any(isinstance(t, ast.Subscript) and _is_namespace(t.value) for t in node.targets)
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call):
        return False
    if isinstance(call.func, ast.Name):
        return call.func.id == "exec"
    return isinstance(call.func, ast.Attribute) and call.func.attr == "update" and _is_namespace(call.func.value)


def _is_namespace(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("globals", "vars")


def _only_for_checkers(node: ast.stmt) -> bool:
    """``if TYPE_CHECKING:`` does not run."""
    test = node.test if isinstance(node, ast.If) else None
    return (test.id if isinstance(test, ast.Name) else getattr(test, "attr", "")) == "TYPE_CHECKING"


def _binds(node: ast.stmt) -> set[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, ast.Import):
        return {alias.asname or alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {alias.asname or alias.name for alias in node.names}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}


def _star(wheel: WheelText, place: _Source, node: ast.ImportFrom) -> _Source | None:
    """The module that ``from X import *`` reads; None when X is not in the wheel."""
    package = place.module if place.file.endswith("/__init__.py") else place.module.rpartition(".")[0]
    target = node.module or ""
    if node.level:
        parts = package.split(".")
        base = ".".join(parts[: len(parts) - node.level + 1])
        target = f"{base}.{node.module}" if node.module else base
    file = wheel.source_of(target)
    return _Source(module=target, file=file) if file else None


def _listed(tree: ast.Module, symbol: str) -> bool:
    """The name stands in a literal as lazy modules list theirs: in a list, or as a key with a module path."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            if any(isinstance(e, ast.Constant) and e.value == symbol for e in node.elts):
                return True
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
            if any(isinstance(a, ast.Constant) and a.value == symbol for a in node.args):
                return True
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == symbol and _names_a_module(value):
                    return True
    return False


def _names_a_module(value: ast.expr) -> bool:
    if isinstance(value, ast.Tuple) and value.elts:
        value = value.elts[0]
    return isinstance(value, ast.Constant) and isinstance(value.value, str) and bool(_PATH.match(value.value))
