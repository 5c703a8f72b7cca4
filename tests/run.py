"""Everything that CI holds the code to, in one command: ruff, mypy, the layers, the tests.

All steps run, whatever the earlier ones said; the exit code is 1 when one of them failed. The tests come last, so that
pytest's summary is the last thing on the screen. Arguments go to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = Path(sys.executable).parent
STEPS = (
    ("ruff", [str(SCRIPTS / "ruff"), "check", "--quiet", "."]),
    ("mypy", [sys.executable, "-m", "mypy"]),
    ("import-linter", [str(SCRIPTS / "lint-imports")]),
    ("pytest", [sys.executable, "-m", "pytest", "-n", "auto"]),
)


def main() -> int:
    """Run the steps; 0 when all of them passed."""
    failed = []
    # what the tests start is found beside this interpreter, also when no venv is activated
    environment = {**os.environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    for name, command in STEPS:
        arguments = sys.argv[1:] if name == "pytest" else []
        print(f"== {name}", flush=True)
        if subprocess.run([*command, *arguments], cwd=ROOT, env=environment, check=False).returncode:
            failed.append(name)
            print(f"== {name} failed", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
