"""What the overlay shows is what an installation makes: compared file by file with a real one by uv or pip."""

import os
import zipfile

import pytest
from wheelhouse import install, make_wheel

from doctor.checks.examine import Records
from doctor.errors import TransactionError
from doctor.index.index import Candidate
from doctor.index.releases import ReleaseFile
from doctor.index.wheels import WheelFiles
from doctor.planned import after as planned
from doctor.planned.after import OverlayFiles, after_target
from doctor.planned.layout import Made, wheel_layout
from doctor.planned.target import Chosen, Target
from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles

FILES = {
    "acme/__init__.py": "from acme.core import x\n",
    "acme/core.py": "x = 1\n",
    "acme/data/täble.csv": "1,2\n",
    "acme_extra.py": "y = 1\n",
}


def opened(path):
    file = ReleaseFile(filename=path.name, version=path.name.split("-")[1], url=path.as_uri())
    return WheelFiles(file, zipfile.ZipFile(path))


def chosen(path):
    wheel = opened(path)
    name = path.name.split("-")[0].replace("_", "-")
    return Chosen(candidate=Candidate(name=name, version=wheel.file.version, file=wheel.file), wheel=wheel)


def examined(venv):
    files = DiskFiles()
    environment = probe_environment(str(venv))
    return environment, files, Records(environment, files)


def tree(files, root):
    found = {}
    for name in files.listing(root) or ():
        path = f"{root}/{name}"
        facts = files.facts(path)
        if facts is not None and facts.kind == "dir":
            found[path] = "dir"
            found.update(tree(files, path))
        elif facts is not None:
            found[path] = files.read(path)
    return found


def test_overlay_equals_a_real_installation(venv, site, tmp_path):
    entry = {"acme-2.0.dist-info/entry_points.txt": "[console_scripts]\nacme = acme.core:main\n[other]\nx = acme\n"}
    old = make_wheel(tmp_path, "acme", "1.0", FILES)
    data = {"acme-2.0.data/scripts/acme-tool": "#!python -s\nprint(1)\n", "acme-2.0.data/data/share/acme/a.txt": "a"}
    data["acme-2.0.data/purelib/acme_pure.py"] = "p = 1\n"
    new = make_wheel(tmp_path, "acme", "2.0", {"acme/__init__.py": "z = 2\n", **entry, **data})
    install(venv, old)
    (site / "acme/__pycache__").mkdir()
    (site / "acme/__pycache__/core.cpython-311.pyc").write_bytes(b"x")
    environment, files, records = examined(venv)
    after = after_target(Target(chosen=(chosen(new),)), environment, files, records)
    assert after.environment.distribution("acme").version == "2.0"
    planned = {
        **tree(after.files, str(site)),
        **tree(after.files, str(venv / "bin")),
        **tree(after.files, str(venv / "share")),
    }
    install(venv, new)
    disk = DiskFiles()
    real = {**tree(disk, str(site)), **tree(disk, str(venv / "bin")), **tree(disk, str(venv / "share"))}
    differing = {p for p in {*planned, *real} if planned.get(p) != real.get(p)}
    own = ("INSTALLER", "RECORD", "direct_url.json", "uv_cache.json", "REQUESTED")
    # installers write the first line of a script each in their own way (pip: the bare path, uv: sh where it has a space)
    assert {p for p in differing if not p.endswith(own)} <= {str(venv / "bin/acme"), str(venv / "bin/acme-tool")}
    assert planned[str(venv / "bin/acme-tool")].splitlines()[-1] == real[str(venv / "bin/acme-tool")].splitlines()[-1]
    launcher = planned[str(venv / "bin/acme")]
    assert all(str(venv).encode() in script for script in (launcher, planned[str(venv / "bin/acme-tool")]))
    assert b"acme.core" in launcher
    rows = {line.rsplit(",", 2)[0] for line in planned[str(site / "acme-2.0.dist-info/RECORD")].decode().splitlines()}
    assert {"acme/__init__.py", "../../../bin/acme", "../../../share/acme/a.txt", "acme-2.0.dist-info/RECORD"} <= rows


