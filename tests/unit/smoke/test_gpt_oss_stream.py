"""Streams and bodies taken apart: however they are cut, whatever they hold."""

from __future__ import annotations

import itertools
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from doctor.smoke.judging import Answer, Judge
from doctor.smoke.service_events import Events
from doctor.smoke.service_stream import read_body, read_stream

JUDGE = Judge.load()
QUICK = settings(deadline=None, database=None, max_examples=80)
OK = Answer(method="POST", url="https://host/v1/chat/completions", status=200, content_type="text/event-stream")


def event(delta, finish=None, **more):
    return (
        b"data: "
        + json.dumps({"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}).encode()
        + b"\n\n"
    )


STREAM = b"".join(
    [
        b": a comment\r\n\r\n",
        b"event: message\nid: 3\n" + event({"role": "assistant", "content": ""}),
        event({"reasoning": "dünk "}),
        event({"reasoning_content": "more"}),
        event({"content": "vier"}),
        event({"content": "ünd"}, "stop").replace(b"\n\n", b"\r\n\r\n"),
        b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "time_to_first_token": 0.5, "completion_tokens_details": {"reasoning_tokens": 2}}}\n\n',
        b"data: [DONE]\n\n",
    ]
)


def cut(data, places):
    edges = [0, *sorted(places), len(data)]
    return [
        (float(number), data[start:end]) for number, (start, end) in enumerate(itertools.pairwise(edges)) if end > start
    ]


@QUICK
@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_where_a_stream_is_cut_does_not_matter(places):
    draft = read_stream(cut(STREAM, places))
    assert "".join(draft.text) == "vieründ"
    assert "".join(draft.reasoning) == "dünk more"
    assert (draft.finish, draft.done, draft.unreadable) == ("stop", True, "")
    assert (draft.usage.prompt, draft.usage.completion, draft.usage.reasoning) == (3, 4, 2)
    assert draft.server == {"time_to_first_token": 0.5}
    assert draft.first_token_at is not None
    assert draft.first_answer_at >= draft.first_token_at
    assert draft.arrivals == sorted(draft.arrivals)
    assert len(draft.arrivals) == 4


def test_an_event_is_dated_by_the_piece_that_completes_it():
    first = event({"reasoning": "a"})
    draft = read_stream([(1.0, first[:5]), (2.0, first[5:]), (3.0, event({"content": "b"}, "stop"))])
    assert (draft.first_token_at, draft.first_answer_at, draft.arrivals) == (2.0, 3.0, [2.0, 3.0])


def test_a_last_event_without_an_empty_line_counts():
    reader = Events()
    assert (reader.feed(b"data: a\ndata: b"), reader.end()) == ([], ["a\nb"])


@QUICK
@given(st.binary(max_size=400))
def test_any_bytes_end_in_a_draft_and_a_verdict(data):
    draft = read_stream([(0.0, data)])
    JUDGE.unfit(OK, draft, streamed=True)
    JUDGE.unfit(OK, read_body(data.decode("utf-8", "replace")), streamed=False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "message",
                    "content",
                    "reasoning",
                    "usage",
                    "error",
                    "detail",
                    "object",
                    "id",
                    "finish_reason",
                    "prompt_tokens",
                    "loc",
                    "msg",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@QUICK
@given(JSON)
def test_any_json_ends_in_a_draft_and_a_verdict(data):
    body = json.dumps(data)
    failure = JUDGE.unfit(OK, read_body(body), streamed=False)
    assert failure is None or (failure.sentence and failure.cures)
    JUDGE.unfit(OK, read_stream([(0.0, f"data: {body}\n\n".encode())]), streamed=True)


def test_a_valid_answer_has_text_or_reasoning():
    body = {
        "id": "1",
        "choices": [{"message": {"content": None, "reasoning": "hm"}, "finish_reason": "length"}],
        "usage": {"completion_tokens": 3},
    }
    assert JUDGE.unfit(OK, read_body(json.dumps(body)), streamed=False) is None
    body["choices"][0]["message"]["reasoning"] = None
    assert JUDGE.unfit(OK, read_body(json.dumps(body)), streamed=False).rule == "answer-budget"


def test_an_answer_that_speaks_of_errors_is_an_answer():
    body = {
        "choices": [
            {
                "message": {"content": "In logs, [ERROR] marks a failure. Token is either not active or invalid."},
                "finish_reason": "stop",
            }
        ]
    }
    assert JUDGE.unfit(OK, read_body(json.dumps(body)), streamed=False) is None
