"""Logs of any size and of any kind: found where they are, in bounded time and memory."""

from __future__ import annotations

import io
import random
import re
import time
import tracemalloc

import pytest

from doctor.errors import UsageError
from doctor.rulebook.literals import asks_for_digits, required_literals
from doctor.rulebook.load import load_rulebook
from doctor.triage.answer import answer, scanner
from doctor.triage.diagnosis import Knowledge
from doctor.triage.matching import patterns
from doctor.triage.owners import load_names
from doctor.triage.recode import as_utf8
from doctor.triage.scan import Scanner

BOOK = load_rulebook(kinds=("log",))
KNOWLEDGE = Knowledge(logs=BOOK.logs, names=load_names())
NOISE = [
    "2025-11-03 14:53:22,812 INFO:   | Train Device=CSX, Step={n}, Loss=7.34, Rate=31.97 samples/sec, GlobalRate=31.97 samples/sec",
    "2025-11-03 14:53:22,812 DEBUG:   request {n} to worker-{n}: status=200 latency={n}ms",
    "2025-11-03 14:53:22,812 WARNING:  Error ratio of shard {n} below threshold, value not found in cache, failed=0",
]


def noise(lines: int) -> str:
    return "".join(NOISE[n % 3].format(n=n) + "\n" for n in range(lines))


def test_every_rule_is_found_in_the_middle_of_a_large_log() -> None:
    filler = noise(400)
    wanted, text = set(), io.StringIO()
    for rule in BOOK.logs:
        if not (rule.near or rule.after or rule.until or rule.unless):
            example = next(e for e in rule.examples if e.found)
            text.write(filler + example.text + "\n")
            wanted.add(rule.pattern)
    scanner_ = Scanner(patterns(BOOK.logs))
    scanner_.read(io.BytesIO((text.getvalue() + filler * 20).encode()))
    found = scanner_.digest().occurrences
    assert wanted <= set(found)


def test_pieces_do_not_matter() -> None:
    text = (noise(500) + "OSError: [Errno 28] No space left on device\n" + noise(50)).encode()
    results = []
    for size in (7, 1000, len(text)):
        search = Scanner(patterns(BOOK.logs))
        for start in range(0, len(text), size):
            search.feed(text[start : start + size])
        digest = search.digest()
        results.append(
            (
                digest.lines,
                digest.size,
                [hit.line.number for hit in digest.of("No space left on device|\\[Errno 28\\]|ENOSPC")],
            )
        )
    assert results[0] == results[1] == results[2]
    assert results[0][2] == [501]


def test_a_status_among_thousands_of_others_is_seen() -> None:
    text = "".join(f"POST /x status: {'401' if n == 7777 else '200'}\n" for n in range(9000))
    search = scanner(KNOWLEDGE)
    search.feed(text.encode())
    found = answer(search.digest(), KNOWLEDGE)
    assert [(one.finding.rule, one.lines) for one in found.diagnoses] == [("http-401", (7778,))]


def test_a_traceback_in_the_middle_of_a_large_log_is_read() -> None:
    middle = 'Traceback (most recent call last):\n  File "/home/u/a.py", line 3, in f\n    x[3]\nIndexError: list index out of range\n'
    text = noise(30_000) + middle + noise(30_000)
    assert len(text) > 5 * 1024**2
    search = scanner(KNOWLEDGE)
    search.read(io.BytesIO(text.encode()))
    found = answer(search.digest(), KNOWLEDGE)
    own = [one for one in found.diagnoses if one.category == "user_code"]
    assert own
    assert own[0].lines == (30_002, 30_004)


