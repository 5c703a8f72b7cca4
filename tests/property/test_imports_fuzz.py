"""Whatever lies in a source file, following it ends: soon, in little memory, with an answer."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from importcases import all_cases
from probepatient import make_venv

from doctor.imports.contracts import follow
from doctor.imports.followed import Question
from doctor.model import Environment, FileFacts, PathEntry

ROOT = Path(__file__).resolve().parents[2]
CPU_SECONDS = 30
ADDRESS_SPACE = 2_500_000_000  # with the reserved stack of half a GB
MEMORY_KB = 1_500_000

_FOLLOW = """
import json, resource, sys
from dataclasses import replace
from doctor.imports.contracts import follow
from doctor.imports.followed import Question
from doctor.model import PathEntry
from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles
venv, folder = sys.argv[1:]
environment = probe_environment(venv, environ={})
path = (PathEntry(path=folder, origin="pythonpath"), *environment.search_path)
followed = follow(Question(environment=replace(environment, search_path=path), files=DiskFiles(), entries=("main",)))
(told,) = followed.verdicts
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"outcome": told.outcome, "cpu": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss,
    "exception": told.failures[0].exception if told.failures else "", "reason": told.reason,
    "symbols": sorted(f.root.symbol for f in told.failures), "unreadable": len(followed.unreadable)}))
"""

LAST = "import nowhere\n"  # what comes after the hostile part


def cycle(number: int) -> dict[str, str]:
    """Modules that all import each other's neighbours."""
    return {f"m{n}.py": f"import m{(n + 1) % number}\nfrom m{(n * 7) % number} import *\n" for n in range(number)}


def stars(depth: int) -> dict[str, str]:
    """Every module takes all of the two below it, and adds to them."""
    files = {f"s{n}.py": f"from s{n + 1} import *\nfrom t{n + 1} import *\n" for n in range(depth)}
    files |= {f"t{n}.py": f"from s{n + 1} import *\nfrom t{n + 1} import *\n" for n in range(depth)}
    names = "".join(f"n{n} = {n}\n" for n in range(500))
    return files | {f"s{depth}.py": names, f"t{depth}.py": names}


