"""Errands of copies of this process, and files whose position they do not share."""

import io
import os
import sys
import time
import zipfile

import pytest

from doctor.errors import UsageError
from doctor.index.own_position import OwnPosition
from doctor.stacks.copies import in_a_copy, possible
from doctor.system import run

pytestmark = pytest.mark.skipif(not possible(), reason="copies are made on Linux only")


def test_a_copy_tells_and_leaves_nothing_behind():
    kept = [1]

    def errand():
        kept.append(2)
        return sum(kept)

    assert in_a_copy(errand) == 3
    assert kept == [1]
    assert in_a_copy(lambda: in_a_copy(lambda: "from a copy of a copy")) == "from a copy of a copy"


def test_an_error_is_raised_here_and_a_death_is_none():
    def refuse():
        raise UsageError("not so")

    with pytest.raises(UsageError, match="not so"):
        in_a_copy(refuse)
    assert in_a_copy(lambda: os._exit(3)) is None
    assert in_a_copy(lambda: os.kill(os.getpid(), 9)) is None


def test_a_file_that_is_read_here_and_in_copies_is_read_right(tmp_path):
    path = tmp_path / "archive.zip"
    bodies = {f"member{n}": os.urandom(50_000) for n in range(6)}
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in bodies.items():
            archive.writestr(name, body)
    archive = zipfile.ZipFile(io.BufferedReader(OwnPosition(path), 4096))
    opened = archive.open("member0")
    begun = opened.read(1000)
    for name, body in bodies.items():
        assert in_a_copy(lambda name=name: archive.read(name)) == body
        assert archive.read(name) == body
    assert begun + opened.read() == bodies["member0"]
    archive.close()


def test_orphans_make_no_more_copies(tmp_path):
    code = (
        "import os, sys, time\n"
        "from doctor.stacks import copies\n"
        "if os.fork():\n"
        "    time.sleep(0.5)\n"
        "    os._exit(0)\n"
        "copies.end_with_parent()\n"
        "copies.in_a_copy(lambda: open(sys.argv[1] + '/before', 'w').close())\n"
        "time.sleep(1)\n"
        "copies.in_a_copy(lambda: open(sys.argv[1] + '/after', 'w').close())\n"
        "open(sys.argv[1] + '/end', 'w').close()\n"
    )
    done = run([sys.executable, "-c", code, str(tmp_path)], timeout=30)
    assert done.ok, done.stderr
    time.sleep(1.5)
    assert [path.name for path in tmp_path.iterdir()] == ["before"]
