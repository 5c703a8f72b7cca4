"""Whether a source file still does what failed: the same import, the same attribute, the same line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from doctor.triage.lookup import Use
from doctor.triage.missing import Missing
from doctor.triage.wheeltext import parsed

_TELLING = 4
"""Letters of an attribute's name that tell enough; ``get`` is everywhere."""
_OF_ITS_OWN = 8
"""Letters with which the name of an object's attribute is hardly another class's, too: ``append`` is."""
_CAUGHT = frozenset(["ImportError", "ModuleNotFoundError", "AttributeError", "Exception", "BaseException"])


def still_uses(text: str, use: Use) -> bool | None:
    """Whether the file still asks for what is missing, outside of a ``try`` that would catch it; None: not known.

    An import, a keyword or an attribute with a telling name is looked for by its name, whatever else by its line.
    """
    tree = parsed(text)
    if tree is None:
        return None
    missing, line = use.missing, _plain(use.source)
    of_module = missing.kind == "attribute" and not missing.on_object and len(missing.symbol or "") >= _TELLING
    of_object = missing.on_object and len(missing.symbol or "") >= _OF_ITS_OWN
    if missing.kind in ("module", "name") or of_module or of_object:
        return any(_asks(node, missing) for node in _unguarded(tree.body))
    if missing.keyword:
        return _passes(tree, missing)
    return any(_plain(one) == line for one in text.splitlines()) if line else None


def _passes(tree: ast.Module, missing: Missing) -> bool | None:
    """Whether a call passes the keyword; None when no call does and one passes ``**something``."""
    names = {missing.callable.rpartition(".")[2], missing.owner} - {"", "__init__"}
    keywords = {
        keyword.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and (not names or _last(node.func) in names)
        for keyword in node.keywords
    }
    return True if missing.keyword in keywords else None if None in keywords or not keywords else False


def _last(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def _plain(line: str) -> str:
    """The statement without indentation, comments at its end and differences in spaces."""
    return re.sub(r"\s+", " ", line.split("  #", maxsplit=1)[0].strip())


def _unguarded(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """All nodes, those in a ``try`` that catches what would be raised left out."""
    for statement in body:
        if isinstance(statement, ast.Try) and any(_catches(handler) for handler in statement.handlers):
            yield from _unguarded(
                [*statement.orelse, *statement.finalbody]
            )  # a handler's body runs when the rest failed
            continue
        inner = [
            getattr(statement, name) for name in ("body", "orelse") if isinstance(getattr(statement, name, None), list)
        ]
        if inner:
            for part in inner:
                yield from _unguarded(part)
            yield from (node for child in _heads(statement) for node in ast.walk(child))
        else:
            yield from ast.walk(statement)


def _heads(statement: ast.stmt) -> Iterator[ast.AST]:
    """What stands before the body: conditions, decorators, bases, defaults, annotations."""
    for name, value in ast.iter_fields(statement):
        if name in ("body", "orelse", "finalbody", "handlers"):
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, ast.AST):
                yield item


def _catches(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    names = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any((n.id if isinstance(n, ast.Name) else getattr(n, "attr", "")) in _CAUGHT for n in names)


def _asks(node: ast.AST, missing: Missing) -> bool:
    """An import of the module or the name, or an attribute of that name."""
    module, symbol = missing.module or "", missing.symbol or ""
    if isinstance(node, ast.ImportFrom):
        names = {alias.name for alias in node.names}
        if missing.kind == "module":
            above, _, last = module.rpartition(".")
            origin = node.module or ""
            return origin == module or origin.startswith(f"{module}.") or (origin == above and last in names)
        return symbol in names and (node.module == module or node.level > 0 or not module)
    if isinstance(node, ast.Import):
        wanted = module if missing.kind == "module" else f"{module}.{symbol}"
        return any(alias.name == wanted or alias.name.startswith(f"{wanted}.") for alias in node.names)
    return isinstance(node, ast.Attribute) and missing.kind != "module" and node.attr == symbol
