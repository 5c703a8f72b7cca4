"""Which versions a paste tells, whatever printed them."""

from __future__ import annotations

import pytest

from doctor.triage.lines import read_lines
from doctor.triage.versions import Versions, read_versions


def told(text: str) -> Versions:
    return read_versions(read_lines(text.splitlines()))


@pytest.mark.parametrize(
    "text",
    [
        "peft==0.18.0\n",
        "> peft==0.18.0\n",
        "Package    Version\n---------- -------\npeft       0.18.0\n",
        "Package    Version    Editable project location\n---------- ---------- ----\npeft       0.18.0     /home/u/peft\n",
        "# packages in environment at /opt/conda:\n#\n# Name    Version    Build  Channel\npeft      0.18.0     pypi_0    pypi\n",
        "accelerate 1.0.0\npeft 0.18.0\nnumpy 1.26.4\n",
        "Name: peft\nVersion: 0.18.0\n",
        "Successfully installed accelerate-1.0.0 peft-0.18.0\n",
        "Requirement already satisfied: peft in ./venv/lib/python3.11/site-packages (0.18.0)\n",
        " + peft==0.18.0\n",
        "- `peft` version: 0.18.0\n",
        "PEFT version: 0.18.0\n",
        "peft: 0.18.0\n",
        "but you have peft 0.18.0 which is incompatible.\n",
        'File "/v/lib/python3.7/site-packages/peft-0.18.0-py3.7.egg/peft/a.py", line 3, in f\n',
        "└── peft==0.18.0 [required: >=0.2]\n",
    ],
)
def test_every_form(text: str) -> None:
    assert told(text).of("peft") == "0.18.0"


def test_python_from_words_and_paths() -> None:
    assert told("Python 3.11.9\n").python == "3.11.9"
    assert told('  File "/v/lib/python3.10/site-packages/x.py", line 1, in f\n').python == "3.10"


@pytest.mark.parametrize(
    "text", ["step 50 loss 9.1\n", "CUDA 12.1\n", "version 2.0 of the paper\n", "at 10.0.0.1\n", "foo 1.0\n"]
)
def test_no_versions_are_none(text: str) -> None:
    assert dict(told(text).known) == {}
