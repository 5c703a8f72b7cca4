"""What a training's lines mean, what batch sizes say, and how long runs are ended."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from doctor.errors import UsageError
from doctor.render.page import Page
from doctor.render.sweep import readings, render_sweep, render_sweep_svg, sizes_of
from doctor.rulebook.load import load_rulebook
from doctor.smoke import llama_inside, llama_recipe
from doctor.smoke.ladder import Ladder, Rung, Verdict
from doctor.smoke.llama_rungs import training_numbers
from doctor.smoke.llama_verdict import Fall, learned, points_of
from doctor.smoke.verification import verification
from doctor.system import Limits, watch
from doctor.triage.lines import moment
from doctor.triage.scan import Scanner

# a run of release 2.6.0 on a CPU, its lines of progress as they came
LOG = """\
2026-11-23 17:02:02,632 INFO:   Starting train loop 1 of 1, from global step 1 to 30 (30 steps)
2026-11-23 17:02:07,856 INFO:   | Train Device=cpu, Step=5, Loss=7.25116, Rate=283.40 samples/sec, GlobalRate=5.35 samples/sec, LoopTimeRemaining=0:00:17, TimeRemaining>0:00:17
2026-11-23 17:02:17,200 INFO:   | Train Device=cpu, Step=10, Loss=2.06503, Rate=4.62 samples/sec, GlobalRate=3.06 samples/sec, LoopTimeRemaining=0:00:17, TimeRemaining>0:00:17
2026-11-23 17:02:59,664 INFO:   | Train Device=cpu, Step=30, Loss=0.38191, Rate=1.11 samples/sec, GlobalRate=2.16 samples/sec, LoopTimeRemaining=0:00:00, TimeRemaining>0:00:00
2026-11-23 17:03:01,000 INFO:   | Eval Device=CSX, GlobalStep=30, Batch=2, Loss=9.99999, Rate=1.11 samples/sec, GlobalRate=2.16 samples/sec
2026-11-23 17:02:59,932 INFO:   Training completed successfully!
"""


@pytest.fixture(scope="module")
def points():
    pattern = next(rule.pattern for rule in load_rulebook((), ("log",)).logs if rule.id == "cerebras-stage-progress")

    def read(text):
        scanner = Scanner([pattern])
        scanner.feed(text.encode())
        return points_of(scanner.digest(), pattern)

    return read


def test_lines_of_progress(points):
    found = points(LOG)
    assert [(point.step, point.loss, point.rate) for point in found] == [
        (5, 7.25116, 5.35),
        (10, 2.06503, 3.06),
        (30, 0.38191, 2.16),
    ]
    numbers = training_numbers(
        found, {"batch_size": 4, "max_steps": 30, "length": 64}, moment("2026-11-23 17:01:57,856")
    )
    assert numbers["seconds_to_first_line"] == 10.0
    assert numbers["seconds_per_step"] == pytest.approx(51.808 / 25, abs=1e-4)
    assert numbers["steady_rate"] == pytest.approx(4 * 25 / 51.808, abs=1e-3)
    assert numbers["tokens_per_second"] == pytest.approx(64 * 4 * 25 / 51.808, abs=0.1)


def test_numbers_of_nothing_are_none(points):
    assert training_numbers((), {}, None) == {"batch_size": None, "max_steps": None, "length": None}
    one = points(LOG.splitlines()[1] + "\n")
    assert "steady_rate" not in training_numbers(one, {"batch_size": 4}, None)


def line(step, loss):
    return f"2026-11-23 17:02:07,856 INFO:   | Train Device=cpu, Step={step}, Loss={loss}, Rate=1.0 samples/sec, GlobalRate=1.0 samples/sec\n"


@pytest.mark.parametrize(
    ("losses", "fall", "verdict", "says"),
    [
        ([4.0, 1.0], Fall.MUST, Verdict.PASSED, "30 steps, loss 4.000 → 1.000"),
        ([4.0, 2.0], Fall.MUST, Verdict.FAILED, "the loss does not fall: loss 4.000 → 2.000"),
        ([4.0, 3.9], Fall.SHOULD, Verdict.PASSED, "loss 4.000 → 3.900"),
        ([4.0, 4.0], Fall.SHOULD, Verdict.WARNED, "the loss does not fall"),
        ([4.0, 4.1], Fall.MAY, Verdict.PASSED, "loss 4.000 → 4.100"),
        ([4.0, math.nan], Fall.MAY, Verdict.FAILED, "the loss is nan at step 30"),
        ([math.inf, 1.0], Fall.MUST, Verdict.FAILED, "the loss is inf at step 15"),
        ([4.0], Fall.MUST, Verdict.WARNED, "one line of progress only"),
        ([4.0], Fall.MAY, Verdict.PASSED, "30 steps"),
        ([], Fall.MAY, Verdict.FAILED, "without a single line of progress"),
    ],
)
def test_learned(points, losses, fall, verdict, says):
    steps = [30 * (number + 1) // len(losses) for number in range(len(losses))]
    got, sentence = learned(points("".join(map(line, steps, losses))), 30, fall)
    assert got is verdict
    assert says in sentence


def test_fewer_steps_than_asked_for(points):
    assert learned(points(line(5, 4.0) + line(10, 1.0)), 30, Fall.MUST) == (Verdict.FAILED, "it ended at step 10 of 30")
    assert learned(points(line(5, 4.0) + line(10, 1.0)), None, Fall.MUST)[0] is Verdict.PASSED


def rung(batch, rate, *, steps=30, last=1.0, verdict=Verdict.PASSED):
    measured = {
        "batch_size": batch,
        "steady_rate": rate,
        "seconds_per_step": batch / rate,
        "max_steps": steps,
        "tokens_per_second": rate * 4096,
        "losses": [[1, 10.5], [2, last]],
    }
    return Rung(name=f"appliance-{batch}", title="7B", verdict=verdict, sentence="", measured=measured)


def test_batch_sizes_and_what_they_say():
    rungs = [rung(1024, 33.0), rung(256, 16.0), rung(512, 31.5), rung(64, 4.0, verdict=Verdict.FAILED)]
    other = Rung(name="training", title="", verdict=Verdict.PASSED, sentence="", measured=rung(4, 1.0).measured)
    sizes = sizes_of([*rungs, other])
    assert [size.batch for size in sizes] == [256, 512, 1024]
    said = list(readings(sizes))
    assert "256 to 512: the batch grows 2 times, samples/s 2 times: the larger batch is put to use" in said
    assert (
        "512 to 1,024: the batch grows 2 times, samples/s 1 times: the smaller batch filled the machine already" in said
    )
    text = render_sweep(sizes, Page(width=80))
    assert all(len(row) <= 80 for row in text.splitlines())
    assert "10.500 → 1.000" in text
    assert render_sweep((), Page()) == ""


def test_losses_are_compared_only_where_they_can_be():
    same, different = sizes_of([rung(2, 1.0), rung(4, 2.0)]), sizes_of([rung(2, 1.0), rung(4, 2.0, last=2.0)])
    assert not any("losses" in text for text in readings(same))
    assert any("losses of different batch sizes cannot be compared" in text for text in readings(different))
    assert any("rough" in text for text in readings(sizes_of([rung(2, 1.0, steps=5)])))


def test_the_plot_stands_inside_its_frame():
    sizes = sizes_of([rung(256, 16.0), rung(512, 31.5), rung(1024, 33.0)])
    root = ET.fromstring(render_sweep_svg(sizes, "<7B> & more"))
    circles = [one for one in root.iter() if one.tag.endswith("circle")]
    assert all(76 <= float(c.get("cx")) <= 696 and 44 <= float(c.get("cy")) <= 340 for c in circles)
    assert len(circles) == 3
    assert any(one.text == "<7B> & more" for one in root.iter())
    one = ET.fromstring(render_sweep_svg(sizes[:1], "one"))
    assert len([c for c in one.iter() if c.tag.endswith("circle")]) == 1


def test_a_ladder_that_could_not_be_climbed_to_its_end_has_no_verdict():
    def ladder(*kinds):
        return Ladder(
            name="x", subject="", rungs=tuple(Rung(name="r", title="", verdict=v, sentence="") for v in kinds)
        )

    assert ladder(Verdict.PASSED, Verdict.SKIPPED).exit_code == 0
    assert ladder(Verdict.PASSED, Verdict.UNDECIDED).exit_code == 3
    assert ladder(Verdict.FAILED, Verdict.UNDECIDED).exit_code == 1
    assert ladder(Verdict.SKIPPED).exit_code == 3


def test_paths_of_configurations():
    config = {"trainer": {"fit": {"loader": {"data_dir": ["a", "s3://b/c"]}}, "init": {"x": 1}}}
    llama_inside.put(config, ["trainer", "init", "loop", "max_steps"], 5)
    llama_inside.drop(config, ["trainer", "init", "x"])
    llama_inside.drop(config, ["trainer", "nothing", "here"])
    assert config["trainer"]["init"] == {"loop": {"max_steps": 5}}
    (loader,) = llama_inside.loaders(config)
    assert llama_inside.absolute(loader["data_dir"], "/base") == ["/base/a", "s3://b/c"]
    assert llama_inside.find(config, ["trainer", "fit", "loader", "data_dir", "deeper"]) is None


def test_only_known_smoke_runs_prove_a_repair():
    with pytest.raises(UsageError, match=r"llama-7b"):
        verification("llama-70b")


def test_the_recipe_is_whole():
    assert (
        set(llama_recipe.TITLES)
        == set(llama_recipe.DOING)
        == set(llama_recipe.DEFAULT_SECONDS)
        == set(llama_recipe.RUNGS)
    )
    config = llama_recipe.tiny_config()["trainer"]["init"]
    assert config["model"]["vocab_size"] == llama_recipe.TINY_VOCABULARY
    assert config["model"]["max_position_embeddings"] == llama_recipe.TINY_LENGTH


# ------------------------------------------------------------- long runs


def sh(text, **how):
    heard = []
    watched = watch(["sh", "-c", text], limits=Limits(**{"seconds": 20, **how}), on_output=heard.append)
    return watched, b"".join(heard).decode()


def sleeping(seconds):
    return [p for p in Path("/proc").glob("[0-9]*/cmdline") if readable(p) == f"sleep\0{seconds}\0".encode()]


def readable(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_output_comes_as_it_is_printed_and_the_code_is_told():
    watched, heard = sh("echo out; echo err >&2; exit 3")
    assert (watched.code, watched.limit, watched.failure, heard) == (3, "", "", "out\nerr\n")
    assert watched.seconds > 0


def test_cpu_of_what_it_started_counts():
    watched, _ = sh("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done")
    assert watched.cpu_seconds > 0.02


def test_what_does_not_start_says_why():
    watched = watch(["/nowhere/at/all"], limits=Limits(seconds=1), on_output=print)
    assert (watched.code, watched.limit) == (None, "")
    assert "No such file" in watched.failure


def test_time_runs_out_and_nothing_is_left():
    watched, heard = sh("trap 'echo asked; exit' INT; sleep 613 & wait; echo woken", seconds=1, grace=5)
    assert (watched.code, watched.limit) == (None, "time")
    assert "asked" in heard
    assert watched.seconds < 5
    assert not sleeping(613)


def test_what_does_not_listen_is_killed_with_all_that_it_started():
    began = time.monotonic()
    watched, _ = sh("trap '' INT; (trap '' INT TERM; sleep 614) & sleep 614", seconds=0.5, grace=1)
    assert (watched.code, watched.limit) == (None, "time")
    assert time.monotonic() - began < 10
    assert not sleeping(614)


def test_a_child_that_keeps_the_stream_open_is_not_waited_for():
    began = time.monotonic()
    watched, heard = sh("sleep 615 & echo done", seconds=30)
    assert (watched.code, heard) == (0, "done\n")
    assert time.monotonic() - began < 10
    assert not sleeping(615)


def test_memory_is_that_of_all_processes_together():
    watched, _ = sh("head -c 150000000 /dev/zero | tail -c 140000000 | sleep 616", memory=60_000_000)
    assert (watched.code, watched.limit) == (None, "memory")
    assert watched.peak_memory > 60_000_000
    assert not sleeping(616)


def test_an_interrupt_ends_the_run_first():
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        sh("trap '' INT; sleep 617", grace=0.5)
    assert not sleeping(617)
