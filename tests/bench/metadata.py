"""The metadata check against ``pip check``: ``python tests/bench/metadata.py [VENV] [--runs N]``.

Without VENV it makes one of 250 distributions, written to the measure of 5,556 real ones: 10 requirements (half of them
under an extra or a marker), 54 lines of headers, 11 kB of METADATA and 170 files each, all requirements satisfied. With
VENV it measures a real one, with the pip in it or else the one beside this interpreter.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import compare, console_script, show

DISTRIBUTIONS = 250
LIMIT = 0.5
_WORDS = (
    "tensor kernel batch layer model train loss graph stream token cache shard queue pool fast safe open core".split()
)
_MARKERS = (
    '; python_version >= "3.8"',
    '; sys_platform == "win32"',
    '; extra == "dev"',
    '; extra == "dev"',
    '; extra == "test"',
    '; extra == "all"',
    '; extra == "test" and python_version < "3.14"',
    '; platform_machine == "x86_64" and sys_platform == "linux"',
)


def main() -> int:
    """Print the ratios; 1 when the metadata check is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("venv", nargs="?", help="a real environment")
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    if options.venv:
        return _measure(Path(options.venv), options.runs)
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder) / "venv"
        make_venv(venv, DISTRIBUTIONS)
        return _measure(venv, options.runs)


def _measure(venv: Path, runs: int) -> int:
    python = str(venv / "bin" / "python")
    own = bool(list(venv.glob("lib/python*/site-packages/pip")))
    pip = [python, "-m", "pip"] if own else [sys.executable, "-m", "pip", "--python", python]
    version = subprocess.run([*pip, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    check = [console_script(), "check", str(venv), "--stack", "none"]
    medians = compare(
        {"pip check": [*pip, "check"], "acdoctor check --depth metadata": [*check, "--depth", "metadata"]},
        runs,
        expect=(0, 1),  # a real one may have its troubles; both then say so
    )
    count = len(list(venv.glob("lib/python*/site-packages/*.dist-info")))
    print(f"{count} distributions, pip {version}, median of {runs} runs, Python {sys.version.split()[0]}")
    return show(medians, "pip check", {"acdoctor check --depth metadata": LIMIT})


def make_venv(venv: Path, number: int) -> None:
    """A venv with pip and ``number`` distributions (pip among them), the same ones every time."""
    make = [sys.executable, "-m", "virtualenv", "--quiet", "--no-download", "--no-periodic-update", str(venv)]
    subprocess.run(make, check=True)
    site = next(venv.glob("lib/python*/site-packages"))
    there = len(list(site.glob("*.dist-info")))
    chance = random.Random(250)
    versions = {
        f"{chance.choice(_WORDS)}-{chance.choice(_WORDS)}-{n}": f"{n % 7}.{n % 11}.{n % 5}"
        for n in range(number - there)
    }
    names = list(versions)
    for position, name in enumerate(names):
        _write(site, name, versions[name], _requirements(names[:position], versions, chance), chance)


def _requirements(earlier: list[str], versions: dict[str, str], chance: random.Random) -> list[str]:
    """Requirements that hold; those under an extra or another platform may name what is not there."""
    lines = []
    for other in chance.sample(earlier, min(len(earlier), chance.randrange(21))):
        major = int(versions[other].split(".")[0])
        specifier = chance.choice((f">={versions[other]}", f"<{major + 1},>={versions[other]}", "", f"!=9.9,>={major}"))
        lines.append(f"{other}{specifier}")
    for index, line in enumerate(lines):
        if chance.random() < 1 / 2:
            lines[index] = line + chance.choice(_MARKERS)
    return lines


def _write(site: Path, name: str, version: str, requires: list[str], chance: random.Random) -> None:
    module = name.replace("-", "_")
    folder = site / f"{module}-{version}.dist-info"
    folder.mkdir()
    package = site / module
    package.mkdir()
    files = [f"{module}/__init__.py", *(f"{module}/part{n}.py" for n in range(chance.randrange(340)))]
    source = "import os\n\nVALUE = os.sep\n"
    for file in files:
        (site / file).write_text(source)
    text = "\n".join(" ".join(chance.choices(_WORDS, k=8)) for _ in range(chance.randrange(430)))
    metadata = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        "Summary: written by tests/bench/metadata.py",
        "Requires-Python: >=3.8",
        "Provides-Extra: dev",
        "Provides-Extra: test",
        "Provides-Extra: all",
        *(f"Classifier: Topic :: {word} :: {other}" for word in _WORDS for other in ("Fast", "Slow")),
        *(f"Requires-Dist: {line}" for line in requires),
    ]
    (folder / "METADATA").write_text("\n".join(metadata) + f"\n\n{text}\n")
    (folder / "WHEEL").write_text("Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    (folder / "INSTALLER").write_text("pip\n")
    own = [f"{folder.name}/{item}" for item in ("METADATA", "WHEEL", "INSTALLER")]
    record = [f"{file},,{len(source)}" for file in files] + [f"{item},," for item in (*own, f"{folder.name}/RECORD")]
    (folder / "RECORD").write_text("\n".join(record) + "\n")


if __name__ == "__main__":
    sys.exit(main())
