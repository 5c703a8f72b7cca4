"""What distributions say of themselves, whole and damaged."""

from __future__ import annotations

import json
import os
import zipfile

import importlib_metadata
import pytest
from probepatient import environment_variables, make_venv

from doctor.model import Distribution, Environment
from doctor.probe.distributions import identity_of_path
from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles
from doctor.probe.origin import parse_direct_url, without_credentials
from doctor.probe.records import recorded_files


@pytest.fixture
def venv(tmp_path):
    return make_venv(tmp_path / "v")


def probe(venv) -> Environment:
    return probe_environment(str(venv.path))


def only(venv) -> Distribution:
    (found,) = probe(venv).distributions
    return found


def codes(found: Distribution | Environment) -> list[str]:
    return [problem.code for problem in found.problems]


def test_everything_that_a_distribution_says(venv):
    directory = venv.install(
        "Some.Project_x",
        "2.0+cu121",
        "Requires-Dist: numpy>=1.24 ; python_version<'4'\nRequires-Dist: torch; extra == 'gpu'\n"
        "Requires-Python: >=3.8,<4\nProvides-Extra: gpu\nProvides-Extra: dev",
        WHEEL="Wheel-Version: 1.0\nTag: cp311-cp311-manylinux_2_17_x86_64\nTag: cp311-cp311-manylinux2014_x86_64\n",
        entry_points__txt="[console_scripts]\ntool = some.cli:main [gpu]\n[plug.in]\nx=some:X\n",
        top_level__txt="some\n_some_native\n",
        REQUESTED="",
        direct_url__json=json.dumps(
            {"url": "https://me:secret@host/r.git?token=1", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
        ),
    )
    found = only(venv)
    assert (found.name, found.display_name, found.version) == ("some-project-x", "Some.Project_x", "2.0+cu121")
    assert found.pin == "some-project-x==2.0+cu121"
    assert found.requires == ("numpy>=1.24 ; python_version<'4'", "torch; extra == 'gpu'")
    assert found.requires_python == ">=3.8,<4"
    assert found.extras == ("gpu", "dev")
    assert found.requested
    assert found.installer == "pip"
    assert found.wheel_tags == ("cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux2014_x86_64")
    points = [(p.group, p.name, p.module, p.attr) for p in found.entry_points]
    assert points == [("console_scripts", "tool", "some.cli", "main"), ("plug.in", "x", "some", "X")]
    assert found.top_level == ("some", "_some_native")
    assert found.location == str(venv.site)
    assert found.metadata_path == str(directory)
    assert (found.direct_url.url, found.direct_url.vcs) == ("https://host/r.git", "git")
    assert found.direct_url.commit == "abc"
    assert not found.direct_url.editable
    assert found.has_record
    assert found.problems == ()


def test_the_same_as_importlib_metadata_says(venv):
    """On every distribution of the interpreter that runs the tests."""
    found = probe_environment(os.path.dirname(os.path.dirname(os.path.abspath(os.sys.executable))))
    known = {d.metadata_path: d for d in found.distributions}
    compared = 0
    for site in found.site_dirs:
        for theirs in importlib_metadata.distributions(path=[site]):
            ours = known[str(theirs._path)]
            assert ours.display_name == theirs.name
            assert ours.version == theirs.version
            assert list(ours.requires) == (theirs.requires or [])
            assert [(p.group, p.name, p.value) for p in ours.entry_points] == [
                (p.group, p.name, p.value) for p in theirs.entry_points
            ]
            if ours.has_record:
                paths = [r.path for r in recorded_files(ours, DiskFiles())]
                expected = [os.path.normpath(site + "/" + str(f)) for f in theirs.files]
                assert set(expected) <= set(paths)
            compared += 1
    assert compared > 10


def test_duplicates_are_all_listed_and_the_first_is_seen(venv):
    venv.install("alpha", "1.0")
    venv.install("Alpha", "2.0")
    found = probe(venv)
    assert [d.version for d in found.distributions] == ["2.0", "1.0"]
    assert found.distribution("alpha").version == "2.0"


def test_lib64_that_is_lib_counts_once(venv):
    venv.install("alpha")
    (venv.site / "again.pth").write_text(str(venv.path / "lib64" / venv.site.relative_to(venv.path / "lib")) + "\n")
    found = probe(venv)
    assert len(found.search_path) == len({e.path for e in found.search_path})
    assert str(venv.path / "lib64") in found.search_path[-1].path
    assert [d.name for d in found.distributions] == ["alpha"]


def test_distribution_in_the_base_is_hidden_not_lost(tmp_path):
    venv = make_venv(tmp_path / "v", system=True)
    environ = environment_variables(tmp_path / "home")
    user = tmp_path / "home" / ".local" / "lib" / f"python{venv.version}" / "site-packages"
    user.mkdir(parents=True)
    venv.install("alpha", "1.0").rename(user / "alpha-1.0.dist-info")
    venv.install("alpha", "2.0")
    found = probe_environment(str(venv.path), environ=environ)
    alphas = [(d.version, d.location) for d in found.distributions if d.name == "alpha"]
    assert alphas == [("2.0", str(venv.site)), ("1.0", str(user))]


DAMAGED_METADATA = {
    "binary": (b"\x00\x01\x02" * 1000, "holds binary data, not text"),
    "empty": (b"", None),
    "only a body": (b"\nName: no\n", None),
    "not UTF-8": (b"Name: alpha\nVersion: 1.0\nAuthor: caf\xe9\n\n", "is not UTF-8"),
    "a header without end": (b"X: " + b"a" * 2_000_000, "no end of the header"),
}


@pytest.mark.parametrize("how", DAMAGED_METADATA)
def test_damaged_metadata_is_a_problem_and_the_directory_names_it(how, venv):
    body, complaint = DAMAGED_METADATA[how]
    (venv.install("alpha") / "METADATA").write_bytes(body)
    found = only(venv)
    assert (found.name, found.version) == ("alpha", "1.0")
    if complaint:
        assert codes(found) == ["metadata-unreadable"]
        assert complaint in found.problems[0].detail
    else:
        assert codes(found) == ["name-missing", "version-missing"]


def test_huge_metadata_costs_no_more_than_a_small_one(venv):
    directory = venv.install("alpha", "1.0", "Summary: x")
    with (directory / "METADATA").open("ab") as stream:
        stream.truncate(100 * 1024 * 1024)
    found = only(venv)
    assert found.problems == ()
    with (directory / "METADATA").open("wb") as stream:
        stream.truncate(100 * 1024 * 1024)
    assert codes(only(venv)) == ["metadata-unreadable"]


@pytest.mark.parametrize("kind", ["fifo", "directory", "loop", "dangling"])
def test_metadata_that_is_no_file(kind, venv):
    path = venv.install("alpha") / "METADATA"
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("METADATA" if kind == "loop" else "nowhere")
    found = only(venv)
    assert codes(found) == ["metadata-unreadable"]
    assert found.problems[0].path == str(path.parent)
    assert found.problems[0].detail


def test_names_that_try_to_write_on_the_screen_are_values(venv):
    evil = "evil\x1b[31m\nname"
    (venv.install(evil) / "METADATA").write_text("Name: e\x1b[2Jvil\nVersion: 1\x07\n\n")
    (venv.site / "~\x1b[31m\n").mkdir()
    found = probe(venv)
    assert found.distributions[0].display_name == "e\x1b[2Jvil"
    assert found.distributions[0].version == "1\x07"
    assert found.distributions[0].metadata_path.endswith(f"/{evil}-1.0.dist-info")
    assert [leftover.kind for leftover in found.leftovers] == ["interrupted-uninstall"]


def test_names_that_are_no_unicode(venv):
    os.mkdir(os.fsencode(str(venv.site)) + b"/caf\xe9-1.0.dist-info")
    os.mkdir(os.fsencode(str(venv.site)) + b"/\xff\xfe")
    with open(os.fsencode(str(venv.site)) + b"/caf\xe9-1.0.dist-info/METADATA", "wb") as stream:
        stream.write(b"Name: caf\xe9\nVersion: 1.0\n\n")
    found = only(venv)
    assert found.display_name == "caf\udce9"
    assert os.path.isdir(found.metadata_path)


@pytest.mark.parametrize(
    ("file", "body", "code"),
    [
        ("direct_url__json", "{", "direct-url-unreadable"),
        ("direct_url__json", "[" * 100_000, "direct-url-unreadable"),
        ("direct_url__json", '{"url": 3}', "direct-url-unreadable"),
        ("WHEEL", b"\0", "wheel-unreadable"),
    ],
)
def test_other_damaged_files(file, body, code, venv):
    venv.install("alpha", **{file: body})
    assert codes(only(venv)) == [code]


@pytest.mark.parametrize("text", ["nonsense", "[console_scripts\nx", "[a]\n=\n= =\nx\n[b]\ny = z", "\x00[\n]=="])
def test_damaged_entry_points_never_raise(text, venv):
    venv.install("alpha", entry_points__txt=text)
    found = only(venv)
    assert codes(found) in ([], ["entry-points-unreadable"])
    for point in found.entry_points:
        assert isinstance(point.module, str)


@pytest.mark.parametrize("how", ["is not there", "is empty", "is no file"])
def test_a_missing_record(how, venv):
    record = venv.install("alpha") / "RECORD"
    record.unlink()
    if how == "is empty":
        record.write_bytes(b"")
    elif how == "is no file":
        os.mkfifo(record)
    found = only(venv)
    assert not found.has_record
    assert [(p.code, p.detail) for p in found.problems] == [("record-missing", how)]
    assert recorded_files(found, DiskFiles()) == ()


def test_a_distributor_keeps_its_own_list(venv):
    """PEP 627: a system's package manager leaves RECORD out; that is its right."""
    (venv.install("alpha", INSTALLER="debian") / "RECORD").unlink()
    found = only(venv)
    assert not found.has_record
    assert found.problems == ()


def test_egg_info_directories_and_files(venv):
    directory = venv.site / "old-1.2-py3.11.egg-info"
    directory.mkdir()
    (directory / "PKG-INFO").write_text("Name: old\nVersion: 1.2\n")
    (directory / "requires.txt").write_text("six>=1.0\n\n[extra]\nnumpy\n\n[:python_version < '3']\nenum34\n")
    (directory / "installed-files.txt").write_text("../old/__init__.py\nPKG-INFO\n")
    (venv.site / "older-0.1.egg-info").write_text("Name: older\nVersion: 0.1\n")
    older, old = sorted(probe(venv).distributions, key=lambda d: d.version)
    assert (older.pin, older.kind, older.has_record) == ("older==0.1", "egg-info", False)
    assert (old.pin, old.kind, old.has_record) == ("old==1.2", "egg-info", True)
    assert old.requires == ("six>=1.0", 'numpy; extra == "extra"', "enum34; python_version < '3'")
    assert [r.path for r in recorded_files(old, DiskFiles())] == [
        str(venv.site / "old" / "__init__.py"),
        str(directory / "PKG-INFO"),
    ]


def test_develop_install_by_egg_link(venv, tmp_path):
    project = tmp_path / "project"
    (project / "proj.egg-info").mkdir(parents=True)
    (project / "proj.egg-info" / "PKG-INFO").write_text("Name: proj\nVersion: 3\n")
    (project / "proj.egg-info" / "SOURCES.txt").write_text("proj.py\nsetup.py\ngone.py\n")
    (project / "proj.py").write_text("")
    (venv.site / "proj.egg-link").write_text(f"{project}\n.")
    venv.pth("easy-install.pth", f"{project}\n")
    found = probe(venv)
    (distribution,) = found.distributions
    assert (distribution.kind, distribution.location) == ("egg-link", str(project))
    assert [r.path for r in recorded_files(distribution, DiskFiles())] == [str(project / "proj.py")]
    assert found.problems == ()
    (venv.site / "easy-install.pth").unlink()
    assert codes(probe(venv)) == ["egg-link-not-on-path"]


@pytest.mark.parametrize("text", ["", "\n\n", "\x00"])
def test_a_damaged_egg_link(text, venv):
    (venv.site / "proj.egg-link").write_text(text)
    assert codes(probe(venv)) in (["egg-link-unreadable"], ["egg-link-not-on-path"])


def test_eggs_as_directory_and_as_zip(venv):
    egg = venv.site / "flat-1.0-py3.11.egg"
    (egg / "EGG-INFO").mkdir(parents=True)
    (egg / "EGG-INFO" / "PKG-INFO").write_text("Name: flat\nVersion: 1.0\n")
    zipped = venv.site / "zipped-2.0-py3.11.egg"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("EGG-INFO/PKG-INFO", "Name: zipped\nVersion: 2.0\n")
        archive.writestr("EGG-INFO/requires.txt", "six\n")
        archive.writestr("zipped.py", "")
    (venv.site / "broken.egg").write_text("no zip")
    venv.pth("easy-install.pth", f"./{egg.name}\n./{zipped.name}\n./broken.egg\n")
    found = probe(venv)
    assert [(d.pin, d.kind, d.location) for d in found.distributions] == [
        ("flat==1.0", "egg", str(egg)),
        ("zipped==2.0", "egg", str(zipped)),
    ]
    assert found.distributions[1].requires == ("six",)
    assert codes(found) == ["zip-unreadable"]


def test_the_egg_info_of_an_editable_project_is_no_second_distribution(venv, tmp_path):
    project = tmp_path / "project"
    (project / "proj.egg-info").mkdir(parents=True)
    (project / "proj.egg-info" / "PKG-INFO").write_text("Name: proj\nVersion: 1.0.dev1\n")
    venv.install("proj", direct_url__json=json.dumps({"url": f"file://{project}", "dir_info": {"editable": True}}))
    venv.pth("__editable__.proj.pth", f"{project}\n")
    found = only(venv)
    assert found.kind == "dist-info"
    assert found.direct_url.editable


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/s/alpha-1.0.dist-info", ("alpha", "1.0")),
        ("/s/al-pha-1.0.post1.dist-info", ("al-pha", "1.0.post1")),
        ("/s/alpha-1.0-py3.11.egg-info", ("alpha", "1.0")),
        ("/s/alpha-1.0-py3.11-linux-x86_64.egg", ("alpha", "1.0")),
        ("/s/alpha.egg-info", ("alpha", "")),
        ("/s/alpha-dev.dist-info", ("alpha", "dev")),
        ("/s/.dist-info", ("", "")),
    ],
)
def test_identity_of_path(path, identity):
    assert identity_of_path(path) == identity


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pw@host:8443/x.whl#sha256=1", "https://host:8443/x.whl#sha256=1"),
        ("ssh://git@host/r.git", "ssh://git@host/r.git"),
        ("ssh://git:pw@host/r.git", "ssh://host/r.git"),
        ("https://host/x.whl?sig=secret", "https://host/x.whl"),
        ("file:///srv/p", "file:///srv/p"),
        ("http://[::1", "http://[::1"),
        ("http://u:p@[::1?t=1", "[::1"),
    ],
)
def test_no_credentials_in_origins(url, shown):
    assert without_credentials(url) == shown
    assert parse_direct_url(json.dumps({"url": url}).encode()).url == shown


