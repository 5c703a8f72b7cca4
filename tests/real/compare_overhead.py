"""What measuring costs, and whether it agrees with guidellm: the same server, the same prompts, in turns.

    python -m tests.real.compare_overhead FOLDER --guidellm PROGRAM [--url URL] [--model NAME] [--levels 1,16] [--rounds 4]

FOLDER is that of tests/real/gptoss_server.py; its real gpt-oss is served for the time of the run, unless ``--url`` names a
server (guidellm's own mock server, say, whose answers take a fixed time). ``PROGRAM`` is the ``guidellm`` of an environment
of its own. A round asks every prompt once with each of the two, the order alternating; compared is the median over rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from doctor.smoke.compare.columns import Columns
from doctor.smoke.compare.export import export
from doctor.smoke.compare.journal import Journal
from doctor.smoke.compare.plan import make_plan
from doctor.smoke.compare.prompts import Wish, choose_prompts
from doctor.smoke.compare.runner import Runner
from doctor.smoke.compare.sources import open_table
from doctor.smoke.compare.values import Contestant, Phase, Terms
from doctor.smoke.judging import Judge
from doctor.smoke.service_client import ServiceClient
from doctor.smoke.services import service_named
from tests.real.gptoss_server import NAME, questions, serving

JUDGE = Judge.load()


def ours(url: str, model: str, n: int, level: int, place: Path) -> tuple[list[tuple[float, int]], float, float]:
    """(latency, output tokens) of every answer; CPU seconds for a request, all in all; the overhead's share of latency."""
    rows = [{"question": row["question"], "answer": row["answer"]} for row in questions()]
    (place / "q.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    terms = Terms(levels=(level,), max_tokens=128, plain=0, warm_up=1)
    prompts = choose_prompts(open_table(str(place / "q.jsonl")), Wish(n=n, columns=Columns(prompt="")), terms)
    service = service_named(url)
    contestant = Contestant(name="server", title="server", base=url, root="", model=model)
    plan = make_plan([contestant], prompts, n, terms)
    used = {p.row: p for turn in plan.turns for p in turn.prompts}
    export(place, tuple(used.values()), [contestant], terms)
    client = ServiceClient(service, judge=JUDGE, connections=level)
    spent, path = time.process_time(), place / f"{time.time_ns()}.jsonl"
    with Journal(path, plan.document()) as journal:
        Runner(plan, {"server": client}, journal, lambda _: None).run()
        records = [r for r in journal.records if r.phase is Phase.MEASURE]
    spent = time.process_time() - spent
    client.close()
    assert all(r.ok for r in records), [r.sentence for r in records if not r.ok]
    share = sum(r.cpu for r in records) / sum(r.seconds for r in records)
    return [(r.seconds, r.completion_tokens or 0) for r in records], spent / len(records), share


def theirs(program: str, url: str, model: str, n: int, level: int, tokenizer: Path, place: Path):
    """The same of guidellm, by the exported prompts."""
    body = {"max_tokens": 128, "temperature": 0.0, "seed": 1}
    backend = {
        "kind": "openai_http",
        "target": url.removesuffix("/v1"),
        "model": model,
        "request_format": "/v1/chat/completions",
        "extras": {"body": body},
    }
    command = [program, "run", "--backend", json.dumps(backend), "--profile", f"kind=concurrent,streams={level}"]
    command += ["--constraint", f"kind=max_requests,count={n}", "--data", f"kind=json_file,path={place / 'guidellm.jsonl'}"]
    command += ["--tokenizer", f"kind=huggingface_auto,model={tokenizer}", "--disable-console"]
    command += ["--output", f"kind=json,path={place / 'guidellm.json'}"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env={**os.environ, "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stdout[-3000:] + done.stderr[-3000:])
    (benchmark,) = json.loads((place / "guidellm.json").read_text())["benchmarks"]
    answers = benchmark["requests"]["successful"]
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return [(a["request_latency"], a["output_tokens"]) for a in answers], spent / len(answers), None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--guidellm", required=True)
    parser.add_argument("--url", default="")
    parser.add_argument("--model", default=NAME)
    parser.add_argument("--levels", default="1,16")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--n", type=int, default=32)
    chosen = parser.parse_args()
    server = contextlib.nullcontext(chosen.url) if chosen.url else serving(chosen.folder)
    with server as url, tempfile.TemporaryDirectory() as temporary:
        place, tokenizer = Path(temporary), chosen.folder.resolve() / "models" / NAME
        for level in map(int, chosen.levels.split(",")):
            found: dict[str, list] = {"ours": [], "guidellm": []}
            ours(url, chosen.model, 4, 1, place)  # the server has answered once, and the prompts are exported
            ours(url, chosen.model, chosen.n, level, place)
            for number in range(chosen.rounds):
                for name in ("ours", "guidellm")[:: 1 if number % 2 else -1]:
                    if name == "ours":
                        found[name].append(ours(url, chosen.model, chosen.n, level, place))
                    else:
                        found[name].append(theirs(chosen.guidellm, url, chosen.model, chosen.n, level, tokenizer, place))
            tell(level, found, os.getloadavg()[0])


def tell(level: int, found: dict[str, list], load: float) -> None:
    medians, rates, means = {}, {}, {}
    for name, rounds in found.items():
        medians[name] = statistics.median(statistics.median(s for s, _ in answers) for answers, _, _ in rounds)
        means[name] = statistics.median(statistics.mean(s for s, _ in answers) for answers, _, _ in rounds)
        rates[name] = statistics.median(statistics.median(t / s for s, t in answers) for answers, _, _ in rounds)
        cpu = statistics.median(cpu for _, cpu, _ in rounds)
        share = [share for _, _, share in rounds if share is not None]
        part = f", {statistics.median(share):.3%} of the latency" if share else ""
        print(
            f"{level:3} under way  {name:9} {len(rounds)} x {len(rounds[0][0])} answers  median {medians[name]:.4f} s  mean "
            f"{means[name]:.4f} s  {rates[name]:.2f} tok/s  CPU {cpu * 1000:.2f} ms a request{part}"
        )
    print(
        f"{level:3} under way  ours / guidellm: median {medians['ours'] / medians['guidellm']:.4f}, mean "
        f"{means['ours'] / means['guidellm']:.4f}, tok/s {rates['ours'] / rates['guidellm']:.4f}   (load {load:.0f})",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
