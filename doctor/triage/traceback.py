"""Tracebacks in pasted text, as values; the grammar of their lines is in ``grammar``.

A traceback is a chain of raised exceptions, root first (Python prints causes above what they caused). It may lack
its header (truncated above) or its last line (truncated below), come from several ranks at once, or from IPython,
pytest and rich, which all draw it differently.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from doctor.triage import grammar
from doctor.triage.lines import Line

_FRAMES_KEPT = 400
_MORE_KEPT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame: file as printed, line, function ('' when not said), source text ('' when not shown).

    ``number`` is the line of the paste.
    """

    path: str
    line: int
    function: str = ""
    source: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """One exception with its frames, outermost first. ``exception`` is '' when the paste ends before its name."""

    exception: str
    message: str
    frames: tuple[Frame, ...] = ()
    more: tuple[str, ...] = ()
    number: int = 0
    quoted: bool = False

    @property
    def text(self) -> str:
        """Message with its continuation lines."""
        return "\n".join((self.message, *self.more))

    @property
    def same_as(self) -> tuple[object, ...]:
        """What two ranks that fail alike have in common."""
        return (self.exception, self.message, tuple((f.path, f.line, f.function) for f in self.frames[-8:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Traceback:
    """A chain of exceptions, root first; ``links`` say how each follows from the one before (cause, context).

    ``streams`` are the ranks that printed it, ``group`` marks the wrapper of an exception group.
    """

    raised: tuple[Raised, ...]
    links: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    count: int = 1

    @property
    def root(self) -> Raised:
        """Where it began."""
        return self.raised[0]

    @property
    def final(self) -> Raised:
        """What the program died of."""
        return self.raised[-1]

    @property
    def truncated(self) -> bool:
        """The paste ends before the exception's name."""
        return not self.final.exception


@dataclass(slots=True)
class _Open:
    """A traceback being read."""

    number: int
    indent: int = 0
    frames: list[Frame] = field(default_factory=list)
    notebook: bool = False
    original: bool = False
    failed: tuple[str, str, int] | None = None


@dataclass(slots=True)
class _Stream:
    """The state of one rank's text."""

    name: str
    chains: list[tuple[list[Raised], list[str]]] = field(default_factory=list)
    open: _Open | None = None
    link: str = ""
    fresh: bool = False
    group: bool = False

    def take(self, line: Line) -> None:
        """Read one line."""
        text = grammar.without_bars(line.message) if self.group else line.message
        header = grammar.header(text)
        if header:
            self._begin(line, text, header)
        elif link := grammar.link(text):
            self._close_truncated()
            self.link, self.fresh = link, False
        elif grammar.is_rule(text):
            self.fresh = False
        elif not self._frame(line, text):
            self._other(line, text)

    def finish(self) -> None:
        """The paste ends."""
        self._close_truncated()

    def _begin(self, line: Line, text: str, header: grammar.Header) -> None:
        self._close_truncated()
        self.group = self.group or header.group
        if header.group:
            text = grammar.without_bars(text)
        self.open = _Open(
            number=line.number, indent=grammar.indent(text), notebook=header.notebook, original=header.original
        )
        self.fresh = False

    def _frame(self, line: Line, text: str) -> bool:
        found = grammar.frame(text, notebook=self.open is not None and self.open.notebook)
        if found is None:
            return False
        if self.open is None:
            self.open = _Open(number=line.number, indent=max(0, grammar.indent(text) - 2))
        frame = Frame(path=found.path, line=found.line, function=found.function, number=line.number)
        self.open.frames.append(frame)
        if len(self.open.frames) > _FRAMES_KEPT:
            del self.open.frames[_FRAMES_KEPT // 2]
        self.fresh = False
        if found.ends and self.open.failed is not None:
            self._close(*self.open.failed)
        elif found.ends:
            self._close(found.ends, "", line.number)
        return True

    def _other(self, line: Line, text: str) -> None:
        if self.open is None:
            self._outside(line, text)
            return
        marked = grammar.pytest_error(text)
        if marked is not None:
            if self.open.failed is None:
                name, message = grammar.exception(marked, sure=False) or ("", marked)
                self.open.failed = (name, message, line.number) if name else None
            return
        if self.open.failed is not None:
            # pytest puts a blank line between the error and the place where it was raised
            if text.strip():
                self._close(*self.open.failed)
                self._outside(line, text)
            return
        inside = bool(self.open.frames)
        outdented = grammar.indent(text) <= self.open.indent
        raised = grammar.exception(text, sure=inside and outdented) if outdented or self._flat() else None
        if raised is not None and (inside or grammar.is_strong(raised[0])):
            self._close(raised[0], raised[1], line.number)
        elif inside:
            self._source(text)

    def _flat(self) -> bool:
        """The paste has lost its indentation."""
        return self.open is not None and bool(self.open.frames) and self.open.indent == 0

    def _outside(self, line: Line, text: str) -> None:
        marked = grammar.pytest_error(text)
        raised = grammar.exception(marked if marked is not None else text, sure=False)
        if raised is not None and grammar.is_strong(raised[0]) and raised[0] not in ("Error", "Exception"):
            self._add(Raised(exception=raised[0], message=raised[1], number=line.number))
        elif self.fresh and text.strip():
            self._continue(marked if marked is not None else text)
        elif not text.strip():
            # One blank line may stand inside a message (openai and transformers print such).
            self.fresh = self.fresh and not self._last_more_blank()

    def _last_more_blank(self) -> bool:
        more = self.chains[-1][0][-1].more
        if more and not more[-1]:
            return True
        self._continue("")
        return False

    def _continue(self, text: str) -> None:
        chain = self.chains[-1][0]
        if len(chain[-1].more) < _MORE_KEPT:
            chain[-1] = replace(chain[-1], more=(*chain[-1].more, text.strip()[:600]))
        else:
            self.fresh = False

    def _source(self, text: str) -> None:
        if self.open is None or not self.open.frames:
            return
        last = self.open.frames[-1]
        arrow = grammar.arrow(text)
        if arrow is not None:
            number = arrow[0] or last.line
            self.open.frames[-1] = replace(last, source=arrow[1], line=number)
        elif not last.source and not self.open.notebook and not grammar.is_mark(text):
            self.open.frames[-1] = replace(last, source=text.strip())

    def _close(self, exception: str, message: str, number: int) -> None:
        opened = self.open
        self.open = None
        frames = tuple(opened.frames) if opened else ()
        raised = Raised(exception=exception, message=message, frames=frames, number=number)
        self._add(raised, root=opened is not None and opened.original)

    def _close_truncated(self) -> None:
        if self.open is None:
            return
        if self.open.failed is not None:
            self._close(*self.open.failed)
        elif self.open.frames:
            self._close("", "", self.open.frames[-1].number)
        self.open = None

    def _add(self, raised: Raised, *, root: bool = False) -> None:
        if root and self.chains:
            chain, links = self.chains[-1]
            chain.insert(0, raised)
            links.insert(0, "cause")
        elif self.link and self.chains:
            chain, links = self.chains[-1]
            chain.append(raised)
            links.append(self.link)
        else:
            self.chains.append(([raised], []))
        self.link = ""
        self.fresh = bool(raised.exception) and not root


def read_tracebacks(lines: Iterable[Line]) -> tuple[Traceback, ...]:
    """All tracebacks and bare exception lines of a paste, in the order in which they begin; ranks apart.

    The same traceback from several ranks is one with a count.
    """
    streams: dict[str, _Stream] = {}
    for line in lines:
        stream = streams.get(line.stream)
        if stream is None:
            stream = streams[line.stream] = _Stream(name=line.stream)
        stream.take(line)
    found: dict[tuple[object, ...], Traceback] = {}
    for stream in streams.values():
        stream.finish()
        for raised, links in stream.chains:
            key = tuple(one.same_as for one in raised)
            before = found.get(key)
            names = before.streams if before else ()
            named = (*names, stream.name) if stream.name and stream.name not in names else names
            found[key] = (
                replace(before, streams=named, count=before.count + 1)
                if before
                else Traceback(raised=tuple(raised), links=tuple(links), streams=named)
            )
    return tuple(sorted(found.values(), key=lambda one: one.root.number))
