"""A real gpt-oss server behind the gateway: the openai SDK and the doctor's client see the same, and the ladder is climbed.

    python -m tests.real.gptoss_clients FOLDER

FOLDER is that of tests/real/gptoss_server.py (made when it is missing): a ``GptOssForCausalLM`` served by ``transformers
serve``; its environment has the openai SDK, too. Every question goes to both services of the gateway, streamed and in one
piece, with enough and with too few tokens, through both clients. Prints what differs, and the ladders.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1] / "gateway"), str(HERE.parent), str(HERE.parents[2])]

from gatewaypeers import Relay
from gptoss_server import NAME, questions, serving
from servicegateway import served, two_services

from doctor.smoke.judging import Judge
from doctor.smoke.service import Question
from doctor.smoke.service_client import ServiceClient
from doctor.smoke.services import service_named

MODELS = {"metis": "gpt-oss-120b", "sophia": "openai/gpt-oss-120b"}
ASKED = 6
ENOUGH, FEW = 256, 3
SERVER_FIELDS = ("reasoning_effort", "stream_options")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    options = parser.parse_args()
    folder = Path(options.folder)
    with serving(folder) as base:
        relay = Relay(base, NAME, drop=SERVER_FIELDS)
        gateway = two_services(relay, relay)
        gateway.rate = 10**6
        with served(gateway):
            differing = compare(gateway, folder)
            failed = [climb(gateway.base(cluster), "--token-env", "A_TOKEN") for cluster in MODELS]
        failed.append(climb(base, "--model", NAME))
    return 1 if differing or any(failed) else 0


def compare(gateway, folder: Path) -> int:
    known = questions()
    chosen = known[:: max(1, len(known) // ASKED)]
    wishes = [
        {
            "base": gateway.base(cluster),
            "token": "good-token",
            "model": model,
            "question": row["question"],
            "stream": stream,
            "max_tokens": most,
        }
        for cluster, model in MODELS.items()
        for row in chosen
        for stream in (False, True)
        for most in (ENOUGH, FEW)
    ]
    script = HERE.parents[1] / "gateway" / "sdkclient.py"
    begin = time.perf_counter()
    done = subprocess.run(
        [folder / "venv" / "bin" / "python", script],
        input=json.dumps(wishes),
        capture_output=True,
        text=True,
        check=True,
    )
    print(f"openai SDK: {len(wishes)} requests in {time.perf_counter() - begin:.1f} s")
    judge = Judge.load()
    begin, differing, right, answered, explained = time.perf_counter(), 0, 0, 0, 0
    answers = {row["question"]: row["answer"] for row in chosen}
    for wish, theirs in zip(wishes, json.loads(done.stdout), strict=True):
        client = ServiceClient(service_named(wish["base"]), wish["token"], judge=judge)
        exchange = client.ask(
            Question(text=wish["question"], max_tokens=wish["max_tokens"]), model=wish["model"], stream=wish["stream"]
        )
        client.close()
        mine = [
            exchange.text,
            exchange.reasoning,
            exchange.finish,
            [exchange.usage.prompt, exchange.usage.completion],
            "",
        ]
        other = [theirs["text"], theirs["reasoning"], theirs["finish"], theirs["usage"], theirs["error"]]
        cut = exchange.failure is not None and exchange.failure.rule == "answer-budget" and wish["max_tokens"] == FEW
        explained += cut
        if mine != other or not (exchange.ok or cut):
            differing += 1
            print("DIFFERS", wish, mine, other, exchange.failure)
        answered += exchange.answered
        right += exchange.answered and exchange.text.strip() == answers[wish["question"]]
    print(f"acdoctor:   {len(wishes)} requests in {time.perf_counter() - begin:.1f} s")
    print(f"{differing} of {len(wishes)} differ in text, reasoning, finish or tokens, or were judged wrongly")
    print(
        f"{answered} answered, {right} of these as the model was taught; {explained} empty for want of tokens, and said so"
    )
    return differing


def climb(address: str, *more: str) -> int:
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "A_TOKEN": "good-token"}
    line = [sys.executable, "-m", "doctor", "smoke", "gpt-oss", "--service", address, *more]
    done = subprocess.run(line, cwd=HERE.parents[2], env=environment, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr, sep="")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
