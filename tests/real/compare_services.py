"""``acdoctor compare`` from end to end: a real gpt-oss behind the gateway of tests/gateway, as Metis and as Sophia.

    python -m tests.real.compare_services FOLDER [--n 8] [--concurrency 1,4] [--keep RUN_DIR]

FOLDER is that of tests/real/gptoss_server.py. Both services are the same model on the same machine, so no difference in
latency may be claimed; answers must be right, Sophia's stream must be seen to be bundled, and both services' own numbers
must stand beside ours. Prints what was found; exit 1 when something of this does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1] / "gateway")]

from gatewaypeers import Relay
from servicegateway import served, two_services

from tests.real.gptoss_server import NAME, questions, serving


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", default="8")
    parser.add_argument("--concurrency", default="1,4")
    parser.add_argument("--keep", default="")
    chosen = parser.parse_args()
    with serving(chosen.folder) as url, tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        rows = [{"question": row["question"], "answer": row["answer"]} for row in questions()]
        (place / "known.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        folder = Path(chosen.keep or place / "run").absolute()
        with served(two_services(Relay(url, NAME), Relay(url, NAME))) as gateway:
            named = ",".join(gateway.base(cluster) for cluster in ("metis", "sophia"))
            command = [sys.executable, "-m", "doctor", "compare", "gpt-oss", "--dataset", str(place / "known.jsonl")]
            command += ["--services", named, "--n", chosen.n, "--concurrency", chosen.concurrency, "--plain", "2"]
            command += ["--max-tokens", "128", "--token-env", "A_TOKEN", "--run-dir", str(folder), "--fresh"]
            done = subprocess.run(command, env={**os.environ, "A_TOKEN": "good-token"}, text=True, check=False)
        if done.returncode:
            return done.returncode
        return judged(json.loads((folder / "report.json").read_text()))


def judged(document) -> int:
    services = {s["name"]: s for s in document["services"]}
    claims = [c for c in document["comparisons"] if c["claimed"] and c["measure"] == "latency"]
    held = {
        "complete": document["complete"],
        "every answer valid": all(cell["valid"] == cell["asked"] for cell in document["cells"]),
        "answers right": all(s["right"]["value"] >= 0.9 for s in services.values()),
        "Sophia's stream is seen to be bundled": "sophia" in document["incomparable"],
        "Metis' stream is not": "metis" not in document["incomparable"],
        "no difference in latency is claimed": not claims,
        "Metis' own numbers": {"total_latency", "time_to_first_token"}
        <= {n["name"] for n in services["metis"]["own_numbers"]},
        "Sophia's own numbers": "response_time" in {n["name"] for n in services["sophia"]["own_numbers"]},
    }
    for what, yes in held.items():
        print(f"{'holds    ' if yes else 'DOES NOT '}  {what}")
    shares = {name: s["stream"]["quick_share"] for name, s in services.items()}
    print(
        f"gaps below 2 ms in the streams: {shares}; CPU {document['cpu_seconds_per_request'] * 1000:.2f} ms a request"
    )
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
