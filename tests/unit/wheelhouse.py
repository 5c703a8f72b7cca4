"""A real HTTP server with ranges, and wheels made on the spot."""

import base64
import hashlib
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest


def make_wheel(directory, name, version, files=None, requires=(), tag="py3-none-any", extra=""):
    """A valid wheel; returns its path."""
    dist = f"{name.replace('-', '_')}-{version}"
    path = Path(directory) / f"{dist}-{tag}.whl"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {r}\n" for r in requires) + extra
    members = dict(files if files is not None else {f"{name.replace('-', '_')}/__init__.py": "x = 1\n"})
    members[f"{dist}.dist-info/METADATA"] = metadata
    members[f"{dist}.dist-info/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
    record = ""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, body in members.items():
            data = body.encode() if isinstance(body, str) else body
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record += f"{member},sha256={digest},{len(data)}\n"
            archive.writestr(member, data)
        archive.writestr(f"{dist}.dist-info/RECORD", record + f"{dist}.dist-info/RECORD,,\n")
    return path


def install(venv, wheel):
    """Install one wheel as users do, with uv where it is, else pip."""
    uv = shutil.which("uv")
    python = str(venv / "bin/python")
    command = (
        [uv, "pip", "install", "--python", python, "--no-deps", "--no-index", str(wheel)]
        if uv
        else [
            sys.executable,
            "-m",
            "pip",
            "--python",
            python,
            "install",
            "--no-deps",
            "--no-index",
            "--no-compile",
            str(wheel),
        ]
    )
    subprocess.run(command, check=True, capture_output=True)


class Server(http.server.ThreadingHTTPServer):
    """Serves a simple index of the wheels in ``root``; remembers what was asked."""

    daemon_threads = True

    def __init__(self, root):
        self.root, self.asked, self.fail, self.ranges, self.form, self.uploads, self.yanked = (
            root,
            [],
            0,
            True,
            "json",
            {},
            set(),
        )
        self.password = ""
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/simple"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range")))
        if (
            server.password
            and self.headers.get("Authorization") != "Basic " + base64.b64encode(server.password.encode()).decode()
        ):
            return self.answer(401)
        if server.fail:
            server.fail -= 1
            return self.answer(503)
        if self.path.startswith("/simple/"):
            return self.page(self.path.split("/")[2])
        path = server.root / self.path.rpartition("/")[2]
        if not path.exists():
            return self.answer(404)
        body = path.read_bytes()
        span = re.match(r"bytes=(\d+)-(\d+)$", self.headers.get("Range") or "")
        if span and server.ranges:
            start, end = int(span[1]), min(int(span[2]) + 1, len(body))
            return self.answer(206, body[start:end], Content_Range=f"bytes {start}-{end - 1}/{len(body)}")
        return self.answer(200, body)

    def page(self, name):
        server = self.server
        wheels = [p for p in sorted(server.root.iterdir()) if p.name.lower().startswith(name.replace("-", "_") + "-")]
        if not wheels:
            return self.answer(404)
        if self.headers.get("If-None-Match") == '"one"':
            return self.answer(304, ETag='"one"')
        if server.form == "html":
            links = "".join(
                f'<a href="../../files/{p.name}#sha256={hashlib.sha256(p.read_bytes()).hexdigest()}"'
                f'{" data-yanked" if p.name in server.yanked else ""} data-requires-python="&gt;=3.8">{p.name}</a>'
                for p in wheels
            )
            return self.answer(200, f"<html><body>{links}</body></html>".encode(), Content_Type="text/html")
        files = [
            {
                "filename": p.name,
                "url": f"../../files/{p.name}",
                "hashes": {"sha256": hashlib.sha256(p.read_bytes()).hexdigest()},
                "size": p.stat().st_size,
                "upload-time": server.uploads.get(p.name, "2025-01-01T00:00:00Z"),
                "yanked": p.name in server.yanked,
                "requires-python": ">=3.8",
            }
            for p in wheels
        ]
        body = json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": files}).encode()
        return self.answer(200, body, Content_Type="application/vnd.pypi.simple.v1+json", ETag='"one"')


@pytest.fixture
def server(tmp_path):
    root = tmp_path / "wheels"
    root.mkdir()
    with Server(root) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.shutdown()
        thread.join()
