"""Whether a class of a wheel has an attribute, and whether a callable of it takes a keyword: read, never imported.

A message names a class or a function without its module (``'Session' object has no attribute 'x'``), so it is looked
for by its name, first in the files that are called like it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from doctor.triage.missing import Given, Missing
from doctor.triage.origins import defining_file
from doctor.triage.wheeltext import WheelText, parsed

_FILES = 90
_READ = 4 * 1024**2
_TOO_LONG = 1024**2
_DEPTH = 12
_TELLING = 8
"""Letters of a keyword that hardly stand for something else elsewhere in a package."""
_PLAIN_BASES = frozenset(["object", "Generic", "Protocol", "ABC", "Exception", "RuntimeError", "ValueError", "type"])
_FIELDS = re.compile(r"\b(?:dataclass|attrs?|define|frozen|mutable|s|attributes)$")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def has_member(wheel: WheelText, missing: Missing) -> bool | None:
    """Whether the class has the attribute, or the callable takes the keyword; None when the files do not tell."""
    sources = _Sources(wheel=wheel, first=_told_file(wheel, missing))
    if missing.kind == "signature":
        return _takes(sources, missing)
    name = (missing.module or "").rpartition(".")[2]
    found = sources.class_named(name)
    if found is None:
        return None
    return _has(sources, found, missing.symbol or "", _DEPTH)


def named_alike(wheel: WheelText, missing: Missing) -> bool:
    """A file is called as the class is: ``sft_trainer.py`` for ``SFTTrainer``. Nothing is read."""
    words = [word.lower() for word in _WORDS.findall(missing.owner)]
    return len(words) > 1 and any(name.endswith(f"/{'_'.join(words)}.py") for name in wheel.names)


def defines(wheel: WheelText, missing: Missing) -> bool:
    """The wheel has the class or the function that the message names."""
    sources = _Sources(wheel=wheel, first=_told_file(wheel, missing))
    if missing.kind != "signature":
        return sources.class_named((missing.module or "").rpartition(".")[2]) is not None
    owner, function = _parts(missing)
    return (sources.class_named(owner) if owner else sources.function_named(function)) is not None


def _told_file(wheel: WheelText, missing: Missing) -> str:
    """The file that defines the callable, when it is known from which module it was imported."""
    if missing.kind != "signature" or not missing.module:
        return ""
    return defining_file(wheel, missing.module, missing.callable.partition(".")[0])


def _parts(missing: Missing) -> tuple[str, str]:
    """Class ('' when not told) and function of a callable."""
    owner, _, function = missing.callable.rpartition(".")
    return owner.rpartition(".")[2], function


@dataclass(slots=True, kw_only=True)
class _Sources:
    """The Python files of a wheel, read as far as is needed and no further."""

    wheel: WheelText
    first: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    trees: dict[str, ast.Module | None] = field(default_factory=dict)
    size: int = 0
    whole: bool = True

    def class_named(self, name: str) -> ast.ClassDef | None:
        """The class of that name that stands at the top of a file."""
        found = self._named(name, "class")
        return found if isinstance(found, ast.ClassDef) else None

    def function_named(self, name: str) -> _Function | None:
        """The function of that name that stands at the top of a file."""
        found = self._named(name, "def")
        return found if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)) else None

    def says(self, word: str) -> bool | None:
        """Whether a file has the identifier; None when there is more than was read."""
        pattern = re.compile(rf"\b{re.escape(word)}\b")
        return True if any(pattern.search(text) for text in self._read(word)) else False if self.whole else None

    def _named(self, name: str, keyword: str) -> ast.stmt | None:
        pattern = re.compile(rf"^[ \t]{{0,8}}(?:async )?{keyword} {re.escape(name)}\b", re.MULTILINE)
        for file, text in zip(self._order(name), self._read(name), strict=False):
            if not pattern.search(text):
                continue
            for node in _statements(getattr(self._tree(file), "body", ())):
                if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
                    return node
        return None

    def _order(self, name: str) -> list[str]:
        """The files that are called like the name first, then those that lie highest."""
        words = {word.lower() for word in _WORDS.findall(name)}

        def rank(file: str) -> tuple[int, int, str]:
            stem = set(re.split(r"[_/]", file.rpartition(".")[0].lower())[-4:])
            like = sum(any(word in (part, f"{part}s", part.rstrip("s")) for part in stem) for word in words)
            return (-like, file.count("/"), file)

        files = [f for f in self.wheel.names if f.endswith(".py") and not re.search(r"(?:^|/)(?:tests?|testing)/", f)]
        ordered = sorted(files, key=rank)
        if self.first:
            ordered = [self.first, *(file for file in ordered if file != self.first)]
        self.whole = len(ordered) <= _FILES
        return ordered[:_FILES]

    def _read(self, name: str) -> Iterator[str]:
        for file in self._order(name):
            if file not in self.texts:
                if self.size > _READ:
                    self.whole = False
                    return
                self.texts[file] = self.wheel.read(file)[:_TOO_LONG]
                self.size += len(self.texts[file])
            yield self.texts[file]

    def _tree(self, file: str) -> ast.Module | None:
        if file not in self.trees:
            self.trees[file] = parsed(self.texts[file])
        return self.trees[file]


def _statements(body: object) -> Iterator[ast.stmt]:
    """Those at the top of a file, inside conditions too."""
    for node in body if isinstance(body, (list, tuple)) else ():
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            for part in (node.body, getattr(node, "orelse", ()), getattr(node, "finalbody", ())):
                yield from _statements(part)
            for handler in getattr(node, "handlers", ()):
                yield from _statements(handler.body)


def _has(sources: _Sources, found: ast.ClassDef, attribute: str, depth: int) -> bool | None:
    """The class, or one of its bases that can be found, has the attribute; None when a base cannot be found."""
    if any(attribute in _bound(node) for node in _statements(found.body)):
        return True
    if any(_sets(node, attribute) for node in ast.walk(found)):
        return True
    unknown = any(isinstance(n, _Function) and n.name in ("__getattr__", "__getattribute__") for n in found.body)
    for name in map(_name, found.bases):
        if name in _PLAIN_BASES:
            continue
        base = sources.class_named(name) if depth and name and name != found.name else None
        below = _has(sources, base, attribute, depth - 1) if base else None
        if below:
            return True
        unknown = unknown or below is None
    return None if unknown or not _plain_metaclass(sources, found) or _changed(found) else False


def _plain_metaclass(sources: _Sources, found: ast.ClassDef) -> bool:
    """No metaclass, or one that can be read and answers for no attribute itself."""
    for keyword in found.keywords:
        meta = sources.class_named(_name(keyword.value)) if keyword.arg == "metaclass" else None
        if _name(keyword.value) != "ABCMeta" and (meta is None or _has(sources, meta, "__getattr__", 0)):
            return False
    return True


def _changed(found: ast.ClassDef) -> bool:
    """A decorator that is no dataclass's may add anything."""
    names = [_name(d.func if isinstance(d, ast.Call) else d) for d in found.decorator_list]
    return any(not _FIELDS.search(name) and name not in ("final", "export", "deprecated") for name in names)


