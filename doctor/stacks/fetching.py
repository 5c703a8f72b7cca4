"""Files of a set onto this disk: in parts that an interruption keeps, and refused when their hash is another."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

from doctor.errors import DoctorError, IndexUnavailableError
from doctor.index.index import Index
from doctor.index.releases import ReleaseFile
from doctor.index.settings import is_local, redacted
from doctor.index.transport import local_path
from doctor.stacks.shopping import Item

PART = 8 * 1024**2
"""Bytes of one ranged request: what an interruption loses at most, for each of the files on their way."""
AT_ONCE = 4
_WHOLE = 200
_READ = 1024**2

Progress = Callable[[str, int], None]
"""Called with a file's name and the bytes that have come since the last call."""


class HashMismatchError(DoctorError):
    """A file is not the one that the lock names."""

    def __init__(self, filename: str, wanted: str, found: str, source: str) -> None:
        """Keep both hashes and where the file came from."""
        self.filename, self.wanted, self.found, self.source = filename, wanted, found, source
        super().__init__(
            f"{filename} is refused: the lock says sha256 {wanted}, but what {source} gave has sha256 {found}."
        )


def fetch_all(items: Iterable[Item], folder: Path, index: Index, progress: Progress) -> None:
    """Every item as a file of its own name in ``folder``, its hash checked; what is there already is not fetched.

    Raises:
        HashMismatchError: a file is another than the lock's; nothing of it is kept.
        IndexUnavailableError: the index cannot be asked or does not have a file; what has come is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    located = threading.Lock()
    pool = ThreadPoolExecutor(AT_ONCE)
    errand = _Errand(located, stop, progress)
    try:
        jobs = [pool.submit(_fetch, item, folder, index, errand) for item in items]
        done, _ = wait(jobs, return_when=FIRST_EXCEPTION)
        for job in done:
            job.result()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


class _Errand:
    """What the threads share: the index is asked by one at a time, and all stop together."""

    def __init__(self, located: threading.Lock, stop: threading.Event, progress: Progress) -> None:
        self.located, self.stop, self.progress = located, stop, progress


class _StoppedError(DoctorError):
    """Another file failed, or the user interrupted; never shown."""


def _fetch(item: Item, folder: Path, index: Index, errand: _Errand) -> None:
    target = folder / item.file.filename
    if target.exists():
        errand.progress(item.file.filename, item.file.size or 0)
        return
    if item.path:
        _take_local(item, target)
        errand.progress(item.file.filename, item.file.size or 0)
        return
    with errand.located:
        listed = _listed(item, index)
    if is_local(listed.url):
        _checked(local_path(listed.url), item, "the index")
        target.symlink_to(local_path(listed.url).absolute())
        return
    part = target.with_name(target.name + ".part")
    _fill(listed, part, index, errand)
    _checked(part, item, redacted(listed.url))
    part.replace(target)


def _take_local(item: Item, target: Path) -> None:
    """A file of the user's own folder, by a link; a locked one must be the lock's."""
    source = Path(item.path)
    if not item.own:
        _checked(source, item, str(source), keep=True)
    target.symlink_to(source.absolute())


def _listed(item: Item, index: Index) -> ReleaseFile:
    """Where the index has the file; a hash that it announces is compared before anything is fetched."""
    for release in index.versions(item.name):
        for file in release.files:
            if file.filename == item.file.filename:
                if file.sha256 and file.sha256 != item.file.sha256:
                    raise HashMismatchError(file.filename, item.file.sha256, file.sha256, redacted(file.url))
                return file
    offline = index.settings.offline
    where = "is in none of the --find-links folders" if offline else "is not on the configured package index"
    raise IndexUnavailableError(
        f"{item.file.filename} {where}; put it into a folder and name that with --find-links, then give the same "
        "command again: what has come is kept."
    )


def _fill(listed: ReleaseFile, part: Path, index: Index, errand: _Errand) -> None:
    """Append to the part what is missing of it."""
    have = part.stat().st_size if part.exists() else 0
    errand.progress(listed.filename, have)
    total = listed.size
    with part.open("ab") as stream:
        while total is None or have < total:
            if errand.stop.is_set():
                raise _StoppedError("stopped")
            end = have + PART if total is None else min(have + PART, total)
            answer = index.transport.get_range(listed.url, have, end)
            if answer.status == _WHOLE:  # the place knows no ranges: it gave everything
                stream.truncate(0)
                stream.write(answer.body)
                errand.progress(listed.filename, len(answer.body) - have)
                return
            if not answer.body:
                raise IndexUnavailableError(f"{listed.filename} came to an end after {have} bytes; try again.")
            stream.write(answer.body)
            stream.flush()
            have += len(answer.body)
            errand.progress(listed.filename, len(answer.body))
            if total is None:
                told = answer.headers.get("content-range", "").rpartition("/")[2]
                total = int(told) if told.isdigit() else have


def _checked(path: Path, item: Item, source: str, *, keep: bool = False) -> None:
    """Refuse a file that is not the lock's; a fetched one is thrown away, so that the next try starts anew."""
    found = sha256_of(path)
    if found != item.file.sha256:
        if not keep and path.name.endswith(".part"):
            path.unlink()
        raise HashMismatchError(item.file.filename, item.file.sha256, found, source)


def sha256_of(path: Path) -> str:
    """The file's sha256 in hex, read in parts."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_READ):
            digest.update(block)
    return digest.hexdigest()
