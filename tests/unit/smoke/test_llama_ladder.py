"""`acdoctor smoke llama-7b` from end to end, on a stack that stands in for the vendor's (see llamastack)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from llamastack import command, environment, make_stack, smoke

pytestmark = pytest.mark.network
LOCAL = ["imports", "config", "training", "compile"]


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    return make_stack(tmp_path_factory.mktemp("llama stack"))


@pytest.fixture
def told(stack, tmp_path):
    """Run with JSON; exit code, document, stderr."""

    def run(*arguments, venv=stack, **more):
        done = smoke(tmp_path, venv, "--format", "json", "--run-dir", "run", *arguments, **more)
        assert "Traceback" not in done.stderr
        return done.returncode, json.loads(done.stdout), done.stderr

    return run


def verdicts(document):
    return {rung["name"]: rung["verdict"] for rung in document["smoke"]["rungs"]}


def alive(text):
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and text in (process / "cmdline").read_bytes().decode(errors="replace"):
                found.append(process.name)
        except OSError:
            continue
    return found


def test_the_whole_ladder(stack, tmp_path):
    done = smoke(tmp_path, stack, "--run-dir", "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line[0] for line in done.stdout.splitlines() if "imports" in line or "7B" in line or "CPU" in line] == list(
        "✓✓✓·"
    )
    assert "llama-7b works: 4 rungs climbed" in done.stdout
    assert "loss 2.624 → 0.188" in done.stdout
    left = {str(path.relative_to(tmp_path / "run")) for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert {"result.json", "training/output.log", "training/params.yaml", "imports/0/output.log"} <= left
    assert not [name for name in left if name.endswith((".h5", ".mdl"))]
    assert {rung["name"] for rung in json.loads((tmp_path / "run" / "result.json").read_text())} == {
        *LOCAL,
        "appliance",
    }


def test_json_is_the_contract_with_the_ladder(told, stack):
    code, document, err = told("--rung", "training", "--rung", "imports")
    assert code == 0
    assert list(document) == [
        "schema",
        "environment",
        "stack",
        "findings",
        "plan",
        "receipt",
        "crashed",
        "exit_code",
        "smoke",
    ]
    assert document["environment"]["path"] == str(stack)
    assert (document["schema"], document["stack"], document["exit_code"]) == ("acdoctor.report/1", "cerebras-r2.6.0", 0)
    assert verdicts(document) == {"imports": "passed", "training": "passed", "appliance": "skipped"}
    rung = document["smoke"]["rungs"][1]
    assert rung["measured"]["losses"][0] == [5, 2.6244]
    assert (rung["measured"]["batch_size"], rung["measured"]["max_steps"]) == (4, 30)
    assert rung["measured"]["cpu_seconds"] > 0
    assert rung["measured"]["peak_memory"] >= 0
    assert "CPU training: step" in err or "CPU training" in err


def test_data_is_what_the_model_zoo_reads(stack, told, tmp_path):
    told("--rung", "training", "--rung", "config", "--keep")
    look = (
        "import h5py, sys, json\n"
        "d = h5py.File(sys.argv[1])['data']\n"
        "print(json.dumps([list(d.shape), str(d.dtype), bool((d[:, 0, 1:] == d[:, 2, :-1]).all()),"
        " bool((d[:, 1] == 1).all()), int(d[:].max()), len(set(d[0, 0].tolist()))]))"
    )
    for name, shape, vocabulary in (("data-tiny", [64, 3, 64], 256), ("data-7b", [1024, 3, 4096], 32000)):
        path = tmp_path / "run" / name / "data.h5"
        out = subprocess.run(
            [stack / "bin" / "python", "-c", look, path], check=True, capture_output=True, text=True
        ).stdout
        got_shape, kind, shifted, ones, largest, different = json.loads(out)
        assert (got_shape, kind, shifted, ones, different) == (shape, "int32", True, True, 8)
        assert 0 < largest < vocabulary
        assert path.stat().st_size < 2_000_000


def test_a_broken_import_ends_the_ladder(told):
    code, document, _ = told(STANDIN="import")
    assert code == 1
    assert verdicts(document) == {
        "imports": "failed",
        "config": "skipped",
        "training": "skipped",
        "compile": "skipped",
        "appliance": "skipped",
    }
    assert document["smoke"]["rungs"][0]["measured"] == document["smoke"]["rungs"][0]["measured"] | {
        "entries": 6,
        "imported": 5,
    }
    (finding,) = document["findings"]
    assert finding["evidence"] == "ran"
    assert "stand_in_that_is_not_there" in finding["message"]
    assert finding["where"]["path"].endswith("cerebras/modelzoo/trainer/extensions.py")


@pytest.mark.parametrize(
    ("ill", "says"),
    [
        ("nan", "NaN"),
        ("quiet-nan", "the loss is nan at step 30"),
        ("flat", "the loss does not fall: loss 5.500 → 5.500"),
        ("early", "it ended at step 15 of 30"),
        ("silent", "ended without saying that the training completed"),
        ("signal", "was ended by SIGSEGV"),
    ],
)
def test_a_training_that_is_none(told, ill, says):
    code, document, _ = told("--rung", "training", STANDIN=ill)
    assert code == 1
    assert verdicts(document) == {"training": "failed", "appliance": "skipped"}
    rung = document["smoke"]["rungs"][0]
    assert says in rung["sentence"]
    assert rung["next_steps"]
    assert document["findings"]
    assert document["findings"][0]["severity"] == "error"


def test_what_the_run_only_warned_of_is_not_blamed(told):
    code, document, _ = told("--rung", "compile", STANDIN="lowering")
    assert code == 1
    assert [finding["rule"] for finding in document["findings"]] == ["cerebras-lowering-failed"]


def test_out_of_time_is_no_verdict(told):
    began = time.monotonic()
    code, document, _ = told("--rung", "training", "--timeout", "12", STANDIN="child")
    assert time.monotonic() - began < 60
    assert (code, verdicts(document)["training"], document["findings"]) == (3, "undecided", [])
    assert document["crashed"][0]["check"] == "smoke-training"
    assert 'no end within 12 s: ended in the stage "training steps"' in document["smoke"]["rungs"][0]["sentence"]
    assert not alive("sleep\x00611")


def test_out_of_memory_is_no_verdict(told):
    code, document, _ = told("--rung", "training", "--memory", "0.2", STANDIN="memory")
    assert (code, verdicts(document)["training"]) == (3, "undecided")
    assert "more than 0.2 GB" in document["smoke"]["rungs"][0]["sentence"]
    assert any("--memory" in step for step in document["smoke"]["rungs"][0]["next_steps"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_running(stack, tmp_path, number):
    process = subprocess.Popen(
        command(stack, "--rung", "training", "--run-dir", "run"),
        cwd=tmp_path,
        env=environment(STANDIN="child"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    log = tmp_path / "run" / "training" / "output.log"
    deadline = time.monotonic() + 40
    while not (log.exists() and "Step=5" in log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not alive(str(tmp_path))
    assert not alive("sleep\x00611")
    assert (tmp_path / "run" / "result.json").exists()


def test_batch_sizes_make_a_table_and_a_plot(stack, tmp_path):
    done = smoke(
        tmp_path, stack, "--rung", "training", "--batch-sizes", "16,4,64", "--run-dir", "run", STANDIN_PACE="0.01"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.strip().startswith(("4 ", "16 ", "64 "))]
    assert [row[0] for row in rows] == ["4", "16", "64"]
    rates = [float(row[1].replace(",", "")) for row in rows]
    assert rates == sorted(rates)
    assert "4 to 16: the batch grows 4 times" in done.stdout
    root = ET.parse(tmp_path / "run" / "batch-sizes.svg").getroot()
    assert root.tag.endswith("svg")
    assert len([one for one in root.iter() if one.tag.endswith("circle")]) == 3


def test_own_configurations_keep_their_own_data(stack, told, tmp_path):
    mine = tmp_path / "mine.yaml"
    config = {
        "trainer": {
            "init": {"model_dir": "m", "loop": {"max_steps": 8}, "logging": {"log_steps": 2}},
            "fit": {"train_dataloader": {"data_dir": "./nowhere", "batch_size": 2}},
        }
    }
    mine.write_text(json.dumps(config))
    code, document, _ = told("--rung", "training", "--cpu-config", mine)
    assert code == 1
    assert document["findings"][0]["rule"] == "cerebras-data-dir"
    assert str(tmp_path / "nowhere") in document["findings"][0]["message"]


def test_a_configuration_of_another_form_is_refused_in_words(told, tmp_path):
    (tmp_path / "old.yaml").write_text("train_input: {}\n")
    code, document, _ = told("--rung", "training", "--cpu-config", tmp_path / "old.yaml")
    assert code == 1
    assert any("no mapping `trainer`" in line for line in document["smoke"]["rungs"][0]["details"])


def test_without_the_stack_each_rung_says_what_is_missing(told, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    code, document, _ = told("--appliance", venv=tmp_path / "bare")
    assert code == 3
    assert set(verdicts(document).values()) == {"undecided"}
    sentences = {rung["name"]: rung["sentence"] for rung in document["smoke"]["rungs"]}
    assert "cerebras-pytorch" in sentences["imports"]
    assert "cszoo" in sentences["training"]
    assert "torch-cirh-opt" in sentences["compile"]
    assert "CSCONFIG_PATH" in sentences["appliance"]
    assert len(document["crashed"]) == 5


def test_the_system_is_shown_what_will_come_and_followed(stack, tmp_path):
    (tmp_path / "config_v2").write_text("{}")
    options = ("--appliance", "--rung", "imports", "--batch-sizes", "256,512", "--run-dir", "run")
    cluster = {"CSCONFIG_PATH": str(tmp_path / "config_v2")}
    refused = smoke(tmp_path, stack, *options, **cluster)
    assert refused.returncode == 2
    assert "say --yes" in refused.stderr
    assert not (tmp_path / "run").exists()
    done = smoke(tmp_path, stack, *options, "--yes", "--cszoo", "--num_csx 2", STANDIN_PACE="0.02", **cluster)
    assert done.returncode == 0, done.stdout + done.stderr
    shown, followed = done.stdout.partition("smoke llama-7b")[0], done.stderr
    for text in (
        "batch size: 256, 512",
        "5 steps",
        "--num_csx 2",
        f"cluster: {tmp_path}/config_v2",
        "appliance-512/params.yaml",
    ):
        assert text in shown
    stages = ("compile found in the cache", "preparing to execute", "appliance run", "training completed")
    places = [followed.index(stage) for stage in stages]
    assert places == sorted(places)
    results = json.loads((tmp_path / "run" / "result.json").read_text())
    last = results[-1]
    assert (last["name"], last["measured"]["jobs"]) == ("appliance-512", ["wsjob-cmp1", "wsjob-exe2"])
    assert last["measured"]["batch_size"] == 512
    assert (tmp_path / "run" / "batch-sizes.svg").exists()


def test_an_interrupt_on_the_system_names_the_jobs(stack, tmp_path):
    (tmp_path / "config_v2").write_text("{}")
    process = subprocess.Popen(
        command(stack, "--appliance", "--yes", "--rung", "imports", "--run-dir", "run"),
        cwd=tmp_path,
        env=environment(STANDIN="queue", CSCONFIG_PATH=str(tmp_path / "config_v2")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    heard = ""
    while "appliance run" not in heard:
        line = process.stderr.readline()
        assert line, heard
        heard += line
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "csctl cancel job wsjob-exe2" in err
    assert not alive(str(tmp_path))


def test_dry_run_does_nothing(stack, tmp_path):
    done = smoke(tmp_path, stack, "--dry-run", "--appliance")
    assert (done.returncode, done.stderr) == (0, "")
    assert "cszoo fit" in done.stdout
    assert done.stdout.endswith("Nothing was done.\n")
    bare = smoke(tmp_path, "--dry-run")
    assert (bare.returncode, bare.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--batch-sizes", "4,x"), "--batch-sizes wants numbers"),
        (("--batch-sizes", "0"), "--batch-sizes wants numbers"),
        (("--batch-sizes", "4", "--rung", "imports"), "--batch-sizes wants a training"),
        (("--params", "none.yaml"), "which is no file"),
        (("--cszoo", "'"), "--cszoo cannot be split"),
        (("--run-dir", "full"), "is not empty"),
        (("--after-fix",), "no repair of"),
    ],
)
def test_wrong_questions(stack, tmp_path, options, says):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    done = smoke(tmp_path, stack, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def listing(venv):
    return {
        os.path.join(folder, name): os.lstat(os.path.join(folder, name)).st_mtime_ns
        for folder, _, names in os.walk(venv)
        for name in names
    }


@pytest.mark.parametrize(("ill", "says"), [("", None), ("flat", "CPU training: cszoo fit: the loss does not fall")])
def test_the_proof_of_a_repair_leaves_the_environment_alone(stack, tmp_path, ill, says):
    before = listing(stack)
    code = (
        "import sys; from doctor.smoke.verification import verification; print(verification('llama-7b')(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, stack],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment(STANDIN=ill, TMPDIR=str(tmp_path)),
        check=True,
    )
    assert listing(stack) == before
    if says is None:
        assert done.stdout == "None\n"
        assert list(tmp_path.iterdir()) == []
    else:
        assert says in done.stdout
        assert list(tmp_path.glob("acdoctor-llama-7b-*/training/output.log"))
