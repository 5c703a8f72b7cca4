"""What loading an extension module would raise, where that is certain from the file itself.

Read are headers, symbol versions, the libraries it needs and, for NumPy's C API, the constants that its import
code carries. Nothing is loaded. Whatever cannot be decided is no failure.
"""

from __future__ import annotations

import re
from posixpath import basename

from doctor.imports.elf import Elf, reader_of
from doctor.imports.libraries import Libraries, expand, host_may_bring
from doctor.imports.symbols import SymbolTables
from doctor.model import Environment, FileView

BYTECODE_MAGIC = {
    (3, 8): 3413, (3, 9): 3425, (3, 10): 3439, (3, 11): 3495, (3, 12): 3531, (3, 13): 3571, (3, 14): 3627,
}  # fmt: skip
"""CPython's magic number of byte code by version, which no later release of it changes (pycore_magic_number.h)."""

NUMPY = "numpy"
_CONSTANTS_LIMIT = 256 * 1024 * 1024
_PYC_HEADER = 16

# NumPy: `import_array` of the 1.x headers asks `numpy.core._multiarray_umath` for `_ARRAY_API` and compares ABI
# versions; that of the 2.x headers asks `numpy._core` first. Measured 2026-11 with NumPy 2.2.6: all 221 modules that
# carry only the first set of constants (of about 30 older releases) raised when loaded by themselves, at least one of
# them by a sibling module; in wheels of releases made for NumPy 2 no module carries only that set (these were
# searched, not loaded). pybind11 asks `numpy.core.multiarray` when first used: unknown, so no failure.
_NUMPY_1 = b"numpy.core._multiarray_umath\0"
_NUMPY_2 = b"numpy._core"
_NUMPY_API = b"_ARRAY_API\0"
_NUMPY_IMPORT = b"numpy.core.multiarray failed to import"
_NUMPY_LAZY = b"\0numpy.core.multiarray\0"
# Cython compares the sizes of types before it runs the module's own code, and raises ValueError
SIZE_WORDS = "numpy.dtype size changed, may indicate binary incompatibility"
_SIZE_CHANGED = SIZE_WORDS.partition(" ")[2].encode()
# what code compiled with the headers of NumPy 2 says of an older NumPy than it was made for (__multiarray_api.h)
_NUMPY_WANTED = re.compile(rb"\(NumPy (\d+)\.(\d+)\) but the running NumPy has C-API version")
_NUMPY_IMPORT_2 = b"numpy._core.multiarray failed to import"
_NUMPY_CONSTANTS = (_NUMPY_1, _NUMPY_2, _NUMPY_API, _NUMPY_IMPORT, _NUMPY_LAZY, _SIZE_CHANGED, _NUMPY_IMPORT_2)


def native_failure(path: str, files: FileView, environment: Environment) -> str | None:
    """Why loading the extension module (or sourceless byte code) at ``path`` certainly raises; None when it may not.

    The answer is one line without a final stop, in the words of the loader where it has some. Missing libraries
    count when the host's libraries can be seen and the library is no driver or toolkit of an accelerator, which
    the machine where the program runs may have.
    """
    return inspector_of(environment, files).failure(path)


