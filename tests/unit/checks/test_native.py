from __future__ import annotations

import contextlib
import os
import platform
import struct
import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest
from elfmaker import MACHINES, elf
from elftools.elf.elffile import ELFFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doctor.checks import import_contracts, native, native_abi
from doctor.imports.elf import ElfError, read_elf
from doctor.imports.libraries import expand, host_may_bring, is_driver
from doctor.imports.native import NativeInspector, native_failure
from doctor.model import Severity
from doctor.probe.files import DiskFiles
from doctor.rulebook.rules import NativeContract, Rulebook

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
pytestmark = pytest.mark.skipif(
    platform.system() != "Linux" or platform.machine() not in MACHINES, reason="compiled files of Linux are read"
)
NUMPY_1 = b"\0numpy.core._multiarray_umath\0_ARRAY_API\0numpy.core.multiarray failed to import\0"
NUMPY_2 = NUMPY_1 + b"numpy._core._multiarray_umath\0"


def real_libraries() -> list[Path]:
    folder = Path(os.__file__).parent / "lib-dynload"
    return sorted(folder.glob("*.so"))[::6] if folder.is_dir() else []


def failure(patient, relative):
    return native_failure(str(patient.site / relative), DiskFiles(), patient.environment())


@pytest.mark.parametrize("path", real_libraries(), ids=lambda path: path.name.partition(".")[0])
def test_headers_are_read_as_pyelftools_reads_them(path):
    data = path.read_bytes()
    mine = read_elf(lambda start, length: data[start : start + length])
    with path.open("rb") as stream:
        theirs = ELFFile(stream)
        (dynamic,) = theirs.iter_segments("PT_DYNAMIC")
        needed = tuple(tag.needed for tag in dynamic.iter_tags() if tag.entry.d_tag == "DT_NEEDED")
        section = theirs.get_section_by_name(".gnu.version_r")
        versions = [(v.name, tuple(a.name for a in aux)) for v, aux in section.iter_versions()] if section else []
    assert mine.needed == needed
    assert [(need.library, need.names) for need in mine.needs] == versions
    assert mine.machine == platform.machine()
    assert mine.end <= len(data)


def test_a_made_file_is_read_back():
    made = elf(
        ["liba.so.1"],
        runpath="$ORIGIN/../x.libs:/opt",
        needs={"libc.so.6": ["GLIBC_2.1", "GLIBC_2.2"]},
        defines=["V_1"],
    )
    read = read_elf(lambda start, length: made[start : start + length])
    assert (read.needed, read.runpath) == (("liba.so.1",), ("$ORIGIN/../x.libs", "/opt"))
    assert [(n.library, n.names) for n in read.needs] == [("libc.so.6", ("GLIBC_2.1", "GLIBC_2.2"))]
    assert read.defines == ("V_1",)
    assert expand(read.runpath, "/site/pkg/m.so") == ("/site/x.libs", "/opt")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_damage_to_a_header_is_more_than_an_elf_error(data):
    whole = bytearray(elf(["liba.so"], runpath="/x", needs={"libc.so.6": ["GLIBC_2.1"]}, defines=["V_1", "V_2"]))
    for _ in range(data.draw(st.integers(0, 8))):
        at = data.draw(st.integers(0, len(whole) - 8))
        whole[at : at + 8] = data.draw(st.binary(min_size=8, max_size=8))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with contextlib.suppress(ElfError):
        read_elf(lambda start, length: cut[start : start + length])


