"""Whatever is examined: one sentence or a report, the right exit code, never a traceback."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

CONTROL = re.compile(r"[^\n -~\u00a1-\U0010ffff]")


def _sentence(done, code: int, *fragments: str) -> None:
    """One line on stderr, nothing on stdout."""
    assert done.returncode == code, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("acdoctor: ")
    assert not CONTROL.search(done.stderr)
    for fragment in fragments:
        assert fragment in done.stderr


def _report(done, *codes: int) -> dict:
    """A report on stdout and nothing on stderr; its exit code is the process's."""
    assert done.stderr == ""
    assert done.returncode in codes, done.stdout
    report = json.loads(done.stdout)
    assert report["exit_code"] == done.returncode
    assert report["crashed"] == []
    return report


def _check(acdoctor, path, *arguments, **how):
    return acdoctor("check", path, "--format", "json", *arguments, **how)


def test_a_folder_that_is_no_venv(acdoctor, tmp_path):
    (tmp_path / "thesis.txt").write_text("no venv")
    _sentence(_check(acdoctor, tmp_path), 3, str(tmp_path))


def test_an_empty_folder(acdoctor, tmp_path):
    _sentence(_check(acdoctor, tmp_path), 3, str(tmp_path))


def test_a_file(acdoctor, tmp_path):
    (tmp_path / "file").write_text("x")
    _sentence(_check(acdoctor, tmp_path / "file"), 3, str(tmp_path / "file"))


def test_a_path_that_does_not_exist(acdoctor, tmp_path):
    _sentence(_check(acdoctor, tmp_path / "nowhere"), 3, "nowhere")


def test_a_path_with_escapes_and_line_feeds_and_bytes(acdoctor, tmp_path):
    _sentence(_check(acdoctor, tmp_path / "a\x1b[2Jb\nc"), 3, r"a\x1b[2Jb\nc")
    _sentence(_check(acdoctor, os.fsencode(tmp_path) + b"/\xff\xfe"), 3, r"\xff\xfe")


def test_no_environment_named_and_none_here(acdoctor, tmp_path):
    done = acdoctor("check", cwd=tmp_path)
    assert done.returncode in (2, 3)
    _sentence(done, done.returncode)


def _without_superpowers() -> None:
    """Root reads everything; drop the capabilities that let it (they stay away after exec)."""
    prctl_capbset_drop, dac_override, dac_read_search = 24, 1, 2
    for capability in (dac_override, dac_read_search):
        ctypes.CDLL(None).prctl(prctl_capbset_drop, capability, 0, 0, 0)


@pytest.fixture
def forbidden():
    """Take all permissions from a path; they come back, so that pytest can clean up."""
    modes = {}

    def forbid(path):
        modes[path] = path.stat().st_mode
        path.chmod(0)

    yield forbid
    for path, mode in modes.items():
        path.chmod(mode)


def test_no_permission_for_the_environment(acdoctor, venv, forbidden):
    forbidden(venv)
    done = _check(acdoctor, venv, preexec_fn=_without_superpowers)
    _sentence(done, 3, str(venv), "ermi")


def test_no_permission_for_site_packages(acdoctor, venv, site, forbidden):
    forbidden(site)
    _report(_check(acdoctor, venv, preexec_fn=_without_superpowers), 0, 1)


def test_no_permission_for_metadata_and_modules(acdoctor, venv, distribute, site, forbidden):
    folder = distribute("hidden", files={"hidden/__init__.py": "x = 1\n"})
    forbidden(folder / "METADATA")
    forbidden(folder / "RECORD")
    forbidden(site / "hidden" / "__init__.py")
    _report(_check(acdoctor, venv, "--depth", "full", preexec_fn=_without_superpowers), 0, 1)


def test_dangling_python(acdoctor, venv, distribute):
    distribute("thing")
    for name in (venv / "bin").glob("python*"):
        name.unlink()
        name.symlink_to("/nowhere/python3")
    report = _report(_check(acdoctor, venv), 1)
    assert report["findings"][0]["severity"] == "error"
    assert report["environment"]["distributions"] == 1