class NativeInspector:
    """Judges the native modules of one environment; headers and searches are kept and shared by all of them."""

    def __init__(self, environment: Environment, files: FileView) -> None:
        self.environment, self.files = environment, files
        self.libraries = Libraries(environment, files)
        self.symbols = SymbolTables(self.libraries)
        self._known: dict[str, str | None] = {}

    def failure(self, path: str) -> str | None:
        """As ``native_failure``."""
        if path not in self._known:
            judge = self._bytecode if path.endswith((".pyc", ".pyo")) else self._extension
            self._known[path] = judge(path)
        return self._known[path]

    def damage(self, path: str) -> str | None:
        """Why no interpreter could load the library: empty, cut off, no ELF file; None when it is whole."""
        facts = self.files.facts(path)
        if facts is None or facts.kind != "file":
            return None
        if facts.size == 0:
            return f"{basename(path)} is empty (file too short)"
        elf = self.libraries.elf(path)
        if isinstance(elf, str):
            return f"{basename(path)}: {elf}" if elf in {"file too short", "invalid ELF header"} else None
        if elf.end > facts.size:
            return f"{basename(path)} is cut off: {facts.size:,} of at least {elf.end:,} bytes are there"
        return None

    def wrong_machine(self, path: str) -> str | None:
        """For which other machine the library was built; None when for this one, or when that is not known."""
        interpreter, elf = self.environment.interpreter, self.libraries.elf(path)
        if interpreter is None or isinstance(elf, str):
            return None
        if elf.bits != interpreter.pointer_bits:
            return f"{basename(path)} is built for {elf.bits} bits, this interpreter has {interpreter.pointer_bits}"
        if interpreter.pointer_bits == 64 and elf.machine != interpreter.machine and _is_known(interpreter.machine):
            return f"{basename(path)} is built for {elf.machine}, this machine is {interpreter.machine}"
        return None

    def too_new_for_libc(self, path: str) -> str | None:
        """Which newer C library the file asks for; None when the host's serves it or is not known."""
        elf = self.libraries.elf(path)
        have = self._glibc()
        if isinstance(elf, str) or have is None:
            return None
        wanted = [v for need in elf.needs for v in map(_glibc_version, need.names) if v is not None]
        newest = max(wanted, default=have)
        if newest <= have:
            return None
        return f"{basename(path)} needs GLIBC_{_dotted(newest)}, this machine has glibc {_dotted(have)}"

    def unmet_versions(self, path: str) -> str | None:
        """Which symbol version (GLIBCXX, CXXABI ...) the library that would be loaded does not have."""
        elf = self.libraries.elf(path)
        if isinstance(elf, str) or not self.libraries.host_is_known:
            return None
        places = (*expand(elf.rpath, path), *expand(elf.runpath, path))
        for need in elf.needs:
            found = self.libraries.find(need.library, places)
            have = self.libraries.elf(found) if found else "not found"
            if isinstance(have, str) or not have.defines:
                continue
            lacking = [name for name in need.names if name not in have.defines]
            if lacking:
                return f"{basename(path)} needs {lacking[-1]} of {need.library}, which {found} does not have"
        return None

    @property
    def has_numpy_2(self) -> bool:
        """Whether NumPy is installed (or assumed) with the binary interface of its second major version."""
        numpy = self.environment.distribution(NUMPY)
        major = numpy.version.split(".")[0] if numpy else ""
        return major.isdecimal() and int(major) >= 2

    def numpy_abi(self, path: str) -> str | None:
        """That the module was compiled for another NumPy than the installed one; None when not, or not certain.

        For NumPy 1 where NumPy 2 is installed, or for a newer C API than the installed NumPy has.
        """
        numpy = self.environment.distribution(NUMPY)
        elf = self.libraries.elf(path) if numpy is not None else ""
        if numpy is None or isinstance(elf, str):
            return None
        found, wanted = self._numpy_constants(path, elf)
        said = _NUMPY_IMPORT.decode()
        if self.has_numpy_2 and {_NUMPY_1, _NUMPY_API, _NUMPY_IMPORT} == found - {_SIZE_CHANGED}:
            made, said = "1", SIZE_WORDS if _SIZE_CHANGED in found else said
        elif wanted > (_numbers(".".join(numpy.version.split(".")[:2])) or wanted) and _loads_numpy(found):
            made = _dotted(wanted)
        else:
            return None
        return (
            f"{basename(path)} was compiled for NumPy {made} and cannot be loaded with NumPy {numpy.version} ({said})"
        )

    def undefined_symbol(self, path: str) -> tuple[str, str] | None:
        """(what loading would say, path of the library that lacks it) for a C++ symbol of another distribution."""
        if not self.libraries.host_is_known:
            return None
        found = self.symbols.undefined(path)
        if found is None:
            return None
        symbol, library = found
        return f"{basename(path)}: undefined symbol: {symbol} (of {basename(library)})", library

    def missing_library(self, path: str) -> str | None:
        """The first library that loading the file needs and that is nowhere; what a host may bring does not count."""
        if not self.libraries.host_is_known:
            return None
        for soname, user in self.libraries.missing(path):
            if not host_may_bring(soname):
                by = "" if user == path else f" (needed by {basename(user)})"
                return f"{soname}: cannot open shared object file: No such file or directory{by}"
        return None

    def _extension(self, path: str) -> str | None:
        if not self._is_elf_platform():
            return None
        for judge in (self.damage, self.wrong_machine, self.too_new_for_libc, self.missing_library, self.numpy_abi):
            reason = judge(path)
            if reason is not None:
                return reason
        undefined = self.undefined_symbol(path)
        return undefined[0] if undefined else None

    def _bytecode(self, path: str) -> str | None:
        version = self._version()
        known = BYTECODE_MAGIC.get(version)
        if known is None:
            return None
        try:
            head = self.files.read(path, _PYC_HEADER)
        except OSError:
            return None
        magic = head[:4]
        if magic != known.to_bytes(2, "little") + b"\r\n":
            return f"bad magic number {magic!r}: {basename(path)} is no byte code of CPython {_dotted(version)}"
        if len(head) < _PYC_HEADER:
            return f"{basename(path)} is cut off: {len(head)} bytes are there"
        return None

    def _numpy_constants(self, path: str, elf: Elf) -> tuple[set[bytes], tuple[int, ...]]:
        """(which of the constants the file has, the oldest NumPy whose C API it takes; () when it does not say)."""
        read = reader_of(self.files, path)
        constants = [s for s in elf.segments if s.loaded and s.constant] or [s for s in elf.segments if s.loaded]
        found: set[bytes] = set()
        wanted: tuple[int, ...] = ()
        for segment in constants:
            if segment.size > _CONSTANTS_LIMIT:
                return set(), ()
            data = read(segment.offset, segment.size)
            found.update(n for n in _NUMPY_CONSTANTS if n in data)
            for match in _NUMPY_WANTED.finditer(data):
                wanted = max(wanted, (int(match[1]), int(match[2])))
        return found, wanted

    def _is_elf_platform(self) -> bool:
        interpreter = self.environment.interpreter
        return interpreter is not None and interpreter.markers.get("sys_platform") == "linux"

    def _glibc(self) -> tuple[int, ...] | None:
        name, _, version = (self.environment.interpreter.libc if self.environment.interpreter else "").partition(" ")
        return _numbers(version) if name == "glibc" else None

    def _version(self) -> tuple[int, int]:
        interpreter = self.environment.interpreter
        if interpreter is not None:
            return interpreter.minor if interpreter.implementation.lower() == "cpython" else (0, 0)
        numbers = _numbers(self.environment.python_version) or (0, 0)
        return (numbers[0], numbers[1]) if len(numbers) > 1 else (0, 0)


