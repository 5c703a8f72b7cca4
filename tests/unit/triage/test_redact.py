"""Thirty kinds of secrets are planted in a ticket and in an environment, and none comes out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from planted import CONTEXTS, SECRETS

from doctor.model import DirectUrl, Distribution, Environment, PathEntry, Problem, PthFile
from doctor.probe.files import DiskFiles
from doctor.probe.redact import Redactor
from doctor.probe.snapshot import dump_snapshot, parse_snapshot, take_snapshot

# The shape of each secret is real, the secret is not; pieces are joined so that no scanner takes them for real ones.


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
