"""Classes and keywords that a release gave up: found by their names, with the versions around."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pastes import KNOWLEDGE, SITE, ask, trace
from wheelhouse import make_wheel

from doctor.index.index import open_index
from doctor.triage.gates import choose_gates, lines_with
from doctor.triage.lookup import later
from doctor.triage.members import defines, has_member, named_alike
from doctor.triage.missing import Missing, read_missing
from doctor.triage.wheels import IndexLookup
from doctor.triage.wheeltext import WheelText


def wheel(**files: str) -> WheelText:
    texts = {name.replace("__", "/") + ".py": text for name, text in files.items()}
    return WheelText(names=texts.keys(), read=texts.__getitem__)


def said(message: str) -> Missing:
    missing = read_missing(message)
    assert missing is not None
    return missing


LACKS = said("AttributeError: 'BigThing' object has no attribute 'shrink'")
TAKES = said("TypeError: BigThing.__init__() got an unexpected keyword argument 'colour'")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("class BigThing:\n    def shrink(self): ...\n", True),
        ("class BigThing:\n    def grow(self): ...\n", False),
        ("class BigThing:\n    def __init__(self):\n        self.shrink = 1\n", True),
        ("class Base:\n    shrink = 1\nclass BigThing(Base):\n    pass\n", True),
        ("class Base:\n    pass\nclass BigThing(Base):\n    pass\n", False),
        ("import other\nclass BigThing(other.Base):\n    pass\n", None),
        ("class BigThing:\n    def __getattr__(self, name): ...\n", None),
        ("@mystery\nclass BigThing:\n    pass\n", None),
        ("class Meta(type): ...\nclass BigThing(metaclass=Meta):\n    pass\n", False),
        ("class BigThing(metaclass=elsewhere):\n    pass\n", None),
        ("class Other:\n    pass\n", None),
    ],
)
def test_a_class_has_an_attribute_or_not_or_its_file_does_not_tell(text: str, expected: bool | None) -> None:
    assert has_member(wheel(lib__core=text), LACKS) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("class BigThing:\n    def __init__(self, *, colour=1): ...\n", True),
        ("class BigThing:\n    def __init__(self, size): ...\n", False),
        ("class BigThing:\n    def __init__(self, **kwargs): ...\n", None),
        ("class Base:\n    def __init__(self, colour): ...\nclass BigThing(Base): ...\n", True),
        ("@dataclass\nclass BigThing:\n    colour: str\n", True),
        ("@dataclass\nclass BigThing:\n    size: str\n", False),
        ("import x\nclass BigThing(x.Y): ...\n", None),
    ],
)
def test_a_callable_takes_a_keyword_or_not(text: str, expected: bool | None) -> None:
    assert has_member(wheel(lib__core=text), TAKES) is expected


def test_a_python_that_tells_no_class_is_asked_for_the_word() -> None:
    missing = said("TypeError: __init__() got an unexpected keyword argument 'choices_method'")
    assert has_member(wheel(lib__core="def f(choices_method): ...\n"), missing) is True
    assert has_member(wheel(lib__core="def f(other): ...\n"), missing) is False
    short = said("TypeError: __init__() got an unexpected keyword argument 'x'")
    assert has_member(wheel(lib__core="def f(x): ...\n"), short) is None


def test_a_class_is_looked_for_by_name() -> None:
    assert defines(wheel(lib__core="class BigThing: ...\n"), LACKS)
    assert not defines(wheel(lib__tests__core="class BigThing: ...\n"), LACKS)
    assert named_alike(wheel(lib__big_thing=""), TAKES)
    assert not named_alike(wheel(lib__thing=""), TAKES)


@pytest.fixture
def lookup(tmp_path: Path) -> IndexLookup:
    """engine lost a method and a keyword in 2.0; plug-engine does without them from 1.1 on."""
    old = "class BigThing:\n    def __init__(self, colour=1): ...\n    def shrink_to_fit(self): ...\n"
    for version, body in (("1.0", old), ("1.5", old), ("2.0", "class BigThing:\n    def __init__(self): ...\n")):
        make_wheel(tmp_path, "engine", version, files={"engine/__init__.py": "", "engine/core.py": body})
    use = "def go(thing):\n    thing.shrink_to_fit()\n"
    for version, body in (("1.0", use), ("1.1", "def go(thing):\n    thing.fit()\n")):
        make_wheel(tmp_path, "plug-engine", version, files={"plug_engine/__init__.py": body}, requires=("engine",))
    return IndexLookup(open_index(offline=True, find_links=(str(tmp_path),)))


def test_the_class_is_found_in_what_the_importer_requires(lookup: IndexLookup) -> None:
    paste = trace(
        f"{SITE}/plug_engine/__init__.py|2|go|thing.shrink_to_fit()",
        last="AttributeError: 'BigThing' object has no attribute 'shrink_to_fit'",
    )
    (one,) = ask(paste + "\n\nengine==2.0\nplug-engine==1.0\n", replace(KNOWLEDGE, lookup=lookup)).diagnoses
    assert one.category == "api_removed"
    assert one.finding.subjects == ("plug-engine==1.0", "engine==2.0")
    assert [fix.install for fix in one.finding.fixes] == [("engine==1.5",), ("plug-engine>=1.1",)]
    assert one.sure == "certain"
    # Without the versions it is only a guess whose class it is.
    (one,) = ask(paste, replace(KNOWLEDGE, lookup=lookup)).diagnoses
    assert one.sure == "possible"
    assert one.ask


def test_frames_that_were_left_out_prove_nothing(lookup: IndexLookup) -> None:
    paste = trace(
        f"{SITE}/plug_engine/__init__.py|9|other|return call(1)",
        last="AttributeError: 'BigThing' object has no attribute 'shrink_to_fit'",
    )
    (one,) = ask(paste + "\n\nengine==2.0\nplug-engine==1.0\n", replace(KNOWLEDGE, lookup=lookup)).diagnoses
    assert [fix.install for fix in one.finding.fixes] == [("engine==1.5",)]


def test_a_lookup_is_made_when_it_is_asked(lookup: IndexLookup) -> None:
    made: list[int] = []

    def make() -> IndexLookup:
        made.append(1)
        return lookup

    lazy = later(make)
    assert not made
    assert lazy.known("engine")
    assert lazy.known("engine")
    assert made == [1]


def test_every_literal_has_a_gate_that_it_contains() -> None:
    literals = [b"No space left on device", b"cannot open shared object", b"Exception", b"h0", b"a", b"No such file"]
    gates = choose_gates(literals, b"plain line 000\nNo 000\n" * 50)
    assert sorted(literal for behind in gates.values() for literal in behind) == sorted(literals)
    assert all(gate in literal for gate, behind in gates.items() for literal in behind)
    assert lines_with(b"one\ntwo x\nthree\nx four x", b"x") == [b"two x", b"x four x"]
