"""Where the dynamic loader would find a shared library: rpaths, the environment, LD_LIBRARY_PATH, the host.

Follows ld.so(8). One thing is more generous than the loader: a library that lies anywhere in the environment
counts as found, because packages preload their libraries (``ctypes.CDLL``) from sibling distributions.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterable, Iterator
from posixpath import dirname, join, normpath

from doctor.imports.elf import Elf, ElfError, read_elf, reader_of
from doctor.model import Environment, FileView

CACHE = "/etc/ld.so.cache"
_CACHE_LIMIT = 16 * 1024 * 1024
_CACHE_MAGIC = b"glibc-ld.so.cache1.1"
_HOST_ROOTS = ("/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib")
_LOADER = re.compile(r"ld-(linux|musl|[0-9]).*\.so(\.\d+)*|ld(64)?\.so\.\d")
_WALK_LIMIT = 20_000

_DRIVER = re.compile(
    r"""lib(
        cuda|cudadebugger|nvcuvid|nvoptix|nvidia-[\w-]+       # NVIDIA kernel driver
        |ze_loader|ze_intel_gpu|level_zero\w*                 # Intel GPU driver
        |hsa-runtime64|drm_amdgpu|amdocl\d*                   # AMD kernel driver
        |rdmacm|ibverbs|mlx[45]|efa|psm2|ugni|pmi2?           # the machine's interconnect
        |tpu|neuron\w*|nrt|habana\w*|Synapse                  # other accelerators
    )\.so(\.[\d.]+)?""",
    re.VERBOSE | re.IGNORECASE,
)
_TOOLKIT = re.compile(
    r"""lib(
        cudart|cublas(Lt)?|cudnn\w*|cufft\w*|curand|cusolver\w*|cusparse\w*|cupti|cufile\w*|cudss\w*|nccl\w*|nvrtc[\w-]*
        |nvJitLink|nvToolsExt|nvtx3\w*|nvshmem\w*|nvjpeg\w*|npp\w+|nvinfer\w*|nvonnxparser|cutensor\w*   # NVIDIA
        |amdhip64|hip\w+|roc\w+|rccl|MIOpen|hiprtc\w*                                                # AMD
        |sycl|mkl_sycl\w*|ccl|OpenCL                                                                # Intel, Khronos
    )\.so(\.[\d.]+)?""",
    re.VERBOSE | re.IGNORECASE,
)


def is_driver(soname: str) -> bool:
    """Whether only the host can bring that library, with its GPU, interconnect or other accelerator."""
    return _DRIVER.fullmatch(soname) is not None


def host_may_bring(soname: str) -> bool:
    """Whether the host often brings it: a driver, or an accelerator's toolkit that ``module load`` puts on the path."""
    return is_driver(soname) or _TOOLKIT.fullmatch(soname) is not None


