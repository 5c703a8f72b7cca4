"""From a data set to prompts: files of every kind, columns by name, answers that can be judged, errors in one sentence."""

from __future__ import annotations

import gzip
import importlib.util
import json
import subprocess
import sys

import pytest

from doctor.errors import DoctorError, UsageError
from doctor.smoke.compare.columns import Columns, choose_columns, expected, prompt_text
from doctor.smoke.compare.correct import is_right
from doctor.smoke.compare.export import export
from doctor.smoke.compare.plan import make_plan
from doctor.smoke.compare.prompts import Wish, choose_prompts, longest_prompt
from doctor.smoke.compare.sources import open_table
from doctor.smoke.compare.values import Contestant, Phase, Prompt, PromptSet, Terms

ROWS = [{"question": f"What is {i} + 1?", "answer": str(i + 1)} for i in range(40)]
NOTHING = Columns(prompt="")


def write(path, rows=ROWS):
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind in ("csv", "tsv"):
        sign = "," if kind == "csv" else "\t"
        text = "".join(f'"{row["question"]}"{sign}{row["answer"]}\n' for row in rows)
        text = f"\ufeffquestion{sign}answer\n{text}"
    elif kind == "json":
        text = json.dumps({"version": 1, "data": rows})
    else:
        text = "\n".join(map(json.dumps, rows)) + "\n\n"
    path.write_bytes(gzip.compress(text.encode()) if path.name.endswith(".gz") else text.encode())
    return path


def chosen(path, n=4, *, terms=None, columns=NOTHING, **wish):
    return choose_prompts(open_table(str(path)), Wish(n=n, columns=columns, **wish), terms or Terms(plain=0, warm_up=1))


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "a.csv", "a.tsv", "a.jsonl.gz", "a.csv.gz"])
def test_every_kind_of_file_gives_the_same_prompts(tmp_path, name):
    found = chosen(write(tmp_path / name))
    assert len(found.prompts) == 5
    assert found.fingerprint == chosen(write(tmp_path / "b.jsonl")).fingerprint
    for prompt in found.prompts:
        assert prompt == Prompt(
            row=prompt.row, text=f"What is {prompt.row} + 1?", answers=(str(prompt.row + 1),), kind="number"
        )
    assert "'question' (guessed by its name)" in found.chosen


def test_the_seed_decides_and_every_row_has_its_chance(tmp_path):
    path = write(tmp_path / "a.jsonl")
    seen = set()
    for seed in range(60):
        terms = Terms(seed=seed, plain=0, warm_up=1)
        assert chosen(path, terms=terms) == chosen(path, terms=terms)
        seen |= {prompt.row for prompt in chosen(path, terms=terms).prompts}
    assert seen == set(range(40))


