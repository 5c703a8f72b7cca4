"""Resolutions kept between runs: of a past day they change only when something is withdrawn."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict
from typing import Any

from doctor.index.index import Index
from doctor.index.releases import ReleaseFile, parse_time
from doctor.index.settings import redacted
from doctor.stacks.resolution import Picked, Resolution, Wanted, resolve
from doctor.stacks.resolution_metadata import MetadataReader

_KIND = "resolutions"
_FORMAT = 1
_PAST = 86_400.0
_RECENT = 600.0
"""Seconds for which a resolution of a past day, and of today, is believed."""


class KeptResolutions:
    """Resolves each question once; answers lie in the index's cache, with the files but without credentials."""

    def __init__(self, index: Index, reader: MetadataReader, today: dt.date) -> None:
        """``today`` tells past days from the present one."""
        self.index, self.reader, self.today = index, reader, today
        self._known: dict[str, Resolution] = {}

    def resolved(self, wanted: Wanted) -> Resolution:
        """As ``resolve``, and raises what that raises."""
        key = repr((_FORMAT, wanted, tuple(redacted(root) for root in self.index.settings.indexes)))
        if key not in self._known:
            self._known[key] = self._kept(key, wanted.day) or self._made(key, wanted)
        return self._known[key]

    def _made(self, key: str, wanted: Wanted) -> Resolution:
        resolution = resolve(wanted, self.index, self.reader)
        self.index.cache.write(_KIND, key, json.dumps(_encoded(resolution)).encode())
        return resolution

    def _kept(self, key: str, day: dt.date | None) -> Resolution | None:
        kept = self.index.cache.read(_KIND, key)
        past = day is not None and day < self.today - dt.timedelta(days=1)
        limit = _PAST if past else _RECENT
        if kept is None or (kept[1] > limit and not self.index.settings.offline):
            return None
        try:
            return _decoded(json.loads(kept[0]))
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


def _encoded(resolution: Resolution) -> dict[str, Any]:
    rows = []
    for picked in resolution.picked:
        row = asdict(picked)
        file = row["file"]
        file["url"] = redacted(picked.file.url)
        file["tags"] = []
        file["upload_time"] = picked.file.upload_time.isoformat() if picked.file.upload_time else None
        rows.append(row)
    return {"picked": rows, "left_out": [list(entry) for entry in resolution.left_out]}


def _decoded(value: Any) -> Resolution:
    picked = []
    for row in value["picked"]:
        facts = {**row["file"], "upload_time": parse_time(row["file"]["upload_time"]), "tags": frozenset()}
        file = ReleaseFile(**facts)
        picked.append(Picked(name=row["name"], version=row["version"], file=file, requires=tuple(row["requires"])))
    left_out = tuple((str(a), str(b)) for a, b in value["left_out"])
    return Resolution(picked=tuple(picked), left_out=left_out)
