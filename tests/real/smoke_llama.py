"""`acdoctor smoke llama-7b` on a real environment of release 2.6.0: the verdict of every case, and what it costs.

    python tests/real/smoke_llama.py VENV --work DIR [--only CASE ...] [--repeat 3] [--install "uv pip install --python"]
        [--program ACDOCTOR]

VENV is a healthy environment of the release that can train on the CPU (facts: the CUDA build of torch 2.4.0 needs its
libraries on LD_LIBRARY_PATH, be they stubs); the Model Zoo is installed editable in it. It is never changed: broken
copies are made in DIR by hard links, with the named versions installed into them from the package index.
``--program`` is an installed acdoctor; without it the one of this checkout is started.
Prints a line of Markdown for each case; exit code 1 when a verdict is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCTOR = [sys.executable, "-m", "doctor"]
FIRST = {"peft": "peft==0.18.0", "psutil": "psutil==7.2.1"}


def environment(**more):
    checkout = {} if len(DOCTOR) == 1 else {"PYTHONPATH": str(ROOT)}
    return {**os.environ, **checkout, "COLUMNS": "80", "NO_COLOR": "1", **more}


class Cases:
    def __init__(self, options):
        self.venv = Path(options.venv).resolve()
        self.work = Path(options.work).resolve()
        self.install = shlex.split(options.install)
        self.repeat = options.repeat
        self.wrong = 0
        self.number = 0
        self.work.mkdir(parents=True, exist_ok=True)

    # ------------------------------------------------------------- tools

    def copy(self, name, *pins):
        """A copy of the healthy environment by hard links, its scripts pointing at itself, other versions installed."""
        place = self.work / name
        if not place.exists():
            subprocess.run(["cp", "-al", self.venv, place], check=True)
            for script in (place / "bin").iterdir():
                if not script.is_symlink() and script.read_bytes()[:2] == b"#!":
                    body, mode = script.read_bytes().replace(bytes(self.venv), bytes(place)), script.stat().st_mode
                    script.unlink()
                    script.write_bytes(body)
                    script.chmod(mode)
            if pins:
                command = [*self.install, str(place / "bin" / "python"), "--no-deps", *pins]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return place

    def smoke(self, venv, *arguments, env=None, interrupt=0.0):
        """Run the command; its exit code, its JSON, its seconds, and the directory."""
        self.number += 1
        place = self.work / "runs" / f"{self.number}-{time.time_ns() % 10**6}"
        command = [*DOCTOR, "smoke", "llama-7b", str(venv), "--format", "json", "--run-dir", str(place), *arguments]
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**(env or {})),
            cwd=self.work,
        )
        if interrupt:
            try:
                process.wait(interrupt)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)
                began = time.monotonic()
        out, err = process.communicate()
        seconds = time.monotonic() - began
        return process.returncode, json.loads(out) if out.startswith("{") else {}, seconds, place, err

    def row(self, case, ok, *cells):
        self.wrong += not ok
        print(f"| {case} | {'as it should be' if ok else 'WRONG'} | " + " | ".join(map(str, cells)) + " |", flush=True)

    def running(self, place):
        """Processes that have something to do with a run."""
        found = []
        for process in Path("/proc").iterdir():
            try:
                if process.name.isdigit() and str(place) in (process / "cmdline").read_bytes().decode(errors="replace"):
                    found.append(process.name)
            except OSError:
                continue
        return found

    def config(self, name, **changes):
        """A CPU configuration: what the command itself wrote for its tiny training, changed."""
        source = self.work / "tiny.yaml"
        if not source.exists():
            code, _, _, place, err = self.smoke(self.venv, "--rung", "training", "--keep")
            assert code == 0, err
            shutil.copytree(place / "data-tiny", self.work / "data-tiny", dirs_exist_ok=True)
            body = (place / "training" / "params.yaml").read_text()
            source.write_text(body.replace(str(place / "data-tiny"), str(self.work / "data-tiny")))
        text = source.read_text()
        for key, value in changes.items():
            text, count = re.subn(rf"(?m)^(\s*{key}:).*$", rf"\1 {value}", text)
            assert count == 1, key
        target = self.work / f"{name}.yaml"
        target.write_text(text)
        return target

    # ------------------------------------------------------------- cases

    def healthy(self):
        code, told, seconds, _, err = self.smoke(self.venv)
        rungs = {rung["name"]: rung for rung in told["smoke"]["rungs"]} if told else {}
        ok = code == 0 and [rungs[n]["verdict"] for n in ("imports", "config", "training", "compile")] == ["passed"] * 4
        self.row(
            "healthy",
            ok,
            f"exit {code}",
            f"{seconds:.0f} s",
            *(r["sentence"] for r in rungs.values()),
            "" if ok else err[-300:],
        )
        for name, rung in rungs.items():
            runs = rung["measured"].get("runs") or [rung["measured"]]
            cpu = sum(run.get("cpu_seconds", 0) for run in runs)
            peak = max((run.get("peak_memory", 0) for run in runs), default=0)
            print(f"|   {name} | {rung['seconds']:.0f} s | {cpu:.0f} CPU-s | {peak / 1e6:.0f} MB |")

    def break_of(self, name):
        venv = self.copy(name, FIRST[name])
        for rung in ((), ("--rung", "config"), ("--rung", "training")):
            code, told, seconds, _, _ = self.smoke(venv, *rung)
            first = (told.get("findings") or [{}])[0]
            cures = [pin for fix in first.get("fixes", ()) for pin in fix["install"]]
            ok = (
                code == 1
                and name in [subject.split("==")[0] for subject in first.get("subjects", ())]
                and any(c.startswith(f"{name}==") for c in cures)
            )
            self.row(
                f"{name} break, {' '.join(rung) or 'whole ladder'}",
                ok,
                f"exit {code}",
                f"{seconds:.0f} s",
                first.get("message"),
                cures,
            )

    def peft(self):
        self.break_of("peft")

    def psutil(self):
        self.break_of("psutil")

    def missing_data(self):
        config = self.config("missing", data_dir=str(self.work / "nowhere"))
        code, told, seconds, _, _ = self.smoke(self.venv, "--rung", "training", "--cpu-config", str(config))
        first = (told.get("findings") or [{}])[0]
        ok = code == 1 and first.get("rule") == "cerebras-data-dir" and "nowhere" in first.get("message", "")
        self.row("missing data directory", ok, f"exit {code}", f"{seconds:.0f} s", first.get("message"))
        empty = self.work / "empty"
        empty.mkdir(exist_ok=True)
        config = self.config("empty", data_dir=str(empty))
        code, told, seconds, _, _ = self.smoke(self.venv, "--rung", "training", "--cpu-config", str(config))
        first = (told.get("findings") or [{}])[0]
        ok = code == 1 and first.get("rule") == "cerebras-h5-empty"
        self.row("missing data file", ok, f"exit {code}", f"{seconds:.0f} s", first.get("message"))

    def nan(self):
        config = self.config("nan", learning_rate="1.0e+30")
        code, told, seconds, _, _ = self.smoke(self.venv, "--rung", "training", "--cpu-config", str(config))
        first = (told.get("findings") or [{}])[0]
        ok = code == 1 and first.get("rule") == "cerebras-nan"
        self.row("NaN loss", ok, f"exit {code}", f"{seconds:.0f} s", first.get("message"))

    def flat(self):
        config = self.config("flat", learning_rate="0.0")
        code, told, seconds, _, _ = self.smoke(self.venv, "--rung", "training", "--cpu-config", str(config))
        rung = told["smoke"]["rungs"][0] if told else {}
        self.row(
            "own configuration, loss does not fall",
            code == 0 and rung.get("verdict") == "warned",
            f"exit {code}",
            f"{seconds:.0f} s",
            rung.get("sentence"),
        )

    def interrupt(self):
        for after in (6.0, 25.0):
            code, _, seconds, place, err = self.smoke(self.venv, "--rung", "training", interrupt=after)
            left = self.running(place)
            self.row(
                f"^C after {after:.0f} s",
                code == 130 and not left and "Traceback" not in err,
                f"exit {code}",
                f"{seconds:.1f} s to end",
                f"{len(left)} processes left",
            )

    def time_out(self):
        code, told, seconds, place, _ = self.smoke(self.venv, "--rung", "training", "--timeout", "15")
        rung = told["smoke"]["rungs"][0] if told else {}
        left = self.running(place)
        ok = code == 3 and rung.get("verdict") == "undecided" and not left and "15 s" in rung["sentence"]
        self.row(
            "out of time", ok, f"exit {code}", f"{seconds:.0f} s", rung.get("sentence"), f"{len(left)} processes left"
        )

    def memory(self):
        code, told, seconds, place, _ = self.smoke(self.venv, "--rung", "training", "--memory", "0.3")
        rung = told["smoke"]["rungs"][0] if told else {}
        left = self.running(place)
        self.row(
            "out of memory",
            code == 3 and rung.get("verdict") == "undecided" and not left,
            f"exit {code}",
            f"{seconds:.0f} s",
            rung.get("sentence"),
        )

    def nothing(self):
        bare = self.work / "bare"
        if not bare.exists():
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
        code, told, seconds, _, _ = self.smoke(bare, "--appliance", "--yes")
        verdicts = [rung["verdict"] for rung in told["smoke"]["rungs"]] if told else []
        self.row(
            "no stack",
            code == 3 and verdicts == ["undecided"] * 5,
            f"exit {code}",
            f"{seconds:.1f} s",
            *(r["sentence"] for r in told["smoke"]["rungs"]),
        )

    def appliance(self):
        code, told, seconds, _, _ = self.smoke(
            self.venv, "--appliance", "--yes", "--rung", "config", env={"CSCONFIG_PATH": "/nonexistent"}
        )
        last = told["smoke"]["rungs"][-1] if told else {}
        self.row(
            "--appliance, no cluster",
            code == 3 and last.get("verdict") == "undecided",
            f"exit {code}",
            f"{seconds:.0f} s",
            last.get("sentence"),
        )
        config = self.work / "config_v2"
        cluster = {
            "name": "here",
            "server": "127.0.0.1:9",
            "authority": "",
            "namespaces": [{"name": "job-operator", "certificateAuthorityData": ""}],
        }
        config.write_text(
            json.dumps(
                {"currentContext": "here", "contexts": [{"name": "here", "cluster": "here"}], "clusters": [cluster]}
            )
        )
        code, told, seconds, _, _ = self.smoke(
            self.venv, "--appliance", "--yes", "--rung", "config", env={"CSCONFIG_PATH": str(config)}
        )
        last = told["smoke"]["rungs"][-1] if told else {}
        ok = code == 1 and last.get("verdict") == "failed" and bool(last.get("next_steps"))
        self.row(
            "--appliance, a cluster that does not answer",
            ok,
            f"exit {code}",
            f"{seconds:.0f} s",
            last.get("sentence"),
            last.get("rule"),
        )

    def sweep(self):
        code, told, seconds, place, _ = self.smoke(self.venv, "--rung", "training", "--batch-sizes", "2,4,8")
        rates = [rung["measured"].get("steady_rate") for rung in told["smoke"]["rungs"][:3]] if told else []
        svg = place / "batch-sizes.svg"
        self.row(
            "batch sizes 2, 4, 8",
            code == 0 and all(rates) and svg.is_file(),
            f"exit {code}",
            f"{seconds:.0f} s",
            f"samples/s {rates}",
        )

    def cost(self):
        """CPU of the plain `cszoo fit` and of the rung that wraps it, by turns."""
        plain, wrapped = [], []
        config = self.config("plain")
        for turn in range(self.repeat):
            place = self.work / f"plain-{turn}"
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            path = f"{self.venv / 'bin'}:{os.environ['PATH']}"
            command = [str(self.venv / "bin" / "cszoo"), "fit", str(config), "--model_dir", str(place / "model_dir")]
            plain.append(self.cpu(command, {**os.environ, "PATH": path}, place))
            place = self.work / "runs" / f"cost-{turn}-{time.time_ns() % 10**6}"
            command = [*DOCTOR, "smoke", "llama-7b", str(self.venv), "--rung", "training", "--run-dir", str(place)]
            wrapped.append(self.cpu(command, environment(), self.work))
        ratio = statistics.median(wrapped) / statistics.median(plain)
        cells = [", ".join(f"{value:.1f}" for value in values) for values in (plain, wrapped)]
        self.row(
            "CPU of the rung over plain cszoo fit",
            ratio <= 1.3,
            f"{ratio:.2f}",
            f"plain {cells[0]} CPU-s",
            f"smoke {cells[1]} CPU-s",
        )

    def cpu(self, command, env, cwd):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=env, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{used:.1f} CPU-s: {' '.join(command[:4])} ...", file=sys.stderr, flush=True)
        return used

    def fix(self):
        """A repair is kept when the smoke run works, and taken back byte for byte when it does not."""
        self.fix_smoke("kept", {})

    def fix_undone(self):
        """What no check can see: every FutureWarning is an error, and `cszoo` raises one when it reads a configuration."""
        self.fix_smoke("restored", {"PYTHONWARNINGS": "error::FutureWarning"})

    def fix_smoke(self, wanted, variables):
        shutil.rmtree(self.work / f"fix-{wanted}", ignore_errors=True)
        venv = self.copy(f"fix-{wanted}", FIRST["peft"])
        before = listing(venv)
        began = time.monotonic()
        command = [*DOCTOR, "fix", str(venv), "--apply", "--yes", "--smoke", "llama-7b", "--format", "json"]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=environment(**variables), cwd=self.work
        )
        seconds = time.monotonic() - began
        receipt = (json.loads(done.stdout) if done.stdout.startswith("{") else {}).get("receipt") or {}
        after = listing(venv)
        ok = receipt.get("outcome") == ("committed" if wanted == "kept" else "restored")
        ok = ok and (before == after if wanted == "restored" else done.returncode == 0)
        foreign = len([path for path in after.keys() - before.keys() if "/peft" not in path])
        cells = (
            receipt.get("outcome"),
            receipt.get("reason"),
            f"{foreign} foreign files",
            "" if ok else done.stderr[-300:],
        )
        self.row(f"fix --smoke, {wanted}", ok, f"exit {done.returncode}", f"{seconds:.0f} s", *cells)

    def after_fix(self):
        """A repair that stands, and afterwards something else breaks: `smoke --after-fix` takes the repair back."""
        shutil.rmtree(self.work / "after", ignore_errors=True)
        venv = self.copy("after", FIRST["peft"])
        command = [*DOCTOR, "fix", str(venv), "--apply", "--yes"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment(), cwd=self.work)
        subprocess.run([*self.install, str(venv / "bin" / "python"), "--no-deps", FIRST["psutil"]], check=True)
        code, told, seconds, _, err = self.smoke(venv, "--after-fix", "--rung", "imports")
        receipt = (told.get("receipt") or {}).get("outcome")
        back = (venv / "lib/python3.11/site-packages/peft-0.18.0.dist-info").is_dir()
        self.row(
            "--after-fix, a rung fails",
            code == 1 and back,
            f"exit {code}",
            f"{seconds:.0f} s",
            receipt,
            err[-200:] if not back else "",
        )


def listing(venv):
    """Every file with its size, time and target; the doctor's own room and byte code that others wrote aside."""
    found = {}
    for folder, _, names in os.walk(venv):
        for name in names:
            path = os.path.join(folder, name)
            if "/.acdoctor" in path:
                continue
            seen = os.lstat(path)
            found[path] = (seen.st_size, seen.st_mtime_ns, os.readlink(path) if os.path.islink(path) else "")
    return found


CASES = (
    "healthy",
    "peft",
    "psutil",
    "missing_data",
    "nan",
    "flat",
    "interrupt",
    "time_out",
    "memory",
    "nothing",
    "appliance",
    "sweep",
    "cost",
    "fix",
    "fix_undone",
    "after_fix",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("venv")
    parser.add_argument("--work", required=True)
    parser.add_argument("--only", nargs="*", choices=CASES, default=CASES)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument(
        "--install", default="uv pip install --python", help="command that installs; gets the interpreter and the pins"
    )
    parser.add_argument("--program", default="", help="an installed acdoctor")
    options = parser.parse_args()
    if options.program:
        DOCTOR[:] = [options.program]
    if not Path(options.venv, "bin", "cszoo").exists():
        sys.exit("VENV has no cszoo: an environment of release 2.6.0 is needed (see the Model Zoo's PYTHON-SETUP.md)")
    cases = Cases(options)
    for name in options.only:
        getattr(cases, name)()
    sys.exit(1 if cases.wrong else 0)


if __name__ == "__main__":
    main()
