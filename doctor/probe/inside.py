"""Runs inside the patient's interpreter, started with ``-I -S -B``: tells facts, changes nothing.

Standard library only, CPython 3.8 to 3.14, one file. It imports nothing that a distribution could have brought:
``-I -S`` keep ``site-packages``, ``.pth`` files, ``sitecustomize`` and ``PYTHON*`` variables away. The module
``site`` is imported (which since 3.3 has no effect by itself) and only asked where site directories lie, because
Debian, Fedora and conda each patch those rules.

    inside.py facts                one line ``acdoctor-facts:{json}``
    inside.py names MODULE ...     one line ``acdoctor-names:{json}``: the names of standard modules
"""

# It runs on old Pythons with as few modules loaded as possible, each imported where it is needed.
# ruff: noqa: PTH100, PTH113, PTH118, PTH120, PTH208, PLC0415, UP031, PTH123, BLE001, ARG005, RUF005

from __future__ import annotations

import os
import sys


def venv_prefix() -> str:
    """The directory that ``site.venv`` takes for ``sys.prefix``: where pyvenv.cfg lies; '' outside of a venv."""
    bin_dir = os.path.dirname(os.path.abspath(sys.executable))
    prefix = os.path.dirname(bin_dir)
    found = any(os.path.isfile(os.path.join(d, "pyvenv.cfg")) for d in (bin_dir, prefix))
    return prefix if found else ""


def standard_names(paths: list) -> list:  # type: ignore[type-arg]
    """Top-level names of the standard library (before 3.10 there is no list: the directories are read)."""
    if hasattr(sys, "stdlib_module_names"):
        return sorted(sys.stdlib_module_names)
    names = set(sys.builtin_module_names)
    for path in paths:
        try:
            found = os.listdir(path)
        except OSError:
            continue
        for name in found:
            stem = name.split(".")[0]
            package = os.path.isfile(os.path.join(path, name, "__init__.py"))
            if package or name.endswith((".py", ".so")):
                names.add(stem)
    names -= {"test", "site-packages", "dist-packages", "sitecustomize", "usercustomize", "__phello__"}
    return sorted(n for n in names if n.isidentifier())


def skips_hidden(site: object) -> bool:
    """Whether this ``site`` passes over ``.pth`` files whose name begins with a dot (3.13, and fixes of older)."""
    seen = []
    keep = os.listdir, list(sys.path), site.addpackage  # type: ignore[attr-defined]
    try:
        os.listdir = lambda path=None: [".a.pth"]  # type: ignore[assignment]
        site.addpackage = lambda directory, name, known: seen.append(name)  # type: ignore[attr-defined]
        site.addsitedir("/", set())  # type: ignore[attr-defined]
    except Exception:
        return sys.version_info >= (3, 13)
    finally:
        os.listdir, sys.path[:], site.addpackage = keep  # type: ignore[attr-defined]
    return not seen


def libc() -> str:
    """``glibc 2.36``; '' where the C library does not tell."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, OSError, ValueError):
        return ""


def loaded_files() -> list:  # type: ignore[type-arg]
    """Shared libraries that this process runs on (Linux): when one changes, its facts may."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as stream:
            paths = {line.rstrip("\n").split(None, 5)[-1] for line in stream}
    except OSError:
        return []
    return sorted(path for path in paths if path.startswith("/") and ".so" in path)


def mac_version() -> str:
    """The macOS release, as wheel tags count it; '' elsewhere."""
    if sys.platform != "darwin":
        return ""
    import platform

    return platform.mac_ver()[0]


def markers() -> dict:  # type: ignore[type-arg]
    """The environment variables of PEP 508."""
    import platform

    info = sys.implementation.version
    version = "{}.{}.{}".format(*info[:3])
    if info.releaselevel != "final":
        version += info.releaselevel[0] + str(info.serial)
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": version,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": "{}.{}".format(*sys.version_info[:2]),
        "sys_platform": sys.platform,
    }


