"""The installed ``acdoctor fix`` with credentials in pip's configuration: they are used, and never shown or kept."""

import os
from pathlib import Path

import pytest
from wheelhouse import install, make_wheel, server

__all__ = ["server"]

SECRET = "s3cr3t-W0rd"


@pytest.fixture
def guarded(server, venv):
    """``user`` needs ``base``, which only an index with a password has; pip's variables as a user sets them."""
    install(venv, make_wheel(server.root, "user", "1.0", {"user/__init__.py": "import base\n"}, ("base",)))
    make_wheel(server.root, "base", "1.0", {"base/__init__.py": ""})
    server.password = f"robot:{SECRET}"
    with_password = server.url.replace("http://", f"http://robot:{SECRET}@")
    return {"PIP_INDEX_URL": with_password, "PIP_CONFIG_FILE": os.devnull, "PIP_EXTRA_INDEX_URL": ""}


def kept(*folders):
    """Everything in the files below these folders and in their names."""
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                path = Path(place, name)
                yield str(path).encode()
                if not path.is_symlink():
                    yield path.read_bytes()


def test_what_is_said_and_kept_holds_no_password(acdoctor, venv, guarded):
    runs = [
        acdoctor("-v", "fix", venv, env=guarded),
        acdoctor("fix", venv, "--format", "json", env=guarded),
        acdoctor("-v", "fix", venv, "--apply", "--yes", env=guarded),
        acdoctor("history", venv, env=guarded),
        acdoctor("undo", venv, "--yes", env=guarded),
    ]
    assert [done.returncode for done in runs[:4]] == [1, 1, 0, 0], [done.stderr for done in runs]
    assert "base" in runs[0].stdout
    for done in runs:
        assert SECRET not in done.stdout + done.stderr
    assert not any(SECRET.encode() in data for data in kept(venv, acdoctor.home))


@pytest.mark.parametrize("trouble", ["refused", "unreachable", "unusable"])
def test_no_error_shows_the_password(acdoctor, venv, guarded, server, trouble):
    if trouble == "refused":
        server.password = "robot:another"
    elif trouble == "unreachable":
        guarded["PIP_INDEX_URL"] = f"http://robot:{SECRET}@127.0.0.1:9/simple"
    else:
        for wheel in server.root.glob("base-*.whl"):
            wheel.write_bytes(b"no wheel")
    for more in ([], ["--format", "json"], ["--apply", "--yes"]):
        done = acdoctor("-v", "fix", venv, *more, env={**guarded, "PIP_RETRIES": "0", "PIP_TIMEOUT": "2"})
        assert done.returncode in (1, 3), done.stderr
        assert SECRET not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
