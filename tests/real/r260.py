"""The real R_2.6.0 environment as users got it on four occasions, and what the doctor says of each.

    python -m tests.real.r260 FOLDER [--modelzoo CHECKOUT] [--torch] [--only NAME] [--command 'acdoctor check ...']

Resolves ``r260.in`` with uv for a day (nothing uploaded later is seen), installs the real wheels without the CUDA
packages, and runs the installed ``acdoctor check`` on each:

    today       what `pip install` gives now                       psutil breaks the appliance client
    2025-12-01  in the weeks of peft 0.18.0                        peft breaks lm-eval
    2025-12-24  peft 0.18.0 and psutil 7.2                         both at once
    healthy     today's, with peft==0.17.1 and psutil==7.1.3       nothing may be called an error

Without ``--torch`` the 800 MB of torch 2.4.0 are left out too, and the doctor is told ``--assume torch==2.4.0``.
Model Zoo itself is not on the index. With ``--modelzoo`` the path of a checkout of tag Release_2.6.0, the
environment gets what an editable install of it leaves (path, metadata, the command ``cszoo``; its setup.py is not
run), and the chains must start there; without it they start at lm-eval. The two archives that are not on the index
(see ``r260.in``) are then assumed: Model Zoo imports them beside lm-eval.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import hashlib
import json
import os
import re
import resource
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from doctor.system import run

REQUIREMENTS = Path(__file__).with_name("r260.in")
LEFT_OUT = re.compile(r"(nvidia-|triton==|torch==)")
LEFT_OUT_WITH_TORCH = re.compile(r"(nvidia-|triton==)")
ASSUMED_TORCH = ("torch==2.4.0",)
ASSUMED_ARCHIVES = ("bigcode-eval==0.0.0", "lm-dataformat==0.0.20")


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A break that must be found: where it raises, what is missing, whose it is, and the pin that cures it."""

    where: str
    line: int
    symbol: str
    subjects: tuple[str, str]
    cure: str
    entry: str

    def is_of(self, finding: dict) -> bool:
        """The finding blames the same distribution for the same other one."""
        return tuple(s.split("==")[0] for s in finding["subjects"])[:2] == self.subjects

    def is_told_by(self, finding: dict) -> bool:
        """The finding is an error, names the blamed and what it lacks, and stands at the line that raises."""
        where = finding.get("where") or {}
        return (
            finding["severity"] == "error"
            and finding.get("symbol") == self.symbol
            and self.is_of(finding)
            and str(where.get("path", "")).endswith(self.where)
            and where.get("line") == self.line
        )