SAMPLES: dict[str, dict[str, str | bytes]] = {
    "parentheses": {"main.py": "x = " + "(" * 10_000 + "1" + ")" * 10_000 + "\n"},
    "lists in lists": {"main.py": "x = " + "[" * 150 + "]" * 150 + "\n" + LAST},
    "unary": {"main.py": "x = " + "-" * 50_000 + "1\n"},
    "sum": {"main.py": "x = " + "+".join(["1"] * 20_000) + "\n"},
    "attributes": {"main.py": "import os\nos" + ".path" * 20_000 + "\n"},
    "calls": {"main.py": "def f():\n    return f\nf" + "()" * 5_000 + "\n" + LAST},
    "nested functions": {"main.py": "".join(f"{' ' * n}def f{n}():\n" for n in range(95)) + " " * 95 + "pass\n" + LAST},
    "nested ifs": {"main.py": "".join(f"{' ' * n}if x{n}:\n" for n in range(95)) + " " * 95 + "pass\n"},
    "elif chain": {"main.py": "import os\nx = os.getpid()\nif x == 0:\n    y = 0\n" + "".join(f"elif x == {n}:\n    y = {n}\n" for n in range(20_000))},
    "ifs": {"main.py": "import os\nx = os.getpid()\n" + "".join(f"if x == {n}:\n    y = {n}\n" for n in range(20_000)) + LAST},
    "undecided tries": {"main.py": "import os\nx = os.getpid()\n" + "".join(f"try:\n    f{n}()\nexcept x:\n    y = {n}\n" for n in range(3_000))},
    "statements": {"main.py": "x = 1\n" * 100_000 + LAST},
    "calls of a function": {"main.py": "def f(x):\n    return [x, x]\n" + "f(1)\n" * 20_000},
    "large file": {"main.py": "'" + "a" * 3_000_000 + "'\nx = '''" + "b\n" * 1000 + "'''\n" + LAST},
    "list literal": {"main.py": "x = [" + "1, " * 200_000 + "]\n" + LAST},
    "dict literal": {"main.py": "x = {" + ", ".join(f"'k{n}': {n}" for n in range(100_000)) + "}\n" + LAST},
    "null bytes": {"main.py": b"x = 1\n\0\0\0\n"},
    "binary": {"main.py": bytes(range(256)) * 1000},
    "unknown encoding": {"main.py": b"# -*- coding: no-such-code -*-\n"},
    "wrong encoding": {"main.py": b"# -*- coding: ascii -*-\nx = '\xff'\n"},
    "other encoding": {"main.py": "# -*- coding: latin-1 -*-\nx = '\xe9'\n".encode("latin-1") + LAST.encode()},
    "dangerous codec": {"main.py": b"# -*- coding: rot13 -*-\nvzcbeg bf\n"},
    "utf-16": {"main.py": ("x = 1\n" + LAST).encode("utf-16")},
    "only a mark": {"main.py": b"\xef\xbb\xbf"},
    "cycle": {"main.py": "import m0\n" + LAST, **cycle(300)},
    "stars": {"main.py": "from s0 import *\nn7\n" + LAST, **stars(25)},
    "recursion": {"main.py": "def f(n):\n    return f(n + 1)\nf(0)\n"},
    "mutual recursion": {"main.py": "def f(n):\n    return g(n) + g(n)\ndef g(n):\n    return f(n) + f(n)\nf(0)\n"},
    "fibonacci": {"main.py": "def f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)\nf(60)\n"},
    "function tree": {"main.py": "".join(f"def f{n}():\n    f{n + 1}()\n    f{n + 1}()\n" for n in range(40)) + "def f40():\n    pass\nf0()\n"},
    "function tree, undecided": {"main.py": "import os\nx = os.getpid()\n" + "".join(f"def f{n}():\n    if x:\n        f{n + 1}()\n    else:\n        f{n + 1}()\n" for n in range(40)) + "def f40():\n    pass\nf0()\n"},
    "loops through functions": {"main.py": "".join(f"def f{n}():\n    for i in range(99):\n        f{n + 1}()\n" for n in range(30)) + "def f30():\n    pass\nf0()\n"},
    "imports in a function tree": {"main.py": "".join(f"def f{n}():\n    import m{n}\n    f{n + 1}()\n    f{n + 1}()\n" for n in range(40)) + "def f40():\n    pass\nf0()\n"},
    "property recursion": {"main.py": "class A:\n    def __getattr__(self, n):\n        return getattr(self, n + 'x')\nA().b\n"},
    "class recursion": {"main.py": "class A:\n    def __init__(self):\n        self.a = A()\nA()\n"},
    "forever": {"main.py": "while True:\n    x = 1\n"},
    "forever in a function": {"main.py": "def f():\n    while True:\n        f()\nf()\n"},
    "long loop": {"main.py": "for i in range(10**12):\n    x = i\n"},
    "loops in loops": {"main.py": "for a in range(99):\n for b in range(99):\n  for c in range(99):\n   for d in range(99):\n    x = a\n"},
    "long comprehension": {"main.py": "x = [[j for j in range(10**6)] for i in range(10**6)]\nlist(range(10**12))\nsum(range(10**12))\n"},
    "list of range": {"main.py": "list(range(10**10)), tuple(range(10**10)), sorted(range(10**10)), set(range(10**10))\n"},
    "regex": {"main.py": "import re\nre.match('(a+)+$', 'a' * 64 + 'b')\nre.compile('(?:a{1,9999}){1,9999}')\n"},
    "large text": {"main.py": "x = 'x' * 10**9\ny = x * 10\nz = b'x' * 10**10\nw = [0] * 10**10\nv = (0,) * 10**10\nu = 10**9 * 'x'\n" + LAST},
    "doubling": {"main.py": "x = 'x'\n" + "x = x + x\n" * 60 + "y = [1]\n" + "y += y\n" * 60 + "z = ()\n" + "z = (z, z)\n" * 200 + "z == z\n" + LAST},
    "doubling in a loop": {"main.py": "x = 'x'\nfor i in range(60):\n    x += x\ny = [1]\nfor i in range(60):\n    y.extend(y)\n"},
    "formats": {"main.py": "x = '%1000000000d' % 1\ny = '{:1000000000}'.format(1)\nz = f'{1:1000000000}'\nw = 'a'.ljust(10**10)\nv = 'a'.zfill(10**10)\nu = 'a,' .join(['b'] * 10**9)\n" + LAST},
    "replacing": {"main.py": "x = 'a' * 1000\nx = x.replace('a', x)\nx = x.replace('a', x)\nx = x.replace('a', x)\nx = x.replace('a', x)\n" + LAST},
    "numbers": {"main.py": "x = 9 ** 9 ** 9\ny = 1 << 10**12\nz = 10 ** 10 ** 10\npow(9, 10**10)\nw = int('9' * 5000)\nv = 1e999\nu = str(10 ** 100000)\n" + LAST},
    "number loop": {"main.py": "x = 3\nfor i in range(80):\n    x = x * x\n"},
    "own list": {"main.py": "x = []\nx.append(x)\nx == x\nstr(x)\ny = {}\ny['y'] = y\ny == x\nfor i in x:\n    x.append(i)\n"},
    "own class": {"main.py": "class A:\n    pass\nA.A = A\nA.__getattr__ = A\nA().b.c\nA.__class__ = A\n"},
    "odd bases": {"main.py": "class A(A if 0 else object, *[object], **{}):\n    pass\nclass B(A, A):\n    pass\n"},
    "many classes": {"main.py": "class A0: pass\n" + "".join(f"class A{n}(A{n - 1}): pass\n" for n in range(1, 3000)) + "A2999.nothing\n"},
    "deep package": {"main.py": "import " + ".".join(["p"] * 500) + "\n", "p/__init__.py": "import p.p\n", "p/p/__init__.py": "__path__ = __import__('p').__path__\n"},
    "path of itself": {"main.py": "import p.a.a.a\n", "p/__init__.py": "", "p/a/__init__.py": "import os\n__path__ = [os.path.dirname(os.path.dirname(__file__))]\nimport p.a.a.a.a.a.a\n"},
    "lazy for ever": {"main.py": "from p import x\n", "p.py": "def __getattr__(name):\n    import p\n    return getattr(p, name + '_')\n"},
    "deleted by itself": {"main.py": "import p\np.x\nimport p\n", "p.py": "import sys\ndel sys.modules[__name__]\nimport p\n"},
    "sys is broken": {"main.py": "import sys\nsys.modules.clear()\nsys.path = None\nsys.meta_path = []\nimport json\n"},
    "builtins are broken": {"main.py": "import builtins\nbuiltins.__import__ = None\nbuiltins.len = 3\ndel builtins.open\n__builtins__ = {}\nlen([])\n"},
}  # fmt: skip
CERTAIN = {  # what the hostile part must not hide: its end is found, or (lists in lists) what Python itself says
    "lists in lists", "null bytes", "binary", "unknown encoding", "wrong encoding", "other encoding", "utf-16", "list literal",
    "dict literal", "large file", "cycle", "stars", "nested functions",
}  # fmt: skip


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter to follow for."""
    return make_venv(tmp_path_factory.mktemp("hostile") / "venv").path


def limited() -> None:
    """In the child: no more time and memory than this."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))


