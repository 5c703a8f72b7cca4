"""A stack that stands in for the vendor's, which cannot be installed in CI: 6 GB of CUDA wheels and a checkout.

A real venv with real numpy, h5py and PyYAML; `cszoo` speaks as release 2.6.0 does: the same commands and options, the
same lines in the same order, the same exit codes. It reads the configuration and the data that it is given, as the
real one would. What it shall suffer from stands in the variable STANDIN. The real stack: tests/real/smoke_llama.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from installed import ROOT

MAIN = """
import json, logging, os, shutil, sys, time
import h5py, yaml

ILL = os.environ.get("STANDIN", "")
PACE = float(os.environ.get("STANDIN_PACE", "0"))


def log(text, level="INFO", seconds=0.0):
    stamp = time.strftime("%Y-%m-%d %H:%M:%S") + ",%03d" % (time.time() % 1 * 1000)
    print(f"{stamp} {level}:   {text}", file=sys.stderr, flush=True)
    time.sleep(seconds)


def config_of(path):
    with open(path) as file:
        return yaml.safe_load(file)["trainer"]


def check_data(loader):
    place = loader["data_dir"]
    if not os.path.isdir(place):
        sys.exit(f"1 validation error\\n    Value error, Path {place} does not exist. [type=value_error]")
    with h5py.File(os.path.join(place, "data.h5")) as file:
        samples, kinds, length = file["data"].shape
    assert kinds == 3 and samples >= loader["batch_size"], (samples, kinds)


def losses(steps):
    if ILL == "flat":
        return [5.5] * steps
    falling = [4.0 * 0.9**step for step in range(steps)]
    return falling[: steps - 2] + [float("nan")] * 2 if ILL == "quiet-nan" else falling


def train(trainer, device):
    batch, init = trainer["fit"]["train_dataloader"]["batch_size"], trainer["init"]
    steps, every = init["loop"]["max_steps"], init["logging"]["log_steps"]
    log(f"Progress will be logged every {every} steps.")
    log(f"Starting train loop 1 of 1, from global step 1 to {steps} ({steps} steps)")
    for step, loss in enumerate(losses(steps), 1):
        time.sleep(PACE * (1 + batch / 64) or 0.002)
        if ILL == "nan" and step == 7:
            raise ApplianceNanError("NaN loss detected. This could potentially be due to selected hyperparameters")
        if step % every == 0 or step == steps:
            log(f"| Train Device={device}, Step={step}, Loss={loss:.5f}, Rate=9.00 samples/sec, GlobalRate=7.00 samples/sec")
        if ILL == "hang" and step > 5:
            time.sleep(600)
        if ILL == "child" and step == 6:
            import subprocess
            subprocess.Popen(["bash", "-c", "set -m; sleep 611 & wait"], stdout=subprocess.DEVNULL)
            time.sleep(600)
        if ILL == "memory" and step == 6:
            hog = bytearray(400 * 10**6)
            time.sleep(600)
        if ILL == "signal" and step == 6:
            os.kill(os.getpid(), 11)
        if ILL == "early" and step == steps // 2:
            break
    os.makedirs(init["model_dir"], exist_ok=True)
    with open(os.path.join(init["model_dir"], "checkpoint.mdl"), "wb") as file:
        file.write(b"0" * 1000)
    if ILL != "silent":
        log("Training completed successfully!")


class ApplianceNanError(Exception):
    pass


SYSTEM = [
    "Successfully initialized workflow with id: wflow-ab12",
    "Compiling the model. This may take a few minutes.",
    "Appliance client semantic version: 1.1.0, cluster server semantic version: 1.1.2",
    "Initiating a new compile wsjob",
    "Job id: wsjob-cmp1, workflow id: wflow-ab12, namespace: job-operator, remote log path: /n1/wsjob/workdir",
    "Poll ingress status: Waiting for job running, current job status: Queueing, msg: job queueing to be scheduled.",
    "Poll ingress success: Job ingress ready.",
    'Found existing cached compile with hash: "cs_123"',
    "Compile was successful!",
    "Programming Cerebras Wafer Scale Cluster for execution",
    "Initiating a new execute wsjob",
    "Job id: wsjob-exe2, workflow id: wflow-ab12, namespace: job-operator, remote log path: /n1/wsjob/workdir",
    "Poll ingress success: Job ingress ready.",
    "Preparing to execute using 1 CSX",
    "About to send initial weights",
    "Finished sending initial weights",
    "Appliance staging is complete",
    "Beginning appliance run",
]


