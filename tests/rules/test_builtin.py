"""The rules that come with the doctor: they keep what they say, and their README is true."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from doctor.cli.rules import _speaks
from doctor.model import Fix
from doctor.rulebook.load import all_rules, load_bench, load_rulebook
from doctor.rulebook.match import contradicts, environment_of, holds
from doctor.rulebook.requirements import admits, requirement, split_pin
from doctor.rulebook.rules import Breakage, Stack
from doctor.rulebook.sources import builtin_directory, builtin_files, files_at
from doctor.rulebook.trial import try_rules

BOOK = load_rulebook()
README = (builtin_directory() / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)


def test_every_rule_keeps_what_it_says() -> None:
    bench = load_bench(())
    assert bench.complaints == ()
    assert try_rules(bench.rules, bench.rulebook, _speaks) == []


def test_no_file_is_left_out() -> None:
    root = builtin_directory()
    there = {path for path in root.rglob("*.toml") if path.name != "names.toml"}
    assert {file.path for file in builtin_files(retired=True)} == there
    assert {file.path for file in files_at(str(root))} == there
    assert len(all_rules()) == len(there)


def test_loading_for_a_check_is_fast() -> None:
    load_rulebook(kinds=("breakage", "stack", "native"))
    began = time.process_time()
    load_rulebook(kinds=("breakage", "stack", "native"))
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize("rule", BOOK.breakages, ids=lambda rule: rule.id)
def test_a_breakage_was_run_and_has_a_cure(rule: Breakage) -> None:
    assert any(entry.how == "run" for entry in rule.evidence)
    assert rule.fixes


@pytest.mark.parametrize("rule", [rule for rule in BOOK.breakages if rule.id.startswith(("peft-0.18", "psutil-7"))])
def test_the_break_that_started_it_all_and_its_neighbours(rule: Breakage) -> None:
    sick = {"peft": "0.18.0", "transformers": "4.45.2", "psutil": "7.2.1", "cerebras-appliance": "2.6.0"}
    assert holds(rule, environment_of(sick))
    assert not holds(rule, environment_of(sick | {"peft": "0.17.1", "psutil": "7.1.3"}))
    assert not holds(rule, environment_of(sick | {"peft": "0.18.1", "psutil": "7.1.3"}))


def exact(pin: str) -> bool:
    clauses = list(requirement(pin).specifier)
    return len(clauses) == 1 and clauses[0].operator == "=="


def kept(stack: Stack, fix: Fix) -> bool:
    return all(contradicts(stack.pins, *split_pin(pin)) is None for pin in fix.install)


@pytest.mark.parametrize("stack", BOOK.stacks, ids=lambda stack: stack.id)
def test_a_breakage_that_a_stack_leaves_open_has_a_cure_within_its_pins(stack: Stack) -> None:
    pinned = dict(split_pin(pin) for pin in stack.pins if exact(pin))
    open_breakages = [
        rule
        for rule in BOOK.breakages
        if all(
            admits(text, pinned.get(requirement(text).name, ""))
            for text in rule.together
            if requirement(text).name in pinned
        )
        and any(requirement(text).name in pinned for text in rule.together)
    ]
    assert {rule.id for rule in open_breakages if not any(kept(stack, fix) for fix in rule.fixes)} == set()
    if stack.id == "cerebras-r2.6.0":
        assert {"peft-0.18.0-transformers", "psutil-7.2-cerebras-appliance"} <= {rule.id for rule in open_breakages}


def test_every_block_of_the_readme_is_a_rule_that_keeps_what_it_says(tmp_path: Path) -> None:
    assert len(BLOCKS) == 4
    for block in BLOCKS:
        found = re.search(r"^id = '(.+)'$", block, re.MULTILINE)
        assert found
        (tmp_path / f"{found[1]}.toml").write_text(block, "utf-8")
    bench = load_bench([str(tmp_path)])
    assert bench.complaints == ()
    assert len(bench.rules) == 4
    assert try_rules(bench.rules, bench.rulebook, _speaks) == []


def test_the_readme_names_every_key() -> None:
    folder = Path(__file__).parents[2] / "doctor" / "rulebook"
    schema = "".join((folder / name).read_text("utf-8") for name in ("schema.py", "parts.py"))
    keys = set(re.findall(r'table\.(?:text|texts|flag|choice|number|day|tables)\(\s*"(\w+)"', schema))
    assert len(keys) > 40
    assert {key for key in keys if not re.search(rf"\b{key}\b", README)} == set()
