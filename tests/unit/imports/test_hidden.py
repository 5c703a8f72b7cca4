"""Following goes on past a failure as if it had been cured, so that all roots are found at once."""

from __future__ import annotations

import pytest

PROGRAMS = {
    "two imports": ("import gone_a\nimport gone_b\n", {"gone_a", "gone_b"}),
    "behind a missing name": ("from plain import gone_a\nimport gone_b\n", {"plain.gone_a", "gone_b"}),
    "behind a missing attribute": ("import plain\nplain.gone_a\nimport gone_b\n", {"plain.gone_a", "gone_b"}),
    "within the broken module": ("import broken\nimport gone_b\n", {"gone_a", "gone_c", "gone_b"}),
    "in a class body": ("class A:\n    import gone_a\n    import gone_b\n", {"gone_a", "gone_b"}),
    "in branches": (
        "import sys\nif sys.version_info > (3,):\n    import gone_a\n    import gone_b\n",
        {"gone_a", "gone_b"},
    ),
    "in a loop over names": ("for n in ('gone_a', 'gone_b'):\n    __import__(n)\n", {"gone_a", "gone_b"}),
    "in both functions": ("def f():\n    import gone_a\ndef g():\n    import gone_b\nf()\ng()\n", {"gone_a", "gone_b"}),
    "in a handler that needs more": ("try:\n    import gone_a\nexcept ImportError:\n    import gone_b\n", {"gone_b"}),
    "after a guard": ("try:\n    import broken\nexcept ImportError:\n    broken = None\nimport gone_b\n", {"gone_b"}),
    "every name of one statement": (
        "from plain import gone_a, old, gone_b\nimport gone_c\n",
        {"plain.gone_a", "plain.gone_b", "gone_c"},
    ),
    "in the body of a class without its base": (
        "import plain\nclass A(plain.gone_a):\n    import gone_b\n",
        {"plain.gone_a", "gone_b"},
    ),
    "once for two ways": ("import way_a\nimport way_b\n", {"gone_a", "gone_c"}),
}
FILES = {
    "plain.py": "old = 1\n",
    "broken.py": "import gone_a\nimport gone_c\nanything = 1\n",
    "way_a.py": "import broken\n",
    "way_b.py": "from broken import anything\n",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_all_roots_are_found_at_once(name, tmp_path, ask):
    source, expected = PROGRAMS[name]
    for path, text in {**FILES, "main.py": source}.items():
        (tmp_path / path).write_text(text)
    failures = ask("main", paths=(tmp_path,)).failures
    assert sorted(f.root.symbol for f in failures) == sorted(expected)


def test_entries_share_one_root(tmp_path, ask):
    for path, text in FILES.items():
        (tmp_path / path).write_text(text)
    told = ask("way_a", "plain", "way_b", "broken", paths=(tmp_path,))
    assert [v.outcome for v in told.verdicts] == ["fails", "ok", "fails", "fails"]
    assert [f.entries for f in told.failures] == [["way_a", "way_b", "broken"]] * 2


def test_one_entry_does_not_break_another(tmp_path, ask):
    """Each entry is a process of its own: what one takes away is there for the next."""
    files = {
        "plain.py": "old = 1\n",
        "hidden.py": "",
        "deletes.py": "import plain\ndel plain.old\n",
        "forbids.py": "import sys\nsys.modules['hidden'] = None\n",
        "empties.py": "import sys\nsys.path.clear()\n",
        "user.py": "from plain import old\nimport hidden\n",
    }
    for path, text in files.items():
        (tmp_path / path).write_text(text)
    told = ask("deletes", "forbids", "empties", "user", paths=(tmp_path,))
    assert [v.outcome for v in told.verdicts] == ["ok"] * 4, told.failures
