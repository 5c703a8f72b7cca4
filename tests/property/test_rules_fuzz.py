"""Whatever lies in a rule file, the loader answers with a rulebook or with ``RuleError``, never with anything else."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from doctor.errors import RuleError
from doctor.rulebook.explain import describe
from doctor.rulebook.load import kind_of, read_files
from doctor.rulebook.sources import builtin_directory, builtin_files, files_at

SAMPLES = [
    next(file.path for file in builtin_files((kind,))).read_bytes() for kind in ("stack", "breakage", "native", "log")
]
QUICK = settings(max_examples=150, deadline=None)


def load(content: bytes, name: str = "fuzzed.toml") -> None:
    """Read one file as ``load_rulebook`` does with each, without the two hundred built-in ones every time."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        complaints: list[RuleError] = []
        rules = read_files(files_at(folder), complaints)
        assert len(rules) == (0 if complaints else 1)
        for complaint in complaints:
            assert folder in str(complaint)
            assert str(complaint).isprintable()
        for rule in rules:
            assert describe(rule, 80)
            assert kind_of(rule)


@QUICK
@given(st.binary(max_size=400))
def test_any_bytes(content: bytes) -> None:
    load(content)


@QUICK
@given(st.text(max_size=400))
def test_any_text(content: str) -> None:
    load(content.encode("utf-8", "surrogatepass"))


@QUICK
@given(st.sampled_from(SAMPLES), st.data())
def test_real_rules_with_a_piece_replaced(sample: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(sample)))
    end = data.draw(st.integers(start, min(len(sample), start + 40)))
    load(sample[:start] + data.draw(st.binary(max_size=20)) + sample[end:])


SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.text(max_size=20), st.integers(), st.floats(), st.booleans(), st.dates(), st.datetimes()
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3))
KEYS = st.sampled_from(
    "schema id kind status severity title explain together marker symbol where contract detect detect_any python pins "
    "entries provided asks lockfile released resolved also cures archives checkouts leave_out when module names closed needs pattern after until near unless stage order "
    "category advice ask estimate says subjects explains consequence typical x".split()
)
TABLES = st.dictionaries(st.sampled_from("on how claim source found installed text says install".split()), VALUES)


def toml(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(c):08x}" for c in value if not "\ud800" <= c <= "\udfff") + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


@QUICK
@given(
    st.dictionaries(KEYS, VALUES),
    st.lists(st.tuples(st.sampled_from(["fix", "evidence", "example", "accepts", "raises", "y"]), TABLES), max_size=3),
    st.sampled_from(["stack", "breakage", "native", "log"]),
)
def test_tables_of_any_values(values: dict[str, Any], tables: list[tuple[str, dict[str, Any]]], kind: str) -> None:
    lines = [f"{key} = {toml(value)}" for key, value in ({"kind": kind} | values).items()]
    for name, table in tables:
        lines += [f"[[{name}]]", *(f"{key} = {toml(value)}" for key, value in table.items())]
    load("\n".join(lines).encode())


@QUICK
@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_file_name(stem: str) -> None:
    load((builtin_directory() / "README.md").read_bytes()[:50], f"{stem}.toml")


@QUICK
@given(st.text(max_size=60))
def test_any_place(place: str) -> None:
    try:
        files_at(f"/proc/none/{place}")
    except RuleError as error:
        assert str(error).isprintable()