def test_a_whole_module_is_no_failure(patient):
    patient.install("pkg==1.0", {f"pkg/_m{SUFFIX}": elf(["libc.so.6"])})
    assert failure(patient, f"pkg/_m{SUFFIX}") is None
    assert patient.check(native.check) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty (file too short)"),
        (elf(["libc.so.6"])[:200], "cut off"),
        (elf(["libc.so.6"])[:30], "file too short"),
        (b"MZ not for here", "invalid ELF header"),
        (elf(machine="s390x" if platform.machine() != "s390x" else "x86_64"), "is built for"),
        (elf(bits=32, machine="i386"), "is built for 32 bits"),
        (elf(needs={"libc.so.6": ["GLIBC_2.999"]}), "needs GLIBC_2.999"),
        (elf(["libnowhere-1a2b3c4d.so.7"]), "libnowhere-1a2b3c4d.so.7: cannot open shared object file"),
    ],
)
def test_what_no_loader_could_load(patient, content, says):
    patient.install("pkg==1.0", {f"pkg/_m{SUFFIX}": content})
    assert says in failure(patient, f"pkg/_m{SUFFIX}")
    (found,) = patient.check(native.check)
    assert found.subjects[0] == "pkg==1.0"
    assert found.severity is (Severity.WARNING if "nowhere" in says else Severity.ERROR)


@pytest.mark.parametrize(
    "content", [b"INPUT (libtbb.so.2)\n", b"/* GNU ld script */\nGROUP ( libc.so.6 )\n", b"!<arch>\n"]
)
def test_a_linker_script_is_whole(patient, content):
    patient.install("pkg==1.0", {"pkg/lib/libtbb.so": content})
    assert patient.check(native.check) == []


@pytest.mark.skipif(not real_libraries(), reason="this Python has its extension modules built in")
@pytest.mark.parametrize(("size", "loads"), [(0, False), (3, False), (40, False), (3000, False), (None, True)])
def test_the_real_loader_agrees(patient, size, loads):
    """In a process of its own: a library that is cut off may well end it."""
    path = patient.write(f"m{SUFFIX}", real_libraries()[0].read_bytes()[:size])
    done = subprocess.run(
        [sys.executable, "-c", f"import ctypes; ctypes.CDLL({str(path)!r})"], capture_output=True, check=False
    )
    assert (done.returncode == 0) is loads
    assert (failure(patient, f"m{SUFFIX}") is None) is loads


def test_libraries_are_found_by_rpath_in_siblings_and_on_the_host(patient):
    patient.install(
        "pkg==1.0", {f"pkg/_m{SUFFIX}": elf(["libown.so", "libsibling.so", "libc.so.6"], runpath="$ORIGIN/../pkg.libs")}
    )
    patient.write("pkg.libs/libown.so", elf(["libdeeper.so"], rpath="$ORIGIN"))
    patient.write("pkg.libs/libdeeper.so", elf())
    patient.write("sibling/lib/libsibling.so", elf())
    assert failure(patient, f"pkg/_m{SUFFIX}") is None
    (patient.site / "pkg.libs/libdeeper.so").unlink()
    assert "libdeeper.so: cannot open" in failure(patient, f"pkg/_m{SUFFIX}")
    assert "(needed by libown.so)" in failure(patient, f"pkg/_m{SUFFIX}")


def test_libraries_that_nobody_recorded_are_found_all_the_same(patient):
    patient.install("pkg==1.0", {f"pkg/_m{SUFFIX}": elf(["libfetched.so", "libstray.so"])})
    patient.write("pkg/fetched/deep/libfetched.so", elf())
    patient.write("stray/lib/libstray.so", elf())
    assert patient.check(native.check) == []


def test_ld_library_path_counts(patient):
    patient.install("pkg==1.0", {f"pkg/_m{SUFFIX}": elf(["libmodule.so"])})
    (patient.path / "host").mkdir()
    (patient.path / "host/libmodule.so").write_bytes(elf())
    assert [f.rule for f in patient.check(native.check)] == ["native-library"]
    assert patient.check(native.check, library_path=(str(patient.path / "host"),)) == []


def test_drivers_are_one_note_and_toolkits_are_never_certain(patient):
    patient.install("pkg==1.0", {f"pkg/_m{SUFFIX}": elf(["libcuda.so.1"])})
    patient.install("other==1.0", {f"other/_m{SUFFIX}": elf(["libcuda.so.1", "libcublas.so.12"])})
    assert failure(patient, f"pkg/_m{SUFFIX}") is None
    assert failure(patient, f"other/_m{SUFFIX}") is None
    found = {f.rule: f for f in patient.check(native.check)}
    assert found["native-driver"].severity is Severity.NOTE
    assert "other and pkg" in found["native-driver"].details[0]
    assert found["native-library"].severity is Severity.WARNING


