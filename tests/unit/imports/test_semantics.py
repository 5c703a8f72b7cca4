"""The abstract importer against the real one: for every small program both must say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from importcases import Case, Outcome, all_cases, really_import

CASES = all_cases()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Title -> directory with the program."""
    base = tmp_path_factory.mktemp("cases")
    return {case.title: case.write(base / f"{number:03}") for number, case in enumerate(CASES)}


@pytest.fixture(scope="module")
def truth(written, patient) -> dict[Path, Outcome]:
    """What the venv's interpreter does with each."""
    return really_import(patient.python, written.values())


def test_titles_are_unique():
    assert len({case.title for case in CASES}) == len(CASES) > 60


def test_the_real_importer_is_asked_both_kinds(written, truth):
    outcomes = [truth[folder].outcome for folder in written.values()]
    assert len(outcomes) == len(CASES)
    assert min(outcomes.count("ok"), outcomes.count("fails")) > 25


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_same_as_the_real_importer(case: Case, written, truth, ask):
    folder = written[case.title]
    ours, real = verdict(ask, folder), truth[folder]
    assert ours.agrees_with(real), f"{ours} is not what happens: {real}"


def verdict(ask, folder: Path) -> Outcome:
    """The abstract importer's answer in the form of the real one's."""
    (told,) = ask("main", paths=(folder / "first", folder / "second")).verdicts
    if not told.failures:
        return Outcome(outcome=told.outcome)
    first = told.failures[0]
    place = (short(first.root.exception), first.root.path.removeprefix(f"{folder}/"), first.root.line)
    return Outcome(outcome=told.outcome, exception=short(first.exception), places=(place,))


def short(exception: str) -> str:
    """The class's name without its module."""
    return exception.rpartition(".")[2]
