"""Source text -> summary: the operations of a module that matter when it is imported, as nested tuples.

A summary holds module-level and class-level code only; bodies of functions are lowered when a call needs them
(``lower_function``), because imports reach few of them. Tuples of constants are marshalable, so a summary can be
cached. Every node is ``(op, line, ...)``; the ops are listed beside the functions that make them.

Reference for what is evaluated when: the Python language reference, "Execution model" and "Compound statements"
(decorators, default values, base classes, class bodies and, without ``from __future__ import annotations`` and
before Python 3.14, annotations are evaluated at definition).
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Node = tuple[Any, ...]

FORMAT = 8
"""Part of every cache key: raise it when the meaning of a node changes."""

_LONG_TEXT = 6000
_BUILTIN_ANNOTATIONS = frozenset(
    [
        "int",
        "str",
        "bool",
        "float",
        "bytes",
        "object",
        "dict",
        "list",
        "tuple",
        "set",
        "frozenset",
        "None",
        "type",
        "complex",
        "self",
        "cls",
        "any",
    ]
)


class NotPythonError(ValueError):
    """The text does not parse as Python: ``reason`` and ``line`` say why and where."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        """Keep the parser's words and the line."""
        self.reason, self.line = reason, line
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Summary:
    """What importing one source file does: its statements, and where its functions' bodies are.

    ``functions``: (first line, last line, indented) of each function that the statements refer to by index.
    """

    body: tuple[Node, ...]
    functions: tuple[tuple[int, int, bool], ...]
    future_annotations: bool


@dataclass(frozen=True, slots=True)
class FunctionBody:
    """The lowered body of one function. ``binds`` says that it may change names of its module from inside."""

    body: tuple[Node, ...]
    generator: bool
    coroutine: bool
    binds: bool


def parse(source: bytes, minor: tuple[int, int]) -> ast.Module:
    """The syntax tree as the target's parser would see it; raises ``NotPythonError``."""
    feature = minor if minor < (3, 12) else None
    if b"\0" in source:
        raise NotPythonError("source code cannot contain null bytes", source[: source.index(b"\0")].count(b"\n") + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source, feature_version=feature)
    except SyntaxError as error:
        raise NotPythonError(error.msg or "invalid syntax", error.lineno) from None
    except (ValueError, UnicodeDecodeError, LookupError) as error:
        raise NotPythonError(str(error) or "undecodable source") from None
    except (RecursionError, MemoryError):
        raise NotPythonError("too deeply nested to be parsed") from None


def lower_module(tree: ast.Module) -> Summary:
    """Lower the module-level code of a parsed file; raises ``NotPythonError`` where it nests too deeply."""
    future = any(
        isinstance(s, ast.ImportFrom) and s.module == "__future__" and any(a.name == "annotations" for a in s.names)
        for s in tree.body
    )
    lowering = _Lowering(future=future)
    try:
        body = lowering.block(tree.body)
    except RecursionError:
        raise NotPythonError("too deeply nested to be analysed") from None
    return Summary(body, tuple(lowering.functions), future)


def lower_function(source: bytes, span: tuple[int, int, bool], *, future: bool) -> FunctionBody:
    """Lower the body of the function at ``span`` of ``source``; raises ``NotPythonError`` when it does not parse."""
    first, last, indented = span
    lines = source.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[first - 1 : last]
    encoding = _encoding(source)
    text = b"\n".join(lines).decode(encoding, "replace")
    if indented:
        text = "if 1:\n" + text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotPythonError(str(error)) from None
    statement: ast.stmt = tree.body[0]
    if indented:
        statement = statement.body[0]  # type: ignore[attr-defined]
    if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        raise NotPythonError("no function where one was")
    lowering = _Lowering(future=future, inner=True, offset=first - (2 if indented else 1))
    try:
        body = lowering.block(statement.body)
    except RecursionError:
        raise NotPythonError("too deeply nested to be analysed") from None
    return FunctionBody(body, lowering.generator, isinstance(statement, ast.AsyncFunctionDef), lowering.binds)


