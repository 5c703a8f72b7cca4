"""Every way in which people paste a traceback ends in the same value."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from doctor.triage.lines import LINE_LIMIT, moment, plain, read_line, read_lines
from doctor.triage.traceback import Traceback, read_tracebacks

PLAIN = """\
Traceback (most recent call last):
  File "/home/u/train.py", line 3, in <module>
    import peft
  File "/home/u/venv/lib/python3.11/site-packages/peft/tuners/lora/model.py", line 26, in <module>
    from transformers.modeling_layers import GradientCheckpointingLayer
ModuleNotFoundError: No module named 'transformers.modeling_layers'
"""

NOTEBOOK = """\
---------------------------------------------------------------------------
ModuleNotFoundError                       Traceback (most recent call last)
Cell In[3], line 3
      1 import os
----> 3 import peft

File ~/venv/lib/python3.11/site-packages/peft/tuners/lora/model.py:26
     24 import x
---> 26 from transformers.modeling_layers import GradientCheckpointingLayer
     27 from y import (

ModuleNotFoundError: No module named 'transformers.modeling_layers'
"""

OLD_NOTEBOOK = """\
---------------------------------------------------------------------------
ModuleNotFoundError                       Traceback (most recent call last)
<ipython-input-1-0c9dd8f50b8c> in <module>
----> 3 import peft

~/venv/lib/python3.8/site-packages/peft/tuners/lora/model.py in <module>
     24 import x
---> 26 from transformers.modeling_layers import GradientCheckpointingLayer

ModuleNotFoundError: No module named 'transformers.modeling_layers'
"""

PYTEST = """\
==================================== ERRORS ====================================
___________________ ERROR collecting tests/test_train.py ______________________
ImportError while importing test module '/home/u/tests/test_train.py'.
Hint: make sure your test modules/packages have valid Python names.
Traceback:
tests/test_train.py:3: in <module>
    import peft
/home/u/venv/lib/python3.11/site-packages/peft/tuners/lora/model.py:26: in <module>
    from transformers.modeling_layers import GradientCheckpointingLayer
E   ModuleNotFoundError: No module named 'transformers.modeling_layers'
=========================== short test summary info ============================
"""

PYTEST_LONG = """\
    def test_peft():
>       import peft

tests/test_train.py:3:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

>   from transformers.modeling_layers import GradientCheckpointingLayer
E   ModuleNotFoundError: No module named 'transformers.modeling_layers'

/home/u/venv/lib/python3.11/site-packages/peft/tuners/lora/model.py:26: ModuleNotFoundError
"""

RICH = """\
╭─────────────────────────────── Traceback (most recent call last) ────────────────────────────────╮
│ /home/u/train.py:3 in <module>                                                                   │
│                                                                                                  │
│ ❱ 3 import peft                                                                                  │
│                                                                                                  │
│ /home/u/venv/lib/python3.11/site-packages/peft/tuners/lora/model.py:26 in <module>               │
│                                                                                                  │
│   25                                                                                             │
│ ❱ 26 from transformers.modeling_layers import GradientCheckpointingLayer                         │
╰──────────────────────────────────────────────────────────────────────────────────────────────────╯
ModuleNotFoundError: No module named 'transformers.modeling_layers'
"""


def read(text: str) -> tuple[Traceback, ...]:
    return read_tracebacks(read_lines(text.splitlines()))


def quoted(text: str, mark: str) -> str:
    return "".join(mark + line for line in text.splitlines(keepends=True))


SHAPES = {
    "plain": PLAIN,
    "mail": quoted(PLAIN, "> "),
    "mail twice": quoted(PLAIN, "> > "),
    "mail tight": quoted(PLAIN, ">"),
    "indented": quoted(PLAIN, "        "),
    "fenced": f"```python\n{PLAIN}```\n",
    "windows": PLAIN.replace("\n", "\r\n"),
    "coloured": PLAIN.replace("ModuleNotFoundError", "\x1b[1;35mModuleNotFoundError\x1b[0m").replace(
        "File", "\x1b[35mFile\x1b[0m"
    ),
    "hyperlinks": PLAIN.replace("ModuleNotFoundError", "\x1b]8;;file:///x\x1b\\ModuleNotFoundError\x1b]8;;\x1b\\"),
    "torchrun rank": quoted(PLAIN, "[rank3]: "),
    "slurm label": quoted(PLAIN, "3: "),
    "mpirun": quoted(PLAIN, "[1,3]<stderr>:"),
    "kubernetes time": quoted(PLAIN, "2026-11-23T12:00:00.123456789Z "),
    "logger": quoted(PLAIN, "2026-11-23 12:00:00,123 ERROR: "),
    "vllm": quoted(PLAIN, "(EngineCore_0 pid=77) ERROR 11-23 12:00:00 [core.py:123] "),
    "ray": quoted(PLAIN, "(train_fn pid=771, ip=10.0.0.2) "),
    "compose": quoted(PLAIN, "trainer-1  | "),
    "kubernetes stream": quoted(PLAIN, "2026-11-23T12:00:00.123456789Z stderr F "),
    "strace": quoted(PLAIN, "[pid 4711] "),
    "web page": PLAIN.replace('"', "&quot;").replace("'", "&#39;").replace("<", "&lt;").replace(">", "&gt;"),
    "word processor": PLAIN.replace('File "', "File \u201c").replace('", line', "\u201d, line").replace("'", "\u2019"),
    "head lost": PLAIN.partition("\n")[2],
    "indentation lost": "\n".join(line.strip() for line in PLAIN.splitlines()),
    "carets": PLAIN.replace("GradientCheckpointingLayer\n", "GradientCheckpointingLayer\n    ^^^^^^^^^^^^^^^\n"),
    "notebook": NOTEBOOK,
    "old notebook": OLD_NOTEBOOK,
    "pytest": PYTEST,
    "pytest long": PYTEST_LONG,
    "rich": RICH,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_read_alike(shape: str) -> None:
    found = read(SHAPES[shape])
    assert len(found) == 1, [one.final for one in found]
    raised = found[0].final
    assert raised.exception == "ModuleNotFoundError"
    assert raised.message == "No module named 'transformers.modeling_layers'"
    last = raised.frames[-1]
    assert last.path.endswith("peft/tuners/lora/model.py")
    assert last.line == 26
    assert last.source.startswith("from transformers.modeling_layers") or shape == "pytest long"
    assert raised.frames[0].line == 3


def test_line_numbers_are_those_of_the_paste() -> None:
    raised = read("hello\n\n" + PLAIN)[0].final
    assert (raised.frames[0].number, raised.number) == (4, 8)


def test_missing_last_line_is_told() -> None:
    found = read(PLAIN.rpartition("ModuleNotFoundError")[0])
    assert found[0].truncated
    assert len(found[0].final.frames) == 2


def test_ranks_interleaved_are_read_apart_and_counted() -> None:
    ranks = [quoted(PLAIN, f"[rank{n}]: ").splitlines() for n in range(4)]
    mixed = "\n".join(line for lines in zip(*ranks, strict=True) for line in lines)
    found = read(mixed)
    assert len(found) == 1
    assert found[0].count == 4
    assert found[0].streams == ("[rank0]", "[rank1]", "[rank2]", "[rank3]")


def really(code: str) -> str:
    """What this Python really prints."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    ).stderr


def test_a_real_chain_is_root_first() -> None:
    text = really("""
        def low():
            {}["a"]
        try:
            try:
                low()
            except KeyError as error:
                raise ValueError("middle") from error
        except ValueError:
            raise RuntimeError("Encountered error when calling Hook.on_start")
    """)
    (found,) = read(text)
    assert [one.exception for one in found.raised] == ["KeyError", "ValueError", "RuntimeError"]
    assert found.links == ("cause", "context")
    assert found.root.message == "'a'"


def test_a_real_exception_group_gives_its_members() -> None:
    text = really("""
        raise ExceptionGroup("both", [ValueError("one"), ExceptionGroup("in", [TypeError("two")])])
    """)
    names = [one.final.exception for one in read(text)]
    assert {"ValueError", "TypeError"} <= set(names)
    assert all("|" not in one.final.message for one in read(text))


def test_a_real_syntax_error_has_its_file() -> None:
    (found,) = read(really("compile('print \"x\"', 'old.py', 'exec')"))
    assert found.final.exception == "SyntaxError"
    assert found.final.frames[-1].path == "old.py"


def test_a_worker_traceback_inside_a_message_is_the_root() -> None:
    text = PLAIN.replace(
        "ModuleNotFoundError: No",
        "ValueError: Caught ValueError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n"
        '  File "/home/u/data.py", line 9, in get\n    int("x")\nValueError: No',
    )
    (found,) = read(text)
    assert [one.frames[-1].line for one in found.raised] == [9, 26]


def test_continuation_lines_belong_to_the_message() -> None:
    text = "RuntimeError: Failed to import transformers.trainer because of the following error (look up to see its traceback):\nNo module named 'transformers.modeling_layers'\n"
    assert read(text)[0].final.more == ("No module named 'transformers.modeling_layers'",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello world\nstep 1 loss 2.0\n",
        "2026-11-23 12:00:00,123 INFO:   | Train Device=CSX, Step=50, Loss=9.4, Rate=31.97 samples/sec\n",
        "Error: something of a shell\n",
        "def f():\n    raise ValueError\n",
        ">>> import peft\n>>> peft.__version__\n'0.18.0'\n",
    ],
)
def test_no_traceback_is_none(text: str) -> None:
    assert read(text) == ()


def test_bytes_escapes_and_length_are_bounded() -> None:
    text = plain(b"\x1b[31m\x00\xff\x1b]0;evil\x07" + "\u202eabc".encode() + b"x" * 100_000)
    assert len(text) <= LINE_LIMIT
    assert text.startswith("\ufffdabcx")
    assert plain("12%|#\r50%|##\r100%|####\r\n") == "100%|####"


def test_prefixes_tell_time_level_and_rank() -> None:
    line = read_line(7, "2026-11-23 12:06:33,316 INFO:   Beginning appliance run")
    assert (line.number, line.message, line.level) == (7, "Beginning appliance run", "INFO")
    when = moment(line.stamp)
    assert when is not None
    assert when.isoformat() == "2026-11-23T12:06:33.316000"
    assert moment("2026-02-30 00:00:00") is None
    zoned = moment("2026-11-23T12:06:33+05:30")
    assert zoned is not None
    assert zoned.utcoffset() is not None