def fit(arguments):
    trainer = config_of(arguments[0])
    log("Running command: cszoo fit " + " ".join(arguments))
    for module in ("cerebras.modelzoo.trainer.extensions",):
        __import__(module)
    check_data(trainer["fit"]["train_dataloader"])
    device = arguments[arguments.index("--target_device") + 1]
    if device == "CSX":
        if not shutil.which("torch-cirh-opt"):
            print("sh: 1: torch-cirh-opt: not found", file=sys.stderr)
            raise RuntimeError("torch-to-cirh lowering failed: see above")
        assert "val_dataloader" not in trainer["fit"] and "eval_frequency" not in trainer["init"]["loop"]
        if ILL == "lowering":
            log("csconfig file /opt/cerebras/config_v2 was not found. Using default authority fallback", "WARNING")
            log("ClusterConfigError: config error: mgmt_address has no default value", "WARNING")
            raise RuntimeError("torch-to-cirh lowering failed:")
        if "--validate_only" in arguments:
            log("Compile validated locally")
            log("Training completed successfully!")
            return
        assert trainer["init"]["checkpoint"] == {"steps": None, "save_initial_checkpoint": False}
        for text in SYSTEM:
            log(text, seconds=PACE)
        if ILL == "queue":
            time.sleep(600)
    train(trainer, "CSX" if device == "CSX" else "cpu")


def main():
    command, *arguments = sys.argv[1:]
    if command == "fit":
        fit(arguments)
    else:
        trainer = config_of(arguments[1])
        for loader in (trainer["fit"]["train_dataloader"], trainer["fit"]["val_dataloader"]):
            check_data(loader)
        print("2026-11-23:12:06:33,316 INFO     [validate_configs.py:48] Config validation was successful!", file=sys.stderr)
"""
EXTENSIONS = """
import os
if os.environ.get("STANDIN") == "import":
    from stand_in_that_is_not_there import anything
"""
DISTRIBUTIONS = {"cerebras_pytorch": "2.6.0", "cerebras_appliance": "2.6.0", "cerebras_modelzoo": "2.6.0"}
SHIPPED = {
    "trainer": {
        "init": {
            "backend": {"backend_type": "CSX"},
            "model_dir": "./model_dir",
            "model": {"name": "llama", "vocab_size": 32000, "max_position_embeddings": 4096},
            "loop": {"max_steps": 476837, "eval_frequency": 10000, "eval_steps": 89},
            "checkpoint": {"steps": 10000, "save_initial_checkpoint": True},
            "logging": {"log_steps": 100},
        },
        "fit": {
            "train_dataloader": {"data_dir": "./shuffled/train", "batch_size": 1024, "num_workers": 8},
            "val_dataloader": {"data_dir": "./shuffled/test", "batch_size": 1024, "num_workers": 8},
        },
        "validate_all": {"val_dataloaders": {"data_dir": "./shuffled/test", "batch_size": 1024}},
    }
}


def make_stack(folder: Path) -> Path:
    """The environment; needs the package index for numpy, h5py and PyYAML."""
    venv = folder / "stack"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, capture_output=True)
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--only-binary", ":all:", "numpy", "h5py", "PyYAML"], check=True, capture_output=True)
    (site,) = venv.glob("lib/python*/site-packages")
    modules = {
        "cerebras/pytorch/__init__.py": "",
        "cerebras/appliance/cluster/client.py": "",
        "cerebras/modelzoo/cli/main.py": MAIN,
        "cerebras/modelzoo/trainer/validate.py": "",
        "cerebras/modelzoo/trainer/extensions.py": EXTENSIONS,
        "lm_eval/__init__.py": "",
        "cerebras/modelzoo/models/nlp/llama/configs/params_llama2_7b.yaml": json.dumps(SHIPPED),
    }
    for name, body in modules.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(body)
    for name, version in DISTRIBUTIONS.items():
        place = site / f"{name}-{version}.dist-info"
        place.mkdir()
        (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n")
        (place / "RECORD").write_text("")
    points = site / "cerebras_modelzoo-2.6.0.dist-info" / "entry_points.txt"
    points.write_text("[console_scripts]\ncszoo = cerebras.modelzoo.cli.main:main\n")
    start = f"#!/bin/sh\n'''exec' \"{venv}/bin/python\" \"$0\" \"$@\"\n' '''\n"  # as pip does it for paths with spaces
    script(venv / "bin" / "cszoo", start + "from cerebras.modelzoo.cli.main import main\nmain()\n")
    script(venv / "bin" / "torch-cirh-opt", "#!/bin/sh\n")
    return venv


def script(path: Path, body: str) -> None:
    path.write_text(body)
    path.chmod(0o755)


def environment(**more: str) -> dict[str, str]:
    """A user's shell in which nothing is activated."""
    kept = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "CSCONFIG_PATH", "STANDIN")}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "80", "PYTHONIOENCODING": "utf-8", **more}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "doctor", "smoke", "llama-7b", *map(str, arguments)]


def smoke(cwd: Path, *arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """The command, run in a folder; variables by keyword."""
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
