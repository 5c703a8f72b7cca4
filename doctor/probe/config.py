"""pyvenv.cfg (PEP 405), read as ``site.venv`` reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from posixpath import dirname

from doctor.model import FileView

CONFIG_LIMIT = 256 * 1024
_LINE_END = re.compile(r"\r\n|\r|\n")
_VERSION = re.compile(r"\d+(\.\d+){0,2}")


def read_config(files: FileView, path: str) -> Mapping[str, str]:
    """The settings, keys in lower case, the last of equal keys wins; raises ``OSError`` when it cannot be read."""
    text = files.read(path, CONFIG_LIMIT).decode("utf-8", "surrogateescape")
    settings: dict[str, str] = {}
    for line in _LINE_END.split(text):
        key, mark, value = line.partition("=")
        if mark:
            settings[key.strip().lower()] = value.strip()
    return settings


def system_site(config: Mapping[str, str]) -> bool:
    """Whether the venv also sees the site directories of its Python: also when the file does not say."""
    return config.get("include-system-site-packages", "true").lower() == "true"


def config_version(config: Mapping[str, str]) -> str:
    """The Python version that the file names (``version`` by venv, ``version_info`` by virtualenv and uv), or ''."""
    for key in ("version", "version_info"):
        match = _VERSION.match(config.get(key, ""))
        if match and "." in match[0]:
            return match[0]
    return ""


def config_base(config: Mapping[str, str]) -> str:
    """The prefix of the Python that the venv was made from, or ''; ``home`` is its directory of executables."""
    home = config.get("home", "")
    return dirname(home.rstrip("/")) if home.startswith("/") else ""