RECORD = (
    'alpha/__init__.py,sha256=abc,12\r\n"alpha/with,comma.py",,\n../../../bin/alpha,sha256=x,5\n/etc/absolute,,\n'
    "alpha/./odd//path.py,,7\nalpha/bad.py,sha256=x,-3\nalpha/worse.py,,1e9\nalpha/huge.py,,99999999999999999999\n"
    '\n,,\nonly-a-path\n"alpha/quote""d.py",,1\n'
)


def test_records_of_every_form(venv):
    venv.install("alpha", RECORD=RECORD)
    site, root = str(venv.site), str(venv.path)
    assert [(r.path, r.hash, r.size) for r in recorded_files(only(venv), DiskFiles())] == [
        (f"{site}/alpha/__init__.py", "sha256=abc", 12),
        (f"{site}/alpha/with,comma.py", "", None),
        (f"{root}/bin/alpha", "sha256=x", 5),
        ("/etc/absolute", "", None),
        (f"{site}/alpha/odd/path.py", "", 7),
        (f"{site}/alpha/bad.py", "sha256=x", None),
        (f"{site}/alpha/worse.py", "", None),
        (f"{site}/alpha/huge.py", "", None),
        (f"{site}/only-a-path", "", None),
        (f'{site}/alpha/quote"d.py', "", 1),
    ]


def test_a_record_without_quotes_reads_the_same_either_way(venv):
    lines = "a/__init__.py,sha256=abc,12\nb.py,,\n../../x,h,3\r\n"
    venv.install("alpha", RECORD=lines)
    plain = recorded_files(only(venv), DiskFiles())
    (venv.site / "alpha-1.0.dist-info" / "RECORD").write_text(lines + '"q.py",,\n')
    assert recorded_files(only(venv), DiskFiles())[:-1] == plain


def test_assumed_distributions_own_no_files(venv):
    found = probe(venv).with_assumed({"torch": "2.4.0"})
    assert recorded_files(found.distribution("torch"), DiskFiles()) == ()
