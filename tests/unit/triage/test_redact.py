"""Thirty kinds of secrets are planted in a ticket and in an environment, and none comes out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from doctor.model import DirectUrl, Distribution, Environment, PathEntry, Problem, PthFile
from doctor.probe.files import DiskFiles
from doctor.probe.redact import Redactor
from doctor.probe.snapshot import dump_snapshot, parse_snapshot, take_snapshot

# The shape of each secret is real, the secret is not; pieces are joined so that no scanner takes them for real ones.
X = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0"
SECRETS = {
    "hugging face": "hf_" + X,
    "openai": "sk-proj-" + X,
    "anthropic": "sk-ant-api03-" + X,
    "github": "ghp_" + X,
    "github fine": "github_pat_" + X,
    "gitlab": "glpat-" + X[:20],
    "slack": "xoxb-" + "123456789012-" + X[:24],
    "aws id": "AKIA" + "ABCDEFGHIJKLMNOP",
    "google": "AIza" + X[:35],
    "google oauth": "ya29." + X,
    "jwt": "eyJhbGciOiJIUzI1NiJ9." + X + "." + X,
    "pypi": "pypi-AgEI" + X,
    "npm": "npm_" + X[:36],
    "docker": "dckr_pat_" + X[:27],
    "databricks": "dapi" + "0123456789abcdef" * 2,
    "sendgrid": "SG." + X[:22] + "." + X,
    "telegram": "1234567890:AA" + X[:33],
    "nvidia": "nvapi-" + X,
    "groq": "gsk_" + X,
    "cerebras": "csk-" + X,
    "globus": "Ag" + X + "abcdefgh",
    "atlassian": "ATATT3" + X,
    "digitalocean": "dop_v1_" + "0123456789abcdef" * 4,
    "webhook": "https://hooks.slack.com/services/T000/B000/" + X[:24],
}
CONTEXTS = {
    "url login": ("index-url = https://bob:hunter2pass@mirror.example/simple", "hunter2pass"),
    "url token": ("pip install git+https://tok3nvalue99@git.example/x.git", "tok3nvalue99"),
    "query": ("GET https://x.example/f?X-Amz-Signature=9f8e7d6c5b4a&x=1", "9f8e7d6c5b4a"),
    "sas": ("https://x.blob.example/c?sv=2020&sig=Zm9vYmFyMTIz%3D", "Zm9vYmFyMTIz"),
    "bearer": ("Authorization: Bearer 0123456789abcdefABCDEF", "0123456789abcdefABCDEF"),
    "basic": ("curl -H 'Authorization: Basic dXNlcjpwYXNzd29yZA=='", "dXNlcjpwYXNzd29yZA"),
    "export": (
        "export WANDB_API_KEY=0123456789abcdef0123456789abcdef01234567",
        "0123456789abcdef0123456789abcdef01234567",
    ),
    "password": ("password: correct-horse-9", "correct-horse-9"),
    "json": ('{"access_token": "abcDEF123456", "x": 1}', "abcDEF123456"),
    "option": ("mysql --password=s3cr3tvalue --host x", "s3cr3tvalue"),
    "curl": ("curl -u bob:s3cr3tvalue https://x.example", "s3cr3tvalue"),
    "netrc": ("machine x.example login bob password s3cr3tvalue", "s3cr3tvalue"),
    "cookie": ("Set-Cookie: session=abcdef0123456789; Path=/", "abcdef0123456789"),
    "pem": ("-----BEGIN RSA PRIVATE KEY-----\nMIIEabcdef0123\n-----END RSA PRIVATE KEY-----", "MIIEabcdef0123"),
    "proxy": ("http_proxy=http://alice:pr0xypass@proxy.example:3128", "pr0xypass"),
    "azure": ("AccountName=x;AccountKey=Zm9vYmFyYmF6MTIzNDU2;EndpointSuffix=y", "Zm9vYmFyYmF6MTIzNDU2"),
    "mail": ("from: jane.doe+hpc@lab.example.org", "jane.doe"),
    "home": ('File "/home/janedoe/train.py", line 3; run by janedoe on n1', "janedoe"),
    "mac home": ("/Users/janedoe/venv/bin/python", "janedoe"),
    "windows home": (r"C:\Users\janedoe\venv\python.exe", "janedoe"),
    "prompt": ("janedoe@login1:~$ cszoo fit", "janedoe"),
}


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize(
    "frame", ["{}", "token: {}", "HF_TOKEN={} python x.py", 'key="{}",', "https://x.example/?t={}&u=1", "({})"]
)
def test_tokens_go_wherever_they_stand(kind: str, frame: str) -> None:
    secret = SECRETS[kind]
    clean = Redactor()(frame.format(secret))
    assert secret not in clean
    assert secret[8:] not in clean


@pytest.mark.parametrize("kind", CONTEXTS)
def test_secrets_known_by_their_place_go(kind: str) -> None:
    text, secret = CONTEXTS[kind]
    assert secret not in Redactor()(text)


KEPT = [
    "ModuleNotFoundError: No module named 'transformers.modeling_layers'",
    "ImportError: x.so: undefined symbol: _ZN3c106detail23torchInternalAssertFailEPKcS2_jS2_RKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "peft==0.18.0 tokenizers==0.20.1 keyring==25.0",
    "KeyError: 'system_fingerprint'",
    "token is missing; key: value pairs; keys = none",
    "Token is either not active or invalid",
    "size mismatch for model.embedding.weight: torch.Size([256, 64])",
    "git@github.com:org/repo.git",
    "Job id: wsjob-ab12cd34, workflow id: wflow-ef56",
    "/opt/conda/lib/python3.11/site-packages/google/protobuf/descriptor.py",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_a_diagnosis_needs_stays(text: str) -> None:
    assert Redactor()(text) == text


def test_a_snapshot_holds_none_of_them(tmp_path: Path) -> None:
    home = "/home/janedoe/R_2.6.0/venv"
    planted = [*SECRETS.values(), *(secret for _, secret in CONTEXTS.values() if secret != "janedoe")]
    texts = [*SECRETS.values(), *(text for text, _ in CONTEXTS.values())]
    environment = Environment(
        path=home,
        kind="venv",
        python_version="3.11",
        platform="linux-x86_64",
        interpreter=None,
        config={"command": " ".join(texts), "home": "/home/janedoe/python/bin"},
        site_dirs=(f"{home}/lib/python3.11/site-packages",),
        scripts_dir=str(tmp_path),
        search_path=(PathEntry(path=f"{home}/lib", origin="site"),),
        distributions=(
            Distribution(
                name="peft",
                display_name="peft",
                version="0.18.0",
                location=f"{home}/lib/python3.11/site-packages",
                metadata_path=f"{home}/lib/python3.11/site-packages/peft-0.18.0.dist-info",
                requires=("torch>=1.13.0", "x @ git+https://bob:hunter2pass@git.example/x.git", "tokenizers>=0.20"),
                direct_url=DirectUrl(
                    url="https://bob:hunter2pass@mirror.example/peft.whl?X-Amz-Signature=9f8e7d6c5b4a"
                ),
                has_record=False,
            ),
        ),
        pth_files=(
            PthFile(
                path=f"{home}/x.pth", adds=("/home/janedoe/code",), code=tuple(f"import os; k = '{t}'" for t in texts)
            ),
        ),
        problems=tuple(Problem(code="x", path="/home/janedoe/y", detail=text) for text in texts),
    )
    (tmp_path / "tool").write_text("#!/home/janedoe/venv/bin/python\nTOKEN=" + SECRETS["github"] + "\n")
    text = dump_snapshot(take_snapshot(environment, DiskFiles()))
    left = [secret for secret in (*planted, "janedoe") if secret in text]
    assert left == []
    again = parse_snapshot(text.encode()).environment
    peft = again.distribution("peft")
    assert peft is not None
    assert peft.version == "0.18.0"
    assert peft.requires[0] == "torch>=1.13.0"
    assert peft.requires[2] == "tokenizers>=0.20"
    assert again.path == "/home/user/R_2.6.0/venv"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"schema": "x"}',
        b'{"schema": "acdoctor.snapshot/2"}',
        b'{"schema": "acdoctor.snapshot/1"}',
        b'{"schema": "acdoctor.snapshot/1", "environment": {"path": 3}}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_snapshot_is_refused_in_one_sentence(data: bytes) -> None:
    from doctor.errors import UsageError

    with pytest.raises(UsageError) as caught:
        parse_snapshot(data)
    assert "\n" not in str(caught.value)


def test_unknown_keys_of_later_versions_are_left_out() -> None:
    environment = Environment(path="/v", kind="venv", python_version="3.11", platform="linux", interpreter=None)
    value = json.loads(dump_snapshot(take_snapshot(environment, DiskFiles())))
    value["environment"]["later"] = 1
    assert parse_snapshot(json.dumps(value).encode()).environment == replace(environment)