_INSPECTORS: list[NativeInspector] = []
_INSPECTORS_KEPT = 4


def inspector_of(environment: Environment, files: FileView) -> NativeInspector:
    """The inspector of that very environment and view: an examination asks for hundreds of modules of one patient."""
    for known in _INSPECTORS:
        if known.environment is environment and known.files is files:
            return known
    _INSPECTORS.insert(0, NativeInspector(environment, files))
    del _INSPECTORS[_INSPECTORS_KEPT:]
    return _INSPECTORS[0]


def _loads_numpy(found: set[bytes]) -> bool:
    """Whether the code asks for NumPy's C API when it is loaded; pybind11 asks when it is first used."""
    return _NUMPY_API in found and not found.isdisjoint({_NUMPY_IMPORT, _NUMPY_IMPORT_2}) and _NUMPY_LAZY not in found


def _glibc_version(name: str) -> tuple[int, ...] | None:
    return _numbers(name.removeprefix("GLIBC_")) if name.startswith("GLIBC_") else None


def _numbers(text: str) -> tuple[int, ...] | None:
    parts = text.strip().split(".")
    return tuple(int(p) for p in parts) if all(p.isascii() and p.isdigit() for p in parts) else None


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _is_known(machine: str) -> bool:
    return machine in {"x86_64", "aarch64", "ppc64le", "s390x", "riscv64", "loongarch64"}