def _encoding(source: bytes) -> str:
    import io  # noqa: PLC0415
    import tokenize  # noqa: PLC0415

    try:
        return tokenize.detect_encoding(io.BytesIO(source).readline)[0]
    except (SyntaxError, LookupError):
        return "utf-8"


class _Lowering:
    """One pass; ``inner`` lowers nested functions in place instead of leaving them for later."""

    def __init__(self, *, future: bool, inner: bool = False, offset: int = 0) -> None:
        self.future, self.inner, self.offset = future, inner, offset
        self.functions: list[tuple[int, int, bool]] = []
        self.generator = False
        self.binds = False

    # ------------------------------------------------------------ statements

    def block(self, statements: list[ast.stmt]) -> tuple[Node, ...]:
        """The statements that do something, in order."""
        out = []
        for statement in statements:
            lower = _STATEMENTS.get(type(statement))
            if lower is not None and (node := lower(self, statement)) is not None:
                out.append(node)
        return tuple(out)

    def line(self, node: Any) -> int:
        return int(node.lineno) + self.offset

    def s_expr(self, s: ast.Expr) -> Node | None:
        if isinstance(s.value, ast.Constant):
            return None
        return ("expr", self.line(s), self.expr(s.value))

    def s_assign(self, s: ast.Assign) -> Node:
        return ("assign", self.line(s), tuple(self.target(t) for t in s.targets), self.expr(s.value))

    def s_augassign(self, s: ast.AugAssign) -> Node:
        return ("aug", self.line(s), self.target(s.target), type(s.op).__name__, self.expr(s.value))

    def s_annassign(self, s: ast.AnnAssign) -> Node | None:
        value = self.expr(s.value) if s.value is not None else None
        annotations = () if self.future or self.inner else self.annotation(s.annotation)
        if value is None and not annotations:
            return None
        return ("ann", self.line(s), self.target(s.target) if value is not None else None, annotations, value)

    def s_import(self, s: ast.Import) -> Node:
        return ("import", self.line(s), tuple((a.name, a.asname) for a in s.names))

    def s_from(self, s: ast.ImportFrom) -> Node | None:
        if s.module == "__future__" and not s.level:
            return None
        # the line of a name inside parentheses is not what a traceback shows: it shows the statement's
        return ("from", self.line(s), s.module or "", s.level, tuple((a.name, a.asname) for a in s.names))

    def s_def(self, s: ast.FunctionDef | ast.AsyncFunctionDef) -> Node:
        annotations: tuple[Node, ...] = ()
        if not self.future and not self.inner:
            found = [a.annotation for a in _all_args(s.args) if a.annotation is not None]
            if s.returns is not None:
                found.append(s.returns)
            annotations = tuple(dict.fromkeys(n for a in found for n in self.annotation(a)))
        body: Any
        if self.inner:
            nested = _Lowering(future=True, inner=True, offset=self.offset)
            block = nested.block(s.body)
            self.binds |= nested.binds
            body = (block, nested.generator, isinstance(s, ast.AsyncFunctionDef), nested.binds)
        else:
            body = len(self.functions)
            self.functions.append((s.lineno, s.end_lineno or s.lineno, s.col_offset > 0))
        decorators = tuple(self.expr(d) for d in s.decorator_list)
        return ("def", self.line(s), s.name, self.params(s.args), decorators, annotations, body)

    def s_class(self, s: ast.ClassDef) -> Node:
        bases = tuple(self.expr(b) for b in s.bases)
        keywords = tuple((k.arg, self.expr(k.value)) for k in s.keywords)
        return (
            "class", self.line(s), s.name, bases, keywords, tuple(self.expr(d) for d in s.decorator_list), self.block(s.body),
        )  # fmt: skip

    def s_if(self, s: ast.If) -> Node:
        return ("if", self.line(s), self.expr(s.test), self.block(s.body), self.block(s.orelse))

    def s_for(self, s: ast.For | ast.AsyncFor) -> Node:
        return ("for", self.line(s), self.target(s.target), self.expr(s.iter), self.block(s.body), self.block(s.orelse))

    def s_while(self, s: ast.While) -> Node:
        return ("while", self.line(s), self.expr(s.test), self.block(s.body), self.block(s.orelse))

    def s_try(self, s: ast.Try) -> Node:
        handlers = tuple(
            (self.line(h), self.expr(h.type) if h.type is not None else None, h.name, self.block(h.body))
            for h in s.handlers
        )
        return ("try", self.line(s), self.block(s.body), handlers, self.block(s.orelse), self.block(s.finalbody))

    def s_with(self, s: ast.With | ast.AsyncWith) -> Node:
        items = tuple(
            (self.expr(i.context_expr), self.target(i.optional_vars) if i.optional_vars is not None else None)
            for i in s.items
        )
        return ("with", self.line(s), items, self.block(s.body))

    def s_return(self, s: ast.Return) -> Node:
        return ("return", self.line(s), self.expr(s.value) if s.value is not None else ("const", 0, None))

    def s_raise(self, s: ast.Raise) -> Node:
        return (
            "raise",
            self.line(s),
            self.expr(s.exc) if s.exc is not None else None,
            self.expr(s.cause) if s.cause is not None else None,
        )

    def s_delete(self, s: ast.Delete) -> Node:
        return ("del", self.line(s), tuple(self.target(t) for t in s.targets))

    def s_assert(self, s: ast.Assert) -> Node:
        return ("assert", self.line(s), self.expr(s.test))

    def s_global(self, s: ast.Global) -> Node:
        self.binds = True
        return ("global", self.line(s), tuple(s.names))

    def s_nonlocal(self, s: ast.Nonlocal) -> Node:
        return ("nonlocal", self.line(s), tuple(s.names))

    def s_match(self, s: ast.Match) -> Node:
        cases = tuple((self.pattern(c.pattern), self.block(c.body)) for c in s.cases)
        return ("match", self.line(s), self.expr(s.subject), cases)

    def s_type(self, s: Any) -> Node:
        return ("assign", self.line(s), (self.target(s.name),), ("unknown", 0))

    def pattern(self, p: ast.pattern) -> tuple[str, ...]:
        return tuple(n.name for n in ast.walk(p) if isinstance(n, ast.MatchAs | ast.MatchStar) and n.name is not None)

    # ----------------------------------------------------------- expressions

    def expr(self, e: ast.expr) -> Node:
        lower = _EXPRESSIONS.get(type(e))
        return lower(self, e) if lower is not None else ("unknown", 0)

    def exprs(self, values: list[ast.expr]) -> tuple[Node, ...]:
        return tuple(self.expr(v) for v in values)

    def target(self, e: ast.expr) -> Node:
        if isinstance(e, ast.Name):
            return ("name", self.line(e), e.id)
        if isinstance(e, ast.Tuple | ast.List):
            return ("tuple", 0, tuple(self.target(x) for x in e.elts))
        if isinstance(e, ast.Starred):
            return ("star", 0, self.target(e.value))
        return self.expr(e)

    def e_constant(self, e: ast.Constant) -> Node:
        value = e.value
        if isinstance(value, str | bytes) and len(value) > _LONG_TEXT:
            return ("unknown", 0)
        return ("const", 0, value)

    def e_name(self, e: ast.Name) -> Node:
        return ("name", self.line(e), e.id)

    def e_attribute(self, e: ast.Attribute) -> Node:
        return ("attr", int(e.end_lineno or e.lineno) + self.offset, self.expr(e.value), e.attr)

    def e_call(self, e: ast.Call) -> Node:
        if isinstance(e.func, ast.Name) and e.func.id in {"globals", "exec", "setattr", "vars", "locals", "eval"}:
            self.binds = True
        args = tuple(self.expr(a) for a in e.args)
        return ("call", self.line(e), self.expr(e.func), args, tuple((k.arg, self.expr(k.value)) for k in e.keywords))

    def e_tuple(self, e: ast.Tuple | ast.List | ast.Set) -> Node:
        kind = "tuple" if isinstance(e, ast.Tuple) else "list" if isinstance(e, ast.List) else "set"
        return (kind, self.line(e), self.exprs(e.elts))

    def e_dict(self, e: ast.Dict) -> Node:
        pairs = tuple(
            (self.expr(k) if k is not None else None, self.expr(v)) for k, v in zip(e.keys, e.values, strict=True)
        )
        return ("dict", self.line(e), pairs)

    def e_subscript(self, e: ast.Subscript) -> Node:
        return ("item", self.line(e), self.expr(e.value), self.expr(e.slice))

    def e_slice(self, e: ast.Slice) -> Node:
        return (
            "slice",
            0,
            *(self.expr(x) if x is not None else ("const", 0, None) for x in (e.lower, e.upper, e.step)),
        )

    def e_binop(self, e: ast.BinOp) -> Node:
        return ("binop", self.line(e), type(e.op).__name__, self.expr(e.left), self.expr(e.right))

    def e_boolop(self, e: ast.BoolOp) -> Node:
        return ("and" if isinstance(e.op, ast.And) else "or", self.line(e), self.exprs(e.values))

    def e_unaryop(self, e: ast.UnaryOp) -> Node:
        return ("unary", self.line(e), type(e.op).__name__, self.expr(e.operand))

    def e_compare(self, e: ast.Compare) -> Node:
        rest = tuple((type(o).__name__, self.expr(c)) for o, c in zip(e.ops, e.comparators, strict=True))
        return ("compare", self.line(e), self.expr(e.left), rest)

    def e_ifexp(self, e: ast.IfExp) -> Node:
        return ("ifexp", self.line(e), self.expr(e.test), self.expr(e.body), self.expr(e.orelse))

    def e_lambda(self, e: ast.Lambda) -> Node:
        nested = _Lowering(future=True, inner=True, offset=self.offset)
        body = (("return", self.line(e), nested.expr(e.body)),)
        return ("lambda", self.line(e), self.params(e.args), (body, False, False, nested.binds))

    def e_joined(self, e: ast.JoinedStr) -> Node:
        parts: list[Node] = []
        for v in e.values:
            if isinstance(v, ast.FormattedValue):
                plain = v.format_spec is None and v.conversion in {-1, 115}
                inner = self.expr(v.value)
                parts.append(inner if plain else ("and", 0, (inner, ("unknown", 0))))
            else:
                parts.append(self.expr(v))
        return ("fstring", self.line(e), tuple(parts))

    def e_comprehension(self, e: Any) -> Node:
        kind = {ast.ListComp: "list", ast.SetComp: "set", ast.GeneratorExp: "lazy", ast.DictComp: "dict"}[type(e)]
        elements = (self.expr(e.key), self.expr(e.value)) if kind == "dict" else (self.expr(e.elt),)
        loops = tuple((self.target(g.target), self.expr(g.iter), self.exprs(g.ifs)) for g in e.generators)
        return ("comp", self.line(e), kind, elements, loops)

    def e_starred(self, e: ast.Starred) -> Node:
        return ("star", 0, self.expr(e.value))

    def e_named(self, e: ast.NamedExpr) -> Node:
        return ("walrus", self.line(e), self.target(e.target), self.expr(e.value))

    def e_yield(self, e: ast.Yield | ast.YieldFrom) -> Node:
        self.generator = True
        return ("yield", self.line(e), self.expr(e.value) if e.value is not None else None)

    def e_await(self, e: ast.Await) -> Node:
        return ("yield", self.line(e), self.expr(e.value))

    def params(self, a: ast.arguments) -> tuple[tuple[str, int, Node | None], ...]:
        """(name, kind, default): kind 0 positional-only, 1 either, 2 ``*args``, 3 keyword-only, 4 ``**kwargs``."""
        out: list[tuple[str, int, Node | None]] = []
        positional = [(x, 0) for x in a.posonlyargs] + [(x, 1) for x in a.args]
        missing = len(positional) - len(a.defaults)
        for number, (arg, kind) in enumerate(positional):
            default = self.expr(a.defaults[number - missing]) if number >= missing else None
            out.append((arg.arg, kind, default))
        if a.vararg is not None:
            out.append((a.vararg.arg, 2, None))
        for arg, value in zip(a.kwonlyargs, a.kw_defaults, strict=True):
            out.append((arg.arg, 3, self.expr(value) if value is not None else None))
        if a.kwarg is not None:
            out.append((a.kwarg.arg, 4, None))
        return tuple(out)

    def annotation(self, a: ast.expr) -> tuple[Node, ...]:
        """The name and attribute chains that evaluating an annotation looks up; strings inside are not looked at."""
        found: dict[Node, None] = {}
        todo: list[ast.expr] = [a]
        while todo:
            e = todo.pop()
            if isinstance(e, ast.Name):
                if e.id not in _BUILTIN_ANNOTATIONS:
                    found[self.e_name(e)] = None
            elif isinstance(e, ast.Attribute):
                found[self.e_attribute(e)] = None
            elif isinstance(e, ast.Lambda):
                continue
            else:
                todo.extend(x for x in ast.iter_child_nodes(e) if isinstance(x, ast.expr))
        return tuple(found)