def test_shared_files_stay(venv, site, tmp_path):
    install(venv, make_wheel(tmp_path, "one", "1.0", {"shared/__init__.py": "", "shared/one.py": ""}))
    install(venv, make_wheel(tmp_path, "two", "1.0", {"shared/__init__.py": "", "shared/two.py": ""}))
    environment, files, records = examined(venv)
    after = after_target(Target(removed=("one",)), environment, files, records)
    assert after.files.facts(str(site / "shared/__init__.py"))
    assert after.files.facts(str(site / "shared/one.py")) is None
    assert after.files.listing(str(site / "one-1.0.dist-info")) is None
    assert [d.name for d in after.environment.distributions] == ["two"]


def test_empty_folders_go_and_dangling_links_too(venv, site, tmp_path):
    install(venv, make_wheel(tmp_path, "acme", "1.0", FILES))
    (site / "acme/core.py").unlink()
    (site / "acme/core.py").symlink_to("nowhere")
    environment, files, records = examined(venv)
    after = after_target(Target(removed=("acme",)), environment, files, records)
    assert "acme" not in after.files.listing(str(site))
    assert str(site / "acme/core.py") in after.hidden
    with pytest.raises(OSError):
        after.files.read(str(site / "acme/__init__.py"))


def test_overlay_identity_differs_with_content():
    base = DiskFiles()
    one = OverlayFiles(base, (), {"/nowhere/a.py": Made(b"x = 1\n")}).facts("/nowhere/a.py")
    two = OverlayFiles(base, (), {"/nowhere/a.py": Made(b"x = 2\n")}).facts("/nowhere/a.py")
    assert one.size == two.size
    assert (one.inode, one.mtime_ns) != (two.inode, two.mtime_ns)
    assert OverlayFiles(base, (), {"/nowhere/b/a.py": Made(b"")}).listing("/nowhere") == ("b",)


def test_wheel_that_leaves_the_environment_is_refused(venv, tmp_path):
    environment, _, _ = examined(venv)
    bad = make_wheel(tmp_path, "bad", "1.0", {"../../../../../evil.py": ""})
    with pytest.raises(TransactionError, match="outside"):
        wheel_layout(opened(bad), environment.interpreter, requested=False)


def test_overlay_reads_ranges(venv, site, tmp_path):
    path = str(site / "x.bin")
    overlay = OverlayFiles(DiskFiles(), (), {path: Made(b"0123456789")})
    assert overlay.read(path, 4) == b"0123"
    assert overlay.read_range(path, 3, 4) == b"3456"
    (site / "y.bin").write_bytes(b"abcdef")
    assert overlay.read_range(str(site / "y.bin"), 2, 2) == b"cd"
    assert os.path.exists(site / "y.bin")


def test_huge_members_are_not_unpacked_for_a_look(venv, tmp_path, monkeypatch):
    """What is in them is unknown then, no failure; and the result says that it could not be seen whole."""
    wheel = make_wheel(tmp_path, "acme", "1.0", {**FILES, "acme/lib.so": b"\x7fELF" * 1000})
    environment, files, records = examined(venv)
    target = Target(chosen=(chosen(wheel),))
    after = after_target(target, environment, files, records)
    path = next(p for p in after.placed if p.endswith("lib.so"))
    assert after.wholly_seen
    assert after.files.read_range(path, 4, 4) == b"\x7fELF"
    monkeypatch.setattr(planned, "UNPACKED", 1000)
    assert not after.wholly_seen
    with pytest.raises(OSError, match="too large"):
        after.files.read_range(path, 0, 4)


def test_views_share_what_they_unpack(venv, tmp_path, monkeypatch):
    monkeypatch.setattr(planned, "HELD", 10_000)
    parts = {f"acme/part{n}.so": bytes([n]) * 3000 for n in range(9)}
    wheel = make_wheel(tmp_path, "acme", "1.0", parts)
    environment, files, records = examined(venv)
    for _ in range(2):
        after = after_target(Target(chosen=(chosen(wheel),)), environment, files, records)
        for path in (p for p in after.placed if p.endswith(".so")):
            number = int(path[-4])
            assert after.files.read_range(path, 1000, 2) == bytes([number]) * 2
    assert sum(map(len, planned._held.values())) <= planned.HELD
