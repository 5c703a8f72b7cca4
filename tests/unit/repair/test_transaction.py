"""Whole or not at all: killed and failing at every operation, refused, interrupted, taken back."""

import errno
import os
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path

import pytest
import repairpatient as patient

from doctor.cli.unfinished import with_unfinished
from doctor.errors import TransactionError
from doctor.model import Environment, Report, Severity
from doctor.repair.history import history, last, prune, rollback_order
from doctor.repair.room import exclusive
from doctor.repair.transaction import recover, transact, under_way


@pytest.fixture
def tmp_path(tmp_path):
    """In memory where that is possible: these tests wait for the disk hundreds of times."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    path = Path(tempfile.mkdtemp(dir="/dev/shm", prefix="acdoctor-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "my venv ü"
    path.mkdir()
    patient.build(path)
    return path


def bare(root):
    """The little that a rollback needs to know of its environment."""
    site = str(root / "lib/python3.11/site-packages")
    return Environment(
        path=str(root),
        kind="venv",
        python_version="3.11",
        platform="",
        interpreter=None,
        site_dirs=(site,),
        scripts_dir=str(root / "bin"),
    )


def copy(root, to):
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(root, to, symlinks=True)
    return to


def without_times(found):
    return {name: (kind, mode, body) for name, (kind, mode, _, body) in found.items()}


def after_of(root, tmp_path):
    done = copy(root, tmp_path / "done")
    patient.commit(done)
    return without_times(patient.state(done))


def test_commit_then_rollback_is_byte_identical(root):
    before = patient.state(root)
    receipt = patient.commit(root)
    assert receipt.outcome == "committed"
    changed = patient.state(root)
    assert not (root / "lib/python3.11/site-packages/acme/sub").exists()
    assert (root / "lib/python3.11/site-packages/acme/__init__.py").read_text() == "v = 2\n"
    assert os.access(root / "bin/second", os.X_OK)
    back = transact(rollback_order(bare(root), last(str(root))), lambda: "", lambda: "")
    assert back.outcome == "committed"
    assert patient.state(root) == before
    redo = transact(rollback_order(bare(root), last(str(root))), lambda: "", lambda: "")
    assert redo.outcome == "committed"
    assert patient.state(root) == changed


def test_failed_verification_restores(root):
    before = patient.state(root)
    receipt = transact(patient.order(root), lambda: "it still fails", lambda: "")
    assert (receipt.outcome, receipt.reason) == ("restored", "it still fails")
    assert patient.state(root) == before
    assert history(str(root)) == ()


def test_compiled_files_that_appeared_meanwhile_go_too(root):
    before = patient.state(root)

    def verify():
        cache = root / "lib/python3.11/site-packages/acme/new/__pycache__"
        cache.mkdir()
        (cache / "leaf.cpython-311.pyc").write_bytes(b"c")
        return "no"

    transact(patient.order(root), verify, lambda: "")
    assert patient.state(root) == before


def test_foreign_change_is_refused(root):
    before = patient.state(root)
    with pytest.raises(TransactionError, match="peft was changed"):
        transact(patient.order(root), lambda: "", lambda: "peft was changed")
    assert patient.state(root) == before


def test_kill_at_every_operation(root, tmp_path):
    before, after = patient.state(root), after_of(root, tmp_path)
    victim = tmp_path / "victim"
    total = patient.count_operations(copy(root, victim), lambda: patient.commit(victim))
    assert total >= 60
    undone = 0
    for number in range(1, total + 1):
        copy(root, victim)

        def act(count, number=number):
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)

        code = patient.run_child(lambda: patient.commit(victim), patient.counting(victim, act))
        assert code == -signal.SIGKILL
        recover(str(victim))
        now = patient.state(victim)
        assert now == before or without_times(now) == after, f"killed at operation {number}"
        assert not (victim / ".acdoctor/journal.json").exists()
        undone += now == before
    assert 0 < undone < total


def test_kill_during_recovery(root, tmp_path):
    before = patient.state(root)
    half, victim = tmp_path / "half", tmp_path / "victim"
    copy(root, half)

    def die_in_the_middle():
        transact(patient.order(half), lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: "")

    patient.run_child(die_in_the_middle)
    total = patient.count_operations(copy(half, victim), lambda: recover(str(victim)))
    assert total > 20
    for number in range(1, total + 1):
        copy(half, victim)

        def act(count, number=number):
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)

        patient.run_child(lambda: recover(str(victim)), patient.counting(victim, act))
        recover(str(victim))
        assert patient.state(victim) == before, f"killed at operation {number} of the recovery"


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_failing_disk_at_every_operation(root, tmp_path, code, lasting):
    before, after = patient.state(root), after_of(root, tmp_path)
    victim = tmp_path / "victim"
    total = patient.count_operations(copy(root, victim), lambda: patient.commit(victim))
    first = 1 + [errno.ENOSPC, errno.EACCES, errno.EIO].index(code)  # together they meet every operation
    for number in range(first, total + 1, 3 if not lasting else 9):
        copy(root, victim)

        def act(count, number=number):
            if count == number or (lasting and count > number):
                raise OSError(code, os.strerror(code), "somewhere")

        ended = patient.run_child(lambda: patient.commit(victim), patient.counting(victim, act))
        assert ended in (0, 3), f"failing at operation {number}: a traceback"
        recover(str(victim))
        now = patient.state(victim)
        assert now == before or without_times(now) == after, f"failing at operation {number}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_undoes(root, number):
    before = patient.state(root)

    def verify():
        os.kill(os.getpid(), number)
        time.sleep(5)
        return ""

    with pytest.raises(TransactionError, match="is as it was"):
        transact(patient.order(root), verify, lambda: "")
    assert patient.state(root) == before
    assert recover(str(root)) == ""


def test_two_doctors_at_once(root):
    with exclusive(str(root)):

        def second():
            with exclusive(str(root), wait=0.2):
                pass

        assert patient.run_child(second) == 3
    assert patient.run_child(second) == 0


def test_killed_doctor_leaves_no_lock(root):
    def die():
        with exclusive(str(root)):
            os.kill(os.getpid(), signal.SIGKILL)

    patient.run_child(die)
    with exclusive(str(root), wait=0):
        pass


def test_outside_and_full_disk_are_refused(root, tmp_path):
    order = patient.order(root)
    from dataclasses import replace

    with pytest.raises(TransactionError, match="outside"):
        transact(replace(order, out=(str(tmp_path / "elsewhere"),)), lambda: "", lambda: "")

    class Huge:
        size, executable, identity = 10**16, False, "x"

        def read(self):
            return b""

    with pytest.raises(TransactionError, match="free"):
        transact(replace(order, placed={str(root / "huge"): Huge()}), lambda: "", lambda: "")


def test_rollback_refuses_to_lose_the_work_of_others(root):
    patient.commit(root)
    (root / "bin/second").write_text("mine")
    with pytest.raises(TransactionError, match="was changed since"):
        rollback_order(bare(root), last(str(root)))


def test_history_and_prune(root):
    patient.commit(root)
    (event,) = history(str(root))
    assert event.changes[0].after == "2.0"
    assert event.kept
    assert prune(str(root), keep=0) > 0
    assert not history(str(root))[0].kept
    assert last(str(root)) is None


def test_works_outside_of_the_main_thread(root):
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(patient.commit(root).outcome))
    thread.start()
    thread.join()
    assert outcome == ["committed"]


def test_who_only_looks_is_told_of_a_half_done_repair(root):
    assert under_way(str(root)) == ""
    total = patient.count_operations(
        copy(root, root.with_name("counted")), lambda: patient.commit(root.with_name("counted"))
    )

    def die(number):
        if number == 3 * total // 4:
            os.kill(os.getpid(), signal.SIGKILL)

    assert patient.run_child(lambda: patient.commit(root), patient.counting(root, die)) == -signal.SIGKILL
    assert under_way(str(root)) == "interrupted"
    report = Report(environment=bare(root), stack=None, findings=())
    assert [f.severity for f in with_unfinished(report).findings] == [Severity.NOTE]
    with exclusive(str(root)):
        assert under_way(str(root)) == "now"
        assert "now" in with_unfinished(report).findings[0].message
    recover(str(root))
    assert with_unfinished(report) == report
