from __future__ import annotations

import pytest

from doctor.checks import duplicates, files, ownership
from doctor.checks.importance import Part, part_of
from doctor.model import Depth, Safety, Severity

CODE = {"pkg/__init__.py": "from pkg import core\n", "pkg/core.py": "x = 1\n", "pkg/data.json": "{}"}


def test_untouched_files_and_what_installers_rewrite_are_silent(patient):
    path, text = patient.command("tool")
    dist = patient.install("pkg==1.0", {**CODE, path: text, "pkg/__pycache__/core.cpython-311.pyc": b"1"})
    (dist / "INSTALLER").write_text("another installer\n")
    (dist / "direct_url.json").write_text("{}")
    (patient.site / "pkg/__pycache__/core.cpython-311.pyc").unlink()
    (patient.path / "bin/tool").write_text("#!/elsewhere/python\n")
    assert patient.check(files.check) == []


@pytest.mark.parametrize("gone", ["pkg/core.py", "pkg/data.json", "pkg/__init__.py"])
def test_a_missing_file_that_programs_need_is_an_error_with_its_cure(patient, gone):
    patient.install("pkg==1.0", CODE)
    (patient.site / gone).unlink()
    (found,) = patient.check(files.check)
    assert found.severity is Severity.ERROR
    assert found.subjects == ("pkg==1.0",)
    assert found.message == f"pkg 1.0 is damaged: {gone} is missing"
    assert found.covers == (gone,)
    assert found.fixes[0].reinstall == ("pkg==1.0",)
    assert found.fixes[0].safety is Safety.SAFE


def test_hundreds_of_missing_files_are_one_finding_with_modules_first(patient):
    many = {f"pkg/data/{n:03}.txt": "x" for n in range(300)}
    patient.install("pkg==1.0", {**CODE, **many})
    for path in [*many, "pkg/core.py"]:
        (patient.site / path).unlink()
    (found,) = patient.check(files.check)
    assert found.message == "pkg 1.0 is damaged: 301 files are missing, such as pkg/core.py"
    assert "and 296 more" in found.details[0]
    assert len(found.covers) == 301


def test_a_package_of_which_only_the_metadata_is_left(patient):
    patient.install("pkg==1.0", CODE)
    for path in CODE:
        (patient.site / path).unlink()
    (found,) = patient.check(files.check)
    assert found.message == "pkg 1.0 is gone from the disk: of its 3 files only the metadata is left"


def test_an_emptied_module_is_an_error_but_one_that_was_always_empty_is_not(patient):
    patient.install("pkg==1.0", {**CODE, "pkg/empty.py": ""})
    (patient.site / "pkg/core.py").write_bytes(b"")
    (found,) = patient.check(files.check)
    assert found.severity is Severity.ERROR
    assert found.message == "pkg 1.0 is damaged: pkg/core.py is empty"


def test_an_edited_module_is_a_warning(patient):
    patient.install("pkg==1.0", CODE)
    (patient.site / "pkg/core.py").write_text("x = 1  # by hand\n")
    (found,) = patient.check(files.check)
    assert found.severity is Severity.WARNING
    assert found.message == "pkg 1.0 was changed since its installation: pkg/core.py"


@pytest.mark.parametrize(
    ("user", "severity"),
    [
        ("from pkg import core\n", Severity.ERROR),
        ("def f():\n    from .core import x\n", Severity.ERROR),
        ("import pkg.core as c\n", Severity.ERROR),
        ("from . import (other, core)\n", Severity.ERROR),
        ("core = 'import core'\n", Severity.WARNING),
        ("import encore\n", Severity.WARNING),
    ],
)
def test_a_module_that_was_cut_off_is_an_error_where_others_import_it(patient, user, severity):
    patient.install("pkg==1.0", {"pkg/__init__.py": user, "pkg/core.py": 'x = 1\ny = """text"""\n'})
    (patient.site / "pkg/core.py").write_text('x = 1\ny = """te')
    (found,) = patient.check(files.check)
    assert found.severity is severity
    assert ("pkg/core.py is no valid Python any more" in found.message) is (severity is Severity.ERROR)
    assert found.covers == ("pkg/core.py",)


def test_what_never_was_python_is_not_looked_at(patient):
    patient.install("pkg==1.0", {**CODE, "pkg/template.py": "{{ name }} = 1 +\n", "pkg/other.py": "import template\n"})
    assert patient.check(files.check) == []


def test_an_edit_of_the_same_size_shows_with_full_depth_only(patient):
    patient.install("pkg==1.0", CODE)
    (patient.site / "pkg/core.py").write_text("x = 2\n")
    assert patient.check(files.check) == []
    (found,) = patient.check(files.check, Depth.FULL)
    assert found.covers == ("pkg/core.py",)


def test_removed_tests_and_documentation_are_a_note(patient):
    spare = {"pkg/tests/test_core.py": "1", "pkg/core.pyi": "x: int", "pkg/docs/a.html": "h", "LICENSE.txt": "l"}
    patient.install("pkg==1.0", {**CODE, **spare})
    for path in spare:
        (patient.site / path).unlink()
    (found,) = patient.check(files.check)
    assert found.severity is Severity.NOTE
    assert found.fixes == ()


