from __future__ import annotations

import pytest

from doctor.checks import metadata, requirements, run
from doctor.model import Depth, Finding, Severity


def test_a_healthy_patient_has_no_findings_and_is_counted(patient):
    patient.install("pkg==1.0", {"pkg/__init__.py": "from pkg import core\n", "pkg/core.py": ""})
    patient.install("app==1.0", {"app.py": "import pkg\n"}, requires=["pkg"])
    patient.assumed["torch"] = "2.4.0"
    findings, crashes, tally = run.run_checks(patient.examination())
    assert (findings, crashes) == ((), ())
    assert tally.distributions == 2
    assert tally.entries >= 2
    assert tally.modules >= 3


def test_only_what_the_probe_has_read_is_judged_at_metadata_depth(patient):
    patient.install("pkg==1.0", {"pkg.py": "import no_such_module_at_all\n"}, requires=["gone"])
    (patient.site / "pkg.py").unlink()
    findings, crashes, tally = run.run_checks(patient.examination(Depth.METADATA))
    assert [f.rule for f in findings] == ["requirement"]
    assert crashes == ()
    assert tally.entries == 0


def test_findings_are_sorted_worst_first(patient):
    patient.install("pkg==1.0", {"pkg.py": "", "LICENSE": "x"}, requires=["gone", "base>9", "pytz (>dev)"])
    patient.install("base==1.0")
    (patient.site / "LICENSE").unlink()
    findings, _, _ = run.run_checks(patient.examination())
    assert list(findings) == sorted(findings, key=Finding.sort_key)
    assert [f.severity for f in findings] == sorted((f.severity for f in findings), key=lambda s: s.rank)
    assert {f.severity for f in findings} == set(Severity)


def test_a_check_that_raises_is_a_crash_and_what_it_and_the_others_found_counts(patient, monkeypatch):
    patient.install("pkg==1.0", requires=["gone", "missing"])

    def breaks(examination):
        yield next(iter(requirements.check(examination)))
        raise ValueError("two\nlines")

    monkeypatch.setattr(run, "BY_METADATA", (("requirements", breaks), ("metadata", metadata.check)))
    findings, (crash,), _ = run.run_checks(patient.examination(Depth.METADATA))
    assert len(findings) == 1
    assert crash.check == "requirements"
    assert crash.reason.startswith("ValueError: two lines at test_run.py:")


@pytest.mark.parametrize(
    "wreck", ["METADATA", "RECORD", "entry_points.txt", "WHEEL", "direct_url.json", "top_level.txt"]
)
@pytest.mark.parametrize("content", [b"", b"\0\xff\xfe" * 50, b"Name: \x1b[2J\nVersion: 1\n,,,,\n\n[[[\n=\n"])
def test_no_check_stumbles_over_wrecked_metadata(patient, wreck, content):
    dist = patient.install("pkg==1.0", {"pkg.py": "x = 1\n"}, requires=["gone"])
    (dist / wreck).write_bytes(content)
    _, crashes, _ = run.run_checks(patient.examination(Depth.FULL))
    assert crashes == ()


def test_no_check_stumbles_over_loops_fifos_and_forbidden_places(patient):
    import os

    dist = patient.install("pkg==1.0", {"pkg/__init__.py": "", "pkg/a.py": "1", "pkg/b.py": "2", "pkg/c.so": "3"})
    for name in ("a.py", "b.py", "c.so"):
        (patient.site / "pkg" / name).unlink()
    (patient.site / "pkg/a.py").symlink_to("a.py")
    os.mkfifo(patient.site / "pkg/b.py")
    (patient.site / "pkg/c.so").mkdir()
    (patient.path / "bin/loop").symlink_to("loop")
    os.mkfifo(patient.path / "bin/fifo")
    (dist / "entry_points.txt").write_text("[console_scripts]\nloop = pkg:main\n")
    findings, crashes, _ = run.run_checks(patient.examination(Depth.FULL))
    assert crashes == ()
    assert any(f.rule == "files" and f.severity is Severity.ERROR for f in findings)