def _bound(node: ast.stmt) -> set[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}


def _sets(node: ast.AST, attribute: str) -> bool:
    """``self.attribute = ...``, also in a tuple, or ``setattr(self, "attribute", ...)``."""
    if isinstance(node, ast.Attribute):
        return node.attr == attribute and isinstance(node.ctx, ast.Store)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr":
        return any(isinstance(a, ast.Constant) and a.value == attribute for a in node.args)
    return False


def _name(node: ast.expr) -> str:
    """The last part of a dotted name; of ``Generic[T]`` the first one."""
    if isinstance(node, ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _takes(sources: _Sources, missing: Missing) -> bool | None:
    """Whether the callable takes the keyword."""
    owner, function = _parts(missing)
    if owner:
        found = sources.class_named(owner)
        return _class_takes(sources, found, function, missing.keyword, _DEPTH) if found else None
    if function.startswith("__"):  # a Python that does not tell the class: does anything take such a keyword?
        return sources.says(missing.keyword) if len(missing.keyword) >= _TELLING else None
    plain = sources.function_named(function)
    if plain and missing.given:
        return _enough(plain, missing.given)
    return _function_takes(plain, missing.keyword) if plain and missing.keyword else None


def _class_takes(sources: _Sources, found: ast.ClassDef, function: str, keyword: str, depth: int) -> bool | None:
    own = next((n for n in found.body if isinstance(n, _Function) and n.name == function), None)
    if own:
        return _function_takes(own, keyword)
    made = any(_FIELDS.search(_name(d.func if isinstance(d, ast.Call) else d)) for d in found.decorator_list)
    if made and any(keyword in _bound(node) for node in found.body if isinstance(node, ast.AnnAssign)):
        return True
    bases = [name for name in map(_name, found.bases) if name not in _PLAIN_BASES]
    answers = []
    for name in bases:
        base = sources.class_named(name) if depth and name and name != found.name else None
        answers.append(_class_takes(sources, base, function, keyword, depth - 1) if base else None)
    if made:
        return True if any(answers) else None if None in answers else False
    return answers[0] if answers else None


def _enough(found: _Function, given: Given) -> bool:
    """The function asks for no more than it is given, and takes that."""
    arguments = found.args
    places = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
    required = places[: len(places) - len(arguments.defaults)]
    named = [one.arg for one, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value is None]
    fits = given.places <= len(places) or arguments.vararg is not None
    return fits and not {*required[given.places :], *named} - set(given.names)


def _function_takes(found: _Function, keyword: str) -> bool | None:
    """None for ``**kwargs``, which may end anywhere."""
    arguments = found.args
    if any(one.arg == keyword for one in (*arguments.args, *arguments.kwonlyargs)):
        return True
    return None if arguments.kwarg else False
