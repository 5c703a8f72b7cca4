"""Time grows with what entries reach: ``python tests/bench/growth.py [VENV]``.

Without VENV it makes environments of 50 to 500 distributions, each of which imports three others, and follows them all.
With a real one it follows what more and more of its distributions offer, and compares with how many modules that
reaches and how large their source is. Nothing is remembered in either case. CPU time, user and system.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import compare, console_script

SIZES = (50, 100, 200, 350, 500)
GROWTH = 1.5  # how much dearer one distribution (one MB of source) may be among all than among the first
ENDS = (0, 1)  # with findings or without

_FOLLOW = """
import json, sys, time
from doctor.checks import import_contracts
from doctor.checks.examination import Examination
from doctor.checks.examine import Records
from doctor.imports.entries import offers
from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles
from doctor.rulebook.load import load_rulebook

path, size = sys.argv[1], int(sys.argv[2])
environment, files = probe_environment(path), DiskFiles()
names = {d.name for d in sorted(environment.distributions, key=lambda d: d.name)[:size]}
records = Records(environment, files)
asked = Examination(environment=environment, files=files, rulebook=load_rulebook(), records=records)
chosen = tuple(o for o in offers(environment, records, files) if o.distribution in names)
started = time.process_time()
followed = import_contracts.follow_offers(asked, chosen)
seconds = time.process_time() - started
read = followed.machine.store.read_bytes if followed.machine else 0
print(json.dumps([len(names), len(chosen), len(followed.modules), read, seconds]))
"""


def main() -> int:
    """Print the times; 1 when the last ones are out of proportion."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("venv", nargs="?", type=Path, help="a real environment")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.venv:
            return real(Path(folder), options.venv.absolute())
        return growth(Path(folder), options.runs)


def real(folder: Path, venv: Path) -> int:
    """CPU time for each MB of source that is reached, from more and more distributions of one environment."""
    present = len(list(venv.glob("lib/python*/site-packages/*.dist-info")))
    rates = []
    for size in (*(size for size in SIZES if size < present), present):
        variables = {**os.environ, "XDG_CACHE_HOME": str(folder / str(size))}
        command = [sys.executable, "-c", _FOLLOW, str(venv), str(size)]
        done = subprocess.run(command, check=True, capture_output=True, env=variables, cwd="/")
        count, entries, modules, read, seconds = json.loads(done.stdout)
        rates.append(seconds / (read / 1e6))
        print(
            f"{count:4} distributions {entries:5} entries {modules:6} modules {read / 1e6:7.1f} MB {seconds:8.2f} s CPU"
            f" {seconds / modules * 1000:7.2f} ms a module {rates[-1]:6.3f} s a MB"
        )
    ratio = rates[-1] / rates[0]
    print(
        f"a MB of the last against one of the first: x {ratio:.2f}  at most {GROWTH:g}: {'ok' if ratio <= GROWTH else 'OVER'}"
    )
    return int(ratio > GROWTH)


def forgetful(cache: Path, command: list[str]) -> list[str]:
    """The command with a cache that is empty each time."""
    return ["sh", "-c", 'rm -rf "$0" && XDG_CACHE_HOME="$0" exec "$@"', str(cache), *command]


def growth(folder: Path, runs: int) -> int:
    """CPU time for each distribution, less that of a start, in environments of growing size."""
    empty = make_venv(folder / "empty", 0)
    names = folder / "empty.txt"
    names.write_text("json\n")
    commands = {
        0: forgetful(folder / "cache-empty", [console_script(), "imports", "--modules-from", str(names), str(empty)])
    }
    for size in SIZES:
        venv = make_venv(folder / f"venv-{size}", size)
        names = folder / f"{size}.txt"
        names.write_text("\n".join(f"made{n}" for n in range(size)))
        follow = [console_script(), "imports", "--modules-from", str(names), str(venv)]
        commands[size] = forgetful(folder / f"cache-{size}", follow)
    medians = compare({str(size): command for size, command in commands.items()}, runs, expect=ENDS)
    each = {size: (medians[str(size)] - medians["0"]) / size for size in SIZES}
    for size, seconds in each.items():
        print(f"{size:4} distributions {medians[str(size)]:8.2f} s CPU {seconds * 1000:8.2f} ms each")
    ratio = each[SIZES[-1]] / each[SIZES[0]]
    print(
        f"one of {SIZES[-1]} against one of {SIZES[0]}: x {ratio:.2f}  at most {GROWTH:g}: {'ok' if ratio <= GROWTH else 'OVER'}"
    )
    return int(ratio > GROWTH)


def make_venv(venv: Path, size: int) -> Path:
    """A venv with that many distributions of ten modules each, the same ones every time."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    chance = random.Random(size)
    for number in range(size):
        others = sorted(chance.sample(range(number), min(number, 3)))
        package = site / f"made{number}"
        package.mkdir()
        first = "".join(
            f"import made{other}\nfrom made{other}.part1 import Thing as Thing{other}\n" for other in others
        )
        parts = "".join(f"from . import part{n}\n" for n in range(9))
        (package / "__init__.py").write_text(f'"""Made up."""\n{first}{parts}__version__ = "1.0"\n')
        for part in range(9):
            (package / f"part{part}.py").write_text(source(part))
        info = site / f"made{number}-1.0.dist-info"
        info.mkdir()
        needs = "".join(f"Requires-Dist: made{other}\n" for other in others)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: made{number}\nVersion: 1.0\n{needs}")
        files = ["__init__.py", *(f"part{n}.py" for n in range(9))]
        (info / "RECORD").write_text("".join(f"made{number}/{file},,\n" for file in files))
    return venv


def source(part: int) -> str:
    """One module: imports under guards, classes, functions, a table that is computed."""
    functions = "".join(
        f"def function{n}(first, second: int = {n}, *rest, key=None):\n    value = [first, second, *rest]\n"
        f"    return {{'key': key, 'value': value}}\n\n\n"
        for n in range(20)
    )
    return (
        "from __future__ import annotations\n\nimport os\nimport sys\nfrom typing import TYPE_CHECKING\n\n"
        "if TYPE_CHECKING:\n    from nowhere import Nothing\ntry:\n    import optional_and_absent\nexcept ImportError:\n"
        "    optional_and_absent = None\n\nif sys.version_info >= (3, 8):\n    MODERN = True\n\n\n"
        f"class Thing:\n    size = {part}\n\n    def method(self) -> Nothing:\n        return self.size\n\n\n{functions}"
        "TABLE = {name: len(name) for name in ('one', 'two', 'three')}\nHERE = os.path.dirname(__file__)\n"
    )


if __name__ == "__main__":
    sys.exit(main())
