"""Changes of ``sys.path``: what cannot be known of it may hold any module."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "change",
    [
        "sys.path.append(os.environ['UNKNOWN'])",
        "sys.path.insert(0, os.environ['UNKNOWN'])",
        "sys.path = [os.environ['UNKNOWN'], *sys.path]",
        "sys.path = unknown()",
        "sys.path += os.environ['UNKNOWN'].split(':')",
        "sys.path[:0] = [os.environ['UNKNOWN']]",
    ],
)
def test_a_module_may_lie_in_a_directory_that_is_not_known(change, tmp_path, ask):
    (tmp_path / "main.py").write_text(f"import os, sys\nfrom helper import *\n{change}\nimport nowhere\n")
    (tmp_path / "helper.py").write_text("def unknown():\n    return input().split()\n")
    assert ask("main", paths=(tmp_path,)).failures == ()


def test_a_path_that_is_set_is_used(tmp_path, ask):
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "found.py").write_text("")
    (tmp_path / "main.py").write_text(
        f"import sys\nsys.path = [*sys.path, {str(extra)!r}]\nimport found\nimport nowhere\n"
    )
    (failure,) = ask("main", paths=(tmp_path,)).failures
    assert failure.symbol == "nowhere"
