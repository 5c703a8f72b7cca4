"""All distributions of a search path, as an import would come across them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from posixpath import basename, dirname, join

from doctor.model import Distribution, FileView, PathEntry, Problem
from doctor.probe.distributions import metadata_names, read_distribution
from doctor.probe.files import real_path, why_unseen
from doctor.probe.search_path import absolute
from doctor.probe.zipped import zipped_distributions

_LINK_LIMIT = 64 * 1024


def find_distributions(
    files: FileView, search_path: Sequence[PathEntry], site_dirs: Sequence[str], problems: list[Problem]
) -> tuple[Distribution, ...]:
    """Every distribution in every directory of the search path, in its order; later ones are hidden by earlier.

    A directory that is reached twice (``lib64``) counts once. What lies in the source tree of an editable install
    beside its own dist-info (setuptools' egg-info) is the same distribution and is left out.
    """
    found: list[Distribution] = []
    seen: set[str] = set()
    links = dict(_egg_links(files, site_dirs, problems))
    for entry in search_path:
        real = real_path(entry.path)
        if real not in seen:
            seen.add(real)
            found.extend(_in_directory(files, entry.path, links, problems))
    for location, link in links.items():
        if real_path(location) not in seen:
            problems.append(Problem(code="egg-link-not-on-path", path=link, detail=location))
    editable = {d.name for d in found if d.direct_url and d.direct_url.editable}
    return tuple(d for d in found if not (d.kind == "egg-info" and d.name in editable and d.location not in site_dirs))


def _in_directory(
    files: FileView, path: str, links: Mapping[str, str], problems: list[Problem]
) -> Iterator[Distribution]:
    """The distributions of one element of the search path."""
    names = files.listing(path)
    if names is None:
        facts = files.facts(path)
        if facts is not None and facts.kind == "dir" and not any(p.path == path for p in problems):
            problems.append(Problem(code="directory-unreadable", path=path, detail=why_unseen(path)))
        elif facts is not None and facts.kind == "file":
            yield from zipped_distributions(path, problems)
        return
    if basename(path).endswith(".egg") and "EGG-INFO" in names:
        egg = read_distribution(files, path, join(path, "EGG-INFO"), "egg")
        if egg:
            yield egg
    for name, kind in metadata_names(names):
        linked = "egg-link" if kind == "egg-info" and path in links else kind
        distribution = read_distribution(files, path, join(path, name), linked)
        if distribution:
            yield distribution


def _egg_links(files: FileView, site_dirs: Sequence[str], problems: list[Problem]) -> Iterator[tuple[str, str]]:
    """(project directory, link file) for each ``.egg-link`` of ``setup.py develop``."""
    for directory in site_dirs:
        for name in files.listing(directory) or ():
            if not name.endswith(".egg-link"):
                continue
            link = join(directory, name)
            try:
                text = files.read(link, _LINK_LIMIT).decode("utf-8", "surrogateescape")
            except OSError as error:
                problems.append(Problem(code="egg-link-unreadable", path=link, detail=error.strerror or str(error)))
                continue
            lines = text.split("\n")
            target = absolute(dirname(link), lines[0].strip()) if lines[0].strip() else ""
            if target:
                yield target, link
            else:
                problems.append(Problem(code="egg-link-unreadable", path=link, detail="is empty"))
