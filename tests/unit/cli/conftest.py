import subprocess
import sys
from pathlib import Path

import pytest
from installed import build_wheel, install


@pytest.fixture(scope="session")
def acdoctor(tmp_path_factory):
    """The installed command."""
    folder = tmp_path_factory.mktemp("acdoctor")
    return install(folder, build_wheel(folder / "wheel"))


@pytest.fixture
def venv(tmp_path):
    """A real, empty virtual environment."""
    path = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(path)], check=True)
    return path


@pytest.fixture
def site(venv):
    """Its site-packages."""
    (path,) = venv.glob("lib/python*/site-packages")
    return path


@pytest.fixture
def distribute(site):
    """Write a distribution with its metadata and its files."""

    def write(name: str, version: str = "1.0", *, requires=(), files=None, metadata: bytes | None = None) -> Path:
        folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        text = "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n"
        (folder / "METADATA").write_bytes(text if metadata is None else metadata)
        (folder / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        (folder / "INSTALLER").write_text("pip\n")
        for path, source in (files or {}).items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(source)
        names = [*(files or {}), *(f"{folder.name}/{own}" for own in ("METADATA", "WHEEL", "INSTALLER", "RECORD"))]
        (folder / "RECORD").write_text("".join(f"{path},,\n" for path in names))
        return folder

    return write
