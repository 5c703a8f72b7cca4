"""A package index whose wheels appeared on given days, and what is needed to ask it."""

import io
import tarfile
import threading

from wheelhouse import Server, make_wheel

from doctor.index.index import Index
from doctor.index.settings import IndexSettings
from doctor.rulebook.rules import Rulebook
from doctor.stacks.drift_lab import Lab
from doctor.stacks.drift_sources import Given, case_of


class DatedIndex:
    """Wheels by day; ``index()`` opens it with a cache of its own or a shared one."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "files").mkdir(parents=True)
        self.server = Server(folder / "files")
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def add(self, day, name, version, files=None, requires=(), extra=""):
        wheel = make_wheel(self.server.root, name, version, files, requires, extra=extra)
        self.server.uploads[wheel.name] = f"{day}T12:00:00Z"
        return wheel

    def add_source(self, day, name, version, files, *, requires_txt="", top_level=""):
        path = self.server.root / f"{name}-{version}.tar.gz"
        base = f"{name}-{version}"
        texts = {
            "PKG-INFO": f"Metadata-Version: 1.1\nName: {name}\nVersion: {version}\n",
            f"{name}.egg-info/PKG-INFO": f"Metadata-Version: 1.1\nName: {name}\nVersion: {version}\n",
            f"{name}.egg-info/top_level.txt": (top_level or name) + "\n",
            f"{name}.egg-info/requires.txt": requires_txt,
            **files,
        }
        with tarfile.open(path, "w:gz") as tar:
            for member, text in texts.items():
                info = tarfile.TarInfo(f"{base}/{member}")
                info.size = len(text.encode())
                tar.addfile(info, io.BytesIO(text.encode()))
        self.server.uploads[path.name] = f"{day}T12:00:00Z"

    def index(self, cache="cache", *, offline=False):
        settings = IndexSettings(indexes=(self.server.url,), timeout=5)
        return Index(settings.with_offline() if offline else settings, self.folder / cache)

    def settings(self):
        return IndexSettings(indexes=(self.server.url,), timeout=5)


def lab_of(dated, name, *, rulebook=None, today=None, **given):
    """The tools for a case by its name."""
    rulebook = rulebook or Rulebook()
    case = case_of(str(name), Given(assumed={}, **given), rulebook)
    keys = {"today": today} if today else {}
    return Lab(case=case, index=dated.index(), rulebook=rulebook, **keys)
