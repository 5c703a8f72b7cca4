"""Text and questions that the tests of triage share."""

from __future__ import annotations

from doctor.rulebook.load import load_rulebook
from doctor.triage.answer import answer, scanner
from doctor.triage.diagnosis import Answer, Knowledge
from doctor.triage.owners import load_names

BOOK = load_rulebook(kinds=("log", "breakage"))
KNOWLEDGE = Knowledge(logs=BOOK.logs, breakages=BOOK.breakages, names=load_names(None, ("peft", "transformers")))
SITE = "/home/u/venv/lib/python3.11/site-packages"


def ask(text: str, knowledge: Knowledge = KNOWLEDGE) -> Answer:
    search = scanner(knowledge)
    search.feed(text.encode() + b"\n")
    return answer(search.digest(), knowledge)


def trace(*frames: str, last: str) -> str:
    """A traceback of frames ``path|line|function|source``."""
    parts = (frame.split("|") for frame in frames)
    lines = [f'  File "{path}", line {line}, in {function}\n    {source}' for path, line, function, source in parts]
    return "\n".join(["Traceback (most recent call last):", *lines, last])


PEFT = trace(
    "/home/u/R_2.6.0/modelzoo/src/cerebras/modelzoo/cli/main.py|20|<module>|import lm_eval",
    f"{SITE}/peft/tuners/lora/model.py|26|<module>|from transformers.modeling_layers import GradientCheckpointingLayer",
    last="ModuleNotFoundError: No module named 'transformers.modeling_layers'",
)
RUN = """\
2025-11-03 14:50:22,812 INFO:   Running command: /venv/bin/cszoo fit configs/params_llama2_7b.yaml
2025-11-03 14:50:29,812 INFO:   Progress will be logged every 50 steps.
2025-11-03 14:51:02,812 WARNING:   Event 2025-11-03 14:00:00 +0000 UTC reason=InconsistentVersion object=wsjob-ab12
2025-11-03 14:51:12,800 INFO:   User sidecar image build is disabled from server. Falling back to venv mounting.
2025-11-03 14:53:12,800 INFO:   Appliance staging is complete
2025-11-03 14:53:22,800 INFO:   Beginning appliance run
"""
