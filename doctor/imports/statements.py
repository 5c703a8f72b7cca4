"""Executing statements abstractly.

A block returns None when it runs to its end, or the word that ended it: ``return``, ``break``, ``continue``,
``raise`` (an undecided path that ends in an exception). On an undecided path (``frame.maybe``) bindings are
joined with what was there, so that later conditions on them are unknown, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from doctor.imports.expressions import evaluate
from doctor.imports.lower import Node
from doctor.imports.machine import Failure, Frame, Machine, Raised, error_class
from doctor.imports.objects import (
    class_of_exception,
    get_attribute,
    make_class,
    make_function,
    may_come,
    module_attribute,
    set_attribute,
)
from doctor.imports.values import (
    MISSING,
    UNKNOWN,
    Bounded,
    Class,
    Dict,
    External,
    Function,
    Instance,
    List,
    Module,
    Set,
    Value,
    join,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOOP_LIMIT = 2000
_STAR_LIMIT = 20_000


def run_block(machine: Machine, body: Iterable[Node], frame: Frame) -> str | None:
    """Execute statements in order; at module and class level go on behind a recorded failure."""
    outermost = frame.kind != "function"
    for node in body:
        machine.steps += 1
        if machine.steps > machine.limit:
            raise Bounded
        if outermost:
            frame.module.line = node[1]
        try:
            signal = _STATEMENTS[node[0]](machine, node, frame)
        except Raised as raised:
            if not ((raised.recorded or raised.possible) and outermost):
                raise
            _poison(machine, node, frame)
            continue
        if signal is not None:
            return signal
    return None


def run_maybe(machine: Machine, body: Iterable[Node], frame: Frame) -> str | None:
    """Execute a block that may or may not run; an exception that nothing catches ends only this path."""
    frame.maybe += 1
    try:
        return run_block(machine, body, frame)
    except Raised as raised:
        if raised.recorded:
            return None
        return "raise"
    finally:
        frame.maybe -= 1


def _poison(machine: Machine, node: Node, frame: Frame) -> None:
    """Bind what a failed statement would have bound: after its cure it is there, with unknown value."""
    op = node[0]
    if op == "import":
        for name, alias in node[2]:
            frame.names.setdefault(alias or name.partition(".")[0], UNKNOWN)
    elif op == "from":
        for name, alias in node[4]:
            if name == "*":
                frame.module.opened = frame.module.opened or "star import of a broken module"
            else:
                frame.names[alias or name] = UNKNOWN
    elif op in {"def", "class"}:
        frame.names[node[2]] = UNKNOWN
    elif op == "assign":
        for target in node[2]:
            bind(machine, target, UNKNOWN, frame)
    elif op in {"aug", "ann", "for"} and node[2] is not None:
        bind(machine, node[2], UNKNOWN, frame)


# ---------------------------------------------------------------- binding


def bind(machine: Machine, target: Node, value: Value, frame: Frame) -> None:
    """Assign to a name, attribute, item or sequence of them."""
    op = target[0]
    if op == "name":
        bind_name(frame, target[2], value)
    elif op == "tuple":
        _unpack(machine, target[2], value, frame)
    elif op == "star":
        bind(machine, target[2], UNKNOWN, frame)
    elif op == "attr":
        set_attribute(machine, evaluate(machine, target[2], frame), target[3], value, frame)
    elif op == "item":
        _set_item(machine, target, value, frame)


def bind_name(frame: Frame, name: str, value: Value) -> None:
    """Bind in the right namespace; join with the old value where it is not certain that this runs."""
    if name in frame.globals_:
        names = frame.module.names
        if frame.kind == "function" and name in names:
            value = join(names[name], value) if frame.maybe or frame.called else value
    else:
        names = frame.names
        if frame.maybe and name in names:
            value = join(names[name], value)
    names[name] = value


def _unpack(machine: Machine, targets: tuple[Node, ...], value: Value, frame: Frame) -> None:
    items: list[Value] | None = None
    if isinstance(value, tuple):
        items = list(value)
    elif isinstance(value, List) and not value.opened:
        items = list(value.items)
    star = next((i for i, t in enumerate(targets) if t[0] == "star"), None)
    if (
        items is None
        or (star is None and len(items) != len(targets))
        or (star is not None and len(items) < len(targets) - 1)
    ):
        for target in targets:
            bind(machine, target, UNKNOWN, frame)
        return
    if star is not None:
        after = len(targets) - star - 1
        end = len(items) - after
        items = [*items[:star], List(items[star:end]), *items[end:]]
    for target, item in zip(targets, items, strict=True):
        bind(machine, target[2] if target[0] == "star" else target, item, frame)


def _set_item(machine: Machine, target: Node, value: Value, frame: Frame) -> None:
    holder = evaluate(machine, target[2], frame)
    key = evaluate(machine, target[3], frame)
    if isinstance(holder, External) and holder.path == "sys.modules":
        if isinstance(key, str):
            machine.modules[key] = value
        else:
            machine.hooked.add(frame.module.name.partition(".")[0])
        return
    if isinstance(holder, External) and holder.path == "os.environ" and isinstance(key, str):
        machine.environ[key] = value
        return
    store_item(holder, key, value, uncertain=machine.uncertain(frame))


def _store(holder: Dict, key: Any, value: Value, *, uncertain: bool) -> None:
    items = holder.items
    if not uncertain:
        items[key] = value
    elif key in items:
        items[key] = join(items[key], value)
    elif holder.module is not None:
        items[key] = value
    else:
        holder.opened = True  # it may or may not have the key now


def store_item(holder: Value, key: Value, value: Value, *, uncertain: bool) -> None:
    """``holder[key] = value`` on the containers that are modelled."""
    if isinstance(holder, Dict):
        try:
            if isinstance(key, str | int | tuple | type(None)):
                _store(holder, key, value, uncertain=uncertain)
                return
        except TypeError:
            pass
        holder.opened = True
        if holder.module is not None:
            holder.module.opened = holder.module.opened or "names bound by computation"
    elif isinstance(holder, List):
        if isinstance(key, int) and not uncertain and -len(holder.items) <= key < len(holder.items):
            holder.items[key] = value
        else:
            holder.opened = True


# ---------------------------------------------------------------- simple statements


def _expr(machine: Machine, node: Node, frame: Frame) -> None:
    evaluate(machine, node[2], frame)


def _assign(machine: Machine, node: Node, frame: Frame) -> None:
    value = evaluate(machine, node[3], frame)
    for target in node[2]:
        bind(machine, target, value, frame)


def _aug(machine: Machine, node: Node, frame: Frame) -> None:
    from doctor.imports.containers import binary  # noqa: PLC0415

    old = evaluate(machine, node[2], frame)
    value = evaluate(machine, node[4], frame)
    if node[3] == "Add" and isinstance(old, List):
        _extend(old, value, uncertain=machine.uncertain(frame))
        return
    bind(machine, node[2], binary(machine, node[3], old, value), frame)


def _extend(target: List, value: Value, *, uncertain: bool) -> None:
    items = list(value) if isinstance(value, tuple) else value.items if isinstance(value, List) else None
    if items is None or len(target.items) + len(items) > _STAR_LIMIT:
        target.opened = True
        return
    target.opened = target.opened or (isinstance(value, List) and value.opened)
    target.items.extend(items)
    if uncertain:
        target.opened = True


def _ann(machine: Machine, node: Node, frame: Frame) -> None:
    if node[4] is not None:
        bind(machine, node[2], evaluate(machine, node[4], frame), frame)
    if frame.kind != "function" and not frame.module.future_annotations:
        for annotation in node[3]:
            evaluate(machine, annotation, frame)


def _del(machine: Machine, node: Node, frame: Frame) -> None:
    for target in node[2]:
        if target[0] == "name" and not frame.maybe:
            names = frame.module.names if target[2] in frame.globals_ else frame.names
            names.pop(target[2], None)
        elif target[0] == "item":
            holder, key = evaluate(machine, target[2], frame), evaluate(machine, target[3], frame)
            if isinstance(holder, Dict):
                if isinstance(key, str) and (holder.module is None or not machine.uncertain(frame)):
                    holder.items.pop(key, None)
                if not isinstance(key, str) or machine.uncertain(frame):
                    holder.opened = True
            elif isinstance(holder, External) and holder.path == "sys.modules" and isinstance(key, str):
                machine.modules.pop(key, None)


def _assert(machine: Machine, node: Node, frame: Frame) -> None:
    evaluate(machine, node[2], frame)


def _global(_machine: Machine, node: Node, frame: Frame) -> None:
    frame.globals_ = frame.globals_ | frozenset(node[2])


def _nonlocal(_machine: Machine, node: Node, frame: Frame) -> None:
    """The name belongs to an enclosing call: what is bound here is not known there, and the other way round."""
    for name in node[2]:
        frame.names[name] = UNKNOWN
        outer = frame.outer
        while outer is not None:
            if outer.kind == "function" and name in outer.names:
                outer.names[name] = UNKNOWN
                break
            outer = outer.outer


def _return(machine: Machine, node: Node, frame: Frame) -> str:
    frame.results.append(evaluate(machine, node[2], frame))
    return "return"


def _raise(machine: Machine, node: Node, frame: Frame) -> str | None:
    if node[2] is None:
        if frame.handled is None:
            return _raise_unknown(frame)
        raise _again(machine, frame.handled, frame)
    value = evaluate(machine, node[2], frame)
    cause = evaluate(machine, node[3], frame) if node[3] is not None else None
    cls = class_of_exception(value)
    if cls is UNKNOWN:
        return _raise_unknown(frame)
    handled = frame.handled
    if isinstance(cause, Instance) and isinstance(cause.names.get("__raised__"), Raised):
        handled = cause.names["__raised__"]
    message = _message(value)
    failure = Failure(
        kind="raised", exception=class_name(cls), message=message, symbol=frame.module.name, provider=frame.module.name,
        module=frame.module.name, path=frame.module.spec.path, line=node[1],
        cause=handled.failure if handled is not None else None,
    )  # fmt: skip
    again = value.names.get("__raised__") if isinstance(value, Instance) else None
    if isinstance(again, Raised):
        raise _again(machine, again, frame)
    raise machine.fail(failure, cls, frame, value if isinstance(value, Instance) else None)


def _again(machine: Machine, raised: Raised, frame: Frame) -> Raised:
    """The same exception raised again: it is judged anew by the handlers that are left."""
    return machine.fail(raised.failure, raised.cls, frame, raised.value)


def _raise_unknown(frame: Frame) -> str:
    """An exception of unknown class: nothing certain can be said of what follows on this path."""
    if frame.maybe == 0:
        frame.maybe += 1  # what follows runs only if this did not raise: undecided
    return "raise"


def class_name(cls: Value) -> str:
    """The name of an exception class as a traceback shows it."""
    if isinstance(cls, External):
        return cls.path.removeprefix("builtins.")
    if isinstance(cls, Class):
        return cls.name
    return "Exception"


def _message(value: Value) -> str:
    if isinstance(value, Instance):
        args = value.names.get("args")
        if isinstance(args, tuple) and args and isinstance(args[0], str):
            return args[0]
    return ""


# ---------------------------------------------------------------- imports


def _import(machine: Machine, node: Node, frame: Frame) -> None:
    for name, alias in node[2]:
        module = machine.import_name(name, frame, node[1])
        if alias is not None:
            bind_name(frame, alias, module)
        else:
            root = name.partition(".")[0]
            bind_name(frame, root, machine.modules.get(root, UNKNOWN))


def _from(machine: Machine, node: Node, frame: Frame) -> None:
    line, names = node[1], node[4]
    absolute = absolute_name(machine, node[2], node[3], frame)
    if absolute is None:
        for name, alias in names:
            bind_name(frame, alias or name, UNKNOWN)
        return
    module = machine.import_name(absolute, frame, line)
    for name, alias in names:
        if name == "*":
            _star(machine, module, frame, line)
        else:
            bind_name(frame, alias or name, import_from(machine, module, absolute, name, frame, line))


def absolute_name(_machine: Machine, name: str, level: int, frame: Frame) -> str | None:
    """The absolute name of a possibly relative import (PEP 328); None when it cannot be known."""
    if level == 0:
        return name
    package = frame.module.names.get("__package__")
    if not isinstance(package, str) or not package:
        return None
    for _ in range(level - 1):
        package, dot, _tail = package.rpartition(".")
        if not dot:
            return None
    return f"{package}.{name}" if name else package


def import_from(machine: Machine, module: Value, absolute: str, name: str, frame: Frame, line: int) -> Value:
    """``from absolute import name``: the attribute, then the submodule, then ImportError."""
    if module is UNKNOWN or not isinstance(module, Module | Instance):
        return get_attribute(machine, module, name, frame, line) if module is not UNKNOWN else UNKNOWN
    if isinstance(module, Instance):
        return _from_object(machine, module, absolute, name, frame, line)
    found = module_attribute(machine, module, name, frame, line)
    if found is not MISSING:
        if found is not UNKNOWN and isinstance(found, Module) and found.broken_by:
            machine.meet_broken(found, frame)
        return found
    child = f"{absolute}.{name}"
    if child in machine.modules:
        return machine.modules[child]
    if module.spec.package or "__path__" in module.names:
        spec = machine.spec_of(child, module)
        if spec is UNKNOWN:
            return UNKNOWN
        if spec is not None:
            return machine.import_name(child, frame, line)
    if (module.opened and module.opened != "stdlib") or may_come(machine, module, name):
        return UNKNOWN
    raise machine.fail(_no_name(machine, module, absolute, name, frame, line), error_class("ImportError"), frame)


def _no_name(_machine: Machine, module: Module, absolute: str, name: str, frame: Frame, line: int) -> Failure:
    partial = "partially initialized module " if module.state == "loading" else ""
    place = f" ({module.spec.path})" if module.spec.path else ""
    return Failure(
        kind="name", exception="ImportError", message=f"cannot import name {name!r} from {partial}{absolute!r}{place}",
        symbol=f"{absolute}.{name}", provider=absolute, module=frame.module.name, path=frame.module.spec.path, line=line,
        provider_path=module.spec.path or (module.spec.paths[0] if module.spec.paths else ""),
    )  # fmt: skip


def _from_object(machine: Machine, module: Instance, absolute: str, name: str, frame: Frame, line: int) -> Value:
    """The module was replaced by an object in ``sys.modules`` (a lazy module): ask it, then look for a submodule."""
    from doctor.imports.objects import ask_object  # noqa: PLC0415

    found = ask_object(machine, module, name, frame, line)
    spec: Any
    nowhere = found is UNKNOWN and _nowhere(machine, module, name)
    if found is not MISSING and not nowhere:
        return found
    child = f"{absolute}.{name}"
    if nowhere:
        spec = machine.finder.find_in(child, [module.names["__file__"].rpartition("/")[0]])
    else:
        spec = machine.spec_of(child, module)
    if spec is UNKNOWN:
        return UNKNOWN
    if spec is not None:
        return machine.import_name(child, frame, line)
    original = module.names.get("__file__")
    failure = Failure(
        kind="name", exception="ImportError", message=f"cannot import name {name!r} from {absolute!r}",
        symbol=f"{absolute}.{name}", provider=absolute, module=frame.module.name, path=frame.module.spec.path, line=line,
        provider_path=original if isinstance(original, str) else "",
    )  # fmt: skip
    raise machine.fail(failure, error_class("ImportError"), frame)


def _nowhere(machine: Machine, module: Instance, name: str) -> bool:
    """A lazy module whose loading could not be followed: still it cannot bring a name that its package never writes."""
    file = module.names.get("__file__")
    if (
        not isinstance(file, str)
        or not file.endswith("/__init__.py")
        or len(name) < 4
        or not isinstance(module.cls, Class)
    ):
        return False
    directory = file.rpartition("/")[0]
    own = module.cls.module.spec.path.startswith(directory + "/")
    return own and machine.absence.certain(directory, name)


def _star(machine: Machine, module: Value, frame: Frame, line: int) -> None:
    if not isinstance(module, Module):
        frame.module.opened = frame.module.opened or "star import of an unknown module"
        return
    if module.spec.kind == "stdlib":
        _star_standard(machine, module, frame)
        return
    if module.opened:
        frame.module.opened = frame.module.opened or f"star import of {module.name} ({module.opened})"
    exported = module.names.get("__all__")
    names: list[Any]
    if isinstance(exported, List | tuple):
        names = list(exported.items if isinstance(exported, List) else exported)
        if (isinstance(exported, List) and exported.opened) or not all(isinstance(n, str) for n in names):
            frame.module.opened = frame.module.opened or f"computed __all__ of {module.name}"
            names += [n for n in module.names if not n.startswith("_")]
    elif exported is None:
        names = [n for n in module.names if not n.startswith("_")]
    else:
        names = [n for n in module.names if not n.startswith("_")]
        frame.module.opened = frame.module.opened or f"computed __all__ of {module.name}"
    for name in dict.fromkeys(names[:_STAR_LIMIT]):
        if not isinstance(name, str):
            continue
        if exported is None:
            bind_name(frame, name, module.names[name])
            continue
        if name in module.names:
            bind_name(frame, name, module.names[name])
            continue
        child = f"{module.name}.{name}"  # __all__ may name a submodule
        if child in machine.modules or (module.spec.package and machine.spec_of(child, module) is not None):
            bind_name(frame, name, import_from(machine, module, module.name, name, frame, line))
        else:
            bind_name(frame, name, get_attribute(machine, module, name, frame, line))


def _star_standard(machine: Machine, module: Module, frame: Frame) -> None:
    names = machine.surroundings.stdlib_names(module.name)
    if names is None:
        frame.module.opened = frame.module.opened or f"star import of {module.name}"
        return
    for name in names:
        if not name.startswith("_"):
            bind_name(frame, name, External(f"{module.name}.{name}"))


# ---------------------------------------------------------------- compound statements


def _if(machine: Machine, node: Node, frame: Frame) -> str | None:
    verdict = truth(evaluate(machine, node[2], frame))
    if verdict is not None:
        return run_block(machine, node[3] if verdict else node[4], frame)
    machine.undecided.add((frame.module.spec.path, node[1]))
    if machine.trace is not None:
        machine.trace("undecided", f"{frame.module.spec.path}:{node[1]}")
    first = run_maybe(machine, node[3], frame)
    second = run_maybe(machine, node[4], frame)
    return after_branches(frame, (first, second))


def after_branches(frame: Frame, signals: tuple[str | None, ...]) -> str | None:
    """What follows branches of which one ran: code behind a possible return is itself undecided."""
    if all(signals) and len(set(signals)) == 1:
        return None if signals[0] == "raise" else signals[0]
    if any(s in {"return", "break", "continue"} for s in signals):
        frame.maybe += 1
    return None


def _for(machine: Machine, node: Node, frame: Frame) -> str | None:
    from doctor.imports.containers import iterate  # noqa: PLC0415

    items, exact = iterate(machine, evaluate(machine, node[3], frame))
    before = frame.maybe
    if not exact or len(items) > _LOOP_LIMIT:
        for item in [*items[:_LOOP_LIMIT], UNKNOWN] if items and not exact else [UNKNOWN]:
            bind(machine, node[2], item, frame)
            if run_maybe(machine, node[4], frame) == "return":
                frame.maybe = before + 1
        run_maybe(machine, node[5], frame)
        return None
    for item in items:
        frame.maybe, outer = 0, frame.maybe  # the loop's own name has one value in each round
        bind(machine, node[2], item, frame)
        frame.maybe = outer
        signal = run_block(machine, node[4], frame)
        if signal == "break":
            frame.maybe = before
            return None
        if signal in {"return", "raise"}:
            return signal
        frame.maybe = min(frame.maybe, before)  # a possible continue or break: the next round is decided again
    return run_block(machine, node[5], frame)


def _while(machine: Machine, node: Node, frame: Frame) -> str | None:
    for _ in range(200):
        verdict = truth(evaluate(machine, node[2], frame))
        if verdict is False:
            return run_block(machine, node[4], frame)
        if verdict is None:
            machine.undecided.add((frame.module.spec.path, node[1]))
            break
        before = frame.maybe
        signal = run_block(machine, node[3], frame)
        if signal == "break":
            return None
        if signal in {"return", "raise"}:
            return signal
        if frame.maybe > before:
            frame.maybe = before
            break
    run_maybe(machine, node[3], frame)
    return None


def handler_class(machine: Machine, expression: Node, frame: Frame) -> Value:
    """The class (or tuple of classes) that an ``except`` clause names; UNKNOWN when it cannot be evaluated."""
    machine.guards.append(("unknown",))
    try:
        return evaluate(machine, expression, frame)
    except (Raised, Bounded):
        return UNKNOWN
    finally:
        machine.guards.pop()


def _try(machine: Machine, node: Node, frame: Frame) -> str | None:
    body, handlers, orelse, final = node[2:6]
    signal: str | None = None
    depth = len(machine.guards)
    if handlers:
        machine.guards.append(("try", frame, handlers))
    if final and _leaves(final):
        machine.guards.append(("unknown",))  # return or break in finally swallows what is on its way
    before = frame.maybe
    if (
        len(body) > 1
        and any(n[0] in {"import", "from"} for n in body[1:])
        and machine.caught(error_class("ImportError")) is False
    ):
        frame.maybe += 1  # an exception of another kind may leave the body before it comes to the import
    try:
        try:
            signal = run_block(machine, body, frame)
        finally:
            del machine.guards[depth:]
            frame.maybe = max(before, frame.maybe - 1) if frame.maybe > before and signal is None else frame.maybe
        if signal == "raise":
            signal = _maybe_handlers(machine, handlers, frame)
        elif signal is None:
            signal = run_block(machine, orelse, frame)
    except Raised as raised:
        del machine.guards[depth:]
        if raised.recorded:
            raise
        if final and _leaves(final):
            return run_block(machine, final, frame)
        frame.maybe = before
        _remember_unbound(body, raised, frame)
        signal = _handle(machine, handlers, raised, frame)
    finally:
        if final:
            run_block(machine, final, frame)
    return signal


def _leaves(body: tuple[Node, ...]) -> bool:
    return any(
        n[0] in {"return", "break", "continue"} or (n[0] == "if" and (_leaves(n[3]) or _leaves(n[4]))) for n in body
    )


def _maybe_handlers(machine: Machine, handlers: tuple[Any, ...], frame: Frame) -> str | None:
    """The body may have raised something unknown: any handler may run."""
    for handler in handlers:
        if handler[2]:
            bind_name(frame, handler[2], UNKNOWN)
        run_maybe(machine, handler[3], frame)
    return None


def _remember_unbound(body: tuple[Node, ...], raised: Raised, frame: Frame) -> None:
    """Names that a guarded import would have bound: using one later is a NameError for the same reason."""
    if frame.kind != "module":
        return
    for node in body:
        if node[0] in {"import", "from"}:
            for name, alias in node[2] if node[0] == "import" else node[4]:
                frame.module.optional_names.setdefault(alias or name.partition(".")[0], raised.failure.root.symbol)


def _handle(machine: Machine, handlers: tuple[Any, ...], raised: Raised, frame: Frame) -> str | None:
    unsure = False
    for _line, expression, name, body in handlers:
        verdict = True if expression is None else machine.matches(raised.cls, handler_class(machine, expression, frame))
        if verdict is False:
            continue
        outer, frame.handled = frame.handled, raised
        try:
            if name:
                value = raised.value
                if isinstance(value, Instance):
                    value.names["__raised__"] = raised
                    _describe(value, raised)
                bind_name(frame, name, value)
            if verdict and not unsure:
                signal = run_block(machine, body, frame)
                if name and not frame.maybe:
                    frame.names.pop(name, None)  # the language unbinds it behind the handler
                return signal
            unsure = True
            signal = run_maybe(machine, body, frame)
            if signal in {"return", "break", "continue"}:
                frame.maybe += 1
        finally:
            frame.handled = outer
    if unsure:
        return None
    raise raised


def _describe(value: Instance, raised: Raised) -> None:
    failure = raised.failure
    if failure.kind == "module":
        value.names.setdefault("name", failure.symbol)
    value.names.setdefault("msg", failure.message)
    if not value.names.get("args"):
        value.names["args"] = (failure.message,)


def _with(machine: Machine, node: Node, frame: Frame) -> str | None:
    from doctor.imports.library import enter_context  # noqa: PLC0415

    depth = len(machine.guards)
    swallows: list[Any] = []
    for expression, target in node[2]:
        manager = evaluate(machine, expression, frame)
        value, guard = enter_context(machine, manager, frame)
        if target is not None:
            bind(machine, target, value, frame)
        if guard is not None:
            machine.guards.append(guard)
            swallows.append(guard)
    try:
        return run_block(machine, node[3], frame)
    except Raised as raised:
        if raised.recorded or not any(machine.guard_catches(g, raised.cls) is not False for g in swallows):
            raise
        return None
    finally:
        del machine.guards[depth:]


def _match(machine: Machine, node: Node, frame: Frame) -> str | None:
    evaluate(machine, node[2], frame)
    signals = []
    for names, body in node[3]:
        for name in names:
            bind_name(frame, name, UNKNOWN)
        signals.append(run_maybe(machine, body, frame))
    return after_branches(frame, (*signals, None))


def _def(machine: Machine, node: Node, frame: Frame) -> None:
    bind_name(frame, node[2], make_function(machine, node, frame))


def _class(machine: Machine, node: Node, frame: Frame) -> None:
    bind_name(frame, node[2], make_class(machine, node, frame))


_STATEMENTS: dict[str, Callable[[Machine, Node, Frame], str | None]] = {
    "expr": _expr, "assign": _assign, "aug": _aug, "ann": _ann, "del": _del, "assert": _assert, "global": _global,
    "nonlocal": _nonlocal, "return": _return, "raise": _raise, "import": _import, "from": _from, "if": _if, "for": _for,
    "while": _while, "try": _try, "with": _with, "match": _match, "def": _def, "class": _class,
    "break": lambda _m, _n, _f: "break", "continue": lambda _m, _n, _f: "continue",
}  # fmt: skip

__all__ = ["Function", "Set", "absolute_name", "bind", "import_from", "run_block", "run_maybe"]
