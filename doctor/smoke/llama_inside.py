"""Runs inside the patient's interpreter for ``acdoctor smoke llama-7b``: with its own h5py, numpy and PyYAML.

One file, standard library at the top; everything else is the patient's and imported where it is needed, so that a
missing package shows as itself.

    llama_inside.py imports ENTRY ...      import each (``module`` or ``module:attribute``), a JSON line for each
    llama_inside.py prepare REQUEST.json   write a run's configuration and its data, one JSON line about them
"""

# It runs on the patient's Python, whatever that has.
# ruff: noqa: PTH100, PTH103, PTH118, PTH120, PTH123

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from functools import reduce
from typing import Any

MARK = "acdoctor-smoke:"
_CHUNK = 64  # samples written at once
_CYCLE = 8  # tokens after which every sample repeats itself: a model learns that in a few steps


def tell(document: dict[str, Any]) -> None:
    """One line for the doctor."""
    sys.stdout.write(f"{MARK}{json.dumps(document)}\n")
    sys.stdout.flush()


def import_entries(entries: list[str]) -> None:
    """Import one after the other; the first that fails ends the process with its own traceback."""
    for entry in entries:
        module, _, attribute = entry.partition(":")
        began = time.process_time()
        tell({"begin": entry})
        imported = importlib.import_module(module)
        if attribute:
            reduce(getattr, attribute.split("."), imported)
        tell({"entry": entry, "cpu_seconds": round(time.process_time() - began, 3), "modules": len(sys.modules)})


def prepare(request: dict[str, Any]) -> None:
    """Read a configuration, replace what is asked for, write it and its data."""
    config = request.get("config") or read_yaml(request["source"])
    if not isinstance(config, dict) or not isinstance(config.get("trainer"), dict):
        sys.exit("the configuration has no mapping `trainer`: it is not one of `cszoo fit`")
    for path in request.get("drop", ()):
        drop(config, path.split("."))
    for path, value in request.get("set", {}).items():
        put(config, path.split("."), value)
    for path, value in request.get("set_existing", {}).items():
        parent = find(config, path.split(".")[:-1])
        if isinstance(parent, dict) and path.split(".")[-1] in parent:
            put(config, path.split("."), value)
    data = request.get("data")
    if data:
        make_data(data["directory"], data["samples"], data["length"], data["vocabulary"])
    for loader in loaders(config):
        loader["data_dir"] = data["directory"] if data else absolute(loader["data_dir"], request["base"])
    write_yaml(config, request["target"])
    tell(summary(config))


def read_yaml(path: str) -> Any:
    """A configuration file, as PyYAML reads it."""
    yaml: Any = importlib.import_module("yaml")
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def write_yaml(config: dict[str, Any], path: str) -> None:
    """PyYAML, not JSON: it reads JSON's 1e-05 as text."""
    yaml: Any = importlib.import_module("yaml")
    with open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump(config, file, sort_keys=False)


def find(value: Any, path: list[str]) -> Any:
    """What stands at a path; None when there is nothing."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def put(config: dict[str, Any], path: list[str], value: Any) -> None:
    """Set a value, making the mappings on the way."""
    for key in path[:-1]:
        inner = config.get(key)
        config[key] = config = inner if isinstance(inner, dict) else {}
    config[path[-1]] = value


def drop(config: dict[str, Any], path: list[str]) -> None:
    """Remove a key if it is there."""
    parent = find(config, path[:-1])
    if isinstance(parent, dict):
        parent.pop(path[-1], None)


def loaders(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Every mapping that names a ``data_dir``."""
    found: list[dict[str, Any]] = []
    waiting: list[Any] = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "data_dir" in value:
                found.append(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return found


def absolute(places: Any, base: str) -> Any:
    """The same places, named so that they can be found from another directory."""
    if isinstance(places, list):
        return [absolute(place, base) for place in places]
    if isinstance(places, str) and "://" not in places:
        return os.path.normpath(os.path.join(base, places))
    return places


def make_data(directory: str, samples: int, length: int, vocabulary: int) -> None:
    """One HDF5 file: dataset ``data`` of (samples, 3, length): token ids, ones, the ids shifted by one."""
    h5py: Any = importlib.import_module("h5py")
    np: Any = importlib.import_module("numpy")
    os.makedirs(directory, exist_ok=True)
    with h5py.File(os.path.join(directory, "data.h5"), "w") as file:
        shape = (samples, 3, length)
        data = file.create_dataset("data", shape, dtype="i4", chunks=(1, 3, length), compression="gzip")
        for first in range(0, samples, _CHUNK):
            count = min(_CHUNK, samples - first)
            ids = np.tile(np.arange(length + 1) % _CYCLE * (vocabulary // _CYCLE) + 1, (count, 1))
            block = np.stack([ids[:, :-1], np.ones((count, length), int), ids[:, 1:]], axis=1)
            data[first : first + count] = block.astype("i4")


def summary(config: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a configuration that a reader of the run's log needs."""
    loader = find(config, ["trainer", "fit", "train_dataloader"])
    places = [value["data_dir"] for value in loaders(config)]
    texts = [text for place in places for text in (place if isinstance(place, list) else [place])]
    return {
        "batch_size": loader.get("batch_size") if isinstance(loader, dict) else None,
        "max_steps": find(config, ["trainer", "init", "loop", "max_steps"]),
        "log_steps": find(config, ["trainer", "init", "logging", "log_steps"]),
        "length": find(config, ["trainer", "init", "model", "max_position_embeddings"]),
        "device": find(config, ["trainer", "init", "backend", "backend_type"]),
        "data": sorted({text for text in texts if isinstance(text, str)}),
    }


if __name__ == "__main__":
    if os.path.abspath(sys.path[0]) == os.path.dirname(os.path.abspath(__file__)):
        del sys.path[0]  # modules beside this file are the doctor's, not the patient's
    if sys.argv[1] == "imports":
        import_entries(sys.argv[2:])
    else:
        with open(sys.argv[2], encoding="utf-8") as request_file:
            prepare(json.load(request_file))
