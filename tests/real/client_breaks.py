"""The client packages of ``smoke gpt-oss``: what its first rung says, beside what really happens.

    python -m tests.real.client_breaks FOLDER

Makes an environment for each set below FOLDER with uv (what is there is used again), runs the client in it for the truth (against the gateway of tests/gateway),
and lets the rung look at it without running anything. Prints the table of RESULTS.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1] / "gateway"), str(HERE.parents[2])]

from servicegateway import served, two_services

from doctor.smoke.gpt_oss_packages import examine_clients

CLIENT = "import openai; openai.OpenAI(api_key='x', base_url='http://127.0.0.1:9/v1')"
LOGIN = "from globus_sdk.login_flows import LocalServerLoginFlowManager; import globus_sdk; globus_sdk.UserApp"
DATA = "import datasets"
SAMBA = (
    "import sambanova; sambanova.SambaNova(api_key='good-token', base_url='{base}', max_retries=0)"
    ".chat.completions.create(model='openai/gpt-oss-120b', messages=[dict(role='user', content='hi')])"
)
SAMBA_CHAIN = (
    "import langchain_sambanova as l; l.ChatSambaNovaCloud(sambanova_url='{base}/chat/completions',"
    " sambanova_api_key='good-token', model='openai/gpt-oss-120b', max_tokens=64).invoke('hi')"
)
# name: (what is installed, what is then put in its place without its requirements, the truth)
SETS: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "openai 1.54.5 + httpx 0.28.1": (("openai==1.54.5", "httpx==0.28.1"), (), CLIENT),
    "globus-sdk 3.45.0 (login script)": (("globus-sdk==3.45.0", "openai==3.54.0"), (), LOGIN),
    "globus-sdk, then jwt": (("globus-sdk==4.9.1",), ("jwt",), "import jwt; jwt.algorithms"),
    "typing_extensions 4.5.0": (("openai==3.54.0",), ("typing_extensions==4.5.0",), CLIENT),
    "typing_extensions 4.12.2": (("openai==3.54.0",), ("typing_extensions==4.12.2",), CLIENT),
    "pydantic-core 2.33.2": (("openai==3.54.0",), ("pydantic==2.14.3", "pydantic-core==2.33.2"), CLIENT),
    "langchain-openai 0.1.25, old openai": (
        ("langchain-openai==0.1.25", "openai==1.54.5", "httpx==0.28.1"),
        (),
        "import langchain_openai as l; l.ChatOpenAI(api_key='x')",
    ),
    "langchain-sambanova 0.1.6": (
        ("langchain-sambanova==0.1.6",),
        (),
        SAMBA_CHAIN,
    ),
    "sambanova 1.1.0": (("sambanova==1.1.0",), (), SAMBA),
    "datasets 2.14.4 + new pyarrow": (("datasets==2.14.4", "pyarrow"), (), DATA),
    "pandas 2.0.3 + numpy 2.2.6": (("datasets", "pandas==2.0.3", "numpy==1.26.4"), ("numpy==2.2.6",), DATA),
    "openai 3.54.0": (("openai==3.54.0",), (), CLIENT),
    "globus-sdk 4.9.1, alcf-tokens": (("globus-sdk==4.9.1", "alcf-tokens"), (), LOGIN),
    "anyio 3.7.1 (pip check complains)": (("openai==3.54.0",), ("anyio==3.7.1",), CLIENT),
    "jiter 0.4.2 (pip check complains)": (("openai==3.54.0",), ("jiter==0.4.2",), CLIENT),
    "datasets 5.2.0, openai 3.54.0": (("datasets==5.2.0", "openai==3.54.0"), (), f"{DATA}; {CLIENT}"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    folder = Path(parser.parse_args().folder)
    print("| set | really | the rung | the sentence |\n|---|---|---|---|")
    for number, (name, (wanted, forced, truth)) in enumerate(SETS.items()):
        venv = folder / f"set{number}"
        if not venv.exists():
            make(venv, wanted, forced)
        with served(two_services()) as gateway:
            line = [venv / "bin" / "python", "-W", "ignore", "-c", truth.format(base=gateway.base("sophia"))]
            done = subprocess.run(line, capture_output=True, text=True, check=False)
        really = "works" if done.returncode == 0 else done.stderr.strip().rpartition("\n")[2][:70]
        packages = examine_clients(str(venv))
        verdict = "failed" if packages.errors else "warned" if packages.findings else "passed"
        words = packages.findings[0].message if packages.findings else ""
        print(f"| {name} | {really} | {verdict} | {words} |", flush=True)


def make(venv: Path, wanted: tuple[str, ...], forced: tuple[str, ...]) -> None:
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, venv], check=True)
    for options in ([*wanted], ["--no-deps", *forced] if forced else []):
        if options:
            subprocess.run(
                [uv, "pip", "install", "-q", "--python", venv / "bin" / "python", *options],
                check=True,
                capture_output=True,
            )


if __name__ == "__main__":
    main()
