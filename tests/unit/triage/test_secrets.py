"""Secrets of a paste, thirty kinds and more, in none of the forms in which an answer leaves the program."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted import CONTEXTS, SECRETS

from doctor.cli.main import run

PLANTED = (*SECRETS.values(), *(secret for _, secret in CONTEXTS.values()))
TEXTS = tuple(" ".join(text.splitlines()) for text in (*SECRETS.values(), *(text for text, _ in CONTEXTS.values())))
PASTE = "".join(
    f"""Traceback (most recent call last):
  File "/home/janedoe/p/run.py", line 3, in <module>
    connect("{text}")
  File "/home/janedoe/venv/lib/python3.11/site-packages/requests/api.py", line 9, in get
    ask("{text}")
ValueError: bad thing {text}

2025-11-03 14:00:31,000 INFO:   Running command: cszoo fit --x {text}
2025-11-03 14:00:31,000 INFO:   Poll ingress status: Waiting for job running, current job status: Queueing, msg: {text}
ERROR: Could not find a version that satisfies the requirement {text} (from versions: none)
"""
    for text in TEXTS
)


@pytest.mark.parametrize("form", ["text", "ticket", "json", "html", "batch text", "batch json"])
def test_no_form_shows_a_secret(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(set(PLANTED)) >= 30
    (tmp_path / "paste.txt").write_text(PASTE)
    batch, _, kind = form.rpartition(" ")
    where = ["--batch", str(tmp_path)] if batch else [str(tmp_path / "paste.txt")]
    assert run(["--offline", "triage", "--format", kind, *where]) == 1
    told = "".join(capsys.readouterr())
    assert len(told) > 200
    assert [secret for secret in PLANTED if secret in told] == []
