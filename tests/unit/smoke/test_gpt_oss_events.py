"""Chunks that are cut instead of parsed mean the same; whatever else stands in a stream is read in full."""

from __future__ import annotations

import itertools
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from doctor.smoke.service_events import Events, Likeness, Twin
from doctor.smoke.service_stream import Draft, read_stream

QUICK = settings(deadline=None, database=None, max_examples=150)
TEXT = st.text(max_size=8) | st.sampled_from(['"', "\\", '", "x": "', '"}}]}', "\n", "é", "\U0001f600", " ", "null"])
KIND = st.sampled_from(["content", "reasoning", "reasoning_content", "other"])
NUMBER = st.integers(-5, 10**12) | st.floats(allow_nan=False, allow_infinity=False) | st.just("17")
CHUNK = st.tuples(
    st.dictionaries(KIND, TEXT | st.none(), max_size=2), st.sampled_from([None, None, None, "stop"]), NUMBER
)


def events(pieces: list[bytes]) -> list[str]:
    reader = Events()
    found = [text for piece in pieces for text in reader.feed(piece)]
    return found + reader.end()


def slowly(payloads: list[str]) -> Draft:
    """Every chunk read in full: each in a stream of its own, put together."""
    whole = Draft()
    for number, payload in enumerate(payloads):
        one = read_stream([(float(number), f"data: {payload}\n\n".encode())])
        whole.text += one.text
        whole.reasoning += one.reasoning
        whole.arrivals += one.arrivals
        whole.finish = one.finish or whole.finish
        whole.error = whole.error or one.error
        whole.events += one.events
        whole.choices += one.choices
        whole.unreadable = whole.unreadable or one.unreadable
        for name in ("first_token_at", "first_answer_at"):
            if getattr(whole, name) is None:
                setattr(whole, name, getattr(one, name))
    return whole


@QUICK
@given(st.lists(CHUNK, min_size=2, max_size=12), st.sampled_from(["first", "last", "none"]), st.booleans())
def test_cut_or_parsed_is_the_same(chunks, where, ascii_only):
    payloads = []
    for delta, finish, number in chunks:
        body = {"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        created = {"created": number}
        whole = {**created, **body} if where == "first" else {**body, **created} if where == "last" else body
        payloads.append(json.dumps(whole, ensure_ascii=ascii_only))
    compare(payloads)


@QUICK
@given(st.lists(st.tuples(st.integers(0, 200), st.text(max_size=3)), max_size=3), st.integers(2, 6))
def test_chunks_that_are_damaged_anywhere_are_not_taken_for_whole_ones(damages, count):
    payloads = [
        json.dumps({"created": 1.5 + i, "choices": [{"delta": {"content": f"t{i}"}, "finish_reason": None}]})
        for i in range(count)
    ]
    for place, text in damages:
        number = place % count
        payloads[number] = (
            payloads[number][:place] + text.replace("\n", "").replace("\r", "") + payloads[number][place + 1 :]
        )
    compare([payload for payload in payloads if payload.strip()])


def compare(payloads):
    stream = [(float(number), f"data: {payload}\n\n".encode()) for number, payload in enumerate(payloads)]
    quick, slow = read_stream(stream), slowly(payloads)
    for name in ("text", "reasoning", "arrivals", "finish", "error", "events", "choices", "unreadable"):
        assert getattr(quick, name) == getattr(slow, name), name
    assert (quick.first_token_at, quick.first_answer_at) == (slow.first_token_at, slow.first_answer_at)


def test_what_is_alike_is_cut():
    payload = '{"created": 1.25, "choices": [{"delta": {"content": "a"}, "finish_reason": null}]}'
    likeness = Likeness.of(payload, json.loads(payload))
    assert likeness.text_in(payload.replace('"a"', r'"\u00e4 \"x\""').replace("1.25", "9e3")) == 'ä "x"'
    for other in ('"a" ', '"a", "b": "c"', '"a\\"', '"a', "null", '"a"}, "x": {"content": "b"'):
        assert likeness.text_in(payload.replace('"a"', other)) is None
    for number in ("1.2.3", "01", "", '"1"', "nan", "1" * 60):
        assert likeness.text_in(payload.replace("1.25", number)) is None


def test_what_cannot_be_known_by_its_likeness_is_not_learnt():
    for payload in (
        '{"choices": [{"delta": {"content": "a", "content": "b"}}]}',
        '{"choices": [{"delta": {"content": "a", "reasoning": "b"}}]}',
        '{"choices": [{"delta": {"content": "a", "\\u0063ontent": "b"}}]}',
        '{"content": "a", "choices": [{"delta": {"content": "a"}}]}',
        '{"choices": [{"delta": {"content": ""}}]}',
        '{"choices": [{"delta": {"content": ["a"]}}]}',
        '{"choices": []}',
    ):
        assert Likeness.of(payload, json.loads(payload)) is None


def test_whole_events_and_cut_ones_are_the_same():
    data = b"data: 1\n\ndata: 2\n\ndata: \n\ndata: a\ndata: b\n\n"
    wanted = ["1", "2", "", "a\nb"]
    assert events([data]) == wanted
    assert events([data[i : i + 1] for i in range(len(data))]) == wanted
    assert events([b"data: 1\n\ndata: 2\n\n"]) == ["1", "2"]


@QUICK
@given(st.lists(TEXT, min_size=4, max_size=12), st.lists(st.integers(0, 400), max_size=6))
def test_pieces_that_are_alike_mean_the_same_however_the_stream_is_cut(texts, cuts):
    payloads = [json.dumps({"created": 1, "choices": [{"delta": {"content": text}}]}) for text in texts]
    data = "".join(f"data: {payload}\n\n" for payload in payloads).encode()
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    cut = read_stream([(0.0, data[i:j]) for i, j in itertools.pairwise(places)])
    whole = read_stream([(0.0, f"data: {payload}\n\n".encode()) for payload in payloads])
    assert "".join(cut.text) == "".join(whole.text) == "".join(texts)
    assert cut.events == whole.events == len(texts)


def test_a_twin_is_alike_to_the_byte_but_for_a_plain_string():
    payload = '{"created": 1, "choices": [{"delta": {"content": "a"}}]}'
    place = payload.index('"a"') + 1
    twin = Twin(payload, (place, place + 1))
    piece = f"data: {payload}\n\n"
    assert twin.text_in(piece.replace('"a"', '"é b"').encode()) == "é b"
    assert twin.text_in(piece.replace('"a"', '""').encode()) == ""
    for other in ('"\\n"', '"a", "b": "c"', '"a"\n', "null"):
        assert twin.text_in(piece.replace('"a"', other).encode()) is None, other
    assert twin.text_in(piece.encode() * 2) is None
    assert twin.text_in(piece.replace(": 1,", ": 2,").encode()) is None
