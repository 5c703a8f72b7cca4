"""Names that occur nowhere in a package's source: whatever its lazy loading computes, it cannot bring them."""

from __future__ import annotations

import re
from collections.abc import Callable

from doctor.imports.finder import Finder

_MOST_FILES = 8000
_MOST_BYTES = 200_000_000
_NEAR = 60
_TESTS = frozenset({"test", "tests"})
_WORDS = frozenset(bytes((c,)) for c in b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


def gives(text: bytes, name: str) -> bool:
    """The source may give an object an attribute: ``x.name = ...``, a keyword, or the name as a text (``setattr``)."""
    word, place = name.encode(), -1
    given = re.compile(
        rb"\.%s\b[ \t]*(?::[^=\n]*)?[^=\w\s]?=[^=]|[(,]\s*%s[ \t]*=[^=]|['\"]%s['\"]" % ((re.escape(word),) * 3)
    )
    while (place := text.find(word, place + 1)) >= 0:  # a pattern alone would read megabytes by the letter
        if given.search(text, max(place - _NEAR, 0), place + len(word) + _NEAR):
            return True
    return False


class Absence:
    """The text of packages, read when first asked about and kept (one blob for each package directory)."""

    def __init__(self, finder: Finder) -> None:
        """Nothing is read yet."""
        self._finder = finder
        self._texts: dict[str, bytes | None] = {}

    def take(self, other: Absence, same: Callable[[str], bool]) -> None:
        """Take over the texts of directories that are the same."""
        self._texts.update((key, text) for key, text in other._texts.items() if same(key.partition("//")[0]))

    @property
    def held(self) -> tuple[str, ...]:
        """Which texts were read, for ``hold``."""
        return tuple(self._texts)

    def hold(self, key: str) -> bytes | None:
        """Read a text if it is not there yet: a directory, then ``//`` and what of it counts."""
        if key not in self._texts:
            directory, _, kind = key.partition("//")
            self._texts[key] = self._read(directory, compiled=not kind, tests=kind != "code")
        return self._texts[key]

    def certain(self, directory: str, name: str) -> bool:
        """No Python file below ``directory`` has the word ``name``, and nothing there is compiled."""
        return _lacks(self.hold(directory), name)

    def ungiven(self, directory: str, name: str) -> bool:
        """No Python file below ``directory`` gives an object the name; what compiled code does there is another question."""
        text = self.hold(f"{directory}//python")
        return text is not None and not gives(text, name)

    def undefined(self, directory: str, name: str) -> bool:
        """No Python file below ``directory`` defines the name: no function, no assignment, no import; tests do not count."""
        text, word = self.hold(f"{directory}//code"), re.escape(name.encode())
        defines = rb"\bdef[ \t]+%s\b|\b%s[ \t]*(?::[^=\n(]+)?=[^=]|\b(?:as|import)\b[^\n#]*\b%s\b" % ((word,) * 3)
        return text is not None and re.search(defines, text) is None

    def _read(self, directory: str, *, compiled: bool = True, tests: bool = True) -> bytes | None:
        parts: list[bytes] = []
        todo, size, files = [directory], 0, self._finder.files
        while todo:
            current = todo.pop()
            for name in files.listing(current) or ():
                path = f"{current}/{name}"
                if name.endswith((".so", ".pyd", ".pyc")) and compiled:
                    return None
                if name.endswith(".py"):
                    try:
                        data = files.read(path)
                    except OSError:
                        return None
                    parts.append(data)
                    size += len(data)
                elif "." not in name and name != "__pycache__" and (tests or name not in _TESTS):
                    todo.append(path)
            if size > _MOST_BYTES or len(parts) > _MOST_FILES:
                return None
        return b"\n".join(parts)


def _lacks(text: bytes | None, name: str) -> bool:
    """The text is known and has nowhere the word: found by ``find``, which is thirty times as quick as a pattern."""
    if text is None:
        return False
    word, place = name.encode(), -1
    while (place := text.find(word, place + 1)) >= 0:
        if not _WORDS.intersection((text[max(place - 1, 0) : place], text[place + len(word) : place + len(word) + 1])):
            return False
    return True
