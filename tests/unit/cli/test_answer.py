"""What is printed of an answer: nothing before all of it is made, and never all of it in memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from tagwatch.cli.shell import all_made

AT_HAND = 1_000


def items(count: int) -> Iterator[str]:
    for number in range(count):
        yield f'{{"number": {number},\n "path": "caf\u00e9 \udce9\\r\u2028"}},\n'


def test_a_short_answer_is_one_text() -> None:
    assert all_made(items(3), AT_HAND) == "".join(items(3))


def test_a_long_one_waits_in_a_file_and_is_the_same() -> None:
    parts = items(200)
    found = all_made(parts, AT_HAND)
    assert not isinstance(found, str)
    assert next(parts, None) is None, "all of it is made before its first line is had"
    lines = list(found)
    assert max(map(len, lines)) < 40, "no line of it is longer than what was made"
    assert "".join(lines) == "".join(items(200))


def test_what_cannot_be_made_is_told_before_anything_is_had() -> None:
    def broken() -> Iterator[str]:
        yield from items(200)
        raise ValueError("one image")

    with pytest.raises(ValueError, match="one image"):
        all_made(broken(), AT_HAND)


def test_what_is_in_memory_does_not_grow_with_the_answer() -> None:
    list(all_made(items(100), AT_HAND))  # what is imported and learnt at the first time
    tracemalloc.start()
    try:
        found = all_made(items(20_000), AT_HAND)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(map(len, found)) > 800_000
    assert peak < 200_000