PEFT = Break(
    where="peft/tuners/lora/model.py",
    line=26,
    symbol="transformers.modeling_layers",
    subjects=("peft", "transformers"),
    cure="peft",
    entry="lm_eval",
)
PSUTIL = Break(
    where="cerebras/appliance/utils/memory.py",
    line=68,
    symbol="psutil._pslinux.pfullmem",
    subjects=("cerebras-appliance", "psutil"),
    cure="psutil",
    entry="cerebras.pytorch",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """A day on which somebody made the environment, what they pinned beyond the documentation, what must be found."""

    name: str
    day: str
    pins: tuple[str, ...] = ()
    breaks: tuple[Break, ...] = ()


def occasions(today: str) -> tuple[Occasion, ...]:
    """The four; ``today`` is an ISO date."""
    return (
        Occasion(name="today", day=today, breaks=(PSUTIL,)),
        Occasion(name="2025-12-01", day="2025-12-01", breaks=(PEFT,)),
        Occasion(name="2025-12-24", day="2025-12-24", breaks=(PEFT, PSUTIL)),
        Occasion(name="healthy", day=today, pins=("peft==0.17.1", "psutil==7.1.3")),
    )


# ---------------------------------------------------------------- the environments


def must(argv: list[str]) -> str:
    """Run a command; raises ``RuntimeError`` with its last words when it fails."""
    done = run(argv, timeout=1800)
    if not done.ok:
        raise RuntimeError(f"{shlex.join(argv)[:200]}\n{done.failure or done.stderr.decode(errors='replace')[-1500:]}")
    return done.stdout.decode(errors="replace")


def resolve(occasion: Occasion, folder: Path) -> list[str]:
    """The exact pins that uv finds for that day; kept in ``NAME.lock``."""
    asked, lock = folder / f"{occasion.name}.in", folder / f"{occasion.name}.lock"
    asked.write_text(REQUIREMENTS.read_text() + "".join(pin + "\n" for pin in occasion.pins))
    must(
        [
            "uv",
            "pip",
            "compile",
            "-q",
            "--python-version",
            "3.11",
            "--exclude-newer",
            occasion.day,
            "--no-annotate",
            "--no-header",
            str(asked),
            "-o",
            str(lock),
        ]
    )
    return [line for line in lock.read_text().splitlines() if "==" in line]


def build(occasion: Occasion, options: argparse.Namespace) -> list[str]:
    """Make the environment anew; returns the pins installed."""
    venv = options.folder / occasion.name
    pins = resolve(occasion, options.folder)
    left_out = LEFT_OUT_WITH_TORCH if options.torch else LEFT_OUT
    wanted = options.folder / f"{occasion.name}.installed"
    wanted.write_text("".join(pin + "\n" for pin in pins if not left_out.match(pin)))
    shutil.rmtree(venv, ignore_errors=True)
    must(["uv", "venv", "-q", "--python", "3.11", str(venv)])
    must(["uv", "pip", "install", "-q", "--python", str(venv / "bin" / "python"), "--no-deps", "-r", str(wanted)])
    if options.modelzoo:
        link_modelzoo(venv, options.modelzoo)
    return pins


def link_modelzoo(venv: Path, checkout: Path) -> None:
    """What an editable install of the checkout leaves in the environment, without running its setup.py."""
    site = next((venv / "lib").glob("python*/site-packages"))
    info, script = "cerebras_modelzoo-2.6.0.dist-info", venv / "bin" / "cszoo"
    files = {
        "__editable__.cerebras_modelzoo-2.6.0.pth": f"{checkout / 'src'}\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: cerebras_modelzoo\nVersion: 2.6.0\n"
        + "".join(
            f"Requires-Dist: {line}\n" for line in REQUIREMENTS.read_text().splitlines() if not line.startswith("#")
        ),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: r260\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/INSTALLER": "pip\n",
        f"{info}/REQUESTED": "",
        f"{info}/top_level.txt": "cerebras\n",
        f"{info}/entry_points.txt": "[console_scripts]\ncszoo = cerebras.modelzoo.cli.main:main\n",
        f"{info}/direct_url.json": json.dumps({"dir_info": {"editable": True}, "url": checkout.as_uri()}),
    }
    (site / info).mkdir()
    record = []
    for name, text in files.items():
        (site / name).write_text(text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record.append(f"{name},sha256={digest},{len(text.encode())}\n")
    script.write_text(
        f"#!{venv / 'bin' / 'python'}\nimport sys\nfrom cerebras.modelzoo.cli.main import main\nsys.exit(main())\n"
    )
    script.chmod(0o755)
    (site / info / "RECORD").write_text("".join([*record, "../../../bin/cszoo,,\n", f"{info}/RECORD,,\n"]))


# ---------------------------------------------------------------- the verdict


def faults(occasion: Occasion, report: dict, *, modelzoo: bool) -> Iterator[str]:
    """What is wrong with the doctor's report on this occasion."""
    errors = [f for f in report["findings"] if f["severity"] == "error"]
    told = {b: next((f for f in errors if b.is_told_by(f)), None) for b in occasion.breaks}
    for wanted, finding in told.items():
        if finding is None:
            yield f"not found: {wanted.symbol} at {wanted.where}:{wanted.line}"
            continue
        start = (finding["chain"] or ["nothing"])[0]
        if modelzoo and not start.startswith("cerebras.modelzoo"):
            yield f"{wanted.symbol}: the chain starts at {start}, not in Model Zoo"
        if not any(pin.startswith(wanted.cure + "==") for fix in finding["fixes"] for pin in fix["install"]):
            yield f"{wanted.symbol}: no cure that pins {wanted.cure}"
    folded = {i for f in told.values() if f is not None for i in f["explains"]}
    for index, finding in enumerate(report["findings"]):
        same_pair = any(b.is_of(finding) for b in occasion.breaks)  # psutil 7.2 lost `pio` too: the same break
        if finding in errors and index not in folded and not same_pair:
            yield f"further error: {finding['message']} ({', '.join(finding['subjects'])})"
    if report["crashed"]:
        yield f"crashed: {report['crashed']}"
    if report["exit_code"] != (1 if occasion.breaks else 0):
        yield f"exit code {report['exit_code']}"


def examine(occasion: Occasion, options: argparse.Namespace) -> tuple[dict, float, int]:
    """The doctor's report, its CPU seconds, and the largest resident size of a child so far in MB."""
    assumed = (() if options.torch else ASSUMED_TORCH) + (ASSUMED_ARCHIVES if options.modelzoo else ())
    words = [*shlex.split(options.command), *(word for pin in assumed for word in ("--assume", pin))]
    before = os.times()
    done = run([*words, "--format", "json", str(options.folder / occasion.name)], timeout=900)
    after = os.times()
    if not done.stdout.lstrip().startswith(b"{"):
        sys.exit(f"no report: {done.failure or done.stderr.decode(errors='replace')[-2000:]}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return json.loads(done.stdout), cpu, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024


def version(pins: list[str], name: str) -> str:
    """The version of a distribution among pins."""
    return next((pin.split("==")[1].split()[0] for pin in pins if pin.startswith(name + "==")), "-")


def main() -> int:
    """Build, examine, print a Markdown table and what is wrong; exit 1 when anything is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--modelzoo", type=lambda p: Path(p).absolute(), help="a checkout of tag Release_2.6.0")
    parser.add_argument("--torch", action="store_true", help="install torch 2.4.0 (800 MB) instead of assuming it")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument(
        "--today", default=f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}", help="the day that 'today' stands for"
    )
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("--keep", action="store_true", help="use environments that are there")
    parser.add_argument("--command", default=f"{sys.executable} -m doctor check")
    options = parser.parse_args()
    options.folder = options.folder.absolute()
    options.folder.mkdir(parents=True, exist_ok=True)
    rows, wrong = [], []
    for occasion in occasions(options.today):
        if options.only and occasion.name not in options.only:
            continue
        kept = options.folder / f"{occasion.name}.lock"
        pins = kept.read_text().splitlines() if options.keep and kept.exists() else build(occasion, options)
        if options.build_only:
            continue
        report, cpu, size = examine(occasion, options)
        complaints = list(faults(occasion, report, modelzoo=bool(options.modelzoo)))
        wrong += [f"{occasion.name}: {c}" for c in complaints]
        count = [sum(f["severity"] == s for f in report["findings"]) for s in ("error", "warning", "note")]
        chains = [" › ".join(f["chain"]) for f in report["findings"] if any(b.is_told_by(f) for b in occasion.breaks)]
        rows.append(
            [
                occasion.name,
                str((report["environment"] or {}).get("distributions")),
                version(pins, "peft"),
                version(pins, "psutil"),
                *map(str, count),
                "; ".join(chains) or "-",
                f"{cpu:.1f}",
                str(size),
                "as it must be" if not complaints else f"{len(complaints)} wrong",
            ]
        )
    head = [
        "environment",
        "distributions",
        "peft",
        "psutil",
        "errors",
        "warnings",
        "notes",
        "chain",
        "CPU s",
        "MB",
        "verdict",
    ]
    print("\n".join("| " + " | ".join(r) + " |" for r in [head, ["---"] * len(head), *rows]))
    print("".join(f"WRONG {w}\n" for w in wrong), end="")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
