"""Whether a distribution that seems to lack a part of itself may really do so.

A published distribution fits together. So when one of its modules finds no name in another of its own, either its
files are not as they were published, or the importer did not follow something (compiled code that adds names, a
vendored copy behind an import hook). The list of recorded files tells which.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping

from doctor.checks.contract_words import Blame
from doctor.model import Distribution, FileView, RecordedFile

_CODE = (".py", ".so")
_OWN = frozenset({"name", "attribute", "argument", "module", "raised", "metadata", "undefined"})


def doubtful(blamed: Blame, records: Mapping[str, tuple[RecordedFile, ...]], files: FileView) -> bool:
    """The failure would mean that an unchanged distribution does not fit itself: it is not believed."""
    importer = blamed.importer
    root = blamed.failure.root
    if importer is None or not importer.has_record:
        return False
    recorded = records.get(importer.metadata_path, ())
    if blamed.internal and root.kind in _OWN:
        return not _damaged(blamed, recorded, files)
    if blamed.provider is not None or root.kind != "module":
        return False
    return _vendors(root.symbol.partition(".")[0], importer, recorded)


def _damaged(blamed: Blame, recorded: tuple[RecordedFile, ...], files: FileView) -> bool:
    """A file that takes part is missing, has another size than recorded, or came from elsewhere."""
    root = blamed.failure.root
    sizes = {r.path: r.size for r in recorded}
    for path in {root.path, root.provider_path, root.site_path} - {""}:
        facts = files.facts(path)
        if path.endswith(_CODE) and (path not in sizes or facts is None):
            return True
        if facts is not None and facts.kind == "file" and sizes.get(path) not in {None, facts.size}:
            return True
    stem = "/" + root.symbol.replace(".", "/")
    wanted = (f"{stem}.py", f"{stem}/__init__.py")
    parent = f"/{root.provider.replace('.', '/')}/"
    concerned = (r.path for r in recorded if r.path.endswith(wanted) or (parent in r.path and r.path.endswith(_CODE)))
    return any(files.facts(path) is None for path in concerned)


def is_published(path: str, recorded: Iterable[RecordedFile], files: FileView) -> bool:
    """The file has the content that its distribution's RECORD tells (PEP 376, PEP 427)."""
    for each in recorded:
        algorithm, _equals, digest = each.hash.partition("=")
        if each.path == path and algorithm == "sha256":
            try:
                found = hashlib.sha256(files.read(path)).digest()
            except OSError:
                return False
            return base64.urlsafe_b64encode(found).rstrip(b"=").decode() == digest.rstrip("=")
    return False


def _vendors(module: str, importer: Distribution, recorded: tuple[RecordedFile, ...]) -> bool:
    """The distribution brings a copy of the module below a directory of its own, and a way to find it there."""
    base = len(importer.location) + 1
    inner = (f"/{module}/", f"/{module}.py")
    return any(part in r.path[base:] for r in recorded for part in inner)