def _all_args(a: ast.arguments) -> list[ast.arg]:
    return [*a.posonlyargs, *a.args, *a.kwonlyargs, *([a.vararg] if a.vararg else []), *([a.kwarg] if a.kwarg else [])]


_STATEMENTS: dict[type, Callable[[_Lowering, Any], Node | None]] = {
    ast.Expr: _Lowering.s_expr, ast.Assign: _Lowering.s_assign, ast.AugAssign: _Lowering.s_augassign,
    ast.AnnAssign: _Lowering.s_annassign, ast.Import: _Lowering.s_import, ast.ImportFrom: _Lowering.s_from,
    ast.FunctionDef: _Lowering.s_def, ast.AsyncFunctionDef: _Lowering.s_def, ast.ClassDef: _Lowering.s_class,
    ast.If: _Lowering.s_if, ast.For: _Lowering.s_for, ast.AsyncFor: _Lowering.s_for, ast.While: _Lowering.s_while,
    ast.Try: _Lowering.s_try, ast.TryStar: _Lowering.s_try, ast.With: _Lowering.s_with, ast.AsyncWith: _Lowering.s_with,
    ast.Return: _Lowering.s_return, ast.Raise: _Lowering.s_raise, ast.Delete: _Lowering.s_delete,
    ast.Assert: _Lowering.s_assert, ast.Global: _Lowering.s_global, ast.Nonlocal: _Lowering.s_nonlocal,
    ast.Match: _Lowering.s_match, ast.Break: lambda c, s: ("break", c.line(s)), ast.Continue: lambda c, s: ("continue", c.line(s)),
}  # fmt: skip