def test_a_plug_in_that_cannot_be_loaded_among_modules_that_can_is_a_note(patient):
    modules = {f"pkg/_m{n}{SUFFIX}": elf(["libc.so.6"]) for n in range(3)}
    patient.install("pkg==1.0", {**modules, f"pkg/_plug{SUFFIX}": elf(["libnowhere.so"])})
    (found,) = patient.check(native.check)
    assert found.severity is Severity.NOTE


@pytest.mark.parametrize("soname", ["libcuda.so.1", "libnvidia-ml.so.1", "librdmacm.so.1", "libibverbs.so.1"])
def test_drivers(soname):
    assert is_driver(soname)


@pytest.mark.parametrize(
    ("soname", "may"),
    [
        ("libcublas.so.12", True),
        ("libnccl.so.2", True),
        ("libcudnn.so.9", True),
        ("libGL.so.1", False),
        ("libtorch.so", False),
    ],
)
def test_toolkits(soname, may):
    assert not is_driver(soname)
    assert host_may_bring(soname) is may


def test_modules_for_numpy_1_under_numpy_2_are_one_finding(patient):
    patient.install("numpy==2.2.6")
    patient.install("old==1.0", {f"old/_m{SUFFIX}": elf(constants=NUMPY_1)})
    patient.install("older==1.0", {f"older/_m{SUFFIX}": elf(constants=NUMPY_1)})
    patient.install("new==1.0", {f"new/_m{SUFFIX}": elf(constants=NUMPY_2)})
    assert "compiled for NumPy 1" in failure(patient, f"old/_m{SUFFIX}")
    assert failure(patient, f"new/_m{SUFFIX}") is None
    (found,) = patient.check(native_abi.check)
    assert found.severity is Severity.ERROR
    assert found.subjects == ("old==1.0", "numpy==2.2.6", "older==1.0")
    assert [fix.install for fix in found.fixes] == [("numpy<2",), ("old>1.0", "older>1.0")]


@pytest.mark.parametrize(
    ("more", "caught"), [(b"", True), (b"size changed, may indicate binary incompatibility\0", False)]
)
def test_cython_compares_sizes_before_a_guard_for_imports_helps(patient, more, caught):
    """``ValueError: numpy.dtype size changed`` passes ``except ImportError``; NumPy's own ImportError does not."""
    patient.install("numpy==2.2.6", {"numpy/__init__.py": ""})
    guarded = "try:\n    from old import _m\nexcept ImportError:\n    _m = None\n"
    patient.install("old==1.0", {"old/__init__.py": "", f"old/_m{SUFFIX}": elf(constants=NUMPY_1 + more)})
    patient.install("user==1.0", {"user/__init__.py": guarded}, ["old"])
    found = [f for f in patient.check(import_contracts.check) if "user" in f.entries]
    assert (found == []) is caught
    assert all("ValueError" in f.details[0] for f in found)


@pytest.mark.parametrize("numpy", ["1.26.4", ""])
def test_numpy_1_serves_what_was_made_for_it(patient, numpy):
    if numpy:
        patient.install(f"numpy=={numpy}")
    patient.install("old==1.0", {f"old/_m{SUFFIX}": elf(constants=NUMPY_1)})
    assert failure(patient, f"old/_m{SUFFIX}") is None
    assert patient.check(native_abi.check) == []