@pytest.mark.parametrize("name", SAMPLES)
def test_hostile_source_is_followed_in_bounds(name, tmp_path, venv):
    for path, content in SAMPLES[name].items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    command = [sys.executable, "-c", _FOLLOW, str(venv), str(tmp_path)]
    done = subprocess.run(
        command,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited,
        timeout=120,
    )
    assert done.returncode == 0, f"{name}: {done.returncode}\n{done.stderr[-2000:]}"
    told = json.loads(done.stdout)
    assert told["memory"] < MEMORY_KB
    assert told["outcome"] in {"ok", "fails", "unknown"}
    if name in CERTAIN:
        assert told["outcome"] == "fails", told


class MemoryFiles:
    """A program in memory, seen as files."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def read(self, path: str, limit: int | None = None) -> bytes:
        if path not in self._files:
            raise FileNotFoundError(path)
        return self._files[path][:limit]

    def facts(self, path: str) -> FileFacts | None:
        if path in self._files:
            return FileFacts(kind="file", size=len(self._files[path]))
        return FileFacts(kind="dir") if any(f.startswith(path + "/") for f in self._files) else None

    def listing(self, path: str) -> tuple[str, ...] | None:
        inside = sorted({f[len(path) + 1 :].partition("/")[0] for f in self._files if f.startswith(path + "/")})
        return tuple(inside) or None


PROGRAMS = [
    {path: text.encode() for path, text in case.files.items()}
    for case in all_cases()
    if len("".join(case.files.values())) > 60
]


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, bytes]:
    """A small program in which lines are moved, taken from another one, cut or spoiled."""
    files = dict(draw(st.sampled_from(PROGRAMS)))
    other = [line for text in draw(st.sampled_from(PROGRAMS)).values() for line in text.splitlines()]
    for path in list(files):
        lines = files[path].splitlines()
        for _ in range(draw(st.integers(0, 3))):
            place = draw(st.integers(0, len(lines)))
            change = draw(st.sampled_from(["take", "cut", "swap", "spoil", "again"]))
            if change == "take" and other:
                lines.insert(place, draw(st.sampled_from(other)))
            elif place < len(lines) and change == "cut":
                del lines[place]
            elif place < len(lines) and change == "again":
                lines.append(lines[place])
            elif place + 1 < len(lines) and change == "swap":
                lines[place : place + 2] = lines[place + 1], lines[place]
            elif place < len(lines) and change == "spoil":
                cut = draw(st.integers(0, len(lines[place])))
                lines[place] = lines[place][:cut] + draw(st.binary(max_size=3)) + lines[place][cut + 1 :]
        files[path] = b"\n".join(lines) + b"\n"
    return files


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(damaged())
def test_damaged_programs_get_a_verdict(files):
    rooted = {
        f"/{'second/' if p.startswith('+') else 'first/'}{p.removeprefix('+')}": text for p, text in files.items()
    }
    path = tuple(PathEntry(path=p, origin="site") for p in ("/first", "/second"))
    environment = Environment(
        path="/", kind="venv", python_version="3.11", platform="linux", interpreter=None, search_path=path
    )
    (told,) = follow(Question(environment=environment, files=MemoryFiles(rooted), entries=("main",))).verdicts
    assert told.outcome in {"ok", "fails", "unknown"}
    assert (told.outcome == "fails") == bool(told.failures) or told.outcome == "unknown"