_EXPRESSIONS: dict[type, Callable[[_Lowering, Any], Node]] = {
    ast.Constant: _Lowering.e_constant, ast.Name: _Lowering.e_name, ast.Attribute: _Lowering.e_attribute,
    ast.Call: _Lowering.e_call, ast.Tuple: _Lowering.e_tuple, ast.List: _Lowering.e_tuple, ast.Set: _Lowering.e_tuple,
    ast.Dict: _Lowering.e_dict, ast.Subscript: _Lowering.e_subscript, ast.Slice: _Lowering.e_slice,
    ast.BinOp: _Lowering.e_binop, ast.BoolOp: _Lowering.e_boolop, ast.UnaryOp: _Lowering.e_unaryop,
    ast.Compare: _Lowering.e_compare, ast.IfExp: _Lowering.e_ifexp, ast.Lambda: _Lowering.e_lambda,
    ast.JoinedStr: _Lowering.e_joined, ast.ListComp: _Lowering.e_comprehension, ast.SetComp: _Lowering.e_comprehension,
    ast.GeneratorExp: _Lowering.e_comprehension, ast.DictComp: _Lowering.e_comprehension, ast.Starred: _Lowering.e_starred,
    ast.NamedExpr: _Lowering.e_named, ast.Yield: _Lowering.e_yield, ast.YieldFrom: _Lowering.e_yield,
    ast.Await: _Lowering.e_await,
}  # fmt: skip

if (_type_alias := getattr(ast, "TypeAlias", None)) is not None:
    _STATEMENTS[_type_alias] = _Lowering.s_type
