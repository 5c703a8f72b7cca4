"""Where packages come from, as pip's own configuration says; values only, credentials never shown.

The files and their order are those of pip: global, user, site (``<venv>/pip.conf``), ``PIP_CONFIG_FILE``,
then ``PIP_*`` variables; a later one wins, and in a file ``[install]`` wins over ``[global]``
(https://pip.pypa.io/en/stable/topics/configuration/). They are read here and not asked of ``pip config list``
because the doctor must work for an environment without pip, and in milliseconds.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

DEFAULT_INDEX = "https://pypi.org/simple"
"""The index that pip asks when nothing is configured (its documented default of ``--index-url``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """What pip would use. ``indexes`` are simple-API roots, first the main one; ``timeout`` is in seconds.

    ``find_links`` are directories, ``file:`` URLs or pages with links. The addresses may hold credentials:
    they are kept out of ``repr``, and only ``redacted`` forms may be shown.
    """

    indexes: tuple[str, ...] = field(default=(DEFAULT_INDEX,), repr=False)
    find_links: tuple[str, ...] = field(default=(), repr=False)
    proxy: str = field(default="", repr=False)
    cert: str = ""
    client_cert: str = ""
    trusted_hosts: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    timeout: float = 15.0
    offline: bool = False

    def with_offline(self, find_links: Sequence[str] = ()) -> IndexSettings:
        """The same without any remote place, and with further directories."""
        local = tuple(u for u in self.indexes if is_local(u))
        links = tuple(u for u in (*find_links, *self.find_links) if is_local(u))
        return replace(self, indexes=local, find_links=links, offline=True)


def is_local(place: str) -> bool:
    """The place is on this machine's file systems: a path or a ``file:`` URL."""
    return urlsplit(place).scheme in ("", "file")


def redacted(url: str) -> str:
    """The URL without user name and password, fit to be shown."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc="***@" + parts.netloc.rpartition("@")[2]))


def read_settings(prefix: str | None = None, environ: Mapping[str, str] | None = None) -> IndexSettings:
    """The settings that pip would use for the environment at ``prefix`` (None: for no environment)."""
    variables = dict(os.environ) if environ is None else dict(environ)
    options: dict[str, str] = {}
    for path in _config_files(prefix, variables):
        options.update(_file_options(path))
    for name, value in variables.items():
        if name.startswith("PIP_") and value:
            options[name[4:].lower().replace("_", "-")] = value
    return _settings(options)


def _settings(options: Mapping[str, str]) -> IndexSettings:
    """Options by pip's long names into values."""
    main = options.get("index-url") or options.get("pypi-url") or DEFAULT_INDEX
    extra = options.get("extra-index-url", "").split()
    indexes = () if _true(options.get("no-index", "")) else (main, *extra)
    try:
        timeout = float(options.get("timeout") or options.get("default-timeout") or 15)
    except ValueError:
        timeout = 15.0
    return IndexSettings(
        indexes=tuple(dict.fromkeys(u.rstrip("/") for u in indexes)),
        find_links=tuple(dict.fromkeys(options.get("find-links", "").split())),
        proxy=options.get("proxy", ""),
        cert=options.get("cert", ""),
        client_cert=options.get("client-cert", ""),
        trusted_hosts=tuple(options.get("trusted-host", "").split()),
        constraints=tuple(options.get("constraint", "").split()),
        timeout=timeout,
    )


def _true(text: str) -> bool:
    """Pip's reading of a switch."""
    return text.strip().lower() in ("1", "true", "yes", "y", "on", "t")


def _config_files(prefix: str | None, variables: Mapping[str, str]) -> list[Path]:
    """Pip's configuration files in the order in which they are read."""
    named = variables.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return []
    found = [Path(d) / "pip" / "pip.conf" for d in variables.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if d]
    found.append(Path("/etc/pip.conf"))
    home = variables.get("HOME", "")
    if home:
        found.append(Path(home) / ".pip" / "pip.conf")
        found.append(Path(variables.get("XDG_CONFIG_HOME") or Path(home) / ".config") / "pip" / "pip.conf")
    if prefix:
        found.append(Path(prefix) / "pip.conf")
    if named:
        found.append(Path(named))
    return found


def _file_options(path: Path) -> dict[str, str]:
    """``[global]`` and ``[install]`` of one file; a file that cannot be read says nothing, as for pip."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, configparser.Error):
        return {}
    options: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            options.update({key.replace("_", "-"): value for key, value in parser.items(section)})
    return options
