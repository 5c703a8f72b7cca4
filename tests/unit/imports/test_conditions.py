"""What is decided of a condition is what Python says of it: a wrong certainty is a false alarm or a missed break.

Each line of ``conditions/*.txt`` is a condition that is true (``set up ;; condition``); that it is, a real interpreter
confirms. The importer may not know it, but must never hold it for false.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

CONDITIONS = Path(__file__).parent / "conditions"
LEAST_DECIDED = 0.35


def parts(line: str) -> tuple[str, str]:
    """Statements that set the scene, and the condition."""
    before, _, condition = line.rpartition(" ;; ")
    return (before + "\n" if before else ""), condition


@pytest.mark.parametrize(("name", "prelude"), [("simple", ""), ("classes", "classes.py.txt")])
def test_no_condition_is_decided_wrongly(name, prelude, tmp_path, patient, ask):
    lines = (CONDITIONS / f"{name}.txt").read_text("utf-8").splitlines()
    scene = (CONDITIONS / prelude).read_text("utf-8") if prelude else ""
    real, followed = scene, scene
    for number, line in enumerate(lines):
        before, condition = parts(line)
        real += f"{before}assert ({condition}), {line!r}\n"
        followed += f"{before}if ({condition}):\n    import yes_{number}\nelse:\n    import no_{number}\n"
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "main.py").write_text(real, "utf-8")
    (tmp_path / "main.py").write_text(followed, "utf-8")
    command = [
        str(patient.python),
        "-E",
        "-B",
        "-W",
        "ignore",
        "-c",
        "import sys; sys.path.insert(0, sys.argv[1]); import main",
    ]
    subprocess.run([*command, str(tmp_path / "real")], check=True, timeout=60)
    met = {f.symbol for f in ask("main", paths=(tmp_path,)).failures}
    assert [line for number, line in enumerate(lines) if f"no_{number}" in met] == []
    assert met <= {f"yes_{number}" for number in range(len(lines))}
    assert len(met) > LEAST_DECIDED * len(lines)