@pytest.mark.parametrize(("numpy", "loads"), [("1.26.4", False), ("2.2.6", False), ("2.3.0", True), ("2.4.1", True)])
def test_a_module_made_for_a_newer_numpy_says_for_which(patient, numpy, loads):
    """Headers of NumPy 2 compile the text "(NumPy 2.3) but the running NumPy has C-API version" into the module."""
    text = b"compiled against (NumPy 2.3) but the running NumPy has C-API version 0x%x\0"
    patient.install(f"numpy=={numpy}", {"numpy/__init__.py": ""})
    patient.install(
        "new==1.0", {"new/__init__.py": "from new import _m\n", f"new/_m{SUFFIX}": elf(constants=NUMPY_2 + text)}
    )
    lazy = NUMPY_2 + text + b"\0numpy.core.multiarray\0"
    patient.install("late==1.0", {"late/__init__.py": "from late import _m\n", f"late/_m{SUFFIX}": elf(constants=lazy)})
    said = failure(patient, f"new/_m{SUFFIX}")
    assert (said is None) is loads
    assert loads or "compiled for NumPy 2.3" in said
    assert failure(patient, f"late/_m{SUFFIX}") is None
    found = patient.check(import_contracts.check)
    assert [f.subjects[0] for f in found] == ([] if loads else ["new==1.0"])
    assert patient.check(native_abi.check) == []


def test_a_rule_tells_what_compiled_code_refuses(patient):
    """The module is there and whole; a native rule says that loading it raises beside such a distribution."""
    rule = NativeContract(
        id="lib-numpy", path="", title="", explain="", severity=Severity.NOTE, when="lib>=26", beside=("numpy<2",),
        module="lib.core", raises=((".", "ImportError", "lib requires NumPy 2.0 or newer, found {numpy}"),),
    )  # fmt: skip
    patient.install("numpy==1.26.4", {"numpy/__init__.py": ""})
    patient.install("lib==26.0", {"lib/__init__.py": "from lib.core import f\n", f"lib/core{SUFFIX}": elf()})
    patient.install("user==1.0", {"user/__init__.py": "import lib\n"}, ["lib"])
    patient.install(
        "careful==1.0", {"careful/__init__.py": "try:\n    import lib\nexcept ImportError:\n    lib = None\n"}
    )
    rulebook = Rulebook(natives=(rule,))
    (found,) = import_contracts.check(replace(patient.examination(), rulebook=rulebook))
    assert found.subjects == ("lib==26.0", "numpy==1.26.4")
    assert {"lib", "user"} == set(found.entries)
    assert "found 1.26.4" in " ".join(found.details)


def test_a_refusal_of_a_rule_holds_beside_its_versions_only(patient):
    rule = NativeContract(
        id="lib-numpy", path="", title="", explain="", severity=Severity.NOTE, when="lib>=26", beside=("numpy<2",),
        module="lib.core", raises=((".", "ImportError", "lib requires NumPy 2.0 or newer"),),
    )  # fmt: skip
    patient.install("numpy==2.0.2", {"numpy/__init__.py": ""})
    patient.install("lib==26.0", {"lib/__init__.py": "from lib.core import f\n", f"lib/core{SUFFIX}": elf()})
    assert list(import_contracts.check(replace(patient.examination(), rulebook=Rulebook(natives=(rule,))))) == []


def test_modules_for_another_python(patient):
    foreign = ".cpython-36m-x86_64-linux-gnu.so"
    patient.install("pkg==1.0", {"pkg/__init__.py": "", f"pkg/_m{foreign}": elf()})
    patient.install("single==1.0", {f"_single{foreign}": elf()})
    patient.install("both==1.0", {f"both/_m{foreign}": elf(), f"both/_m{SUFFIX}": elf()})
    found = {f.subjects[0]: f for f in patient.check(native_abi.check)}
    assert found.keys() == {"pkg==1.0", "single==1.0"}
    assert found["pkg==1.0"].severity is Severity.WARNING
    assert found["single==1.0"].severity is Severity.ERROR


def test_a_symbol_that_another_distributions_library_lost(patient):
    patient.install("base==2.0", {"base/lib/libbase.so": elf(has=["_Z4keptv", "plain"])})
    module = elf(["libbase.so", "libc.so.6"], wants=["_Z4keptv", "_Z4lostv", "PyModule_Create2"])
    patient.install("ext==1.0", {f"ext/_m{SUFFIX}": module})
    assert "undefined symbol: _Z4lostv (of libbase.so)" in failure(patient, f"ext/_m{SUFFIX}")
    (found,) = patient.check(native_abi.check)
    assert (found.rule, found.severity) == ("native-symbol", Severity.ERROR)
    assert found.subjects == ("ext==1.0", "base==2.0")


