"""``acdoctor create``: real environments from a real server, interrupted, tampered with, continued."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from wheelhouse import make_wheel

from doctor.errors import DoctorError, IndexUnavailableError, UsageError
from doctor.index.index import Index
from doctor.index.settings import IndexSettings
from doctor.model import Severity
from doctor.rulebook.rules import Archive, Checkout, LeaveOut, Stack
from doctor.stacks.building_site import ROOM, Site, require_space
from doctor.stacks.create import Recipe, Reporting, check_checkout, create, likely_python
from doctor.stacks.fetching import HashMismatchError
from doctor.stacks.lockfile import Lock, Locked, LockedFile, render_pylock
from doctor.stacks.shopping import Wish, plan_shopping

BACKEND = """
import zipfile
def get_requires_for_build_editable(settings=None): return []
def build_editable(directory, settings=None, metadata=None):
    name = "work-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{directory}/{name}", "w") as wheel:
        wheel.writestr("work.pth", __import__("os").getcwd())
        wheel.writestr("work-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: work\\nVersion: 1.0\\n")
        wheel.writestr("work-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("work-1.0.dist-info/RECORD", "work.pth,,\\nwork-1.0.dist-info/METADATA,,\\nwork-1.0.dist-info/WHEEL,,\\nwork-1.0.dist-info/RECORD,,\\n")
    return name
build_wheel = build_editable
"""
STEPS = []
REPORTING = Reporting(step=STEPS.append, bytes_came=lambda name, count: None)


@pytest.fixture
def world(server, tmp_path):
    """A server with three wheels, and a recipe whose lock names them."""
    packages = []
    for name, size in (("app", 10), ("lib", 300_000), ("nvidia-thing", 10)):
        module = name.replace("-", "_")
        path = make_wheel(server.root, name, "1.0", {f"{module}/__init__.py": "x = 1\n" + "#" * size})
        body = path.read_bytes()
        file = LockedFile(filename=path.name, sha256=hashlib.sha256(body).hexdigest(), size=len(body))
        packages.append(Locked(name=name, version="1.0", files=(file,)))
    folder = tmp_path / "lock"
    folder.mkdir()
    (folder / "pylock.toml").write_text(render_pylock(Lock(packages=tuple(packages), requires_python=">=3.11")))
    return World(server, tmp_path, folder)


class World:
    def __init__(self, server, folder, lock):
        self.server, self.folder, self.lock, self.target = server, folder, lock, folder / "venv"

    def index(self, **how):
        return Index(IndexSettings(indexes=(self.server.url,), timeout=5, **how), self.folder / "cache")

    def stack(self, **changes):
        left = LeaveOut(option="cuda", packages=("nvidia-*",), reason="no GPU here")
        given = {"id": "s", "path": "", "title": "", "explain": "", "severity": Severity.NOTE, "leave_out": (left,)}
        return Stack(**{**given, **changes})

    def create(self, index=None, stack=None, **wish):
        recipe = Recipe(stack=stack or self.stack(), folder=self.lock)
        python = {"python": sys.executable}
        return create(
            recipe, str(self.target), Wish(**{"archives": {}, **python, **wish}), index or self.index(), REPORTING
        )

    def run(self, code):
        done = subprocess.run([self.target / "bin" / "python", "-c", code], capture_output=True, text=True, check=False)
        return done.stdout.strip() or done.stderr

    def damage(self, name):
        """Another file under the same name, as a tampered or rebuilt index would have it."""
        path = next(self.server.root.glob(f"{name}-*"))
        path.write_bytes(path.read_bytes() + b"x")
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def locked(self, name):
        return next(line for line in (self.lock / "pylock.toml").read_text().splitlines() if f"/{name}-" in line).split(
            '"'
        )[-2]


def test_an_environment_is_made_and_says_what_it_is(world):
    created = world.create(without=("cuda",))
    assert created.missing == ()
    assert created.left_out == ("nvidia-thing==1.0",)
    assert world.run("import app, lib; print(app.x + lib.x)") == "2"
    assert "No module named 'nvidia_thing'" in world.run("import nvidia_thing")
    config = (world.target / "pyvenv.cfg").read_text()
    assert "acdoctor-stack = s\nacdoctor-left-out = nvidia-thing==1.0\n" in config
    assert not (world.target / ROOM).exists()
    frozen = subprocess.run([world.target / "bin" / "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    assert frozen.split() == ["app==1.0", "lib==1.0"], "plain versions: the vendor's tools build images from this"
    with pytest.raises(UsageError, match="is there already"):
        world.create(without=("cuda",))


def test_without_uv_pip_does_it(world, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert world.create().installer == "pip"
    assert world.run("import app, lib, nvidia_thing; print(3)") == "3"


def test_a_wrong_hash_is_refused_with_both_hashes_before_anything_is_installed(world):
    wanted = world.locked("lib")
    found = world.damage("lib")
    with pytest.raises(HashMismatchError) as caught:
        world.create()
    assert wanted in str(caught.value)
    assert found in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(world.target.glob("lib/python*/site-packages/app"))


def test_a_file_that_is_not_what_the_index_announces_is_refused_and_not_kept(world):
    wanted, index = world.locked("lib"), world.index()
    index.versions("lib")  # the page is known; then the file changes, at the same size
    path = next(world.server.root.glob("lib-*"))
    path.write_bytes(path.read_bytes()[:-1] + b"y")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(HashMismatchError) as caught:
        world.create(index=index)
    assert (caught.value.wanted, caught.value.found) == (wanted, found)
    assert not list((world.target / ROOM / "wheels").glob("lib-*"))


def test_an_interrupted_download_goes_on_where_it_was(world):
    path = next(world.server.root.glob("lib-*"))
    body = path.read_bytes()
    path.unlink()
    with pytest.raises(IndexUnavailableError, match="same command again"):
        world.create()
    part = world.target / ROOM / "wheels" / f"{path.name}.part"
    part.write_bytes(body[:100])
    path.write_bytes(body)
    world.server.asked.clear()
    world.create()
    spans = [span for asked, span in world.server.asked if asked.endswith(path.name)]
    assert spans == [f"bytes=100-{len(body) - 1}"]
    assert world.run("import lib; print(lib.x)") == "1"


def test_a_place_without_ranges_and_a_damaged_part_end_well(world):
    world.server.ranges = False
    wheels = world.target / ROOM / "wheels"
    path = next(world.server.root.glob("lib-*"))
    body = path.read_bytes()
    path.unlink()
    with pytest.raises(IndexUnavailableError):
        world.create()
    path.write_bytes(body)
    (wheels / f"{path.name}.part").write_bytes(b"rubbish")
    world.create()
    assert world.run("import lib; print(lib.x)") == "1"


def test_an_interrupted_installation_is_made_again(world):
    with pytest.raises(UsageError, match="without tpu"):
        world.create(without=("tpu",))
    assert not world.target.exists(), "a wrong wish leaves nothing"
    part = next(world.server.root.glob("nvidia*"))
    body = part.read_bytes()
    part.unlink()
    with pytest.raises(IndexUnavailableError):
        world.create()
    part.write_bytes(body)
    (site,) = world.target.glob("lib/python*/site-packages")
    (site / "half.py").write_text("left by a kill")
    (world.target / ROOM / "installing").touch()
    with pytest.raises(UsageError, match="begun for something else"):
        world.create(without=("cuda",))
    world.create()
    assert not (site / "half.py").exists()
    assert world.run("import app, lib, nvidia_thing; print(3)") == "3"


def test_no_network_is_one_sentence_and_a_folder_of_wheels_does_instead(world):
    nowhere = Index(IndexSettings(indexes=("http://127.0.0.1:9/simple",), timeout=1), world.folder / "none")
    with pytest.raises(IndexUnavailableError) as caught:
        world.create(index=nowhere)
    assert "\n" not in str(caught.value)
    offline = Index(IndexSettings(indexes=(world.server.url,)).with_offline(), world.folder / "none")
    with pytest.raises(IndexUnavailableError, match="--find-links"):
        world.create(index=offline)
    world.create(index=offline, find_links=(str(world.server.root),))
    assert world.run("import app, lib; print(app.x)") == "1"


def test_a_users_own_file_is_held_to_the_lock_too(world, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "lib-1.0-py3-none-any.whl").write_bytes(b"not it")
    with pytest.raises(HashMismatchError, match=str(mine)):
        world.create(find_links=(str(mine),))
    assert (mine / "lib-1.0-py3-none-any.whl").read_bytes() == b"not it"


def test_a_users_own_build_of_the_locked_version_is_taken(world, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    make_wheel(mine, "lib", "1.0+cpu", {"lib/__init__.py": "x = 41\n"})
    make_wheel(mine, "lib", "1.1+cpu", {"lib/__init__.py": "x = 0\n"})
    world.create(find_links=(str(mine),))
    assert world.run("import app, lib; print(app.x + lib.x)") == "42"


def test_a_working_copy_is_installed_editable(world, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (work / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (work / "backend.py").write_text(BACKEND)
    (work / "working.py").write_text("x = 7\n")
    stack = world.stack(checkouts=(Checkout(name="work", url="https://example.org/work", tag="v1"),))
    world.create(stack=stack, checkout=str(work))
    assert world.run("import working; print(working.x)") == "7"


def test_a_working_copy_of_another_release_is_refused(world, tmp_path):
    stack = world.stack(checkouts=(Checkout(name="work", url="https://example.org/work", tag="v2"),))
    with pytest.raises(UsageError, match="git pull brings no tags"):
        check_checkout(stack, str(tmp_path))
    with pytest.raises(UsageError, match="nothing that is installed editable"):
        check_checkout(world.stack(), str(tmp_path))
    (tmp_path / "setup.py").write_text("")
    assert check_checkout(stack, str(tmp_path)) is not None, "no git, nothing known against it"
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "setup.py"], ["commit", "-qm", "one"], ["tag", "v1"]):
        subprocess.run([*git, *command], check=True)
    with pytest.raises(UsageError, match="is at v1, but s needs v2: git checkout v2"):
        check_checkout(stack, str(tmp_path))


def test_an_archive_that_cannot_be_had_is_told_and_the_rest_is_made(world, tmp_path):
    archive = Archive(name="tool_box", url="http://127.0.0.1:9/tool.zip", reason="the tools need it")
    stack = world.stack(archives=(archive,))
    with pytest.raises(UsageError, match="asks for no archive other; it asks for tool-box"):
        world.create(stack=stack, archives={"other": "x"})
    created = world.create(stack=stack, index=world.index(offline=False))
    ((name, reason, need),) = created.missing
    assert (name, need) == ("tool-box", "the tools need it")
    assert reason
    assert world.run("import app; print(app.x)") == "1"
    shutil.rmtree(world.target)
    copy = make_wheel(tmp_path, "tool-box", "0.1")
    assert world.create(stack=stack, archives={"tool-box": str(copy)}).missing == ()
    assert world.run("import tool_box; print(tool_box.x)") == "1"


def test_space_is_asked_for_before_it_is_used(world, tmp_path):
    with pytest.raises(DoctorError, match=r"needs about 1000000\.0 GB"):
        require_space(Site(folder=tmp_path / "no" / "such"), 10**15)


def test_the_plan_counts_bytes_and_takes_the_best_wheel(world):
    recipe = Recipe(stack=world.stack(), folder=world.lock)
    shopping = plan_shopping(recipe.stack, recipe.lock(), Wish(archives={}, without=("cuda",)), (3, 11))
    sizes = {path.name: path.stat().st_size for path in world.server.root.iterdir()}
    assert shopping.download == sum(size for name, size in sizes.items() if not name.startswith("nvidia"))
    digest = "1" * 64
    names = ("old-1-py3-none-any.whl", "old-1-cp311-cp311-manylinux1_x86_64.whl", "old-1.tar.gz")
    lock = Lock(
        packages=(Locked(name="old", version="1", files=tuple(LockedFile(filename=n, sha256=digest) for n in names)),)
    )
    best = plan_shopping(recipe.stack, lock, Wish(archives={}), (3, 11)).items[0]
    assert best.file.filename == names[1]
    assert plan_shopping(recipe.stack, lock, Wish(archives={}), (3, 12)).items[0].file.filename == names[0]
    none = Lock(packages=(Locked(name="old", version="1", files=(LockedFile(filename=names[1], sha256=digest),)),))
    with pytest.raises(DoctorError, match="no file of old==1"):
        plan_shopping(recipe.stack, none, Wish(archives={}), (3, 12))


def test_the_python_is_the_users_or_one_that_fits():
    lock = Lock(packages=(), requires_python=">=3.9,<3.12")
    assert likely_python(lock, "3.10", (3, 11)) == (3, 10)
    assert likely_python(lock, "/opt/bin/python3.9", (3, 11)) == (3, 9)
    assert likely_python(lock, "", (3, 10)) == (3, 10)
    assert likely_python(lock, "", (3, 13)) == (3, 11)
    assert Path("/opt/bin/python3.9").name == "python3.9"
