"""Where things must lie when the interpreter does not tell: by pyvenv.cfg and the usual directories."""

from __future__ import annotations

from collections.abc import Mapping
from posixpath import join

from doctor.model import FileView
from doctor.probe.config import config_base
from doctor.probe.interpreter import SiteFacts
from doctor.probe.place import Place, python_versions

_NEW_SITE = (3, 13)


def guessed_site_facts(
    place: Place, version: tuple[int, int], environ: Mapping[str, str], files: FileView
) -> SiteFacts:
    """Site directories as CPython's own ``site`` (and Debian's) would name them; only existing ones will count."""
    own = _own(place.path, version, files)
    base = config_base(place.config)
    user_base = environ.get("PYTHONUSERBASE") or join(environ.get("HOME", ""), ".local")
    user = join(user_base, "lib", "python{}.{}".format(*version), "site-packages")
    return SiteFacts(
        own=own,
        system=_own(base, version, files) if base and base != place.path else (),
        user=user if user.startswith("/") else "",
        skips_hidden=version >= _NEW_SITE,
        pth_is_utf8=version >= _NEW_SITE,
    )


def _own(prefix: str, version: tuple[int, int], files: FileView) -> tuple[str, ...]:
    """Candidates below one prefix, in the order of ``site.getsitepackages``."""
    python = "python{}.{}".format(*version)
    found = python_versions(prefix, files).get(version, "")
    candidates = [
        join(found, "site-packages") if found else "",
        join(prefix, "lib64", python, "site-packages") if "lib64" in found else "",
        join(prefix, "lib", python, "site-packages"),
        join(prefix, "local", "lib", python, "dist-packages"),
        join(prefix, "lib", "python3", "dist-packages"),
        join(prefix, "lib", python, "dist-packages"),
    ]
    return tuple(dict.fromkeys(c for c in candidates if c))


def guessed_stdlib(place: Place, version: tuple[int, int], files: FileView) -> tuple[str, ...]:
    """The base Python's standard library, empty when it is not where pyvenv.cfg says."""
    for prefix in (config_base(place.config), place.path):
        directory = python_versions(prefix, files).get(version) if prefix else None
        if directory and files.facts(join(directory, "os.py")):
            archive = join(directory.rpartition("/")[0], "python{}{}.zip".format(*version))
            return (archive, directory, join(directory, "lib-dynload"))
    return ()
