"""Names that occur nowhere in a package's source: whatever its lazy loading computes, it cannot bring them."""

from __future__ import annotations

import re
from collections.abc import Callable

from doctor.imports.finder import Finder

_MOST_FILES = 8000
_MOST_BYTES = 200_000_000
_TESTS = frozenset({"test", "tests"})


class Absence:
    """The text of packages, read when first asked about and kept (one blob for each package directory)."""

    def __init__(self, finder: Finder) -> None:
        """Nothing is read yet."""
        self._finder = finder
        self._texts: dict[str, bytes | None] = {}

    def take(self, other: Absence, same: Callable[[str], bool]) -> None:
        """Take over the texts of directories that are the same."""
        self._texts.update((key, text) for key, text in other._texts.items() if same(key.partition("//")[0]))

    def certain(self, directory: str, name: str) -> bool:
        """No Python file below ``directory`` has the word ``name``, and nothing there is compiled."""
        if directory not in self._texts:
            self._texts[directory] = self._read(directory)
        text = self._texts[directory]
        return text is not None and re.search(rb"\b" + re.escape(name.encode()) + rb"\b", text) is None

    def unwritten(self, directory: str, name: str) -> bool:
        """No Python file below ``directory`` has the word; what compiled code does there is another question."""
        key = f"{directory}//python"
        if key not in self._texts:
            self._texts[key] = self._read(directory, compiled=False)
        text = self._texts[key]
        return text is not None and re.search(rb"\b" + re.escape(name.encode()) + rb"\b", text) is None

    def undefined(self, directory: str, name: str) -> bool:
        """No Python file below ``directory`` defines the name: no function, no assignment, no import; tests do not count."""
        key = f"{directory}//code"
        if key not in self._texts:
            self._texts[key] = self._read(directory, compiled=False, tests=False)
        text, word = self._texts[key], re.escape(name.encode())
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
