"""The cache of summaries: shared, replaced when damaged, and never needed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from doctor.imports.store import Database

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def program(tmp_path) -> Path:
    """A program of some modules, one of which breaks."""
    return write(tmp_path / "one")


def write(folder: Path) -> Path:
    folder.mkdir()
    (folder / "main.py").write_text("".join(f"import m{n}\n" for n in range(20)) + "m3.f()\n")
    for number in range(20):
        (folder / f"m{number}.py").write_text(f"import os\nx = {number}\ndef f():\n    import gone\n")
    return folder


def symbols(followed) -> list[str]:
    return [f.root.symbol for f in followed.failures]


def test_two_environments_share_summaries(tmp_path, program, ask):
    other = write(tmp_path / "two")
    database = Database(str(tmp_path / "cache"))
    cold = ask("main", paths=(program,), database=database)
    warm = ask("main", paths=(other,), database=database)
    database.close()
    assert symbols(cold) == symbols(warm) == ["gone"]
    assert (cold.machine.store.summarised, warm.machine.store.summarised) == (21, 0)


def test_a_changed_file_is_read_again(tmp_path, program, ask):
    database = Database(str(tmp_path / "cache"))
    assert symbols(ask("main", paths=(program,), database=database)) == ["gone"]
    facts = (program / "m3.py").stat()
    (program / "m3.py").write_text((program / "m3.py").read_text().replace("gone", "json"))
    os.utime(program / "m3.py", ns=(facts.st_atime_ns, facts.st_mtime_ns))  # same size, same time: the content counts
    changed = ask("main", paths=(program,), database=database)
    database.close()
    assert symbols(changed) == []
    assert changed.machine.store.summarised == 1


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_database_is_replaced(tmp_path, program, ask, damage):
    first = Database(str(tmp_path / "cache"))
    ask("main", paths=(program,), database=first)
    first.close()
    Path(first.path).write_bytes(damage)
    second = Database(str(tmp_path / "cache"))
    assert symbols(ask("main", paths=(program,), database=second)) == ["gone"]
    second.close()
    third = Database(str(tmp_path / "cache"))
    again = ask("main", paths=(program,), database=third)
    third.close()
    assert symbols(again) == ["gone"]
    assert again.machine.store.summarised == 0


def test_damaged_rows_are_made_anew(tmp_path, program, ask):
    first = Database(str(tmp_path / "cache"))
    ask("main", paths=(program,), database=first)
    first.close()
    data = bytearray(Path(first.path).read_bytes())
    for place in range(5000, len(data), 37):
        data[place] ^= 0x55
    Path(first.path).write_bytes(bytes(data))
    second = Database(str(tmp_path / "cache"))
    assert symbols(ask("main", paths=(program,), database=second)) == ["gone"]
    second.close()


def test_a_directory_in_the_place_of_the_cache(tmp_path, program, ask):
    (tmp_path / "cache").write_text("this is a file")
    database = Database(str(tmp_path / "cache"))
    assert not database.usable
    assert symbols(ask("main", paths=(program,), database=database)) == ["gone"]


def test_two_threads_of_one_user_at_once(tmp_path, program, ask):
    """Two databases on one file, written at the same time."""
    told: list[list[str]] = []

    def work() -> None:
        database = Database(str(tmp_path / "cache"))
        for number in range(50):
            database.put(b"key%d" % number, ("value", number))
            database.flush()
        told.append([str(database.get(b"key%d" % n)) for n in range(50)])
        database.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [[f"('value', {n})" for n in range(50)]] * 3


def command(patient, program: Path, **environment: str) -> subprocess.Popen[str]:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join((str(ROOT), str(program))), **environment}
    return subprocess.Popen(
        [sys.executable, "-m", "doctor", "imports", "main", str(patient.path)],
        env=env, cwd=program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def ends_as_always(process: subprocess.Popen[str]) -> bool:
    out, err = process.communicate(timeout=120)
    return (process.returncode, err) == (1, "") and "No module named 'gone'" in out


def test_two_processes_at_once(tmp_path, patient, program):
    started = [command(patient, program, HOME=str(tmp_path / "home")) for _ in range(2)]
    ends = [ends_as_always(process) for process in started]  # both, whatever the first one did
    assert all(ends)
    assert list((tmp_path / "home").rglob("*.sqlite"))


def test_without_a_home(patient, program):
    assert ends_as_always(command(patient, program))
    assert ends_as_always(command(patient, program, HOME="/nonexistent/home"))
    assert ends_as_always(command(patient, program, HOME="/dev/null", XDG_CACHE_HOME="/dev/null/cache"))


def test_a_cache_that_cannot_be_written(tmp_path, patient, program):
    home = tmp_path / "home"
    assert ends_as_always(command(patient, program, HOME=str(home)))
    (found,) = home.rglob("*.sqlite")
    try:
        found.chmod(0o400)
        found.parent.chmod(0o500)
        assert ends_as_always(command(patient, program, HOME=str(home)))
    finally:
        found.parent.chmod(0o700)