def test_the_sieve_loses_nothing() -> None:
    generator = random.Random(7)
    wanted = ["OOMKilled", "code 7f", "Step=1\\d", "feed|cafe"]
    lines = []
    for number in range(70_000):
        word = generator.choice(
            ["", "", "OOMKilled", "OOMK1lled", "code 7f", "code 8e", "Step=12", "feed", "seed", "cafe"]
        )
        lines.append(f"{number} {generator.getrandbits(200):x} {word} {generator.getrandbits(80):x}")
    text = "\n".join(lines) + "\n"
    assert len(text) > 5 * 1024**2
    search = Scanner(wanted)
    search.read(io.BytesIO(text.encode()))
    found = search.digest().occurrences
    for pattern in wanted:
        numbers = [at for at, line in enumerate(lines, 1) if re.search(pattern, line)]
        assert numbers
        hits = [hit.line.number for hit in found[pattern].hits]
        assert set(hits) <= set(numbers)
        assert hits[0] == numbers[0]
        late = [number for number in numbers if number > 65_000]
        assert hits[-1] >= late[0]


def test_memory_does_not_grow_with_the_log() -> None:
    piece = noise(4000).encode()
    search = scanner(KNOWLEDGE)
    tracemalloc.start()
    for _ in range(4 * 1024**2 // len(piece) + 4):  # beyond the size from which a sieve is used
        search.feed(piece)
    early = tracemalloc.get_traced_memory()[1]
    for _ in range(30):
        search.feed(piece)
    late = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert late < early + 3 * 1024**2


HOSTILE = {
    "one long line": b"a" * 20_000_000,
    "long line of a literal": b"Error failed: not found " * 600_000,
    "long line of brackets": b"[" * 3_000_000,
    "long line of prefixes": b"2026-11-23 12:00:00,123 INFO: " * 200_000,
    "nul bytes": b"\0" * 5_000_000,
    "random": random.Random(1).randbytes(3_000_000),
    "escapes": b"\x1b[31m\x1b]0;x\x07" * 300_000,
    "open escapes": b"\x1b[" * 1_500_000,
    "carriage returns": b"50%|###\r" * 500_000,
    "frames without end": b'  File "/a/b.py", line 3, in f\n    x()\n' * 60_000,
    "quotes": b"> " * 1_000_000,
    "headers": b"Traceback (most recent call last):\n" * 60_000,
    "versions": b"a==1.0\n" * 100_000,
    "many shapes": "".join(
        f"Error {chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676 % 26)}{'x' * (n % 57)} failed\n"
        for n in range(60_000)
    ).encode(),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_ends_in_bounded_time(kind: str) -> None:
    began = time.process_time()
    search = scanner(KNOWLEDGE)
    search.read(io.BytesIO(HOSTILE[kind]))
    found = answer(search.digest(), KNOWLEDGE)
    assert time.process_time() - began < 12
    for one in found.diagnoses:
        assert "\x1b" not in one.finding.message
        assert len(one.finding.message) < 9000


@pytest.mark.parametrize("pattern", dict.fromkeys(text for rule in BOOK.logs for text in rule.patterns))
def test_a_literal_is_in_what_the_pattern_matches(pattern: str) -> None:
    """The prefilter must never lose a match: checked on all examples that match."""
    compiled = re.compile(pattern)
    for rule in BOOK.logs:
        for example in rule.examples:
            for line in example.text.splitlines():
                if compiled.search(line):
                    assert any(literal in line for literal in required_literals(pattern))


def test_patterns_that_ask_for_digits() -> None:
    assert asks_for_digits(r"\b401 Client")
    assert not asks_for_digits(r"Step=(?P<step2>\d{1,9}), [0-9]+")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_encodings_of_other_systems(encoding: str) -> None:
    text = "Traceback é\nOSError: x\n" * 5000
    stream = as_utf8(io.BytesIO(text.encode(encoding)), "x")
    got = b""
    while piece := stream.read(1000):
        got += piece
    assert got.decode() == text


def test_a_compressed_log_is_refused_with_the_way_out() -> None:
    with pytest.raises(UsageError, match="unpack"):
        as_utf8(io.BytesIO(b"\x1f\x8b\x08rest"), "run.log.gz")