def test_an_interpreter_that_answers_nonsense(acdoctor, venv):
    for name in (venv / "bin").glob("python*"):
        name.unlink()
    (venv / "bin" / "python").write_text("#!/bin/sh\necho '{\"x\": [' ; exit 0\n")
    (venv / "bin" / "python").chmod(0o755)
    _report(_check(acdoctor, venv), 1)


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        b"\x00\xff\xfe" * 10_000,
        b"\x7fELF" + bytes(range(256)) * 64,
        b"Name: x" * 100_000,
        b"Metadata-Version: 2.1\nName: \xff\xfe\x1b[2J\nVersion: \xff\nRequires-Dist: \xff>>1 ; (\n",
        b"Metadata-Version: 2.1\nName: deep\nVersion: 1\nRequires-Dist: x; " + b"(" * 50_000 + b"\n",
        b"Metadata-Version: 2.1\nName: big\nVersion: " + b"9" * 20_000 + b"\nRequires-Dist: x>" + b"9" * 20_000 + b"\n",
    ],
    ids=["empty", "binary", "elf", "one-line", "undecodable", "deep-marker", "long-version"],
)
@pytest.mark.parametrize("depth", ["metadata", "full"])
def test_binary_metadata(acdoctor, venv, distribute, metadata, depth):
    distribute("broken", metadata=metadata)
    distribute("user", requires=["broken>=2", "x"])
    _report(_check(acdoctor, venv, "--depth", depth), 0, 1)


def test_metadata_of_a_hundred_megabytes(acdoctor, venv, distribute):
    folder = distribute("huge")
    with (folder / "METADATA").open("r+b") as file:
        file.truncate(100 * 2**20)
    folder = distribute("long")
    with (folder / "METADATA").open("ab") as file:
        for _ in range(100):
            file.write(b"Requires-Dist: nothing-of-that-name\n" * 29_127)
    started = time.monotonic()
    _report(_check(acdoctor, venv), 0, 1)
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("form", ["text", "json"])
def test_names_with_line_feeds_and_escapes(acdoctor, venv, site, distribute, form):
    name = "evil\x1b]0;owned\x07\x9b2J\u202e"
    distribute("plain", requires=[f"{name}>=1", "missing-thing"])
    distribute(
        "evil", metadata=f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\x1b[31m\nRequires-Dist: absent\n".encode()
    )
    (site / "two\nlines-1.dist-info").mkdir()
    (site / "~wo\x1b[31m").mkdir()
    (site / b"\xff\xfe.pth".decode(errors="surrogateescape")).write_bytes(b"/\x1b[2J\xff\nimport os; os.\x1b\n")
    done = acdoctor("check", venv, "--format", form, "-v")
    assert done.stderr == ""
    assert done.returncode in (0, 1)
    assert not CONTROL.search(done.stdout)


def test_loops_of_symlinks(acdoctor, venv, site, distribute):
    folder = distribute("looped", files={"looped/__init__.py": "from . import loop\n"})
    (site / "looped" / "loop").symlink_to("loop")
    (site / "looped" / "self").symlink_to(".")
    (site / "round.pth").write_text("round\n")
    (site / "round").symlink_to(site)
    (folder / "RECORD").unlink()
    (folder / "RECORD").symlink_to("RECORD")
    _report(_check(acdoctor, venv, "--depth", "full"), 0, 1)


def test_an_environment_that_is_a_loop(acdoctor, tmp_path, venv):
    (tmp_path / "loop").symlink_to("loop")
    _sentence(_check(acdoctor, tmp_path / "loop"), 3, "loop")
    shutil.rmtree(venv / "lib")
    (venv / "lib").symlink_to("lib")
    done = _check(acdoctor, venv)
    assert done.returncode in (0, 1, 3)
    assert "itself failed" not in done.stderr


@pytest.mark.parametrize("text", [b"", b"\xff\x00", b"home", b"home = /nowhere\n", b"home = \x1b[2J\n=\n= =\n"])
def test_a_damaged_pyvenv_cfg(acdoctor, venv, text):
    (venv / "pyvenv.cfg").write_bytes(text)
    # no deeper: without its base such an environment may be the whole Python that it was made from
    _report(_check(acdoctor, venv, "--depth", "metadata"), 0, 1)


def test_a_pyvenv_cfg_that_is_a_folder(acdoctor, venv):
    (venv / "pyvenv.cfg").unlink()
    (venv / "pyvenv.cfg").mkdir()
    done = _check(acdoctor, venv)
    assert done.returncode in (0, 1, 3)
    assert "itself failed" not in done.stderr


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ('schema = 1\nkind = "breakage"\nsevrity = "error"\n', "sevrity"),
        ('schema = 1\nkind = "breakage', "typo.toml"),
        ("\x00\x1b[2J", "typo.toml"),
    ],
)
def test_a_rule_file_with_a_typo(acdoctor, venv, tmp_path, text, fragment):
    rules = tmp_path / "rules" / "breakages"
    rules.mkdir(parents=True)
    (rules / "typo.toml").write_text(text)
    done = _check(acdoctor, venv, "--rules", tmp_path / "rules")
    assert done.returncode == 3
    assert done.stdout == ""
    assert fragment in done.stderr
    assert "itself failed" not in done.stderr
    assert all(line.startswith("acdoctor: ") for line in done.stderr.splitlines())
    assert not CONTROL.search(done.stderr)


