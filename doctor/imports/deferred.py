"""What would fail when it is first called: uses of other distributions inside functions that importing does not run.

Importing binds a function and does not run it. So a name that another distribution has dropped, or an argument that
its signature refuses, stays silent until somebody calls. Here the text of every loaded module is searched for uses of
what it imported from other distributions (``signs``), and only where one looks wrong the function around it is
executed abstractly, with unknown arguments, to see whether the importer agrees (``probe``). Such a failure depends on
the path that a call takes: it is never certain.
"""

from __future__ import annotations

import ast
import contextlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from doctor.imports.calling import function_body
from doctor.imports.failures import Failure, Raised
from doctor.imports.inherited import lost, overrides
from doctor.imports.machine import CALL_DEPTH, Frame, Machine
from doctor.imports.signs import signs
from doctor.imports.statements import run_block
from doctor.imports.values import UNKNOWN, Bounded, Class, Instance, Module, Value

_STEPS = 4000
_DEEPEST = 3
_MOST_PROBES = 1500
_KINDS = frozenset({"attribute", "name", "module", "argument"})
_GATE = re.compile(
    r"version|hasattr|getattr|callable|signature|(?:\b|_)ha(?:s|ve)_|support|avail|compat|legacy|installed|platform|os\.name"
    r"|(?:^|_)(?:PY|GE|LT|GTE|LE|OLD|NEW)(?:_|\d|\b)|TYPE_CHECKING|parameters|dir\(|[a-z]_?v?\d+(?:_\d+)*\b",
    re.IGNORECASE,
)
"""A test that may ask for a version or an ability: behind one that could not be decided nothing is said."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """Whose files are whose: the distribution of a path by name, '' for none; ``begin`` is told which module is next."""

    machine: Machine
    owner: Callable[[str], str]
    begin: Callable[[str], None] = lambda _module: None


@dataclass(eq=False, slots=True)
class _Spans:
    """Where the functions of a module lie."""

    module: Module
    starts: list[int] = field(default_factory=list)

    def around(self, line: int) -> int | None:
        """The index of the function that holds the line."""
        at = bisect_right(self.starts, line) - 1
        while at >= 0:
            first, last, _indented = self.module.functions[at]
            if first <= line <= last:
                return at
            at -= 1
        return None


def failing_calls(look: Look) -> dict[str, tuple[Failure, ...]]:
    """What calls into the loaded modules would fail with, by module; each missing thing of each file once."""
    machine = look.machine
    every: dict[str, tuple[Failure, ...]] = {}
    probes = 0
    standing = [(m, m.opened) for m in machine.modules.values() if isinstance(m, Module)]
    for module in [m for m, _opened in standing if _worth(m)]:
        look.begin(module.name)
        found: dict[tuple[str, str], Failure] = {}
        owner = look.owner(module.spec.path)
        lines = sorted(set(signs(machine, module, owner, look.owner))) if owner else []
        spans = _Spans(module, [first for first, _last, _indented in module.functions]) if lines else None
        for index in dict.fromkeys(i for line in lines if spans is not None and (i := spans.around(line)) is not None):
            probes += 1
            if probes > _MOST_PROBES or spans is None:
                break
            for failure in _probe(machine, spans, index):
                if _counts(failure, owner, look.owner) and not (
                    _may_be_there(machine, failure) or _is_gated(module, failure, machine.undecided)
                ):
                    found.setdefault((failure.root.symbol, failure.root.path), failure)
            for each, opened in standing:
                each.opened = opened
        for failure in lost(machine, module, owner, look.owner) if owner else ():
            if not _is_gated(module, failure, None):
                found.setdefault((failure.symbol, failure.path), failure)
        for failure in overrides(machine, module, owner, look.owner) if owner else ():
            found.setdefault((failure.symbol, failure.path), failure)
        if found:
            every[module.name] = tuple(found.values())
    look.begin("")
    return every


def _worth(module: Module) -> bool:
    return module.spec.kind == "source" and module.state == "done" and bool(module.functions) and not module.broken_by


def _counts(failure: Failure, owner: str, owner_of: Callable[[str], str]) -> bool:
    """The failing statement is the module's own, and what it lacks is another distribution's."""
    root = failure.root
    provider = owner_of(root.provider_path) if root.provider_path else ""
    return root.kind in _KINDS and owner_of(root.path) == owner and bool(provider) and provider != owner


def _is_bound_elsewhere(provider: Module, name: str) -> bool:
    """An import, function, class or global of that name stands in the module, indented: on a path that was not taken."""
    word = re.escape(name.encode())
    bound = (
        rb"(?m)^[ \t]+(?:[^\n#]*\bimport\b(?:[^\n#(]*|[ \t]*\([^)]*)\b%s\b|(?:def|class)[ \t]+%s\b|global\b[^\n]*\b%s\b)"
        % (*(word,) * 3,)
    )
    return provider.source is not None and re.search(bound, provider.source) is not None


def _may_be_there(machine: Machine, failure: Failure) -> bool:
    """The provider may have the name at another time.

    It binds it on a path that was not taken (an optional part of it that is not installed), or compiled code adds it:
    then its own Python code speaks of ``module.name``.
    """
    root = failure.root
    if root.kind not in {"attribute", "name"}:
        return False
    package = root.provider.partition(".")[0]
    own = [m for n, m in machine.modules.items() if n.partition(".")[0] == package and isinstance(m, Module)]
    provider = machine.modules.get(root.provider)
    if isinstance(provider, Module) and _is_bound_elsewhere(provider, root.symbol.rpartition(".")[2]):
        return True
    if not any(m.spec.kind == "native" for m in own):
        return False
    module, _dot, name = root.symbol.rpartition(".")
    # a class is spoken of by many dotted names; a plain word needs the module's own name before it
    before = "" if name[:1].isupper() else module.rpartition(".")[2]
    word = re.compile(rf"{before}\.{re.escape(name)}\b".encode())
    return any(m.source is not None and word.search(m.source) for m in own)


def _probe(machine: Machine, spans: _Spans, index: int) -> list[Failure]:
    """Execute one function with unknown arguments; nothing that it does is kept but what failed."""
    module = spans.module
    function = module.defined.get(index)  # none: its definition is behind a test that says no
    body = function_body(machine, function) if function is not None else None
    if body is None or function is None:
        return []
    names: dict[str, Value] = {name: UNKNOWN for name, _kind, _default in function.params}
    if isinstance(function.owner, Class) and function.params and function.kind in {"plain", "property"}:
        names[function.params[0][0]] = Instance(function.owner, opened=True)
    elif isinstance(function.owner, Class) and function.params and function.kind == "class":
        names[function.params[0][0]] = function.owner
    frame = Frame(module, names, "function", function.closure, function=function, cls=function.owner, called=True)
    with _apart(machine, module, function.line):
        with contextlib.suppress(Raised, Bounded, RecursionError):
            run_block(machine, body.body, frame)
        found = [*machine.failures.values(), *machine.possible.values()]
    return [
        replace(f, certain=False, site_module=module.name, site_path="", chain=(module.name,), entries=[])
        for f in found
    ]


@contextlib.contextmanager
def _apart(machine: Machine, module: Module, line: int) -> Iterator[None]:
    """The machine as a caller of one function would find it; what happens meanwhile is forgotten."""
    kept = {name: getattr(machine, name) for name in _STATE}
    broken = module.broken_by
    path, modules, environ = list(machine.finder.path), dict(machine.modules), dict(machine.environ)
    machine.possible, machine.guarded, machine.failures, machine.stack, machine.guards = {}, {}, {}, [module], []
    machine.limit, machine.depth = machine.steps + _STEPS, CALL_DEPTH - _DEEPEST
    machine.base, machine.calling, module.line = 0, True, line
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(machine, name, value)
        module.broken_by = broken
        machine.finder.path[:] = path
        machine.sys_path.opened = False
        machine.modules.clear()
        machine.modules.update(modules)
        machine.environ.clear()
        machine.environ.update(environ)


_STATE = (
    "possible", "guarded", "failures", "stack", "guards", "limit", "depth", "base", "calling", "order_known",
)  # fmt: skip


def _is_gated(module: Module, failure: Failure, undecided: set[tuple[str, int]] | None) -> bool:
    """The failing line is behind a test, which the importer could not decide, for a version or an ability.

    ``undecided``: path and line of such tests; None where none was tried.
    """
    try:
        tree = ast.parse(module.source or b"")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    line = failure.root.line
    return any(
        (undecided is None or (module.spec.path, at) in undecided) and _GATE.search(ast.unparse(test))
        for at, test in _tests(tree, line)
    )


def _tests(tree: ast.AST, line: int) -> Iterator[tuple[int, ast.expr]]:
    """(line, test) of what decides whether the line is reached: those around it, and those before it that may leave."""
    for node in ast.walk(tree):
        first, last = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
        if first is None or last is None or first > line:
            continue
        inside = first <= line <= last
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert) and (inside or _leaves(node)):
            yield node.lineno, node.test
        elif isinstance(node, ast.BoolOp) and inside:
            yield from ((node.lineno, v) for v in node.values)
        elif isinstance(node, ast.Match) and inside:
            yield node.lineno, node.subject


def _leaves(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and any(
        isinstance(s, ast.Return | ast.Raise | ast.Continue | ast.Break) for s in node.body
    )