def test_parquet_without_pyarrow_says_how(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    words = "cannot be read" if importlib.util.find_spec("pyarrow") else "pip install 'acdoctor[parquet]'"
    with pytest.raises(DoctorError, match=r"a\.parquet") as raised:
        chosen(tmp_path / "a.parquet")
    assert words in str(raised.value)


@pytest.mark.skipif(bool(importlib.util.find_spec("datasets")), reason="the datasets library is here")
def test_a_name_of_the_hub_without_the_library_says_how():
    with pytest.raises(UsageError, match=r"pip install 'acdoctor\[datasets\]'"):
        chosen("openai/gsm8k")


def test_a_folder_of_a_downloaded_data_set(tmp_path):
    write(tmp_path / "train-00000.jsonl", ROWS[:3])
    write(tmp_path / "test-00000.jsonl", ROWS[3:6])
    assert {prompt.text for prompt in chosen(tmp_path).prompts} == {row["question"] for row in ROWS[3:6]}
    with pytest.raises(UsageError, match="which file is meant"):
        open_table(str(tmp_path), split="dev")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", b'{"a": 1}\n{"a": \n', "line 2 is no JSON"),
        ("a.jsonl", b"", "has no rows"),
        ("a.json", b"{", "is no JSON"),
        ("a.json", b"3", "holds no list"),
        ("a.csv", b"question\n\xff\xfe\n", "cannot be read"),
        ("a.csv.gz", b"no gzip", "cannot be read"),
        ("a.txt", b"hello", "none of the kinds"),
        ("a.jsonl", b'{"n": 1}\n', "no column with text"),
        ("a.jsonl", b'{"prompt": " "}\n', "no column with text"),
        ("a.jsonl", b'{"prompt": "x", "b": ""}\n[1]\n', "none"),
        ("a.jsonl", b"[" * 100000 + b"\n", "no JSON"),
    ],
)
def test_what_cannot_serve_is_said_in_one_sentence(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    if words == "none":
        assert len(chosen(tmp_path / name).prompts) == 1
        return
    with pytest.raises(DoctorError) as raised:
        chosen(tmp_path / name)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "Traceback" not in str(raised.value)


def test_no_such_file():
    with pytest.raises(UsageError, match="there is no file"):
        open_table("nowhere/a.jsonl")
    with pytest.raises(UsageError, match="there is no file"):
        open_table("./gsm8k")


def test_rows_that_cannot_serve_are_counted(tmp_path):
    rows = [{"prompt": text} for text in ("one", "one", "", "x" * 5000, "two")]
    found = chosen(write_lines(tmp_path, rows), longest=4000)
    assert sorted(prompt.text for prompt in found.prompts) == ["one", "two"]
    assert found.left_out == {"the same text again": 1, "without text": 1, "too long for the smallest context": 1}
    assert longest_prompt(65536, 512) == 195072
    assert longest_prompt(None, 512) is None


def write_lines(tmp_path, rows):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("row", "text", "answers", "kind"),
    [
        ({"question": "2+2?", "answer": "2 and 2 is 4.\n#### 4"}, "2+2?", ("4",), "number"),
        ({"question": "How much?", "answer": "#### 1,234.50"}, "How much?", ("1234.5",), "number"),
        (
            {"question": "Who?", "answers": {"text": ["Ann", "Ann B."], "answer_start": [1, 2]}},
            "Who?",
            ("Ann", "Ann B."),
            "phrase",
        ),
        ({"question": "Capital?", "answer": "Paris"}, "Capital?", ("Paris",), "phrase"),
        ({"article": "Long text", "highlights": "a b c d e f g h"}, "Long text", (), ""),
        ({"instruction": "Do it", "output": ""}, "Do it", (), ""),
        ({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]}, "hi", (), ""),
        ({"conversations": [{"from": "human", "value": "hello"}, {"from": "gpt", "value": "x"}]}, "hello", (), ""),
        (
            {"question": "Sky?", "choices": ["red", "blue"], "answer": 1},
            "Sky?\nA. red\nB. blue\nAnswer with the letter of the right choice only.",
            ("B",),
            "choice",
        ),
        (
            {"question": "Sky?", "choices": {"text": ["red", "blue"], "label": ["1", "2"]}, "answerKey": "2"},
            "Sky?\n1. red\n2. blue\nAnswer with the letter of the right choice only.",
            ("2",),
            "choice",
        ),
        ({"Prompt": "capital letters", "Answer": None}, "capital letters", (), ""),
        ({"body": "longest text wins", "id": "7"}, "longest text wins", (), ""),
        ({"text": "a review", "label": 1}, "a review", (), ""),
    ],
)
def test_columns_are_guessed_by_their_names(row, text, answers, kind):
    columns = choose_columns([row], NOTHING)
    assert prompt_text(row, columns) == text
    assert expected(row, columns) == (answers, kind)


def test_columns_that_are_named(tmp_path):
    rows = [{"a": "x", "b": "y", "answer": "z"}]
    assert prompt_text(rows[0], choose_columns(rows, Columns(prompt="b"))) == "y"
    template = choose_columns(rows, Columns(prompt="", template="{a} and {b}?"))
    assert prompt_text(rows[0], template) == "x and y?"
    for columns in (Columns(prompt="c"), Columns(prompt="", answer="c"), Columns(prompt="", template="{c}")):
        with pytest.raises(UsageError, match="no column 'c'; it has: a, b, answer"):
            choose_columns(rows, columns)
    with pytest.raises(UsageError, match="--template"):
        prompt_text(rows[0], Columns(prompt="", template="{a.x}"))


