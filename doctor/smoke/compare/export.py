"""The same prompts for two load generators, with the commands that ask them under the same terms.

The formats are those of guidellm 0.8 (JSON lines with ``prompt``) and aiperf 0.13 (JSON lines with ``text``).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from doctor.errors import UsageError
from doctor.smoke.compare.values import Contestant, Prompt, Terms

GUIDELLM, AIPERF, COMMANDS = "guidellm.jsonl", "aiperf.jsonl", "commands.sh"
_TOKENIZER = "openai/gpt-oss-120b"
_TOKEN = "@TOKEN@"  # noqa: S105 - the place for it


def export(
    folder: Path, prompts: Sequence[Prompt], contestants: Sequence[Contestant], terms: Terms
) -> tuple[Path, ...]:
    """Write the prompts and the commands; returns the files. Raises ``UsageError`` when they cannot be written."""
    texts = {
        GUIDELLM: "".join(f"{json.dumps({'prompt': prompt.text})}\n" for prompt in prompts),
        AIPERF: "".join(f"{json.dumps({'text': prompt.text})}\n" for prompt in prompts),
        COMMANDS: "".join(f"{line}\n" for line in _commands(len(prompts), contestants, terms)),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}.") from None
    return tuple(folder / name for name in texts)


def _commands(count: int, contestants: Sequence[Contestant], terms: Terms) -> Iterator[str]:
    """A shell script for a person to read and run in this folder; the token stays in a variable of theirs."""
    yield "# Run in this folder, with the service's token in the variable TOKEN (do not write it into a file)."
    yield "# While one runs, other users of this machine can see the token among its arguments: not on a login node."
    yield "# Both may count an error inside a stream of status 200 as an answer: compare their error counts with ours."
    for contestant in contestants:
        yield ""
        yield f"# {contestant.title}"
        for level in terms.levels:
            yield _guidellm(count, contestant, terms, level)
            yield _aiperf(count, contestant, terms, level)


def _body(terms: Terms) -> dict[str, object]:
    """The terms as fields of the request."""
    fields = {"temperature": terms.temperature, "seed": terms.seed, "reasoning_effort": terms.effort or None}
    return {"max_tokens": terms.max_tokens, **{name: value for name, value in fields.items() if value is not None}}


def _guidellm(count: int, contestant: Contestant, terms: Terms, level: int) -> str:
    backend = {
        "kind": "openai_http",
        "target": contestant.base.removesuffix("/v1"),
        "model": contestant.model,
        "api_key": _TOKEN,
        "validate_backend": False,  # the gateway has no list of models where it is looked for
        "request_format": "/v1/chat/completions",
        "stream": terms.stream,
        "extras": {"body": _body(terms)},
    }
    words = ["guidellm", "run", "--backend", json.dumps(backend), "--profile", f"kind=concurrent,streams={level}"]
    words += ["--constraint", f"kind=max_requests,count={count}", "--data", f"kind=json_file,path={GUIDELLM}"]
    words += ["--tokenizer", f"kind=huggingface_auto,model={_TOKENIZER}"]
    words += ["--output", f"kind=json,path=guidellm-{_file_name(contestant.name)}-{level}.json"]
    return _with_token(words)


def _aiperf(count: int, contestant: Contestant, terms: Terms, level: int) -> str:
    words = ["aiperf", "profile", "--model", contestant.model, "--url", contestant.base.removesuffix("/v1")]
    words += ["--endpoint-type", "chat", *(["--streaming"] if terms.stream else [])]
    words += ["--input-file", AIPERF, "--custom-dataset-type", "single_turn"]
    words += ["--concurrency", str(level), "--request-count", str(count)]
    for name, value in _body(terms).items():
        words += ["--extra-inputs", f"{name}:{value}"]
    words += [
        "--tokenizer",
        _TOKENIZER,
        "--api-key",
        _TOKEN,
        "--artifact-dir",
        f"aiperf-{_file_name(contestant.name)}-{level}",
    ]
    return _with_token(words)


def _with_token(words: Sequence[str]) -> str:
    """One line for a shell, which puts the token in from its variable."""
    quoted = []
    for word in map(shlex.quote, words):
        inside = word.startswith("'")  # the shell must leave its quotes for the variable
        quoted.append(word.replace(_TOKEN, "'\"${TOKEN:-}\"'" if inside else '"${TOKEN:-}"'))
    return " ".join(quoted)


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
