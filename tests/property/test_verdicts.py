"""A kept verdict is told again only when an examination would give the same: random changes of a small environment."""

from __future__ import annotations

import os
import random
import shutil
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from probepatient import Venv, make_venv

from doctor.checks import verdicts
from doctor.checks.examine import NO_STACK, Options, examine
from doctor.model import Report
from doctor.probe import witness

WILD = os.environ.get("ACDOCTOR_FUZZ", "")  # a number: that many changes for each seed, and other seeds
STEPS = int(WILD or 30)
SEEDS = range(int(WILD or 0), int(WILD or 0) + 3)

MODULES = {
    "app/__init__.py": "from app import work, extra\n",
    "app/work.py": "import lib.core\nfrom lib.core import one, two\nimport lib.data\n",
    "app/extra.py": "try:\n    import gone\nexcept ImportError:\n    gone = None\nfrom lib import names\nnames.three\n",
    "lib/__init__.py": "from lib.core import one\n",
    "lib/core.py": "one = 1\ntwo = 2\nfrom space.part import x\n",
    "lib/names.py": "three = 3\nfour = 44\n",
    "lib/data.py": "import os\nhere = open(os.path.join(os.path.dirname(__file__), 'data.txt')).read()\n",
    "lib/data.txt": "some text\n",
    "space/part.py": "x = 1\n",
    "single.py": "import lib.core as c\nc.two\n",
}
TEXTS = (
    "one = 1\n",
    "two = 2\n",
    "three = 3\n",
    "x = 1\n",
    "import gone\n",
    "raise ImportError('no')\n",
    "def f(:\n",
    "",
)


@pytest.fixture
def venv(tmp_path, monkeypatch) -> Venv:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "VIRTUAL_ENV"):
        monkeypatch.delenv(name, raising=False)
    made = make_venv(tmp_path / "venv")
    for name, text in MODULES.items():
        path = made.site / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    for name in ("app", "lib", "single"):
        record = "".join(f"{n},,{len(t)}\n" for n, t in MODULES.items() if n.split("/")[0].split(".")[0] == name)
        made.install(name, RECORD=record, metadata="Requires-Dist: lib" if name == "app" else "")
    return made