@pytest.mark.parametrize(
    ("kind", "answer", "said", "right"),
    [
        ("number", "4", "So 2 + 2 = **4**.", True),
        ("number", "1234.5", "It is $1,234.50", True),
        ("number", "4", "4 apples, or rather 5", False),
        ("number", "4", "", False),
        ("choice", "B", "B", True),
        ("choice", "B", "The answer is B. blue", True),
        ("choice", "B", "A is wrong, the answer is (B)", True),
        ("choice", "B", "I think C", False),
        ("phrase", "the Eiffel Tower", "It is Eiffel tower!", True),
        ("phrase", "Rome", "Romeo", False),
        ("", "x", "x", None),
    ],
)
def test_answers_are_judged_by_plain_rules(kind, answer, said, right):
    assert is_right(Prompt(row=0, text="q", answers=(answer,), kind=kind), said) is right


def services():
    return [
        Contestant(name=name, title=name, base=f"https://host/{name}/v1", root="https://host", model="gpt-oss-120b")
        for name in ("metis", "sophia")
    ]


def prompt_set(count):
    return PromptSet(name="p", prompts=tuple(Prompt(row=i, text=f"q{i}") for i in range(count)))


def test_services_take_turns_on_the_same_prompts():
    plan = make_plan(services(), prompt_set(100), 8, Terms(levels=(1, 2), plain=3, warm_up=2))
    alone = [turn for turn in plan.turns if turn.level == 1 and turn.phase is Phase.MEASURE]
    assert [turn.service for turn in alone[:4]] == ["metis", "sophia", "sophia", "metis"]
    together = [turn for turn in plan.turns if turn.level == 2]
    assert [len(turn.prompts) for turn in together] == [4, 4, 4, 4]
    for level in (1, 2):
        asked = {
            s: [p for t in plan.turns if (t.service, t.level) == (s, level) for p in t.prompts]
            for s in ("metis", "sophia")
        }
        assert sorted(p.row for p in asked["metis"]) == sorted(p.row for p in asked["sophia"])
    used = [p.row for turn in plan.turns if turn.service == "metis" for p in turn.prompts] + [
        p.row for p in plan.warm_up
    ]
    assert len(used) == len(set(used)) == 8 + 8 + 3 + 2
    assert not plan.reused
    assert plan.requests == 2 * (8 + 8 + 3)


def test_a_small_data_set_is_used_again_and_that_is_said():
    plan = make_plan(services(), prompt_set(5), 8, Terms(levels=(1, 2), plain=3, warm_up=2))
    assert plan.reused
    for level in (1, 2):
        rows = [
            p.row
            for t in plan.turns
            if (t.service, t.level, t.phase) == ("metis", level, Phase.MEASURE)
            for p in t.prompts
        ]
        assert sorted(rows) == [0, 1, 2, 3, 4]


def test_the_export_holds_the_prompts_and_commands_without_a_token(tmp_path):
    prompts = (Prompt(row=0, text="two\nlines 'and' \"quotes\""), Prompt(row=1, text="ünï"))
    files = export(tmp_path / "out", prompts, services(), Terms(levels=(1, 4)))
    guide, aiperf, commands = (path.read_text() for path in files)
    assert [json.loads(line)["prompt"] for line in guide.splitlines()] == [prompt.text for prompt in prompts]
    assert [json.loads(line)["text"] for line in aiperf.splitlines()] == [prompt.text for prompt in prompts]
    lines = [line for line in commands.splitlines() if line and not line.startswith("#")]
    assert len(lines) == 8
    for program in ("guidellm", "aiperf"):
        (tmp_path / program).write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
        (tmp_path / program).chmod(0o755)
    environment = {"PATH": str(tmp_path), "TOKEN": "se cret'\"$"}
    run = subprocess.run(
        ["/bin/sh", "-eu", files[2]], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    words = [json.loads(line) for line in run.stdout.splitlines()]
    assert [w[w.index("--api-key") + 1] for w in words if "--api-key" in w] == [environment["TOKEN"]] * 4
    assert all('"max_tokens": 512' in w[w.index("--backend") + 1] for w in words if "--backend" in w)
