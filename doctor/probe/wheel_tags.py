"""Which wheel tags (PEP 425, 600, 656) an interpreter takes, from facts it told: computed here, not there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.tags import compatible_tags, cpython_tags, generic_tags, mac_platforms

_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_OLD_ARCHITECTURES = {"x86_64", "i686"}
_MANYLINUX = {"x86_64", "aarch64", "ppc64", "ppc64le", "s390x", "loongarch64", "riscv64", "i686", "armv7l"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TagFacts:
    """What tags depend on: ``platform`` as ``sysconfig.get_platform()`` says it, ``libc`` as ``glibc 2.36``."""

    implementation: str
    version: tuple[int, int]
    abiflags: str
    suffixes: Sequence[str]
    platform: str
    libc: str
    pointer_bits: int
    mac_version: str = ""


def wheel_tags(facts: TagFacts) -> tuple[str, ...]:
    """Supported tags, best first."""
    platforms = list(platform_tags(facts))
    nodot = "{}{}".format(*facts.version)
    if facts.implementation == "cpython":
        interpreter = f"cp{nodot}"
        own = cpython_tags(facts.version, _cpython_abis(nodot, facts.abiflags), platforms)
    else:
        interpreter = {"pypy": "pp"}.get(facts.implementation, facts.implementation) + nodot
        own = generic_tags(interpreter, _generic_abis(facts.suffixes), platforms)
    general = "pp3" if facts.implementation == "pypy" else interpreter
    tags = dict.fromkeys(str(tag) for tag in own)
    tags.update(dict.fromkeys(str(tag) for tag in compatible_tags(facts.version, general, platforms)))
    return tuple(tags)


def platform_tags(facts: TagFacts) -> Iterator[str]:
    """Platform tags of one interpreter, best first."""
    own = re.sub(r"[.\- ]", "_", facts.platform)
    if own.startswith("macosx_"):
        yield from _mac_tags(facts)
        return
    if not own.startswith("linux_"):
        yield own
        return
    for architecture in linux_architectures(own.removeprefix("linux_"), facts.pointer_bits):
        yield f"linux_{architecture}"
        yield from _libc_tags(facts.libc, architecture)


def linux_architectures(machine: str, pointer_bits: int) -> list[str]:
    """The architecture of the interpreter's code, best first: a 32-bit Python on a 64-bit kernel is 32-bit."""
    if pointer_bits == 32:  # noqa: PLR2004 - bits
        machine = {"x86_64": "i686", "aarch64": "armv8l"}.get(machine, machine)
    return ["armv8l", "armv7l"] if machine == "armv8l" else [machine]


def _libc_tags(libc: str, architecture: str) -> Iterator[str]:
    """Tags of manylinux or musllinux down to the oldest that policy knows."""
    family, _, version = libc.partition(" ")
    match = re.match(r"(\d+)\.(\d+)", version)
    if match is None:
        return
    major, minor = int(match[1][:3]), int(match[2][:3])
    if family == "musl":
        yield from (f"musllinux_{major}_{n}_{architecture}" for n in range(minor, -1, -1))
    elif family == "glibc" and architecture in _MANYLINUX and major == 2:  # noqa: PLR2004 - glibc 2
        oldest = 5 if architecture in _OLD_ARCHITECTURES else 17
        for n in range(minor, oldest - 1, -1):
            yield f"manylinux_2_{n}_{architecture}"
            if n in _LEGACY:
                yield f"{_LEGACY[n]}_{architecture}"


def _mac_tags(facts: TagFacts) -> Iterator[str]:
    """Tags of macOS by the release that runs, else by the one that Python was built for."""
    _, built_for, machine = (*facts.platform.split("-", 2), "", "")[:3]
    numbers = re.findall(r"\d+", facts.mac_version or built_for)[:2]
    major, minor = (*(int(n[:3]) for n in numbers), 0, 0)[:2]
    return mac_platforms((major, minor), machine)


def _cpython_abis(nodot: str, abiflags: str) -> list[str]:
    """ABI tags from ``sys.abiflags``: ``t`` free-threaded, ``d`` debug (which also takes the ordinary ABI)."""
    threading = "t" if "t" in abiflags else ""
    plain = f"cp{nodot}{threading}"
    return [f"{plain}d", plain] if "d" in abiflags else [plain]


def _generic_abis(suffixes: Sequence[str]) -> list[str]:
    """The ABI tag that stands in the extension suffix, e.g. ``.pypy310-pp73-x86_64-linux-gnu.so``."""
    parts = suffixes[0].split(".") if suffixes else []
    words = parts[1].split("-") if len(parts) == 3 else []  # noqa: PLR2004 - '', ABI, 'so'
    return ["_".join(words[:2])] if words and words[0].startswith("pypy") else words[:1]