def test_rules_that_are_not_there(acdoctor, venv, tmp_path):
    _sentence(_check(acdoctor, venv, "--rules", tmp_path / "none"), 3, "none")


def test_a_stack_that_nobody_knows(acdoctor, venv):
    _sentence(_check(acdoctor, venv, "--stack", "cerebras-r9"), 2, "cerebras-r9", "cerebras-r2.6.0")


@pytest.mark.parametrize("text", ["torch", "torch=2.4.0", "==1", "torch==", "to rch==1", "torch==x.y"])
def test_an_assumption_that_is_none(acdoctor, venv, text):
    _sentence(_check(acdoctor, venv, "--assume", text), 2, "--assume", text)


def test_a_report_that_cannot_be_written(acdoctor, venv, tmp_path):
    _sentence(_check(acdoctor, venv, "-o", tmp_path / "no" / "report.json"), 2, "report.json")
    with open("/dev/full", "w") as full:
        done = _check(acdoctor, venv, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "No space left" in done.stderr


def test_a_reader_that_goes_away(acdoctor, venv):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as broken:
        done = _check(acdoctor, venv, stdout=broken, stderr=subprocess.PIPE)
    assert done.stderr == ""
    assert done.returncode == 141, "not 1, which would mean findings"


def test_no_standard_output_at_all(acdoctor, venv):
    command = f'exec "{acdoctor.script}" check "{venv}" >&-'
    done = subprocess.run(["sh", "-c", command], env=acdoctor.environment(), stderr=subprocess.PIPE, check=False)
    assert b"Traceback" not in done.stderr


def test_an_interrupt_says_so(acdoctor, venv, tmp_path):
    mark = tmp_path / "started"
    for name in (venv / "bin").glob("python*"):
        name.unlink()
    (venv / "bin" / "python").write_text(f"#!/bin/sh\necho > {mark}\nexec sleep 60\n")
    (venv / "bin" / "python").chmod(0o755)
    process = subprocess.Popen(
        [acdoctor.script, "check", venv], env=acdoctor.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    for _ in range(300):
        if mark.exists():
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, b"", b"acdoctor: interrupted\n")


def test_a_folder_that_was_removed_under_our_feet(acdoctor, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f'rmdir "{gone}"; exec "{acdoctor.script}" check'
    done = subprocess.run(
        ["sh", "-c", command], cwd=gone, env=acdoctor.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode in (2, 3)
    assert "Traceback" not in done.stderr
    assert "itself failed" not in done.stderr


def test_no_home_and_no_cache(acdoctor, venv, tmp_path):
    (tmp_path / "file").write_text("")
    for home in ("", "/nonexistent", str(tmp_path / "file")):
        _report(_check(acdoctor, venv, env={"HOME": home, "XDG_CACHE_HOME": home}), 0)


def test_an_encoding_that_has_no_signs(acdoctor, venv, distribute):
    distribute("user", requires=["missing-thing"])
    done = acdoctor("check", venv, "-v", env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert done.stderr == ""
    assert done.stdout.isascii()