@pytest.mark.parametrize(
    ("needed", "wants"),
    [
        (["libbase.so"], ["_Z4keptv"]),  # nothing is lacking
        (["libbase.so"], ["_Z4lostv"]),  # it takes nothing from there, so it was made for something else
        (["libbase.so", "libcuda.so.1"], ["_Z4keptv", "_Z4lostv"]),  # a library is not there to be asked
        (["libc.so.6"], ["_Z4lostv"]),  # of no other distribution
    ],
)
def test_symbols_of_which_nothing_certain_can_be_said(patient, needed, wants):
    patient.install("base==2.0", {"base/lib/libbase.so": elf(has=["_Z4keptv"])})
    patient.install("ext==1.0", {f"ext/_m{SUFFIX}": elf(needed, wants=wants)})
    assert patient.check(native_abi.check) == []
    assert failure(patient, f"ext/_m{SUFFIX}") is None


def test_byte_code_of_another_python_without_source(patient):
    patient.write("good.pyc", _pyc())
    patient.write("bad.pyc", b"U\r\r\n" + bytes(12))
    patient.write("short.pyc", _pyc()[:9])
    assert failure(patient, "good.pyc") is None
    assert "bad magic number b'U\\r\\r\\n'" in failure(patient, "bad.pyc")
    assert "cut off" in failure(patient, "short.pyc")


def _pyc() -> bytes:
    import importlib.util

    return importlib.util.MAGIC_NUMBER + struct.pack("<III", 0, 0, 0)


def test_a_view_without_the_host_makes_no_claims_about_its_libraries(patient):
    patient.install("pkg==1.0", {f"pkg/_m{SUFFIX}": elf(["libnowhere.so"])})

    class Inside(DiskFiles):
        def listing(self, path):
            return super().listing(path) if path.startswith(str(patient.path)) else None

        def facts(self, path):
            return super().facts(path) if path.startswith(str(patient.path)) else None

    inspector = NativeInspector(patient.environment(), Inside())
    assert inspector.failure(str(patient.site / f"pkg/_m{SUFFIX}")) is None


def test_a_view_that_reads_ranges_is_not_asked_for_whole_files(patient):
    path = patient.write(f"m{SUFFIX}", elf(["libc.so.6"]) + bytes(10_000_000))

    class Ranged(DiskFiles):
        read_bytes = 0

        def read(self, path, limit=None):
            raise AssertionError(path)

        def read_range(self, path, start, length):
            with open(path, "rb") as stream:
                stream.seek(start)
                data = stream.read(length)
            Ranged.read_bytes += len(data)
            return data

    inspector = NativeInspector(patient.environment(), Ranged())
    assert inspector.damage(str(path)) is None
    assert Ranged.read_bytes < 100_000
    assert os.path.getsize(path) > 10_000_000


@pytest.mark.parametrize(("core", "fails"), [("2.46.5", True), ("2.46.4", False)])
def test_code_that_compares_the_version_of_its_compiled_part_is_believed(patient, core, fails):
    """The compiled part tells its own version; a message that names a distribution and its version was meant."""
    check = (
        "from corelib import __version__ as found\nWANTED = '2.46.4'\n\n\ndef ensure():\n    if found != WANTED:\n"
        "        raise SystemError(f'The installed corelib version ({found}) is incompatible, {WANTED} is required')\n\n\nensure()\n"
    )
    patient.install(
        f"corelib=={core}",
        {"corelib/__init__.py": "from corelib._core import __version__\n", f"corelib/_core{SUFFIX}": elf()},
    )
    patient.install("model==2.13.4", {"model/__init__.py": check}, ["corelib==2.46.4"])
    found = patient.check(import_contracts.check)
    assert [f.subjects for f in found] == ([("model==2.13.4", f"corelib=={core}")] if fails else [])
    assert not fails or found[0].fixes[0].install == ("corelib==2.46.4",)
