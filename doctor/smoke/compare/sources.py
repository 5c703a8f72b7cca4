"""Rows of a data set: local parquet, JSON lines, JSON and CSV files, or a data set of the Hugging Face hub.

The hub is read by its own ``datasets`` library and parquet by ``pyarrow``; both are extras that most users of the
doctor do not need, and are imported when they are asked for.
"""

from __future__ import annotations

import csv
import gzip
import importlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from doctor.errors import DoctorError, UsageError

Row = Mapping[str, Any]
FILE_ROWS, HUB_ROWS = 200_000, 5_000
"""How many rows are looked at, at most."""
_SPLITS = ("test", "validation", "dev", "train")
_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")


class DatasetError(DoctorError):
    """The data set cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows, read once, and what they are called: ``name`` for a person, ``limit`` rows at most are looked at."""

    name: str
    rows: Iterator[Row]
    limit: int


def open_table(spec: str, *, subset: str = "", split: str = "", offline: bool = False) -> Table:
    """The data set that a user means by a name or a path.

    Raises:
        UsageError: no such file, a kind that is not read, or an extra that is not installed.
        DatasetError: it cannot be read.
    """
    path = Path(spec).expanduser()
    if path.is_dir():
        path = _file_of(path, split)
    if path.is_file():
        return Table(name=path.name, rows=_rows(path), limit=FILE_ROWS)
    if spec.startswith((".", "/", "~")) or _kind(path) in _SUFFIXES or not spec.strip():
        raise UsageError(f"--dataset: there is no file {spec}.")
    label = " ".join(part for part in (spec, subset, split) if part)
    return Table(name=label, rows=hub_rows(spec, subset=subset, split=split, offline=offline), limit=HUB_ROWS)


def _kind(path: Path) -> str:
    """The suffix that tells the format, below a ``.gz``."""
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def _file_of(folder: Path, split: str) -> Path:
    """The file of a folder (a data set that was downloaded) that holds the split; raises ``UsageError``."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and _kind(path) in _SUFFIXES)
    files = [path for path in files if _kind(path) != ".json" or len(files) == 1] or files
    for wanted in (split,) if split else _SPLITS:
        for path in files:
            if wanted in path.relative_to(folder).as_posix().lower():
                return path
    if len(files) == 1 and not split:
        return files[0]
    held = ", ".join(path.relative_to(folder).as_posix() for path in files[:6]) or "no data file"
    raise UsageError(f"--dataset {folder}: which file is meant? It holds {held}. Name one.")


def _rows(path: Path) -> Iterator[Row]:
    kind = _kind(path)
    if kind == ".parquet":
        yield from _parquet(path)
        return
    readers = {".jsonl": _json_lines, ".ndjson": _json_lines, ".json": _json, ".csv": _csv, ".tsv": _csv}
    reader = readers.get(kind)
    if reader is None:
        raise UsageError(f"--dataset: {path.name} is none of the kinds that are read: {', '.join(_SUFFIXES)}.")
    try:
        with _text(path) as stream:
            yield from reader(stream, path)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DatasetError(f"{path.name} cannot be read: {reason}.") from None


def _text(path: Path) -> TextIO:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _json_lines(stream: TextIO, path: Path) -> Iterator[Row]:
    for number, line in enumerate(stream, 1):
        if line.strip():
            try:
                yield _as_row(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise DatasetError(f"{path.name}: line {number} is no JSON: {error}.") from None


def _json(stream: TextIO, path: Path) -> Iterator[Row]:
    try:
        data = json.load(stream)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path.name} is no JSON: {error}.") from None
    if isinstance(data, dict):
        lists = [value for value in data.values() if isinstance(value, list)]
        data = max(lists, key=len) if lists else [data]
    if not isinstance(data, list):
        raise DatasetError(f"{path.name} holds no list of rows.")
    yield from map(_as_row, data)


def _csv(stream: TextIO, path: Path) -> Iterator[Row]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # an article is longer than the module's default of 128 KiB
    try:
        for row in csv.DictReader(stream, delimiter="\t" if _kind(path) == ".tsv" else ","):
            yield {name: value for name, value in row.items() if isinstance(name, str)}
    except csv.Error as error:
        raise DatasetError(f"{path.name} is no CSV: {error}.") from None


def _parquet(path: Path) -> Iterator[Row]:
    parquet = _extra("pyarrow.parquet", f"{path.name} is a parquet file: reading it needs pyarrow", "parquet")
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1000):
                yield from batch.to_pylist()
    except (OSError, ValueError) as error:  # pyarrow's own errors are children of these
        raise DatasetError(f"{path.name} cannot be read: {_first_line(error)}.") from None


def hub_rows(name: str, *, subset: str = "", split: str = "", offline: bool = False) -> Iterator[Row]:
    """Rows of a data set of the hub (or of its cache on this disk when ``offline``), in their order.

    Raises ``UsageError`` without the ``datasets`` library, ``DatasetError`` with the library's own first line.
    """
    os.environ |= dict.fromkeys(("HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS"), "1")
    os.environ["HF_HUB_VERBOSITY"] = "error"
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    why = f"there is no file {name}, and a data set of the Hugging Face hub needs the datasets library"
    library = _extra("datasets", why, "datasets")
    try:
        chosen = split or _default_split(library.get_dataset_split_names(name, subset or None))
        rows = library.load_dataset(name, subset or None, split=chosen, streaming=not offline)
        for row in rows:
            yield _as_row(row)
    except DoctorError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a third party's loader and its network raise
        raise DatasetError(
            f"The datasets library cannot load {name}: {_first_line(error)}. "
            "With its parquet file downloaded, --dataset FILE.parquet needs no hub."
        ) from None


def _default_split(names: list[str]) -> str:
    """Test before training data: a model may know the latter by heart."""
    known = [split for split in _SPLITS if split in names]
    return (known or names)[0]


def _extra(module: str, why: str, extra: str) -> Any:
    """An optional library; raises ``UsageError`` when it is not there or cannot be imported."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        absent = error.name and module.startswith(error.name)
        state = "which is not installed" if absent else f"which cannot be imported ({_first_line(error)})"
        raise UsageError(f"--dataset: {why}, {state} here: pip install 'acdoctor[{extra}]'.") from None


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")[:300]


def _as_row(value: Any) -> Row:
    """A row by column; a bare text is a row with the one column ``text``."""
    return value if isinstance(value, dict) else {"text": value}
