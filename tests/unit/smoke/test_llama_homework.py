"""docs/homework.md tells the truth: its commands are commands, its screens are those that the program makes."""

from __future__ import annotations

import re
import shlex

import click
import pytest
from installed import ROOT

from doctor.cli.group import make_group
from doctor.render.ladder import render_ladder
from doctor.render.page import Page
from doctor.render.sweep import render_sweep, sizes_of
from doctor.smoke import llama_recipe as recipe
from doctor.smoke.ladder import Ladder, Rung, Verdict

TEXT = (ROOT / "docs" / "homework.md").read_text(encoding="utf-8")
SHELL = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
INLINE = [text for text in re.findall(r"`(acdoctor [^`]+)`", TEXT) if "DATE" not in text or "triage" in text]
SCREENS = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("line", [*SHELL, *INLINE])
def test_every_command_is_one(line):
    words = shlex.split(line)
    assert words[0] == "acdoctor"
    command: click.Command = make_group()
    rest = words[1:]
    while isinstance(command, click.Group):
        with command.make_context("acdoctor", ["--version-is-not-asked"], resilient_parsing=True) as context:
            found = command.get_command(context, rest[0])
        assert found is not None, rest[0]
        command, rest = found, rest[1:]
    with command.make_context(command.name or "", rest) as context:
        assert context.params


def rung(name, sentence, seconds=0.0, verdict=Verdict.PASSED):
    return Rung(name=name, title=recipe.TITLES[name], verdict=verdict, sentence=sentence, seconds=seconds)


def test_the_ladder_is_one_that_the_program_shows():
    rungs = (
        rung("imports", "6 entries are imported to their end (5,083 modules)", 18.2),
        rung("config", "cszoo config validate: the shipped params_llama2_7b.yaml with data made here is valid", 34.0),
        rung("training", "cszoo fit: 30 steps, loss 3.990 → 0.196", 61.4),
        rung(
            "compile",
            "cszoo fit --validate_only: the 7B model compiles for CSX, as far as this is done without the cluster",
            88.1,
        ),
        rung("appliance", "not asked for", verdict=Verdict.SKIPPED),
    )
    ladder = Ladder(name=recipe.NAME, subject="/home/ann/R_2.6.0/venv_cerebras_pt", rungs=rungs)
    assert render_ladder(ladder, Page(home="/home/ann")) == SCREENS[0]


def test_the_sentences_of_the_ladder_are_those_of_the_code():
    code = (ROOT / "doctor" / "smoke" / "llama_rungs.py").read_text(encoding="utf-8")
    for words in (
        "entries are imported to their end",
        "with data made here",
        "as far as this is done without the cluster",
    ):
        assert words in code
        assert words in " ".join(SCREENS[0].split())


def test_the_table_is_one_that_the_program_shows():
    def size(batch, rate, tokens, step, first):
        measured = {
            "batch_size": batch,
            "steady_rate": rate,
            "tokens_per_second": tokens,
            "seconds_per_step": step,
            "seconds_to_first_line": first,
            "max_steps": 30,
            "losses": [[5, 3.99], [30, 0.196]],
        }
        return Rung(name=f"training-{batch}", title="", verdict=Verdict.PASSED, sentence="", measured=measured)

    rungs = [size(2, 1.09, 70.1, 1.83, 15.9), size(4, 1.57, 100.0, 2.55, 18.0), size(8, 2.58, 165.0, 3.1, 22.8)]
    assert render_sweep(sizes_of(rungs), Page(width=80)).lstrip("\n") == SCREENS[1]
