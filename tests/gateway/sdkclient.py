"""An independent client: the openai SDK, in an environment of its own. Reads requests as JSON, prints what it got.

Run by tests with that environment's interpreter; imports nothing of the doctor.
"""

from __future__ import annotations

import json
import sys

import openai


def ask(wish: dict) -> dict:
    """One request as the SDK's documentation shows it, and what a program of a user sees of the answer."""
    client = openai.OpenAI(base_url=wish["base"], api_key=wish.get("token") or "none", max_retries=0, timeout=120)
    body = {
        "model": wish["model"],
        "messages": [{"role": "user", "content": wish["question"]}],
        "max_tokens": wish.get("max_tokens", 512),
    }
    body |= {"temperature": 0.0, "reasoning_effort": "low"}
    seen = {"text": "", "reasoning": "", "finish": "", "usage": None, "odd_chunks": 0, "error": ""}
    try:
        if not wish["stream"]:
            answer = client.chat.completions.create(**body)
            message = answer.choices[0].message
            seen |= {
                "text": message.content or "",
                "reasoning": thoughts(message),
                "finish": answer.choices[0].finish_reason,
                "usage": counts(answer.usage),
            }
        else:
            for chunk in client.chat.completions.create(**body, stream=True, stream_options={"include_usage": True}):
                seen["usage"] = counts(chunk.usage) or seen["usage"]
                if chunk.choices is None:
                    seen["odd_chunks"] += 1
                for choice in chunk.choices or ():
                    seen["text"] += choice.delta.content or ""
                    seen["reasoning"] += thoughts(choice.delta)
                    seen["finish"] = choice.finish_reason or seen["finish"]
    except openai.APIStatusError as error:
        seen["error"] = f"{type(error).__name__} {error.status_code}"
    except openai.APIError as error:
        seen["error"] = type(error).__name__
    return seen


def thoughts(said: object) -> str:
    return getattr(said, "reasoning", None) or getattr(said, "reasoning_content", None) or ""


def counts(usage: object) -> list[int] | None:
    return [usage.prompt_tokens, usage.completion_tokens] if usage else None


if __name__ == "__main__":
    json.dump([ask(wish) for wish in json.load(sys.stdin)], sys.stdout)
