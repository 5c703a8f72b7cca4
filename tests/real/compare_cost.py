"""What comparing costs the machine that compares: CPU of the process a request, and latency beside a bare socket's.

    PYTHON tests/real/compare_cost.py [--repeat 5] [--n 64] [--levels 1,4,16] [--tokens 16] [--pace 0.01]

PYTHON is one with acdoctor installed. The gateway of tests/gateway runs in a process of its own, once as Metis (each token
is a piece) and once as Sophia (bundles); the CPU (user and system) is that of the whole process between the first warm-up
request and the last line of the journal. The bare socket is a thread that sends the same request, receives until the end of
the chunked answer and does nothing else; it takes turns with ours, so that what else the machine does meets both.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from doctor.smoke.compare.asking import question_of
from doctor.smoke.compare.columns import Columns
from doctor.smoke.compare.journal import Journal
from doctor.smoke.compare.plan import make_plan
from doctor.smoke.compare.prompts import Wish, choose_prompts
from doctor.smoke.compare.runner import Runner
from doctor.smoke.compare.sources import open_table
from doctor.smoke.compare.values import Contestant, Phase, Terms
from doctor.smoke.judging import Judge
from doctor.smoke.service_client import ServiceClient, request_body
from doctor.smoke.services import service_named

GATEWAY = Path(__file__).resolve().parents[1] / "gateway"
SERVE = """
import sys, threading
sys.path[:0] = [sys.argv[1]]
from gatewaypeers import Generator
from servicegateway import served, two_services
peers = [Generator(seconds_per_token=float(sys.argv[3]), answer_tokens=int(sys.argv[2]) - 4) for _ in range(2)]
gateway = two_services(*peers)
gateway.rate = 10**6
with served(gateway):
    print(gateway.base("metis"), gateway.base("sophia"), flush=True)
    threading.Event().wait()
"""
MODELS = {"metis": "gpt-oss-120b", "sophia": "openai/gpt-oss-120b"}
JUDGE = Judge.load()


def plan_of(url: str, cluster: str, n: int, level: int, place: Path):
    (place / "q.jsonl").write_text("".join(f'{{"question": "Tell me about number {i}"}}\n' for i in range(n + 8)))
    terms = Terms(levels=(level,), max_tokens=4096, plain=0, warm_up=1)
    prompts = choose_prompts(open_table(str(place / "q.jsonl")), Wish(n=n, columns=Columns(prompt="")), terms)
    contestant = Contestant(name="server", title="server", base=url, root="", model=MODELS[cluster])
    return make_plan([contestant], prompts, n, terms)


def ours(plan, url: str, place: Path) -> tuple[float, float, list[float]]:
    """Milliseconds of CPU a request, of the whole process and of the asking alone; the latencies."""
    client = ServiceClient(service_named(url), "good-token", judge=JUDGE)
    spent = time.process_time()
    with Journal(place / f"{time.time_ns()}.jsonl", plan.document()) as journal:
        Runner(plan, {"server": client}, journal, lambda _: None).run()
        records = [record for record in journal.records if record.phase is Phase.MEASURE]
    spent = time.process_time() - spent
    client.close()
    assert all(record.ok for record in records), records[0]
    alone = statistics.mean(record.cpu for record in records)
    return spent / len(records) * 1000, alone * 1000, [record.seconds for record in records]


def bare(plan, url: str, level: int) -> list[float]:
    """The latencies of the same requests by sockets that are already open."""
    parts, seconds = urlsplit(url), []
    todo = [prompt for turn in plan.turns for prompt in turn.prompts]

    def work(mine) -> None:
        with socket.create_connection((parts.hostname, parts.port)) as line:
            for prompt in mine:
                question = question_of(prompt, plan.terms)
                body = json.dumps(request_body(question, model=plan.contestants[0].model, stream=True)).encode()
                head = f"POST {parts.path}/chat/completions HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer good-token\r\n"
                begin, last = time.perf_counter(), b""
                line.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                while not last.endswith(b"0\r\n\r\n"):
                    last = line.recv(16384)
                seconds.append(time.perf_counter() - begin)

    threads = [threading.Thread(target=work, args=(todo[i::level],)) for i in range(level)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--levels", default="1,4,16")
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--pace", type=float, default=0.01, help="seconds a token")
    chosen = parser.parse_args()
    command = [sys.executable, "-c", SERVE, str(GATEWAY), str(chosen.tokens), str(chosen.pace)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        urls = server.stdout.readline().split()
        with tempfile.TemporaryDirectory() as temporary:
            for cluster, url in zip(MODELS, urls, strict=True):
                for level in map(int, chosen.levels.split(",")):
                    tell(cluster, url, level, chosen, Path(temporary))
    finally:
        server.kill()
    return 0


def tell(cluster: str, url: str, level: int, chosen, place: Path) -> None:
    plan = plan_of(url, cluster, chosen.n, level, place)
    whole, alone, ratios, shares = [], [], [], []
    for number in range(chosen.repeat):
        beside = bare(plan, url, level) if number % 2 else []
        process, asking, seconds = ours(plan, url, place)
        beside = beside or bare(plan, url, level)
        whole.append(process)
        alone.append(asking)
        shares.append(asking / 1000 / statistics.mean(seconds))
        ratios.append(statistics.median(seconds) / statistics.median(beside))
    print(
        f"| {cluster}, {chosen.tokens} tokens | {level} | {statistics.median(whole):.2f} | {max(whole):.2f} | "
        f"{statistics.median(alone):.2f} | {statistics.median(shares):.2%}, {max(shares):.2%} | "
        f"{statistics.median(ratios):.4f} ({min(ratios):.4f} to {max(ratios):.4f}) | {os.getloadavg()[0]:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