def site_facts(prefix: str) -> dict:  # type: ignore[type-arg]
    """Where site directories lie by this interpreter's own rules, whether they exist or not, in order."""
    import site

    base = [sys.base_prefix, sys.base_exec_prefix]
    if prefix:
        sys.prefix = sys.exec_prefix = prefix
    own = site.getsitepackages([sys.prefix, sys.exec_prefix])
    try:
        user = site.getusersitepackages() or ""
    except Exception:
        user = ""
    return {
        "own": own,
        "system": site.getsitepackages(base) if prefix else [],
        "user": user,
        "skips_hidden": skips_hidden(site),
        "pth_is_utf8": "utf-8-sig" in site.addpackage.__code__.co_consts,
    }


def install_paths(prefix: str) -> dict:  # type: ignore[type-arg]
    """purelib, platlib and scripts, as an installer would use them."""
    import sysconfig

    if not prefix:
        paths = sysconfig.get_paths()
    else:
        scheme = "venv" if "venv" in sysconfig.get_scheme_names() else os.name + "_prefix"
        if os.name == "nt":
            scheme = "nt"
        where = dict.fromkeys(("base", "platbase", "installed_base", "installed_platbase"), prefix)
        paths = sysconfig.get_paths(scheme, vars=where)
    return {
        "purelib": paths["purelib"],
        "platlib": paths["platlib"],
        "scripts": paths["scripts"],
        "platform": sysconfig.get_platform(),
    }


def facts() -> dict:  # type: ignore[type-arg]
    """Everything the doctor asks of an interpreter, as JSON values."""
    import importlib.machinery

    stdlib_paths = list(sys.path)
    prefix = venv_prefix()
    told = {
        "executable": sys.executable,
        "version_info": list(sys.version_info[:3]),
        "markers": markers(),
        "abiflags": getattr(sys, "abiflags", ""),
        "suffixes": importlib.machinery.EXTENSION_SUFFIXES,
        "stdlib": standard_names(stdlib_paths),
        "builtins": sorted(sys.builtin_module_names),
        "stdlib_paths": stdlib_paths,
        "depends_on": [os.__file__, os.path.join(os.path.dirname(os.__file__), "site.py")] + loaded_files(),
        "base_prefix": sys.base_prefix,
        "libc": libc(),
        "mac_version": mac_version(),
        "byteorder": sys.byteorder,
        "pointer_bits": 64 if sys.maxsize > 2**32 else 32,
        "virtual": bool(prefix),
    }
    told["paths"] = install_paths(prefix)
    told["site"] = site_facts(prefix)
    told["prefix"] = sys.prefix
    return told


def names_in_child(module: str, channel: int) -> None:
    """In a forked child: import one module and write what it has (or why not), nothing else on any stream."""
    import importlib

    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    try:
        loaded = importlib.import_module(module)
        found = {*dir(loaded), *vars(loaded)}  # a module's own __dir__ may leave names out
        answer = "+" + "\n".join(name for name in found if isinstance(name, str))
    except BaseException as error:  # any way in which an import can end is an answer
        answer = "-" + type(error).__name__ + ": " + str(error)
    data = answer.encode("utf-8", "backslashreplace")
    while data:
        data = data[os.write(channel, data) :]


def names_of(module: str) -> dict:  # type: ignore[type-arg]
    """The names of one standard module, found in a fork: a crash or a side effect stays there."""
    incoming, outgoing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(incoming)
            names_in_child(module, outgoing)
        finally:
            os._exit(0)
    os.close(outgoing)
    data = b""
    while True:
        block = os.read(incoming, 65536)
        if not block:
            break
        data += block
    os.close(incoming)
    status = os.waitpid(child, 0)[1]
    text = data.decode("utf-8", "backslashreplace")
    if text[:1] == "+":
        return {"names": text[1:].split("\n") if len(text) > 1 else []}
    return {"failure": text[1:] or "the import ended the interpreter (status %d)" % status}


def main(arguments: list) -> None:  # type: ignore[type-arg]
    """Answer one question on standard output, as one line of ASCII."""
    if arguments[0] == "names":
        mark, answer = "acdoctor-names:", {name: names_of(name) for name in arguments[1:]}
    else:
        mark, answer = "acdoctor-facts:", facts()
    import json  # after the forks, which must not inherit more loaded modules than needed

    sys.stdout.write("\n" + mark + json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