class Changer:
    """Makes one change after another, as people, installers and file systems make them."""

    def __init__(self, venv: Venv, chance: random.Random) -> None:
        self.site, self.outside, self.chance = venv.site, venv.path.parent / "outside", chance
        self.outside.mkdir()

    def files(self) -> list[Path]:
        return sorted(
            p for p in self.site.rglob("*") if (p.is_file() or p.is_symlink()) and "__pycache__" not in p.parts
        )

    def change(self) -> str:
        kind = self.chance.choice(
            "nothing nothing touch swap_kept_time write append truncate delete shadow folder link relink hardlink "
            "byte_code rename replace pth metadata record chmod swap_folder restore restore restore restore".split()
        )
        path = self.chance.choice(self.files())
        with suppress(OSError):  # what is in the way of a change stays; half of a change is one, too
            getattr(self, kind)(path)
        return f"{kind} {path.name}"

    def nothing(self, path: Path) -> None: ...

    def touch(self, path: Path) -> None:
        os.utime(path, follow_symlinks=path.exists())

    def swap_kept_time(self, path: Path) -> None:
        """Another content of the same length, and the old time put back."""
        if path.suffix == ".py" and path.is_file():
            facts, text = path.stat(), path.read_text()
            path.write_text(text.replace("two", "owt") if "two" in text else text.replace("one", "eno"))
            os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    def write(self, path: Path) -> None:
        if path.exists() and ".dist-info" not in str(path):
            path.write_text(self.chance.choice(TEXTS) + self.chance.choice(TEXTS))

    def append(self, path: Path) -> None:
        if path.suffix == ".py" and path.exists():
            with path.open("a") as stream:
                stream.write(self.chance.choice(TEXTS))

    def truncate(self, path: Path) -> None:
        if path.suffix == ".py" and path.exists():
            os.truncate(path, 0)

    def delete(self, path: Path) -> None:
        path.unlink()

    def restore(self, path: Path) -> None:
        for child in self.site.iterdir():
            if child.suffix != ".dist-info":
                shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()
        for name, text in MODULES.items():
            (self.site / name).parent.mkdir(exist_ok=True)
            (self.site / name).write_text(text)

    def shadow(self, path: Path) -> None:
        """Something that comes before what was found until now: a package beside a module, or what was absent."""
        name = self.chance.choice(["single/__init__.py", "gone.py", "lib/core/__init__.py", "space/__init__.py"])
        (self.site / name).parent.mkdir(exist_ok=True)
        (self.site / name).write_text(self.chance.choice(TEXTS))

    def folder(self, path: Path) -> None:
        shutil.rmtree(self.site / self.chance.choice(["single", "lib/core", "space", "app"]), ignore_errors=True)

    def link(self, path: Path) -> None:
        target = self.outside / f"{self.chance.randrange(4)}.py"
        target.write_text(self.chance.choice(TEXTS))
        if ".dist-info" not in str(path):
            path.unlink()
            path.symlink_to(target)

    def relink(self, path: Path) -> None:
        """What a link leads to changes, or is gone; the link does not."""
        for target in list(self.outside.iterdir())[:1]:
            target.unlink()
            if self.chance.random() < 0.6:
                target.write_text(self.chance.choice(TEXTS))

    def hardlink(self, path: Path) -> None:
        """As uv makes a second environment of the same files."""
        if path.is_file():
            other = self.outside / f"hard{self.chance.randrange(10**9)}"
            os.link(path.resolve(), other)

    def byte_code(self, path: Path) -> None:
        folder = path.parent / "__pycache__"
        if folder.exists():
            shutil.rmtree(folder)
        else:
            folder.mkdir()
            (folder / "core.cpython-311.pyc").write_bytes(b"\0" * 16)

    def rename(self, path: Path) -> None:
        if path.suffix == ".py":
            path.rename(path.with_name(self.chance.choice(["core.py", "names.py", "other.py"])))

    def replace(self, path: Path) -> None:
        """The same content in a new file, as an installer puts it."""
        if path.is_file():
            new = path.with_name("new")
            shutil.copy2(path, new)
            new.rename(path)

    def pth(self, path: Path) -> None:
        (self.site / "more.pth").write_text(self.chance.choice([f"{self.outside}\n", "", "/nowhere\n"]))
        (self.outside / "gone.py").write_text("here = 1\n")

    def metadata(self, path: Path) -> None:
        version = self.chance.choice(["1.0", "2.0"])
        (self.site / "lib-1.0.dist-info" / "METADATA").write_text(f"Name: lib\nVersion: {version}\n\n")

    def record(self, path: Path) -> None:
        (self.site / "lib-1.0.dist-info" / "RECORD").write_text(f"lib/core.py,,{self.chance.randrange(20, 60)}\n")

    def chmod(self, path: Path) -> None:
        path.chmod(self.chance.choice([0o644, 0o755, 0o600])) if path.exists() else None

    def swap_folder(self, path: Path) -> None:
        """A folder becomes a link to a copy of it, and something in the copy is another."""
        folder = self.site / "lib"
        if folder.is_dir() and not folder.is_symlink():
            copy = self.outside / f"lib{self.chance.randrange(10**9)}"
            shutil.copytree(folder, copy, symlinks=True)
            shutil.rmtree(folder)
            folder.symlink_to(copy)


def plain(report: Report) -> Report:
    return replace(report, tally=replace(report.tally, seconds=0.0))


@pytest.mark.parametrize("young_ns", [2_000_000_000, 20_000_000], ids=["just changed", "changed long ago"])
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_told_again_is_what_an_examination_finds(venv, monkeypatch, seed, young_ns):
    # files that are as young as these are read again; with the limit lowered, stamps alone decide
    monkeypatch.setattr(witness, "_YOUNG_NS", young_ns)
    told: list[bool] = []
    recalled = verdicts.recalled

    def counted(*arguments: object) -> Report | None:
        report = recalled(*arguments)
        told.append(report is not None)
        return report

    monkeypatch.setattr(verdicts, "recalled", counted)
    changer = Changer(venv, random.Random(seed))
    options = Options(stack=NO_STACK, entries=("app", "single"))
    seen, done = set(), []
    for _ in range(STEPS):
        done.append(changer.change())
        if young_ns < 1e9:
            time.sleep(0.03)
        kept, new = examine(str(venv.path), options), examine(str(venv.path), replace(options, fresh=True))
        assert plain(kept) == plain(new), done
        seen.add(tuple(f.key for f in new.findings))
    assert 0.1 < sum(told) / STEPS < 0.9
    assert len(seen) >= 4
