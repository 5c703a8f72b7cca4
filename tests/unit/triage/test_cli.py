"""The installed command: what goes in, what comes out, and with which exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pastes import PEFT, RUN

ENV = {**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}


def acdoctor(*arguments: str | Path, given: str | bytes = b"") -> subprocess.CompletedProcess[str]:
    data = given.encode() if isinstance(given, str) else given
    done = subprocess.run(
        [sys.executable, "-m", "doctor", *map(str, arguments)], input=data, capture_output=True, check=False, env=ENV
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_exit_codes() -> None:
    assert acdoctor("triage", "-", "--offline", given=PEFT).returncode == 1
    assert acdoctor("triage", "--offline", given=RUN).returncode == 0
    done = acdoctor("triage", "/nowhere/run.log", "--offline")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_json_is_the_contract_with_more() -> None:
    value = json.loads(
        acdoctor("triage", "-", "--offline", "--format", "json", given=PEFT + "\n" + RUN + "\npeft==0.18.0\n").stdout
    )
    assert value["schema"] == "acdoctor.report/1"
    assert value["exit_code"] == 1
    finding = value["findings"][0]
    assert finding["evidence"] == "log"
    assert finding["where"] == {"path": "peft/tuners/lora/model.py", "line": 26}
    assert finding["fixes"][0]["install"] == ["peft==0.17.1"]
    triage = value["triage"]
    assert triage["answers"][0]["category"] == "missing_module"
    assert triage["answers"][0]["reading"]["missing"] == {
        "kind": "module",
        "module": "transformers.modeling_layers",
        "symbol": None,
    }
    assert triage["timeline"]["end"]["due"].startswith("2025-11-03T15:20")
    assert triage["versions"] == {"peft": "0.18.0"}


def test_a_run_directory_with_its_configuration(tmp_path: Path) -> None:
    for day in ("20251101_000000", "20251103_145000"):
        place = tmp_path / "cerebras_logs" / day
        place.mkdir(parents=True)
        (place / "run.log").write_text(RUN.replace("llama2_7b", "own") if "03" in day[6:8] else "old\n")
        os.utime(place / "run.log", (time.time() - (0 if "03" in day[6:8] else 9999),) * 2)
    (place / "params.yaml").write_text("trainer:\n  fit:\n    train_dataloader:\n      batch_size: 512\n")
    value = json.loads(acdoctor("triage", tmp_path, "--offline", "--format", "json").stdout)
    assert value["triage"]["timeline"]["facts"]["batch_size"] == {"value": 512.0, "source": "config"}
    empty = acdoctor("triage", tmp_path / "cerebras_logs" / "20251101_000000" / "..", "--offline")
    assert empty.returncode in (0, 1)


def test_a_live_log_is_judged_by_this_clock_a_copied_one_is_not(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    began = datetime.now() - timedelta(hours=2)
    text = RUN.replace("2025-11-03 14:5", f"{began:%Y-%m-%d} {began:%H}:5")
    last = began.replace(minute=53, second=22)
    log.write_text(text)
    os.utime(log, (last.timestamp(), last.timestamp()))
    assert "overdue" in acdoctor("triage", log, "--offline").stdout
    os.utime(log, None)
    assert "nothing is wrong yet" in acdoctor("triage", log, "--offline").stdout


def test_following_a_log_until_the_run_ends(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_text(RUN)
    command = [sys.executable, "-m", "doctor", "triage", str(log), "--follow", "--offline"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV, text=True)
    assert process.stdout is not None
    first = process.stdout.readline()
    assert "appliance run" in first
    with log.open("a") as file:
        file.write("2025-11-03 15:30:00,000 INFO:   Training completed successfully!\n")
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "the run ended" in out


def test_following_ends_quietly_with_control_c(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_text(RUN)
    command = [sys.executable, "-m", "doctor", "triage", str(log), "--follow", "--offline"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert "Traceback" not in err


def test_many_tickets_are_grouped_by_root_cause(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"t{number}.txt").write_text(
            PEFT if number < 3 else "OSError: [Errno 28] No space left on device\n"
        )
    (tmp_path / "calm.log").write_text(RUN)
    (tmp_path / "packed.gz").write_bytes(b"\x1f\x8b\x08")
    done = acdoctor("triage", "--batch", tmp_path, "--offline", "--format", "json")
    value = json.loads(done.stdout)
    assert [group["count"] for group in value["groups"]] == [3, 2]
    assert value["nothing_found"] == ["calm.log"]
    assert list(value["unread"]) == ["packed.gz"]
    assert done.returncode == 1
    assert "    3  " in acdoctor("triage", "--batch", tmp_path, "--offline").stdout


@pytest.mark.parametrize("form", ["ticket", "json", "html"])
def test_no_secret_of_the_paste_leaves_by_a_report(form: str) -> None:
    secret = "hf_" + "abcdefghijklmnopqrstuvwxyz"
    text = f'Traceback (most recent call last):\n  File "/home/janedoe/x.py", line 1, in f\n    g()\nValueError: token {secret} of janedoe is bad\n'
    out = acdoctor("triage", "-", "--offline", "--format", form, given=text).stdout
    assert secret not in out
    assert "janedoe" not in out
    assert "ValueError" in out


def test_hostile_text_cannot_act_on_the_terminal() -> None:
    text = "ValueError: \x1b]0;owned\x07\x1b[2Jbad \u202egnp.exe\n"
    for form in ("text", "ticket", "json", "html"):
        out = acdoctor("triage", "-", "--offline", "--format", form, given=text).stdout
        assert "\x1b" not in out
        assert "\u202e" not in out
        assert "bad" in out


def test_windows_powershell_output() -> None:
    done = acdoctor("triage", "-", "--offline", given=PEFT.replace("\n", "\r\n").encode("utf-16"))
    assert "peft==0.17.1" in done.stdout


def test_snapshot_of_a_real_environment_and_its_use(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    saved = tmp_path / "venv.json"
    assert acdoctor("snapshot", tmp_path / "venv", "-o", saved).returncode == 0
    value = json.loads(saved.read_text())
    assert value["schema"] == "acdoctor.snapshot/1"
    checked = acdoctor("check", "--snapshot", saved, "--offline", "--format", "json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    asked = json.loads(acdoctor("triage", "-", "--offline", "--snapshot", saved, "--format", "json", given=PEFT).stdout)
    assert asked["environment"]["python"].startswith("3.")
    both = acdoctor("check", tmp_path / "venv", "--snapshot", saved)
    assert both.returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["--now", "soon"],
        ["--snapshot", "a", "--venv", "b"],
        ["--batch", "/nowhere"],
        ["--config", "/nowhere"],
        ["--follow"],
    ],
)
def test_wrong_questions_get_one_sentence(arguments: list[str]) -> None:
    done = acdoctor("triage", "-", "--offline", *arguments, given="x")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
