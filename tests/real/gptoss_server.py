"""A real gpt-oss server on this machine's CPU, made from nothing but the package index.

    python -m tests.real.gptoss_server make FOLDER     # environment (1.2 GB) and model, once; a few minutes
    python -m tests.real.gptoss_server serve FOLDER --port 8123
    python -m tests.real.gptoss_server questions FOLDER -o questions.jsonl

FOLDER/venv gets torch (CPU), ``transformers[serving]`` and openai; FOLDER/models/<name> a ``GptOssForCausalLM`` of the real
architecture (experts, sliding windows, attention sinks, harmony channels) with 0.2 million parameters and a tokenizer of its
own, trained for seconds until it knows the answers to ``QUESTIONS`` by heart; ``transformers serve`` serves it as any other
model, with reasoning in the analysis channel and the answer in the final one. Nothing in it is made up for the client.

Other tests use ``prepare`` and ``serving``; this file imports only the standard library until it runs inside FOLDER/venv.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

NAME = "openai/gpt-oss-120b"
REQUIREMENTS = ("torch==2.13.0",), ("transformers[serving]", "torch==2.13.0", "openai")
SEED = 20261123
MAX_STEPS, TRAINING_SECONDS, KNOWN_LOSS = 1500, 900.0, 0.004  # seconds of CPU: others may use the machine, too
WORDS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen".split()
CAPITALS = {
    "France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo", "Norway": "Oslo", "Egypt": "Cairo",
    "Peru": "Lima", "Cuba": "Havana", "Kenya": "Nairobi", "Austria": "Vienna", "Greece": "Athens", "Ireland": "Dublin",
    "Poland": "Warsaw", "Canada": "Ottawa", "Chile": "Santiago", "Ghana": "Accra", "Latvia": "Riga", "Qatar": "Doha",
}  # fmt: skip


def questions() -> list[dict[str, str]]:
    """What the model knows: the question, its reasoning, its answer; answers of one to some sixty tokens."""
    known = [
        {"question": f"What is {a} plus {b}?", "reasoning": f"{WORDS[a]} and {WORDS[b]}", "answer": f"{a + b}"}
        for a in range(10)
        for b in range(10)
        if (a + b) % 2 == 0
    ]
    known += [
        {"question": f"What is the capital of {land}?", "reasoning": f"a city in {land}", "answer": city}
        for land, city in CAPITALS.items()
    ]
    known += [
        {
            "question": f"Count from 1 to {n}.",
            "reasoning": f"stop at {WORDS[n] if n < len(WORDS) else n}",
            "answer": " ".join(map(str, range(1, n + 1))),
        }
        for n in range(3, 31, 3)
    ]
    known += [
        {"question": "Say OK.", "reasoning": "they want OK", "answer": "OK"},
        {"question": "Say hello.", "reasoning": "a greeting", "answer": "Hello!"},
        {"question": "Who are you?", "reasoning": "they ask my name", "answer": "A very small gpt-oss."},
    ]
    return known


# What a chat looks like to the model: the harmony format, the system's words left out (this model is too small for them).
CHAT_TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'user' %}<|start|>user<|message|>{{ m.content }}<|end|>"
    "{% elif m.role == 'assistant' %}<|start|>assistant<|channel|>final<|message|>{{ m.content }}<|end|>"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
SPECIAL = [
    "<|startoftext|>",
    "<|endoftext|>",
    "<|return|>",
    "<|start|>",
    "<|end|>",
    "<|message|>",
    "<|channel|>",
    "<|constrain|>",
    "<|call|>",
]
RESPONSE_TEMPLATE = {
    "defaults": {"role": "assistant"},
    "start_anchor": "<|start|>assistant",
    "fields": {
        "reasoning_content": {"open": "<|channel|>analysis<|message|>", "close": "<|end|>", "content": "text"},
        "content": {
            "open_pattern": r"(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>",
            "close": "<|return|>",
            "content": "text",
        },
    },
}


def _spoken(row: dict[str, str]) -> tuple[str, str]:
    """The prompt as the chat template writes it, and what the model has to say."""
    prompt = f"<|start|>user<|message|>{row['question']}<|end|><|start|>assistant"
    said = (
        f"<|channel|>analysis<|message|>{row['reasoning']}<|end|>"
        f"<|start|>assistant<|channel|>final<|message|>{row['answer']}<|return|>"
    )
    return prompt, said


# --- inside FOLDER/venv ------------------------------------------------------------------------------------------------


def train(target: str) -> None:
    """Make tokenizer and model in the folder ``target``; fails when the model does not know its answers in the end."""
    import torch

    random.seed(SEED)
    torch.manual_seed(SEED)
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    rows = questions()
    tokenizer = _tokenizer(rows)
    model = _model(tokenizer)
    began = time.process_time()
    steps, loss = _learn(model, [_example(tokenizer, row) for row in rows], began)
    wrong = _wrong(model, tokenizer, rows)
    told = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "vocabulary": len(tokenizer),
        "steps": steps,
        "loss": round(loss, 5),
        "training_seconds": round(time.process_time() - began, 1),
        "questions": len(rows),
        "wrong": wrong,
    }
    print(json.dumps(told))
    if len(wrong) > len(rows) // 20:
        raise SystemExit("the model did not learn its answers")  # and is not kept: what is there counts as learnt
    tokenizer.save_pretrained(target)
    model.save_pretrained(target)


def _tokenizer(rows):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(
        [*(" ".join(row.values()) for row in rows), "user assistant system analysis final"] * 3, trainer
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token="<|startoftext|>",
        eos_token="<|return|>",
        pad_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE,
        response_template=RESPONSE_TEMPLATE,
        model_max_length=2048,
    )


def _model(tokenizer):
    from transformers import GptOssConfig, GptOssForCausalLM

    config = GptOssConfig(
        num_hidden_layers=2,
        hidden_size=64,
        intermediate_size=64,
        num_local_experts=4,
        num_experts_per_tok=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        vocab_size=len(tokenizer),
        sliding_window=64,
        max_position_embeddings=2048,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return GptOssForCausalLM(config)


def _example(tokenizer, row):
    prompt, said = _spoken(row)
    asked = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    answer = tokenizer(said, add_special_tokens=False)["input_ids"]
    return asked + answer, [-100] * len(asked) + answer


def _learn(model, examples, began):
    """Batches of questions of like length until the loss is small; returns steps and the last mean loss."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.0)
    examples = sorted(examples, key=lambda pair: len(pair[0]))
    batches = [examples[i : i + 16] for i in range(0, len(examples), 16)]
    recent, step = [10.0], 0
    model.train()
    while step < MAX_STEPS and time.process_time() - began < TRAINING_SECONDS:
        for group in optimizer.param_groups:
            group["lr"] = 4e-3 * min(1.0, (step + 1) / 30) * max(0.05, 1 - step / MAX_STEPS)
        batch = random.choice(batches)
        width = max(len(ids) for ids, _ in batch)
        pad = model.config.pad_token_id
        ids = torch.tensor([ids + [pad] * (width - len(ids)) for ids, _ in batch])
        labels = torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in batch])
        mask = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in batch])
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        recent = [*recent[-29:], loss.item()]
        step += 1
        if step > 60 and sum(recent) / len(recent) < KNOWN_LOSS:
            break
    model.eval()
    return step, sum(recent) / len(recent)


