"""What load generators and the openai SDK make of errors that come with HTTP status 200, beside what acdoctor says.

    python -m tests.real.stream_failures --openai PYTHON [--guidellm PROGRAM] [--aiperf PROGRAM] --tokenizer DIR

The gateway of tests/gateway stands before its deterministic generator, because each state needs every request to fail in
the same way; the programs are the real ones, each in an environment of its own. ``--tokenizer`` is any tokenizer on disk
(the one of tests/real/gptoss_server.py does). Prints the rows of the table in RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1] / "gateway"), str(HERE.parents[2])]

from errorrows import MODELS, ROWS, Row, arranged
from servicegateway import served

from doctor.smoke.judging import Judge
from doctor.smoke.service import Question
from doctor.smoke.service_client import ServiceClient
from doctor.smoke.services import service_named

COUNT = 20
QUESTIONS = [f"What is {number} plus 2?" for number in range(COUNT)]
HEALTHY = {cluster: Row(f"{cluster}, healthy", cluster, 200, "", "", "", stream=True) for cluster in MODELS}
STATES = [
    *HEALTHY.values(),
    *(row for row in ROWS if row.kind == "in-200" and row.name.endswith(", streaming") and "cold" not in row.name),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--openai", required=True, help="the python of an environment with the openai SDK")
    parser.add_argument("--guidellm")
    parser.add_argument("--aiperf")
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--only", default="", help="states whose names hold this word")
    options = parser.parse_args()
    programs = {"acdoctor": ours, "openai SDK": lambda *found: sdk(options.openai, *found)}
    if options.guidellm:
        programs["guidellm"] = lambda *found: guidellm(options, *found)
    if options.aiperf:
        programs["aiperf"] = lambda *found: aiperf(options, *found)
    print(f"| state of the service, {COUNT} streamed requests | " + " | ".join(programs) + " |")
    print("|---" * (len(programs) + 1) + "|")
    for row in STATES:
        if options.only.lower() not in row.name.lower():
            continue
        cells = []
        for program in programs.values():
            gateway = arranged(row)
            gateway.rate = 10**6
            with served(gateway):
                good, bad = program(gateway.base(row.cluster), MODELS[row.cluster])
            cells.append(f"{good} good, {bad} bad")
        print(f"| {row.name} | " + " | ".join(cells) + " |", flush=True)


def ours(base: str, model: str) -> tuple[int, int]:
    client = ServiceClient(service_named(base), "good-token", judge=Judge.load())
    found = [client.ask(Question(text=question), model=model, stream=True) for question in QUESTIONS]
    return sum(exchange.ok for exchange in found), sum(not exchange.ok for exchange in found)


def sdk(python: str, base: str, model: str) -> tuple[int, int]:
    """A program that trusts the SDK: what raises is bad, all else is an answer."""
    wishes = [
        {"base": base, "token": "good-token", "model": model, "question": question, "stream": True}
        for question in QUESTIONS
    ]
    script = HERE.parents[1] / "gateway" / "sdkclient.py"
    done = subprocess.run([python, script], input=json.dumps(wishes), capture_output=True, text=True, check=True)
    errors = sum(bool(seen["error"]) for seen in json.loads(done.stdout))
    return COUNT - errors, errors


def guidellm(options: argparse.Namespace, base: str, model: str) -> tuple[int, int]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "prompts.jsonl").write_text("".join(f"{json.dumps({'prompt': question})}\n" for question in QUESTIONS))
        backend = f"kind=openai_http,target={base.removesuffix('/v1')},model={model},api_key=good-token,validate_backend=false,stream=true"
        line = [
            options.guidellm,
            "run",
            "--backend",
            backend,
            "--profile",
            "kind=synchronous",
            "--constraint",
            f"kind=max_requests,count={COUNT}",
        ]
        line += [
            "--tokenizer",
            f"kind=huggingface_auto,model={options.tokenizer}",
            "--data",
            f"kind=json_file,path={place / 'prompts.jsonl'}",
        ]
        line += ["--disable-console", "--output", f"kind=json,path={place / 'out.json'}"]
        subprocess.run(line, cwd=place, check=True, capture_output=True, timeout=300)
        totals = json.loads((place / "out.json").read_text())["benchmarks"][0]["metrics"]["request_totals"]
        return totals["successful"], totals["errored"] + totals["incomplete"]


def aiperf(options: argparse.Namespace, base: str, model: str) -> tuple[int, int]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "prompts.jsonl").write_text("".join(f"{json.dumps({'text': question})}\n" for question in QUESTIONS))
        line = [
            options.aiperf,
            "profile",
            "-m",
            model,
            "--endpoint-type",
            "chat",
            "--streaming",
            "-u",
            base.removesuffix("/v1"),
        ]
        line += [
            "--api-key",
            "good-token",
            "--input-file",
            place / "prompts.jsonl",
            "--custom-dataset-type",
            "single_turn",
        ]
        line += [
            "--tokenizer",
            options.tokenizer,
            "--request-count",
            str(COUNT),
            "--concurrency",
            "1",
            "--ui",
            "none",
            "--artifact-dir",
            place / "out",
        ]
        done = subprocess.run(line, cwd=place, check=False, capture_output=True, text=True, timeout=600)
        report = place / "out" / "profile_export_aiperf.json"
        if not report.exists():  # no result at all, with words why
            print(done.stdout[-3000:], done.stderr[-3000:], file=sys.stderr)
            return 0, COUNT
        found = json.loads(report.read_text())
        counts = [found.get(name) or {} for name in ("request_count", "error_request_count")]
        good, bad = (int(count.get("avg", 0)) for count in counts)
        return good, bad


if __name__ == "__main__":
    main()
