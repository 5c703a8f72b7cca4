"""What packages say themselves, what the user's own project does, and where a file has a name from."""

from __future__ import annotations

import sys

import pytest
from pastes import ask

from doctor.triage.asking import asked_for, removed
from doctor.triage.members import has_member
from doctor.triage.missing import Given, Missing, read_given, read_missing
from doctor.triage.origins import defining_file, origin
from doctor.triage.wheeltext import WheelText

SITE = "/home/u/venv/lib/python{}.{}/site-packages".format(*sys.version_info[:2])


def wheel(**files: str) -> WheelText:
    named = {name.replace("__", "/").replace("/init/", "/__init__") + ".py": text for name, text in files.items()}
    return WheelText(names=frozenset(named), read=lambda name: named[name])


def traceback(*frames: tuple[str, str, str], error: str) -> str:
    lines = [f'  File "{path}", line 7, in {function}\n    {source}' for path, function, source in frames]
    return "\n".join(["Traceback (most recent call last):", *lines, error])


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (
            "Using http2=True, but the 'h2' package is not installed. Install httpx using `pip install httpx[http2]`.",
            "h2",
        ),
        ("matplotlib is required for plotting when the default backend is selected.", "matplotlib"),
        ("Unable to find an engine.\nA suitable version of pyarrow or fastparquet is required for it.", "pyarrow"),
        ("lxml.html.clean is a project of its own now.\nInstall lxml[html_clean] or more.", "lxml[html_clean]"),
    ],
)
def test_an_import_error_says_what_it_wants(message: str, wanted: str) -> None:
    assert asked_for(message, at_import=True)[0] == wanted


def test_other_errors_are_not_read_so_freely() -> None:
    assert asked_for("a password is required for this; install the update") == ()
    assert asked_for("the package is not installed") == ()


@pytest.mark.parametrize(
    ("message", "library"),
    [
        ("Unable to find zbar shared library", "zbar"),
        ("PortAudio library not found", "PortAudio"),
        ('no library called "cairo-2" was found', "cairo-2"),
        ("cannot load library 'libgobject-2.0-0': error", "libgobject-2.0-0"),
        ("failed to find libmagic.  Check your installation", "libmagic"),
    ],
)
def test_libraries_of_the_system_by_other_names(message: str, library: str) -> None:
    missing = read_missing(message)
    assert missing
    assert (missing.kind, missing.symbol) == ("library", library)


def test_a_value_of_the_users_own_is_theirs() -> None:
    deep = (f"{SITE}/pandas/core/generic.py", "astype", "return self._mgr.astype(dtype)")
    text = traceback(
        ("/home/u/p/main.py", "<module>", "df.astype(float)"), deep, error="ValueError: could not convert: 'N/A'"
    )
    assert ask(text).diagnoses[0].category == "user_code"
    other = (f"{SITE}/seaborn/core.py", "plot", "data.astype(float)")
    between = traceback(
        ("/home/u/p/main.py", "<module>", "sns.plot()"), other, deep, error="ValueError: could not convert: 'N/A'"
    )
    assert ask(between).diagnoses[0].category == "call"


def test_a_file_that_hides_a_module_of_python() -> None:
    frames = (
        ("/home/u/p/app.py", "<module>", "import requests"),
        (f"{SITE}/urllib3/pool.py", "<module>", "queue.LifoQueue"),
    )
    answer = ask(traceback(*frames, error="AttributeError: module 'queue' has no attribute 'LifoQueue'"))
    assert answer.diagnoses[0].category == "user_code"
    assert "queue.py" in answer.diagnoses[0].advice[0]
    gone = ask(traceback(*frames, error="AttributeError: module 'queue' has no attribute 'Nothing'"))
    assert gone.diagnoses[0].category == "python_version"


def test_what_python_passed_over_stands_below() -> None:
    first = traceback(
        (f"{SITE}/tqdm/notebook.py", "status_printer", "raise ImportError(W)"), error="ImportError: no bar"
    )
    ignored = traceback(
        (f"{SITE}/tqdm/std.py", "__del__", "self.close()"), error="AttributeError: 'bar' object has no attribute 'disp'"
    )
    answer = ask(f"{first}\nException ignored in: <function tqdm.__del__ at 0x7f>\n{ignored}")
    assert [one.consequence for one in answer.diagnoses] == [False, True]
    assert "no bar" in answer.diagnoses[0].finding.message


def test_where_a_file_has_a_name_from() -> None:
    text = wheel(
        a__sklearn="from .compat import Check as C, local\n",
        a__compat="try:\n    from other.utils import check as c\nexcept ImportError:\n    c = None\nfrom .own import local\n",
        a__own="def local(): pass\n",
    )
    assert origin(text, "a/sklearn.py", "c") == "other.utils"
    assert origin(text, "a/sklearn.py", "missing") == ""
    assert origin(text, "a/nothing.py", "c") == ""
    assert defining_file(text, "a.compat", "local") == "a/own.py"


def test_a_function_that_wants_more_than_it_is_given() -> None:
    source = '@rename("old", "new")'
    assert read_given(source, "rename") == Given(places=2)
    assert read_given("rename(1, key=2)", "rename") == Given(places=1, names=("key",))
    assert read_given("rename(*both)", "rename") is None
    assert read_given("rename(", "rename") is None
    missing = Missing(kind="signature", callable="rename", module="b.tools", given=Given(places=2))
    old, new = "def rename(old, new, level=2): pass", "def rename(kind, old, new, level=2): pass"
    assert has_member(wheel(b__tools=old), missing) is True
    assert has_member(wheel(b__tools=new), missing) is False


def test_a_message_that_names_the_version_of_a_removal_is_believed() -> None:
    assert removed("`interp2d` has been removed in SciPy 1.14.0.") == ("interp2d", "1.14.0")
    assert removed("PdfFileReader is deprecated and was removed in PyPDF2 3.0.0. Use x.") == ("PdfFileReader", "3.0.0")
    assert removed("`pydantic.error_wrappers:ErrorWrapper` has been removed in V2.") == (
        "pydantic.error_wrappers:ErrorWrapper",
        "2",
    )
    assert removed("the file was removed in the night") is None
    frames = (
        ("/home/u/p/main.py", "<module>", "interp2d(x)"),
        (f"{SITE}/scipy/interpolate/_old.py", "__init__", "raise X"),
    )
    one = ask(traceback(*frames, error="NotImplementedError: `interp2d` has been removed in SciPy 1.14.0.")).diagnoses[
        0
    ]
    assert (one.category, [fix.install for fix in one.finding.fixes]) == ("api_removed", [("scipy<1.14.0",)])


def test_a_module_of_python_2_is_not_to_be_installed() -> None:
    frames = ("/home/u/p/main.py", "<module>", "import old"), (f"{SITE}/old.py", "<module>", "import urllib2")
    one = ask(traceback(*frames, error="ModuleNotFoundError: No module named 'urllib2'")).diagnoses[0]
    assert one.category == "python_version"
    assert not one.finding.fixes
