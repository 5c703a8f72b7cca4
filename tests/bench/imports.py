"""Static import contracts against really importing: ``python tests/bench/imports.py VENV MODULE... [--runs N]``.

Cold (no summary is known), warm (all are), and ``acdoctor check`` of an environment that has not changed since, each as a
multiple of the CPU time in which the venv's own interpreter imports the same modules in one process; and the memory of
the cold run. Each module should import: what breaks early is imported quickly.

``python tests/bench/imports.py --growth`` shows that time grows with what is followed: it makes environments of 50 to 500
distributions, each of which imports three others, and follows them all.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import compare, console_script, cpu_seconds, show

LIMITS = {"static, cold": 1.5, "static, warm": 0.3, "check, unchanged": 0.05}
MEMORY_MB = 600
SIZES = (50, 100, 200, 350, 500)
GROWTH = 1.5  # how much dearer one distribution among 500 may be than one among 50
ENDS = (0, 1)  # with findings or without

_IMPORT = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception as error:
        print(f"{name}: {error!r}", file=sys.stderr)
"""


def main() -> int:
    """Print the ratios; 1 when one is over its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("venv", nargs="?", help="a real environment")
    parser.add_argument("modules", nargs="*", help="what to import there")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--growth", action="store_true", help="measure made-up environments of growing size instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.growth:
            return growth(Path(folder), options.runs)
        if not options.modules:
            parser.error("VENV and at least one MODULE, or --growth")
        return ratios(Path(folder), Path(options.venv), options.modules, options.runs)


def ratios(folder: Path, venv: Path, modules: list[str], runs: int) -> int:
    """Static against real import of the same modules."""
    names = folder / "modules.txt"
    names.write_text("\n".join(modules))
    follow = [console_script(), "imports", "--modules-from", str(names), str(venv)]
    entries = [option for module in modules for option in ("--entry", module)]
    examine = [console_script(), "check", str(venv), "--stack", "none", *entries]
    cpu_seconds(forgetful(folder / "memory", follow), expect=ENDS)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    medians = compare(
        {
            "real import": [str(venv / "bin" / "python"), "-c", _IMPORT, *modules],
            "static, cold": forgetful(folder / "cold", follow),
            "static, warm": remembering(folder / "warm", follow),
            "check, cold": forgetful(folder / "cold-check", examine),
            "check, unchanged": remembering(folder / "warm", examine),
        },
        runs,
        expect=ENDS,
    )
    count = len(list(venv.glob("lib/python*/site-packages/*.dist-info")))
    print(f"{len(modules)} modules, {count} distributions, median of {runs} runs, Python {sys.version.split()[0]}")
    over = show(medians, "real import", LIMITS)
    fits = memory <= MEMORY_MB
    print(f"{'memory, cold':<36} {memory:8} MB{'':15}at most {MEMORY_MB}: {'ok' if fits else 'OVER'}")
    return over or int(not fits)


def remembering(cache: Path, command: list[str]) -> list[str]:
    """The command with a cache of its own."""
    return ["env", f"XDG_CACHE_HOME={cache}", *command]


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
