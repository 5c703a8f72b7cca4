"""A checkout as its editable installation would be seen: name, version, requirements and commands, read and not run.

``pyproject.toml`` says it by PEP 621; an older ``setup.py`` is read as far as it is constants.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from doctor.errors import UsageError
from doctor.planned.layout import Made, Member

_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTree:
    """One checkout. ``path`` is the directory that goes on ``sys.path``; ``scripts`` are ``name = module:attr``."""

    folder: str
    path: str
    name: str
    version: str
    requires: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()

    def metadata(self, site: str) -> tuple[str, dict[str, Member]]:
        """(metadata directory, files) that its installation puts into ``site``."""
        info = f"{site}/{self.name.replace('-', '_')}-{self.version}.dist-info"
        head = f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n"
        texts = {
            "METADATA": head + "".join(f"Requires-Dist: {text}\n" for text in self.requires),
            "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "INSTALLER": "pip\n",
            "REQUESTED": "",
            "entry_points.txt": "[console_scripts]\n" + "".join(f"{script}\n" for script in self.scripts),
            "direct_url.json": '{"dir_info": {"editable": true}, "url": "file://' + self.folder + '"}',
        }
        base = f"{info.rpartition('/')[2]}/"
        texts["RECORD"] = "".join(f"{base}{name},,\n" for name in (*texts, "RECORD"))
        return info, {f"{info}/{name}": Made(text.encode()) for name, text in texts.items()}


def read_tree(folder: str) -> LocalTree:
    """The project in a folder.

    Raises:
        UsageError: there is no project, or it does not say its name and version without being run.
    """
    root = Path(folder).expanduser().resolve()
    facts = _from_pyproject(root) or _from_setup(root)
    if facts is None:
        raise UsageError(f"{folder} is no checkout of a Python project: it has no pyproject.toml or setup.py.")
    name, version = facts.get("name"), facts.get("version")
    if not isinstance(name, str) or not isinstance(version, str):
        raise UsageError(f"{folder} does not say its name and version without being run.")
    return LocalTree(
        folder=str(root),
        path=str(root / facts["root"]) if facts.get("root") else str(root / "src" if _is_source(root) else root),
        name=str(canonicalize_name(name)),
        version=version,
        requires=tuple(text for text in facts.get("requires", ()) if isinstance(text, str)),
        scripts=tuple(" ".join(text.split()) for text in facts.get("scripts", ()) if isinstance(text, str)),
    )


def _is_source(root: Path) -> bool:
    return (root / "src").is_dir()


def _text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(_LIMIT).decode("utf-8", "replace")
    except OSError:
        return None


def _from_pyproject(root: Path) -> dict[str, Any] | None:
    text = _text(root / "pyproject.toml")
    try:
        project = tomllib.loads(text).get("project") if text else None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{root / 'pyproject.toml'} is no TOML: {error}.") from None
    if not isinstance(project, dict) or not isinstance(project.get("version"), str):
        return None
    scripts = project.get("scripts")
    return {
        "name": project.get("name"),
        "version": project["version"],
        "requires": project.get("dependencies") or (),
        "scripts": [f"{k} = {v}" for k, v in scripts.items()] if isinstance(scripts, dict) else (),
    }


def _from_setup(root: Path) -> dict[str, Any] | None:
    """The keywords of the ``setup()`` call, as far as they are constants or names of constants."""
    text = _text(root / "setup.py")
    if text is None:
        return None
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    known: dict[str, Any] = {}
    keywords: dict[str, Any] = {}
    for node in _in_order(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            known[node.targets[0].id] = _value(node.value, known)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
            owner = known.get(node.func.value.id) if isinstance(node.func.value, ast.Name) else None
            if isinstance(owner, list) and node.args:
                owner.append(_value(node.args[0], known))
        elif isinstance(node, ast.Call) and _called(node) == "setup":
            keywords = {k.arg: _value(k.value, known) for k in node.keywords if k.arg}
    folders, points = keywords.get("package_dir"), keywords.get("entry_points")
    return {
        "name": keywords.get("name"),
        "version": keywords.get("version"),
        "requires": keywords.get("install_requires") or (),
        "scripts": (points.get("console_scripts") or ()) if isinstance(points, dict) else (),
        "root": folders.get("") if isinstance(folders, dict) else "",
    }


def _in_order(tree: ast.AST) -> list[ast.AST]:
    """Assignments and calls as they stand in the file."""
    found = [node for node in ast.walk(tree) if isinstance(node, (ast.Assign, ast.Call))]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))  # type: ignore[attr-defined]


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """The value of a constant expression; None for what only running would tell."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(item, known) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {_value(k, known): _value(v, known) for k, v in zip(node.keys, node.values, strict=True) if k}
    if isinstance(node, ast.JoinedStr):
        parts = [_value(p.value if isinstance(p, ast.FormattedValue) else p, known) for p in node.values]
        return "".join(map(str, parts)) if None not in parts else None
    return None
