"""The screens and tickets of triage, as files: a change of a word shows in review.

``ACDOCTOR_GOLDEN=write`` writes them anew.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from doctor import __version__

HERE = Path(__file__).parent / "triage"
CASES = [(source, form) for source in sorted(HERE.glob("*.in.txt")) for form in ("text", "ticket")]


@pytest.mark.parametrize(("source", "form"), CASES, ids=[f"{s.name.split('.')[0]}-{f}" for s, f in CASES])
def test_golden(source: Path, form: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "doctor", "triage", "-", "--offline", "--format", form],
        input=source.read_bytes(),
        capture_output=True,
        check=False,
        env={**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"},
    )
    assert done.stderr == b""
    got = done.stdout.decode().replace(f"acdoctor {__version__}", "acdoctor VERSION")
    golden = source.with_name(source.name.replace(".in.txt", f".{form}.txt"))
    if os.environ.get("ACDOCTOR_GOLDEN") == "write":
        golden.write_text(got)
    assert got == golden.read_text()
    assert "jdoe" not in got or form == "text"
    assert "hf_abc" not in got
