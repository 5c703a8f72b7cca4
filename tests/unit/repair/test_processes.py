"""Programs that run from an environment while it is changed are named, however they were started."""

import os
import shutil
import subprocess

import pytest

from doctor.repair.processes import users_of


@pytest.mark.parametrize("words", [["bin/python"], ["python"], ["{venv}/bin/python"]])
def test_processes_that_use_the_environment_are_named(venv, words):
    path = f"{venv}/bin:{os.environ['PATH']}"
    argv = [*(word.format(venv=venv) for word in words), "-c", "import time; print(flush=True); time.sleep(60)"]
    environ = {**os.environ, "PATH": path}
    program = shutil.which("python", path=path) if words == ["python"] else None
    with subprocess.Popen(argv, executable=program, cwd=venv, env=environ, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        try:
            assert any(f"(process {process.pid})" in text for text in users_of(str(venv)))
        finally:
            process.kill()
    assert not any(f"(process {process.pid})" in text for text in users_of(str(venv)))
