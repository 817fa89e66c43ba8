"""Targets of several files in one sequence: the same as in one tuple, and none of them kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tagwatch.source.target import Location, Target, Targets


def target(number: int) -> Target:
    at = Location(path="Dockerfile", line=number, column=1, end_line=number, end_column=9)
    return Target(text=f"redis:{number}", location=at, kind="from")


class Made:
    """A collection that makes its targets when they are looked at."""

    def __init__(self, numbers: range) -> None:
        self.numbers = numbers
        self.made = 0

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[Target]:
        for number in self.numbers:
            self.made += 1
            yield target(number)

    def __contains__(self, one: object) -> bool:
        return any(one == other for other in self)


def test_several_collections_are_one_sequence() -> None:
    plain = tuple(map(target, range(1, 8)))
    joined = Targets([plain[:3], (), Made(range(4, 8))])
    assert joined == plain
    assert joined != plain[:6]
    assert list(joined) == list(plain)
    assert len(joined) == 7
    assert [joined[place] for place in (0, 2, 3, 6, -1)] == [
        plain[place] for place in (0, 2, 3, 6, -1)
    ]
    assert joined[1:5] == plain[1:5]
    assert plain[5] in joined
    assert target(9) not in joined
    with pytest.raises(IndexError):
        joined[7]


def test_no_more_is_made_than_is_looked_at() -> None:
    made = Made(range(1, 1_000))
    joined = Targets([made])
    assert made.made == 0
    assert len(joined) == 999
    assert joined[0] == target(1)
    assert made.made == 1
