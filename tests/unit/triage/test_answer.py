"""From text to conclusions: what is said, how sure, what is asked, and what is left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pastes import KNOWLEDGE, PEFT, RUN, SITE, ask, trace
from wheelhouse import make_wheel

from doctor.index.index import open_index
from doctor.model import Distribution, Environment, Severity
from doctor.triage.lines import moment
from doctor.triage.missing import Missing
from doctor.triage.timeline import read_config
from doctor.triage.wheels import IndexLookup


def test_the_missions_ticket_gets_both_answers() -> None:
    found = ask(PEFT + "\n\nand with the other one:\n" + RUN)
    broken, silent = found.diagnoses
    assert broken.finding.severity is Severity.ERROR
    assert broken.finding.subjects[0].startswith("peft")
    assert broken.sure == "certain"
    assert broken.finding.fixes[0].install == ("peft==0.17.1",)
    assert silent.finding.severity is Severity.NOTE
    assert "15:20" in silent.finding.message
    assert "26.7 min" in silent.finding.message


def test_a_shortened_path_is_still_the_packages() -> None:
    found = ask(PEFT.replace(f"{SITE}/", ""))
    assert found.diagnoses[0].finding.fixes[0].install == ("peft==0.17.1",)


def test_versions_of_the_paste_decide_over_a_rule() -> None:
    found = ask(PEFT.replace("model.py", "other.py") + "\n\npeft==0.18.1\ntransformers==4.45.2\n")
    assert found.diagnoses[0].finding.rule != "peft-0.18.0-transformers"


def test_silence_is_judged_by_the_clock() -> None:
    late = ask(RUN, replace(KNOWLEDGE, now=moment("2025-11-03 16:13:30")))
    assert late.diagnoses[0].finding.severity is Severity.WARNING
    assert "factor 3.0" in late.diagnoses[0].finding.message
    early = ask(RUN, replace(KNOWLEDGE, now=moment("2025-11-03 15:00:00")))
    assert early.diagnoses[0].finding.severity is Severity.NOTE
    assert early.report().exit_code == 0


def test_the_configuration_tells_when_the_line_is_due() -> None:
    yaml = "trainer:\n  fit:\n    val_dataloader:\n      batch_size: 7\n    train_dataloader:\n      batch_size: 512 # all\n"
    config = read_config(yaml)
    assert config == {"batch_size": 512.0}
    text = RUN.replace("llama2_7b", "mine") + "2025-11-03 14:53:23,000 INFO:   x\n"
    unknown = ask(text).timeline
    assert unknown is not None
    assert unknown.silence is not None
    assert unknown.silence.expected is None
    told = text.replace(
        "Beginning", "Compile estimated performance: 64.0 samples/sec\n2025-11-03 14:53:22,800 INFO:   Beginning"
    )
    known = ask(told, replace(KNOWLEDGE, config=config)).timeline
    assert known is not None
    assert known.silence is not None
    assert known.silence.expected == pytest.approx(50 * 512 / 64)


def test_progress_lines_give_the_period_and_a_finished_run_is_silent() -> None:
    progress = "".join(
        f"2025-11-03 15:{20 + i}:04,400 INFO:   | Train Device=CSX, Step={50 * (i + 1)}, Loss=9.4, Rate=31.9 samples/sec, GlobalRate=31.97 samples/sec, LoopTimeRemaining=1:20:04, TimeRemaining=1:20:04\n"
        for i in range(4)
    )
    going = ask(RUN + progress).timeline
    assert going is not None
    assert going.silence is not None
    assert going.silence.expected == 60
    assert going.last_progress["step"] == "200"
    done = ask(RUN + progress + "2025-11-03 15:30:00,000 INFO:   Training completed successfully!\n")
    assert done.diagnoses == ()
    assert done.timeline is not None
    assert done.timeline.silence is not None
    assert done.timeline.silence.verdict == "finished"


def test_lines_that_look_bad_on_good_runs_are_harmless() -> None:
    found = ask(RUN)
    assert {one.rule.id for one in found.harmless} == {
        "cerebras-healthy-inconsistent-version",
        "cerebras-healthy-venv-mount",
    }
    assert [one.finding.rule for one in found.diagnoses] == ["run-silent"]


def test_a_hook_wraps_the_cause_that_stands_above() -> None:
    text = (
        trace("/v/x.py|3|f|g()", last="RuntimeError: NaN loss detected.")
        + ("\n\nThe above exception was the direct cause of the following exception:\n\n")
        + trace("/v/t.py|9|h|i()", last="RuntimeError: Encountered error when calling CheckLoss.on_after_forward")
    )
    found = ask(text)
    assert [one.finding.rule for one in found.diagnoses] == ["cerebras-nan"]


def test_several_problems_are_all_reported_and_consequences_folded() -> None:
    text = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n\n" + PEFT
    rules = [one.finding.rule for one in ask(text).diagnoses]
    assert set(rules) == {"disk-full", "peft-0.18.0-transformers"}


def test_own_code_is_not_blamed_on_packages() -> None:
    found = ask(trace("/home/u/train.py|7|main|x = names[3]", last="IndexError: list index out of range"))
    assert found.diagnoses[0].category == "user_code"
    assert found.diagnoses[0].finding.subjects == ()
    assert found.diagnoses[0].finding.fixes == ()


def test_a_local_module_is_asked_about_not_installed() -> None:
    found = ask(trace("/home/u/train.py|1|<module>|import utils", last="ModuleNotFoundError: No module named 'utils'"))
    assert found.diagnoses[0].finding.fixes == ()
    assert found.diagnoses[0].ask


def test_a_file_of_the_user_that_hides_a_package() -> None:
    found = ask(
        trace(
            "/home/u/openai.py|1|<module>|from openai import OpenAI",
            last="ImportError: cannot import name 'OpenAI' from partially initialized module 'openai' (most likely due to a circular import) (/home/u/openai.py)",
        )
    )
    assert found.diagnoses[0].finding.rule == "shadowed-module"
    assert "rename" in found.diagnoses[0].advice[0]


def test_a_cut_traceback_asks_for_its_end() -> None:
    found = ask(PEFT.rpartition("\n")[0])
    assert "last 5 lines" in found.diagnoses[0].ask


@pytest.mark.parametrize(
    "text", ["", "hello\n", "step 1 loss 2.0\nstep 2 loss 1.9\n", "\x00\x01\x02" * 1000, "é" * 9000]
)
def test_text_without_a_problem_says_nothing(text: str) -> None:
    assert ask(text).diagnoses == ()


@pytest.fixture
def lookup(tmp_path: Path) -> IndexLookup:
    """A real index of wheels made on the spot: ``thing`` lost ``old`` in 2.0, got ``new`` in 3.0, lazily."""
    for version, body in {
        "1.0": "def old(): ...\n",
        "1.5": "from ._impl import *\n",
        "2.0": "x = 1\n",
        "2.5": "x = 1\n",
        "3.0": "_names = {'new': 'thing.part'}\ndef __getattr__(name):\n    if name in _names: return 1\n    raise AttributeError(name)\n",
    }.items():
        files = {"thing/__init__.py": body, "thing/_impl.py": "def old(): ...\n"}
        if version == "3.0":
            files["thing/part.py"] = "new = 1\n"
        make_wheel(tmp_path, "thing", version, files)
    index = open_index(offline=True, find_links=[str(tmp_path)], cache_directory=tmp_path / "cache")
    return IndexLookup(index)


def test_the_index_says_which_versions_have_a_name(lookup: IndexLookup) -> None:
    old = lookup.offer("thing", Missing(kind="name", module="thing", symbol="old"), "2.5", "")
    assert old is not None
    assert (old.below, old.above) == ("1.5", "")
    assert old.removed
    new = lookup.offer("thing", Missing(kind="name", module="thing", symbol="new"), "2.0", "")
    assert new is not None
    assert (new.below, new.above) == ("", "3.0")
    part = lookup.offer("thing", Missing(kind="module", module="thing.part"), "", "")
    assert part is not None
    assert part.above == "3.0"
    unknown = lookup.offer("thing", Missing(kind="name", module="thing", symbol="old"), "", "")
    assert unknown is not None
    assert unknown.below == "1.5"
    assert lookup.offer("nothing", Missing(kind="name", module="nothing", symbol="x"), "", "") is None
    assert lookup.exists("thing", "thing.part") is True
    assert lookup.exists("thing", "other") is False


def test_direction_and_cure_come_from_the_index(lookup: IndexLookup) -> None:
    known = replace(KNOWLEDGE, lookup=lookup)
    text = trace(
        "/home/u/a.py|1|<module>|from thing import {}",
        last="ImportError: cannot import name '{}' from 'thing' (" + SITE + "/thing/__init__.py)",
    )
    removed = ask(text.replace("{}", "old") + "\nthing==2.5\n", known).diagnoses[0]
    assert (removed.category, removed.finding.fixes[0].install) == ("api_removed", ("thing==1.5",))
    absent = ask(text.replace("{}", "new") + "\nthing==2.0\n", known).diagnoses[0]
    assert (absent.category, absent.finding.fixes[0].install) == ("api_missing", ("thing>=3.0",))
    never = ask(text.replace("{}", "never") + "\nthing==2.0\n", known).diagnoses[0]
    assert never.finding.fixes == ()
    assert never.ask


def test_a_groups_wrapper_follows_from_its_members() -> None:
    bars = "\n".join(f"    | {line}" for line in PEFT.splitlines())
    head = '  + Exception Group Traceback (most recent call last):\n  |   File "a.py", line 1, in <module>\n  |     run()\n'
    text = f"{head}  | ExceptionGroup: unhandled (1 sub-exception)\n  +-+---------------- 1 ----------------\n{bars}\n"
    found = ask(text + "    +------------------------------------\n").diagnoses
    assert [one.finding.rule for one in found if not one.consequence] == ["peft-0.18.0-transformers"]
    assert len(found) == 2


def test_a_snapshot_shows_the_break_that_the_text_does_not_show_yet() -> None:
    names = ("peft==0.18.0", "transformers==4.45.2", "cerebras-appliance==2.6.0", "psutil==7.2.0")
    pairs = [name.partition("==") for name in names]
    environment = Environment(
        path="/v",
        kind="venv",
        python_version="3.11",
        platform="linux-x86_64",
        interpreter=None,
        distributions=tuple(
            Distribution(name=name, display_name=name, version=version, location="/v", metadata_path=f"/v/{name}")
            for name, _, version in pairs
        ),
    )
    found = ask(PEFT, replace(KNOWLEDGE, environment=environment)).diagnoses
    assert [one.finding.rule for one in found] == ["peft-0.18.0-transformers", "psutil-7.2-cerebras-appliance"]
    assert not found[1].lines
    assert ask("hello", KNOWLEDGE).diagnoses == ()