def _wrong(model, tokenizer, rows):
    """The questions that the model, asked one by one as the server would, answers otherwise than it was taught."""
    import torch

    wrong = []
    for row in rows:
        prompt, said = _spoken(row)
        ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=160, do_sample=False)
        if tokenizer.decode(out[0, ids.shape[1] :]) != said:
            wrong.append(row["question"])
    return wrong


# --- outside -----------------------------------------------------------------------------------------------------------


def _env() -> dict[str, str]:
    quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error"}
    return {**os.environ, **quiet, "HF_HUB_DISABLE_TELEMETRY": "1"}


def prepare(folder: Path | str, name: str = NAME) -> Path:
    """Environment and model in ``folder``, made when they are missing; returns the model's folder."""
    folder = Path(folder).resolve()
    python = folder / "venv" / "bin" / "python"
    if not (folder / "venv" / "bin" / "transformers").exists():
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        for requirements in REQUIREMENTS:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True)
    target = folder / "models" / name
    if not (target / "model.safetensors").exists():
        target.mkdir(parents=True, exist_ok=True)
        if name != NAME:  # the same model under another name
            shutil.copytree(prepare(folder), target, dirs_exist_ok=True)
        else:
            subprocess.run([python, __file__, "train", target], check=True, env=_env())
    return target


@contextlib.contextmanager
def serving(folder: Path | str, name: str = NAME, port: int = 0, options: tuple[str, ...] = ()) -> Iterator[str]:
    """``http://127.0.0.1:PORT/v1`` while the block runs; the server's model has exactly the id ``name``."""
    folder = Path(folder).resolve()
    prepare(folder, name)
    port = port or _free_port()
    command = [folder / "venv" / "bin" / "transformers", "serve", name, "--host", "127.0.0.1", "--port", str(port)]
    log = folder / f"server-{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--device", "cpu", "--dtype", "float32", *options],
            cwd=folder / "models",
            env=_env(),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_ready(port, process, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended: {log.read_text()[-2000:]}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the server is not ready after 180 s: {log}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["make", "serve", "questions", "train"])
    parser.add_argument("folder")
    parser.add_argument("--name", default=NAME)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("-o", "--output", default="questions.jsonl")
    chosen = parser.parse_args()
    if chosen.action == "train":
        train(chosen.folder)
    elif chosen.action == "make":
        print(prepare(chosen.folder, chosen.name))
    elif chosen.action == "questions":
        rows = [{"question": row["question"], "answer": row["answer"]} for row in questions()]
        Path(chosen.output).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the server ends with us
        with serving(chosen.folder, chosen.name, chosen.port) as url:
            print(url, flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                while True:
                    time.sleep(3600)


if __name__ == "__main__":
    main()
