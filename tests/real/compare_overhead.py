"""What measuring costs, and whether it agrees with guidellm: the same server, the same prompts, at the same time or by turns.

    python -m tests.real.compare_overhead FOLDER --guidellm PROGRAM [--url URL] [--model NAME] [--levels 1,16] [--n 32] [--count 100]
        [--pairs 6]

FOLDER is that of tests/real/gptoss_server.py; its real gpt-oss is served for the time of the run, unless ``--url`` names a
server (guidellm's own mock server, say, whose answers take a fixed time). ``PROGRAM`` is the ``guidellm`` of an environment
of its own. Both ask at the same time; only what ours asked while guidellm measured is compared with it. With ``--pairs`` they
ask by turns, the one that begins alternating: each pair gives one ratio, so that what else the machine does cancels.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
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


def ours(url: str, model: str, n: int, level: int, place: Path) -> tuple[list, float, float]:
    """(start, latency, output tokens, TTFT) of every answer; CPU seconds for a request in all; its share of the latency."""
    rows = [{"question": row["question"], "answer": row["answer"]} for row in questions()]
    (place / "q.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    terms = Terms(levels=(level,), max_tokens=128, plain=0, warm_up=1)
    prompts = choose_prompts(open_table(str(place / "q.jsonl")), Wish(n=n, columns=Columns(prompt="")), terms)
    service = service_named(url)
    contestant = Contestant(name="server", title="server", base=url, root="", model=model)
    plan = make_plan([contestant], prompts, n, terms)
    used = {p.row: p for turn in plan.turns for p in turn.prompts}
    export(place, tuple(used.values()), [contestant], terms)
    client = ServiceClient(service, judge=JUDGE)
    spent, path = time.process_time(), place / f"{time.time_ns()}.jsonl"
    with Journal(path, plan.document()) as journal:
        Runner(plan, {"server": client}, journal, lambda _: None).run()
        records = [r for r in journal.records if r.phase is Phase.MEASURE]
    spent = time.process_time() - spent
    client.close()
    assert all(r.ok for r in records), [r.sentence for r in records if not r.ok]
    share = sum(r.cpu for r in records) / sum(r.seconds for r in records)
    return (
        [(r.started, r.seconds, r.completion_tokens or 0, r.first_token) for r in records],
        spent / len(records),
        share,
    )


def theirs(program: str, url: str, model: str, n: int, level: int, tokenizer: Path, place: Path):
    """The same of guidellm, by the exported prompts, repeated: it asks each line once."""
    prompts = (place / "guidellm.jsonl").read_text().splitlines(keepends=True)
    (place / "repeated.jsonl").write_text("".join(prompts[i % len(prompts)] for i in range(n)))
    body = {"max_tokens": 128, "temperature": 0.0, "seed": 1}
    backend = {
        "kind": "openai_http",
        "target": url.removesuffix("/v1"),
        "model": model,
        "request_format": "/v1/chat/completions",
        "extras": {"body": body},
    }
    command = [program, "run", "--backend", json.dumps(backend), "--profile", f"kind=concurrent,streams={level}"]
    command += [
        "--constraint",
        f"kind=max_requests,count={n}",
        "--data",
        f"kind=json_file,path={place / 'repeated.jsonl'}",
    ]
    command += ["--tokenizer", f"kind=huggingface_auto,model={tokenizer}", "--disable-console"]
    command += ["--output", f"kind=json,path={place / 'guidellm.json'}"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, env={**os.environ, "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stdout[-3000:] + done.stderr[-3000:])
    (benchmark,) = json.loads((place / "guidellm.json").read_text())["benchmarks"]
    answers = benchmark["requests"]["successful"]
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rows = [
        (a["request_start_time"], a["request_latency"], a["output_tokens"], (a["time_to_first_token_ms"] or 0) / 1000)
        for a in answers
    ]
    return rows, spent / len(answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--guidellm", required=True)
    parser.add_argument("--url", default="")
    parser.add_argument("--model", default=NAME)
    parser.add_argument("--levels", default="1,16")
    parser.add_argument("--n", type=int, default=32, help="prompts of a run of ours")
    parser.add_argument("--count", type=int, default=0, help="requests of guidellm")
    parser.add_argument("--pairs", type=int, default=0, help="by turns, that many of each; --n requests a turn")
    chosen = parser.parse_args()
    server = contextlib.nullcontext(chosen.url) if chosen.url else serving(chosen.folder)
    with server as url, tempfile.TemporaryDirectory() as temporary:
        place, tokenizer = Path(temporary), chosen.folder.resolve() / "models" / NAME
        for level in map(int, chosen.levels.split(",")):
            (by_turns if chosen.pairs else together)(chosen, url, level, tokenizer, place)


def by_turns(chosen, url: str, level: int, tokenizer: Path, place: Path) -> None:
    """Ours, theirs, theirs, ours ...: the ratio of each pair, their median with a bootstrap interval, and our CPU."""
    ours(url, chosen.model, chosen.n, level, place)  # the server has answered, and the prompts are exported
    ratios, cpus, shares = [], [], []
    for number in range(chosen.pairs):
        found = {}
        for whose in ("ours", "theirs") if number % 2 == 0 else ("theirs", "ours"):
            if whose == "ours":
                found[whose], cpu, share = ours(url, chosen.model, chosen.n, level, place)
                cpus.append(cpu * 1000)
                shares.append(share)
            else:
                found[whose], _ = theirs(chosen.guidellm, url, chosen.model, chosen.n, level, tokenizer, place)
        mine, other = (numbers_of(found[whose]) for whose in ("ours", "theirs"))
        ratios.append([a / b for a, b in zip(mine, other, strict=True)])
        told = ", ".join(f"{a:.4f}/{b:.4f}" for a, b in zip(mine, other, strict=True))
        print(f"{level:3} under way  pair {number + 1}: {told} (load {os.getloadavg()[0]:.0f})", flush=True)
    for name, column in zip(
        ("median latency", "mean latency", "tok/s", "TTFT"), zip(*ratios, strict=True), strict=True
    ):
        draws = sorted(statistics.median(random.choices(column, k=len(column))) for _ in range(4000))
        low, high = draws[100], draws[-101]
        print(
            f"{level:3} under way  ours / guidellm, {name}: {statistics.median(column):.4f} ({low:.4f} to {high:.4f})"
        )
    print(
        f"{level:3} under way  CPU of the process a request: median {statistics.median(cpus):.2f}, worst {max(cpus):.2f} ms; "
        f"{statistics.median(shares):.3%} of the latency, worst {max(shares):.3%}",
        flush=True,
    )


def numbers_of(answers: list) -> tuple[float, float, float, float]:
    seconds = [a[1] for a in answers]
    return (
        statistics.median(seconds),
        statistics.mean(seconds),
        statistics.median(a[2] / a[1] for a in answers),
        statistics.median(a[3] for a in answers if a[3]),
    )


def together(chosen, url: str, level: int, tokenizer: Path, place: Path) -> None:
    """Both ask at the same time, so that whatever else the machine does meets both alike."""
    ours(url, chosen.model, chosen.n, level, place)  # the server has answered, and the prompts are exported
    stop, mine = threading.Event(), []

    def go_on() -> None:
        while not stop.is_set():
            mine.append(ours(url, chosen.model, chosen.n, level, place))

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        answers, spent = theirs(
            chosen.guidellm, url, chosen.model, chosen.count or 60 + 12 * level, level, tokenizer, place
        )
    finally:
        stop.set()
        thread.join()
    begin, end = min(a[0] for a in answers), max(a[0] + a[1] for a in answers)
    inside = [a for run, _, _ in mine for a in run if begin <= a[0] and a[0] + a[1] <= end]
    cpu = statistics.median(cpu for _, cpu, _ in mine)
    share = statistics.median(share for _, _, share in mine)
    tell(
        level,
        inside,
        answers,
        f"{cpu * 1000:.2f} ms a request ({share:.3%} of the latency), guidellm {spent * 1000:.0f} ms",
    )


def tell(level: int, ours_: list, theirs_: list, cpu: str) -> None:
    numbers = []
    for name, answers in (("ours", ours_), ("guidellm", theirs_)):
        found = numbers_of(answers)
        numbers.append(found)
        print(
            f"{level:3} under way  {name:9} {len(answers):4} answers  median {found[0]:.4f} s  mean {found[1]:.4f} s  "
            f"{found[2]:.2f} tok/s  TTFT {found[3]:.4f} s"
        )
    ratios = [mine / other for mine, other in zip(*numbers, strict=True)]
    print(
        f"{level:3} under way  ours / guidellm: median {ratios[0]:.4f}, mean {ratios[1]:.4f}, tok/s {ratios[2]:.4f}, TTFT "
        f"{ratios[3]:.4f}; CPU {cpu} (load {os.getloadavg()[0]:.0f})",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