def test_records_outside_of_the_environment_or_of_a_strange_form_break_nothing(patient):
    dist = patient.install("pkg==1.0", CODE)
    lines = [
        "../../../../../../etc/hostname,sha256=x,1",
        '"a,b.py",,',
        "\x00,,",
        "pkg/core.py,md9=zz,6",
        ",,",
        "x" * 5000,
    ]
    with (dist / "RECORD").open("a") as record:
        record.write("\n".join(lines))
    for depth in (Depth.STANDARD, Depth.FULL):
        found = patient.check(files.check, depth)
        assert {f.subjects for f in found} <= {("pkg==1.0",)}


def test_a_release_from_a_url_is_reinstalled_from_there(patient):
    origin = '{"url": "https://example.org/pkg.git", "vcs_info": {"vcs": "git", "commit_id": "abc123"}}'
    patient.install("pkg==1.0", CODE, metadata={"direct_url.json": origin})
    (patient.site / "pkg/core.py").unlink()
    (found,) = patient.check(files.check)
    assert found.fixes[0].reinstall == ("pkg @ git+https://example.org/pkg.git@abc123",)
    assert found.fixes[0].safety is Safety.UNSAFE


def test_system_packages_are_judged_mildly(patient):
    patient.install("pkg==1.0", CODE)
    (patient.site / "pkg/core.py").unlink()
    (found,) = patient.check(files.check, kind="system")
    assert found.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("pkg/core.py", Part.MODULE),
        ("pkg/history.py", Part.MODULE),
        ("pkg/_ext.cpython-311-x86_64-linux-gnu.so", Part.MODULE),
        ("pkg/words.txt", Part.DATA),
        ("pkg/readme_data.json", Part.DATA),
        ("pkg/README.md", Part.SPARE),
        ("pkg/LICENSE-APACHE", Part.SPARE),
        ("pkg/tests/data/words.txt", Part.SPARE),
        ("pkg/testing/tools.py", Part.MODULE),
        ("pkg/include/pkg.h", Part.SPARE),
        ("pkg-1.0.dist-info/METADATA", Part.OWN),
        ("pkg/__pycache__/core.cpython-311.pyc", Part.OWN),
        ("pkg/legacy.pyc", Part.DATA),
        ("../../../share/jupyter/kernels/python3/kernel.json", Part.DATA),
        ("../../../share/man/man1/tool.1", Part.SPARE),
        ("../../../etc/tool.conf", Part.SPARE),
        ("../../../lib/libbig.so.2", Part.DATA),
    ],
)
def test_what_a_file_is_for(path, part):
    assert part_of(path, metadata="pkg-1.0.dist-info") is part


def test_two_sets_of_metadata_are_one_finding_that_knows_which_files_are_there(patient):
    patient.install("pkg==1.0", {"pkg/__init__.py": "old", "pkg/only_old.py": "1"})
    patient.install("pkg==2.0", {"pkg/__init__.py": "newer", "pkg/only_new.py": "1"})
    (patient.site / "pkg/only_old.py").unlink()
    (found,) = patient.check(duplicates.check)
    assert found.severity is Severity.WARNING
    assert found.subjects == ("pkg==2.0", "pkg==1.0")
    assert "the files on the disk are those of 2.0" in found.message
    assert found.fixes[0].remove == (str(patient.site / "pkg-1.0.dist-info"),)
    assert found.fixes[0].reinstall == ("pkg==2.0",)
    assert patient.check(files.check) == []
    (shallow,) = patient.check(duplicates.check, Depth.METADATA)
    assert "is not certain" in shallow.message


def test_an_egg_info_of_the_same_release_is_no_duplicate(patient):
    patient.install("pkg==1.0", CODE)
    patient.write("pkg.egg-info/PKG-INFO", "Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n")
    assert patient.check(duplicates.check) == []


def test_files_of_two_distributions_name_the_one_whose_content_is_gone(patient):
    patient.install("big-jwt==2.0", {"jwt/__init__.py": "from .api import encode\n", "jwt/api.py": "encode = 1\n"})
    patient.install("jwt==1.0", {"jwt/__init__.py": "VERSION = 1\n"})
    (found,) = patient.check(ownership.check)
    assert found.severity is Severity.WARNING
    assert found.subjects == ("big-jwt==2.0", "jwt==1.0")
    assert found.message == "big-jwt 2.0 and jwt 1.0 both own jwt/__init__.py; those of jwt are on the disk"
    assert [(fix.remove, fix.reinstall) for fix in found.fixes] == [
        (("jwt",), ("big-jwt==2.0",)),
        (("big-jwt",), ("jwt==1.0",)),
    ]


def test_the_same_content_namespaces_and_spare_files_may_be_shared(patient):
    shared = {"same/__init__.py": "x = 1\n", "tests/__init__.py": "", "LICENSE": "mine"}
    patient.install("one==1.0", {**shared, "space/__init__.py": "# one\n__path__ = extend_path(__path__, __name__)\n"})
    patient.install(
        "two==1.0",
        {**shared, "tests/__init__.py": "#", "LICENSE": "yours", "space/__init__.py": "__path__ = extend_path(1, 2)\n"},
    )
    assert patient.check(ownership.check) == []