class Libraries:
    """Finds libraries for one environment on one host; everything is read when first asked for, and kept."""

    def __init__(self, environment: Environment, files: FileView) -> None:
        self.environment, self.files = environment, files
        self._elves: dict[str, Elf | str] = {}
        self._cache: dict[str, tuple[str, ...]] | None = None
        self._inside: dict[str, str] | None = None
        self._found: dict[str, str | None] = {}
        self._host: bool | None = None
        self._recorded: dict[str, str] = {}
        self._owned: set[str] = set()
        self._trees: dict[str, dict[str, str]] = {}

    def elf(self, path: str) -> Elf | str:
        """The file's headers, or why it has none, in the loader's words."""
        known = self._elves.get(path)
        if known is None:
            try:
                known = read_elf(reader_of(self.files, path))
            except ElfError as error:
                known = str(error)
            except OSError as error:
                known = error.strerror or str(error)
            self._elves[path] = known
        return known

    @property
    def host_is_known(self) -> bool:
        """Whether this view shows the host's own libraries at all (a snapshot does not)."""
        if self._host is None:
            places = (*_HOST_ROOTS, *_multiarch(self._machine()))
            names = (name for place in places for name in self.files.listing(place) or ())
            self._host = any(_LOADER.fullmatch(name) for name in names)
        return self._host

    def missing(self, path: str) -> Iterator[tuple[str, str]]:
        """(library, path of the file that needs it) for all that loading ``path`` needs and that is nowhere.

        Libraries inside of the environment are followed, those of the host are taken to be complete.
        """
        seen: set[str] = {path}
        waiting: list[tuple[str, tuple[str, ...]]] = [(path, ())]
        while waiting:
            current, inherited = waiting.pop()
            elf = self.elf(current)
            if isinstance(elf, str):
                continue
            passed = inherited if elf.runpath else (*expand(elf.rpath, current), *inherited)
            places = (*passed, *expand(elf.runpath, current))
            for soname in elf.needed:
                found = self.find(soname, places) or self._beside(current).get(soname)
                if found is None:
                    yield soname, current
                elif found not in seen and self.is_inside(found):
                    seen.add(found)
                    waiting.append((found, passed))

    def find(self, soname: str, places: Iterable[str]) -> str | None:
        """The path of a library, looked for in ``places`` first; None when it is nowhere."""
        if "/" in soname:
            return soname if self.files.facts(soname) else None
        for place in places:
            if soname in (self.files.listing(place) or ()):
                return join(place, soname)
        if soname not in self._found:
            self._found[soname] = self._elsewhere(soname)
        return self._found[soname]

    def on_host(self, soname: str) -> str | None:
        """The host's library of that name and of the interpreter's machine, or None, in the loader's order."""
        if self._cache is None:
            self._cache = _read_cache(self.files)
        interpreter = self.environment.interpreter
        own = (join(interpreter.prefix, "lib"), join(interpreter.base_prefix, "lib")) if interpreter else ()
        before = [join(p, soname) for p in (*self.environment.library_path, *own) if self._lists(p, soname)]
        after = [join(p, soname) for p in (*_multiarch(self._machine()), *_HOST_ROOTS) if self._lists(p, soname)]
        return next((p for p in (*before, *self._cache.get(soname, ()), *after) if self._fits(p)), None)

    def _lists(self, place: str, name: str) -> bool:
        return name in (self.files.listing(place) or ())

    def _elsewhere(self, soname: str) -> str | None:
        return self.on_host(soname) or self._inside_paths().get(soname)

    def _fits(self, path: str) -> bool:
        elf = self.elf(path)
        machine = self._machine()
        return not isinstance(elf, str) and (not machine or elf.machine == machine or not elf.machine.isidentifier())

    def _machine(self) -> str:
        return self.environment.interpreter.machine if self.environment.interpreter else ""

    def is_inside(self, path: str) -> bool:
        """Whether a library belongs to the environment, not to the host."""
        inside = (self.environment.path, *self.environment.site_dirs)
        return bool(path) and any(path.startswith(f"{place}/") for place in inside if place)

    def learn(self, recorded: Iterable[str]) -> None:
        """What distributions recorded, so that only what nobody recorded need be searched for further libraries."""
        places = [f"{place}/" for place in self.environment.site_dirs]
        for path in recorded:
            for place in places:
                if path.startswith(place):
                    self._owned.add(path[: path.find("/", len(place))] if "/" in path[len(place) :] else path)
            if ".so" in path:
                self._recorded[path.rpartition("/")[2]] = path

    def _beside(self, path: str) -> dict[str, str]:
        """Libraries in the package in which a file lies, what it may have fetched when it first ran included."""
        place = next((f"{each}/" for each in self.environment.site_dirs if path.startswith(f"{each}/")), "")
        end = path.find("/", len(place)) if place else -1
        if end < 0:
            return {}
        top = path[:end]
        if top not in self._trees:
            self._trees[top] = dict(_library_paths(self.files, (top,), ()))
        return self._trees[top]

    def _inside_paths(self) -> dict[str, str]:
        if self._inside is None:
            self._inside = dict(_library_paths(self.files, self.environment.site_dirs, self._owned))
            present = {name: path for name, path in self._recorded.items() if self.files.facts(path) is not None}
            self._inside.update(present)
        return self._inside


def expand(rpath: Iterable[str], path: str) -> tuple[str, ...]:
    """Directories of an rpath as the loader sees them for a file; ``$LIB`` and ``$PLATFORM`` are skipped."""
    origin = dirname(path)
    places = (p.replace("${ORIGIN}", origin).replace("$ORIGIN", origin) for p in rpath)
    return tuple(normpath(p) for p in places if p.startswith("/") and "$" not in p)


def _multiarch(machine: str) -> tuple[str, ...]:
    return (f"/lib/{machine}-linux-gnu", f"/usr/lib/{machine}-linux-gnu") if machine else ()


def _read_cache(files: FileView) -> dict[str, tuple[str, ...]]:
    """Paths by soname of /etc/ld.so.cache (glibc's dl-cache.h); empty when there is none or its form is not known."""
    try:
        data = files.read(CACHE, _CACHE_LIMIT)
    except OSError:
        return {}
    start = data.find(_CACHE_MAGIC)
    if start < 0:
        return {}
    data = data[start:]
    found: dict[str, tuple[str, ...]] = {}
    try:
        (count,) = struct.unpack_from("=I", data, 20)
        for index in range(min(count, len(data) // 24)):
            _, key, value = struct.unpack_from("=iII", data, 48 + 24 * index)
            name = _string(data, key)
            found[name] = (*found.get(name, ()), _string(data, value))
    except struct.error:
        return {}
    return found


def _string(data: bytes, start: int) -> str:
    end = data.find(b"\0", start)
    return data[start : end if end >= 0 else start].decode("utf-8", "surrogateescape")


def _library_paths(files: FileView, places: Iterable[str], owned: Collection[str]) -> Iterator[tuple[str, str]]:
    """(name, path) of all shared libraries below the site directories (bounded), ``owned`` directories left out."""
    waiting, steps = list(places), 0
    while waiting and steps < _WALK_LIMIT:
        place = waiting.pop()
        steps += 1
        for name in files.listing(place) or ():
            path = join(place, name)
            if ".so" in name and not name.endswith((".py", ".pyc", ".json")):
                yield name, path
            if "." not in name.removesuffix(".libs") and name != "__pycache__" and path not in owned:
                waiting.append(path)
