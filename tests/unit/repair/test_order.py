"""Which version is near: pure, and held to examples a person would agree with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from doctor.index.index import Candidate
from doctor.index.releases import ReleaseFile
from doctor.model import Change
from doctor.repair.order import as_installers, is_downgrade, level, minor_releases, nearest


def candidates(*versions):
    return [
        Candidate(name="acme", version=v, file=ReleaseFile(filename=f"acme-{v}-py3-none-any.whl", version=v, url=""))
        for v in versions
    ]


def versions(found):
    return [c.version for c in found]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("1.0", "1.0.0", 0),
        ("1.0", "1.0.1", 1),
        ("0.17.1", "0.18.0", 2),
        ("4.45", "5.0", 3),
        (None, "5.0", 1),
        ("1.0", "1!1.0", 3),
    ],
)
def test_level(before, after, expected):
    assert level(before, after) == expected


def test_nearest_prefers_small_moves_then_newer():
    assert versions(nearest(candidates("1.0", "2.0", "2.1", "2.2", "2.2.5", "3.0", "4.0"), "2.1")) == [
        "2.1", "2.2.5", "2.2", "2.0", "3.0", "1.0", "4.0",
    ]  # fmt: skip


def test_what_metadata_asks_for_goes_no_further_than_needed_and_is_the_newest_there():
    assert versions(as_installers(candidates("5.26.1", "5.27.5", "5.29.6", "6.0", "6.1"), "4.25.8")) == [
        "5.29.6", "5.27.5", "5.26.1", "6.1", "6.0",
    ]  # fmt: skip
    assert versions(as_installers(candidates("1.9", "2.0", "3.0"), None)) == ["3.0", "2.0", "1.9"]


def test_nearest_without_an_installed_version_is_the_newest():
    assert versions(nearest(candidates("1.9", "1.10", "1.2"), None)) == ["1.10", "1.9", "1.2"]


def test_minor_releases_are_nearest_first_and_each_of_them_newest_first():
    every = candidates("0.16.0", "0.17.0", "0.17.1", "0.18.0", "0.18.1", "0.19.0", "0.19.1")
    assert [versions(release) for release in minor_releases(every, "0.18.0", 5)] == [
        ["0.18.1"], ["0.19.1", "0.19.0"], ["0.17.1", "0.17.0"], ["0.16.0"],
    ]  # fmt: skip
    assert [versions(release) for release in minor_releases(every, "0.18.0", 1)] == [
        ["0.18.1"], ["0.19.1", "0.19.0"], ["0.17.1", "0.17.0"],
    ]  # fmt: skip


def test_of_far_major_releases_the_nearest_is_looked_at():
    every = candidates("2.8", "3.19", "3.20.2", "3.20.3", "4.24", "4.25", "5.0", "6.1", "6.2", "6.3", "7.0")
    assert [r[0].version for r in minor_releases(every, "5.0", 1)] == ["6.1", "4.25", "7.0", "3.20.3", "2.8"]


def test_downgrades():
    assert is_downgrade(Change(name="a", before="1.10", after="1.9"))
    assert is_downgrade(Change(name="a", before="1.10", after=None))
    assert not is_downgrade(Change(name="a", before=None, after="1"))


numbers = st.lists(st.integers(0, 30), min_size=1, max_size=4).map(lambda n: ".".join(map(str, n)))


@given(st.lists(numbers, unique_by=Version), numbers)
def test_order_is_total_and_keeps_everything(found, installed):
    ordered = nearest(candidates(*found), installed)
    assert sorted(versions(ordered)) == sorted(found)
    assert versions(nearest(reversed(ordered), installed)) == versions(ordered)
    releases = minor_releases(candidates(*sorted(found, key=Version)), installed, 100)
    assert {v for release in releases for v in versions(release)} == {
        v for v in found if Version(v) != Version(installed)
    }
