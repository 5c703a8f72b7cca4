"""Editable installs whose ``.pth`` file runs a finder (PEP 660): the finder's tables are read, never executed."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from posixpath import basename, dirname, join, splitext

from doctor.model import FileView, Problem, PthFile

FINDER_LIMIT = 4 * 1024 * 1024
_IMPORTED = re.compile(r"\bimport\s+([A-Za-z_]\w*)")
_INSTALLED_IN = re.compile(r"\{py_(?:pure|plat)lib\}/(.+)")


def read_finders(files: FileView, pth_files: Sequence[PthFile], problems: list[Problem]) -> Mapping[str, str]:
    """Module name -> directory of the package or file of the module, as the finders of ``.pth`` files map them.

    Known are the tables of setuptools, of the ``editables`` library, of scikit-build-core and of meson-python. A key
    may be dotted (then its parents are namespace packages unless they are keys too). The first finder to name a
    module wins. A finder whose tables cannot be read is a problem (``editable-opaque``): nothing is known of it.
    """
    found: dict[str, str] = {}
    for path in _finder_files(files, pth_files):
        try:
            tree = _parsed(files.read(path, FINDER_LIMIT))
            pairs = list(_mapped(tree, files))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
            problems.append(Problem(code="editable-unreadable", path=path, detail=str(error)))
            continue
        if not pairs:
            problems.append(Problem(code="editable-opaque", path=path))
        for module, target in pairs:
            found.setdefault(module, _real_target(target, files))
    return {module: path for module, path in found.items() if not _follows(module, path, found)}


def _parsed(source: bytes) -> ast.Module:
    """The syntax tree; what the compiler would warn of is not the doctor's to say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _finder_files(files: FileView, pth_files: Sequence[PthFile]) -> Iterator[str]:
    """Modules beside a ``.pth`` file that one of its code lines imports and whose name speaks of editable installs."""
    seen: set[str] = set()
    for pth in pth_files:
        for line in pth.code:
            for module in _IMPORTED.findall(line):
                path = join(dirname(pth.path), f"{module}.py")
                if path in seen or "editable" not in module.lower() or files.facts(path) is None:
                    continue
                seen.add(path)
                yield path


def _real_target(target: str, files: FileView) -> str:
    """The package's directory for its ``__init__.py``; the file for a module named without its suffix."""
    if basename(target) == "__init__.py":
        return dirname(target)
    if files.facts(target) is None and files.facts(f"{target}.py") is not None:
        return f"{target}.py"
    return target


def _follows(module: str, path: str, found: Mapping[str, str]) -> bool:
    """Whether a dotted module lies where its mapped package would be searched for it anyway."""
    parent, _, child = module.rpartition(".")
    return bool(parent) and parent in found and splitext(path)[0] == join(found[parent], child)


def _mapped(tree: ast.Module, files: FileView) -> Iterator[tuple[str, str]]:
    """All (module, path) pairs that literals of the finder state."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Name) and t.id == "MAPPING" for t in targets):
                yield from _pairs(node.value)
        elif isinstance(node, ast.Call):
            yield from _call_pairs(node, files)


def _call_pairs(call: ast.Call, files: FileView) -> Iterator[tuple[str, str]]:
    """``F.map_module('name', 'path')``, ``install({'name': 'path'}, ...)``, ``Finder('name', {...}, 'build', ...)``."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name == "map_module":
        arguments = [_literal(argument) for argument in call.args]
        if len(arguments) == 2 and all(isinstance(a, str) for a in arguments):  # noqa: PLR2004 - module, path
            yield str(arguments[0]), str(arguments[1])
    elif name == "install" and call.args and isinstance(call.args[0], ast.Dict):
        yield from _pairs(call.args[0])
    elif name == "MesonpyMetaFinder" and len(call.args) > 2:  # noqa: PLR2004 - name, modules, build directory
        build = _literal(call.args[2])
        if isinstance(build, str):
            yield from _meson_pairs(join(build, "meson-info", "intro-install_plan.json"), files)


def _pairs(node: ast.expr) -> Iterator[tuple[str, str]]:
    """Pairs of a literal mapping of texts to texts."""
    value = _literal(node)
    if isinstance(value, dict):
        for module, target in value.items():
            if isinstance(module, str) and isinstance(target, str):
                yield module, target


def _meson_pairs(plan: str, files: FileView) -> Iterator[tuple[str, str]]:
    """What meson would install as Python modules, from its plan; raises ``OSError`` and ``ValueError``."""
    document = json.loads(files.read(plan, FINDER_LIMIT))
    for section in document.values() if isinstance(document, dict) else ():
        for source, entry in section.items() if isinstance(section, dict) else ():
            told = entry.get("destination") if isinstance(entry, dict) else None
            match = _INSTALLED_IN.fullmatch(told) if isinstance(told, str) else None
            if match is None or not match[1].endswith((".py", ".so")):
                continue
            *parents, last = match[1].split("/")
            stem = last.split(".")[0]
            yield ".".join(parents if stem == "__init__" else (*parents, stem)), source


def _literal(node: ast.expr) -> object:
    """The value of a literal, None for anything else."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
