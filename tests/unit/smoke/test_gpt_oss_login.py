"""The advice about a login, held against what the real globus-sdk does with the same file."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from doctor.rulebook.load import load_rulebook
from doctor.smoke.services import service_named
from doctor.smoke.token_stores import STORES
from doctor.smoke.tokens import TokenChoice, find_login

pytestmark = pytest.mark.network
SCRIPT = Path(__file__).parents[2] / "gateway" / "logincase.py"
RULES = {rule.id: rule for rule in load_rulebook(kinds=("log",)).logs}


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    venv = tmp_path_factory.mktemp("globus") / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True, capture_output=True)
    subprocess.run(
        [venv / "bin" / "python", "-m", "pip", "install", "-q", "globus-sdk==4.9.1"], check=True, capture_output=True
    )
    return venv / "bin" / "python"


class DeadLogin(BaseHTTPRequestHandler):
    """Globus Auth, when a refresh token has ended."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"error":"invalid_grant"}'
        self.send_response(400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def dead_login():
    server = HTTPServer(("127.0.0.1", 0), DeadLogin)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def stored(python, home, *arguments):
    path = home / STORES[0].path
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([python, SCRIPT, "store", path, *map(str, arguments)], check=True, capture_output=True)
    return path


def given(python, home, auth="http://127.0.0.1:9/"):
    """The last line of what a login program says."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "GLOBUS_SDK_SERVICE_URL_AUTH": auth}
    done = subprocess.run(
        [python, SCRIPT, "give"], env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    return done.stdout.strip(), done.stderr


def login():
    return find_login(service_named("metis"), TokenChoice(), time.time())


def said(rule, text):
    return any(re.search(RULES[rule].pattern, line) for line in text.splitlines())


def test_a_valid_login_is_read_as_the_sdk_reads_it(python, home):
    path = stored(python, home, 7200, "refresh")
    found = login()
    assert (found.state, found.token) == ("ready", given(python, home)[0])
    assert found.token == "storedAccessToken"
    assert json.loads(path.read_text())["format_version"] == "2.0"
    assert path.stat().st_mode & 0o077 == 0


def test_a_login_that_has_ended(python, home):
    path = stored(python, home, -600, "refresh")
    with dead_login() as auth:
        assert said("service-globus-grant", given(python, home, auth)[1])
    assert said("service-globus-network", given(python, home)[1]), "nothing listens"
    found = login()
    assert "the stored login can renew it" in found.sentence
    assert "invalid_grant" in " ".join(found.next_steps)
    assert "GlobusConnectionError" in " ".join(found.next_steps)
    os.utime(path, (0, 0))
    assert login().rule == "service-globus-grant"


def test_an_expired_token_that_nothing_renews(python, home):
    stored(python, home, -600)
    found = login()
    assert found.rule == "service-globus-eof"
    assert said(found.rule, given(python, home)[1])


def test_no_login_at_all(python, home):
    assert login().rule == "service-globus-no-token"
    assert said("service-globus-eof", given(python, home)[1]), "the sdk alone asks for a login"


def test_a_damaged_file(python, home):
    path = stored(python, home, 7200, "refresh")
    path.write_text(path.read_text()[:100])
    found = login()
    assert found.state == "damaged"
    assert "JSONDecodeError" in found.sentence
    assert "JSONDecodeError" in given(python, home)[1]


def test_another_format(python, home):
    path = stored(python, home, 7200, "refresh")
    path.write_text('{"access_token": "x"}')
    found = login()
    assert found.rule == "service-globus-format"
    assert said(found.rule, given(python, home)[1])
