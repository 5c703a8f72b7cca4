"""A small patient on the disk, its exact state, and a child process that dies or fails at a chosen operation."""

import os
import stat
import sys
from pathlib import Path

from doctor.model import Change
from doctor.planned.layout import Made
from doctor.repair.transaction import Order, transact

OPERATIONS = {
    "os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link", "os.chmod", "os.utime", "os.symlink", "open", "os.listdir",
}  # fmt: skip
"""Audit events of what changes (or looks at) the disk; each is raised before the system call."""


def build(root: Path) -> Path:
    """An environment with a package, a script, links, odd modes and times, and a name that is not ASCII."""
    site = root / "lib" / "python3.11" / "site-packages"
    for name, body in {
        "acme/__init__.py": "v = 1\n",
        "acme/sub/deep.py": "d = 1\n",
        "acme/__pycache__/__init__.cpython-311.pyc": "c",
        "acme/ünïcode name.txt": "u",
        "acme-1.0.dist-info/RECORD": "r",
        "acme-1.0.dist-info/METADATA": "m",
        "other/__init__.py": "o = 1\n",
        "other.pth": "import other\n",
    }.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    (root / "bin").mkdir()
    (root / "bin" / "acme").write_text("#!x\n")
    (root / "bin" / "acme").chmod(0o755)
    (root / "lib64").symlink_to("lib")
    (site / "acme" / "link").symlink_to("nowhere")
    (site / "acme" / "sub").chmod(0o750)
    (site / "acme" / "__init__.py").chmod(0o444)
    for number, path in enumerate(sorted(root.rglob("*"))):
        os.utime(path, ns=(10**18, 10**18 + number * 10**9 + 7), follow_symlinks=False)
    return site


def order(root: Path) -> Order:
    """Replace the package by another version with other files."""
    site = root / "lib" / "python3.11" / "site-packages"
    out = [p for p in sorted((site / "acme").rglob("*")) if p.is_symlink() or not p.is_dir()]
    out += [site / "acme-1.0.dist-info" / "RECORD", site / "acme-1.0.dist-info" / "METADATA", root / "bin" / "acme"]
    return Order(
        prefix=str(root),
        out=tuple(map(str, out)),
        placed={
            str(site / "acme" / "__init__.py"): Made(b"v = 2\n"),
            str(site / "acme" / "new" / "leaf.py"): Made(b"n = 2\n"),
            str(site / "acme-2.0.dist-info" / "RECORD"): Made(b"r2"),
            str(root / "bin" / "acme"): Made(b"#!y\n", executable=True),
            str(root / "bin" / "second"): Made(b"#!z\n", executable=True),
        },
        changes=(Change(name="acme", before="1.0", after="2.0"),),
    )


def state(root: Path, *, times: bool = True) -> dict:
    """Everything below the root but the doctor's room: kind, mode, time, content."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name.split("/")[0] == ".acdoctor":
            continue
        facts = path.lstat()
        kind = stat.S_IFMT(facts.st_mode)
        body = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
        found[name] = (kind, stat.S_IMODE(facts.st_mode), facts.st_mtime_ns if times else 0, body)
    return found


def run_child(work, hook=None):
    """Run ``work`` in a forked child under an audit hook; its exit code (negative: the signal)."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            sys.stderr = sys.stdout = open(os.devnull, "w")
            if hook:
                sys.addaudithook(hook)
            work()
            code = 0
        except BaseException as error:
            code = 3 if type(error).__name__ == "TransactionError" else 98
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def counting(root: Path, act):
    """A hook that calls ``act(number)`` for each operation on something below the root."""
    seen = [0]
    below = str(root) + "/"

    def hook(event, arguments):
        if event in OPERATIONS and arguments and str(arguments[0]).startswith(below):
            seen[0] += 1
            act(seen[0])

    return hook


def count_operations(root: Path, work) -> int:
    """How many operations the work takes."""
    read, write = os.pipe()

    def act(number):
        os.write(write, b".")

    run_child(work, counting(root, act))
    os.set_blocking(read, False)
    total = 0
    while True:
        try:
            part = os.read(read, 65536)
        except BlockingIOError:
            break
        if not part:
            break
        total += len(part)
    os.close(read)
    os.close(write)
    return total


def commit(root: Path):
    """The whole transaction, verified as good."""
    return transact(order(root), lambda: "", lambda: "")
